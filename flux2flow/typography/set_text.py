"""One text, its style and its box → placed glyphs in canvas pixels.

The only module that turns em into pixels. Start and end are logical; edges are optical: the ink, not the side bearing,
stands on the box's edge, and the letters of a single line, not its
descenders, stand in its middle.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from flux2flow.domain.campaign import FontFile
from flux2flow.domain.layout import PlacedText
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import Align, FitRule, TextDirection, TextSpan, Type, Vertical, Writing
from flux2flow.interfaces import FileSource
from flux2flow.typography import casing
from flux2flow.typography.decoration import Axis
from flux2flow.typography.fitting import Fitted, Frame, fit
from flux2flow.typography.fonts import Cut, FontStack, has_optical_size, stack
from flux2flow.typography.set_line import place_line
from flux2flow.typography.shaping import Paragraph, Setting, ShapedLine, Span
from flux2flow.typography.words import Words, WordSpan, worded

OPTICAL_SIZES = tuple(
    map(
        float,
        (8, 9, 10, 11, 12, 14, 16, 18, 20, 22, 25, 28, 32, 36, 40, 45, 50, 56, 64, 72, 80, 90, 100, 112, 128, 144),
    )
)
"""Sizes at which optical axes are set: an eighth apart at most, which no eye tells, so that shaping is shared."""


_StackKey = tuple[tuple[str, ...], int, float, tuple[tuple[str, float], ...]]
# A column begins at the top of its box, and the first one stands at its right.
_ALONG: dict[Vertical, Align] = {"top": "start", "middle": "center", "bottom": "end"}
_ACROSS: dict[Align, Vertical] = {"start": "top", "center": "middle", "end": "bottom"}


@dataclass(frozen=True, slots=True)
class Typesetter:
    """What every text of a scene shares: fonts, language, direction, and the names that stay whole."""

    fonts: Sequence[FontFile]
    files: FileSource
    language: str
    direction: TextDirection
    unbroken: tuple[str, ...] = ()
    _stacks: dict[_StackKey, FontStack] = field(default_factory=dict, compare=False)

    def paragraph(self, words: str | Words, type: Type, optical_size: float) -> Paragraph:
        """Shape a text in a style; it is set as it stands (see `words` and `worded`)."""
        if isinstance(words, str):
            words = Words(words)
        faces = self._stack(type, optical_size)
        vertical = words.writing == "vertical"
        base = 1 if self.direction == "rtl" and not vertical else 0
        spans = tuple(self._span(span, optical_size) for span in words.spans)
        setting = Setting(faces, self.language, base, type.tracking, type.features, spans, _grow(type), vertical)
        return Paragraph.of(words.text, setting)

    def _stack(self, type: Type, optical_size: float) -> FontStack:
        key = (type.families, type.weight, optical_size, type.axes)
        if key not in self._stacks:
            self._stacks[key] = stack(*key[:3], self.fonts, self.files, type.axes)
        return self._stacks[key]

    def _span(self, span: WordSpan, optical_size: float) -> Span:
        type, icon = span.source.type, span.source.icon
        ratio = icon.picture.width / icon.picture.height if icon is not None else None
        faces = self._stack(type, _optical(optical_size * type.scale) if type.scale != 1.0 else optical_size)
        return Span(
            span.start, span.stop, faces, type.tracking, type.features, type.scale, type.shift, _grow(type), ratio,
            span.source, span.synthetic, _padding(type),
        )  # fmt: skip

    def words(self, text: str, type: Type) -> str:
        """Give the characters that are set for a copy text: white space tidied, capitals where the style asks.

        Raises TypographyError for a text that no picture can hold.
        """
        casing.admit(text)
        tidied = casing.tidy(text)
        return casing.upper(tidied, self.language, self.unbroken) if type.upper else tidied

    def worded(self, text: str, type: Type, spans: Sequence[TextSpan] = (), writing: Writing = "horizontal") -> Words:
        """Give the characters that are set for a copy text and its spans; raises TypographyError as `words` does."""
        if not spans and type.small_caps == "none":
            return Words(self.words(text, type), (), writing)
        casing.admit(text)

        def cut(own: Type) -> Cut:
            return self._stack(own, OPTICAL_SIZES[0]).primary

        return worded(text, type, spans, writing, cut, lambda part: casing.upper(part, self.language, self.unbroken))

    def fit(self, text: str | Words, type: Type, frame: Frame, rule: FitRule) -> Fitted:
        """Fit a text; where a font has optical sizes, at the optical size that belongs to the size found.

        A column is fitted as a line: the frame's width is then the columns' height.
        """
        optical = _optical(max(rule.maximum, rule.minimum))
        fitted = fit(self.paragraph(text, type, optical), frame, rule, type.leading, self.unbroken)
        families = {*type.families, *(name for span in _spans_of(text) for name in span.source.type.families)}
        if has_optical_size(tuple(families), self.fonts):
            for _ in range(2):  # small sizes are spaced wider, so that the size found may move once more
                if _optical(fitted.size) == optical:
                    break
                optical = _optical(fitted.size)
                fitted = fit(self.paragraph(text, type, optical), frame, rule, type.leading, self.unbroken)
        return fitted

    def place(
        self,
        id: str,
        fitted: Fitted,
        type: Type,
        box: Box,
        align: Align,
        vertical: Vertical,
        *,
        max_chars: int | None = None,
        baseline: float | None = None,
    ) -> PlacedText:
        """Place a fitted text inside a box; a `baseline` for the first line overrides the vertical alignment."""
        lines, size, vertically = fitted.lines, fitted.size, fitted.paragraph.setting.vertical
        area = Box(0, 0, box.height, box.width) if vertically else box
        if vertically:  # columns are lines that run downwards, the first one at the right
            align, vertical = _ALONG[vertical], _ACROSS[align]
        direction: TextDirection = "ltr" if vertically else self.direction
        first = _first_baseline(fitted, area, vertical) if baseline is None else baseline
        placed = []
        for number, line in enumerate(lines):
            x, y = _pen(line, size, area, align, direction), first + number * fitted.leading * size
            axis = Axis(box.right - y, box.y + x, size, True) if vertically else Axis(x, y, size, False)
            placed.append(place_line(fitted.paragraph, line, axis, type))
        runs = [run for line in placed for run in line.runs]
        inks = [
            glyph.ink.grown(run.stroke.width) if run.stroke else glyph.ink
            for run in runs
            for glyph in run.glyphs
            if glyph.ink is not None
        ]
        inks += [icon.box for line in placed for icon in line.icons]
        ink = _union(inks) if inks else Box(box.x, box.y, 0, 0)
        text = fitted.paragraph.text
        x_height = _dominant_x_height(fitted) * size
        return PlacedText(id, text, box, ink, tuple(placed), fitted.report, x_height, type.weight, max_chars)

    def set(
        self,
        id: str,
        text: str,
        type: Type,
        box: Box,
        align: Align,
        vertical: Vertical,
        rule: FitRule,
        max_chars: int | None = None,
        *,
        spans: Sequence[TextSpan] = (),
        writing: Writing = "horizontal",
    ) -> PlacedText:
        """Fit a text into its box and place it there."""
        frame = Frame(box.width, box.height, vertical)
        if writing == "vertical":
            frame = Frame(box.height, box.width, _ACROSS[align])
        fitted = self.fit(self.worded(text, type, spans, writing), type, frame, rule)
        return self.place(id, fitted, type, box, align, vertical, max_chars=max_chars)


def inside(box: Box, width: float, height: float, align: Align, vertical: Vertical, direction: TextDirection) -> Box:
    """Place a rectangle in a box by its logical alignment."""
    left = {"start": 0.0, "center": 0.5, "end": 1.0}[align]
    x = box.x + (box.width - width) * (left if direction == "ltr" else 1 - left)
    y = box.y + (box.height - height) * {"top": 0.0, "middle": 0.5, "bottom": 1.0}[vertical]
    return Box(x, y, width, height)


def _padding(type: Type) -> float:
    return type.decoration.highlight.padding if type.decoration and type.decoration.highlight else 0.0


def _spans_of(text: str | Words) -> tuple[WordSpan, ...]:
    return () if isinstance(text, str) else text.spans


def _grow(type: Type) -> float:
    """Give how far a style's stroke reaches beyond its letters, in em."""
    return type.decoration.stroke.width if type.decoration and type.decoration.stroke else 0.0


