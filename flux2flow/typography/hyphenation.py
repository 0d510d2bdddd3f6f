"""Copy → the places where its words may part with a hyphen, for styles that ask for hyphenation.

Liang's patterns by pyphen (the extra `intl`). Only running text is touched: never a headline of one or two lines, a
name, an address, a figure, a short word, or a text's last word. Knows nothing about widths: the ladder puts soft
hyphens there, `breaking` prices them, fitting allows HYPHENS_IN_A_ROW of them one after another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from flux2flow.typography.breaking import SOFT_HYPHEN
from flux2flow.typography.casing import names_in

LEAST_LETTERS = 6
HEADLINE_LINES = 2
"""A text of so few lines is a headline, and headlines are not hyphenated."""

_BEFORE, _AFTER = 2, 3  # letters that stay on the line, and that go to the next one (Duden, Chicago)
# Which of pyphen's dictionaries a bare language means; pyphen itself takes the first by the alphabet, so that `de`
# would be Austria's and `en` Britain's.
_REGIONS = {"de": "de_DE", "en": "en_US", "pt": "pt_PT", "no": "nb_NO", "sr-latn": "sr_Latn", "sr-cyrl": "sr"}
_CAPITALS_FOR_NOUNS = frozenset({"de", "lb"})
_ADDRESS = re.compile(r"(?<!\S)\S*(?:[@/#\\_]|://|\.\w)\S*")
_WORD = re.compile(rf"(?<![\w'’{SOFT_HYPHEN}-])[^\W\d_]{{{LEAST_LETTERS},}}(?![\w'’{SOFT_HYPHEN}-])")
# Latin, Greek, Cyrillic, Armenian, Georgian: what other scripts do not do needs no patterns.
_OF_HYPHENATED_SCRIPTS = re.compile("[A-Za-z\u00c0-\u024f\u0370-\u058f\u10a0-\u10ff\u1e00-\u1fff]")
_SENTENCE_START = re.compile(r"(?:^|[.!?…:\n]\s*|[¿¡„“«\"(]\s*)$")


def hyphenation_available(language: str) -> bool:
    """Say whether words of a language can be hyphenated here: pyphen is installed and has its patterns."""
    return _dictionary(language) is not None


def hyphen_places(text: str, language: str, lines: int, unbroken: Iterable[str] = ()) -> tuple[int, ...]:
    """List the indices before which a text may show a hyphen when set in at most `lines` lines, in order."""
    dictionary = _dictionary(language)
    if dictionary is None or lines <= HEADLINE_LINES:
        return ()
    kept = [*names_in(text, unbroken), *(match.span() for match in _ADDRESS.finditer(text))]
    last = max((match.start() for match in re.finditer(r"\S+", text)), default=0)
    result: list[int] = []
    for match in _WORD.finditer(text):
        outside = all(match.end() <= start or stop <= match.start() for start, stop in kept)
        if outside and match.start() < last and _may_part(text, match, language):
            result += [match.start() + place for place in _syllables(match[0], dictionary)]
    return tuple(result)


def patterns_missing(text: str, language: str, lines: int) -> bool:
    """Say whether a text of at most `lines` lines would be hyphenated, were there patterns for its language."""
    if lines <= HEADLINE_LINES or SOFT_HYPHEN in text or hyphenation_available(language):
        return False
    letters = sum(character.isalpha() for character in text)
    return _WORD.search(text) is not None and 2 * len(_OF_HYPHENATED_SCRIPTS.findall(text)) > letters


def _may_part(text: str, match: re.Match[str], language: str) -> bool:
    """Keep proper names and acronyms whole: a capital inside a sentence means one, but in German."""
    word = match[0]
    if word.isupper():
        return text.isupper()
    if not word[1:].islower() and word != word.lower():
        return False  # iPhone, McDonald
    if not word[0].isupper() or language.split("-")[0].lower() in _CAPITALS_FOR_NOUNS:
        return True
    return _SENTENCE_START.search(text, 0, match.start()) is not None


def _syllables(word: str, dictionary: Any) -> list[int]:
    """List where a word may part; places where its spelling would change (Hungarian asz-szony) are left out."""
    return [
        int(place)
        for place in dictionary.positions(word)
        if place.data is None and _BEFORE <= place <= len(word) - _AFTER
    ]


@lru_cache(maxsize=32)
def _dictionary(language: str) -> Any | None:
    if find_spec("pyphen") is None:
        return None
    pyphen = import_module("pyphen")  # untyped, and lazily: it lists its dictionaries at import
    tag = language.replace("_", "-").lower()
    found = pyphen.language_fallback(_REGIONS.get(tag, tag))
    return None if found is None else pyphen.Pyphen(lang=found)
