"""Pixels → the areas that have one exact colour, as shapes have and photographs hardly ever. Knows no palette."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from flux2flow.auditing.reduced import factor
from flux2flow.auditing.seen import PlainArea
from flux2flow.domain.measures import Box, Color

Pixels = NDArray[Any]

LEAST = 0.004
"""Share of the picture from which an area counts: a button of 60 × 50 in 1200 × 628."""
_STEADY = 6
"""Levels between neighbours that JPEG leaves in a plain area."""
_EXACT = 3
_PLAIN = 0.75
"""Share of a cluster within `_EXACT` levels of its middle: 0.9 and more for a plain area, below a half for gradients"""
_MOST = 16


def plain_areas(pixels: Pixels) -> tuple[PlainArea, ...]:
    """Find the plain areas of a picture (height × width × 3 bytes), largest first.

    Of a large picture some pixels are looked at, each beside its own neighbours: averages would be plain where fine
    texture is not. Where an area ends is then looked up pixel by pixel.
    """
    step = factor(pixels)
    sampled, steady = _sampled(pixels, step) if step > 1 else (pixels, _steady(pixels))
    height, width = steady.shape
    found: list[PlainArea] = []
    codes = (sampled >> 2).astype(np.int32)
    cube = np.bincount((codes[..., 0] << 12 | codes[..., 1] << 6 | codes[..., 2])[steady], minlength=64**3)
    counts = cube.reshape(64, 64, 64)
    values = sampled.astype(np.int16)
    for _ in range(_MOST):
        peak = np.array(np.unravel_index(int(counts.argmax()), counts.shape))
        low, high = np.maximum(peak - 1, 0), np.minimum(peak + 2, 64)
        if counts[low[0] : high[0], low[1] : high[1], low[2] : high[2]].sum() < LEAST * height * width:
            break
        near = steady & (np.abs(codes - peak).max(axis=2) <= 1)
        middle = np.median(values[near], axis=0)
        exact = near & (np.abs(values - middle).max(axis=2) <= _EXACT)
        share = float(exact.mean())
        if share >= LEAST and exact.sum() >= _PLAIN * near.sum():
            box, filled = _extent(exact)
            if step > 1:
                box = _sharp(pixels, step, exact, box, (peak, middle))
            found.append(PlainArea(Color(*(int(channel) for channel in middle)), share, box, filled))
        counts[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = 0
    return tuple(sorted(found, key=lambda area: -area.share))


def _sampled(pixels: Pixels, step: int) -> tuple[Pixels, Pixels]:
    """Take every `step`-th pixel of every `step`-th row, and mark those that are much like their four neighbours."""
    first = step // 2
    rows, columns = ((side - 2 - first) // step + 1 for side in pixels.shape[:2])

    def shifted(down: int, right: int) -> Pixels:
        return pixels[first + down :: step, first + right :: step][:rows, :columns].astype(np.int16)

    middle = shifted(0, 0)
    steady = np.ones((rows, columns), dtype=bool)
    for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        steady &= np.abs(shifted(down, right) - middle).max(axis=2) <= _STEADY
    return middle.astype(np.uint8), steady


def _sharp(pixels: Pixels, step: int, sampled: Pixels, box: Box, color: tuple[Pixels, Pixels]) -> Box:
    """Give the box in pixels of the picture that `_extent` found among samples: its sides are looked up."""
    sides = []
    for axis, start, stop in ((0, box.y, box.bottom), (1, box.x, box.right)):
        enough = 0.3 * step * sampled.sum(axis=1 - axis).max()
        turned = pixels if axis == 0 else pixels.transpose(1, 0, 2)
        begin, end = step // 2 + int(start) * step, step // 2 + int(stop - 1) * step
        before = list(range(max(begin - step + 1, 0), begin))
        after = list(range(end + 1, min(end + step, len(turned))))
        strong = {row for rows in (before, after) for row in _strong(turned, rows, enough, color)}
        sides.append((min({begin, *strong}), max({end, *strong}) + 1))
    (top, bottom), (left, right) = sides
    return Box(left, top, right - left, bottom - top)


def _strong(pixels: Pixels, rows: list[int], enough: float, color: tuple[Pixels, Pixels]) -> list[int]:
    """List those of some neighbouring rows that hold enough of an area."""
    if not rows:
        return []
    first = max(rows[0] - 1, 0)
    cut = np.ascontiguousarray(pixels[first : rows[-1] + 2])
    peak, middle = color
    near = _steady(cut) & (np.abs((cut >> 2).astype(np.int32) - peak).max(axis=2) <= 1)
    exact = near & (np.abs(cut.astype(np.int16) - middle).max(axis=2) <= _EXACT)
    counts = exact.sum(axis=1)
    return [row for row in rows if counts[row - first] >= enough]


def _steady(pixels: Pixels) -> Pixels:
    """Mark the pixels that are much like their right and lower neighbours."""
    values = pixels.astype(np.int16)
    steady = np.ones(pixels.shape[:2], dtype=bool)
    across = np.abs(values[:, 1:] - values[:, :-1]).max(axis=2) <= _STEADY
    down = np.abs(values[1:] - values[:-1]).max(axis=2) <= _STEADY
    steady[:, :-1] &= across
    steady[:, 1:] &= across
    steady[:-1] &= down
    steady[1:] &= down
    return steady


def _extent(mask: Pixels) -> tuple[Box, float]:
    """Give the box that most of an area lies in, and how much of the box it fills; specks elsewhere are left out."""
    sides = []
    for axis in (1, 0):
        counts = mask.sum(axis=axis)
        strong = np.flatnonzero(counts >= 0.3 * counts.max())
        sides.append((int(strong[0]), int(strong[-1]) + 1))
    (top, bottom), (left, right) = sides
    inside = mask[top:bottom, left:right]
    return Box(left, top, right - left, bottom - top), float(inside.mean())
