"""Text → shaped paragraphs in em: runs of one face, script, level and span, with kerning, ligatures, marks, tracking.

Everything is shaped once at the font's own units and scales linearly, so that fitting never shapes per size. A line
lies along x, a column too: x then runs down the page and y to its right. Knows nothing about boxes and pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from itertools import pairwise

from flux2flow.typography import bidi, casing, east_asian, vertical
from flux2flow.typography.fonts import Cut, InkBox
from flux2flow.typography.runs import (
    ICON,
    JOINED,
    NO_SCRIPT,
    SOFT_HYPHEN,
    Item,
    Orientation,
    Ranges,
    Setting,
    ShapedGlyph,
    ShapedLine,
    ShapedRun,
    Span,
    ink_of,
    padded,
    scaled,
    script_of,
    scripts,
    shape,
    spaced,
    without_last_tracking,
)  # fmt: skip

__all__ = [
    "ICON", "JOINED", "SOFT_HYPHEN", "Paragraph", "Setting", "ShapedGlyph", "ShapedLine", "ShapedRun", "Span",
    "script_of", "scripts",
]  # fmt: skip

_TRAILING = " \n\t\u3000\u200b"
_ICON_HEIGHT = 1.16  # of the letters' height: a drawing as high as capitals looks smaller than they do
_ICON_SIDE = 0.06  # em free on both sides of an icon
_BESIDE_BOX = 0.05  # em free between a highlight's box and letters beside it
_WORD_SPACE = 0.2  # em of a word space, at least


class Paragraph:
    """A text in one setting: widths of any stretch of it at once, and exact lines when the breaks are known."""

    def __init__(self, text: str, setting: Setting) -> None:
        self.text = text
        self.setting = setting
        self._spans = _spans(len(text), setting.spans)
        self._settings = tuple(setting.of(number) for number in range(len(setting.spans) + 1))
        self._shown = self._with_capitals()
        self._cuts = self._assigned()
        self._scripts = scripts(text)
        self._levels = _levels(text, setting.base)
        self._orientations = self._turned()
        self._groups = vertical.side_by_side(text) if setting.vertical else [-1] * len(text)
        eastern = setting.language.split("-")[0] in ("ja", "zh")
        self._halves = east_asian.half_width(text, setting.language) if eastern else frozenset()
        self._gaps = east_asian.gaps(text) if eastern else frozenset()
        if setting.vertical:  # digits that stand side by side take an em of the column, as a kanji does
            self._gaps = frozenset(at for at in self._gaps if self._groups[at] < 0 and self._groups[at + 1] < 0)
        self._advance = [0.0] * len(text)
        self._lead, self._trail = list(self._advance), list(self._advance)
        self._tops, self._bottoms = list(self._advance), list(self._advance)
        self._lines: dict[tuple[int, int], ShapedLine] = {}
        self._measure()

    @classmethod
    def of(cls, text: str, setting: Setting) -> Paragraph:
        """Give the paragraph of a text in a setting; the latest ones are kept."""
        return _paragraph(text, setting)

    def _with_capitals(self) -> str:
        """Give the text as it is shown: capitals stand for the small capitals that a font lacks, letter for letter."""
        if not any(span.synthetic for span in self._settings):
            return self.text
        places = zip(self.text, self._spans, strict=True)
        return "".join(
            casing.capital(letter, self.setting.language) if self._settings[number].synthetic else letter
            for letter, number in places
        )

    def _assigned(self) -> list[int]:
        """Choose every character's cut in its own stack, each stack seeing the whole text around its spans."""
        by_stack = {self.setting.stack: self.setting.stack.assign(self._shown)}
        stacks = [span.stack for span in self._settings]
        for stack in stacks:
            if stack not in by_stack:
                by_stack[stack] = stack.assign(self._shown)
        return [by_stack[stacks[number]][place] for place, number in enumerate(self._spans)]

    def _turned(self) -> list[Orientation]:
        """Say how every character stands: upright or rotated in a column (what a font cannot turn lies on its side)."""
        if not self.setting.vertical:
            return ["horizontal"] * len(self.text)
        kinds = vertical.orientations(self.text)
        turns = (kind == "Tr" and not self._cut(place).has("vert") for place, kind in enumerate(kinds))
        return ["rotated" if kind == "R" or turn else "upright" for kind, turn in zip(kinds, turns, strict=True)]

    def _cut(self, place: int) -> Cut:
        return self._settings[self._spans[place]].stack.cuts[self._cuts[place]]

    @cached_property
    def _sums(self) -> list[float]:
        sums = [0.0]
        for advance in self._advance:
            sums.append(sums[-1] + advance)
        return sums

    @cached_property
    def _hyphen(self) -> float:
        return sum(
            glyph.advance for glyph in shape(self.setting.stack.primary, "-", 0, 1, "Latn", "ltr", "und", (), ())
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
        text = self._shown
        if stop > start and text[stop - 1] == SOFT_HYPHEN:
            text = f"{text[: stop - 1]}-{text[stop:]}"
        levels = bidi.line_levels(self.text, self._levels, start, stop, self.setting.base)
        gaps, halves = self._gaps - {stop - 1}, self._halves  # at a line's edge nothing stands beside a mark
        if halves:
            own = east_asian.half_width(self.text[start:stop], self.setting.language)
            halves = frozenset(start + at for at in own)
        runs = [self._run(text, item, gaps, halves) for item in self._items(start, stop, levels)]
        ordered = tuple(runs[number] for number in bidi.visual_order([run.level for run in runs]))
        ordered = without_last_tracking(ordered)
        advance = sum(glyph.advance for run in ordered for glyph in run.glyphs)
        return ShapedLine(start, stop, ordered, advance, ink_of(ordered))

    @cached_property
    def zone(self) -> tuple[float, float]:
        """Top and bottom of the letters of the script that most of the text is in, in em (see `Cut.zone`)."""
        if self.setting.vertical:
            return 0.5, -0.5  # the em box about the column's middle
        counts: dict[tuple[str, int, int], int] = {}
        for character, key in zip(self.text, zip(self._scripts, self._cuts, self._spans, strict=True), strict=True):
            if script_of(character) not in NO_SCRIPT:
                counts[key] = counts.get(key, 0) + 1
        script, cut, number = max(counts, key=lambda key: counts[key]) if counts else ("Latn", 0, 0)
        span = self._settings[number]
        top, bottom = span.stack.cuts[cut].zone(script)
        return top * span.scale + span.shift, bottom * span.scale + span.shift

    def rise(self, start: int, stop: int) -> float:
        """Measure how far a stretch rises above the baseline, in em: its ink, and at least its letters' height."""
        return max(self.zone[0], max(self._tops[start:stop], default=0.0))

    def fall(self, start: int, stop: int) -> float:
        """Measure how far a stretch's ink falls below the baseline, in em."""
        return max(-min(self._bottoms[start:stop], default=0.0), 0.0, -self.zone[1] if self.setting.vertical else 0.0)

    def latin_like(self, start: int, stop: int) -> bool:
        """Say whether a stretch has Latin proportions throughout: Greek, Cyrillic and the like, and digits."""
        if self.setting.vertical or any(span.scale > 1.0 for span in self.setting.spans):
            return False  # larger letters need more than the style's leading, as other scripts do
        return all(script in ("Latn", "Grek", "Cyrl", "Armn", "Cher") for script in self._scripts[start:stop])

    def _items(self, start: int, stop: int, levels: Sequence[int]) -> list[Item]:
        part = slice(start, stop)
        own = (self._cuts, self._scripts, self._spans, self._orientations, self._groups)
        keys = list(zip(levels, *(values[part] for values in own), strict=True))
        edges = [place for place in range(1, len(keys)) if keys[place] != keys[place - 1]]
        items = []
        for first, last in pairwise([0, *edges, len(keys)] if keys else []):
            level, cut, script, span, orientation, group = keys[first]
            items.append(Item(start + first, start + last, cut, script, level, span, orientation, group))
        return items

    def _run(self, text: str, item: Item, gaps: frozenset[int], marks: frozenset[int]) -> ShapedRun:
        span = self._settings[item.span]
        if span.icon is not None:
            return self._icon_run(item, span, span.icon)
        cut = span.stack.cuts[item.cut]
        tracking = 0.0 if item.script in JOINED or item.group >= 0 else span.tracking
        features = {"kern": 1, "chws": 1}  # chws: what `halves` does, by the font itself
        if item.orientation == "upright":
            features = {"vert": 1, "vkrn": 1, "vchw": 1} if item.group < 0 else {"hwid": 1}
        if tracking:
            features |= {"liga": 0, "clig": 0}  # a ligature cannot be tracked
        features |= dict(span.features)
        upright = item.orientation == "upright" and item.group < 0
        half, contextual, proportional = ("vhal", "vchw", "vpal") if upright else ("halt", "chws", "palt")
        halves: Ranges = ()
        if marks and cut.has(half) and not cut.has(contextual) and not {half, proportional} & features.keys():
            halves = tuple((at, at + 1, 1) for at in sorted(marks) if item.start <= at < item.stop)
        direction, given = "ttb" if upright else "rtl" if item.level % 2 else "ltr", tuple(features.items())
        glyphs = shape(cut, text, item.start, item.stop, item.script, direction, self.setting.language, given, halves)
        placed = spaced(glyphs, tracking, gaps, item.stop)
        if span.padding and item.group < 0:
            placed = self._apart(placed, item, span)
        scale, shift = span.scale, span.shift
        if item.group >= 0:
            placed, scale = vertical.grouped(placed, cut, scale)
        elif item.orientation == "rotated":  # capitals about the middle of the column
            shift -= scale * cut.metrics.cap_height / 2
        if scale != 1.0 and item.group < 0:
            placed = tuple(scaled(glyph, scale) for glyph in placed)
        if shift:
            placed = tuple(replace(glyph, y_offset=glyph.y_offset + shift) for glyph in placed)
        return ShapedRun(
            cut, item.cut > 0, item.level, item.script, placed, item.span, scale, tracking * span.scale,
            span.grow * span.scale, item.orientation,
        )  # fmt: skip

    def _apart(self, glyphs: tuple[ShapedGlyph, ...], item: Item, span: Span) -> tuple[ShapedGlyph, ...]:
        """Move letters beside a highlighted span out of its box; a word space there is room already."""
        rtl = bool(item.level % 2)
        for place, beside, first in ((span.start, span.start - 1, True), (span.stop - 1, span.stop, False)):
            if not (item.start <= place < item.stop and 0 <= beside < len(self.text)) or self.text[beside] == "\n":
                continue
            if self._settings[self._spans[beside]].padding:
                continue  # the box goes on
            cluster = max((glyph.cluster for glyph in glyphs if glyph.cluster <= place), default=place)
            room = span.padding + _BESIDE_BOX - (_WORD_SPACE if self.text[beside].isspace() else 0.0)
            glyphs = padded(glyphs, cluster, room, before=first != rtl)
        return glyphs

    def _icon_run(self, item: Item, span: Span, ratio: float) -> ShapedRun:
        """Stand an icon about the middle of the letters, a little higher than they are."""
        top, bottom = self.zone
        height = (top - bottom) * _ICON_HEIGHT * span.scale
        foot = (top + bottom - height) / 2 + span.shift
        width = height * ratio
        if self.setting.vertical:
            width, height = height, width
            foot = -height / 2
        ink = InkBox(_ICON_SIDE, foot, _ICON_SIDE + width, foot + height)
        glyphs = tuple(
            ShapedGlyph(0, place, width + 2 * _ICON_SIDE, 0.0, 0.0) for place in range(item.start, item.stop)
        )
        orientation: Orientation = "upright" if self.setting.vertical else "horizontal"
        return ShapedRun(
            span.stack.primary, False, item.level, item.script, glyphs, item.span, orientation=orientation, icon=ink
        )

    def _measure(self) -> None:
        """Note every cluster's advance, the white at its logical start and end, and how far its ink rises and falls."""
        for item in self._items(0, len(self.text), self._levels):
            run = self._run(self._shown, item, self._gaps, self._halves)
            clusters: dict[int, list[ShapedGlyph]] = {}
            for glyph in run.glyphs:
                clusters.setdefault(glyph.cluster, []).append(glyph)
            firsts = sorted(clusters)
            for cluster, following in zip(firsts, [*firsts[1:], item.stop], strict=True):
                part = replace(run, glyphs=tuple(clusters[cluster]))
                advance = sum(glyph.advance for glyph in part.glyphs)
                self._advance[cluster] = advance
                ink = None if self.text[cluster] == "\n" else ink_of((part,))
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


def _spans(length: int, spans: Sequence[Span]) -> list[int]:
    """Give the number of every character's span; 0 where none covers it."""
    numbers = [0] * length
    for number, span in enumerate(spans, start=1):
        numbers[span.start : span.stop] = [number] * (min(span.stop, length) - min(span.start, length))
    return numbers
