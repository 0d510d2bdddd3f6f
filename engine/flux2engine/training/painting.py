"""A scene → its picture at any size, and how much of each pixel belongs to an object.

Everything is drawn with signed distances in NumPy; knows nothing about captions, latents or models.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flux2engine.training.colours import RGB
from flux2engine.training.data import Placed, Scene, stand_height
from flux2engine.training.products import paint_identity

Field = NDArray[Any]  # floating, (H, W) or broadcastable to it

_TINTS: dict[str, tuple[float, float, float]] = {
    "neutral": (1.0, 1.0, 1.0),
    "warm": (1.0, 0.91, 0.76),
    "cool": (0.82, 0.92, 1.0),
    "dawn": (1.0, 0.83, 0.74),
    "golden hour": (1.0, 0.85, 0.55),
    "night": (0.72, 0.8, 1.0),
    "dramatic": (1.0, 1.0, 1.0),
    "bright": (1.0, 1.0, 1.0),
}
_STRENGTH = {
    "neutral": 0.13,
    "warm": 0.15,
    "cool": 0.14,
    "dawn": 0.2,
    "golden hour": 0.22,
    "night": 0.34,
    "dramatic": 0.36,
    "bright": 0.07,
}


@dataclass(frozen=True)
class Picture:
    """A painted scene."""

    pixels: NDArray[np.uint8]  # (H, W, 3)
    weight: Field  # (H, W) in 0 … 1: how much a pixel belongs to an object or stand


class _Easel:
    """The canvas while it is being painted: pixel coordinates, colours in 0 … 1, and what belongs to objects."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.unit = float(min(width, height))
        self.x = (np.arange(width, dtype=np.float32) + 0.5)[None, :]
        self.y = (np.arange(height, dtype=np.float32) + 0.5)[:, None]
        self.canvas = np.zeros((height, width, 3), np.float32)
        self.weight = np.zeros((height, width), np.float32)

    def blend(self, colour: Field | tuple[float, float, float], mask: Field) -> None:
        self.canvas += (np.asarray(colour, np.float32) - self.canvas) * mask[..., None]

    def darken(self, mask: Field) -> None:
        self.canvas *= (1 - mask)[..., None]

    def lighten(self, mask: Field) -> None:
        self.canvas += (1 - self.canvas) * mask[..., None]


def _cover(distance: Field) -> Field:
    """Turn a signed distance in pixels (negative inside) into coverage."""
    return np.clip(0.5 - distance, 0, 1)


def _ease(t: Field) -> Field:
    t = np.clip(t, 0, 1)
    eased: Field = t * t * (3 - 2 * t)
    return eased


def _ellipse(easel: _Easel, cx: float, cy: float, rx: float, ry: float) -> Field:
    """Return an ellipse's signed distance, exact enough near the edge."""
    dx, dy = (easel.x - cx) / rx, (easel.y - cy) / ry
    radius = np.sqrt(dx * dx + dy * dy) + 1e-6
    slope = np.sqrt((dx / rx) ** 2 + (dy / ry) ** 2) / radius + 1e-6
    distance: Field = (radius - 1) / slope
    return distance


def _soft_ellipse(easel: _Easel, cx: float, cy: float, rx: float, ry: float) -> Field:
    return np.exp(-1.6 * (((easel.x - cx) / rx) ** 2 + ((easel.y - cy) / ry) ** 2))


def _lit(colour: RGB, shade: Field, tint: tuple[float, float, float], amount: float) -> Field:
    """Shade a colour around 1: darker multiplies, lighter mixes towards the light's own tint."""
    base = np.asarray(colour, np.float32) / 255
    light = np.asarray(tint, np.float32)
    # The bend at 1 is rounded: a sharp one would show as a line across the wall.
    bend = np.sqrt((shade - 1) ** 2 + 0.09**2) - 0.09
    up, down = np.clip(0.5 * (shade - 1 + bend), 0, 1)[..., None], np.clip(0.5 * (1 - shade + bend), 0, 1)[..., None]
    lit = base * (1 - down)
    lit = lit + (0.5 * light + 0.5 * np.minimum(base * 1.6 + 0.1, 1) - lit) * up * 0.9
    coloured = lit * (0.25 + 0.75 * light) / (0.25 + 0.75 * float(light.max()))
    return lit + (coloured - lit) * amount


