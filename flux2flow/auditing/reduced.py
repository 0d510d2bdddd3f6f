"""A picture of any size → one small enough to be searched, and cuts of the whole one to measure in. Finds nothing.

Positions are those of the picture with ground added around it, so that what touches an edge has ground there, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]

WORKING = 1920 * 1080
"""Pixels up to which a picture is looked at as it is; of a larger one, as many are enough to find things by."""


def factor(pixels: Pixels, working: int = WORKING) -> int:
    """Give the whole number by which both sides are divided so that at most `working` pixels are left."""
    return max(math.ceil(math.sqrt(pixels.shape[0] * pixels.shape[1] / working)), 1)


def reduced(pixels: Pixels, by: int) -> Pixels:
    """Average squares of `by` × `by` bytes; what is left over at the right and below is left out."""
    if by == 1:
        return pixels
    rows, columns = pixels.shape[0] // by, pixels.shape[1] // by
    sums = np.zeros((rows, columns, pixels.shape[2]), np.uint32)
    for down in range(by):
        for right in range(by):
            sums += pixels[down : rows * by : by, right : columns * by : by]
    return ((sums + by * by // 2) // (by * by)).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Searched:
    """A picture (height × width × 3 bytes) made ready to be searched: reduced by `factor`, with ground around it."""

    whole: Pixels
    factor: int
    around: int
    """Pixels of ground on each side, in the reduced picture."""
    picture: Pixels
    """The reduced picture with its ground: floats from 0 to 1."""

    @classmethod
    def of(cls, whole: Pixels, by: int) -> Searched:
        """Make a picture ready at a size that is `by` times smaller."""
        small = reduced(whole, by)
        around = round(0.04 * max(small.shape[:2])) + 4
        picture = np.pad(small, ((around, around), (around, around), (0, 0)), mode="edge").astype(np.float32) / 255
        return cls(whole, by, around, picture)

    def cut(self, left: int, top: int, right: int, bottom: int, detail: int) -> Pixels:
        """Cut out of the picture at `detail` times the reduced one's size, 1 or `factor`, in that size's pixels."""
        if detail == 1:
            return self.picture[top:bottom, left:right]
        ground, (height, width) = self.around * detail, self.picture.shape[:2]
        rows = np.arange(top, min(bottom, height * detail)) - ground
        columns = np.arange(left, min(right, width * detail)) - ground
        inside = np.clip(rows, 0, self.whole.shape[0] - 1), np.clip(columns, 0, self.whole.shape[1] - 1)
        return np.asarray(self.whole[np.ix_(*inside)], np.float32) / 255
