"""A chart layer → bars, labels and values, placed.

One common size for all words; values in tabular figures at the bars' ends; right-to-left charts grow from the right.
Bars are straight proportions of their values, from zero. Knows nothing about where the numbers came from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from flux2flow.domain.layout import PlacedShape, PlacedText
from flux2flow.domain.measures import Box, Color
from flux2flow.domain.scene import Align, ChartLayer, FitRule, Gradient, TextDirection, Type
from flux2flow.typography.fitting import QUANTUM, Fitted, Frame
from flux2flow.typography.set_text import Typesetter

BAR_SHARE = 0.62
"""Part of its row or column that a bar takes; the rest is air."""
BAR_OF_LABEL = 1.9
"""A bar is at most so many times as thick as its label is high."""
GAP = 0.5
"""Between a bar and its words, in em."""
LABEL_SHARE = 0.45
"""At most this part of a bar chart's width goes to the labels."""
SHORTEST_BAR = 0.22
"""At least this part of the width is left to the longest bar."""
_UNBOUNDED = 1e6


@dataclass(frozen=True, slots=True)
class _Words:
    """A chart's labels and values at one size."""

    labels: tuple[Fitted, ...]
    values: tuple[Fitted, ...]
    size: float

    @property
    def label_width(self) -> float:
        return max((_width(label) for label in self.labels), default=0.0)

    @property
    def value_width(self) -> float:
        return max((_width(value) for value in self.values), default=0.0)


def set_chart(layer: ChartLayer, typesetter: Typesetter) -> tuple[PlacedShape | PlacedText, ...]:
    """Place a chart's bars and words; words that do not fit at the floor report an overflow."""
    if not layer.bars:
        return ()
    return _bars(layer, typesetter) if layer.chart == "bar" else _columns(layer, typesetter)


def _bars(layer: ChartLayer, typesetter: Typesetter) -> tuple[PlacedShape | PlacedText, ...]:
    box, row = layer.box, layer.box.height / len(layer.bars)

    def fits(words: _Words) -> bool:
        gaps = 2 * GAP * words.size
        return (
            words.label_width <= LABEL_SHARE * box.width
            and words.label_width + words.value_width + gaps + SHORTEST_BAR * box.width <= box.width
            and words.size * layer.type.leading <= row
        )

    words, overflow = _largest(layer, typesetter, fits)
    gap = GAP * words.size
    bar_start = words.label_width + gap
    room = max(box.width - bar_start - gap - words.value_width, 1.0)
    thickness = min(BAR_SHARE * row, BAR_OF_LABEL * words.size)
    # Bars are as near to each other as their thickness asks; what remains stands above and below.
    pitch = min(row, thickness / BAR_SHARE)
    top = box.y + (box.height - pitch * len(layer.bars)) / 2
    scale = _scale(layer)
    placed: list[PlacedShape | PlacedText] = []
    for number, bar in enumerate(layer.bars):
        y = top + number * pitch
        length = max(bar.value, 0.0) * scale * room
        rectangle = Box(box.x + bar_start, y + (pitch - thickness) / 2, length, thickness)
        label = Box(box.x, y, words.label_width, pitch)
        value = Box(rectangle.right + gap, y, words.value_width, pitch)
        rectangle, label, value = (_sided(part, box, typesetter.direction) for part in (rectangle, label, value))
        placed.append(_shape(f"{layer.id}/bar-{number}", rectangle, layer.accent if bar.accent else layer.color))
        placed.append(
            _word(f"{layer.id}/label-{number}", words.labels[number], layer, label, typesetter, "start", overflow)
        )
        placed.append(
            _word(f"{layer.id}/value-{number}", words.values[number], layer, value, typesetter, "start", overflow)
        )
    return tuple(placed)


