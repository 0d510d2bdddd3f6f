"""Pictograms: so many symbols as the value asks, the last one cut where the value ends. Knows no other scale."""

from __future__ import annotations

import math

from flux2flow.domain.measures import Box
from flux2flow.domain.scene import ChartLayer
from flux2flow.typography.charts.bars import reach
from flux2flow.typography.charts.drawing import Drawing, Part
from flux2flow.typography.charts.words import LABEL_SHARE, Words, bar_copy, figures, largest_words
from flux2flow.typography.set_text import Typesetter

MOST_SYMBOLS = 40
"""In one row; where the values ask for more, a symbol stands for more."""
SYMBOL_SHARE = 0.8
"""Part of its row that a symbol's height takes at most."""
AIR = 0.12
"""Between symbols, as a part of their width."""


def set_pictogram(layer: ChartLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    """Set a row of symbols for each entry, between its label and its value."""
    drawing, box, row = Drawing(layer.id, layer.box, typesetter), layer.box, layer.box.height / len(layer.bars)

    def fits(words: Words) -> bool:
        used = words.label_width + words.value_width + 2 * words.gap
        return used <= 0.6 * box.width and words.label_height <= row

    words = largest_words(layer, typesetter, bar_copy(layer, LABEL_SHARE * box.width), fits)
    symbol, high = layer.symbol, reach(layer)[1]
    if symbol is None or high <= 0:
        return ()
    each = layer.whole or high / 10
    each *= max(1, math.ceil(high / each / MOST_SYMBOLS))
    start = box.x + words.label_width + 2 * words.gap
    room = box.right - words.value_width - 2 * words.gap - start
    ratio = symbol.width / symbol.height
    across = min(room / (math.ceil(high / each - 1e-9) * (1 + AIR)), SYMBOL_SHARE * row * ratio)
    for number, bar in enumerate(layer.bars):
        y, count = box.y + number * row, (bar.value or 0.0) / each
        for index in range(math.ceil(count - 1e-9)):
            place = Box(start + index * across * (1 + AIR), y + (row - across / ratio) / 2, across, across / ratio)
            color = layer.accent if bar.accent else layer.color
            drawing.picture(f"symbol-{number}-{index}", symbol, place, color, min(count - index, 1.0))
        drawing.words(f"label-{number}", words.labels[number], layer.type, Box(box.x, y, words.label_width, row))
        end = start + max(math.ceil(count - 1e-9) * across * (1 + AIR), 0.0) + words.gap
        drawing.words(f"value-{number}", words.values[number], figures(layer.type), Box(end, y, words.value_width, row))
    return tuple(drawing.parts)
