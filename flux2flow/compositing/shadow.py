"""A standing object's alpha and the light → its shadow on the ground: occlusion at the foot and a cast shadow.

Everything scales with the object's height. The ground is darkened in linear light and keeps its own hue.
Knows nothing of the object's colours.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from flux2flow.compositing.surface import Floats, PixelBox, Pixels, canvas_box, dithered, to_linear, to_srgb
from flux2flow.domain.scene import ContactShadow

_INK = 128

# How a floor looks to a camera slightly above the object: one unit of depth is this much height on the canvas.
_FORESHORTENING = 0.3
_LONGEST = 1.5  # a cast shadow in object heights; lower light is drawn as if it stood here
_LEAST_DEPTH = 0.09  # an object lit exactly from the side still has depth, which its silhouette does not show

_ARC_REACH = 0.22  # an outline this far above the lowest point still belongs to the foot, in object heights

_CAST_STRENGTH = 0.62
_OCCLUSION_STRENGTH = 0.5
_CONTACT_STRENGTH = 0.8
_SHADE = 0.1  # what is left of the ground's light in full shadow: ambient light, tinted by the ground

_WORKING_HEIGHT = 256
"""Rows an object has while its shadow is computed: a shadow is soft, and is enlarged smoothly afterwards."""

Mask = npt.NDArray[np.float32]
"""Height × width, 0 (lit) to 1 (fully shaded)."""


def paint_contact_shadow(
    pixels: Pixels, alpha: npt.NDArray[np.uint8], left: int, ground: int, light: ContactShadow
) -> None:
    """Darken the ground around an object whose alpha stands with its ink on row `ground`, its left edge at `left`."""
    rows = np.flatnonzero((alpha >= _INK).any(axis=1))
    silhouette = alpha[rows[0] : rows[-1] + 1]
    height, width = silhouette.shape
    scale = min(1.0, _WORKING_HEIGHT / height)
    small = (max(round(width * scale), 1), max(round(height * scale), 1))
    lit = _lit(np.asarray(Image.fromarray(silhouette).resize(small, Image.Resampling.BOX)), light)
    across, down = small[0] / width, small[1] / height
    room = _Room(*small)
    frame = PixelBox(
        left - math.floor(room.left / across),
        ground - math.floor(room.line / down),
        left + math.floor((room.width - room.left) / across),
        ground + math.floor((room.height - room.line) / down),
    )
    visible = frame.within(canvas_box(pixels))
    if visible is None:
        return
    part = (
        max(room.left + (visible.left - left) * across, 0.0),
        max(room.line + (visible.top - ground) * down, 0.0),
        min(room.left + (visible.right - left) * across, float(room.width)),
        min(room.line + (visible.bottom - ground) * down, float(room.height)),
    )
    enlarged = Image.fromarray(1 - lit).resize((visible.width, visible.height), Image.Resampling.BICUBIC, box=part)
    shade = np.clip(np.asarray(enlarged, dtype=np.float32), 0, 1)
    _darken(pixels, visible, shade, _ground_color(pixels, left, width, ground, height))


def _lit(silhouette: npt.NDArray[np.uint8], light: ContactShadow) -> Mask:
    """Return what is left of the light around a silhouette, in the room of its size."""
    height, width = silhouette.shape
    room = _Room(width, height)
    feet = _feet(silhouette)
    aside = round(-math.sin(math.radians(light.azimuth)) * height * 0.025)  # occlusion leans away from the light
    closer = round(aside / 4)
    arc = _arc(feet, height)
    lit: Mask = (
        (1 - _CAST_STRENGTH * _cast(silhouette[: height - arc], light, room, room.line - arc))
        * (1 - _OCCLUSION_STRENGTH * _smear(feet, height, room, aside, reach=_ARC_REACH, spread=0.045, thickness=0.02))
        * (1 - _CONTACT_STRENGTH * _smear(feet, height, room, closer, reach=_ARC_REACH, spread=0.008, thickness=0.006))
    )
    return lit


class _Room:
    """The frame that holds an object of this size and its whole shadow: where the object's left and the ground are."""

    def __init__(self, width: int, height: int) -> None:
        reach = math.ceil(height * (_LONGEST + 0.4))
        behind, before = math.ceil(height * (_LONGEST * _FORESHORTENING + 0.15)), math.ceil(height * 0.65)
        self.width, self.height = width + 2 * reach, behind + before
        self.left, self.line = reach, behind