def _optical(size: float) -> float:
    return OPTICAL_SIZES[max(bisect_right(OPTICAL_SIZES, size) - 1, 0)]


def _first_baseline(fitted: Fitted, box: Box, vertical: Vertical) -> float:
    """Find the first line's baseline; ink never leaves a box that has room for it."""
    paragraph, size, lines = fitted.paragraph, fitted.size, fitted.lines
    if not lines:
        return box.y
    rise = paragraph.rise(lines[0].start, lines[0].stop) * size
    fall = paragraph.fall(lines[-1].start, lines[-1].stop) * size
    block = (len(lines) - 1) * fitted.leading * size
    highest, lowest = box.y + rise, box.bottom - fall - block
    if vertical == "top":
        return highest
    if vertical == "bottom":
        return lowest
    top, bottom = paragraph.zone
    middle = box.y + (box.height - block + (top + bottom) * size) / 2
    return min(max(middle, highest), lowest) if highest <= lowest else (highest + lowest) / 2


def _pen(line: ShapedLine, size: float, box: Box, align: Align, direction: TextDirection) -> float:
    left, right = (line.ink.left * size, line.ink.right * size) if line.ink else (0.0, line.advance * size)
    if align == "center":
        return box.x + (box.width - left - right) / 2
    if (align == "start") == (direction == "ltr"):
        return box.x - left
    return box.right - right


def _dominant_x_height(fitted: Fitted) -> float:
    """Give the x-height of the cut that sets most glyphs."""
    counts: dict[float, int] = {}
    for line in fitted.lines:
        for run in line.runs:
            height = run.cut.metrics.x_height * run.scale
            counts[height] = counts.get(height, 0) + len(run.glyphs)
    return max(counts, key=lambda height: counts[height]) if counts else 0.0


def _union(boxes: Sequence[Box]) -> Box:
    union = boxes[0]
    for box in boxes[1:]:
        union = union.union(box)
    return union
