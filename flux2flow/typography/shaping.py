"""Text → shaped paragraphs in em: runs of one face, script and level, with kerning, ligatures, marks and tracking.

Everything is shaped once at the font's own units and scales linearly, so that fitting never shapes per size. Knows
nothing about boxes and pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import uharfbuzz as hb

from flux2flow.typography import bidi, east_asian
from flux2flow.typography.fonts import Cut, FontStack, InkBox

# Scripts whose letters join or hang from a common line: tracking would tear them (T16).
_JOINED = (
    "Arab Syrc Mong Nkoo Mand Phag Adlm Rohg Sogd Sogo Mani Phlp Ougr Chrs Aran "
    "Deva Beng Guru Gujr Orya Taml Telu Knda Mlym Sinh Tibt Khmr Mymr Laoo Thai"
)
JOINED = frozenset(_JOINED.split())
_EAST_ASIAN = frozenset({"Hani", "Hira", "Kana", "Bopo"})
_NO_SCRIPT = frozenset({"Zyyy", "Zinh", "Zzzz", ""})
SOFT_HYPHEN = "\u00ad"
Features = tuple[tuple[str, int], ...]
Ranges = tuple[tuple[int, int, int], ...]
"""Stretches of text with a feature's value in each: (start, stop, value)."""
_TRAILING = " \n\t\u3000\u200b"


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
    """Glyphs of one cut in visual order."""

    cut: Cut
    fallback: bool
    level: int
    script: str
    glyphs: tuple[ShapedGlyph, ...]


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
    """A stretch of text that is shaped as one: the number of its cut in the stack, its script and its level."""

    start: int
    stop: int
    cut: int
    script: str
    level: int


@dataclass(frozen=True, slots=True)
class Setting:
    """What shapes a text besides its words."""

    stack: FontStack
    language: str
    base: int
    tracking: float
    features: Features = ()


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
    current = next((script for script in own if script not in _NO_SCRIPT), "Latn")
    result = []
    for script in own:
        current = current if script in _NO_SCRIPT else script
        result.append(current)
    return result


@lru_cache(maxsize=16384)
def _shape(
    cut: Cut,
    text: str,
    start: int,
    stop: int,
    script: str,
    rtl: bool,
    language: str,
    features: Features,
    halves: Ranges,
) -> tuple[ShapedGlyph, ...]:
    buffer = hb.Buffer()
    buffer.add_str(text, start, stop - start)
    buffer.direction = "rtl" if rtl else "ltr"
    buffer.script = script
    buffer.language = language
    values: dict[str, int | list[tuple[int, int, int]]] = dict(features)
    if halves:
        values["halt"] = list(halves)
    hb.shape(cut.font, buffer, values)
    em = 1 / cut.upem
    return tuple(
        ShapedGlyph(glyph.codepoint, glyph.cluster, place.x_advance * em, place.x_offset * em, place.y_offset * em)
        for glyph, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True)
    )


