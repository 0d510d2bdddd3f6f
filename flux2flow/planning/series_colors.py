"""Colours for a chart's series → the order in which colour-blind eyes tell the first ones apart best.

Measures distances in Oklab, for ordinary eyes and for three deficiencies. Knows nothing of kits and charts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from flux2flow.domain.color_vision import DEFICIENCIES, Matrix, Vector, simulate, times
from flux2flow.domain.measures import Color


def told_apart(one: Color, other: Color) -> float:
    """Give the least distance (Oklab ΔE × 100) between two colours over ordinary and three colour-blind visions."""
    pairs = [(one.linear, other.linear)]
    pairs += [(simulate(one, matrix), simulate(other, matrix)) for matrix in DEFICIENCIES.values()]
    return min(100 * math.dist(_oklab(first), _oklab(second)) for first, second in pairs)


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


_TO_CONES: Matrix = (
    (0.4122214708, 0.5363325363, 0.0514459929), (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)  # fmt: skip
_TO_LAB: Matrix = (
    (0.2104542553, 0.7936177850, -0.0040720468), (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)  # fmt: skip


def _oklab(linear: Vector) -> Vector:
    cones = times(_TO_CONES, linear)
    roots = [math.cbrt(max(cone, 0.0)) for cone in cones]
    return times(_TO_LAB, (roots[0], roots[1], roots[2]))
