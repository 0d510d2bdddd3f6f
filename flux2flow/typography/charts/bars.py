"""Bars and columns, one for each entry: straight proportions of their values from zero, negative ones the other way.

Knows nothing about where the numbers came from.
"""

from __future__ import annotations

from flux2flow.domain.measures import Box
from flux2flow.domain.scene import ChartLayer
from flux2flow.typography.charts.drawing import FAINT, Drawing, Part
from flux2flow.typography.charts.words import (
    BAR_OF_LABEL,
    BAR_SHARE,
    LABEL_OF_COLUMN,
    LABEL_SHARE,
    SHORTEST_BAR,
    Words,
    bar_copy,
    figures,
    largest_words,
)
from flux2flow.typography.set_text import Typesetter

CORNER = 0.08
"""A bar's corner radius as a part of its thickness."""


def set_bars(layer: ChartLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    """Set horizontal bars: labels on one edge, values at the bars' ends."""
    drawing, box, row = Drawing(layer.id, layer.box, typesetter), layer.box, layer.box.height / len(layer.bars)
    low, high = reach(layer)
    sides = 2 if low < 0 else 1

    def fits(words: Words) -> bool:
        used = words.label_width + sides * words.value_width + (1 + sides) * words.gap
        return used + SHORTEST_BAR * box.width <= box.width and words.label_height <= row

    words = largest_words(layer, typesetter, bar_copy(layer, LABEL_SHARE * box.width), fits)
    gap = words.gap
    before = words.label_width + gap + (words.value_width + gap if low < 0 else 0.0)
    room = max(box.width - before - gap - words.value_width, 1.0)
    zero = box.x + before - low * room / (high - low) if low < 0 else box.x + before
    thickness = min(BAR_SHARE * row, BAR_OF_LABEL * words.size)
    # Bars are as near to each other as their thickness asks; what remains stands above and below.
    pitch = max(min(row, thickness / BAR_SHARE), words.label_height)
    top = box.y + (box.height - pitch * len(layer.bars)) / 2
    for number, bar in enumerate(layer.bars):
        y = top + number * pitch
        length = abs(bar.value or 0.0) / (high - low) * room if high > low else 0.0
        below = (bar.value or 0.0) < 0
        rectangle = Box(zero - length if below else zero, y + (pitch - thickness) / 2, length, thickness)
        if bar.value is not None:
            _bar(drawing, layer, number, rectangle, thickness)
        drawing.words(f"label-{number}", words.labels[number], layer.type, Box(box.x, y, words.label_width, pitch))
        start = rectangle.x - gap - words.value_width if below else rectangle.right + gap
        place = Box(start, y, words.value_width, pitch)
        drawing.words(f"value-{number}", words.values[number], figures(layer.type), place, "end" if below else "start")
    if low < 0:
        color = layer.type.color.with_alpha(FAINT * 2)
        drawing.rule("zero", (zero, top), (zero, top + pitch * len(layer.bars)), color)
    return tuple(drawing.parts)


def set_columns(layer: ChartLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    """Set columns: labels on one baseline below, values above (below, where negative)."""
    drawing, box, column = Drawing(layer.id, layer.box, typesetter), layer.box, layer.box.width / len(layer.bars)
    low, high = reach(layer)
    sides = 2 if low < 0 else 1

    def fits(words: Words) -> bool:
        high = words.label_height + sides * words.value_height + (1 + sides) * words.gap + SHORTEST_BAR * box.height
        return max(words.label_width, words.value_width) <= column - words.gap and high <= box.height

    words = largest_words(layer, typesetter, bar_copy(layer, column * LABEL_OF_COLUMN), fits)
    gap, thickness = words.gap, BAR_SHARE * column
    foot = box.bottom - words.label_height - gap
    lowest = foot - (words.value_height + gap if low < 0 else 0.0)
    room = max(lowest - gap - words.value_height - box.y, 1.0)
    zero = lowest + low * room / (high - low) if low < 0 else foot
    for number, bar in enumerate(layer.bars):
        x = box.x + number * column
        length = abs(bar.value or 0.0) / (high - low) * room if high > low else 0.0
        below = (bar.value or 0.0) < 0
        rectangle = Box(x + (column - thickness) / 2, zero if below else zero - length, thickness, length)
        if bar.value is not None:
            _bar(drawing, layer, number, rectangle, thickness)
        drawing.words(
            f"label-{number}", words.labels[number], layer.type, Box(x, foot + gap, column, words.label_height),
            "center", baseline=foot + gap + words.label_rise,
        )  # fmt: skip
        top = rectangle.bottom + gap if below else rectangle.y - gap - words.value_height
        place = Box(x, top, column, words.value_height)
        drawing.words(f"value-{number}", words.values[number], figures(layer.type), place, "center")
    if low < 0:
        drawing.rule("zero", (box.x, zero), (box.right, zero), layer.type.color.with_alpha(FAINT * 2))
    return tuple(drawing.parts)


def reach(layer: ChartLayer) -> tuple[float, float]:
    """Give the values that bars reach from and to: zero is always one of them or between them."""
    values = [bar.value for bar in layer.bars if bar.value is not None]
    return min([0.0, *values]), max([0.0, *values])


def _bar(drawing: Drawing, layer: ChartLayer, number: int, rectangle: Box, thickness: float) -> None:
    color = layer.accent if layer.bars[number].accent else layer.color
    radius = min(CORNER * thickness, rectangle.width / 2, rectangle.height / 2)
    drawing.shape(f"bar-{number}", rectangle, color, radius)
