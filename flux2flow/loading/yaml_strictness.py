"""Finds what YAML forbids, or reads otherwise, and PyYAML lets pass.

Works on text and on where scalars and flow collections stand; knows nothing of keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_SPACES = re.compile(r" *")
_LINE = re.compile(r"( *)([^\n]*)\n?")
_FIRST_VISIBLE = re.compile(r"[ \t]*\S")


@dataclass(frozen=True, slots=True)
class Span:
    """A scalar or flow collection: its characters, its style, the column of the block around it (-1: none)."""

    start: int
    end: int
    style: str
    indent: int
    in_flow: bool = False


@dataclass(frozen=True, slots=True)
class Violation:
    """Where, how many characters, what is wrong, and what to do."""

    code: str
    index: int
    length: int
    message: str
    remedy: str


def violations(text: str, spans: Sequence[Span]) -> Iterator[Violation]:
    """Find every violation; style is `[` for a flow collection, else the scalar's quote, `|`, `>` or nothing."""
    for span in spans:
        if span.style in ("[", "'", '"') and not span.in_flow:
            yield from _continuation(text, span)
        elif span.style in ("|", ">"):
            yield from _leading_blanks(text, span)
        elif span.style == "" and span.in_flow:
            yield from _plain_in_flow(text, span)
    yield from _comments([span for span in spans if span.style != "["], text)


def anchor_violation(text: str, index: int) -> Violation | None:
    """Find an anchor or alias whose name PyYAML cuts short."""
    match = re.compile(r"[&*][\w-]+").match(text, index)
    end = match.end() if match else index + 1
    if match and text[end : end + 1] in ("", " ", "\t", "\n", "\r", ",", "]", "}"):
        return None
    return Violation(
        "syntax", index, end - index, "an anchor's name holds letters, digits, '-' and '_' only", "rename it"
    )


def _continuation(text: str, span: Span) -> Iterator[Violation]:
    """Every further line stands deeper than the key it belongs to; a closing bracket may stand below the key."""
    place = text.find("\n", span.start, span.end)
    while place >= 0:
        line = place + 1
        visible = _FIRST_VISIBLE.match(text, line, span.end)
        if visible is not None:
            spaces = _spaces(text, line)
            closing = span.style == "[" and text[visible.end() - 1] in "]}"
            if spaces <= span.indent and not closing:
                if text[line + spaces : line + spaces + 1] == "\t":
                    yield Violation(
                        "tab", line + spaces, 1, "a tab is used for indentation", "replace the tab with spaces"
                    )
                else:
                    what = "list or braces" if span.style == "[" else "quoted text"
                    message = f"this line continues the {what} above and must be indented deeper"
                    yield Violation("syntax", visible.end() - 1, 1, message, "indent it")
                return
        place = text.find("\n", line, span.end)


def _spaces(text: str, index: int) -> int:
    match = _SPACES.match(text, index)
    return match.end() - index if match else 0


def _leading_blanks(text: str, span: Span) -> Iterator[Violation]:
    """Blank lines before a block's first line are not deeper than it."""
    header = text.find("\n", span.start, span.end)
    if header < 0 or re.search(r"[|>][-+]?[1-9]", text[span.start : header]):
        return
    deepest = 0
    for line in _LINE.finditer(text, header + 1):
        spaces = len(line.group(1))
        if line.group(2):
            if spaces > span.indent and deepest > spaces:
                message = "the blank lines above are deeper than the text's first line"
                yield Violation("syntax", line.start(), 1, message, "clear them")
            return
        deepest = max(deepest, spaces)


def _plain_in_flow(text: str, span: Span) -> Iterator[Violation]:
    if text[span.start : span.end].strip() == "-":
        yield Violation("syntax", span.start, 1, "'-' alone is not allowed inside brackets", 'quote it: "-"')
    if span.start and text[span.start - 1] == "?":
        yield Violation("syntax", span.start - 1, 1, "text inside brackets cannot begin with '?'", "quote it")


def _comments(scalars: Sequence[Span], text: str) -> Iterator[Violation]:
    """Text after '#' is a comment only behind white space."""
    ordered = sorted(scalars, key=lambda span: span.start)
    index = 0
    for span in [*ordered, Span(len(text), len(text), "", -1)]:
        while (place := text.find("#", index, span.start)) >= 0:
            if place and text[place - 1] not in " \t\n\r":
                yield Violation(
                    "syntax", place, 1, "a comment needs a space before its '#'", "add the space, or quote the value"
                )
            index = text.find("\n", place)
            if index < 0:
                return
        index = max(index, span.end)
