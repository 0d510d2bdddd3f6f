"""Dot plots: one row for each category, one dot for each series, the values outside the outermost dots.

With several series a bar joins a row's dots, and the first row names them. Knows no areas.
"""

from __future__ import annotations

from flux2flow.domain.measures import Box
from flux2flow.domain.scene import ChartLayer
from flux2flow.typography.charts.drawing import FAINT, Drawing, Part
from flux2flow.typography.charts.labels import room_for, spread
from flux2flow.typography.charts.series import Axis, leader, name_rows, reach, series_copy
from flux2flow.typography.charts.words import (
    LABEL_SHARE,
    SHORTEST_BAR,
    Words,
    figures,
    largest_words,
    tallest,
    width,
)
from flux2flow.typography.set_text import Typesetter

RADIUS = 0.42
"""A dot's radius in em of the labels."""
LARGEST_PITCH = 2.6
"""Rows stand at most so many em apart."""


def set_dots(layer: ChartLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    """Set a row of dots for each category."""
    drawing, box, count = Drawing(layer.id, layer.box, typesetter), layer.box, len(layer.categories)
    several = len(layer.series) > 1
    sides = 2 if several else 1

    def fits(words: Words) -> bool:
        used = words.label_width + sides * (words.value_width + words.gap) + 3 * words.gap
        names = room_for([width(name) for name in words.names], 2 * words.gap)
        row = (box.height - name_rows(words)) / count
        return (
            used + SHORTEST_BAR * box.width <= box.width
            and names <= box.width - words.label_width - words.gap
            and max(words.label_height, 2.2 * RADIUS * words.size) <= row
        )

    words = largest_words(layer, typesetter, series_copy(layer, LABEL_SHARE * box.width), fits)
    radius, gap = RADIUS * words.size, words.gap
    start = box.x + words.label_width + 2 * gap + (words.value_width + gap if several else 0.0) + radius
    axis = Axis(*reach(layer), start, max(box.right - words.value_width - gap - radius, start + 1))
    above = name_rows(words)
    pitch = min((box.height - above) / count, max(LARGEST_PITCH * words.size, words.label_height * 1.3))
    top = box.y + (box.height - above - pitch * count) / 2 + above
    for index in range(count):
        middle = top + (index + 0.5) * pitch
        place = Box(box.x, middle - pitch / 2, words.label_width, pitch)
        drawing.words(f"label-{index}", words.labels[index], layer.type, place)
        known = {n: s.marks[index].value for n, s in enumerate(layer.series) if s.marks[index].value is not None}
        xs = {number: axis(value or 0.0) for number, value in known.items()}
        if not several:
            x = xs.get(0, start)
            drawing.rule(f"track-{index}", (start, middle), (max(x, start), middle), layer.color.with_alpha(2 * FAINT))
        elif len(xs) > 1:
            thick = max(2.0, round(0.18 * words.size))
            span = Box(min(xs.values()), round(middle - thick / 2), max(xs.values()) - min(xs.values()), thick)
            drawing.shape(f"span-{index}", span, layer.type.color.with_alpha(FAINT))
        for number, x in xs.items():
            drawing.dot(f"dot-{number}-{index}", (x, middle), radius, layer.series[number].color)
        _values(drawing, layer, words, index, xs, (middle, pitch, radius, start))
    if words.names:
        first = [axis(series.marks[0].value or 0.0) for series in layer.series]
        sizes = [width(name) for name in words.names]
        tall = tallest(words.names)
        low, y = box.x + words.label_width + gap, top + pitch / 2 - radius
        foot = top + pitch / 2 - radius - gap
        for number, center in enumerate(spread(first, sizes, low, box.right, 2 * gap)):
            area = Box(center - sizes[number] / 2, min(foot, top) - tall - 0.4 * gap, sizes[number], tall)
            drawing.words(f"name-{number}", words.names[number], layer.type, area, "center", "bottom")
            if layer.series[number].marks[0].value is not None:
                points = [(center, area.bottom + 0.25 * gap), (first[number], y - 1)]
                leader(drawing, layer, f"leader-{number}", points)
    return tuple(drawing.parts)


def _values(
    drawing: Drawing, layer: ChartLayer, words: Words, index: int, xs: dict[int, float],
    row: tuple[float, float, float, float],
) -> None:  # fmt: skip
    """Write the values of a row's outermost dots, or that there is none."""
    middle, pitch, radius, start = row
    count = len(layer.categories)
    if not xs:
        place = Box(start, middle - pitch / 2, words.value_width, pitch)
        drawing.words(f"value-0-{index}", words.values[index], layer.type, place)
        return
    last, first = max(xs, key=lambda number: xs[number]), min(xs, key=lambda number: xs[number])
    place = Box(xs[last] + radius + words.gap, middle - pitch / 2, words.value_width, pitch)
    drawing.words(f"value-{last}-{index}", words.values[last * count + index], figures(layer.type), place)
    if first != last:
        place = Box(xs[first] - radius - words.gap - words.value_width, middle - pitch / 2, words.value_width, pitch)
        drawing.words(f"value-{first}-{index}", words.values[first * count + index], figures(layer.type), place, "end")
