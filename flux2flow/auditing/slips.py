"""Words that no dictionary has, as they were read → findings, and which of them may be slips of the reader.

A slip of the writer stands in the pixels and is read again; a slip of the reader has known forms. Knows no dictionary.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from flux2flow.auditing.seen import SeenPicture, SeenText
from flux2flow.domain.finding import Finding
from flux2flow.domain.measures import Box
from flux2flow.domain.reading import edit_distance

SURE = 0.9
"""The reader's trust in a line from which a word is taken as it was read; on clean type it is 0.95 and more."""
ALIKE = (("rn", "m"), ("cl", "d"), ("vv", "w"), ("ii", "u"), ("l", "I"), ("l", "i"), ("l", "t"), ("f", "t"), ("I", "i"))
"""Shapes that are taken for each other, both ways."""

_WORD = re.compile(r"\w+(?:['-]\w+)*")


class Words(Protocol):
    """What a language's words are asked."""

    def holds(self, word: str) -> bool:
        """Say whether a word is one."""
        ...

    def guesses(self, word: str) -> Sequence[str]:
        """Guess what was meant."""
        ...


def weighed(
    found: Sequence[Finding], seen: SeenPicture, again: Mapping[Box, Sequence[str]], words: Words
) -> Iterator[Finding]:
    """Weigh findings of the spelling check (its `measured` is the word, its layer `line N`).

    `again` holds further readings of each line. What may be the reader's slip is a note that says so.
    """
    for finding in found:
        number = finding.layer.removeprefix("line ")
        if not number.isdecimal():
            yield finding
            continue
        line = seen.texts[int(number) - 1]
        slip = _slip(finding.measured, line, again.get(line.box, ()), words) or _broken(
            finding.measured, line, seen, words
        )
        if slip:
            yield replace(finding, level="info", message=f"{finding.message} ({slip})", remedy="Look at the picture.")
        else:
            yield finding


def _slip(word: str, line: SeenText, again: Sequence[str], words: Words) -> str:
    """Say what else the reader may have had before it; empty where the word stands as it was read."""
    if line.confidence < SURE:
        return f"read with a trust of {line.confidence:.2f}"
    other = next((text for text in again if _plain(word) not in _WORD.findall(_plain(text))), None)
    if other is not None:
        return f"read as ‘{other.strip()}’ another time"
    for variant in _variants(word):
        if words.holds(variant):
            return f"‘{variant}’, if it was misread"
    bare, guesses = _bare(word), words.guesses(word)
    meant = next((guess for guess in guesses if guess != word and _bare(guess) == bare), "")
    if meant:
        return f"‘{meant}’, if an accent was misread"
    # A slip of one letter explains more than a lost space does: ‘Monring’ is no ‘Mon ring’.
    if any(" " not in guess and "-" not in guess and _one_slip(word, guess) for guess in guesses):
        return "‘a’ and a word, if a space was lost" if word[0] in "AaI" and words.holds(word[1:]) else ""
    cuts = ((word[:i], word[i:]) for i in range(1, len(word)))
    joined = any((len(one) > 1 or one in "AaI") and words.holds(one) and words.holds(two) for one, two in cuts)
    return "two words, if a space was lost" if joined else ""


def _one_slip(word: str, meant: str) -> bool:
    """Whether one letter was left out, added, changed, or changed places with its neighbour."""
    one, other = word.casefold(), meant.casefold()
    if edit_distance(one, other) <= 1:
        return True
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    return len(one) == len(other) and one[:at] + one[at + 1 : at + 2] + one[at : at + 1] + one[at + 2 :] == other


def _variants(word: str) -> Iterator[str]:
    """Yield the word with one shape taken for another, at each place."""
    for pair in ALIKE:
        for shape, other in (pair, pair[::-1]):
            at = word.find(shape)
            while at >= 0:
                yield word[:at] + other + word[at + len(shape) :]
                at = word.find(shape, at + 1)


def _broken(word: str, line: SeenText, seen: SeenPicture, words: Words) -> str:
    """Say whether the word is a part of one that is broken over two lines by a hyphen."""
    for upper, lower in ((line, _next(line, seen)), (_before(line, seen), line)):
        if upper is None or lower is None or not upper.text.rstrip().endswith(("-", "‐", "\u00ad")):
            continue
        first, last = upper.text.split()[-1].rstrip("-‐\u00ad"), lower.text.split()[0].strip(".,:;!?")
        if word in (first, last) and words.holds(first + last):
            return f"a part of ‘{first + last}’"
    return ""


def _next(line: SeenText, seen: SeenPicture) -> SeenText | None:
    """Find the line right below, set in the same column."""
    below = [
        other
        for other in seen.texts
        if other.box.y > line.box.y + 0.5 * line.box.height
        and other.box.y < line.box.bottom + 1.5 * line.box.height
        and other.box.x < line.box.right
        and other.box.right > line.box.x
    ]
    return min(below, key=lambda other: other.box.y, default=None)


def _before(line: SeenText, seen: SeenPicture) -> SeenText | None:
    return next((other for other in seen.texts if _next(other, seen) == line), None)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).replace("’", "'").casefold()


def _bare(word: str) -> str:
    """Take away accents and case."""
    decomposed = unicodedata.normalize("NFD", word.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))
