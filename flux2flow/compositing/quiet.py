"""A plate's crop and boxes on the canvas → how busy the picture is under each. Measures; decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.layout import Busyness
from flux2flow.domain.measures import Box, PixelSize
from flux2flow.domain.scene import PlateLayer

LONGER_SIDE = 360
"""Pixels that a canvas is looked at with: what is finer is noise to a reader of type."""
_LUMA = (0.2126, 0.7152, 0.0722)


def busyness(plate: Canvas, layer: PlateLayer, size: PixelSize, boxes: Sequence[Box]) -> tuple[Busyness, ...]:
    """Measure the plate under boxes given in canvas pixels; a box outside the canvas has nothing under it."""
    scale = min(LONGER_SIDE / max(size.width, size.height), 1.0)
    luma = _luma(plate, layer, max(round(size.width * scale), 2), max(round(size.height * scale), 2))
    high, wide = luma.shape
    down, across = np.diff(luma, axis=0, append=luma[-1:]), np.diff(luma, axis=1, append=luma[:, -1:])
    edges = np.abs(down) + np.abs(across)
    found = []
    for box in boxes:
        left, right = (round(x / size.width * wide) for x in (box.x, box.right))
        top, bottom = (round(y / size.height * high) for y in (box.y, box.bottom))
        part = (slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0)))
        seen = luma[part]
        if not seen.size:
            found.append(Busyness(0.0, 0.0))
            continue
        found.append(Busyness(round(float(edges[part].mean()), 6), round(float(seen.std()), 6)))
    return tuple(found)


def _luma(plate: Canvas, layer: PlateLayer, width: int, height: int) -> NDArray[Any]:
    """Scale the crop down and weigh its channels as the eye does: (height, width) from 0 to 1."""
    crop = layer.crop
    picture = Image.frombytes("RGB", (plate.size.width, plate.size.height), plate.pixels)
    edges = (
        max(crop.x, 0.0),
        max(crop.y, 0.0),
        min(crop.right, float(plate.size.width)),
        min(crop.bottom, float(plate.size.height)),
    )
    scaled = picture.resize((width, height), Image.Resampling.BOX, box=edges)
    if layer.flip:
        scaled = scaled.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(np.asarray(scaled, dtype=np.float64) @ np.array(_LUMA) / 255)
