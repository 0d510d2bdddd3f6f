"""Angles and radii → arcs and rings as cubic Béziers. Knows no charts."""

from __future__ import annotations

import math

from flux2flow.domain.layout import PathStep

Point = tuple[float, float]

_PIECE = math.pi / 4
"""No Bézier spans more: its greatest distance from the circle is then below 5 millionths of the radius."""


def on_circle(center: Point, radius: float, angle: float) -> Point:
    """Give a point by its angle in radians: 0 at the top, growing clockwise."""
    return center[0] + radius * math.sin(angle), center[1] - radius * math.cos(angle)


def ring(center: Point, inner: float, outer: float, start: float, stop: float) -> list[PathStep]:
    """Make the outline of a ring's part between two angles; a whole turn closes without a seam."""
    steps = [PathStep("move", (on_circle(center, outer, start),)), *_arc(center, outer, start, stop)]
    if stop - start >= 2 * math.pi - 1e-9:
        steps += [PathStep("close"), PathStep("move", (on_circle(center, inner, stop),))]
    else:
        steps.append(PathStep("line", (on_circle(center, inner, stop),)))
    return [*steps, *_arc(center, inner, stop, start), PathStep("close")]


def _arc(center: Point, radius: float, start: float, stop: float) -> list[PathStep]:
    pieces = max(1, math.ceil(abs(stop - start) / _PIECE - 1e-9))
    step = (stop - start) / pieces
    handle = 4 / 3 * math.tan(step / 4) * radius
    made = []
    for number in range(pieces):
        one, other = start + number * step, start + (number + 1) * step
        (x0, y0), (x1, y1) = on_circle(center, radius, one), on_circle(center, radius, other)
        first = (x0 + handle * math.cos(one), y0 + handle * math.sin(one))
        second = (x1 - handle * math.cos(other), y1 - handle * math.sin(other))
        made.append(PathStep("curve", (first, second, (x1, y1))))
    return made