def paint(scene: Scene, width: int, height: int) -> Picture:
    """Paint the scene at this size."""
    rng = random.Random(scene.seed)
    easel = _Easel(width, height)
    _paint_set(easel, scene, rng)
    direction = {"left": -1.0, "right": 1.0}.get(scene.light, 0.0)
    for index in range(scene.spheres):
        _paint_sphere(easel, scene, index, direction, rng)
    _paint_stand(easel, scene, direction)
    for placed in (scene.extra, scene.main):
        if placed is not None:
            _paint_product(easel, placed, direction)
    pixels = (np.clip(easel.canvas, 0, 1) * 255 + 0.5).astype(np.uint8)
    return Picture(pixels, np.clip(easel.weight, 0, 1))


def _glow(easel: _Easel, scene: Scene) -> Field:
    """Return the light's fall-off over the picture, with mean 0 so that the asked colour stays the average one."""
    cx = {"left": 0.08, "right": 0.92}.get(scene.light, 0.5) * easel.width
    cy = {"top": -0.05, "front": 0.45}.get(scene.light, 0.22) * easel.height
    reach = 0.62 * max(easel.width, easel.height * 0.9)
    glow = np.exp(
        -(((easel.x - cx) / reach) ** 2 + ((easel.y - cy) / (0.85 * max(easel.height, easel.width * 0.5))) ** 2)
    )
    centred: Field = glow - float(glow.mean())
    return centred


def _paint_set(easel: _Easel, scene: Scene, rng: random.Random) -> None:
    w, h, u = easel.width, easel.height, easel.unit
    tint, strength = _TINTS[scene.mood], _STRENGTH[scene.mood] * rng.uniform(0.8, 1.2)
    glow = _glow(easel, scene)
    shade = 1 + 1.5 * strength * glow
    amount = (0.5 / (1 + np.exp(-6 * glow)))[..., None] if scene.mood not in ("neutral", "dramatic", "bright") else 0.0
    horizon = scene.horizon * h
    if scene.set == "gradient":
        t = {"vertical": easel.y / h + 0 * easel.x, "horizontal": easel.x / w + 0 * easel.y}.get(
            scene.gradient, 0.5 * (easel.x / w + easel.y / h)
        )
        first, last = (_lit(c, 1 + 0.4 * (shade - 1), tint, 0.5 * amount) for c in (scene.backdrop, scene.second))
        easel.canvas += first + (last - first) * _ease(t * 1.1 - 0.05)[..., None]
        return
    easel.canvas += _lit(scene.backdrop, shade, tint, amount)
    if scene.set == "bokeh":
        _paint_bokeh(easel, scene, rng)
        return
    if scene.set == "paper":
        _paint_paper(easel, scene, rng)
        return
    _paint_wall(easel, scene, rng)
    front = (easel.y - horizon) / max(h - horizon, 1)
    if scene.set == "two-tone":
        floor = _lit(scene.second, shade + 0.06 - 0.1 * np.clip(front, 0, 1), tint, amount)
        easel.blend(floor, _cover(horizon - easel.y + 0 * easel.x))
        easel.darken(0.14 * np.exp(-np.abs(easel.y - horizon) / (0.03 * u)) + 0 * easel.x)
        return
    # A seamless sweep: the wall curves into a floor that catches a little more light.
    bend = _ease((easel.y - horizon + 0.1 * h) / (0.2 * h))
    sink = np.exp(-(((easel.y - horizon) / (0.09 * h)) ** 2))
    easel.darken((0.07 * sink + 0 * easel.x) * (1.4 if scene.mood in ("night", "dramatic") else 1.0))
    easel.lighten(0.07 * bend * (1 - 0.5 * np.clip(front, 0, 1)) * (0.6 + 0.9 * np.clip(glow + 0.2, 0, 1)))


