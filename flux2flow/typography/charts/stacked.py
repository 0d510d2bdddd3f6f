"""Stacked bars and columns: segments that add up, values inside where they can be read, series named at one stack.

Negative values pile up on the other side of zero. A missing value takes no room.
"""

from __future__ import annotations

from collections.abc import Callable

from flux2flow.domain.measures import Box
from flux2flow.domain.scene import ChartLayer
from flux2flow.typography.charts.drawing import Drawing, Part, on_fill
from flux2flow.typography.charts.labels import room_for, spread
from flux2flow.typography.charts.series import (
    Axis,
    draw_base,
    draw_grid,
    leader,
    name_rows,
    reach,
    series_copy,
    spans,
    ticks_width,
)
from flux2flow.typography.charts.words import (
    BAR_OF_LABEL,
    BAR_SHARE,
    LABEL_SHARE,
    SHORTEST_BAR,
    Copy,
    Words,
    figures,
    height,
    largest_words,
    tallest,
    widest,
    width,
)
from flux2flow.typography.fitting import Fitted
from flux2flow.typography.set_text import Typesetter

INSIDE = 0.35
"""Air on each side of a value inside its segment, in em."""
SMALLER = 0.62
"""Words shrink to this part of their size at most, so that all values stand inside their segments."""
NEXT_TO_NOTHING = 0.02
"""A segment below this part of the axis goes without its value."""
NAME_SHARE = 0.4
"""At most this part of a column chart's width goes to the series' names."""


