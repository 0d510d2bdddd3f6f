"""Pixels → CIE Lab, ΔE2000 and colour histograms; knows nothing of scenes or models."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (H, W, 3)
Lab = NDArray[np.float64]  # (…, 3)

_BINS = 8


def backdrop_colours(picture: Pixels) -> NDArray[np.float64]:
    """Return the mean Lab colours (2, 3) of the upper corners, where a scene has nothing but backdrop."""
    height, width = picture.shape[0] // 8, picture.shape[1] // 8
    patches = np.stack([picture[:height, :width], picture[:height, -width:]]).astype(np.float64)
    return to_lab(patches.mean((1, 2)) / 255)


def to_lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn sRGB in 0 … 1 (…, 3) into CIE Lab (D65)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    matrix = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    xyz = linear @ matrix.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def difference(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the mean ΔE2000 of Lab colours (N, 3)."""
    return float(np.mean(delta_e_2000(first, second)))


def delta_e_2000(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return CIEDE2000 of Lab colours (…, 3); names follow Sharma, Wu and Dalal (2005)."""
    l1, a1, b1 = np.moveaxis(first, -1, 0)
    l2, a2, b2 = np.moveaxis(second, -1, 0)
    c_mean = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(c_mean**7 / (c_mean**7 + 25.0**7)))
    c1, c2 = np.hypot((1 + g) * a1, b1), np.hypot((1 + g) * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, (1 + g) * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = h2 - h1
    turn = np.where(turn > 180, turn - 360, np.where(turn < -180, turn + 360, turn)) * (c1 * c2 > 0)
    total = h1 + h2
    hue = np.where(np.abs(h1 - h2) <= 180, total / 2, np.where(total < 360, total / 2 + 180, total / 2 - 180))
    hue = np.where(c1 * c2 > 0, hue, total)
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * np.cos(np.radians(hue - 30))
        + 0.24 * np.cos(np.radians(2 * hue))
        + 0.32 * np.cos(np.radians(3 * hue + 6))
        - 0.20 * np.cos(np.radians(4 * hue - 63))
    )
    s_l = 1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2)
    s_c, s_h = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    r_t = -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    d_l, d_c = (l2 - l1) / s_l, (c2 - c1) / s_c
    d_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / s_h
    result: NDArray[np.float64] = np.sqrt(np.maximum(d_l**2 + d_c**2 + d_h**2 + r_t * d_c * d_h, 0))
    return result


def histogram(picture: Pixels) -> NDArray[np.float64]:
    """Count colours in 8 × 8 × 8 bins of Lab (L in 0 … 100, a and b in −80 … 80); the sum is 1."""
    lab = to_lab(picture.reshape(-1, 3).astype(np.float64) / 255)
    scaled = (lab + np.array([0.0, 80.0, 80.0])) / np.array([100.0, 160.0, 160.0])
    index = np.clip((scaled * _BINS).astype(np.int64), 0, _BINS - 1)
    flat = (index[:, 0] * _BINS + index[:, 1]) * _BINS + index[:, 2]
    counts: NDArray[np.float64] = np.bincount(flat, minlength=_BINS**3) / len(flat)
    return counts


def intersection(first: Pixels, second: Pixels) -> float:
    """Return how much of two pictures' colours is common: 1 for the same histogram, 0 for none."""
    return float(np.minimum(histogram(first), histogram(second)).sum())
