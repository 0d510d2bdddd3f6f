"""A paragraph and a box → the largest size that fits, its lines, and a report of how it came about (copyfitting).

Sizes are tried by bisection in quarter pixels; lines are then balanced. Words are never broken inside: what does
not fit at the floor is set at the floor and reported. Knows nothing about where the box stands.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from flux2flow.domain.layout import FitReport
from flux2flow.domain.scene import FitRule, Vertical
from flux2flow.typography.breaking import SEVERE, Break, breaks
from flux2flow.typography.justification import FEWEST_LINES, LOOSEST, SHORTEST_LINE, justified
from flux2flow.typography.lines import Widths, balanced, greedy, last_line_penalty
from flux2flow.typography.shaping import Paragraph, ShapedLine

Made = TypeVar("Made")

QUANTUM = 0.25  # pixels

_SHRINK_FOR_PHRASES = 0.7  # phrases stay whole unless that costs more than 30 % of the size
_CLEARANCE = 0.05  # em between the ink of two lines without Latin proportions, or with stacked marks
_SMALLER_TO_JUSTIFY = 0.88  # justified text may be set so much smaller for even word spaces


@dataclass(frozen=True, slots=True)
class Frame:
    """The room for a text in pixels, and how it stands in it."""

    width: float
    height: float
    vertical: Vertical = "top"
    shape: Literal["rectangle", "ellipse"] = "rectangle"
    justify: bool = False


@dataclass(frozen=True, slots=True)
class Fitted:
    """A text at its size: shaped lines in em, the distance of its baselines in em, and the report.

    `rise` and `fall` are what the first and the last line reserve above and below their baselines, in em.
    """

    paragraph: Paragraph
    size: float
    lines: tuple[ShapedLine, ...]
    leading: float
    report: FitReport
    rise: float = 0.0
    fall: float = 0.0

    @property
    def height(self) -> float:
        """The block's height in pixels, with what is reserved above and below."""
        return (self.rise + max(len(self.lines) - 1, 0) * self.leading + self.fall) * self.size

    @property
    def width(self) -> float:
        """The widest line's ink in pixels."""
        return max((line.ink.right - line.ink.left for line in self.lines if line.ink), default=0.0) * self.size


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
        # Leading is chosen for Latin letters with a mark each; those with two would touch the line above.
        exempt = self.latin and not _stacks_marks(paragraph.text)
        self.leading = leading if exempt else max(leading, self.rise + self.fall + _CLEARANCE)
        # The room above and below does not depend on whether this copy happens to have a ‘d’ or a ‘g’.
        top, bottom = _extremes(paragraph)
        self.rise, self.fall = max(self.rise, top), max(self.fall, -bottom)
        self.ceiling = ceiling(rule)
        self.steps: list[str] = []

    def run(self) -> Fitted:
        self.steps.append(f"ceiling {self.ceiling:g} px, {_lines(self.rule.lines)} at most")
        size, candidates = self._choose_size()
        if size is None:
            return self._overflowing()
        if self.frame.justify and (even := self._justified(size, candidates)):
            size, lines = even
            self.steps.append(f"set at {size:g} px in {_lines(len(lines))}, justified")
            return self._fitted(size, lines, overflow=False, at_floor=size <= self.rule.minimum < self.ceiling)
        lines = self._lines(size, candidates)
        while not self._fits_exactly(lines, size):
            if size <= self.rule.minimum:
                return self._overflowing()
            size = max(_quantised(size - QUANTUM), self.rule.minimum)
            self.steps.append(f"ink of the set lines asks for {size:g} px")
            if self.frame.shape == "ellipse":  # fewer lines may do, and stand elsewhere in the ellipse
                lines = self._lines(size, candidates)
        at_floor = size <= self.rule.minimum < self.ceiling
        self.steps.append(f"set at {size:g} px in {_lines(len(lines))}{': the floor' if at_floor else ''}")
        return self._fitted(size, lines, overflow=False, at_floor=at_floor)

    def _lines(self, size: float, candidates: Sequence[Break]) -> tuple[ShapedLine, ...]:
        """Choose the lines at a size that the text fits at."""
        count = len(self._fill(size, candidates) or ())
        if not count:  # an ellipse's lines may fit at one size and not at a slightly smaller one
            return self._shape(greedy(self.paragraph, candidates, self._room(size, 1), overfull=True) or [])
        return self._shape(self._balanced(size, candidates, count))

    def _balanced(self, size: float, candidates: Sequence[Break], count: int, running: bool = False) -> list[int]:
        room = self._room(size, count)
        ends = balanced(self.paragraph, candidates, room, count, running)
        roomy = count < self.rule.lines and self._height(count + 1) * size <= self.frame.height + 0.01
        if ends is None and roomy:  # so few lines take more hyphens in a row than look well
            ends = balanced(self.paragraph, candidates, self._room(size, count + 1), count + 1, running)
        if ends is None:
            ends = balanced(self.paragraph, candidates, room, count, running, len(candidates))
        if ends is None:
            raise AssertionError(f"greedy found {count} lines that balancing cannot make")
        return ends

    def _justified(self, size: float, candidates: Sequence[Break]) -> tuple[float, tuple[ShapedLine, ...]] | None:
        """Find the largest size at which every line but the last fills the width with even word spaces."""
        smallest = max(self.rule.minimum, _SMALLER_TO_JUSTIFY * size)
        trial, found = size, None
        while trial >= smallest:
            ends = self._fill(trial, candidates) or []
            if len(ends) < FEWEST_LINES:
                self.steps.append(f"not justified: {_lines(len(ends))}, and it takes {FEWEST_LINES}")
                return None
            if len(self.paragraph.text) / len(ends) < SHORTEST_LINE * (1 if self.latin else 0.5):
                self.steps.append("not justified: the lines are a headline's, too short for even word spaces")
                return None
            lines = self._shape(self._balanced(trial, candidates, len(ends), running=True))
            even = justified(self.paragraph, lines, self._em(trial))
            if even is not None and self._fits_exactly(even, trial):
                found = found or (trial, even)
                if not last_line_penalty(self.paragraph, even[-1].start, even[-1].stop):
                    found = trial, even
                    break
            trial = _quantised(trial - QUANTUM)
        if found is None:
            self.steps.append(f"not justified: word spaces would be wider than {LOOSEST:g} times their own")
        elif found[0] < size:
            self.steps.append(f"even word spaces ask for {found[0]:g} px")
        return found

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
        room = "ellipse" if self.frame.shape == "ellipse" else f"box's {limit}"
        self.steps.append(f"the {room} allows {largest:g} px")
        return largest

    def _fits_width(self, size: float, candidates: Sequence[Break]) -> bool:
        ends = self._fill(size, candidates)
        return ends is not None and len(ends) <= self.rule.lines

    def _fill(self, size: float, candidates: Sequence[Break]) -> list[int] | None:
        """Fill lines at a size; None where a word is too wide. In an ellipse the room depends on how many lines."""
        if self.frame.shape == "rectangle":
            return greedy(self.paragraph, candidates, self._room(size, 1))
        for count in range(1, self.rule.lines + 1):
            room = self._room(size, count)
            ends = greedy(self.paragraph, candidates, room)
            if ends is not None and len(ends) <= count:  # words may have to move down to the narrower lines
                ends = balanced(self.paragraph, candidates, room, count)
                if ends is not None:
                    return ends
        return None

    def _room(self, size: float, count: int) -> Widths:
        """Give each line's room in em in a block of so many lines."""
        if self.frame.shape == "rectangle":
            width = self._em(size)
            return lambda _: width
        half, high = self.frame.width / 2, self.frame.height / 2
        first = (sum(self.paragraph.zone) - (count - 1) * self.leading) / 2  # below the middle, as a text is placed

        def chord(number: int) -> float:
            baseline = (first + number * self.leading) * size
            far = max(abs(baseline - self.rise * size), abs(baseline + self.fall * size))
            return 2 * half * math.sqrt(1 - (far / high) ** 2) / size if far < high else 0.0

        return chord

    def _fits(self, size: float, candidates: Sequence[Break]) -> bool:
        ends = self._fill(size, candidates)
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
        room = self._room(size, len(lines))
        wide = ((line.ink.right - line.ink.left) * size - room(at) * size for at, line in enumerate(lines) if line.ink)
        return max(wide, default=0.0) <= 0.01

    def _overflowing(self) -> Fitted:
        size = self.rule.minimum
        width = self._em(size) * (math.sqrt(0.5) if self.frame.shape == "ellipse" else 1.0)
        ends = greedy(self.paragraph, self.every, lambda _: width, overfull=True) or []
        lines = self._shape(ends)
        self.steps.append(f"does not fit at the floor of {size:g} px: {_lines(len(lines))}")
        return self._fitted(size, lines, overflow=True, at_floor=True)

    def _fitted(self, size: float, lines: tuple[ShapedLine, ...], *, overflow: bool, at_floor: bool) -> Fitted:
        report = FitReport(size, self.rule.minimum, len(lines), self.rule.lines, tuple(self.steps), overflow, at_floor)
        return Fitted(self.paragraph, size, lines, self.leading, report, self.rise, self.fall)


