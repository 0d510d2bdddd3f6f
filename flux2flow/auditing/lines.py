"""Lines that were read, and pixels → their ink, colours and sizes. Knows no font: everything is an estimate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flux2flow.auditing.seen import SeenText
from flux2flow.domain.measures import Box, Color
from flux2flow.domain.reading import ReadLine

Pixels = NDArray[Any]

_THIN = 22
"""Pixels of cap height below which strokes are so thin that no pixel has their full colour."""


def see_line(pixels: Pixels, line: ReadLine, known: Sequence[Color]) -> SeenText | None:
    """Measure one line (pixels: height × width × 3 bytes); None where its ink cannot be told from its ground.

    The colour of thin strokes is drawn out to the nearest of the `known` colours that lies in the same direction.
    """
    height, width = pixels.shape[:2]
    top, bottom = max(math.floor(line.box.y) - 1, 0), min(math.ceil(line.box.bottom) + 1, height)
    left, right = max(math.floor(line.box.x) - 1, 0), min(math.ceil(line.box.right) + 1, width)
    cut = pixels[top:bottom, left:right].astype(np.float32)
    if cut.shape[0] < 5 or cut.shape[1] < 5:
        return None
    letters = sum(not character.isspace() for character in line.text)
    found = [parted for ground in _grounds(cut) if (parted := _parted(cut, ground)) is not None]
    if not found:
        return None
    ground, fill, marks = min(found, key=lambda parted: abs(len(parted[2]) - letters))
    heights = sorted(mark.height for mark in marks)
    cap = heights[int(0.9 * (len(heights) - 1))]
    middling = heights[len(heights) // 2]
    lower = sum(character.islower() for character in line.text) > 0.5 * sum(map(str.isalpha, line.text))
    x_height = min(middling, cap) if lower else 0.72 * cap
    if lower and x_height > 0.9 * cap:  # letters run together, so that no mark is a low one alone
        x_height = 0.72 * cap
    if cap < _THIN:
        fill = _drawn_out(ground, fill, known)
    return SeenText(
        line.text, line.box, line.confidence, tuple(mark.moved(left, top) for mark in marks), _color(fill),
        _color(ground), cap, x_height,
    )  # fmt: skip


def _grounds(cut: Pixels) -> list[Pixels]:
    """Propose what the ground of a line is: what frames its box, and what fills most of it (a button's own colour)."""
    frame = np.concatenate([cut[:2].reshape(-1, 3), cut[-2:].reshape(-1, 3), cut[:, :2].reshape(-1, 3)])
    values = cut.reshape(-1, 3)
    bins = (values.astype(np.int32) >> 4) @ np.array([256, 16, 1])
    usual = values[bins == np.bincount(bins).argmax()]
    return [np.median(frame, axis=0), np.median(usual, axis=0)]


def _parted(cut: Pixels, ground: Pixels) -> tuple[Pixels, Pixels, list[Box]] | None:
    """Part ink from ground: the ground, the ink's colour where it is fullest, and the marks."""
    distance = np.sqrt(((cut - ground) ** 2).sum(axis=2))
    ink = distance > max(_otsu(distance), 12.0)
    if not 0.01 < ink.mean() < 0.75:
        return None
    strongest = distance >= np.quantile(distance[ink], 0.8)
    marks = _marks(ink)
    return (ground, np.median(cut[strongest & ink], axis=0), marks) if marks else None


def _otsu(values: Pixels) -> float:
    """Find the threshold that parts values best into two groups (Otsu 1979)."""
    counts, edges = np.histogram(values, 64)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts).astype(np.float64)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[int(np.nan_to_num(between).argmax()) + 1])


def _marks(ink: Pixels) -> list[Box]:
    """Cut ink into pieces at the columns that have none: letters, or a few that touch."""
    filled = np.flatnonzero(ink.any(axis=0))
    if not len(filled):
        return []
    pieces = np.split(filled, np.flatnonzero(np.diff(filled) > 1) + 1)
    marks = []
    for piece in pieces:
        rows = np.flatnonzero(ink[:, piece[0] : piece[-1] + 1].any(axis=1))
        through = rows[0] == 0 and rows[-1] == len(ink) - 1 if len(rows) else True  # the end of a button, a rule
        if len(rows) >= 2 and not through:
            marks.append(Box(float(piece[0]), float(rows[0]), float(len(piece)), float(rows[-1] - rows[0] + 1)))
    inner = [mark for mark in marks if mark.x > 0 and mark.right < ink.shape[1]]
    return inner if len(inner) >= 3 else marks  # what touches the box's sides is often the end of a button


def _drawn_out(ground: Pixels, fill: Pixels, known: Sequence[Color]) -> Pixels:
    """Give the known colour that the fill is a thinned form of on this ground, or the fill itself."""
    towards = fill - ground
    best, nearest = fill, 14.0
    for color in known:
        whole = np.array([color.red, color.green, color.blue], np.float32) - ground
        length = float(whole @ whole)
        share = float(towards @ whole) / length if length > 1 else 0.0
        aside = float(np.linalg.norm(towards - share * whole))
        if 0.6 <= share <= 1.05 and aside < nearest:
            best, nearest = ground + whole, aside
    return np.asarray(best)


def _color(values: Pixels) -> Color:
    return Color(*(round(float(np.clip(value, 0, 255))) for value in values))
