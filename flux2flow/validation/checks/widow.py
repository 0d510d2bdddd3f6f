"""Set lines → a last line that holds too little: one short word, one character, a price or unit without its number."""

from __future__ import annotations

import re
from collections.abc import Iterable

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.layout import PlacedLine, PlacedText
from flux2flow.interfaces import CheckSubject
from flux2flow.validation.subjects import UNSPACED, about, excerpt, main_script, running_texts, stop

NARROW = 0.25
"""Of the widest line: a single word below it looks forgotten. A third still passes in a narrow headline."""

WORDS_BEFORE = 3
"""Words that the line before must hold: where every line has one or two, a last one alone is the rhythm."""

CHARACTERS = 1
"""Ideographs or kana in a last line that are too few (JLREQ, 3.1.10: avoid one character alone)."""

LONG_BEFORE = 4
"""Characters of the widest line from which a single one at the end is seen as forgotten."""

_ONLY_A_UNIT = re.compile(r"(?:[€$£¥₹%‰°℃]|[kKmMcµ]?(?:m|g|l|L|W|V|Hz|px|s)|cm|mm|km|kg|EUR|USD|CHF)[.!?]?\Z")


class _Widow:
    id = "widow"
    aliases = ("T10",)
    title = "Widow"
    rationale = (
        "A last line of one short word, of one kanji, or of a unit that lost its number looks like a mistake and "
        "wastes a line's height. Balanced setting avoids it where the box allows. A single word that is a quarter "
        "of the widest line or longer passes, and so does one after lines of one or two words: that is a narrow "
        "headline's rhythm. T10."
    )
    level: Level = "warn"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """At most one finding per text of several lines."""
        for text in running_texts(subject):
            if len(text.lines) < 2 or text.text[stop(text, len(text.lines) - 2) - 1] == "\n":
                continue  # one line, or a last line that was asked for
            problem = _problem(text)
            if problem:
                last = text.lines[-1]
                yield about(
                    self, subject, text, f"the last line holds {problem}", box=last.box, measured=excerpt(last.text),
                    remedy="Change a word, or give the box a little more or less width.",
                )  # fmt: skip


def _problem(text: PlacedText) -> str:
    last, before = text.lines[-1], text.lines[-2]
    words = last.text.split()
    if len(words) != 1:
        return ""
    word = words[0]
    if _ONLY_A_UNIT.match(word):
        return f"only the unit ‘{word}’"
    if main_script(text.text) in UNSPACED:
        letters = sum(character.isalnum() for character in word)
        longest = max(len(line.text.strip()) for line in text.lines)
        return f"only ‘{word}’" if letters <= CHARACTERS and longest >= LONG_BEFORE else ""
    share = _along(last) / max(map(_along, text.lines))
    return f"only ‘{word}’" if share < NARROW and len(before.text.split()) >= WORDS_BEFORE else ""


def _along(line: PlacedLine) -> float:
    """Measure a line in the direction it runs."""
    return line.box.height if line.vertical else line.box.width


CHECK = _Widow()