def _paint_wall(easel: _Easel, scene: Scene, rng: random.Random) -> None:
    """Arch, disc, curtain or window light on the wall, beside the empty side."""
    h, u = easel.height, easel.unit
    cx, horizon = scene.centre * easel.width, scene.horizon * h
    direction = {"left": -1.0, "right": 1.0}.get(scene.light, 0.4)
    below = _cover(easel.y - horizon + 0 * easel.x)
    if scene.set in ("arch", "disc"):
        if scene.set == "arch":
            half = rng.uniform(0.2, 0.3) * u
            top = (rng.uniform(0.1, 0.22) if scene.empty != "top" else 0.42) * h + half

            def shape(dx: float, dy: float) -> Field:
                straight = np.abs(easel.x - cx - dx) - half
                round_ = np.hypot(easel.x - cx - dx, easel.y - top - dy) - half
                distance: Field = np.where(easel.y - dy < top, round_, straight + 0 * easel.y)
                return distance
        else:
            radius, middle = rng.uniform(0.2, 0.3) * u, horizon - rng.uniform(0.12, 0.22) * u
            middle = max(middle, (0.52 if scene.empty == "top" else 0.2) * h)

            def shape(dx: float, dy: float) -> Field:
                distance: Field = np.hypot(easel.x - cx - dx, easel.y - middle - dy) - radius
                return distance

        inside = _cover(shape(0, 0)) * below
        fall = 1.04 - 0.1 * np.clip(easel.y / horizon, 0, 1) + 0 * easel.x
        easel.blend(_lit(scene.second, fall, (1, 1, 1), 0.0), inside)
        depth = 0.028 * u
        lip = np.clip(shape(-direction * depth, depth * 0.8) / (0.02 * u), 0, 1)
        easel.darken(0.2 * lip * inside)
    elif scene.set == "curtain":
        folds = rng.uniform(6, 12) * (easel.width / u) ** 0.6
        phase = rng.uniform(0, 6)
        wave = np.sin(easel.x / easel.width * folds * 6.283 + phase + 0.8 * np.sin(easel.x / easel.width * folds * 2.1))
        easel.darken(np.clip(0.09 - 0.09 * wave, 0, 1) * below)
    elif scene.set == "window":
        skew = -direction * rng.uniform(0.25, 0.5)
        left, top = cx - rng.uniform(0.25, 0.4) * u, (0.08 if scene.empty != "top" else 0.38) * h
        blur, pane = rng.uniform(0.008, 0.025) * u, rng.uniform(0.13, 0.2) * u
        along = easel.x - left + skew * (easel.y - top)
        down = easel.y - top - 0.15 * along * direction
        light = np.zeros((easel.height, easel.width), np.float32)
        for column in range(rng.choice([2, 3])):
            for row in range(rng.choice([2, 3])):
                light += (
                    _ease((along - column * pane * 1.12) / blur + 0.5)
                    * _ease((column * pane * 1.12 + pane - along) / blur + 0.5)
                    * _ease((down - row * pane * 1.12) / blur + 0.5)
                    * _ease((row * pane * 1.12 + pane - down) / blur + 0.5)
                )
        easel.canvas += (np.minimum(easel.canvas * 1.25 + 0.1, 1) - easel.canvas) * (
            np.clip(light, 0, 1) * below * 0.75
        )[..., None]


def _paint_bokeh(easel: _Easel, scene: Scene, rng: random.Random) -> None:
    free = {"left": (0.45, 1.0), "right": (0.0, 0.55)}.get(scene.empty, (0.0, 1.0))
    rows = {"top": (0.5, 1.0), "bottom": (0.0, 0.5)}.get(scene.empty, (0.0, 0.9))
    for _ in range(rng.randint(7, 16)):
        radius = easel.unit * rng.uniform(0.025, 0.1)
        distance = (
            np.hypot(easel.x - rng.uniform(*free) * easel.width, easel.y - rng.uniform(*rows) * easel.height) - radius
        )
        disc = _ease(0.5 - distance / (radius * 0.35)) * (0.75 + 0.25 * np.clip(1 + distance / radius, 0, 1))
        colour = np.asarray(scene.second, np.float32) / 255
        easel.blend(tuple(0.55 * colour + 0.45), disc * rng.uniform(0.1, 0.38))
    easel.darken(0.1 * np.clip(easel.y / easel.height - 0.6, 0, 1) * np.ones_like(easel.x))


