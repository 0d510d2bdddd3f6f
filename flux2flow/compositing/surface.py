"""The canvas while it is painted: an array that Skia and numpy both draw on, and boxes on its pixel grid.

Knows no layers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import skia

from flux2flow.domain.measures import Box, Color

Pixels: TypeAlias = npt.NDArray[np.uint8]
"""height × width × 4 bytes, RGBA, always opaque."""
Floats: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PixelBox:
    """A box on the pixel grid; right and bottom are exclusive. It may reach beyond the canvas."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def nearest(cls, box: Box) -> PixelBox:
        """Move each edge to the nearest pixel edge; at least one pixel each way remains."""
        left, top = _nearest(box.x), _nearest(box.y)
        return cls(left, top, max(_nearest(box.right), left + 1), max(_nearest(box.bottom), top + 1))

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    def within(self, other: PixelBox) -> PixelBox | None:
        """Return the common part, or None where there is none."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return PixelBox(left, top, right, bottom) if left < right and top < bottom else None


def canvas_box(pixels: Pixels) -> PixelBox:
    """Return the whole canvas as a box."""
    return PixelBox(0, 0, pixels.shape[1], pixels.shape[0])


def skia_canvas(pixels: Pixels) -> Any:
    """Return a Skia canvas that draws straight into the array; keep the array alive while it is used."""
    return skia.Canvas(pixels, colorType=skia.kRGBA_8888_ColorType, alphaType=skia.kPremul_AlphaType)


def skia_color(color: Color) -> int:
    """Return Skia's packed form of a colour."""
    return int(skia.ColorSetARGB(color.alpha, color.red, color.green, color.blue))


def to_linear(values: npt.NDArray[np.uint8]) -> Floats:
    """Turn sRGB bytes into linear light, 0 to 1."""
    return _LINEAR[values]


def to_srgb(linear: Floats) -> Floats:
    """Turn linear light, 0 to 1, into sRGB, 0 to 255, not yet rounded."""
    clipped = np.clip(linear, 0.0, 1.0)
    low = clipped * np.float32(12.92)
    high = np.float32(1.055) * np.power(clipped, np.float32(1 / 2.4)) - np.float32(0.055)
    return np.where(clipped <= 0.0031308, low, high).astype(np.float32) * np.float32(255)


def dithered(values: Floats, left: int, top: int) -> npt.NDArray[np.uint8]:
    """Round 0 to 255 to bytes with an ordered pattern fixed to the canvas, so that soft ramps do not band."""
    rows = np.arange(top, top + values.shape[0]) % 8
    columns = np.arange(left, left + values.shape[1]) % 8
    threshold = _BAYER[np.ix_(rows, columns)]
    if values.ndim == 3:
        threshold = threshold[:, :, None]
    rounded: npt.NDArray[np.uint8] = np.clip(np.floor(values + threshold), 0, 255).astype(np.uint8)
    return rounded


def _nearest(value: float) -> int:
    return math.floor(value + 0.5)


def _bayer(order: int) -> Floats:
    pattern = np.zeros((1, 1))
    for _ in range(order):
        pattern = np.block([[4 * pattern, 4 * pattern + 2], [4 * pattern + 3, 4 * pattern + 1]])
    return ((pattern + 0.5) / pattern.size).astype(np.float32)


def _linear_table() -> Floats:
    values = np.arange(256, dtype=np.float64) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)


_BAYER = _bayer(3)
_LINEAR = _linear_table()
