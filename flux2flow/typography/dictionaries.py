"""Thai, Lao, Khmer and Burmese, which leave no space between words → where words begin, by ICU's dictionaries.

ICU comes with the extra `intl`. Without it these scripts break at spaces only, and `needs_dictionary` with
`dictionary_available` tells a check so. Knows nothing about lines.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.util import find_spec

# Letters and marks of Line_Break=SA, by script and the language of ICU's dictionary; digits and stops break by UAX #14.
_STRETCHES = {
    "th": re.compile("[\u0e01-\u0e3a\u0e40-\u0e4e]+"),
    "lo": re.compile("[\u0e81-\u0ece\u0edc-\u0edf]+"),
    "my": re.compile("[\u1000-\u103f\u1050-\u108f\u109a-\u109f\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f]+"),
    "km": re.compile("[\u1780-\u17d3\u17d7\u17dc\u17dd]+"),
}
# Languages in the Burmese script of which ICU has no words: Shan, Mon, the Karen languages, Aiton, Phake, Khamti.
_WITHOUT_WORDS = frozenset({"shn", "mnw", "ksw", "kyu", "pwo", "kjp", "blk", "aio", "phk", "kht"})


def needs_dictionary(text: str, language: str) -> bool:
    """Say whether a text has words that only a dictionary can part, in a language that has one."""
    return any(True for _ in _stretches(text, language))


def dictionary_available() -> bool:
    """Say whether ICU is installed (the extra `intl`)."""
    return find_spec("icu4py") is not None


def word_starts(text: str, language: str) -> frozenset[int]:
    """Find where words begin inside stretches without spaces; nothing where ICU is not installed."""
    stretches = tuple(_stretches(text, language))
    if not stretches or not dictionary_available():
        return frozenset()
    return frozenset(start + place for script, start, letters in stretches for place in _words(letters, script))


def _stretches(text: str, language: str) -> list[tuple[str, int, str]]:
    """List the stretches of letters with their script's language and their place; one letter is no stretch."""
    if language.replace("_", "-").split("-")[0].lower() in _WITHOUT_WORDS:
        return []
    return [
        (script, match.start(), match[0])
        for script, pattern in _STRETCHES.items()
        for match in pattern.finditer(text)
        if len(match[0]) > 1
    ]


@lru_cache(maxsize=1024)
def _words(letters: str, script: str) -> frozenset[int]:
    from icu4py.breakers import LineBreaker  # 30 ms and 40 MB: only these scripts pay them

    starts, place = set(), 0
    for word in LineBreaker(letters, script):  # its `segments` count UTF-16 units; the words themselves do not
        place += len(word)
        starts.add(place)
    return frozenset(starts - {len(letters)})
