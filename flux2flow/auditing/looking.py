"""A decoded picture and a kit → what can be seen in it of words, logos and plain areas. Judges nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flux2flow.auditing.areas import plain_areas
from flux2flow.auditing.differences import difference
from flux2flow.auditing.lines import see_line
from flux2flow.auditing.logos import Match, Shape, find
from flux2flow.auditing.reduced import Searched, factor
from flux2flow.auditing.seen import PartColor, SeenLogo, SeenPicture
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.measures import Box, Color
from flux2flow.interfaces import TextReader

Pixels = NDArray[Any]

_CLUTTER = 60.0
"""Distance in sRGB from the ground around a logo at which something else stands there."""
_PARTS = 4
_PRODUCTS_SEARCHED = 400_000
"""Pixels of the largest reduction of the picture that products are looked for in: they stand large."""


@dataclass(frozen=True, slots=True)
class LogoDrawing:
    """A logo of the kit to look for: its rules, and its drawings by tone (height × width × 4 bytes, straight alpha)."""

    name: str
    clear_space: float
    min_width: float
    size: tuple[int, int]
    """Width and height of every drawing."""
    drawings: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class CutOut:
    """A cut-out product of the kit to look for (height × width × 4 bytes, straight alpha)."""

    name: str
    size: tuple[int, int]
    drawing: bytes


def look(
    canvas: Canvas,
    logos: Sequence[LogoDrawing],
    products: Sequence[CutOut],
    known: Sequence[Color],
    reader: TextReader | None,
) -> SeenPicture:
    """Look at a picture. Without a reader no words are seen.

    What is on a product (its label, the logo printed on it) is the product's, and is left out.
    """
    pixels = np.frombuffer(canvas.pixels, np.uint8).reshape(canvas.size.height, canvas.size.width, 3)
    whole = Box(0, 0, canvas.size.width, canvas.size.height)
    ground = Searched.of(pixels, factor(pixels))
    shown = tuple(place for product in products for place in _places(ground, product))
    found = tuple(
        seen for logo in logos for seen in _logos(ground, logo) if not any(_on(seen.box, place) for place in shown)
    )
    lines = reader.read(canvas) if reader is not None else ()
    texts = []
    for line in lines:
        if line.confidence < 0.6 or any(_on(line.box, place) for place in (*shown, *(logo.box for logo in found))):
            continue
        seen = see_line(pixels, line, known)
        if seen is not None:
            texts.append(seen)
    areas = tuple(
        area for area in plain_areas(pixels) if area.box == whole or not any(_on(area.box, place) for place in shown)
    )
    return SeenPicture(tuple(texts), found, shown, areas, reader is not None)


def _on(box: Box, place: Box) -> bool:
    """Whether more than half of a box lies on a place."""
    return box.intersection(place).area > 0.5 * box.area


def _places(ground: Searched, product: CutOut) -> list[Box]:
    width, height = product.size
    shape = Shape(np.frombuffer(product.drawing, np.uint8).reshape(height, width, 4))
    return [match.pose.hull() for match in find(ground, shape, most=3, turned=False, finest=_PRODUCTS_SEARCHED)]


def _logos(ground: Searched, logo: LogoDrawing) -> list[SeenLogo]:
    width, height = logo.size
    drawings = [np.frombuffer(data, np.uint8).reshape(height, width, 4) for data in logo.drawings]
    shapes = [Shape(drawing) for drawing in drawings]
    matches = find(ground, shapes[0])
    return [_seen_logo(ground.whole, logo, shapes, match) for match in matches]


def _seen_logo(pixels: Pixels, logo: LogoDrawing, shapes: list[Shape], match: Match) -> SeenLogo:
    shape, pose = shapes[0], match.pose
    box = pose.hull()
    full = pose.height * logo.size[1] / shape.height
    colors = min(
        (_part_colors(pixels, tone, match, box) for tone in shapes if abs(tone.ratio - shape.ratio) < 0.05),
        key=lambda parts: max((part.difference for part in parts), default=0.0),
    )
    return SeenLogo(
        name=logo.name,
        pose=pose,
        score=match.score,
        box=box,
        proportion=shape.ratio * pose.height / pose.width,
        full_height=full,
        clear_space=logo.clear_space,
        min_width=logo.min_width,
        colors=colors,
        cluttered=_cluttered(pixels, box, logo.clear_space * full),
    )


def _part_colors(pixels: Pixels, shape: Shape, match: Match, box: Box) -> tuple[PartColor, ...]:
    """Compare each colour of a drawing with the pixels where it would stand."""
    margin = 4
    x, y = max(math.floor(box.x) - margin, 0), max(math.floor(box.y) - margin, 0)
    cut = pixels[y : math.ceil(box.bottom) + margin, x : math.ceil(box.right) + margin].astype(np.float32)
    pose = match.pose
    drawn = shape.drawn(type(pose)(pose.x - x, pose.y - y, pose.width, pose.height, pose.angle), *cut.shape[1::-1])
    cover = drawn[:, :, 3]
    outside = cut[_grown(cover > 0.02) == 0]
    ground = np.median(outside if len(outside) else cut.reshape(-1, 3), axis=0)
    straight = drawn[:, :, :3] / np.maximum(cover, 1e-3)[..., None] * 255
    parts = []
    for color in _main_colors(shape):
        own = np.abs(straight - np.array(color)).max(axis=2) < 24
        for least in (0.98, 0.8, 0.55):
            there = own & (cover >= least)
            if there.sum() >= max(6, 0.04 * (own & (cover > 0.3)).sum()):
                break
        else:
            continue
        full = ground + (cut[there] - ground) / cover[there][:, None]
        seen = np.clip(np.median(full, axis=0), 0, 255)
        expected, actual = Color(*color), Color(*(round(float(channel)) for channel in seen))
        parts.append(PartColor(expected, actual, difference(expected, actual)))
    return tuple(parts)


def _main_colors(shape: Shape) -> list[tuple[int, int, int]]:
    """List the colours that make up the drawing, most of it first."""
    solid = shape.drawing[shape.drawing[:, :, 3] > 250][:, :3]
    colors, counts = np.unique(solid >> 3, axis=0, return_counts=True)
    kept: list[tuple[int, int, int]] = []
    for index in np.argsort(-counts)[: 4 * _PARTS]:
        if counts[index] < 0.02 * len(solid) or len(kept) == _PARTS:
            break
        members = solid[((solid >> 3) == colors[index]).all(axis=1)]
        red, green, blue = (int(channel) for channel in np.median(members, axis=0))
        if all(max(abs(red - r), abs(green - g), abs(blue - b)) > 24 for r, g, b in kept):
            kept.append((red, green, blue))
    return kept


def _cluttered(pixels: Pixels, box: Box, margin: float) -> float:
    """Measure how much of a logo's clear space is strongly unlike the ground right around the logo."""
    near, far = 3.0, max(0.9 * margin, 3.0)
    height, width = pixels.shape[:2]

    def window(by: float) -> tuple[slice, slice]:
        grown = box.grown(by)
        return (
            slice(max(math.floor(grown.y), 0), min(math.ceil(grown.bottom), height)),
            slice(max(math.floor(grown.x), 0), min(math.ceil(grown.right), width)),
        )

    (rows, columns), (without_rows, without_columns) = window(far), window(near)
    cut = pixels[rows, columns]
    ring = np.ones(cut.shape[:2], dtype=bool)
    ring[
        without_rows.start - rows.start : without_rows.stop - rows.start,
        without_columns.start - columns.start : without_columns.stop - columns.start,
    ] = False
    values = cut[ring].astype(np.float32)
    if not len(values):
        return 0.0
    return float((np.sqrt(((values - np.median(values, axis=0)) ** 2).sum(axis=1)) > _CLUTTER).mean())


def _grown(mask: Pixels) -> Pixels:
    """Grow a mask by one pixel on all sides."""
    padded = np.pad(mask, 1)
    grown = padded[:-2] | padded[1:-1] | padded[2:]
    return np.asarray(grown[:, :-2] | grown[:, 1:-1] | grown[:, 2:])
