"""Text → where East Asian spacing changes: marks that give up half their width, and thin gaps beside Latin.

By JLREQ: of two full-width marks that meet, the blank half between them goes; between kanji or kana and Latin letters
or figures stands an eighth of an em (CSS `text-autospace`). Knows nothing about fonts.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

GAP = 0.125
"""Between kanji or kana and Latin letters or figures, in em."""

_OPENING = frozenset("（〔［｛〈《「『【〘〖")
_CLOSING = frozenset("）〕］｝〉》」』】〙〗、。，．")


def half_width(text: str) -> frozenset[int]:
    """Find the marks that give up their blank half: closing ones before any mark, opening ones after their like."""
    found = set()
    for place in range(len(text) - 1):
        before, after = text[place], text[place + 1]
        if before in _CLOSING and (after in _CLOSING or after in _OPENING):
            found.add(place)
        elif before in _OPENING and after in _OPENING:
            found.add(place + 1)
    return frozenset(found)


def gaps(text: str) -> frozenset[int]:
    """Find the characters after which a thin gap stands: East Asian and Latin letters or figures meet there."""
    kinds = [_kind(character) for character in text]
    return frozenset(place for place in range(len(text) - 1) if {kinds[place], kinds[place + 1]} == {"wide", "narrow"})


@lru_cache(maxsize=4096)
def _kind(character: str) -> str:
    if unicodedata.category(character)[0] not in "LN":
        return ""
    return "wide" if unicodedata.east_asian_width(character) in ("W", "F") else "narrow"