def set_stacked_bars(layer: ChartLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    """Set horizontal stacks, the series named above the first."""
    drawing, box, count = Drawing(layer.id, layer.box, typesetter), layer.box, len(layer.categories)

    def fits(words: Words) -> bool:
        room = box.width - words.label_width - words.gap
        wide = room >= max(SHORTEST_BAR * box.width, room_for([width(name) for name in words.names], 2 * words.gap))
        return wide and name_rows(words) + count * words.label_height * 1.25 <= box.height

    def values_fit(words: Words) -> bool:
        row = (box.height - name_rows(words)) / count
        thickness = min(BAR_SHARE * row, 1.25 * BAR_OF_LABEL * words.size)
        room = box.width - words.label_width - words.gap
        return fits(words) and _all_inside(layer, words, room, thickness, across=True)

    words = _preferred(layer, typesetter, series_copy(layer, LABEL_SHARE * box.width), fits, values_fit)
    start, above = box.x + words.label_width + words.gap, name_rows(words)
    row = (box.height - above) / count
    thickness = min(BAR_SHARE * row, 1.25 * BAR_OF_LABEL * words.size)
    pitch = max(min(row, thickness / BAR_SHARE), words.label_height)
    top = box.y + (box.height - above - pitch * count) / 2 + above
    axis = Axis(*reach(layer), start, max(box.right, start + 1))
    places: dict[tuple[int, int], Box] = {}
    for number, row_spans in enumerate(spans(layer)):
        for index, span in enumerate(row_spans):
            if span is not None:
                left, right = sorted(map(axis, span))
                y = top + index * pitch + (pitch - thickness) / 2
                places[number, index] = Box(left, y, right - left, thickness)
                drawing.shape(f"segment-{number}-{index}", places[number, index], layer.series[number].color)
    for index, label in enumerate(words.labels):
        place = Box(box.x, top + index * pitch, words.label_width, pitch)
        drawing.words(f"label-{index}", label, layer.type, place)
    _inside(drawing, layer, words, places)
    if words.names:
        _names_above(drawing, layer, words, places, top + (pitch - thickness) / 2, (start, box.right))
    return tuple(drawing.parts)


def _names_above(
    drawing: Drawing, layer: ChartLayer, words: Words, places: dict[tuple[int, int], Box], top: float,
    ends: tuple[float, float],
) -> None:  # fmt: skip
    """Name each series above its segment of the first stack, moved aside with a leader where names would touch."""
    first = [places.get((number, 0)) for number in range(len(words.names))]
    wanted, last = [], ends[0]
    for place in first:
        last = place.x + place.width / 2 if place else last
        wanted.append(last)
    sizes = [width(name) for name in words.names]
    tall = tallest(words.names)
    centers = spread(wanted, sizes, *ends, gap=2 * words.gap)
    for number, (name, center, place) in enumerate(zip(words.names, centers, first, strict=True)):
        box = Box(center - sizes[number] / 2, top - words.gap - tall, sizes[number], tall)
        drawing.words(f"name-{number}", name, layer.type, box, "center", "bottom")
        if place and place.width > 0:
            foot = min(max(center, place.x + 1), place.right - 1) if place.width > 2 else place.x + place.width / 2
            leader(drawing, layer, f"leader-{number}", [(center, top - 0.7 * words.gap), (foot, top)])


def set_stacked_columns(layer: ChartLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    """Set vertical stacks, the series named beside the last."""
    drawing, box, count = Drawing(layer.id, layer.box, typesetter), layer.box, len(layer.categories)

    def plot(words: Words) -> tuple[float, float]:
        names = widest(words.names) + 2 * words.gap if words.names else 0.0
        return box.x + ticks_width(words), box.right - names

    def fits(words: Words) -> bool:
        left, right = plot(words)
        pitch = (right - left) / count
        high = box.height - words.label_height - words.gap
        names = room_for([height(name) for name in words.names], 0.3 * words.size)
        return (
            words.label_width <= pitch - words.gap
            and high >= max(SHORTEST_BAR * box.height, names)
            and (right - left >= SHORTEST_BAR * box.width)
        )

    def values_fit(words: Words) -> bool:
        left, right = plot(words)
        room = box.height - words.label_height - words.gap
        return fits(words) and _all_inside(layer, words, room, BAR_SHARE * (right - left) / count, across=False)

    copy = series_copy(layer, box.width / count, NAME_SHARE * box.width)
    words = _preferred(layer, typesetter, copy, fits, values_fit)
    left, right = plot(words)
    pitch = max((right - left) / count, 1.0)
    thickness = BAR_SHARE * pitch
    foot = box.bottom - words.label_height - words.gap
    half_tick = tallest(words.ticks) / 2 if words.ticks else 0.0
    axis = Axis(*reach(layer), foot, min(box.y + half_tick, foot - 1))
    if words.ticks:
        draw_grid(drawing, layer, words, axis, left, left + pitch * count)
    places: dict[tuple[int, int], Box] = {}
    for number, row_spans in enumerate(spans(layer)):
        for index, span in enumerate(row_spans):
            if span is not None:
                upper, lower = sorted(map(axis, span))
                x = left + index * pitch + (pitch - thickness) / 2
                places[number, index] = Box(x, upper, thickness, lower - upper)
                drawing.shape(f"segment-{number}-{index}", places[number, index], layer.series[number].color)
    draw_base(drawing, layer, axis(0.0), left, left + pitch * count)
    for index, label in enumerate(words.labels):
        place = Box(left + index * pitch, foot + words.gap, pitch, words.label_height)
        baseline = foot + words.gap + words.label_rise
        drawing.words(f"label-{index}", label, layer.type, place, "center", baseline=baseline)
    if not words.ticks:
        _inside(drawing, layer, words, places)
    edge = left + pitch * count - (pitch - thickness) / 2
    names_beside(drawing, layer, words.names, [places.get((n, count - 1)) for n in range(len(words.names))], words.size,
                 (edge, right + words.gap), (box.y, foot))  # fmt: skip
    return tuple(drawing.parts)


def names_beside(
    drawing: Drawing, layer: ChartLayer, names: tuple[Fitted, ...], bands: list[Box | None], size: float,
    columns: tuple[float, float], ends: tuple[float, float],
) -> None:  # fmt: skip
    """Name each series at the middle of its band, from one x to another, moved apart with leaders."""
    edge, start = columns
    wanted, last = [], ends[1]
    for band in bands:
        last = band.y + band.height / 2 if band else last
        wanted.append(last)
    sizes = [height(name) for name in names]
    centers = spread(wanted, sizes, *ends, gap=0.3 * size)
    for number, (name, center) in enumerate(zip(names, centers, strict=True)):
        box = Box(start, center - sizes[number] / 2, drawing.box.right - start, sizes[number])
        drawing.words(f"name-{number}", name, layer.type, box)
        if bands[number] is not None:
            points = [(edge + 1, wanted[number]), (start - 0.25 * size, center)]
            leader(drawing, layer, f"leader-{number}", points)


def _preferred(
    layer: ChartLayer, typesetter: Typesetter, copy: Copy, fits: Callable[[Words], bool],
    values_fit: Callable[[Words], bool],
) -> Words:  # fmt: skip
    """Set all words smaller where that lets every value stand in its segment, but not much smaller."""
    words = largest_words(layer, typesetter, copy, fits)
    if layer.ticks or words.overflow or values_fit(words):
        return words
    smaller = largest_words(layer, typesetter, copy, values_fit)
    return smaller if not smaller.overflow and smaller.size >= SMALLER * words.size else words


def _all_inside(layer: ChartLayer, words: Words, room: float, thickness: float, *, across: bool) -> bool:
    """Whether each value that is not next to nothing fits into its segment."""
    low, high = reach(layer)
    count = len(layer.categories)
    for number, row in enumerate(spans(layer)):
        for index, span in enumerate(row):
            if span is None or abs(span[1] - span[0]) < NEXT_TO_NOTHING * (high - low):
                continue
            long = abs(span[1] - span[0]) / (high - low) * room
            value = words.values[number * count + index]
            if not _fits_inside(value, words.size, *((long, thickness) if across else (thickness, long))):
                return False
    return True


def _fits_inside(value: Fitted, size: float, wide: float, high: float) -> bool:
    air = 2 * INSIDE * size
    return width(value) + air <= wide and height(value) + air / 2 <= high


def _inside(drawing: Drawing, layer: ChartLayer, words: Words, places: dict[tuple[int, int], Box]) -> None:
    """Write values inside their segments, where there is room and contrast for them."""
    count = len(layer.categories)
    for (number, index), place in sorted(places.items()):
        value = words.values[number * count + index]
        color = on_fill(layer.series[number].color, layer.type, layer.ground)
        if color and _fits_inside(value, words.size, place.width, place.height):
            drawing.words(f"value-{number}-{index}", value, figures(layer.type), place, "center", color=color)
