"""The canvas of a scene while it is being painted, and the strokes all painters share: coverage, easing, noise, light.

Lengths are pixels; `unit` is the picture's shorter side, so that a scene composes alike at any size.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flux2engine.training.colours import RGB
from flux2engine.training.scene import Scene

Field = NDArray[Any]  # floating, (H, W) or broadcastable to it

TINTS: dict[str, tuple[float, float, float]] = {
    "neutral": (1.0, 1.0, 1.0),
    "warm": (1.0, 0.91, 0.76),
    "cool": (0.82, 0.92, 1.0),
    "dawn": (1.0, 0.83, 0.74),
    "golden hour": (1.0, 0.85, 0.55),
    "night": (0.72, 0.8, 1.0),
    "dramatic": (1.0, 1.0, 1.0),
    "bright": (1.0, 1.0, 1.0),
}
STRENGTH = {
    "neutral": 0.13,
    "warm": 0.15,
    "cool": 0.14,
    "dawn": 0.2,
    "golden hour": 0.22,
    "night": 0.34,
    "dramatic": 0.36,
    "bright": 0.07,
}


class Easel:
    """Pixel coordinates, colours in 0 … 1, what belongs to objects, and what is bare backdrop."""

    def __init__(self, scene: Scene, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.unit = float(min(width, height))
        self.x = (np.arange(width, dtype=np.float32) + 0.5)[None, :]
        self.y = (np.arange(height, dtype=np.float32) + 0.5)[:, None]
        self.canvas = np.zeros((height, width, 3), np.float32)
        self.weight = np.zeros((height, width), np.float32)
        self.backdrop = np.ones((height, width), np.float32)
        self.standing: list[tuple[Field, float]] = []  # masks of what stands on the floor, and the line it stands on
        self.direction = {"left": -1.0, "right": 1.0}.get(scene.light, 0.0)
        self.tint = TINTS[scene.mood]
        self.calm = self._calm(scene)

    def _calm(self, scene: Scene) -> Field:
        """Return how still each pixel must be: 1 in the empty box, falling to 0 beside it."""
        if scene.empty_box is None:
            return np.zeros((1, 1), np.float32)
        left, top, right, bottom = scene.empty_box
        soft = 0.32 * self.unit
        across = ease((self.x - left * self.width) / soft + 1) if left > 0 else 1 + 0 * self.x
        across = across * (ease((right * self.width - self.x) / soft + 1) if right < 1 else 1)
        down = ease((self.y - top * self.height) / soft + 1) if top > 0 else 1 + 0 * self.y
        down = down * (ease((bottom * self.height - self.y) / soft + 1) if bottom < 1 else 1)
        calm: Field = across * down
        return calm

    def blend(self, colour: Field | tuple[float, float, float], mask: Field) -> None:
        """Lay a colour over the canvas."""
        self.canvas += (np.asarray(colour, np.float32) - self.canvas) * mask[..., None]

    def darken(self, mask: Field) -> None:
        """Take light away."""
        self.canvas *= (1 - mask)[..., None]

    def lighten(self, mask: Field) -> None:
        """Mix with white."""
        self.canvas += (1 - self.canvas) * mask[..., None]

    def claim(self, mask: Field, weight: float = 1.0) -> None:
        """Note that these pixels belong to an object or stand."""
        np.maximum(self.weight, weight * mask, out=self.weight)
        self.backdrop *= 1 - mask


def cover(distance: Field) -> Field:
    """Turn a signed distance in pixels (negative inside) into coverage."""
    return np.clip(0.5 - distance, 0, 1)


def ease(t: Field) -> Field:
    """Go from 0 to 1 without a kink."""
    t = np.clip(t, 0, 1)
    eased: Field = t * t * (3 - 2 * t)
    return eased


def bump(value: Field, centre: float, width: float) -> Field:
    """Return a bell: 1 at the centre."""
    return np.exp(-(((value - centre) / width) ** 2))


def ellipse(easel: Easel, cx: float, cy: float, rx: float, ry: float) -> Field:
    """Return an ellipse's signed distance, exact enough near the edge."""
    dx, dy = (easel.x - cx) / rx, (easel.y - cy) / ry
    radius = np.sqrt(dx * dx + dy * dy) + 1e-6
    slope = np.sqrt((dx / rx) ** 2 + (dy / ry) ** 2) / radius + 1e-6
    distance: Field = (radius - 1) / slope
    return distance


def soft_ellipse(easel: Easel, cx: float, cy: float, rx: float, ry: float) -> Field:
    """Return a blurred ellipse that really ends, at about twice its radii: what is far away stays untouched."""
    reach = ((easel.x - cx) / rx) ** 2 + ((easel.y - cy) / ry) ** 2
    return np.clip(np.exp(-1.6 * reach) - 0.004, 0, 1)


def noise(easel: Easel, rng: random.Random, across: float, down: float) -> Field:
    """Return smooth noise around 0.5, (H, W), with this many cells to the picture's shorter side; alike at any size."""
    columns = max(6, round(3 * across * easel.width / easel.unit))
    rows = max(6, round(3 * down * easel.height / easel.unit))
    grid = np.random.default_rng(rng.getrandbits(32)).standard_normal((rows, columns), dtype=np.float32)
    for _ in range(3):  # white noise blurred alike in all directions: a coarse grid enlarged would show as squares
        for axis in (0, 1):
            grid = 0.5 * grid + 0.25 * (np.roll(grid, 1, axis) + np.roll(grid, -1, axis))
    grid = 0.5 + 0.2 * grid / float(grid.std())
    return np.asarray(Image.fromarray(grid).resize((easel.width, easel.height), Image.Resampling.BICUBIC))


def lit(colour: RGB | Field, shade: Field, tint: tuple[float, float, float], amount: Field | float) -> Field:
    """Shade a colour around 1: darker multiplies, lighter mixes towards the light's own tint."""
    base = np.asarray(colour, np.float32) / 255 if isinstance(colour, tuple) else colour
    light = np.asarray(tint, np.float32)
    # The bend at 1 is rounded: a sharp one would show as a line across the wall.
    bend = np.sqrt((shade - 1) ** 2 + 0.2**2) - 0.2
    up, down = np.clip(0.5 * (shade - 1 + bend), 0, 1)[..., None], np.clip(0.5 * (1 - shade + bend), 0, 1)[..., None]
    dark = base * (1 - down)
    bright = dark + (0.5 * light + 0.5 * np.minimum(base * 1.6 + 0.1, 1) - dark) * up * 0.9
    coloured = bright * (0.25 + 0.75 * light) / (0.25 + 0.75 * float(light.max()))
    result: Field = bright + (coloured - bright) * amount
    return result
