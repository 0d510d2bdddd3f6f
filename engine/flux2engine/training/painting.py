"""A scene → its picture at any size, how much of each pixel belongs to an object, and where the backdrop is bare.

Back to front: set, stand, decor, products, reflections. Knows nothing about captions, latents or models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flux2engine.training.easel import Easel, Field
from flux2engine.training.products import paint_identity
from flux2engine.training.scene import Placed, Scene
from flux2engine.training.sets import paint_set
from flux2engine.training.shadows import drop_shadow, product_shadow, reflect, rim_light
from flux2engine.training.stands import paint_decor, paint_leaf_shadow, paint_stand

# A product is lit by the scene, but keeps its colours: the share of the light's tint, and its exposure.
_PRODUCT_TINT = 0.15
_EXPOSURE = {"night": 0.93, "dramatic": 0.96, "bright": 1.02}


@dataclass(frozen=True)
class Picture:
    """A painted scene."""

    pixels: NDArray[np.uint8]  # (H, W, 3)
    weight: NDArray[Any]  # (H, W) in 0 … 1: how much a pixel belongs to an object or stand
    backdrop: NDArray[Any]  # (H, W) in 0 … 1: how much of it is bare backdrop, whose mean is the asked colour


def paint(scene: Scene, width: int, height: int) -> Picture:
    """Paint the scene at this size."""
    if scene.crop is not None:
        return _paint_part(scene, scene.crop, width, height)
    easel = Easel(scene, width, height)
    paint_set(easel, scene)
    if scene.decor == "leaf shadow":
        paint_leaf_shadow(easel, scene)
    surface = paint_stand(easel, scene)
    paint_decor(easel, scene)
    # The nearest last; every shadow before any product: what one is given or loses leaves the others as they are.
    placed = sorted(scene.objects, key=lambda it: scene.ground if it is scene.main else it.box[3])
    patches = [_patch(easel, scene, it) for it in placed]
    for it, patch in zip(placed, patches, strict=True):
        _paint_shadow(easel, scene, patch, surface if it is scene.main else None)
    for it, patch in zip(placed, patches, strict=True):
        on_floor = scene.kind != "flat-lay" and (it is not scene.main or surface is None)
        _lay(easel, patch, on_floor)
    reflect(easel, scene)
    pixels = (np.clip(easel.canvas, 0, 1) * 255 + 0.5).astype(np.uint8)
    return Picture(pixels, np.clip(easel.weight, 0, 1), np.clip(easel.backdrop, 0, 1))


def _paint_part(scene: Scene, crop: tuple[float, float, float, float], width: int, height: int) -> Picture:
    left, top, right, bottom = crop
    whole_width, whole_height = round(width / (right - left)), round(height / (bottom - top))
    aspect = scene.aspect * (bottom - top) / (right - left)
    whole = paint(replace(scene, crop=None, aspect=aspect), whole_width, whole_height)
    x, y = min(round(left * whole_width), whole_width - width), min(round(top * whole_height), whole_height - height)
    rows, columns = slice(y, y + height), slice(x, x + width)
    return Picture(whole.pixels[rows, columns], whole.weight[rows, columns], whole.backdrop[rows, columns])


@dataclass(frozen=True)
class _Patch:
    """A product as the scene lights it, (h, w, 4) in 0 … 1, and where its corner lies."""

    rgba: Field
    x: int
    y: int


def _patch(easel: Easel, scene: Scene, placed: Placed) -> _Patch:
    left, top, right, bottom = (v * s for v, s in zip(placed.box, (easel.width, easel.height) * 2, strict=True))
    picture = _turned(placed, max(2, round(right - left)), max(2, round(bottom - top)))
    # Rounded as a reference is centred on its ground: a pixel beside it, a copied token is another token.
    x = math.floor((left + right) / 2 - picture.width / 2 + 1e-3)
    y = math.floor((top + bottom) / 2 - picture.height / 2 + 1e-3)
    rgba = np.asarray(picture, np.float32) / 255
    rgba[..., :3] *= _light(easel, scene, picture.width, picture.height)
    if scene.rim:
        rim_light(rgba, easel.direction, easel.unit)
    return _Patch(np.clip(rgba, 0, 1), x, y)


def _paint_shadow(easel: Easel, scene: Scene, patch: _Patch, surface: Field | None) -> None:
    alpha = patch.rgba[..., 3]
    if scene.kind == "flat-lay":
        drop_shadow(easel, scene, alpha, patch.x, patch.y)
    else:
        product_shadow(easel, scene, alpha, patch.x, patch.y, surface)


def _turned(placed: Placed, width: int, height: int) -> Image.Image:
    """Return the product as it stands, fitting its box."""
    picture = paint_identity(placed.identity, max(width, height))
    if placed.angle:
        picture = picture.convert("RGBa").rotate(placed.angle, Image.Resampling.BICUBIC, expand=True).convert("RGBA")
        picture = picture.crop(picture.getchannel("A").point(lambda value: 255 if value > 30 else 0).getbbox())
    if abs(width - picture.width) <= 1 and abs(height - picture.height) <= 1:
        return picture
    scale = min(width / picture.width, height / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")


def _light(easel: Easel, scene: Scene, width: int, height: int) -> Field:
    """Return the scene's light on a product, (h, w, 3): tinted, falling off away from the key, darker at the foot."""
    tint = np.asarray(easel.tint, np.float32)
    tint = 1 + _PRODUCT_TINT * (tint / tint.max() - 1)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :] * easel.direction * 0.07
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    foot = 0.14 * np.clip((down - 0.86) / 0.14, 0, 1) ** 2 * (scene.kind != "flat-lay")
    light: Field = ((1.01 + across - foot) * _EXPOSURE.get(scene.mood, 1.0))[..., None] * tint
    return light


def _lay(easel: Easel, patch: _Patch, on_floor: bool) -> None:
    (height, width), x, y = patch.rgba.shape[:2], patch.x, patch.y
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + width, easel.width), min(y + height, easel.height)
    if x1 <= x0 or y1 <= y0:
        return
    part = patch.rgba[y0 - y : y1 - y, x0 - x : x1 - x]
    region = easel.canvas[y0:y1, x0:x1]
    region *= 1 - part[..., 3:]  # so that an opaque pixel is the product alone, to the last bit
    region += part[..., :3] * part[..., 3:]
    mask = np.zeros((easel.height, easel.width), np.float32)
    mask[y0:y1, x0:x1] = part[..., 3]
    easel.claim(mask)
    if on_floor:
        easel.standing.append((mask, float(y + height)))