def _cast(silhouette: npt.NDArray[np.uint8], light: ContactShadow, room: _Room, line: int) -> Mask:
    """Lay a silhouette that stands on row `line` on the floor, away from the light; softer and fainter further out."""
    height, width = silhouette.shape
    length = min(1 / math.tan(math.radians(max(light.elevation, 1.0))), _LONGEST)
    lean = -math.sin(math.radians(light.azimuth)) * length  # sideways per unit of the object's height
    depth = math.cos(math.radians(light.azimuth)) * length * _FORESHORTENING  # up the canvas per unit of height
    depth = math.copysign(max(abs(depth), _LEAST_DEPTH), depth)
    rows = max(round(height * abs(depth)), 2)
    flat = Image.fromarray(silhouette).resize((width, rows), Image.Resampling.BOX)
    # Row r of the frame lies `distance` rows away from the ground line, on the shadow's side.
    distance = (line - np.arange(room.height) - 0.5) * math.copysign(1.0, depth)
    up = distance / rows  # 0 at the foot, 1 at the object's top
    columns = np.arange(room.width) + 0.5 - room.left
    source_x = columns[None, :] - (lean * height * up)[:, None]
    mask = _sampled(np.asarray(flat, dtype=np.float32) / np.float32(255), source_x, rows - distance)
    soft = [_blurred(mask, height * sigma, height * sigma * 0.6) for sigma in (0.012, 0.035, 0.075)]
    place = np.clip(up, 0.0, 1.0).astype(np.float32)[:, None]
    near = np.clip(1 - place * 2, 0, 1)
    far = np.clip(place * 2 - 1, 0, 1)
    falling: Mask = (soft[0] * near + soft[1] * (1 - near - far) + soft[2] * far) * (1 - np.float32(0.72) * place)
    return falling


def _sampled(picture: Floats, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> Mask:
    """Sample a picture along rows: linear in x, nearest in y (rows match), 0 outside."""
    height, width = picture.shape
    row = np.floor(y).astype(np.int64)
    inside = (row >= 0) & (row < height)
    lines = np.where(inside[:, None], picture[np.clip(row, 0, height - 1)], 0)
    lines = np.pad(lines, ((0, 0), (1, 1)))
    position = np.clip(x - 0.5 + 1, 0, width + 1)
    whole = np.minimum(np.floor(position).astype(np.int64), width)
    part = (position - whole).astype(np.float32)
    here = np.take_along_axis(lines, whole, axis=1)
    beyond = np.take_along_axis(lines, whole + 1, axis=1)
    return (here * (1 - part) + beyond * part).astype(np.float32)


def _feet(silhouette: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Measure how far each column's lowest ink hangs above the ground, in rows; infinite without ink."""
    ink = silhouette >= _INK
    gap = np.argmax(ink[::-1], axis=0).astype(np.float64)
    return np.where(ink.any(axis=0), gap, np.inf)


def _arc(feet: npt.NDArray[np.float64], height: int) -> int:
    """Measure how far the middle of a round base lies behind its front edge, in rows; 0 for a straight foot."""
    touching = feet[feet < _ARC_REACH * height]
    edge = max(touching.size // 8, 1)
    return round(float(min(touching[:edge].mean(), touching[-edge:].mean())))


def _smear(
    feet: npt.NDArray[np.float64],
    height: int,
    room: _Room,
    aside: int,
    *,
    reach: float,
    spread: float,
    thickness: float,
) -> Mask:
    """Darken along the foot's outline, where it hangs less than `reach` above its lowest point; all in object heights.

    The outline is followed because a round base, seen from above, meets the floor along an arc.
    """
    near = np.clip(1 - feet / max(reach * height, 1.0), 0, 1)
    weight = (near * near * (3 - 2 * near)).astype(np.float32)  # fades out without a visible end
    half = max(thickness * height, 1.0)
    rows = np.arange(room.height)[:, None] + 0.5
    touching = np.abs(rows - (room.line - np.minimum(feet, height))[None, :]) <= half
    mask = np.zeros((room.height, room.width), np.float32)
    start = room.left + aside
    mask[:, start : start + feet.size] = touching * weight
    blurred = _blurred(mask, max(spread * height, 0.6), max(spread * height * 0.45, 0.5))
    peak = float(blurred.max())
    return blurred / np.float32(peak) if peak > 0 else blurred


def _blurred(mask: Mask, across: float, down: float) -> Mask:
    """Blur by a Gaussian of the two standard deviations, in pixels."""
    picture = Image.fromarray(np.rint(np.clip(mask, 0, 1) * 255).astype(np.uint8))
    soft = picture.filter(ImageFilter.GaussianBlur((across, down)))
    return np.asarray(soft, dtype=np.float32) / np.float32(255)


def _ground_color(pixels: Pixels, left: int, width: int, ground: int, height: int) -> Floats:
    """Average the ground in front of the object, in linear light."""
    band = PixelBox(left, ground, left + width, ground + max(round(height * 0.12), 2)).within(canvas_box(pixels))
    if band is None:
        return np.ones(3, np.float32)
    mean: Floats = to_linear(pixels[band.top : band.bottom, band.left : band.right, :3]).mean(
        axis=(0, 1), dtype=np.float32
    )
    return mean


def _darken(pixels: Pixels, box: PixelBox, shade: Mask, ground: Floats) -> None:
    """Multiply the canvas by the shade, whose rest of light carries the ground's hue."""
    rest = np.float32(_SHADE) * ground / max(float(ground.max()), 1e-3)
    target = pixels[box.top : box.bottom, box.left : box.right, :3]
    factor = 1 - shade[:, :, None] * (1 - rest[None, None, :])
    darkened = dithered(to_srgb(to_linear(target) * factor), box.left, box.top)
    target[:] = np.where(shade[:, :, None] > 1 / 512, darkened, target)
