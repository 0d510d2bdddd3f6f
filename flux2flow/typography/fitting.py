"""A paragraph and a box → the largest size that fits, its lines, and a report of how it came about (copyfitting).

Sizes are tried by bisection in quarter pixels; lines are then balanced. Words are never broken inside: what does
not fit at the floor is set at the floor and reported. Knows nothing about where the box stands.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from flux2flow.domain.layout import FitReport
from flux2flow.domain.scene import FitRule, Vertical
from flux2flow.typography.breaking import AFTER_SENTENCE, SEVERE, Break, breaks
from flux2flow.typography.shaping import Paragraph, ShapedLine

Made = TypeVar("Made")

QUANTUM = 0.25
HEADLINE_LINES = 4
"""Up to so many lines are balanced against each other; more are set as running text, the last line free."""

_ROOM = 0.002  # em; widths of whole texts and of single lines differ by rounding
_SHRINK_FOR_PHRASES = 0.7  # phrases stay whole unless that costs more than 30 % of the size
_SENTENCE_INSIDE = 0.1  # what a sentence's end inside a headline's line costs; a third of the width off is 0.11
_CLEARANCE = 0.05  # em between the ink of two lines of a script without Latin proportions


@dataclass(frozen=True, slots=True)
class Frame:
    """The room for a text in pixels, and how it stands in it."""

    width: float
    height: float
    vertical: Vertical = "top"


@dataclass(frozen=True, slots=True)
class Fitted:
    """A text at its size: shaped lines in em, the distance of its baselines in em, and the report."""

    paragraph: Paragraph
    size: float
    lines: tuple[ShapedLine, ...]
    leading: float
    report: FitReport


def fit(paragraph: Paragraph, frame: Frame, rule: FitRule, leading: float, unbroken: tuple[str, ...] = ()) -> Fitted:
    """Find the largest size within the rule at which the text fits the frame, and set it there."""
    return _Search(paragraph, frame, rule, leading, unbroken).run()


class _Search:
    def __init__(
        self, paragraph: Paragraph, frame: Frame, rule: FitRule, leading: float, unbroken: tuple[str, ...]
    ) -> None:
        self.paragraph, self.frame, self.rule = paragraph, frame, rule
        self.every = breaks(paragraph.text, paragraph.setting.language, unbroken)
        self.good = tuple(place for place in self.every if place.penalty < SEVERE)
        length = len(paragraph.text)
        self.latin = paragraph.latin_like(0, length)
        self.rise, self.fall = paragraph.rise(0, length), paragraph.fall(0, length)
        self.leading = leading if self.latin else max(leading, self.rise + self.fall + _CLEARANCE)
        # The room above and below does not depend on whether this copy happens to have a ‘d’ or a ‘g’.
        top, bottom = _extremes(paragraph)
        self.rise, self.fall = max(self.rise, top), max(self.fall, -bottom)
        self.ceiling = max(_quantised(rule.maximum), rule.minimum)
        self.steps: list[str] = []

    def run(self) -> Fitted:
        self.steps.append(f"ceiling {self.ceiling:g} px, {_lines(self.rule.lines)} at most")
        size, candidates = self._choose_size()
        if size is None:
            return self._overflowing()
        count = len(_greedy(self.paragraph, candidates, self._em(size)) or ())
        ends = _balanced(self.paragraph, candidates, self._em(size), count)
        lines = self._shape(ends)
        while not self._fits_exactly(lines, size):
            if size <= self.rule.minimum:
                return self._overflowing()
            size = max(_quantised(size - QUANTUM), self.rule.minimum)
            self.steps.append(f"ink of the set lines asks for {size:g} px")
        at_floor = size <= self.rule.minimum < self.ceiling
        self.steps.append(f"set at {size:g} px in {_lines(len(lines))}{': the floor' if at_floor else ''}")
        return self._fitted(size, lines, overflow=False, at_floor=at_floor)

    def _choose_size(self) -> tuple[float | None, Sequence[Break]]:
        largest = self._bisect(self.every)
        if largest is None or len(self.good) == len(self.every):
            return largest, self.every
        whole = self._bisect(self.good)
        if whole is not None and whole >= _SHRINK_FOR_PHRASES * largest:
            if whole < largest:
                self.steps.append(f"phrases stay whole at {whole:g} px; parting them would allow {largest:g} px")
            return whole, self.good
        self.steps.append(
            f"phrases are parted: whole ones would allow {'no size' if whole is None else f'{whole:g} px'}"
        )
        return largest, self.every

    def _bisect(self, candidates: Sequence[Break]) -> float | None:
        """Find the largest size that fits: the ceiling, a multiple of the quantum, or the floor."""
        if self._fits(self.ceiling, candidates):
            return self.ceiling
        if not self._fits(self.rule.minimum, candidates):
            return None
        low, high = math.ceil(self.rule.minimum / QUANTUM), math.ceil(self.ceiling / QUANTUM)
        if not self._fits(low * QUANTUM, candidates):
            return self.rule.minimum
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._fits(middle * QUANTUM, candidates) else (low, middle)
        largest = low * QUANTUM
        limit = "height" if self._fits_width(largest + QUANTUM, candidates) else "width"
        self.steps.append(f"the box's {limit} allows {largest:g} px")
        return largest

    def _fits_width(self, size: float, candidates: Sequence[Break]) -> bool:
        ends = _greedy(self.paragraph, candidates, self._em(size))
        return ends is not None and len(ends) <= self.rule.lines

    def _fits(self, size: float, candidates: Sequence[Break]) -> bool:
        ends = _greedy(self.paragraph, candidates, self._em(size))
        return (
            ends is not None
            and len(ends) <= self.rule.lines
            and self._height(len(ends)) * size <= self.frame.height + 0.01
        )

    def _em(self, size: float) -> float:
        return self.frame.width / size

    def _height(self, lines: int) -> float:
        """Measure the height of a block in em: first line's rise, baselines, last line's fall."""
        if lines == 1 and self.frame.vertical == "middle":
            middle = sum(self.paragraph.zone) / 2  # the letters stand in the middle, with room above and below
            return 2 * max(self.rise - middle, self.fall + middle)
        return self.rise + (lines - 1) * self.leading + self.fall

    def _shape(self, ends: Sequence[int]) -> tuple[ShapedLine, ...]:
        return tuple(self.paragraph.line(start, stop) for start, stop in zip([0, *ends[:-1]], ends, strict=True))

    def _fits_exactly(self, lines: Sequence[ShapedLine], size: float) -> bool:
        widest = max((line.ink.right - line.ink.left for line in lines if line.ink), default=0.0)
        return widest * size <= self.frame.width + 0.01

    def _overflowing(self) -> Fitted:
        size = self.rule.minimum
        ends = _greedy(self.paragraph, self.every, self._em(size), overfull=True) or []
        lines = self._shape(ends)
        self.steps.append(f"does not fit at the floor of {size:g} px: {_lines(len(lines))}")
        return self._fitted(size, lines, overflow=True, at_floor=True)

    def _fitted(self, size: float, lines: tuple[ShapedLine, ...], *, overflow: bool, at_floor: bool) -> Fitted:
        report = FitReport(size, self.rule.minimum, len(lines), self.rule.lines, tuple(self.steps), overflow, at_floor)
        return Fitted(self.paragraph, size, lines, self.leading, report)


def largest(rule: FitRule, make: Callable[[float], Made], fits: Callable[[Made], bool]) -> tuple[Made, bool]:
    """Bisect for the largest size within a rule whose product fits; says whether the floor stopped it."""
    ceiling = max(_quantised(rule.maximum), rule.minimum)
    made = make(ceiling)
    if fits(made) or ceiling <= rule.minimum:
        return made, not fits(made)
    made = make(rule.minimum)
    low = floor = math.floor(rule.minimum / QUANTUM)
    high = math.ceil(ceiling / QUANTUM)
    while fits(made) and high - low > 1:
        middle = (low + high) // 2
        trial = make(middle * QUANTUM)
        if fits(trial):
            low, made = middle, trial
        else:
            high = middle
    return made, low == floor


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"


def _quantised(size: float) -> float:
    return math.floor(size / QUANTUM + 1e-9) * QUANTUM


def _extremes(paragraph: Paragraph) -> tuple[float, float]:
    """Give how high and how low the letters of the text's kind go in em, whichever of them it uses."""
    top, bottom = paragraph.zone
    if not paragraph.latin_like(0, len(paragraph.text)) or paragraph.text == paragraph.text.upper():
        return top, bottom
    cut = paragraph.setting.stack.primary
    glyphs = [cut.font.get_nominal_glyph(ord(letter)) for letter in "dlgpy"]
    inks = [ink for glyph in glyphs if glyph and (ink := cut.ink(glyph))]
    return max([top, *(ink.top for ink in inks)]), min([bottom, *(ink.bottom for ink in inks)])


