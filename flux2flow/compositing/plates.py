"""The plate's crop → the whole canvas, resampled once, flipped where the layout says so.

Adds nothing to the picture.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from flux2flow.compositing.surface import Pixels
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.layout import PlacedPlate
from flux2flow.errors import CompositingError

_ROUNDING = 0.01  # plate pixels that a crop may reach beyond the plate through arithmetic


def paint_plate(layer: PlacedPlate, pixels: Pixels, plate: Canvas) -> None:
    """Scale the crop to the canvas (Lanczos both ways) and mirror it afterwards if asked."""
    height, width = pixels.shape[:2]
    picture = Image.frombytes("RGB", (plate.size.width, plate.size.height), plate.pixels)
    crop = layer.crop
    if (
        crop.x < -_ROUNDING
        or crop.y < -_ROUNDING
        or crop.right > plate.size.width + _ROUNDING
        or crop.bottom > plate.size.height + _ROUNDING
    ):
        raise CompositingError(f"the crop {crop} reaches outside the plate of {plate.size} pixels")
    edges = (
        max(crop.x, 0.0),
        max(crop.y, 0.0),
        min(crop.right, float(plate.size.width)),
        min(crop.bottom, float(plate.size.height)),
    )
    if edges == (0.0, 0.0, float(width), float(height)):
        scaled = picture.crop((0, 0, width, height))
    else:
        scaled = picture.resize((width, height), Image.Resampling.LANCZOS, box=edges)
    if layer.flip:
        scaled = scaled.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels[:, :, :3] = np.asarray(scaled)