def ceiling(rule: FitRule) -> float:
    """Give the largest size of a rule: a multiple of the quantum, and never below the floor."""
    return max(_quantised(rule.maximum), rule.minimum)


def largest(rule: FitRule, make: Callable[[float], Made], fits: Callable[[Made], bool]) -> tuple[Made, bool]:
    """Bisect for the largest size within a rule whose product fits; says whether the floor stopped it."""
    top = ceiling(rule)
    made = make(top)
    if fits(made) or top <= rule.minimum:
        return made, not fits(made)
    made = make(rule.minimum)
    low = floor = math.floor(rule.minimum / QUANTUM)
    high = math.ceil(top / QUANTUM)
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


def _stacks_marks(text: str) -> bool:
    """Say whether a letter carries two marks or more, composed or not, as ế and ộ in Vietnamese do."""
    marks = 0
    for character in unicodedata.normalize("NFD", text):
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > 1:
            return True
    return False


def _extremes(paragraph: Paragraph) -> tuple[float, float]:
    """Give how high and how low the letters of the text's kind go in em, whichever of them it uses."""
    top, bottom = paragraph.zone
    if not paragraph.latin_like(0, len(paragraph.text)) or paragraph.text == paragraph.text.upper():
        return top, bottom
    cut = paragraph.setting.stack.primary
    glyphs = [cut.font.get_nominal_glyph(ord(letter)) for letter in "dlgpy"]
    inks = [ink for glyph in glyphs if glyph and (ink := cut.ink(glyph))]
    return max([top, *(ink.top for ink in inks)]), min([bottom, *(ink.bottom for ink in inks)])
