"""Set lines → words that were parted where they should not be, or too often. Knows no dictionary of syllables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.layout import PlacedText
from flux2flow.domain.measures import Box
from flux2flow.interfaces import CheckSubject
from flux2flow.validation.subjects import UNSPACED, about, is_headline, runs, script, stop

IN_A_ROW = 2
"""Hyphenated line ends that may follow each other (Chicago Manual of Style 2.112 allows two, many houses three)."""

BEFORE, AFTER = 2, 3
"""Letters that stay before the hyphen and that go to the next line; TeX's own defaults for English."""

SHY = "\u00ad"
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+\.\S+|\b[\w-]+\.(?:com|org|net|de|fr|io|eu|co|jp)\b\S*")


class _Hyphenation:
    id = "hyphenation"
    aliases = ("T11",)
    title = "Hyphenation"
    rationale = (
        "A hyphen in a headline, a brand's name or an address is a mistake wherever syllables part; fragments of "
        "one or two letters and a ladder of more than two hyphens disturb reading. Found from the set lines, so "
        "that soft hyphens in the copy are held to the same rules. A compound's own hyphen at a line's end is none "
        "of these. T11."
    )
    level: Level = "warn"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per parted word that breaks a rule, and one per ladder."""
        for text in subject.layout.texts():
            if any(run.rotated for run in runs(text)):
                continue
            parted = dict(_parted(text))
            for number, place in parted.items():
                problem = _problem(subject, text, place)
                if problem:
                    yield self._finding(subject, text, problem, text.lines[number].box)
            row = 0
            for number in range(len(text.lines)):
                row = row + 1 if number in parted else 0
                if row == IN_A_ROW + 1:
                    message = f"more than {IN_A_ROW} lines in a row end in a hyphen"
                    yield self._finding(subject, text, message, text.lines[number].box)

    def _finding(self, subject: CheckSubject, text: PlacedText, message: str, box: Box) -> Finding:
        remedy = "Shorten or widen the text here, or take hyphenation from this style."
        return about(self, subject, text, message, box=box, remedy=remedy)


def _parted(text: PlacedText) -> Iterator[tuple[int, int]]:
    """Find lines that end inside a word: their number, and the index of the next line's first character."""
    for number in range(len(text.lines) - 1):
        place = stop(text, number)
        before, after = text.text[place - 1], text.text[place]
        letters = script(before), script(after)
        if before == SHY or (all(letters) and not UNSPACED.intersection(letters) and letters[0] != "HANGUL"):
            yield number, place


def _problem(subject: CheckSubject, text: PlacedText, place: int) -> str:
    whole = text.text
    start = max(whole.rfind(gap, 0, place) for gap in " \n\u00a0\u202f-‐–/") + 1
    ends = [index for gap in " \n\u00a0\u202f-‐–/" if (index := whole.find(gap, place)) >= 0]
    end = min(ends, default=len(whole))
    word = whole[start:end].replace(SHY, "").strip(".,;:!?()“”«»„\"'")
    shown = f"‘{whole[start:place].strip(SHY)}-{whole[place:end]}’"
    if is_headline(subject, text):
        return f"a word of the headline is parted: {shown}"
    if any(start < place < stop for start, stop in _names(whole, subject.standards.names)):
        return f"the name in {shown} is parted"
    if any(match.start() < place < match.end() for match in _ADDRESS.finditer(whole)):
        return f"an address is parted: {shown}"
    first = sum(character.isalpha() for character in whole[start:place])
    rest = sum(character.isalpha() for character in whole[place:end])
    if first < BEFORE or rest < AFTER:
        return f"‘{word}’ is parted after {first} and before {rest} letters: {shown}"
    return ""


def _names(text: str, names: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    plain = [index for index, character in enumerate(text) if character != SHY]
    shown = "".join(text[index] for index in plain)
    for name in names:
        for match in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", shown, re.IGNORECASE):
            yield plain[match.start()], plain[match.end() - 1] + 1


CHECK = _Hyphenation()