class Paragraph:
    """A text in one setting: widths of any stretch of it at once, and exact lines when the breaks are known."""

    def __init__(self, text: str, setting: Setting) -> None:
        self.text = text
        self.setting = setting
        self._cuts = setting.stack.assign(text)
        self._scripts = scripts(text)
        self._levels = _levels(text, setting.base)
        eastern = setting.language.split("-")[0] in ("ja", "zh")
        self._halves = east_asian.half_width(text) if eastern else frozenset()
        self._gaps = east_asian.gaps(text) if eastern else frozenset()
        self._advance = [0.0] * len(text)
        self._lead, self._trail = list(self._advance), list(self._advance)
        self._tops, self._bottoms = list(self._advance), list(self._advance)
        self._lines: dict[tuple[int, int], ShapedLine] = {}
        self._measure()

    @classmethod
    def of(cls, text: str, setting: Setting) -> Paragraph:
        """Give the paragraph of a text in a setting; the latest ones are kept."""
        return _paragraph(text, setting)

    @cached_property
    def _sums(self) -> list[float]:
        sums = [0.0]
        for advance in self._advance:
            sums.append(sums[-1] + advance)
        return sums

    @cached_property
    def _hyphen(self) -> float:
        return sum(
            glyph.advance for glyph in _shape(self.setting.stack.primary, "-", 0, 1, "Latn", False, "und", (), ())
        )

    def visible(self, start: int, stop: int) -> int:
        """Give the end of a line's visible part: trailing spaces hang outside."""
        while stop > start and self.text[stop - 1] in _TRAILING:
            stop -= 1
        return stop

    def width(self, start: int, stop: int) -> float:
        """Measure the ink width of a stretch in em, from the shaping of the whole text."""
        stop = self.visible(start, stop)
        if stop <= start:
            return 0.0
        width = self._sums[stop] - self._sums[start] - self._lead[start] - self._trail[stop - 1]
        return width + self._hyphen if self.text[stop - 1] == SOFT_HYPHEN else width

    def line(self, start: int, stop: int) -> ShapedLine:
        """Shape one line exactly: its own white space, its own order, a hyphen where a soft one became its end."""
        stop = self.visible(start, stop)
        if (start, stop) not in self._lines:
            self._lines[start, stop] = self._line(start, stop)
        return self._lines[start, stop]

    def _line(self, start: int, stop: int) -> ShapedLine:
        text = self.text
        if stop > start and text[stop - 1] == SOFT_HYPHEN:
            text = f"{text[: stop - 1]}-{text[stop:]}"
        levels = bidi.line_levels(self.text, self._levels, start, stop, self.setting.base)
        runs = [self._run(text, item) for item in self._items(start, stop, levels)]
        ordered = tuple(runs[number] for number in bidi.visual_order([run.level for run in runs]))
        ordered = _without_last_tracking(ordered, self.setting)
        advance = sum(glyph.advance for run in ordered for glyph in run.glyphs)
        return ShapedLine(start, stop, ordered, advance, _ink(ordered))

    @cached_property
    def zone(self) -> tuple[float, float]:
        """Top and bottom of the letters of the script that most of the text is in, in em (see `Cut.zone`)."""
        counts: dict[tuple[str, int], int] = {}
        for character, script, cut in zip(self.text, self._scripts, self._cuts, strict=True):
            if script_of(character) not in _NO_SCRIPT:
                counts[script, cut] = counts.get((script, cut), 0) + 1
        script, cut = max(counts, key=lambda key: counts[key]) if counts else ("Latn", 0)
        return self.setting.stack.cuts[cut].zone(script)

    def rise(self, start: int, stop: int) -> float:
        """Measure how far a stretch rises above the baseline, in em: its ink, and at least its letters' height."""
        return max(self.zone[0], max(self._tops[start:stop], default=0.0))

    def fall(self, start: int, stop: int) -> float:
        """Measure how far a stretch's ink falls below the baseline, in em."""
        return max(-min(self._bottoms[start:stop], default=0.0), 0.0)

    def latin_like(self, start: int, stop: int) -> bool:
        """Say whether a stretch has Latin proportions throughout: Greek, Cyrillic and the like, and digits."""
        return all(script in ("Latn", "Grek", "Cyrl", "Armn", "Cher") for script in self._scripts[start:stop])

    def _items(self, start: int, stop: int, levels: Sequence[int]) -> list[Item]:
        keys = list(zip(self._cuts[start:stop], self._scripts[start:stop], levels, strict=True))
        edges = [place for place in range(1, len(keys)) if keys[place] != keys[place - 1]]
        firsts, lasts = [0, *edges], [*edges, len(keys)]
        return [
            Item(start + first, start + last, *keys[first])
            for first, last in zip(firsts, lasts, strict=True)
            if last > first
        ]

    def _run(self, text: str, item: Item) -> ShapedRun:
        setting, cut = self.setting, self.setting.stack.cuts[item.cut]
        tracking = 0.0 if item.script in JOINED else setting.tracking
        features = {"kern": 1, "chws": 1}  # chws: what `halves` does, by the font itself
        if tracking:
            features |= {"liga": 0, "clig": 0}  # a ligature cannot be tracked
        features |= dict(setting.features)
        halves: Ranges = ()
        if self._halves and cut.has("halt") and not cut.has("chws") and not {"halt", "palt"} & features.keys():
            halves = tuple((at, at + 1, 1) for at in sorted(self._halves) if item.start <= at < item.stop)
        rtl, given = bool(item.level % 2), tuple(features.items())
        glyphs = _shape(cut, text, item.start, item.stop, item.script, rtl, setting.language, given, halves)
        spaced = _spaced(glyphs, tracking, self._gaps, item.stop)
        return ShapedRun(cut, item.cut > 0, item.level, item.script, spaced)

    def _measure(self) -> None:
        """Note every cluster's advance, the white at its logical start and end, and how far its ink rises and falls."""
        for item in self._items(0, len(self.text), self._levels):
            run = self._run(self.text, item)
            clusters: dict[int, list[ShapedGlyph]] = {}
            for glyph in run.glyphs:
                clusters.setdefault(glyph.cluster, []).append(glyph)
            firsts = sorted(clusters)
            for cluster, following in zip(firsts, [*firsts[1:], item.stop], strict=True):
                part = ShapedRun(run.cut, False, run.level, run.script, tuple(clusters[cluster]))
                advance = sum(glyph.advance for glyph in part.glyphs)
                self._advance[cluster] = advance
                ink = None if self.text[cluster] == "\n" else _ink((part,))
                if ink is not None:
                    left, right = ink.left, advance - ink.right
                    self._lead[cluster], self._trail[following - 1] = (right, left) if run.level % 2 else (left, right)
                    self._tops[cluster], self._bottoms[cluster] = ink.top, ink.bottom


@lru_cache(maxsize=512)
def _paragraph(text: str, setting: Setting) -> Paragraph:
    return Paragraph(text, setting)


def _levels(text: str, base: int) -> list[int]:
    result: list[int] = []
    for part in text.split("\n"):
        result += [*bidi.levels(part, base), base]
    return result[: len(text)]


def _spaced(
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


def _without_last_tracking(runs: tuple[ShapedRun, ...], setting: Setting) -> tuple[ShapedRun, ...]:
    if not runs or not setting.tracking or runs[-1].script in JOINED or not runs[-1].glyphs:
        return runs
    *before, run = runs
    *kept, last = run.glyphs
    tight = ShapedGlyph(last.id, last.cluster, last.advance - setting.tracking, last.x_offset, last.y_offset)
    return (*before, ShapedRun(run.cut, run.fallback, run.level, run.script, (*kept, tight)))


def _ink(runs: Sequence[ShapedRun]) -> InkBox | None:
    """Unite the ink of runs set one after another."""
    pen, left, bottom, right, top = 0.0, float("inf"), float("inf"), float("-inf"), float("-inf")
    for run in runs:
        for glyph in run.glyphs:
            ink = run.cut.ink(glyph.id)
            if ink is not None:
                x = pen + glyph.x_offset
                left, right = min(left, x + ink.left), max(right, x + ink.right)
                bottom, top = min(bottom, glyph.y_offset + ink.bottom), max(top, glyph.y_offset + ink.top)
            pen += glyph.advance
    return InkBox(left, bottom, right, top) if right > left else None
