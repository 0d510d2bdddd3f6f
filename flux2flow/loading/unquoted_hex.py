"""Finds colours that were meant as values but read as comments, because nobody quoted the '#'.

Works on text and on where scalars and flow collections stand; knows nothing of keys.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_HEX = re.compile(r"#(?:[0-9a-fA-F]{8}|[0-9a-fA-F]{6}|[0-9a-fA-F]{3,4})(?![\w#])")


@dataclass(frozen=True, slots=True)
class Finding:
    """A swallowed colour: where it stands, the empty value before it, and the flow collection it stands in."""

    index: int
    text: str
    empty: int | None = None
    flow: int | None = None


def find(
    text: str,
    scalars: Sequence[tuple[int, int]],
    flows: Sequence[tuple[int, int]],
    empties: Sequence[int],
    *,
    parsed: bool = True,
) -> list[Finding]:
    """Find every comment that begins like a colour where a value is missing.

    Where the text could not be parsed, a list that it cut off is in nobody's `flows`: its open bracket is looked for.
    """
    found: list[Finding] = []
    for match in _HEX.finditer(text):
        index = match.start()
        if any(start <= index < end for start, end in scalars) or _in_comment(text, index, scalars):
            continue
        line = text[text.rfind("\n", 0, index) + 1 : index]
        before = line.rstrip()
        flow = [start for start, end in flows if start < index < end]
        empty = [place for place in empties if place <= index and not text[place:index].strip()]
        cut_off = not parsed and sum(map(line.count, "[{")) > sum(map(line.count, "]}"))
        if flow or cut_off:
            found.append(Finding(index, match.group(), flow=max(flow) if flow else None))
        elif empty and before.endswith((":", "-", "?")):
            found.append(Finding(index, match.group(), empty=max(empty)))
    return found


def _in_comment(text: str, index: int, scalars: Sequence[tuple[int, int]]) -> bool:
    """Whether another '#' on the same line already began the comment."""
    line_start = text.rfind("\n", 0, index) + 1
    for hash_place in (place for place in range(line_start, index) if text[place] == "#"):
        if not any(start <= hash_place < end for start, end in scalars):
            return True
    return False
