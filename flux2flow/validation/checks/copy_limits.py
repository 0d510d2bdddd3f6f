"""Set text and Format → copy that is too long for its slot or platform."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.layout import PlacedText
from flux2flow.interfaces import CheckSubject

HEADLINE = "headline"
"""The layer that a platform's headline limit is about."""


class _CopyLimits:
    id = "copy-limits"
    aliases = ("T21",)
    title = "Copy limits"
    rationale = (
        "Platforms and slots limit characters, and count a double-width one (kanji, kana, hangul, full-width forms) "
        "twice; marks that stand on another character, and soft hyphens, count nothing. The platform's headline limit "
        "holds for the layer named ‘headline’. T21."
    )
    level: Level = "fail"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per layer and limit it breaks."""
        for text in subject.layout.texts():
            width = columns(text.text)
            for whose, limit in _limits(text, subject):
                if width > limit:
                    message = f"‘{text.text[:48]}’ is {width} characters wide; {whose} allows {limit}"
                    yield self._finding(subject, text, message, str(width), str(limit), "Shorten it.")

    def _finding(
        self, subject: CheckSubject, text: PlacedText, message: str, measured: str, limit: str, remedy: str
    ) -> Finding:
        return Finding(self.id, self.level, message, subject.scene.id, text.id, text.ink, measured, limit, remedy)


def columns(text: str) -> int:
    """Characters as platforms count them: double-width ones twice, combining marks and format characters not at all."""
    counted = (c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) not in ("Mn", "Me", "Cf"))
    return sum(2 if unicodedata.east_asian_width(character) in ("W", "F") else 1 for character in counted)


def _limits(text: PlacedText, subject: CheckSubject) -> Iterator[tuple[str, int]]:
    if text.max_chars is not None:
        yield "its slot", text.max_chars
    if text.id == HEADLINE and subject.format.headline_limit is not None:
        yield subject.format.id, subject.format.headline_limit


CHECK = _CopyLimits()
