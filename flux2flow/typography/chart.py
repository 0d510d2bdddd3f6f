"""A chart layer → bars, labels and values, placed.

One common size for all words; values in tabular figures at the bars' ends; right-to-left charts grow from the right.
Bars are straight proportions of their values, from zero. Knows nothing about where the numbers came from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from flux2flow.domain.layout import PlacedShape, PlacedText
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import Align, Bar, ChartLayer, FitRule, Gradient, TextDirection, Type
from flux2flow.typography.fitting import Fitted, Frame, largest
from flux2flow.typography.set_text import Typesetter

BAR_SHARE = 0.62
"""Part of its row or column that a bar takes; the rest is air."""
BAR_OF_LABEL = 2.1
"""A bar is at most so many times as thick as its label is high."""
GAP = 0.5
"""Between a bar and its words, in em."""
LABEL_SHARE = 0.45
"""At most this part of a bar chart's width goes to the labels."""
LABEL_OF_COLUMN = 0.94
"""A column's label takes at most this part of the column's pitch."""
CORNER = 0.08
"""A bar's corner radius as a part of its thickness."""
SHORTEST_BAR = 0.4
"""At least this part of the chart is left to the longest bar: the picture of the numbers outweighs their words."""
_UNBOUNDED = 1e6


@dataclass(frozen=True, slots=True)
class _Words:
    """A chart's labels and values at one size."""

    labels: tuple[Fitted, ...]
    values: tuple[Fitted, ...]
    size: float

    @property
    def overflow(self) -> bool:
        return any(word.report.overflow for word in (*self.labels, *self.values))

    @property
    def label_width(self) -> float:
        return max(map(_width, self.labels))

    @property
    def label_rise(self) -> float:
        return max(map(_rise, self.labels))

    @property
    def label_height(self) -> float:
        return self.label_rise + max(map(_fall, self.labels))

    @property
    def value_width(self) -> float:
        return max(map(_width, self.values))

    @property
    def value_height(self) -> float:
        return max(map(_rise, self.values)) + max(map(_fall, self.values))


def set_chart(layer: ChartLayer, typesetter: Typesetter) -> tuple[PlacedShape | PlacedText, ...]:
    """Place a chart's bars and words; words that do not fit at the floor report an overflow."""
    if not layer.bars:
        return ()
    return _bars(layer, typesetter) if layer.chart == "bar" else _columns(layer, typesetter)


def _bars(layer: ChartLayer, typesetter: Typesetter) -> tuple[PlacedShape | PlacedText, ...]:
    box, row = layer.box, layer.box.height / len(layer.bars)

    def fits(words: _Words) -> bool:
        used = words.label_width + words.value_width + 2 * GAP * words.size
        wide = used + SHORTEST_BAR * box.width <= box.width
        return wide and not words.overflow and words.label_height <= row

    words = _largest(layer, typesetter, LABEL_SHARE * box.width, fits)
    gap = GAP * words.size
    bar_start = words.label_width + gap
    room = max(box.width - bar_start - gap - words.value_width, 1.0)
    thickness = min(BAR_SHARE * row, BAR_OF_LABEL * words.size)
    # Bars are as near to each other as their thickness asks; what remains stands above and below.
    pitch = max(min(row, thickness / BAR_SHARE), words.label_height)
    top = box.y + (box.height - pitch * len(layer.bars)) / 2
    placed: list[PlacedShape | PlacedText] = []
    for number, bar in enumerate(layer.bars):
        y = top + number * pitch
        length = _share(bar, layer) * room
        rectangle = Box(box.x + bar_start, y + (pitch - thickness) / 2, length, thickness)
        label = Box(box.x, y, words.label_width, pitch)
        value = Box(rectangle.right + gap, y, words.value_width, pitch)
        places = tuple(_sided(part, box, typesetter.direction) for part in (rectangle, label, value))
        placed += _placed(layer, typesetter, words, number, places, "start")
    return tuple(placed)


