"""What charts of several series share: their words, their values, the axis beside or below them.

Axes appear only where the template asks for ticks; their lines are thin and stand behind the marks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flux2flow.domain import scales
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import ChartLayer
from flux2flow.typography.charts.drawing import FAINT, Drawing, Point
from flux2flow.typography.charts.words import UNBOUNDED, Copy, Words, figures, height, tallest, widest


@dataclass(frozen=True, slots=True)
class Axis:
    """Values → pixels: `low` and `high` fall on two places, in whichever order they stand."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Give the place of a value."""
        if self.high <= self.low:
            return self.start
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def table(layer: ChartLayer) -> list[list[float | None]]:
    """Take the values, series by series."""
    return [[mark.value for mark in series.marks] for series in layer.series]


def spans(layer: ChartLayer) -> list[list[tuple[float, float] | None]]:
    """Give every value's place in its stack."""
    return scales.stacked(table(layer), layer.percent)


def reach(layer: ChartLayer) -> tuple[float, float]:
    """Give the values between which the chart's axis runs."""
    return scales.value_range(layer.chart, table(layer), layer.percent)


def named(layer: ChartLayer) -> list[str]:
    """Take the series' names; none where a single one has no name."""
    return [series.label for series in layer.series] if any(series.label for series in layer.series) else []


def series_copy(layer: ChartLayer, label_width: float = UNBOUNDED, name_width: float = UNBOUNDED) -> Copy:
    """Take the words of a chart with several series; values run series by series."""
    values = [layer.missing if mark.value is None else mark.shown for series in layer.series for mark in series.marks]
    ticks = [tick.shown for tick in layer.ticks]
    return Copy(layer.categories, values, named(layer), ticks, label_width, name_width)


def ticks_width(words: Words) -> float:
    """Give the room that tick labels take before the plot."""
    return widest(words.ticks) + words.gap if words.ticks else 0.0


def draw_grid(drawing: Drawing, layer: ChartLayer, words: Words, axis: Axis, left: float, right: float) -> None:
    """Draw a thin line for each tick, its label before it on the line's middle."""
    room = widest(words.ticks)
    for number, (tick, label) in enumerate(zip(layer.ticks, words.ticks, strict=True)):
        y = axis(tick.value or 0.0)
        color = layer.type.color.with_alpha(FAINT * (2 if tick.value == 0 else 0.6))
        drawing.rule(f"grid-{number}", (left, y), (right, y), color)
        tall = height(label)
        place = Box(left - words.gap - room, y - tall / 2, room, tall)
        drawing.words(f"tick-{number}", label, figures(layer.type), place, "end")


def draw_base(drawing: Drawing, layer: ChartLayer, y: float, left: float, right: float) -> None:
    """Draw the line that columns, areas and lines stand on."""
    if not any(tick.value == 0 for tick in layer.ticks):
        drawing.rule("base", (left, y), (right, y), layer.type.color.with_alpha(FAINT * 2))


def leader(drawing: Drawing, layer: ChartLayer, name: str, points: Sequence[Point]) -> None:
    """Draw a thin line from a mark to its words."""
    drawing.polyline(name, points, layer.type.color.with_alpha(FAINT * 2), drawing.hair)


def column_labels_fit(words: Words, pitch: float) -> bool:
    """Whether every category's label fits under its own column."""
    return words.label_width <= pitch - words.gap


def name_rows(words: Words) -> float:
    """Give the height that names above the first row take, with the gap below them."""
    return tallest(words.names) + words.gap if words.names else 0.0
