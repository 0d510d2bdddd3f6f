"""Layout and decoded pixels → each glyph's contrast with its real ground. Knows no level and no finding."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.layout import GlyphRun, Layout, PlacedText
from flux2flow.domain.measures import Box, Color
from flux2flow.domain.scene import Stroke

RING = 3
"""Pixels around a glyph's ink that are its ground; the first is left out, because antialiasing reaches it."""

WORST = 0.10
"""Of a ring's pixels: the worst tenth counts, not the average, which a half-dark ring would flatter."""

PERCENTILE = 0.05
"""Of a text's glyphs: the level is decided there, so that one glyph on one bright speck fails no picture."""


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


@dataclass(frozen=True, slots=True)
class GlyphGround:
    """One glyph and what lies around it: `ring` is (pixels, 3) bytes, `inside` the (pixels, 3) of its ink's box.

    The box with its stroke: a `stroke` belongs to the letter, not to its ground (WCAG 2.2, contrast ratio, note 5).
    """

    character: str
    box: Box
    color: Color
    size: float
    weight: int
    ring: NDArray[Any]
    inside: NDArray[Any]
    stroke: Stroke | None = None

    @property
    def large(self) -> bool:
        """Whether WCAG calls it large type, as delivered."""
        return self.size >= 24 or (self.size >= 18.66 and self.weight >= 700)

    @property
    def needed(self) -> float:
        """The ratio that WCAG asks for."""
        return 3.0 if self.large else 4.5

    @property
    def median(self) -> NDArray[Any]:
        """The ring's median colour."""
        return np.asarray(np.median(self.ring, axis=0))

    def fill(self, color: Color | None = None) -> NDArray[Any]:
        """Give the colour its ink has on this ground, or would have in another colour."""
        own = self.color if color is None else color
        return np.asarray(self.median + (np.array([own.red, own.green, own.blue]) - self.median) * (own.alpha / 255))

    def fills(self, color: Color | None = None) -> list[NDArray[Any]]:
        """Give the colours that show its shape: its own, or another, and its stroke's."""
        return [self.fill(color)] if self.stroke is None else [self.fill(color), self.fill(self.stroke.color)]

    def ratio(self, color: Color | None = None, ring: NDArray[Any] | None = None) -> float:
        """Give its contrast with the worst tenth of its ring; in another colour, or on another ring, where given.

        Of a letter with a stroke the better of the two counts: either shows its shape.
        """
        light = luminance(self.ring if ring is None else ring)
        fills = self.fills(color)
        return max(_worst(light, Color(*(round(float(channel)) for channel in fill)).luminance) for fill in fills)


def measure(layout: Layout, decoded: Canvas) -> Iterator[tuple[PlacedText, list[GlyphContrast]]]:
    """Measure every text of a layout on the decoded file."""
    for text, glyphs in grounds(layout, decoded):
        yield text, [_contrast(glyph) for glyph in glyphs]


def grounds(layout: Layout, decoded: Canvas) -> Iterator[tuple[PlacedText, list[GlyphGround]]]:
    """Cut the ground of every glyph out of the decoded file."""
    pixels = pixels_of(decoded)
    ink = ink_mask(layout, decoded)
    for text in layout.texts():
        yield text, list(glyph_grounds(text, pixels, ink))


def pixels_of(decoded: Canvas) -> NDArray[Any]:
    """See a canvas as (height, width, 3) bytes."""
    size = decoded.size
    return np.frombuffer(decoded.pixels, np.uint8).reshape(size.height, size.width, 3)


def ink_mask(layout: Layout, decoded: Canvas) -> NDArray[Any]:
    """Mark every pixel that a glyph with its stroke, or an underline, grown by antialiasing, takes: (height, width)."""
    ink = np.zeros((decoded.size.height, decoded.size.width), dtype=bool)
    for text in layout.texts():
        for run, _, box in _glyphs(text):
            ink[window(box, 1 + _border(run), ink)] = True
        for mark in (mark for line in text.lines for mark in line.underlines):
            ink[window(mark.box, 1, ink)] = True
    return ink


def decisive(values: Sequence[float]) -> float:
    """Give the 5th percentile of some glyphs' values: one glyph on one bright speck decides nothing."""
    ordered = sorted(values)
    return ordered[int(PERCENTILE * (len(ordered) - 1))]


def _contrast(glyph: GlyphGround) -> GlyphContrast:
    inside = glyph.inside.astype(np.int32)
    ground = np.abs(inside - glyph.median).sum(axis=1)
    inked = any(bool((np.abs(inside - fill).sum(axis=1) < ground).any()) for fill in glyph.fills())
    return GlyphContrast(glyph.character, glyph.box, glyph.ratio(), glyph.needed, inked)


def glyph_grounds(text: PlacedText, pixels: NDArray[Any], ink: NDArray[Any]) -> Iterator[GlyphGround]:
    """Cut out a text's glyphs; one whose ring is wholly other ink, or off the canvas, has no ground of its own."""
    highlighted = any(line.highlights for line in text.lines)
    for run, character, box in _glyphs(text):
        around = window(box, RING + _border(run), ink)
        free = ~ink[around]
        behind = free & _behind(text, box, ink)[around] if highlighted else free
        ring = pixels[around][behind if behind.any() else free]
        if not len(ring) or "emoji" in run.font.font.family.lower():
            continue
        inside = pixels[window(box, _border(run), ink)].reshape(-1, 3)
        yield GlyphGround(character, box, run.color, run.size, text.weight, ring, inside, run.stroke)


def _behind(text: PlacedText, ink: Box, free: NDArray[Any]) -> NDArray[Any]:
    """Mark what may be a glyph's ground by highlights: its own alone, or all but its neighbours'."""
    marks = [mark.box for line in text.lines for mark in line.highlights]
    own = next((box for box in marks if box.contains(ink, 0.5)), None)
    allowed = np.full(free.shape, own is None)
    if own is not None:
        allowed[window(own, -1, free)] = True  # without its antialiased edge
    else:
        for box in marks:
            allowed[window(box, 1, free)] = False
    return allowed


def _border(run: GlyphRun) -> int:
    return 0 if run.stroke is None else math.ceil(run.stroke.width)


def _worst(light: NDArray[Any], own: float) -> float:
    ratios = (np.maximum(light, own) + 0.05) / (np.minimum(light, own) + 0.05)
    return float(np.quantile(ratios, WORST, method="lower"))


def luminance(colors: NDArray[Any]) -> NDArray[Any]:
    """Compute relative luminance by WCAG 2.2: (…, 3) bytes → (…) from 0 to 1."""
    channels = colors.astype(np.float64) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array([0.2126, 0.7152, 0.0722]))


def _glyphs(text: PlacedText) -> Iterator[tuple[GlyphRun, str, Box]]:
    for run in (run for line in text.lines for run in line.runs):
        for glyph in run.glyphs:
            if glyph.ink is not None:
                yield run, text.text[glyph.cluster], glyph.ink


def window(box: Box, margin: int, mask: NDArray[Any]) -> tuple[slice, slice]:
    """Cut the pixels of a box, grown by a margin, to the canvas."""
    height, width = mask.shape
    top, bottom = math.floor(box.y) - margin, math.ceil(box.bottom) + margin
    left, right = math.floor(box.x) - margin, math.ceil(box.right) + margin
    return slice(max(top, 0), max(min(bottom, height), 0)), slice(max(left, 0), max(min(right, width), 0))
