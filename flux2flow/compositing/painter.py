"""A layout's placed layers → pixels, in painting order, on one opaque sRGB canvas.

Dispatches to the painter of each kind and names the layer that could not be painted. Draws nothing itself.
"""

from __future__ import annotations

import numpy as np

from flux2flow.compositing.pictures import paint_logo, paint_picture
from flux2flow.compositing.plates import paint_plate
from flux2flow.compositing.shapes import paint_path, paint_shape
from flux2flow.compositing.surface import Pixels
from flux2flow.compositing.text import paint_text
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.layout import (
    Layout,
    Placed,
    PlacedLogo,
    PlacedPath,
    PlacedPicture,
    PlacedPlate,
    PlacedShape,
    PlacedText,
)
from flux2flow.errors import CompositingError, GateError
from flux2flow.interfaces import FileSource


def paint(layout: Layout, plate: Canvas, files: FileSource) -> Canvas:
    """Paint the layers over each other and return the opaque result."""
    pixels = np.full((layout.size.height, layout.size.width, 4), 255, dtype=np.uint8)
    for layer in layout.placed:
        try:
            _paint_layer(layer, pixels, plate, files)
        except GateError as error:
            raise CompositingError(f"{layout.scene}: layer {layer.id!r}: {error}") from error
        except CompositingError as error:
            raise CompositingError(f"{layout.scene}: layer {layer.id!r}: {error}") from error.__cause__
    return Canvas(layout.size, pixels[:, :, :3].tobytes())


def _paint_layer(layer: Placed, pixels: Pixels, plate: Canvas, files: FileSource) -> None:
    match layer:
        case PlacedPlate():
            paint_plate(layer, pixels, plate)
        case PlacedShape():
            paint_shape(layer, pixels)
        case PlacedPath():
            paint_path(layer, pixels)
        case PlacedPicture():
            paint_picture(layer, pixels, files)
        case PlacedLogo():
            paint_logo(layer, pixels, files)
        case PlacedText():
            paint_text(layer, pixels, files)
