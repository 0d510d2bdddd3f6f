"""Waffles: a hundred cells shared among the values by largest remainder, filled row by row, named beside their rows.

Knows no other count of cells.
"""

from __future__ import annotations

from flux2flow.domain import scales
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import ChartLayer
from flux2flow.typography.charts.drawing import Drawing, Part
from flux2flow.typography.charts.labels import room_for, spread
from flux2flow.typography.charts.series import leader
from flux2flow.typography.charts.words import Words, bar_copy, figures, height, largest_words, rise, width
from flux2flow.typography.set_text import Typesetter

SIDE = 10
AIR = 0.16
"""Between cells, as a part of their pitch."""
NAME_SHARE = 0.5
"""At most this part of the width goes to names and values."""
CORNER = 0.14


def set_waffle(layer: ChartLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    """Set ten rows of ten cells, and every entry's value and name beside the middle of its cells."""
    drawing, box = Drawing(layer.id, layer.box, typesetter), layer.box
    counts = scales.shares([max(bar.value or 0.0, 0.0) for bar in layer.bars], SIDE * SIDE)

    def side(words: Words) -> float:
        return min(box.height, box.width - words.label_width - words.value_width - 4 * words.gap)

    def fits(words: Words) -> bool:
        rows = [max(height(label), words.value_height) for label in words.labels]
        return (
            side(words) >= 0.4 * min(box.width, box.height)
            and side(words) >= 0.8 * min(box.height, 0.62 * box.width)
            and room_for(rows, 0.4 * words.size) <= side(words)
        )

    words = largest_words(layer, typesetter, bar_copy(layer, NAME_SHARE * box.width), fits)
    across = max(side(words), float(SIDE))
    pitch = across / SIDE
    used = across + 4 * words.gap + words.value_width + words.label_width
    left, top = box.x + max(min((box.width - used) / 2, 0.0), 0.0), box.y + (box.height - across) / 2
    cell = 0
    wanted: list[float] = []
    for number, count in enumerate(counts):
        color = layer.colors[number] if layer.colors else layer.color
        rows = []
        for _ in range(count):
            row, column = divmod(cell, SIDE)
            place = Box(left + column * pitch, top + row * pitch, pitch * (1 - AIR), pitch * (1 - AIR))
            drawing.shape(f"cell-{number}-{cell}", place, color, CORNER * place.width)
            rows.append(row)
            cell += 1
        last = wanted[-1] if wanted else top
        wanted.append(top + (sum(rows) / len(rows) + 0.5) * pitch if rows else last)
    sizes = [max(height(label), words.value_height) for label in words.labels]
    edge = left + across - AIR * pitch
    start = edge + 2 * words.gap + 0.6 * words.size
    for number, center in enumerate(spread(wanted, sizes, top, top + across, 0.4 * words.size)):
        label, value = words.labels[number], words.values[number]
        first = center - sizes[number] / 2 + max(rise(label), rise(value)) + (sizes[number] - height(label)) / 2
        swatch = 0.6 * words.size
        color = layer.colors[number] if layer.colors else layer.color
        y = first - 0.35 * words.size - swatch / 2
        drawing.shape(f"key-{number}", Box(start - 0.4 * words.size - swatch, y, swatch, swatch), color)
        place = Box(start, center - sizes[number] / 2, words.value_width, sizes[number])
        drawing.words(f"value-{number}", value, figures(layer.type), place, "end", baseline=first)
        x = start + words.value_width + words.gap
        drawing.words(f"label-{number}", label, layer.type, Box(x, place.y, width(label), place.height), baseline=first)
        if counts[number] and abs(center - wanted[number]) > pitch:
            points = [(edge + 1, wanted[number]), (start - 0.6 * words.size - swatch, y + swatch / 2)]
            leader(drawing, layer, f"leader-{number}", points)
    return tuple(drawing.parts)
