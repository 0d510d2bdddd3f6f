"""The sheet a package is painted on, its look, how its materials take the light, and its wordless labels.

The key light comes from the left. Knows nothing of shapes, scenes or captions.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flux2engine.training.colours import RGB, random_colour

Field = NDArray[Any]  # floating, (S, S) or broadcastable to it

MATERIALS = ("matte", "glossy", "glass", "metal")
_MATERIALS_OF = {
    "bottle": (4, 4, 5, 1),
    "jar": (4, 3, 4, 1),
    "can": (1, 3, 0, 4),
    "tube": (5, 3, 0, 1),
    "box": (1, 0, 0, 0),
    "cup": (4, 3, 0, 1),
    "flacon": (1, 2, 6, 1),
    "pouch": (4, 2, 0, 2),
    "phone": (0, 1, 0, 0),
}
METALS: tuple[RGB, ...] = ((214, 216, 220), (222, 190, 128), (206, 150, 122), (70, 72, 78))
PLAIN: tuple[RGB, ...] = ((247, 245, 240), (30, 30, 34), (236, 226, 208))


@dataclass(frozen=True)
class Look:
    """What words can say about a package."""

    material: str
    body: RGB
    cap: RGB
    cap_material: str
    label: RGB | None


@lru_cache(maxsize=4096)
def draw_look(name: str, seed: int) -> Look:
    """Draw the colours and materials of a package."""
    rng = random.Random(f"{name}/{seed}/look")
    material = rng.choices(MATERIALS, _MATERIALS_OF[name])[0]
    body = random_colour(rng)
    if material == "metal" and rng.random() < 0.6:
        body = rng.choice(METALS[:3])
    if name == "phone" and rng.random() < 0.6:
        body = rng.choice(METALS)
    kind = rng.random()
    cap, cap_material = (
        (rng.choice(METALS), "metal")
        if kind < 0.4
        else (rng.choice(PLAIN), "matte" if kind < 0.55 else "glossy")
        if kind < 0.7
        else (random_colour(rng), rng.choice(("matte", "glossy")))
    )
    label: RGB | None = random_colour(rng)
    if rng.random() < 0.5:
        label = PLAIN[0] if sum(body) < 560 else rng.choice((PLAIN[1], random_colour(rng)))
    if rng.random() < 0.12 and name not in ("box", "pouch"):
        label = None
    return Look(material, body, cap, cap_material, label)


class Sheet:
    """The sheet a package is painted on; x from -0.5 to 0.5, y from 0 at the top to 1."""

    def __init__(self, side: int, look: Look, rng: random.Random) -> None:
        axis = (np.arange(side, dtype=np.float32) + 0.5) / side
        self.side, self.look, self.rng = side, look, rng
        self.x, self.y = axis[None, :] - 0.5, axis[:, None]
        self.colour = np.zeros((side, side, 3), np.float32)
        self.alpha = np.zeros((side, side), np.float32)

    def cover(self, inside: Field) -> Field:
        """Turn a distance in sheet units (positive inside) into coverage."""
        return np.clip(inside * self.side + 0.5, 0, 1)

    def lay(self, colour: Field, mask: Field) -> None:
        """Lay a colour (S, S, 3) over what is there; an edge over nothing keeps its own colour."""
        alpha = self.alpha + mask - self.alpha * mask
        self.colour += (colour - self.colour) * (mask / np.maximum(alpha, 1e-3))[..., None]
        self.alpha = alpha


def rgb(colour: RGB) -> Field:
    """Return a colour in 0 … 1."""
    return np.asarray(colour, np.float32) / 255


def bump(value: Field, centre: Field | float, width: float) -> Field:
    """Return a bell: 1 at the centre."""
    return np.exp(-(((value - centre) / width) ** 2))


def ease(value: Field) -> Field:
    """Go from 0 to 1 without a kink."""
    value = np.clip(value, 0, 1)
    eased: Field = value * value * (3 - 2 * value)
    return eased


def shade(base: Field, material: str, across: Field, up: Field) -> Field:
    """Light a surface of revolution: `across` -1 … 1 from its left to its right edge, `up` how far it faces the sky."""
    facing = np.sqrt(np.clip(1 - across * across, 0, 1))
    diffuse = np.clip(-0.5 * across + 0.3 * up + 0.72 * facing, 0, None)
    strip = ease((across + 0.72) / 0.1) * ease((-0.36 - across) / 0.1)
    edge = ease((np.abs(across) - 0.72) / 0.28)
    if material == "metal":
        mirror = 0.42 + 0.75 * bump(across, -0.5, 0.2) + 0.42 * bump(across, 0.58, 0.13) - 0.22 * bump(across, 0, 0.17)
        mirror = mirror + 0.28 * up - 0.12 * edge
        metal: Field = base * np.minimum(mirror, 1)[..., None] + (np.clip(mirror - 0.92, 0, 0.5) * 0.9)[..., None]
        return metal
    if material == "glass":
        body = base * (0.6 + 0.55 * facing)[..., None]
        body = body + (0.16 * facing)[..., None] * (1 - base) + 0.12 * bump(across, 0.55, 0.3)[..., None]
        body = body * (1 - 0.35 * bump(np.abs(across), 0.9, 0.06))[..., None]
        shine = 0.62 * strip + 0.45 * bump(across, 0.82, 0.045) + 0.3 * bump(np.abs(across), 0.985, 0.02)
        return _shone(body, shine, 0.8)
    body = base * (0.5 + 0.52 * np.minimum(diffuse, 1.1))[..., None]
    if material == "glossy":
        shine = 0.5 * strip + 0.22 * bump(across, 0.78, 0.07) + 0.1 * edge + 0.12 * np.clip(up, 0, 1)
    else:
        shine = 0.1 * bump(across, -0.42, 0.3) + 0.06 * edge
    return _shone(body, shine, 0.7)


def _shone(body: Field, shine: Field, most: float) -> Field:
    shone: Field = body + (1 - body) * np.clip(shine, 0, most)[..., None]
    return shone


def ornament(rng: random.Random, base: Field, u: Field, v: Field, label: RGB, body: RGB, ratio: float = 1.0) -> Field:
    """Print a wordless label: u -1 … 1, v 0 … 1, `ratio` its height over its half width; a mark and thin bars."""
    ink = rgb(body if sum(abs(a - b) for a, b in zip(body, label, strict=True)) > 150 else PLAIN[sum(label) > 380])
    second = rgb(random_colour(rng))
    kind = rng.choice(["disc", "diamond", "half", "stripes", "ring", "wave", "none"])
    middle, size = rng.uniform(0.3, 0.42), rng.uniform(0.16, 0.26)
    mark = np.zeros(np.broadcast_shapes(u.shape, v.shape), np.float32)
    size = min(size, 0.7 / max(ratio, 0.3))
    du, dv = u / max(ratio, 0.3), v - middle
    if kind == "disc":
        mark = (np.hypot(du, dv) < size).astype(np.float32)
    elif kind == "ring":
        mark = (np.abs(np.hypot(du, dv) - size) < 0.045).astype(np.float32)
    elif kind == "diamond":
        mark = (np.abs(du) + np.abs(dv) < size * 1.2).astype(np.float32)
    elif kind == "half":
        mark = ((v > rng.uniform(0.55, 0.75)) + 0 * u).astype(np.float32)
    elif kind == "stripes":
        mark = ((np.abs(v - 0.16) < 0.05) | (np.abs(v - 0.84) < 0.05) | (u > 2)).astype(np.float32)
    elif kind == "wave":
        mark = (v > 0.6 + 0.1 * np.sin(u * 4 + rng.uniform(0, 6))).astype(np.float32)
    printed = base + ((second if rng.random() < 0.5 else ink) - base) * mark[..., None]
    for index in range(rng.choice([0, 1, 2, 3])):  # bars where a label has its lines of type
        bar = (np.abs(v - 0.68 - 0.09 * index) < 0.022) & (np.abs(u) < rng.uniform(0.2, 0.5))
        printed = printed + (ink - printed) * (0.8 * bar)[..., None]
    return printed
