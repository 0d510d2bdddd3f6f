"""Layout and decoded pixels → each glyph's contrast with its real ground. Knows no level and no finding."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.layout import GlyphRun, Layout, PlacedText
from flux2flow.domain.measures import Box, Color

RING = 3
"""Pixels around a glyph's ink that are its ground; the first is left out, because antialiasing reaches it."""

WORST = 0.10
"""Of a ring's pixels: the worst tenth counts, not the average, which a half-dark ring would flatter."""


@dataclass(frozen=True, slots=True)
class GlyphContrast:
    """One glyph: its contrast ratio, what WCAG asks of it, and whether its ink is in the picture at all."""

    character: str
    box: Box
    ratio: float
    needed: float
    inked: bool

    @property
    def margin(self) -> float:
        """How many times the needed contrast it has."""
        return self.ratio / self.needed


def measure(layout: Layout, decoded: Canvas) -> Iterator[tuple[PlacedText, list[GlyphContrast]]]:
    """Measure every text of a layout on the decoded file."""
    size = decoded.size
    pixels = np.frombuffer(decoded.pixels, np.uint8).reshape(size.height, size.width, 3)
    ink = np.zeros((size.height, size.width), dtype=bool)
    for text in layout.texts():
        for _, _, box in _glyphs(text):
            ink[_window(box, 1, ink)] = True
    for text in layout.texts():
        yield text, list(_measure(text, pixels, ink))


def _measure(text: PlacedText, pixels: NDArray[Any], ink: NDArray[Any]) -> Iterator[GlyphContrast]:
    """Measure a text's glyphs; one whose ring is wholly other ink, or off the canvas, has no ground of its own."""
    for run, character, box in _glyphs(text):
        window = _window(box, RING, ink)
        ring = pixels[window][~ink[window]]
        if not len(ring) or "emoji" in run.font.font.family.lower():
            continue
        ground = np.median(ring, axis=0)
        fill = ground + (np.array([run.color.red, run.color.green, run.color.blue]) - ground) * (run.color.alpha / 255)
        light, own = _luminance(ring), Color(*(round(float(channel)) for channel in fill)).luminance
        ratios = (np.maximum(light, own) + 0.05) / (np.minimum(light, own) + 0.05)
        inside = pixels[_window(box, 0, ink)].reshape(-1, 3).astype(np.int32)
        inked = bool((np.abs(inside - fill).sum(axis=1) < np.abs(inside - ground).sum(axis=1)).any())
        large = run.size >= 24 or (run.size >= 18.66 and text.weight >= 700)
        ratio = float(np.quantile(ratios, WORST, method="lower"))
        yield GlyphContrast(character, box, ratio, 3.0 if large else 4.5, inked)


def _luminance(colors: NDArray[Any]) -> NDArray[Any]:
    """Compute relative luminance by WCAG 2.2: (…, 3) bytes → (…) from 0 to 1."""
    channels = colors.astype(np.float64) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array([0.2126, 0.7152, 0.0722]))


def _glyphs(text: PlacedText) -> Iterator[tuple[GlyphRun, str, Box]]:
    for run in (run for line in text.lines for run in line.runs):
        for glyph in run.glyphs:
            if glyph.ink is not None:
                yield run, text.text[glyph.cluster], glyph.ink


def _window(box: Box, margin: int, mask: NDArray[Any]) -> tuple[slice, slice]:
    """Cut the pixels of a box, grown by a margin, to the canvas."""
    height, width = mask.shape
    top, bottom = math.floor(box.y) - margin, math.ceil(box.bottom) + margin
    left, right = math.floor(box.x) - margin, math.ceil(box.right) + margin
    return slice(max(top, 0), max(min(bottom, height), 0)), slice(max(left, 0), max(min(right, width), 0))