def _greedy(
    paragraph: Paragraph, candidates: Sequence[Break], width: float, overfull: bool = False
) -> list[int] | None:
    """Fill lines one after another: the fewest lines there can be. None where a word is wider than the line."""
    ends: list[int] = []
    start, last = 0, 0
    for place in candidates:
        if paragraph.width(start, place.index) > width - _ROOM:
            if last > start:
                ends.append(last)
                start = last
            if paragraph.width(start, place.index) > width - _ROOM and not overfull:
                return None
        last = place.index
        if place.mandatory:
            ends.append(last)
            start = last
    return ends


def _balanced(paragraph: Paragraph, candidates: Sequence[Break], width: float, count: int) -> list[int]:
    """Choose the breaks of exactly `count` lines that read best: even lengths, good breaks, no short last line."""
    marks = [Break(0, 0.0, mandatory=True), *candidates]
    final = len(marks) - 1
    headline = count <= HEADLINE_LINES
    target = sum(paragraph.width(a.index, b.index) for a, b in pairwise(marks)) / count
    target = min(max(target, paragraph.width(0, marks[-1].index) / count), width)
    layer: dict[int, tuple[float, list[int]]] = {0: (0.0, [])}
    for number in range(1, count + 1):
        following: dict[int, tuple[float, list[int]]] = {}
        for first, (cost, ends) in layer.items():
            inside = 0.0
            for last in range(first + 1, final + 1):
                place = marks[last]
                if last > first + 1 and marks[last - 1].penalty <= AFTER_SENTENCE and headline and count > 1:
                    inside += _SENTENCE_INSIDE
                length = paragraph.width(marks[first].index, place.index)
                if length > width - _ROOM and last > first + 1:
                    break
                total = (
                    cost
                    + inside
                    + _cost(paragraph, marks[first].index, place, length, width, target, headline, number == count)
                )
                if (number == count) == (last == final) and (last not in following or total < following[last][0]):
                    following[last] = (total, [*ends, place.index])
                if place.mandatory:
                    break
        layer = following
    if final not in layer:
        raise AssertionError(f"greedy found {count} lines that balancing cannot make")
    return layer[final][1]


def _cost(
    paragraph: Paragraph,
    start: int,
    place: Break,
    length: float,
    width: float,
    target: float,
    headline: bool,
    last: bool,
) -> float:
    visible = paragraph.text[start : paragraph.visible(start, place.index)]
    orphan = 0.3 if last and start and len(visible) <= 2 else 0.0
    if headline:
        return ((target - length) / width) ** 2 + place.penalty + orphan
    if last or place.mandatory:
        return orphan + max(0.25 - length / width, 0.0) ** 2
    return ((width - length) / width) ** 2 + place.penalty + orphan
