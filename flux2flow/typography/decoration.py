"""A shaped line and its spans' styles → highlights and underlines in pixels, with gaps where letters pass through.

Knows where a line's glyphs stand and how their outlines run; paints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from flux2flow.domain.layout import TextMark
from flux2flow.domain.measures import Box, Color
from flux2flow.domain.scene import Highlight, Underline
from flux2flow.typography.fonts import Cut, Segment
from flux2flow.typography.runs import ShapedGlyph, ShapedRun

_GAP = 0.9
"""Free on both sides of a letter that passes through an underline, in thicknesses of the line."""
_SHORTEST = 1.5
"""Pieces of an underline shorter than this, in thicknesses, are dropped: they look like dirt."""
_BELOW = 0.07
"""Between letters that stand below the baseline (ideographs, Arabic ones) and their underline, in em."""
_COLUMN_LINE = 0.07
"""Between a column's letters and the line at its right, in em."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Where a line lies: its pen's start on the canvas, its size, and whether it is a column."""

    x: float
    y: float
    size: float
    vertical: bool

    def box(self, left: float, bottom: float, right: float, top: float) -> Box:
        """Turn a box in em, along and across the line, into canvas pixels."""
        size = self.size
        if self.vertical:
            return Box(self.x + bottom * size, self.y + left * size, (top - bottom) * size, (right - left) * size)
        return Box(self.x + left * size, self.y - top * size, (right - left) * size, (top - bottom) * size)


@dataclass(frozen=True, slots=True)
class Look:
    """How a run of a line is decorated, and the colour of its letters."""

    highlight: Highlight | None
    underline: Underline | None
    color: Color


@dataclass(frozen=True, slots=True)
class _Part:
    """Runs side by side with one decoration: each glyph with its run and the pen before it, in em."""

    glyphs: tuple[tuple[ShapedRun, ShapedGlyph, float], ...]

    def reach(self) -> tuple[float, float] | None:
        """Give where the part's ink begins and ends along the line; white space at its ends is left out."""
        inks = [(pen + glyph.x_offset, ink) for run, glyph, pen in self.glyphs if (ink := run.ink(glyph)) is not None]
        if not inks:
            return None
        return min(x + ink.left for x, ink in inks), max(x + ink.right for x, ink in inks)

    def height(self) -> tuple[float, float]:
        """Give the lowest and highest point of the part's ink, about the baseline."""
        inks = [(glyph.y_offset, ink) for run, glyph, _ in self.glyphs if (ink := run.ink(glyph)) is not None]
        return min((y + ink.bottom for y, ink in inks), default=0.0), max((y + ink.top for y, ink in inks), default=0.0)


def highlights(
    runs: Sequence[ShapedRun], looks: Sequence[Look], axis: Axis, letters: tuple[float, float]
) -> tuple[TextMark, ...]:
    """Place a box behind every stretch of a line that has a highlight; `letters` are their top and bottom in em."""
    marks = []
    for look, part in _parts(runs, looks, lambda look: look.highlight):
        reach = part.reach()
        if look.highlight is None or reach is None:
            continue
        scale = max(run.scale for run, _, _ in part.glyphs)
        pad = look.highlight.padding * scale
        top, bottom = (side * (1 if axis.vertical else scale) for side in letters)
        low, high = part.height()
        box = axis.box(reach[0] - pad, min(bottom, low) - pad, reach[1] + pad, max(top, high) + pad)
        marks.append(TextMark(box, look.highlight.color, look.highlight.radius * scale * axis.size))
    return tuple(marks)


