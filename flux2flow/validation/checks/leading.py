"""Set lines → lines that touch each other, or stand nearer than their script bears."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.layout import Glyph, PlacedLine, PlacedText
from flux2flow.domain.measures import Box
from flux2flow.interfaces import CheckSubject
from flux2flow.validation.subjects import about, main_script, running_texts

FLOORS = {"ARABIC": 1.1, "HEBREW": 0.95, "DEVANAGARI": 1.15, "BENGALI": 1.15, "TAMIL": 1.1, "THAI": 1.2, "LAO": 1.2,
          "KHMER": 1.25, "MYANMAR": 1.3}  # fmt: skip
"""Baseline distance as a multiple of the size. Marks above and below stack higher than Latin accents do: W3C's layout
requirements for these scripts show that lines set closer clip or touch; the numbers are read off Noto's extents."""

FLOOR = 0.88
"""For every other script: Latin capitals with an accent (0.95 em) and descenders (0.2 em) meet just above it."""

TOUCH = 0.01
"""Ems of common ink, on both axes, that is a touch and not the rounding of an outline."""


class _Leading:
    id = "leading"
    aliases = ("T14",)
    title = "Line distance"
    rationale = (
        "Lines too close let a descender run into the accent below it, and scripts that stack marks are cut first: "
        "Arabic, Thai, Devanagari. The ink of two lines must not meet, and their baselines stand at least as far apart "
        "as the script bears. A tight headline in capitals passes as long as nothing touches. T14."
    )
    level: Level = "warn"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """At most one finding per text."""
        for text in running_texts(subject):
            found = next(_problems(text), None)
            if found is not None:
                message, box, measured, limit = found
                remedy = "Raise the style's leading for this language: styles.<style>.locales.<locale>.leading."
                yield about(
                    self, subject, text, message, box=box, measured=measured, limit=limit, remedy=remedy
                )  # fmt: skip


def _problems(text: PlacedText) -> Iterator[tuple[str, Box, str, str]]:
    for upper, lower in zip(text.lines, text.lines[1:], strict=False):
        touching = _touching(upper, lower, TOUCH * text.fit.size)
        if touching is not None:
            one, other, box = touching
            where = "in the next column" if upper.vertical else "in the line below"
            message = f"‘{text.text[one.cluster]}’ touches ‘{text.text[other.cluster]}’ {where}"
            across = box.width if upper.vertical else box.height
            yield message, box, f"{across:.1f} px of common ink", "0 px"
        if upper.vertical:
            continue  # the floors are for marks above and below, and scripts that have them do not run downwards
        script = main_script(upper.text + lower.text)
        floor = FLOORS.get(script, FLOOR)
        distance = _baseline(lower) - _baseline(upper)
        if 0 < distance < floor * text.fit.size - 0.01 and script in FLOORS:
            ratio = distance / text.fit.size
            message = f"the lines stand {ratio:.2f} of the size apart; {script.title()} needs {floor:g}"
            yield message, lower.box, f"{ratio:.2f}", f"{floor:g}"


def _touching(upper: PlacedLine, lower: PlacedLine, least: float) -> tuple[Glyph, Glyph, Box] | None:
    below = [(glyph, glyph.ink) for run in lower.runs for glyph in run.glyphs if glyph.ink is not None]
    for run in upper.runs:
        for glyph in run.glyphs:
            if glyph.ink is None:
                continue
            for other, ink in below:
                common = glyph.ink.intersection(ink)
                if common.width > least and common.height > least:
                    return glyph, other, common
    return None


def _baseline(line: PlacedLine) -> float:
    glyphs = [glyph for run in line.runs for glyph in run.glyphs]
    return sorted(glyph.y for glyph in glyphs)[len(glyphs) // 2] if glyphs else line.box.bottom


CHECK = _Leading()
