"""Where labels would like to stand → where they can without touching each other, moved as little as possible.

One axis at a time; knows neither fonts nor charts.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from flux2flow.domain.measures import Box


def spread(wanted: Sequence[float], sizes: Sequence[float], low: float, high: float, gap: float = 0.0) -> list[float]:
    """Move centres apart so that labels of these sizes keep a gap and stay between two ends, in their order.

    Least squares by pooling neighbours that would touch. Where they need more room than there is, they are set
    evenly from the first end on.
    """
    order = sorted(range(len(wanted)), key=lambda index: (wanted[index], index))
    offsets: dict[int, float] = {}
    used = 0.0
    for index in order:
        offsets[index] = used + sizes[index] / 2
        used += sizes[index] + gap
    blocks: list[tuple[float, int]] = []  # (mean of what the block's start would like to be, members)
    for index in order:
        mean, count = wanted[index] - offsets[index], 1
        while blocks and blocks[-1][0] > mean:
            above, members = blocks.pop()
            mean, count = (above * members + mean * count) / (members + count), members + count
        blocks.append((mean, count))
    starts = [mean for mean, count in blocks for _ in range(count)]
    last = high - (used - gap)
    placed = [0.0] * len(wanted)
    for start, index in zip(starts, order, strict=True):
        placed[index] = max(min(start, last), low) + offsets[index]
    return placed


def room_for(sizes: Sequence[float], gap: float) -> float:
    """Give the length that labels need beside each other."""
    return sum(sizes) + gap * max(len(sizes) - 1, 0)


def every(wanted: Sequence[tuple[float, float]], gap: float) -> int:
    """Give the smallest step at which labels (start, end), counted back from the last, keep a gap to each other."""
    for step in range(1, len(wanted) + 1):
        chosen = wanted[::-1][::step][::-1]
        if all(after[0] - before[1] >= gap for before, after in pairwise(chosen)):
            return step
    return max(len(wanted), 1)


def touching(box: Box, others: Sequence[Box], gap: float = 0.0) -> bool:
    """Whether a box comes nearer to any other than a gap."""
    return any(box.grown(gap).intersection(other).area > 0 for other in others)
