"""Runs of one face, script, level and span: their shapes in em by HarfBuzz, with tracking and ink.

What a paragraph is made of; how it is cut into runs is decided in `shaping`. Knows no lines and no boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import uharfbuzz as hb

from flux2flow.domain.scene import TextSpan
from flux2flow.typography import east_asian
from flux2flow.typography.fonts import Cut, FontStack, InkBox

# Scripts whose letters join or hang from a common line: tracking would tear them (T16).
_JOINED = (
    "Arab Syrc Mong Nkoo Mand Phag Adlm Rohg Sogd Sogo Mani Phlp Ougr Chrs Aran "
    "Deva Beng Guru Gujr Orya Taml Telu Knda Mlym Sinh Tibt Khmr Mymr Laoo Thai"
)
JOINED = frozenset(_JOINED.split())
_EAST_ASIAN = frozenset({"Hani", "Hira", "Kana", "Bopo"})
NO_SCRIPT = frozenset({"Zyyy", "Zinh", "Zzzz", ""})
SOFT_HYPHEN = "\u00ad"
Features = tuple[tuple[str, int], ...]
Ranges = tuple[tuple[int, int, int], ...]
"""Stretches of text with a feature's value in each: (start, stop, value)."""
Orientation = Literal["horizontal", "upright", "rotated"]
ICON = "\ufffc"


@dataclass(frozen=True, slots=True)
class ShapedGlyph:
    """A glyph in em: its advance includes tracking, its offsets move it from the pen."""

    id: int
    cluster: int
    advance: float
    x_offset: float
    y_offset: float


@dataclass(frozen=True, slots=True)
class ShapedRun:
    """Glyphs of one cut in visual order, in em of the paragraph.

    `span` numbers the setting's spans from 1; 0 is the paragraph itself. `scale` is the size of the run's own em,
    `grow` how far a stroke reaches beyond the glyphs' ink. An icon's run has one glyph and an ink box of its own.
    """

    cut: Cut
    fallback: bool
    level: int
    script: str
    glyphs: tuple[ShapedGlyph, ...]
    span: int = 0
    scale: float = 1.0
    tracking: float = 0.0
    grow: float = 0.0
    orientation: Orientation = "horizontal"
    icon: InkBox | None = None

    def ink(self, glyph: ShapedGlyph) -> InkBox | None:
        """Give a glyph's ink in the paragraph's em, counted from the glyph's own point; None where it has none."""
        if self.icon is not None:
            return self.icon
        ink = self.cut.ink(glyph.id)
        if ink is None or (self.scale == 1.0 and not self.grow and self.orientation != "upright"):
            return ink
        left, bottom, right, top = (side * self.scale for side in (ink.left, ink.bottom, ink.right, ink.top))
        if self.orientation == "upright":  # x runs down the page, y to its right
            left, bottom, right, top = -top, left, -bottom, right
        return InkBox(left - self.grow, bottom - self.grow, right + self.grow, top + self.grow)


@dataclass(frozen=True, slots=True)
class ShapedLine:
    """One line in em, runs in visual order. `ink` counts from the pen's start, upwards from the baseline."""

    start: int
    stop: int
    runs: tuple[ShapedRun, ...]
    advance: float
    ink: InkBox | None


@dataclass(frozen=True, slots=True)
class Item:
    """A stretch of text that is shaped as one: the number of its cut in its stack, its script, level and span."""

    start: int
    stop: int
    cut: int
    script: str
    level: int
    span: int = 0
    orientation: Orientation = "horizontal"
    group: int = -1
    """Where a few digits stand side by side in a column: the first one's index."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a paragraph in a setting of its own; `icon` is the ratio of the icon that stands for it.

    `source` is what the scene says of it: its colour and decoration travel with it through shaping.
    """

    start: int
    stop: int
    stack: FontStack
    tracking: float = 0.0
    features: Features = ()
    scale: float = 1.0
    shift: float = 0.0
    grow: float = 0.0
    icon: float | None = None
    source: TextSpan | None = None
    synthetic: bool = False
    padding: float = 0.0
    """How far the box behind its letters reaches beyond them, in em of its own."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What shapes a text besides its words."""

    stack: FontStack
    language: str
    base: int
    tracking: float
    features: Features = ()
    spans: tuple[Span, ...] = ()
    grow: float = 0.0
    vertical: bool = False

    def of(self, number: int) -> Span:
        """Give a span by its number; number 0 stands for all that no span covers."""
        return (
            self.spans[number - 1] if number else Span(0, 0, self.stack, self.tracking, self.features, 1, 0, self.grow)
        )