def _columns(layer: ChartLayer, typesetter: Typesetter) -> tuple[PlacedShape | PlacedText, ...]:
    box, column = layer.box, layer.box.width / len(layer.bars)

    def fits(words: _Words) -> bool:
        inside = column - GAP * words.size
        high = 2 * words.size * (layer.type.leading + GAP) + SHORTEST_BAR * box.height
        return words.label_width <= inside and words.value_width <= inside and high <= box.height

    words, overflow = _largest(layer, typesetter, fits)
    line, gap = words.size * layer.type.leading, GAP * words.size
    room = max(box.height - 2 * (line + gap), 1.0)
    thickness = BAR_SHARE * column
    scale = _scale(layer)
    foot = box.bottom - line - gap
    placed: list[PlacedShape | PlacedText] = []
    for number, bar in enumerate(layer.bars):
        x = box.x + number * column
        height = max(bar.value, 0.0) * scale * room
        rectangle = Box(x + (column - thickness) / 2, foot - height, thickness, height)
        label = Box(x, foot + gap, column, line)
        value = Box(x, rectangle.y - gap - line, column, line)
        rectangle, label, value = (_sided(part, box, typesetter.direction) for part in (rectangle, label, value))
        placed.append(_shape(f"{layer.id}/bar-{number}", rectangle, layer.accent if bar.accent else layer.color))
        placed.append(
            _word(f"{layer.id}/label-{number}", words.labels[number], layer, label, typesetter, "center", overflow)
        )
        placed.append(
            _word(f"{layer.id}/value-{number}", words.values[number], layer, value, typesetter, "center", overflow)
        )
    return tuple(placed)


def _scale(layer: ChartLayer) -> float:
    longest = max(bar.value for bar in layer.bars)
    return 1 / longest if longest > 0 else 0.0


def _sided(box: Box, chart: Box, direction: TextDirection) -> Box:
    """Mirror a part inside its chart where the scene reads from the right."""
    return box if direction == "ltr" else Box(chart.x + chart.right - box.right, box.y, box.width, box.height)


def _shape(id: str, box: Box, color: Color) -> PlacedShape:
    return PlacedShape(id, "rectangle", box, Gradient(color, color), radius=min(box.width, box.height) * 0.12)


def _word(
    id: str, fitted: Fitted, layer: ChartLayer, box: Box, typesetter: Typesetter, align: Align, overflow: bool
) -> PlacedText:
    at_floor = fitted.size <= layer.fit.minimum < layer.fit.maximum
    steps = (f"one size for the whole chart: {fitted.size:g} px",)
    report = replace(fitted.report, minimum=layer.fit.minimum, steps=steps, overflow=overflow, at_floor=at_floor)
    return typesetter.place(id, replace(fitted, report=report), layer.type, box, align, "middle")


def _largest(layer: ChartLayer, typesetter: Typesetter, fits: Callable[[_Words], bool]) -> tuple[_Words, bool]:
    """Find the one size for all of a chart's words, and whether even the floor is too large."""
    ceiling = max(layer.fit.maximum, layer.fit.minimum)
    words = _words(layer, typesetter, ceiling)
    if fits(words):
        return words, False
    words = _words(layer, typesetter, layer.fit.minimum)
    if not fits(words):
        return words, True
    low, high = 0, int((ceiling - layer.fit.minimum) / QUANTUM) + 1
    while high - low > 1:
        middle = (low + high) // 2
        trial = _words(layer, typesetter, layer.fit.minimum + middle * QUANTUM)
        if fits(trial):
            low, words = middle, trial
        else:
            high = middle
    return words, False


def _words(layer: ChartLayer, typesetter: Typesetter, size: float) -> _Words:
    rule, frame = FitRule(1, size, size), Frame(_UNBOUNDED, _UNBOUNDED, "middle")

    def fitted(text: str, type: Type) -> Fitted:
        return typesetter.fit(typesetter.words(text, type).replace("\n", " "), type, frame, rule)

    figures = replace(layer.type, features=(*(f for f in layer.type.features if f[0] != "tnum"), ("tnum", 1)))
    return _Words(
        tuple(fitted(bar.label, layer.type) for bar in layer.bars),
        tuple(fitted(bar.shown, figures) for bar in layer.bars),
        size,
    )


def _width(fitted: Fitted) -> float:
    inks = [line.ink.right - line.ink.left for line in fitted.lines if line.ink]
    return max(inks, default=0.0) * fitted.size
