"""Grouped bars and columns: the series of one category beside each other, from zero.

Bars name their series at the ends of one group; columns, too narrow for that, name them in a row above the chart.
"""

from __future__ import annotations

from flux2flow.domain.measures import Box
from flux2flow.domain.scene import Align, ChartLayer
from flux2flow.typography.charts.drawing import Drawing, Part
from flux2flow.typography.charts.labels import room_for
from flux2flow.typography.charts.series import (
    Axis,
    draw_base,
    draw_grid,
    name_rows,
    reach,
    series_copy,
    ticks_width,
)
from flux2flow.typography.charts.words import (
    BAR_OF_LABEL,
    LABEL_SHARE,
    SHORTEST_BAR,
    Words,
    figures,
    height,
    largest_words,
    paired_baselines,
    tallest,
    widest,
    width,
)
from flux2flow.typography.set_text import Typesetter

GROUP_SHARE = 0.78
"""Part of its row or column that a group takes; its bars touch each other."""
SWATCH = 0.7
"""A colour's square beside its name, in em."""


def set_grouped_bars(layer: ChartLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    """Set horizontal groups, values at the bars' ends and the series' names after the values of one group."""
    drawing, box = Drawing(layer.id, layer.box, typesetter), layer.box
    groups, each = len(layer.categories), len(layer.series)
    low, high = reach(layer)
    row = box.height / groups

    def fits(words: Words) -> bool:
        room = _room(layer, words, box)[0]
        line = GROUP_SHARE * row / each
        high = tallest((*words.values, *words.names)) <= line and words.label_height <= row
        return high and room >= 0.5 * SHORTEST_BAR * box.width

    words = largest_words(layer, typesetter, series_copy(layer, 0.75 * LABEL_SHARE * box.width), fits)
    room, naming = _room(layer, words, box)
    start = box.x + words.label_width + words.gap + (words.value_width + words.gap if low < 0 else 0.0)
    axis = Axis(low, high, start, start + max(room, 1.0))
    thickness = min(GROUP_SHARE * row / each, BAR_OF_LABEL * words.size)
    pitch = min(row, max(thickness * each / GROUP_SHARE, words.label_height))
    top = box.y + (box.height - pitch * groups) / 2
    for index in range(groups):
        first = top + index * pitch + (pitch - thickness * each) / 2
        drawing.words(f"label-{index}", words.labels[index], layer.type, Box(box.x, top + index * pitch,
                      words.label_width, pitch))  # fmt: skip
        for number, series in enumerate(layer.series):
            value = series.marks[index].value
            left, right = sorted((axis(0.0), axis(value or 0.0)))
            y = first + number * thickness
            if value is not None:
                drawing.shape(f"bar-{number}-{index}", Box(left, y, right - left, thickness), series.color)
            below = value is not None and value < 0
            x = left - words.gap - words.value_width if below else right + words.gap
            shown = words.values[number * groups + index]
            place = Box(x, y, words.value_width, thickness)
            align: Align = "end" if below else "start"
            base, name_base = paired_baselines(shown, words.names[number] if words.names else None, y + thickness / 2)
            drawing.words(f"value-{number}-{index}", shown, figures(layer.type), place, align, baseline=base)
            if words.names and index == naming:
                after = max(axis(max(value or 0.0, 0.0)) + words.gap, right + words.gap)
                after += 0.0 if below else width(shown) + words.gap
                name = words.names[number]
                area = Box(after, y, width(name), thickness)
                drawing.words(f"name-{number}", name, layer.type, area, baseline=name_base)
    if low < 0:
        draw_zero(drawing, layer, axis(0.0), top, top + pitch * groups)
    return tuple(drawing.parts)


def draw_zero(drawing: Drawing, layer: ChartLayer, x: float, top: float, bottom: float) -> None:
    """Draw the upright line that bars on both sides start from."""
    drawing.rule("zero", (x, top), (x, bottom), layer.type.color.with_alpha(0.56))


def _room(layer: ChartLayer, words: Words, box: Box) -> tuple[float, int]:
    """Give the longest bar's room, and the group whose names cost least of it."""
    low, high = reach(layer)
    groups = len(layer.categories)
    before = words.label_width + words.gap + (words.value_width + words.gap if low < 0 else 0.0)
    plain = box.width - before - words.gap - words.value_width
    if not words.names or high <= low:
        return plain, 0

    def room(index: int) -> float:
        rooms = [plain]
        for number, series in enumerate(layer.series):
            value = max(series.marks[index].value or 0.0, 0.0)
            tail = 2 * words.gap + width(words.values[number * groups + index]) + width(words.names[number])
            share = (value - low) / (high - low)
            if share > 0:
                rooms.append((box.width - before - tail) / share)
        return min(rooms)

    best = max(range(groups), key=lambda index: (round(room(index), 6), -index))
    return room(best), best


def set_grouped_columns(layer: ChartLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    """Set vertical groups under a row that names their colours; values above, or an axis where there are ticks."""
    drawing, box = Drawing(layer.id, layer.box, typesetter), layer.box
    groups, each = len(layer.categories), len(layer.series)

    def fits(words: Words) -> bool:
        pitch = (box.width - ticks_width(words)) / groups
        values = 0.0 if words.ticks else widest(words.values) + 0.2 * words.size
        key = room_for([width(name) + 2 * SWATCH * words.size for name in words.names], 2 * words.gap)
        high = box.height - words.label_height - words.gap - _above(words) - (0 if words.ticks else words.value_height)
        return (
            values <= GROUP_SHARE * pitch / each
            and words.label_width <= pitch - words.gap
            and key <= box.width
            and high >= SHORTEST_BAR * box.height
        )

    words = largest_words(layer, typesetter, series_copy(layer, box.width / groups), fits)
    low, high = reach(layer)
    left = box.x + ticks_width(words)
    pitch = max((box.right - left) / groups, 1.0)
    thickness = GROUP_SHARE * pitch / each
    foot = box.bottom - words.label_height - words.gap
    values = 0.0 if words.ticks else words.value_height + 0.5 * words.gap
    top = box.y + _above(words) + (tallest(words.ticks) / 2 if words.ticks else values)
    axis = Axis(low, high, foot - (values if low < 0 else 0.0), min(top, foot - 1))
    _key(drawing, layer, words)
    if words.ticks:
        draw_grid(drawing, layer, words, axis, left, box.right)
    for index in range(groups):
        first = left + index * pitch + (pitch - thickness * each) / 2
        for number, series in enumerate(layer.series):
            value = series.marks[index].value
            upper, lower = sorted((axis(0.0), axis(value or 0.0)))
            x = first + number * thickness
            if value is not None:
                drawing.shape(f"bar-{number}-{index}", Box(x, upper, thickness, lower - upper), series.color)
            if not words.ticks:
                shown = words.values[number * groups + index]
                tall = height(shown)
                y = lower + 0.5 * words.gap if value is not None and value < 0 else upper - 0.5 * words.gap - tall
                place = Box(x, y, thickness, tall)
                drawing.words(f"value-{number}-{index}", shown, figures(layer.type), place, "center")
        place = Box(left + index * pitch, foot + words.gap, pitch, words.label_height)
        drawing.words(f"label-{index}", words.labels[index], layer.type, place, "center",
                      baseline=foot + words.gap + words.label_rise)  # fmt: skip
    draw_base(drawing, layer, axis(0.0), left, box.right)
    return tuple(drawing.parts)


def _above(words: Words) -> float:
    return name_rows(words) + words.gap if words.names else 0.0


def _key(drawing: Drawing, layer: ChartLayer, words: Words) -> None:
    """Name the colours in one row above the chart, in the order of the columns."""
    x, tall, side = drawing.box.x, tallest(words.names), SWATCH * words.size
    for number, name in enumerate(words.names):
        swatch = Box(x, drawing.box.y + (tall - side) / 2, side, side)
        drawing.shape(f"key-{number}", swatch, layer.series[number].color)
        x += 1.6 * side
        drawing.words(f"name-{number}", name, layer.type, Box(x, drawing.box.y, width(name), tall))
        x += width(name) + 3 * words.gap