def _paint_paper(easel: _Easel, scene: Scene, rng: random.Random) -> None:
    layers = rng.randint(2, 4)
    first, last = np.asarray(scene.backdrop, np.float32) / 255, np.asarray(scene.second, np.float32) / 255
    for index in range(layers):
        level = easel.height * (scene.horizon + 0.02 + (1 - scene.horizon) * 0.8 * index / layers)
        height, length = easel.unit * rng.uniform(0.02, 0.07), easel.unit * rng.uniform(0.35, 0.8)
        edge = level + height * np.sin(easel.x / length * 6.283 + rng.uniform(0, 6.28))
        distance = edge - easel.y
        easel.darken(0.22 * np.exp(-np.clip(distance, 0, None) / (0.03 * easel.unit)) * (distance > -1))
        easel.blend(tuple(first + (last - first) * (index + 1) / layers), _cover(distance))


def _paint_sphere(easel: _Easel, scene: Scene, index: int, direction: float, rng: random.Random) -> None:
    u, side = easel.unit, -1 if scene.empty == "right" or (scene.empty != "left" and index) else 1
    radius = rng.uniform(0.05, 0.1) * u
    cx = scene.centre * easel.width + side * rng.uniform(0.26, 0.34) * u * (1 + 0.45 * index)
    cy = min(0.97, scene.ground + 0.05) * easel.height - radius
    easel.darken(
        0.4 * _soft_ellipse(easel, cx - direction * 0.5 * radius, cy + radius * 0.92, 1.3 * radius, 0.32 * radius)
    )
    dx, dy = (easel.x - cx) / radius, (easel.y - cy) / radius
    depth = np.sqrt(np.clip(1 - dx * dx - dy * dy, 0, 1))
    light = 0.5 + 0.42 * np.clip(0.55 * direction * dx - 0.6 * dy + 0.6 * depth, 0, 1.2) + 0.25 * depth
    inside = _cover(np.hypot(easel.x - cx, easel.y - cy) - radius)
    easel.blend(_lit(scene.stand_colour, np.broadcast_to(light, inside.shape), (1, 1, 1), 0.0), inside)
    easel.weight = np.maximum(easel.weight, 0.5 * inside)


def _paint_stand(easel: _Easel, scene: Scene, direction: float) -> None:
    if scene.stand == "none":
        return
    rng = random.Random(scene.seed + 2)
    u, cx, ground = easel.unit, scene.centre * easel.width, scene.ground * easel.height
    height = stand_height(scene) * u
    scale = rng.uniform(0.17, 0.27) if scene.empty in ("top", "bottom") else rng.uniform(0.18, 0.3)
    factor = {"stacked podium": 1.25, "steps": 1.35}.get(scene.stand, 1.0)
    scale = min(scale, (min(cx, easel.width - cx) / u - 0.02) / factor)
    flat = {"eye level": 0.17, "slightly above": 0.27, "low angle": 0.1}[scene.camera]
    if scene.stand == "round podium":
        _paint_drum(easel, scene, cx, ground, scale * u, height, flat, direction)
    elif scene.stand == "stacked podium":
        _paint_drum(easel, scene, cx, ground, scale * 1.25 * u, height * 0.45, flat, direction)
        _paint_drum(easel, scene, cx, ground - height * 0.45, scale * 0.78 * u, height * 0.55, flat, direction)
    elif scene.stand == "box plinth":
        _paint_block(easel, scene, cx, ground, scale * 0.85 * u, height, flat, direction)
    else:
        step = scale * 0.62 * u
        rising = 1 if direction <= 0 else -1
        for index in (2, 1, 0):
            _paint_block(
                easel,
                scene,
                cx + rising * (index - 1) * 2 * step * 0.72,
                ground,
                step * 0.72,
                height * (0.38 + 0.31 * index),
                flat,
                direction,
                shadow=index == 2,
            )


def _shadow(easel: _Easel, cx: float, cy: float, rx: float, ry: float, direction: float, amount: float) -> None:
    easel.darken(amount * 0.7 * _soft_ellipse(easel, cx - direction * rx * 0.55, cy, rx * 1.35, ry * 1.5))
    easel.darken(amount * np.exp(-np.clip(_ellipse(easel, cx, cy, rx, ry), 0, None) / (0.02 * easel.unit)) * 0.8)


