"""Two texts → the words that stayed, went and came, for a terminal. Prints nothing and colours nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["same", "gone", "new"]
LEAST = 2
"""Fewer words than these that stayed, in the midst of a change, are told as changed: an 'a' alone explains nothing."""


@dataclass(frozen=True, slots=True)
class Change:
    """Words in a row that share one fate."""

    kind: Kind
    words: tuple[str, ...]


def word_diff(before: str, after: str) -> tuple[Change, ...]:
    """Compare word by word; what went stands before what came in its place."""
    old, new = before.split(), after.split()
    changes: list[Change] = []
    for kind, words in _merged(old, new):
        if changes and changes[-1].kind == kind:
            changes[-1] = Change(kind, changes[-1].words + words)
        else:
            changes.append(Change(kind, words))
    return tuple(changes)


def _merged(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[Kind, tuple[str, ...]]]:
    gone: list[str] = []
    come: list[str] = []
    steps = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for number, (tag, i, j, k, n) in enumerate(steps):
        inside = 0 < number < len(steps) - 1
        if tag == "equal" and (not inside or j - i >= LEAST):
            yield from _told(gone, come)
            gone, come = [], []
            yield "same", tuple(old[i:j])
        else:
            gone += old[i:j]
            come += new[k:n]
    yield from _told(gone, come)


def _told(gone: Sequence[str], come: Sequence[str]) -> Iterator[tuple[Kind, tuple[str, ...]]]:
    if gone:
        yield "gone", tuple(gone)
    if come:
        yield "new", tuple(come)