def underlines(
    runs: Sequence[ShapedRun], looks: Sequence[Look], axis: Axis, letters: tuple[float, float]
) -> tuple[TextMark, ...]:
    """Place the pieces of every underline of a line; in a column the line stands at its right."""
    marks = []
    for look, part in _parts(runs, looks, lambda look: (look.underline, look.color) if look.underline else None):
        reach, line = part.reach(), look.underline
        if line is None or reach is None:
            continue
        run = part.glyphs[0][0]
        offset, thickness = (side * run.scale for side in run.cut.underline())
        thickness = line.thickness * run.scale if line.thickness is not None else thickness
        thickness = max(thickness, 1 / axis.size)  # a line thinner than a pixel is a grey one
        if axis.vertical:
            top = 0.5 * run.scale + _COLUMN_LINE + thickness
        elif line.offset is not None:
            top = -line.offset * run.scale
        else:  # below what stands under the baseline anyway: ideographs do, and Arabic letters
            top = min(-offset, (letters[1] - _BELOW) * run.scale if letters[1] < -0.02 else -offset)
        bottom = top - thickness
        gaps = [] if axis.vertical or not line.skip_ink else _gaps(part, bottom, top, thickness)
        color = line.color or look.color
        for left, right in _pieces(reach, gaps, _SHORTEST * thickness):
            marks.append(TextMark(axis.box(left, bottom, right, top), color))
    return tuple(marks)


def _parts(
    runs: Sequence[ShapedRun], looks: Sequence[Look], key: Callable[[Look], object]
) -> Iterator[tuple[Look, _Part]]:
    """Unite neighbouring runs whose decoration is the same."""
    pen, part, current = 0.0, list[tuple[ShapedRun, ShapedGlyph, float]](), None
    for run, look in zip(runs, looks, strict=True):
        if part and current is not None and key(look) != key(current):
            yield current, _Part(tuple(part))
            part = []
        current = look
        for glyph in run.glyphs:
            part.append((run, glyph, pen))
            pen += glyph.advance
    if part and current is not None:
        yield current, _Part(tuple(part))


def _gaps(part: _Part, bottom: float, top: float, thickness: float) -> list[tuple[float, float]]:
    """Find the stretches of a line at which its letters pass through an underline, in order."""
    gaps = []
    room = _GAP * thickness
    for run, glyph, pen in part.glyphs:
        ink = run.ink(glyph)
        if ink is None or run.icon is not None or glyph.y_offset + ink.bottom > top:
            continue
        low, high = ((side - glyph.y_offset) / run.scale for side in (bottom - room / 2, top + room / 2))
        crossed = crossing(run.cut, glyph.id, low, high)
        if crossed is not None:
            x = pen + glyph.x_offset
            gaps += [(x + left * run.scale - room, x + right * run.scale + room) for left, right in crossed]
    return sorted(gaps)


def crossing(cut: Cut, glyph: int, low: float, high: float) -> list[tuple[float, float]] | None:
    """Find where a glyph's outline runs through a horizontal band, as stretches in em; None where it does not."""
    found: list[tuple[float, float]] = []
    for segment in cut.outline(glyph):
        clipped = _clipped(segment, low, high)
        if clipped is not None:
            found.append(clipped)
    if not found:
        return None
    found.sort()
    united = [found[0]]
    for left, right in found[1:]:
        if left <= united[-1][1] + 0.02:  # the two sides of a thin stroke
            united[-1] = (united[-1][0], max(united[-1][1], right))
        else:
            united.append((left, right))
    return _stems(united)


def _stems(stretches: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Join the two edges of one stroke: what lies within a heavy stem's width of each other."""
    joined = [stretches[0]]
    for left, right in stretches[1:]:
        if left - joined[-1][1] < 0.28:
            joined[-1] = (joined[-1][0], right)
        else:
            joined.append((left, right))
    return joined


def _clipped(segment: Segment, low: float, high: float) -> tuple[float, float] | None:
    """Give the stretch along x of the part of a straight piece that lies between two heights."""
    x, y, ex, ey = segment
    if max(y, ey) < low or min(y, ey) > high:
        return None
    if y == ey:
        return min(x, ex), max(x, ex)
    ends = [min(max((level - y) / (ey - y), 0.0), 1.0) for level in (low, high)]
    places = [x + (ex - x) * end for end in ends]
    return min(places), max(places)


def _pieces(
    reach: tuple[float, float], gaps: Sequence[tuple[float, float]], shortest: float
) -> Iterator[tuple[float, float]]:
    """Cut the gaps out of a stretch."""
    left, end = reach
    for start, stop in gaps:
        if start - left >= shortest:
            yield left, start
        left = max(left, stop)
    if end - left >= shortest:
        yield left, end