def _columns(layer: ChartLayer, typesetter: Typesetter) -> tuple[PlacedShape | PlacedText, ...]:
    box, column = layer.box, layer.box.width / len(layer.bars)

    def fits(words: _Words) -> bool:
        high = words.label_height + words.value_height + 2 * GAP * words.size + SHORTEST_BAR * box.height
        narrow = max(words.label_width, words.value_width) <= column - GAP * words.size
        return narrow and not words.overflow and high <= box.height

    words = _largest(layer, typesetter, column * LABEL_OF_COLUMN, fits)
    gap, thickness = GAP * words.size, BAR_SHARE * column
    foot = box.bottom - words.label_height - gap
    room = max(foot - gap - words.value_height - box.y, 1.0)
    placed: list[PlacedShape | PlacedText] = []
    for number, bar in enumerate(layer.bars):
        x = box.x + number * column
        height = _share(bar, layer) * room
        rectangle = Box(x + (column - thickness) / 2, foot - height, thickness, height)
        label = Box(x, foot + gap, column, words.label_height)
        value = Box(x, rectangle.y - gap - words.value_height, column, words.value_height)
        places = tuple(_sided(part, box, typesetter.direction) for part in (rectangle, label, value))
        placed += _placed(layer, typesetter, words, number, places, "center", foot + gap + words.label_rise)
    return tuple(placed)


def _share(bar: Bar, layer: ChartLayer) -> float:
    """Give a bar's length as a part of the longest one's; a negative value has none."""
    longest = max(other.value for other in layer.bars)
    return max(bar.value, 0.0) / longest if longest > 0 else 0.0


def _sided(box: Box, chart: Box, direction: TextDirection) -> Box:
    """Mirror a part inside its chart where the scene reads from the right."""
    return box if direction == "ltr" else Box(chart.x + chart.right - box.right, box.y, box.width, box.height)


def _placed(
    layer: ChartLayer,
    typesetter: Typesetter,
    words: _Words,
    number: int,
    places: tuple[Box, ...],
    align: Align,
    baseline: float | None = None,
) -> tuple[PlacedShape | PlacedText, ...]:
    """Place one bar, its label (on a baseline that it may share) and its value."""
    rectangle, label, value = places
    color = layer.accent if layer.bars[number].accent else layer.color
    thickness = rectangle.height if layer.chart == "bar" else rectangle.width
    radius = min(CORNER * thickness, rectangle.width / 2, rectangle.height / 2)
    return (
        PlacedShape(f"{layer.id}/bar-{number}", "rectangle", rectangle, Gradient(color, color), radius),
        typesetter.place(
            f"{layer.id}/label-{number}", words.labels[number], layer.type, label, align, "middle", baseline=baseline
        ),
        typesetter.place(f"{layer.id}/value-{number}", words.values[number], layer.type, value, align, "middle"),
    )


def _largest(layer: ChartLayer, typesetter: Typesetter, label_width: float, fits: Callable[[_Words], bool]) -> _Words:
    """Find the one size for all of a chart's words, and write into each report how it was found."""
    words, at_floor = largest(layer.fit, lambda size: _words(layer, typesetter, size, label_width), fits)
    overflow = not fits(words)
    steps = (f"ceiling {layer.fit.maximum:g} px", f"one size for the whole chart: {words.size:g} px")

    def reported(fitted: Fitted) -> Fitted:
        report = replace(fitted.report, minimum=layer.fit.minimum, steps=steps, overflow=overflow, at_floor=at_floor)
        return replace(fitted, report=report)

    return _Words(tuple(map(reported, words.labels)), tuple(map(reported, words.values)), words.size)


def _words(layer: ChartLayer, typesetter: Typesetter, size: float, label_width: float) -> _Words:
    figures = replace(layer.type, features=(*(f for f in layer.type.features if f[0] != "tnum"), ("tnum", 1)))

    def fitted(text: str, type: Type, width: float, lines: int) -> Fitted:
        words = typesetter.words(text, type).replace("\n", " ")
        return typesetter.fit(words, type, Frame(width, _UNBOUNDED, "middle"), FitRule(lines, size, size))

    return _Words(
        tuple(fitted(bar.label, layer.type, label_width, layer.fit.lines) for bar in layer.bars),
        tuple(fitted(bar.shown, figures, _UNBOUNDED, 1) for bar in layer.bars),
        size,
    )


def _width(fitted: Fitted) -> float:
    inks = [line.ink.right - line.ink.left for line in fitted.lines if line.ink]
    return max(inks, default=0.0) * fitted.size


def _rise(fitted: Fitted) -> float:
    return fitted.paragraph.rise(0, len(fitted.paragraph.text)) * fitted.size


def _fall(fitted: Fitted) -> float:
    inner = (len(fitted.lines) - 1) * fitted.leading
    return (inner + fitted.paragraph.fall(0, len(fitted.paragraph.text))) * fitted.size
