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
_MIDDLE = frozenset("：；・")


def half_width(text: str, language: str = "ja") -> frozenset[int]:
    """Find the marks that give up their blank half: closing before closing and colons, opening after any.

    By CSS Text 4 (`text-spacing-trim`); in Chinese, quotation marks are full-width marks, too.
    """
    opening, closing = _OPENING, _CLOSING
    if language.startswith(("zh", "yue")):
        opening, closing = opening | frozenset("“‘"), closing | frozenset("”’")
    found = set()
    for place in range(len(text) - 1):
        before, after = text[place], text[place + 1]
        if before in closing and (after in closing or after in _MIDDLE):
            found.add(place)
        elif after in opening and (before in opening or before in closing or before in _MIDDLE or before == "\u3000"):
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
