"""A brief in numbers → a soft studio set, painted by arithmetic: backdrop, floor, light, and a podium or disc.

Every pixel comes from + - * / and square roots, which IEEE 754 rounds alike everywhere, so plates are the same bytes on
every machine. Knows no prompt and no backend.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flux2flow.domain.measures import Box, Color
from flux2flow.domain.plate import BACKDROP_PARTS, Direction, PlateRequest

# All float32; the stubs of numpy widen a product with a Python float, numpy itself does not.
Field = npt.NDArray[Any]  # (H, W), or (1, W) and (H, 1) where one axis decides
Paint = npt.NDArray[Any]  # (H, W, 3), light: the square of an sRGB value, 0 to 1

_FLOOR = ("floor", "ground", "table", "surface")
_PODIUM = ("podium", "plinth", "stand", "stage", "pedestal", "block")
_DISC = ("disc", "arch", "glow", "accent", "sun")
_NEUTRAL = Color(0xE6, 0xE4, 0xE0)


@dataclass
class Studio:
    """The set while it is painted. Lengths are in units of the shorter side: one set looks alike at any size."""

    direction: Direction
    seed: int
    x: Field  # (1, W), 0 at the left edge
    y: Field  # (H, 1), 0 at the top edge
    wide: float
    high: float
    unit: int  # pixels in one unit
    light: Paint

    @classmethod
    def of(cls, request: PlateRequest) -> Studio:
        """Set up the coordinates of a request's plate."""
        width, height = request.size.width, request.size.height
        unit = min(width, height)
        x = ((np.arange(width, dtype=np.float32) + np.float32(0.5)) / np.float32(unit))[None, :]
        y = ((np.arange(height, dtype=np.float32) + np.float32(0.5)) / np.float32(unit))[:, None]
        canvas = np.zeros((height, width, 3), np.float32)
        return cls(request.direction, request.seed, x, y, width / unit, height / unit, unit, canvas)

    @property
    def ground(self) -> float:
        """The y of the floor line."""
        return min(max(self.direction.ground, 0.05), 0.98) * self.high

    @property
    def across(self) -> float:
        """From where the light comes, -1 for the left to 1 for the right."""
        return round(math.sin(math.radians(self.direction.light_azimuth)), 6)

    @property
    def focal(self) -> Box:
        """Where the subject stands, in units; a place in the middle where the brief names none."""
        box = self.direction.focal or Box(0.36, max(self.direction.ground - 0.5, 0.05), 0.28, 0.5)
        return box.scaled(self.wide, self.high)

    @property
    def stages(self) -> tuple[Callable[[], None], ...]:
        """The steps of painting, in order."""
        return self.paint_sweep, self.paint_disc, self.paint_podium, self.finish

    def color(self, names: Sequence[str], otherwise: Color | None) -> Color | None:
        """Find the palette's colour for a part of the set, in the order of its names."""
        parts = {color.part.lower(): color.color for color in self.direction.palette}
        found = (color for name in names for part, color in parts.items() if name in part.replace("-", " ").split())
        return next(found, otherwise)

    def paint_sweep(self) -> None:
        """Paint backdrop and floor as one sheet of paper, bent without a line, under a soft key light."""
        first = self.direction.palette[0].color if self.direction.palette else _NEUTRAL
        backdrop = self.color(BACKDROP_PARTS, first) or first
        floor = self.color(_FLOOR, None) or backdrop
        depth = self.high - self.ground
        bend_top = self.ground - 0.34 * min(self.high, 1.4)
        bend_end = self.ground + 0.1 * depth
        bend = _smooth((self.y - bend_top) / (bend_end - bend_top))
        wall, sheet = _light(backdrop), _light(floor)
        self.light[:] = wall + (sheet - wall) * bend[..., None]

        elevation = self.direction.light_elevation / 90
        key_x = (0.5 + 0.46 * self.across * (1 - 0.6 * elevation)) * self.wide
        key_y = self.ground * (0.5 - 0.3 * elevation)
        reach = 0.5 * max(self.wide, self.high) + 0.25
        pool = _bump(((self.x - key_x) / reach) ** 2 + ((self.y - key_y) / (0.8 * reach)) ** 2)
        away = (self.x / self.wide - 0.5) * self.across
        focal = self.focal
        behind = _bump(
            ((self.x - focal.x - focal.width / 2) / (0.35 + 0.6 * focal.width)) ** 2
            + ((self.y - focal.y - 0.45 * focal.height) / (0.3 + 0.6 * focal.height)) ** 2
        )
        # The floor catches the light where things stand and sinks a little where the paper bends.
        catch = _bump(
            ((self.x - focal.x - focal.width / 2 + 0.1 * self.across) / (0.75 * max(1.0, 0.6 * self.wide))) ** 2
            + ((self.y - self.ground - 0.15 * depth) / 0.2) ** 2
        )
        fold = _bump(((self.y - (bend_top + 0.62 * (bend_end - bend_top))) / 0.15) ** 2)
        front = _smooth((self.y - self.ground) / max(depth, 0.05))
        exposure = 0.62 * pool + 0.22 * away + 0.16 * behind + 0.2 * catch - 0.14 * fold - 0.12 * front
        corner = ((self.x / self.wide - 0.5) * 2) ** 2 + ((self.y / self.high - 0.5) * 2) ** 2
        exposure = exposure - 0.3 * _smooth((corner - 0.5) / 1.5)
        # Mean 0, so that the asked colour stays the picture's average; rounded, as sums differ in their last bits.
        exposure = exposure - np.float32(round(float(exposure.mean(dtype=np.float64)), 3))
        self._expose(exposure.astype(np.float32))

    def _expose(self, exposure: Field) -> None:
        """Multiply light by 1 + exposure; bright paper takes less of it than dark, as it does before a lens."""
        brightness = self.light.max(axis=2)
        strength = np.float32(0.95) - np.float32(0.62) * brightness
        gain = (1 + exposure * strength)[..., None]
        warm = np.array([0.012, 0.0, -0.014], np.float32) * np.clip(exposure, -0.5, 0.5)[..., None]
        lit = self.light * np.maximum(gain + warm, np.float32(0.05))
        # A dark wall still shows its light: paper reflects some white of its own.
        risen = (exposure + np.sqrt(exposure * exposure + np.float32(0.09))) / 2
        sheen = risen[..., None] * np.float32(0.028) * (1 - self.light)
        self.light = _shoulder(lit + sheen)

    def paint_disc(self) -> None:
        """Paint a large soft disc on the wall behind the subject, where the palette names one."""
        color = self.color(_DISC, None)
        if color is None:
            return
        focal = self.focal
        radius = min(0.62 * max(focal.height, focal.width), 0.46 * self.high, 0.46 * self.wide)
        middle_x, middle_y = focal.x + focal.width / 2, max(self.ground - 1.0 * radius, radius * 0.9)
        distance = np.sqrt((self.x - middle_x) ** 2 + (self.y - middle_y) ** 2) - radius
        wall = 1 - _smooth((self.y - self.ground + 0.16) / 0.2)
        fall = 1.02 - 0.1 * (self.y - middle_y) / radius + 0.06 * self.across * (self.x - middle_x) / radius
        shadow = _bump((np.maximum(distance - 0.01, 0) / 0.03) ** 2) * 0.1
        cover = (self._cover(distance) * wall)[..., None]
        self.light = self.light * (1 - (shadow * wall * (1 - self._cover(distance)))[..., None])
        self.light = self.light + (_shoulder(_light(color) * fall[..., None]) - self.light) * cover

    def paint_podium(self) -> None:
        """Paint a round podium whose top carries the subject at the ground line, where the palette names one."""
        color = self.color(_PODIUM, None)
        if color is None:
            return
        focal = self.focal
        middle = focal.x + focal.width / 2
        radius = min(max(0.62 * focal.width, 0.16), 0.42 * self.wide)
        flat = 0.15 * radius
        height = min(max(0.24, 0.3 * focal.height), 0.34)
        top, base = self.ground + 0.25 * flat, self.ground + 0.25 * flat + height
        side = (self.x - middle) / radius
        self._drop_shadow(middle, base, radius, flat)
        lid = ((self.x - middle) / radius) ** 2 + ((self.y - top) / flat) ** 2
        foot = ((self.x - middle) / radius) ** 2 + ((self.y - base) / flat) ** 2
        straight = np.maximum(np.abs(self.x - middle) - radius, np.maximum(top - self.y, self.y - base))
        body = np.minimum(straight, self._ellipse(foot, middle, base, radius, flat))
        clipped = np.clip(side, -1, 1)
        facing = np.sqrt(np.maximum(1 - clipped * clipped, 0))
        lambert = 0.58 + 0.3 * facing + 0.26 * self.across * clipped
        down = np.clip((self.y - top) / height, 0, 1)
        self._over(color, (lambert * (1 - 0.16 * down)).astype(np.float32), self._cover(body))
        shine = 1.2 + 0.14 * self.across * clipped + 0.05 * np.clip((top - self.y) / flat, -1, 1)
        self._over(color, shine.astype(np.float32), self._cover(self._ellipse(lid, middle, top, radius, flat)))
        # The rim: a hair of light where lid and body meet, on the side that faces the viewer.
        edge = self._ellipse(lid, middle, top, radius, flat)
        rim = _bump((edge / (1.5 / self.unit)) ** 2) * _smooth((self.y - top) / flat + 0.5) * 0.3
        self.light = self.light + (_shoulder(_light(color) * 1.7 + 0.06) - self.light) * rim[..., None]

    def _drop_shadow(self, middle: float, base: float, radius: float, flat: float) -> None:
        """Darken the floor beside the podium, away from the light, and tightly where it touches."""
        lean = -self.across * 0.75 * radius
        wide = ((self.x - middle - lean) / (1.5 * radius)) ** 2 + ((self.y - base + 0.1 * flat) / (1.9 * flat)) ** 2
        tight = ((self.x - middle) / (1.06 * radius)) ** 2 + ((self.y - base) / (1.3 * flat)) ** 2
        floor = _smooth((self.y - self.ground + 0.04) / 0.12)
        self.light = self.light * (1 - (0.34 * _bump(wide) + 0.3 * _bump(tight * tight)) * floor)[..., None]

    def _ellipse(self, squared: Field, middle: float, down: float, radius: float, flat: float) -> Field:
        """Give an ellipse's signed distance in units, negative inside; `squared` is its normalised radius, squared."""
        radial = np.sqrt(squared) + np.float32(1e-6)
        slope = np.sqrt(((self.x - middle) / radius**2) ** 2 + ((self.y - down) / flat**2) ** 2) / radial
        return ((radial - 1) / (slope + np.float32(1e-6))).astype(np.float32)

    def _cover(self, distance: Field) -> Field:
        return np.asarray(np.clip(0.5 - distance * self.unit, 0, 1), np.float32)

    def _over(self, color: Color, shade: Field, cover: Field) -> None:
        lit = _shoulder(_light(color) * np.broadcast_to(shade, self.light.shape[:2])[..., None])
        self.light = self.light + (lit - self.light) * cover[..., None]

    def finish(self) -> None:
        """Add the grain that keeps soft gradients free of bands: one level, triangular, drawn from the seed."""
        height, width, _ = self.light.shape
        words = np.random.PCG64(self.seed).random_raw((height * width + 3) // 4)
        pairs = words.astype("<u8").view(np.uint8).reshape(-1, 2)[: height * width].astype(np.float32)
        grain = ((pairs[:, 0] - pairs[:, 1]) / 256).reshape(height, width, 1)
        self.light = np.sqrt(np.clip(self.light, 0, 1)) * 255 + grain.astype(np.float32)

    def encoded(self) -> bytes:
        """Give the finished picture's bytes, RGB."""
        return np.clip(self.light + np.float32(0.5), 0, 255).astype(np.uint8).tobytes()


def _light(color: Color) -> npt.NDArray[np.float32]:
    """Give a colour's light: gamma 2 in the place of sRGB's curve, because squares and roots are exact."""
    return (np.array([color.red, color.green, color.blue], np.float32) / np.float32(255)) ** 2


def _bump(squared: Field) -> Field:
    """Fall off like a lamp: 1 in the middle, 1/4 at distance 1; takes the squared distance."""
    return np.asarray(1 / (1 + squared) ** 2)


def _smooth(t: Field) -> Field:
    """Ease from 0 to 1."""
    t = np.clip(t, 0, 1)
    return np.asarray(t * t * t * (t * (t * 6 - 15) + 10))


def _shoulder(light: Paint) -> Paint:
    """Bend the brightest light under 1, so that nothing burns out in a hard edge."""
    over = np.maximum(light - np.float32(0.86), 0)
    return np.asarray(np.minimum(light, np.float32(0.86)) + over / (1 + over / np.float32(0.14)))
