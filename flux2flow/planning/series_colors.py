"""Colours for a chart's series → the order in which colour-blind eyes tell the first ones apart best.

Simulates protanopia, deuteranopia and tritanopia after Machado, Oliveira and Fernandes (2009, severity 1) and measures
distances in Oklab. Knows nothing of kits and charts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from flux2flow.domain.measures import Color

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

IDENTITY: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
PROTANOPIA: Matrix = (
    (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998),
)  # fmt: skip
DEUTERANOPIA: Matrix = (
    (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881),
)  # fmt: skip
TRITANOPIA: Matrix = (
    (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900),
)  # fmt: skip
VISIONS = (IDENTITY, PROTANOPIA, DEUTERANOPIA, TRITANOPIA)


def told_apart(one: Color, other: Color) -> float:
    """Give the least distance (Oklab ΔE × 100) between two colours over ordinary and three colour-blind visions."""
    return min(100 * math.dist(_oklab(_seen(one, vision)), _oklab(_seen(other, vision))) for vision in VISIONS)


def ordered(colors: Sequence[Color], ground: Color | None = None) -> tuple[Color, ...]:
    """Keep the first colour, then always take the one whose least distance to those taken (and the ground) is largest.

    Among equals the earlier one is taken.
    """
    if not colors:
        return ()
    taken, left = [colors[0]], list(colors[1:])
    while left:
        against = [*taken, *([ground] if ground else [])]
        best = max(left, key=lambda color: min(round(told_apart(color, other), 6) for other in against))
        taken.append(best)
        left.remove(best)
    return tuple(taken)


def shades(color: Color, ground: Color, count: int) -> tuple[Color, ...]:
    """Make `count` steps from a colour towards its ground, for series that have no colours of their own."""
    steps = [0.0] if count == 1 else [0.68 * number / (count - 1) for number in range(count)]
    return tuple(_mixed(color, ground, step) for step in steps)


def _mixed(color: Color, ground: Color, part: float) -> Color:
    pairs = zip((color.red, color.green, color.blue), (ground.red, ground.green, ground.blue), strict=True)
    return Color(*(round(own + (under - own) * part) for own, under in pairs))


def _linear(channel: int) -> float:
    value = channel / 255
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _seen(color: Color, vision: Matrix) -> Vector:
    return _times(vision, (_linear(color.red), _linear(color.green), _linear(color.blue)))


def _times(matrix: Matrix, vector: Vector) -> Vector:
    products = [sum(part * value for part, value in zip(row, vector, strict=True)) for row in matrix]
    return products[0], products[1], products[2]


_TO_CONES: Matrix = (
    (0.4122214708, 0.5363325363, 0.0514459929), (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)  # fmt: skip
_TO_LAB: Matrix = (
    (0.2104542553, 0.7936177850, -0.0040720468), (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)  # fmt: skip


def _oklab(linear: Vector) -> Vector:
    cones = _times(_TO_CONES, linear)
    roots = [math.cbrt(max(cone, 0.0)) for cone in cones]
    return _times(_TO_LAB, (roots[0], roots[1], roots[2]))
