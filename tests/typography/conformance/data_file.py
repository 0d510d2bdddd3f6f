"""A compressed file of Unicode's conformance data → its cases, each with the number of its line in the original."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parent / "data"


def lines_of(name: str) -> Iterator[tuple[int, str]]:
    """Read the lines that say something, without their comments."""
    with lzma.open(DATA / f"{name}.txt.xz", "rt", encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            content = line.split("#")[0].strip()
            if content:
                yield number, content


@dataclass(frozen=True)
class BreakCase:
    """A string and the indices, its end included, where Unicode breaks it."""

    line: int
    text: str
    breaks: frozenset[int]


def break_cases(name: str) -> Iterator[BreakCase]:
    """Read the cases of LineBreakTest or GraphemeBreakTest; the start of the text is no break here."""
    for number, content in lines_of(name):
        tokens = content.split()
        text = "".join(chr(int(code, 16)) for code in tokens[1::2])
        yield BreakCase(number, text, frozenset(at for at, mark in enumerate(tokens[::2]) if at and mark == "÷"))
