"""A Diagnostic → plain lines for a terminal or a log. Colours are the console's."""

from __future__ import annotations

import unicodedata

from flux2flow.errors import Diagnostic

MAX_LINE = 160
"""A longer source line is shown around its caret only."""


def format_diagnostic(diagnostic: Diagnostic) -> str:
    """Write a diagnostic: place and message, the source line with a caret, then what would be right."""
    where = f" [{diagnostic.path}]" if diagnostic.path and diagnostic.length else ""
    lines = [f"{diagnostic.position}: {diagnostic.message}{where}"]
    width = max((len(str(number)) for number, _ in diagnostic.snippet), default=0)
    for number, text in diagnostic.snippet:
        shown, column = _around(text, diagnostic.position.column)
        lines.append(f"  {number:>{width}} | {shown}")
        if number == diagnostic.position.line and diagnostic.length and column:
            before = "".join(
                "\t" if character == "\t" else " " * _cells(character) for character in shown[: column - 1]
            )
            under = sum(_cells(character) for character in shown[column - 1 : column - 1 + diagnostic.length])
            lines.append(f"  {' ' * width} | {before}{'^' * max(under, 1)}")
    if diagnostic.expected:
        lines.append(f"  expected: {diagnostic.expected}")
    if diagnostic.suggestions:
        lines.append(f"  did you mean {' or '.join(diagnostic.suggestions)}?")
    if diagnostic.remedy:
        lines.append(f"  remedy: {diagnostic.remedy}")
    return "\n".join(lines)


def _around(text: str, column: int) -> tuple[str, int]:
    """Cut a long line to the part around a column; give the column in what is left."""
    plain = "".join(
        character if character.isprintable() or character == "\t" else "\N{REPLACEMENT CHARACTER}" for character in text
    )
    if len(plain) <= MAX_LINE:
        return plain, column
    start = max(0, min(column - 1 - MAX_LINE // 2, len(plain) - MAX_LINE))
    cut = plain[start : start + MAX_LINE]
    head = "…" if start else ""
    return head + cut + ("…" if start + MAX_LINE < len(plain) else ""), column - start + len(head)


def _cells(character: str) -> int:
    """Count the terminal cells a character takes."""
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
