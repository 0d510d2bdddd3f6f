r"""Light markup → plain text and its spans: `*accent*`, `[words]{style}`, `:icon:`; a backslash sets a sign as it is.

Knows signs, not what styles and icons a kit has. What cannot be markup is plain: a star after a digit or a Latin
letter, or beside spaces or stars (`5*`, `2 * 3`, `***`); a colon that no name and second colon follow; brackets
without braces.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

SIGNS = "\\*[]{}:"
ICON = "\ufffc"
"""OBJECT REPLACEMENT CHARACTER: what stands for an icon in the plain text."""

_ICON = re.compile(r":([a-z][a-z0-9-]*):")
_STYLE = re.compile(r"\]\{([A-Za-z][\w.-]*)\}")
_STARS = re.compile(r"\*{2,}")
_DOUBLED = re.compile(r"\*\*(?![\s*])[^*]*[^\s*\\]\*\*")
_SPACED_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "GEORGIAN")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the plain text; `offset` is where its markup begins in the source. Spans nest, outer ones first."""

    start: int
    stop: int
    kind: Literal["accent", "style", "icon"]
    name: str = ""
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Marked:
    """A text without its markup, and what the markup said."""

    text: str
    spans: tuple[Span, ...] = ()


class MarkupError(Exception):
    """Markup that does not close; `offset` and `length` point into the source."""

    def __init__(self, message: str, offset: int, length: int = 1, remedy: str = "") -> None:
        super().__init__(message)
        self.message, self.offset, self.length, self.remedy = message, offset, length, remedy


def escape(text: str) -> str:
    """Write a plain text so that reading it as markup gives it back."""
    return "".join(f"\\{character}" if character in SIGNS else character for character in text)


def is_plain(text: str) -> bool:
    """Say whether a text holds none of markup's signs, so that it reads the same either way."""
    return not any(sign in text for sign in SIGNS)


@lru_cache(maxsize=4096)
def read(source: str) -> Marked:
    """Read a text's markup; raises MarkupError where a span does not close."""
    if is_plain(source):
        return Marked(source)
    return _Reading(source).run()


@dataclass(slots=True)
class _Open:
    """A span that has begun: its sign, where its sign stands, and where its words begin in the plain text."""

    sign: str
    offset: int
    start: int


class _Reading:
    """One walk over a source."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.text: list[str] = []
        self.spans: list[Span] = []
        self.open: list[_Open] = []
        self.brackets = _brackets(source)

    def run(self) -> Marked:
        place = 0
        while place < len(self.source):
            place = self._step(place)
        if self.open:
            raise _unclosed(self.open[-1])
        order = sorted(self.spans, key=lambda span: (span.offset, -span.stop))
        return Marked("".join(self.text), tuple(order))

    def _step(self, place: int) -> int:
        """Read what stands at a place; gives the next place."""
        source, sign = self.source, self.source[place]
        if sign == "\\" and source[place + 1 : place + 2] and source[place + 1] in SIGNS:
            self.text.append(source[place + 1])
            return place + 2
        if run := _STARS.match(source, place):  # footnotes and ratings: two stars and more are stars
            if doubled := _DOUBLED.match(source, place):
                raise MarkupError(
                    "an accent stands between single stars", place, doubled.end() - place, "write *words*"
                )
            self.text.append(run.group())
            return run.end()
        if sign == "*" and self._accent(place):
            return place + 1
        if sign == "[" and place in self.brackets:
            self.open.append(_Open("[", place, len(self.text)))
            return place + 1
        if sign == "]" and (named := _STYLE.match(source, place)) and self._styled(named.group(1)):
            return named.end()
        if sign == ":" and (icon := _ICON.match(source, place)) and _apart(source, place, icon.end()):
            self.spans.append(Span(len(self.text), len(self.text) + 1, "icon", icon.group(1), place))
            self.text.append(ICON)
            return icon.end()
        self.text.append(sign)
        return place + 1

    def _accent(self, place: int) -> bool:
        """Open or close an accent; False where the star is plain."""
        before, after = self.source[place - 1 : place], self.source[place + 1 : place + 2]
        opened = next((depth for depth, span in enumerate(self.open) if span.sign == "*"), None)
        if opened is not None and before.strip() and place - 1 != self.open[opened].offset:
            if opened != len(self.open) - 1:
                raise _unclosed(self.open[-1])
            span = self.open.pop()
            self.spans.append(Span(span.start, len(self.text), "accent", "", span.offset))
            return True
        if opened is not None or not after.strip() or _in_word(before):
            return False
        self.open.append(_Open("*", place, len(self.text)))
        return True

    def _styled(self, name: str) -> bool:
        opened = next((depth for depth, span in enumerate(self.open) if span.sign == "["), None)
        if opened is None:
            return False
        if self.open[-1].sign != "[":
            raise _unclosed(self.open[-1])
        span = self.open.pop()
        if span.start < len(self.text):
            self.spans.append(Span(span.start, len(self.text), "style", name, span.offset))
        return True


def _brackets(source: str) -> frozenset[int]:
    """Find the opening brackets whose closing one is followed by a style's name in braces."""
    found, stack, place = set(), list[int](), 0
    while place < len(source):
        if source[place] == "\\":
            place += 2
            continue
        if source[place] == "[":
            stack.append(place)
        elif source[place] == "]" and stack:
            first = stack.pop()
            if _STYLE.match(source, place):
                found.add(first)
            elif source.startswith("]{", place):
                message = "the style after ‘]’ has no name that ends in ‘}’"
                raise MarkupError(message, place + 1, 1, "write [words]{style-name}, or \\{ for a brace")
        place += 1
    return frozenset(found)


def _unclosed(span: _Open) -> MarkupError:
    if span.sign == "*":
        return MarkupError("the accent that begins here does not end", span.offset, 1, "close it with *, or write \\*")
    return MarkupError("the words that begin here do not end", span.offset, 1, "close them with ]{style-name}")


@lru_cache(maxsize=4096)
def _in_word(character: str) -> bool:
    """Say whether a sign after this character stands inside a word or a figure: of scripts that space their words."""
    if character.isdigit():
        return True
    return bool(character) and character.isalpha() and unicodedata.name(character, "").startswith(_SPACED_SCRIPTS)


def _apart(source: str, start: int, stop: int) -> bool:
    """Say whether an icon's name stands apart from words and figures on both sides, as in no a:b:c and no 12:at:30."""
    return not _in_word(source[start - 1 : start]) and not _in_word(source[stop : stop + 1])
