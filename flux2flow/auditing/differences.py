"""Two colours → how different people see them (ΔE2000), and the nearest of several. Knows no limit."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from flux2flow.domain.measures import Color


@functools.lru_cache(maxsize=4096)
def difference(one: Color, other: Color) -> float:
    """Compute ΔE2000, alpha ignored: 1 is just seen side by side, 10 at a glance."""
    from coloraide import Color as Coloraide

    first, second = (Coloraide("srgb", [c.red / 255, c.green / 255, c.blue / 255]) for c in (one, other))
    return float(first.delta_e(second, method="2000"))


def nearest(color: Color, named: Iterable[tuple[str, Color]]) -> tuple[str, Color, float]:
    """Give the nearest of named colours: its name, itself, the difference. Raises ValueError where there is none."""
    return min(((name, other, difference(color, other)) for name, other in named), key=lambda found: found[2])


def mixed_from(color: Color, named: Iterable[tuple[str, Color]], within: float) -> tuple[str, str] | None:
    """Name the two colours that this one is a mix of, as a see-through shape over a plain ground gives; or None."""
    values = [(name, (other.red, other.green, other.blue)) for name, other in named]
    point = (color.red, color.green, color.blue)
    for i, (name, start) in enumerate(values):
        for other, end in values[i + 1 :]:
            along = [b - a for a, b in zip(start, end, strict=True)]
            length = sum(step * step for step in along)
            if not length:
                continue
            share = sum((p - a) * step for p, a, step in zip(point, start, along, strict=True)) / length
            if 0.04 < share < 0.96:
                foot = Color(*(round(a + share * step) for a, step in zip(start, along, strict=True)))
                if difference(color, foot) <= within:
                    return name, other
    return None
