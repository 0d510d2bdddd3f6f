"""A chart's words → the largest common size at which they leave the picture of the numbers its room.

One size for labels, values, names and ticks; figures are tabular. Knows no places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from flux2flow.domain.scene import ChartLayer, FitRule, Type
from flux2flow.typography.fitting import Fitted, Frame, largest
from flux2flow.typography.set_text import Typesetter

GAP = 0.5
"""Between a mark and its words, in em."""
BAR_SHARE = 0.62
"""Part of its row or column that a bar takes; the rest is air."""
BAR_OF_LABEL = 2.1
"""A bar is at most so many times as thick as its label is high."""
LABEL_SHARE = 0.45
"""At most this part of a bar chart's width goes to the labels."""
LABEL_OF_COLUMN = 0.94
"""A column's label takes at most this part of the column's pitch."""
SHORTEST_BAR = 0.4
"""At least this part of the chart is left to the longest bar: the picture of the numbers outweighs their words."""
UNBOUNDED = 1e6


@dataclass(frozen=True, slots=True)
class Copy:
    """What a chart says, before it has a size, and how wide labels and names may be in pixels."""

    labels: Sequence[str] = ()
    values: Sequence[str] = ()
    names: Sequence[str] = ()
    ticks: Sequence[str] = ()
    label_width: float = UNBOUNDED
    name_width: float = UNBOUNDED


@dataclass(frozen=True, slots=True)
class Words:
    """A chart's words at one size."""

    labels: tuple[Fitted, ...]
    values: tuple[Fitted, ...]
    names: tuple[Fitted, ...]
    ticks: tuple[Fitted, ...]
    size: float

    @property
    def overflow(self) -> bool:
        """Whether any of them needs more lines than it may have."""
        return any(word.report.overflow for word in (*self.labels, *self.values, *self.names, *self.ticks))

    @property
    def gap(self) -> float:
        """Pixels between a mark and its words."""
        return GAP * self.size

    @property
    def label_width(self) -> float:
        """Pixels of the widest label."""
        return widest(self.labels)

    @property
    def label_rise(self) -> float:
        """Pixels above the first baseline of the tallest label."""
        return max(map(rise, self.labels), default=0.0)

    @property
    def label_height(self) -> float:
        """Pixels of the tallest label."""
        return tallest(self.labels)

    @property
    def value_width(self) -> float:
        """Pixels of the widest value."""
        return widest(self.values)

    @property
    def value_height(self) -> float:
        """Pixels of the tallest value."""
        return tallest(self.values)


def bar_copy(layer: ChartLayer, label_width: float = UNBOUNDED) -> Copy:
    """Take the words of a chart with one value for each entry."""
    values = [layer.missing if bar.value is None else bar.shown for bar in layer.bars]
    return Copy([bar.label for bar in layer.bars], values, label_width=label_width)


def figures(type: Type) -> Type:
    """Give a style with tabular figures, so that columns of numbers line up."""
    return replace(type, features=(*(f for f in type.features if f[0] != "tnum"), ("tnum", 1)))


def largest_words(
    layer: ChartLayer, typesetter: Typesetter, copy: Callable[[float], Copy] | Copy, fits: Callable[[Words], bool]
) -> Words:
    """Find the one size for all of a chart's words, and write into each report how it was found.

    Where widths depend on the size, `copy` is a function of it.
    """

    def make(size: float) -> Words:
        return _set(layer, typesetter, size, copy if isinstance(copy, Copy) else copy(size))

    def good(words: Words) -> bool:
        return not words.overflow and fits(words)

    words, at_floor = largest(layer.fit, make, good)
    overflow = not good(words)
    steps = (f"ceiling {layer.fit.maximum:g} px", f"one size for the whole chart: {words.size:g} px")

    def reported(parts: tuple[Fitted, ...]) -> tuple[Fitted, ...]:
        return tuple(
            replace(
                part,
                report=replace(
                    part.report, minimum=layer.fit.minimum, steps=steps, overflow=overflow, at_floor=at_floor
                ),
            )
            for part in parts
        )

    return Words(
        reported(words.labels), reported(words.values), reported(words.names), reported(words.ticks), words.size
    )


def _set(layer: ChartLayer, typesetter: Typesetter, size: float, copy: Copy) -> Words:
    tabular = figures(layer.type)

    def fitted(text: str, type: Type, width: float, lines: int) -> Fitted:
        words = typesetter.words(text, type).replace("\n", " ")
        return typesetter.fit(words, type, Frame(width, UNBOUNDED, "middle"), FitRule(lines, size, size))

    return Words(
        tuple(fitted(text, layer.type, copy.label_width, layer.fit.lines) for text in copy.labels),
        tuple(fitted(text, tabular, UNBOUNDED, 1) for text in copy.values),
        tuple(fitted(text, layer.type, copy.name_width, layer.fit.lines) for text in copy.names),
        tuple(fitted(text, tabular, UNBOUNDED, 1) for text in copy.ticks),
        size,
    )


def width(fitted: Fitted) -> float:
    """Measure the ink of the widest line in pixels."""
    inks = [line.ink.right - line.ink.left for line in fitted.lines if line.ink]
    return max(inks, default=0.0) * fitted.size


def rise(fitted: Fitted) -> float:
    """Measure the ink above the first baseline in pixels."""
    return fitted.paragraph.rise(0, len(fitted.paragraph.text)) * fitted.size


def fall(fitted: Fitted) -> float:
    """Measure the ink below the last baseline in pixels."""
    return fitted.paragraph.fall(0, len(fitted.paragraph.text)) * fitted.size


def height(fitted: Fitted) -> float:
    """Measure the ink from the top of the first line to the foot of the last in pixels."""
    return rise(fitted) + _below(fitted)


def _below(fitted: Fitted) -> float:
    """Measure from the first baseline to the foot of the last line in pixels."""
    inner = (len(fitted.lines) - 1) * fitted.leading
    return (inner + fitted.paragraph.fall(0, len(fitted.paragraph.text))) * fitted.size


def baseline_at(fitted: Fitted, middle: float) -> float:
    """Give the first baseline that puts the letters' middle, not their ink's, at a height."""
    top, bottom = fitted.paragraph.zone
    inner = (len(fitted.lines) - 1) * fitted.leading
    return middle + ((top + bottom) / 2 - inner / 2) * fitted.size


def paired_baselines(value: Fitted, name: Fitted | None, middle: float) -> tuple[float, float]:
    """Give the baselines of a value and of the name beside it: one for both, unless the name has several lines."""
    own = baseline_at(value, middle)
    return own, own if name is None or len(name.lines) == 1 else baseline_at(name, middle)


def widest(words: Sequence[Fitted]) -> float:
    """Measure the widest of some words; 0 for none."""
    return max(map(width, words), default=0.0)


def tallest(words: Sequence[Fitted]) -> float:
    """Measure the room that some words need on one baseline; 0 for none."""
    return max(map(rise, words), default=0.0) + max(map(_below, words), default=0.0)
