"""Areas over categories, stacked from zero and named beside their ends; a missing value parts all of them.

Knows no values at points: an area shows a whole and its parts, not readings.
"""

from __future__ import annotations

from collections.abc import Sequence

from flux2flow.domain.measures import Box
from flux2flow.domain.scene import ChartLayer
from flux2flow.typography.charts.drawing import Drawing, Part, Point, steps_through
from flux2flow.typography.charts.labels import every, room_for
from flux2flow.typography.charts.lines import NAME_SHARE
from flux2flow.typography.charts.series import Axis, draw_base, draw_grid, reach, series_copy, spans, ticks_width
from flux2flow.typography.charts.stacked import names_beside
from flux2flow.typography.charts.words import SHORTEST_BAR, Words, height, largest_words, tallest, widest, width
from flux2flow.typography.set_text import Typesetter


def set_area(layer: ChartLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    """Set areas stacked from zero, named beside their ends; where any value is missing, all of them have a gap."""
    drawing, box, count = Drawing(layer.id, layer.box, typesetter), layer.box, len(layer.categories)

    def plot(words: Words) -> tuple[float, float]:
        names = widest(words.names) + 2 * words.gap if words.names else 0.5 * words.gap
        return box.x + ticks_width(words), box.right - names

    def labels(words: Words) -> list[tuple[float, float]]:
        left, right = plot(words)
        ends = []
        for index, label in enumerate(words.labels):
            x, wide = left + (right - left) * index / max(count - 1, 1), width(label)
            start = min(max(x - wide / 2, box.x), box.right - wide)
            ends.append((start, start + wide))
        return ends

    def fits(words: Words) -> bool:
        left, right = plot(words)
        high = box.height - words.label_height - words.gap - tallest(words.ticks)
        names = room_for([height(name) for name in words.names], 0.3 * words.size)
        return (
            right - left >= SHORTEST_BAR * box.width
            and high >= max(SHORTEST_BAR * box.height, names)
            and every(labels(words), words.gap) <= max(1, count // 3)
        )

    words = largest_words(layer, typesetter, series_copy(layer, 0.5 * box.width, NAME_SHARE * box.width), fits)
    left, right = plot(words)
    foot = box.bottom - words.label_height - words.gap
    axis = Axis(*reach(layer), foot, min(box.y + tallest(words.ticks) / 2, foot - 1))
    stacks = spans(layer)
    whole = [all(row[index] is not None for row in stacks) for index in range(count)]
    for number, row in enumerate(stacks):
        points = [
            (left + (right - left) * index / max(count - 1, 1), axis(span[1]), axis(span[0]))
            if span is not None and whole[index] else None
            for index, span in enumerate(row)
        ]  # fmt: skip
        for piece, run in enumerate(_areas(points)):
            drawing.path(f"area-{number}-{piece}", steps_through(run, closed=True), fill=layer.series[number].color)
    if words.ticks:
        draw_grid(drawing, layer, words, axis, left, right)
    draw_base(drawing, layer, axis(0.0), left, right)
    ends, step = labels(words), every(labels(words), words.gap)
    for index in range(count - 1, -1, -step):
        place = Box(ends[index][0], foot + words.gap, ends[index][1] - ends[index][0], words.label_height)
        baseline = foot + words.gap + words.label_rise
        drawing.words(f"label-{index}", words.labels[index], layer.type, place, "center", baseline=baseline)
    last = max((index for index in range(count) if whole[index]), default=None)
    if words.names and last is not None:
        bands: list[Box | None] = []
        for row in stacks:
            span = row[last]
            assert span is not None
            upper, lower = sorted(map(axis, span))
            bands.append(Box(right, upper, 0.0, lower - upper))
        names_beside(drawing, layer, words.names, bands, words.size, (right, right + 2 * words.gap), (box.y, foot))
    return tuple(drawing.parts)


def _areas(points: Sequence[tuple[float, float, float] | None]) -> list[list[Point]]:
    """Make the outline of each unbroken stretch: along its top, back along its foot."""
    outlines: list[list[Point]] = []
    run: list[tuple[float, float, float]] = []
    for point in [*points, None]:
        if point is not None:
            run.append(point)
            continue
        if len(run) > 1:
            outlines.append([*((x, top) for x, top, _ in run), *((x, low) for x, _, low in reversed(run))])
        run = []
    return outlines
