"""Colours as people with a colour vision deficiency see them.

Machado, Oliveira, Fernandes: A Physiologically-based Model for Simulation of Color Vision Deficiency (IEEE TVCG 2009),
severity 1.0, on linear RGB.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from flux2flow.domain.measures import Color

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

DEFICIENCIES: Mapping[str, Matrix] = MappingProxyType(
    {
        "protanopia": (
            (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998),
        ),
        "deuteranopia": (
            (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881),
        ),
        "tritanopia": (
            (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900),
        ),
    }
)  # fmt: skip


def times(matrix: Matrix, vector: Vector) -> Vector:
    """Multiply a matrix with a vector."""
    products = [sum(part * value for part, value in zip(row, vector, strict=True)) for row in matrix]
    return products[0], products[1], products[2]


def simulate(color: Color, matrix: Matrix) -> Vector:
    """Show a colour through one of DEFICIENCIES: linear RGB, 0 to 1 but for what leaves the gamut."""
    return times(matrix, color.linear)
