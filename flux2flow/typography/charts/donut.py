"""Donuts: parts of a whole as parts of a ring from the top on, each named beside the ring, with a leader.

What reads from the right also turns the other way round. Knows no second ring.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from flux2flow.domain.measures import Box
from flux2flow.domain.scene import Align, ChartLayer, FitRule
from flux2flow.typography.charts.arcs import on_circle, ring
from flux2flow.typography.charts.drawing import Drawing, Part
from flux2flow.typography.charts.labels import room_for, spread
from flux2flow.typography.charts.series import leader
from flux2flow.typography.charts.words import Words, bar_copy, figures, height, largest_words
from flux2flow.typography.fitting import Frame
from flux2flow.typography.set_text import Typesetter

HOLE = 0.62
"""The hole's radius as a part of the ring's."""
SMALLEST = 0.3
"""The ring's radius as a part of the chart's shorter side, at least."""
NAME_SHARE = 0.3
"""At most this part of the width goes to the names on one side."""
LEADER = 0.8
"""From the ring to its words, in em."""
SEAM = 0.008
"""Between two parts, as a part of the ring's radius."""


@dataclass(frozen=True, slots=True)
class _Side:
    """The labels on one side of the ring: which parts, and where their middles would like to stand."""

    parts: list[int]
    wanted: list[float]


def angles(layer: ChartLayer) -> list[tuple[float, float]]:
    """Give every part's angles in radians from the top; together they are one turn, or nothing without values."""
    values = [max(bar.value or 0.0, 0.0) for bar in layer.bars]
    total = math.fsum(values)
    edges = [2 * math.pi * math.fsum(values[:stop]) / total if total > 0 else 0.0 for stop in range(len(values) + 1)]
    return list(pairwise(edges))


def set_donut(layer: ChartLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    """Set a ring, its middle, and the words around it."""
    drawing, box = Drawing(layer.id, layer.box, typesetter), layer.box
    turns = angles(layer)
    shown = [index for index, bar in enumerate(layer.bars) if (bar.value or 0.0) > 0 or bar.value is None]

    def radius(words: Words) -> float:
        across = box.width - 2 * (_block_width(words) + LEADER * words.size + words.gap)
        return min(box.height / 2, across / 2)

    def fits(words: Words) -> bool:
        sides = _sides(turns, shown, 0.0, 1.0)
        tall = max(
            (room_for([_block(words, part) for part in side.parts], 0.6 * words.size) for side in sides), default=0.0
        )
        return radius(words) >= SMALLEST * min(box.width, box.height) and tall <= box.height

    words = largest_words(layer, typesetter, bar_copy(layer, NAME_SHARE * box.width), fits)
    outer = max(radius(words), 1.0)
    center = (box.x + box.width / 2, box.y + box.height / 2)
    for number, (start, stop) in enumerate(turns):
        if stop > start:
            drawing.path(
                f"part-{number}", ring(center, HOLE * outer, outer, start, stop),
                fill=layer.colors[number] if layer.colors else layer.color, stroke=layer.ground,
                width=max(1.0, SEAM * outer * 2) if layer.ground and stop - start < 2 * math.pi - 1e-9 else 0.0,
            )  # fmt: skip
    for side, right in zip(_sides(turns, shown, center[1], outer), (True, False), strict=True):
        _name(drawing, layer, words, side, turns, center, outer, right=right)
    if layer.middle:
        room = HOLE * outer * 1.45
        place = Box(center[0] - room / 2, center[1] - room / 2, room, room)
        rule = FitRule(2, layer.fit.minimum, max(layer.fit.maximum, HOLE * outer * 0.55))
        text = typesetter.fit(
            typesetter.words(layer.middle, figures(layer.type)), figures(layer.type), Frame(room, room, "middle"), rule
        )
        drawing.words("middle", text, figures(layer.type), place, "center")
    return tuple(drawing.parts)


def _sides(turns: list[tuple[float, float]], shown: list[int], y: float, radius: float) -> tuple[_Side, _Side]:
    right, left = _Side([], []), _Side([], [])
    for part in shown:
        start, stop = turns[part]
        middle = (start + stop) / 2
        side = right if middle < math.pi else left
        side.parts.append(part)
        side.wanted.append(y - radius * math.cos(middle))
    return right, left


def _block(words: Words, part: int) -> float:
    return height(words.labels[part]) + 0.35 * words.size + height(words.values[part])


def _block_width(words: Words) -> float:
    return max(words.label_width, words.value_width)


def _name(
    drawing: Drawing, layer: ChartLayer, words: Words, side: _Side, turns: list[tuple[float, float]],
    center: tuple[float, float], outer: float, *, right: bool,
) -> None:  # fmt: skip
    """Write name and value of each part on one side, name above value, a leader from the ring to them."""
    sizes = [_block(words, part) for part in side.parts]
    # Parts on the left run upwards: equal wishes keep that order.
    order = range(len(sizes)) if right else range(len(sizes) - 1, -1, -1)
    keep = list(order)
    middles = spread([side.wanted[i] for i in keep], [sizes[i] for i in keep], drawing.box.y, drawing.box.bottom,
                     0.6 * words.size)  # fmt: skip
    across = outer + LEADER * words.size
    for place_number, index in enumerate(keep):
        part, middle, size = side.parts[index], middles[place_number], sizes[index]
        angle = sum(turns[part]) / 2
        start = center[0] + across + words.gap if right else drawing.box.x
        room = (drawing.box.right - start) if right else center[0] - across - words.gap - drawing.box.x
        label, value = words.labels[part], words.values[part]
        top = middle - size / 2
        align: Align = "start" if right else "end"
        tall = height(label)
        drawing.words(f"label-{part}", label, layer.type, Box(start, top, room, tall), align, "top")
        below = Box(start, top + size - height(value), room, height(value))
        drawing.words(f"value-{part}", value, figures(layer.type), below, align, "bottom")
        edge = start - 0.5 * words.gap if right else start + room + 0.5 * words.gap
        knee = (center[0] + (across if right else -across) * 0.985, middle)
        points = [on_circle(center, outer + 2, angle), knee, (edge, middle)]
        leader(drawing, layer, f"leader-{part}", points)
