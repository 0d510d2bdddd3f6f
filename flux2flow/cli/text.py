"""Strings from files and plugins → strings that are safe to show; diagnostics and problems → lines. Prints nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from flux2flow.errors import Diagnostic

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Categories that move the cursor, recolour the terminal, or reorder what is read."""


def visible(text: str) -> str:
    """Write out every control and format character as an escape, so that no file can draw on the terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _escaped(character) if unicodedata.category(character) in _HIDDEN else character for character in text
    )


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def columns(text: str) -> int:
    """Count terminal columns: double-width characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def diagnostic_lines(diagnostic: Diagnostic) -> Iterator[tuple[str, str]]:
    """Yield the lines of one diagnostic with their roles: `problem`, `source`, `caret` or `hint`."""
    yield "problem", visible(f"{diagnostic.position}: {diagnostic.message}")
    width = max((len(str(number)) for number, _ in diagnostic.snippet), default=0)
    for number, source in diagnostic.snippet:
        source = source.rstrip("\n\r").replace("\t", " ")
        yield "source", f"  {number:>{width}} | {visible(source)}"
        if number == diagnostic.position.line and diagnostic.position.column:
            before = columns(visible(source[: diagnostic.position.column - 1]))
            yield "caret", f"  {'':>{width}} | {'':{before}}{'^' * max(diagnostic.length, 1)}"
    if diagnostic.path:
        yield "hint", visible(f"  at {diagnostic.path}")
    if diagnostic.expected:
        yield "hint", visible(f"  expected: {diagnostic.expected}")
    if diagnostic.suggestions:
        yield "hint", visible(f"  did you mean {_either(diagnostic.suggestions)}?")
    if diagnostic.remedy:
        yield "hint", visible(f"  {diagnostic.remedy}")


def _either(words: Sequence[str]) -> str:
    quoted = [f"‘{word}’" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
