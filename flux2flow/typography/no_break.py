"""A text and its language → where a line must not end, and where it had better not.

Numbers and their units, dates, names, French spaces, one-letter words: by the words in `domain.kept_together` and the
patterns in `no_break_table`. Knows nothing about line breaking itself.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache

from flux2flow.domain.kept_together import CURRENCY_CODES, CURRENCY_SIGNS, Words, neighbour, words_of
from flux2flow.typography.no_break_table import EVERYWHERE, PATTERNS

AVOIDED = 0.08
"""The penalty of a break after a word that had better not end a line."""

# The spaces at which UAX #14 breaks; the no-break ones (U+00A0, U+202F, U+2007) hold by themselves.
_SPACES = " \u2000-\u2006\u2008-\u200a\u205f"
_CAPITALS = "".join(chr(code) for code in range(0x41, 0x0590) if chr(code).isupper())
_SMALL = "".join(chr(code) for code in range(0x61, 0x0590) if chr(code).islower())


@lru_cache(maxsize=1024)
def held(text: str, language: str) -> frozenset[int]:
    """Find the indices of characters that never begin a line, because the text just before them holds them."""
    return frozenset(
        index
        for pattern in _compiled(neighbour(language))
        for match in pattern.finditer(text)
        for index in _places(match)
    )


@lru_cache(maxsize=1024)
def avoided(text: str, language: str) -> frozenset[int]:
    """Find the indices of characters before which a line had better not end: short words that lean forward."""
    words = words_of(language).avoided
    if not words:
        return frozenset()
    return frozenset(match.end() for match in _pattern(rf"(?<![\w’'-])(?i:{words})␣").finditer(text))


def _places(match: re.Match[str]) -> range | set[int]:
    """List the places that a match holds: those it marks, or all inside it."""
    if match.re.groups:
        return {match.end(group) for group in range(1, match.re.groups + 1) if match.start(group) >= 0}
    return range(match.start() + 1, match.end())


@lru_cache(maxsize=256)
def _compiled(language: str) -> tuple[re.Pattern[str], ...]:
    sources = (*EVERYWHERE, *_of_words(words_of(language)), *PATTERNS.get(language, ()))
    return tuple(_pattern(source) for source in sources)


def _of_words(rules: Words) -> list[str]:
    """Turn a language's lists of words into patterns; each word as it is written, or in capitals."""
    months, numbered, titles, quantities = (
        f"(?:{words}|{words.upper()})" if words else ""
        for words in (rules.months, rules.numbered, rules.titles, rules.quantities)
    )
    sources = []
    if months:
        after = r"(?!\w)" if months.isascii() else ""  # endings follow in the languages that have cases
        link = rf"(?i:{rules.day_link})␣" if rules.day_link else ""
        sources.append(rf"(?<!\d)\d{{1,2}}(?:er|re|º|ª)?␣{link}(?={months}{after})")
        if rules.month_first:
            sources.append(rf"(?<!\w){months}␣(?=\d{{1,2}}(?!\d))")
    if rules.ordinal_stop:
        sources.append(r"(?<![\d.])(?<!\d\. )\d{1,2}\.␣(?={L})")
    if numbered:
        sources.append(rf"(?<!\w){numbered}␣(?=\d|[IVX]+(?!\w))")
    if titles:  # and a name, which has a capital where there are capitals
        sources.append(rf"(?<![\w-]){titles}␣(?!{{l}})(?={{L}})")
    if quantities:  # 8 Uhr, and 5 Mio. €
        sources.append(rf"\d␣(?={quantities}(?!\w))")
        sources.append(
            rf"\d[{_SPACES}]{quantities}␣(?=[{CURRENCY_SIGNS}]|(?:{CURRENCY_CODES})(?!\w)|{quantities}(?!\w))"
        )
    if rules.short:
        sources.append(rf"(?<![\w’'-])(?i:{rules.short})␣(?=\S)")
    if rules.leaning:
        sources.append(rf"{{L}}␣(?=(?i:{rules.leaning})(?![\w-]))")
    if rules.closing:
        sources.append(rf"␣(?=[{rules.closing}])")
    if rules.opening:
        sources.append(rf"[{rules.opening}]␣")
    return sources


@lru_cache(maxsize=4096)
def _pattern(source: str) -> re.Pattern[str]:
    for mark, meaning in (
        ("␣", f"([{_SPACES}])"), ("‿", "()"), ("{L}", r"[^\W\d_]"), ("{U}", f"[{_CAPITALS}]"), ("{l}", f"[{_SMALL}]"),
    ):  # fmt: skip
        source = source.replace(mark, meaning)
    return re.compile(sys.intern(source))
