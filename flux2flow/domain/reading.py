"""What a reader sees in a picture, and how far it is from what was meant. Knows no reader and no limit."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from flux2flow.domain.measures import Box

_PLAIN = str.maketrans(
    {character: plain for plain, group in {
        "'": "‘’‚‛′`´", '"': "“”„‟″«»", "-": "‐‑‒–—―−", "·": "•∙⋅・", ",": "，、", ":": "：",
    }.items() for character in group}
)  # fmt: skip
_UNSEEN = re.compile(r"[\s\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u2069\ufe00-\ufe0f\ufeff]+")


@dataclass(frozen=True, slots=True)
class ReadLine:
    """One line as it was read: its words, the box around it in canvas pixels, and the reader's trust, 0 to 1."""

    text: str
    box: Box
    confidence: float


@dataclass(frozen=True, slots=True)
class Readback:
    """Words as they were meant and as they were read, with the number of single-character errors between them."""

    wanted: str
    read: str
    errors: int
    characters: int

    @property
    def error_rate(self) -> float:
        """Errors per character that was meant."""
        return self.errors / max(self.characters, 1)


def compare(wanted: str, read: str) -> Readback:
    """Count the errors between two texts in their comparable forms."""
    meant = comparable(wanted)
    return Readback(wanted, read, edit_distance(meant, comparable(read)), len(meant))


def comparable(text: str) -> str:
    """Reduce a text to what every reader can tell apart: no blanks, one kind of quote and of dash, composed letters."""
    composed = unicodedata.normalize("NFKC", _UNSEEN.sub("", text.translate(_PLAIN)))
    return _UNSEEN.sub("", composed.translate(_PLAIN))


def edit_distance(one: str, other: str) -> int:
    """Count the insertions, deletions and replacements that turn one text into the other (Levenshtein)."""
    if len(one) < len(other):
        one, other = other, one
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        previous, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (left != right))
    return row[-1]