def _paint_drum(
    easel: _Easel, scene: Scene, cx: float, base: float, rx: float, height: float, flat: float, direction: float
) -> None:
    ry = rx * flat
    _shadow(easel, cx, base - 0.2 * ry, rx * 1.02, ry * 1.05, direction, 0.34)
    top = base - height
    straight = np.maximum(np.abs(easel.x - cx) - rx, np.maximum(top - easel.y, easel.y - base))
    body = _cover(np.minimum(straight, _ellipse(easel, cx, base, rx, ry)))
    across = np.clip((easel.x - cx) / rx, -1, 1)
    light = 0.72 + 0.2 * direction * across + 0.22 * np.sqrt(1 - across * across) + 0 * easel.y
    easel.blend(_lit(scene.stand_colour, light, _TINTS[scene.mood], 0.1), body)
    lid = _cover(_ellipse(easel, cx, top, rx, ry))
    easel.blend(_lit(scene.stand_colour, 1.1 + 0.12 * direction * across + 0 * easel.y, _TINTS[scene.mood], 0.1), lid)
    easel.weight = np.maximum(easel.weight, 0.5 * np.maximum(body, lid))


def _paint_block(
    easel: _Easel,
    scene: Scene,
    cx: float,
    base: float,
    half: float,
    height: float,
    flat: float,
    direction: float,
    shadow: bool = True,
) -> None:
    depth = half * flat * 1.5
    if shadow:
        _shadow(easel, cx, base - 0.3 * depth, half * 1.1, depth * 0.8, direction, 0.36)
    top = base - height
    front = _cover(np.maximum(np.abs(easel.x - cx) - half, np.maximum(top - easel.y, easel.y - base)))
    light = (
        0.86
        + 0.1 * direction * np.clip((easel.x - cx) / half, -1, 1)
        - 0.08 * np.clip((easel.y - top) / max(height, 1), 0, 1)
    )
    easel.blend(_lit(scene.stand_colour, light, _TINTS[scene.mood], 0.1), front)
    narrow = half - 0.16 * half * np.clip((top - easel.y) / max(depth, 1), 0, 1)
    lid = _cover(np.maximum(np.abs(easel.x - cx) - narrow, np.maximum(top - depth - easel.y, easel.y - top)))
    easel.blend(_lit(scene.stand_colour, 1.1 + 0 * light, _TINTS[scene.mood], 0.1), lid)
    easel.weight = np.maximum(easel.weight, 0.5 * np.maximum(front, lid))


def _paint_product(easel: _Easel, placed: Placed, direction: float) -> None:
    left, top, right, bottom = (v * s for v, s in zip(placed.box, (easel.width, easel.height) * 2, strict=True))
    width, height = max(2, round(right - left)), max(2, round(bottom - top))
    picture = paint_identity(placed.identity, max(width, height)).resize((width, height), Image.Resampling.LANCZOS)
    if placed.flipped:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if placed.angle:
        picture = picture.rotate(placed.angle, Image.Resampling.BICUBIC)
    middle = (left + right) / 2
    easel.darken(
        0.34
        * _soft_ellipse(
            easel, middle - direction * 0.3 * width, bottom - 0.01 * height, 0.62 * width, 0.09 * height + 1
        )
    )
    easel.darken(0.3 * _soft_ellipse(easel, middle, bottom - 0.01 * height, 0.42 * width, 0.04 * height + 1))
    x, y = round(left), round(bottom) - height
    rgba = np.asarray(picture, np.float32) / 255
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + width, easel.width), min(y + height, easel.height)
    if x1 <= x0 or y1 <= y0:
        return
    part = rgba[y0 - y : y1 - y, x0 - x : x1 - x]
    alpha = part[..., 3:]
    region = easel.canvas[y0:y1, x0:x1]
    region += (part[..., :3] * (1 + 0.04 * direction) - region) * alpha
    easel.weight[y0:y1, x0:x1] = np.maximum(easel.weight[y0:y1, x0:x1], alpha[..., 0])
