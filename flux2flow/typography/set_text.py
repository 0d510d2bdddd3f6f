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
from flux2flow.domain.layout import Glyph, GlyphRun, PlacedLine, PlacedText
from flux2flow.domain.measures import Box, Color
from flux2flow.domain.scene import Align, FitRule, TextDirection, Type, Vertical
from flux2flow.interfaces import FileSource
from flux2flow.typography import casing
from flux2flow.typography.fitting import Fitted, Frame, fit
from flux2flow.typography.fonts import FontStack, has_optical_size, stack
from flux2flow.typography.shaping import Paragraph, Setting, ShapedLine

OPTICAL_SIZES = tuple(
    map(
        float,
        (8, 9, 10, 11, 12, 14, 16, 18, 20, 22, 25, 28, 32, 36, 40, 45, 50, 56, 64, 72, 80, 90, 100, 112, 128, 144),
    )
)
"""Sizes at which optical axes are set: an eighth apart at most, which no eye tells, so that shaping is shared."""


@dataclass(frozen=True, slots=True)
class Typesetter:
    """What every text of a scene shares: fonts, language, direction, and the names that stay whole."""

    fonts: Sequence[FontFile]
    files: FileSource
    language: str
    direction: TextDirection
    unbroken: tuple[str, ...] = ()
    _stacks: dict[tuple[tuple[str, ...], int, float], FontStack] = field(default_factory=dict, compare=False)

    def paragraph(self, text: str, type: Type, optical_size: float) -> Paragraph:
        """Shape a text in a style; `text` is set as it stands (see `words`)."""
        key = (type.families, type.weight, optical_size)
        if key not in self._stacks:
            self._stacks[key] = stack(*key, self.fonts, self.files)
        faces = self._stacks[key]
        base = 1 if self.direction == "rtl" else 0
        return Paragraph.of(text, Setting(faces, self.language, base, type.tracking, type.features))

    def words(self, text: str, type: Type) -> str:
        """Give the characters that are set for a copy text: white space tidied, capitals where the style asks.

        Raises TypographyError for a text that no picture can hold.
        """
        casing.admit(text)
        tidied = casing.tidy(text)
        return casing.upper(tidied, self.language, self.unbroken) if type.upper else tidied

    def fit(self, text: str, type: Type, frame: Frame, rule: FitRule) -> Fitted:
        """Fit a text; where a font has optical sizes, at the optical size that belongs to the size found."""
        optical = _optical(max(rule.maximum, rule.minimum))
        fitted = fit(self.paragraph(text, type, optical), frame, rule, type.leading, self.unbroken)
        if has_optical_size(type.families, self.fonts):
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
        lines, size = fitted.lines, fitted.size
        first = _first_baseline(fitted, box, vertical) if baseline is None else baseline
        placed = []
        for number, line in enumerate(lines):
            x = _pen(line, size, box, align, self.direction)
            placed.append(
                _placed_line(fitted.paragraph, line, size, x, first + number * fitted.leading * size, type.color)
            )
        inks = [glyph.ink for line in placed for run in line.runs for glyph in run.glyphs if glyph.ink is not None]
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
    ) -> PlacedText:
        """Fit a text into its box and place it there."""
        fitted = self.fit(self.words(text, type), type, Frame(box.width, box.height, vertical), rule)
        return self.place(id, fitted, type, box, align, vertical, max_chars=max_chars)


def inside(box: Box, width: float, height: float, align: Align, vertical: Vertical, direction: TextDirection) -> Box:
    """Place a rectangle in a box by its logical alignment."""
    left = {"start": 0.0, "center": 0.5, "end": 1.0}[align]
    x = box.x + (box.width - width) * (left if direction == "ltr" else 1 - left)
    y = box.y + (box.height - height) * {"top": 0.0, "middle": 0.5, "bottom": 1.0}[vertical]
    return Box(x, y, width, height)


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


def _placed_line(paragraph: Paragraph, line: ShapedLine, size: float, x: float, y: float, color: Color) -> PlacedLine:
    pen, runs = x, []
    for run in line.runs:
        glyphs = []
        for glyph in run.glyphs:
            at_x, at_y = pen + glyph.x_offset * size, y - glyph.y_offset * size
            ink = run.cut.ink(glyph.id)
            box = None
            if ink is not None:
                box = Box(
                    at_x + ink.left * size,
                    at_y - ink.top * size,
                    (ink.right - ink.left) * size,
                    (ink.top - ink.bottom) * size,
                )
            glyphs.append(Glyph(glyph.id, at_x, at_y, glyph.cluster, box))
            pen += glyph.advance * size
        runs.append(GlyphRun(run.cut.reference, size, color, tuple(glyphs), run.fallback))
    metrics = paragraph.setting.stack.primary.metrics
    box = Box(x, y - metrics.ascender * size, pen - x, (metrics.ascender - metrics.descender) * size)
    return PlacedLine(paragraph.text[line.start : line.stop], line.start, box, tuple(runs))


def _dominant_x_height(fitted: Fitted) -> float:
    """Give the x-height of the cut that sets most glyphs."""
    counts: dict[float, int] = {}
    for line in fitted.lines:
        for run in line.runs:
            height = run.cut.metrics.x_height
            counts[height] = counts.get(height, 0) + len(run.glyphs)
    return max(counts, key=lambda height: counts[height]) if counts else 0.0


def _union(boxes: Sequence[Box]) -> Box:
    union = boxes[0]
    for box in boxes[1:]:
        union = union.union(box)
    return union
