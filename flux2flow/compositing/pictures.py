"""Placed pictures and logos → pixels: decoded by their gates, scaled in linear light, laid over the canvas.

A standing picture gets its contact shadow first, where its ink ends. Chooses no place or size.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from flux2flow.compositing.recent import Recent
from flux2flow.compositing.shadow import paint_contact_shadow
from flux2flow.compositing.surface import Floats, PixelBox, Pixels, canvas_box, to_linear, to_srgb
from flux2flow.domain.files import PictureFile
from flux2flow.domain.layout import PlacedIcon, PlacedLogo, PlacedPicture
from flux2flow.domain.measures import Color
from flux2flow.errors import CompositingError
from flux2flow.gates import pictures, vectors
from flux2flow.interfaces import FileSource

_INK = 128  # alpha from which a pixel belongs to the object and not to its soft edge
_REMEMBERED = 12
_scaled: Recent[npt.NDArray[np.uint8]] = Recent(_REMEMBERED)


def paint_picture(layer: PlacedPicture, pixels: Pixels, files: FileSource) -> None:
    """Paint a picture into its box, clipped; a standing one after its shadow."""
    box = PixelBox.nearest(layer.box)
    picture = scaled_picture(layer.picture, box.width, box.height, files, layer.color)
    if layer.shadow is not None:
        ground = box.bottom - _empty_rows_below(picture)
        paint_contact_shadow(pixels, picture[:, :, 3], box.left, ground, layer.shadow)
    _lay_over(picture, box, PixelBox.nearest(layer.clip), pixels)


def paint_logo(layer: PlacedLogo, pixels: Pixels, files: FileSource) -> None:
    """Paint a logo into its box."""
    box = PixelBox.nearest(layer.box)
    _lay_over(scaled_picture(layer.picture, box.width, box.height, files), box, box, pixels)


def paint_icon(icon: PlacedIcon, pixels: Pixels, files: FileSource) -> None:
    """Paint an icon into its box, in its text's colour."""
    box = PixelBox.nearest(icon.box)
    _lay_over(scaled_picture(icon.picture, box.width, box.height, files, icon.color), box, box, pixels)


def scaled_picture(
    picture: PictureFile, width: int, height: int, files: FileSource, color: Color | None = None
) -> npt.NDArray[np.uint8]:
    """Return the picture at a size: height × width × 4 bytes, straight alpha, sRGB. Not to be written to.

    `color` is what an SVG draws its `currentColor` in.
    """

    def make() -> npt.NDArray[np.uint8]:
        data = files.read(picture.file)
        if picture.media == "svg":
            drawn = vectors.rasterise(data, width, height, color.hex[:7] if color else "")
            return np.frombuffer(drawn, dtype=np.uint8).reshape(height, width, 4)
        source_width, source_height, decoded = pictures.decode_rgba(data)
        source = np.frombuffer(decoded, dtype=np.uint8).reshape(source_height, source_width, 4)
        return source if (source_width, source_height) == (width, height) else _resample(source, width, height)

    return _scaled.get((picture.file.digest, picture.media, width, height, color), make)


def _resample(source: npt.NDArray[np.uint8], width: int, height: int) -> npt.NDArray[np.uint8]:
    """Scale in linear light with alpha premultiplied, so that edges get neither dark nor coloured fringes."""
    smaller = width * height < source.shape[0] * source.shape[1]
    kernel = Image.Resampling.LANCZOS if smaller else Image.Resampling.BICUBIC

    def scale(channel: Floats) -> Floats:
        return np.asarray(Image.fromarray(channel).resize((width, height), kernel), dtype=np.float32)

    alpha = source[:, :, 3].astype(np.float32) / np.float32(255)
    opaque = bool((source[:, :, 3] == 255).all())
    scaled_alpha = np.ones((height, width), np.float32) if opaque else scale(alpha)
    out = np.empty((height, width, 4), np.uint8)
    # Lanczos overshoots beside an edge, color and alpha alike: their ratio is right before either is clipped.
    divisor = np.maximum(scaled_alpha, np.float32(1 / 1024)).astype(np.float32)
    for index in range(3):
        linear = to_linear(source[:, :, index])
        scaled = scale(linear if opaque else linear * alpha)
        out[:, :, index] = np.rint(to_srgb((scaled / divisor).astype(np.float32)))
    out[:, :, 3] = np.rint(np.clip(scaled_alpha, 0, 1) * 255)
    return out


def _empty_rows_below(picture: npt.NDArray[np.uint8]) -> int:
    """Count the rows below the picture's ink."""
    rows = np.flatnonzero((picture[:, :, 3] >= _INK).any(axis=1))
    if rows.size == 0:
        raise CompositingError("the standing picture is fully transparent")
    return int(picture.shape[0] - 1 - rows[-1])


def _lay_over(picture: npt.NDArray[np.uint8], box: PixelBox, clip: PixelBox, pixels: Pixels) -> None:
    """Blend the part inside clip and canvas over the canvas."""
    seen = box.within(clip)
    seen = seen.within(canvas_box(pixels)) if seen else None
    if seen is None:
        return
    part = picture[seen.top - box.top : seen.bottom - box.top, seen.left - box.left : seen.right - box.left]
    target = pixels[seen.top : seen.bottom, seen.left : seen.right, :3]
    alpha = part[:, :, 3:4].astype(np.uint32)
    mixed = part[:, :, :3] * alpha + target * (255 - alpha)
    target[:] = (mixed + 127) // 255
