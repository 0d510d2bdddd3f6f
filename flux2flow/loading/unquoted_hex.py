"""Finds colours that were meant as values but read as comments, because nobody quoted the '#'.

Works on text and on where scalars and flow collections stand; knows nothing of keys.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

MAX_FINDINGS = 20

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
    scalar_starts = sorted(scalars)
    outermost = _outermost(flows)
    places = sorted(empties)
    commented = -1  # end of the last line that was seen to be a comment already
    for match in _HEX.finditer(text):
        index = match.start()
        if index < commented or _covering(scalar_starts, index) is not None:
            continue
        line_start = text.rfind("\n", 0, index) + 1
        line = text[line_start:index]
        if any(_covering(scalar_starts, line_start + place) is None for place in _hashes(line)):
            continue
        line_end = text.find("\n", index)
        commented = line_end if line_end >= 0 else len(text)
        flow = _covering(outermost, index)
        before = bisect_right(places, index) - 1
        empty = places[before] if before >= 0 and not text[places[before] : index].strip() else None
        cut_off = not parsed and sum(map(line.count, "[{")) > sum(map(line.count, "]}"))
        if flow is not None or cut_off:
            found.append(Finding(index, match.group(), flow=flow))
        elif empty is not None and line.rstrip().endswith((":", "-", "?")):
            found.append(Finding(index, match.group(), empty=empty))
        if len(found) >= MAX_FINDINGS:
            break
    return found


def _covering(spans: Sequence[tuple[int, int]], index: int) -> int | None:
    """Find where the span around a character begins; the spans are sorted and disjoint."""
    at = bisect_right(spans, (index, len(spans) + (1 << 60))) - 1
    return spans[at][0] if at >= 0 and spans[at][0] <= index < spans[at][1] else None


def _outermost(flows: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for start, end in sorted(flows):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return kept


def _hashes(line: str) -> list[int]:
    """Find the '#' signs before the colour on its line: one outside quotes already began a comment."""
    return [place for place, character in enumerate(line) if character == "#"]