@lru_cache(maxsize=8192)
def script_of(character: str) -> str:
    """Give a character's script by its ISO 15924 code; Zyyy or Zinh where it belongs to several."""
    buffer = hb.Buffer()
    buffer.language = "und"  # else HarfBuzz asks the process's locale
    buffer.add_str(character)
    buffer.guess_segment_properties()
    return str(buffer.script or "Zyyy")


def scripts(text: str) -> list[str]:
    """Give every character a script to be shaped in: common ones take the one before them, else the one after."""
    own = ["Hani" if (script := script_of(character)) in _EAST_ASIAN else script for character in text]
    current = next((script for script in own if script not in NO_SCRIPT), "Latn")
    result = []
    for script in own:
        current = current if script in NO_SCRIPT else script
        result.append(current)
    return result


@lru_cache(maxsize=16384)
def shape(
    cut: Cut,
    text: str,
    start: int,
    stop: int,
    script: str,
    direction: str,
    language: str,
    features: Features,
    halves: Ranges,
) -> tuple[ShapedGlyph, ...]:
    """Shape a stretch of a text, its neighbours seen; `halves` are the marks that give up half their width."""
    buffer = hb.Buffer()
    buffer.add_str(text, start, stop - start)
    buffer.direction = direction
    buffer.script = script
    buffer.language = language
    values: dict[str, int | list[tuple[int, int, int]]] = dict(features)
    if halves:
        values["vhal" if direction == "ttb" else "halt"] = list(halves)
    hb.shape(cut.font, buffer, values)
    em = 1 / cut.upem
    if direction == "ttb":
        return tuple(
            ShapedGlyph(
                glyph.codepoint, glyph.cluster, -place.y_advance * em, -place.y_offset * em, place.x_offset * em
            )
            for glyph, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True)
        )
    return tuple(
        ShapedGlyph(glyph.codepoint, glyph.cluster, place.x_advance * em, place.x_offset * em, place.y_offset * em)
        for glyph, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True)
    )


def scaled(glyph: ShapedGlyph, scale: float) -> ShapedGlyph:
    """Give a glyph at a part of its size."""
    x, y = glyph.x_offset * scale, glyph.y_offset * scale
    return ShapedGlyph(glyph.id, glyph.cluster, glyph.advance * scale, x, y)


def spaced(
    glyphs: tuple[ShapedGlyph, ...], tracking: float, gaps: frozenset[int], stop: int
) -> tuple[ShapedGlyph, ...]:
    """Add tracking after the last glyph of every cluster, and the gaps beside Latin; marks stay where they are."""
    if not tracking and not gaps:
        return glyphs
    result = []
    firsts = sorted({glyph.cluster for glyph in glyphs})
    ends = dict(zip(firsts, [*firsts[1:], stop], strict=True))
    for place, glyph in enumerate(glyphs):
        last = place + 1 == len(glyphs) or glyphs[place + 1].cluster != glyph.cluster
        if last:
            extra = tracking + (east_asian.GAP if ends[glyph.cluster] - 1 in gaps else 0.0)
            glyph = replace(glyph, advance=glyph.advance + extra)
        result.append(glyph)
    return tuple(result)


def padded(glyphs: tuple[ShapedGlyph, ...], cluster: int, room: float, *, before: bool) -> tuple[ShapedGlyph, ...]:
    """Leave room on one side of a cluster: on its left where `before`, else on its right."""
    places = [place for place, glyph in enumerate(glyphs) if glyph.cluster == cluster]
    if not places or room <= 0:
        return glyphs
    result = list(glyphs)
    if before:
        for place in places:
            result[place] = replace(result[place], x_offset=result[place].x_offset + room)
    result[places[-1]] = replace(result[places[-1]], advance=result[places[-1]].advance + room)
    return tuple(result)


def without_last_tracking(runs: tuple[ShapedRun, ...]) -> tuple[ShapedRun, ...]:
    """Take the tracking after a line's last glyph away."""
    if not runs or not runs[-1].tracking or not runs[-1].glyphs:
        return runs
    *before, run = runs
    *kept, last = run.glyphs
    return (*before, replace(run, glyphs=(*kept, replace(last, advance=last.advance - run.tracking))))


def ink_of(runs: Sequence[ShapedRun]) -> InkBox | None:
    """Unite the ink of runs set one after another."""
    pen, left, bottom, right, top = 0.0, float("inf"), float("inf"), float("-inf"), float("-inf")
    for run in runs:
        for glyph in run.glyphs:
            ink = run.ink(glyph)
            if ink is not None:
                x = pen + glyph.x_offset
                left, right = min(left, x + ink.left), max(right, x + ink.right)
                bottom, top = min(bottom, glyph.y_offset + ink.bottom), max(top, glyph.y_offset + ink.top)
            pen += glyph.advance
    return InkBox(left, bottom, right, top) if right > left else None
