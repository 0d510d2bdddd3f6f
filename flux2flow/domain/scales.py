"""A chart's values → the range its axis covers, and round numbers inside it. Knows nothing of pixels and words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from flux2flow.domain.scene import ChartKind

FROM_ZERO = 0.5
"""A line chart begins at zero unless its lowest value is above this part of its highest."""
TICKS = 4
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def stacked(series: Sequence[Sequence[float | None]], percent: bool = False) -> list[list[tuple[float, float] | None]]:
    """Give each value's (from, to) in its stack, series by series; negative values pile up below zero.

    A missing value takes no room and is None. With `percent` every stack is 100 (of the sum of magnitudes).
    """
    count = len(series[0]) if series else 0
    up, down = [0.0] * count, [0.0] * count
    wholes = [sum(abs(values[index] or 0.0) for values in series) for index in range(count)]
    spans: list[list[tuple[float, float] | None]] = []
    for values in series:
        row: list[tuple[float, float] | None] = []
        for index, value in enumerate(values):
            if value is None:
                row.append(None)
                continue
            size = value * 100 / wholes[index] if percent and wholes[index] else 0.0 if percent else value
            pile = up if size >= 0 else down
            row.append((pile[index], pile[index] + size))
            pile[index] += size
        spans.append(row)
    return spans


def value_range(
    chart: ChartKind, series: Sequence[Sequence[float | None]], percent: bool = False
) -> tuple[float, float]:
    """Give the lowest and highest value an axis must reach: from zero, but for lines and slopes far above it."""
    if chart in ("stacked-bar", "stacked-column", "area"):
        ends = [end for row in stacked(series, percent) for span in row if span for end in span]
        return min([0.0, *ends]), max([0.0, *ends])
    values = [value for row in series for value in row if value is not None]
    low, high = min(values, default=0.0), max(values, default=0.0)
    if chart in ("line", "slope", "dot") and high > 0 and low > FROM_ZERO * high and high > low:
        spare = 0.15 * (high - low)
        return low - spare, high + spare
    return min(0.0, low), max(0.0, high)


def ticks(low: float, high: float, count: int = TICKS) -> tuple[float, ...]:
    """Give the round numbers inside a range that part it into about `count` steps; none for a range of nothing."""
    if not high > low:
        return ()
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(part * power for part in _STEPS if part * power >= rough * 0.999999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(round(number * step, 12) + 0.0 for number in range(first, last + 1))


def shares(values: Sequence[float], cells: int) -> tuple[int, ...]:
    """Part whole cells among values by largest remainder: the parts always add up to `cells`, or to 0 for no values.

    Among equal remainders the larger value, then the earlier one, takes the cell.
    """
    total = math.fsum(values)
    if total <= 0:
        return (0,) * len(values)
    exact = [value * cells / total for value in values]
    parts = [math.floor(part + 1e-9) for part in exact]
    order = sorted(
        range(len(values)), key=lambda index: (-round(exact[index] - parts[index], 9), -values[index], index)
    )
    for index in order[: cells - sum(parts)]:
        parts[index] += 1
    return tuple(parts)
