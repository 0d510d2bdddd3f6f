"""A seed → a parametric package (bottle, jar, phone …) as a studio would render it: RGBA, endless identities.

Bodies of revolution are lit by their own normals, with softboxes mirrored in glossy, glass and metal surfaces; the key
light comes from the left. Knows nothing about scenes or captions.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flux2engine.training.colours import RGB, random_colour

Field = NDArray[Any]  # floating, (S, S) or broadcastable to it

PACKAGES = ("bottle", "jar", "can", "tube", "box", "cup", "flacon", "pouch", "phone")
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
_METALS: tuple[RGB, ...] = ((214, 216, 220), (222, 190, 128), (206, 150, 122), (70, 72, 78))
_PLAIN: tuple[RGB, ...] = ((247, 245, 240), (30, 30, 34), (236, 226, 208))


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
        body = rng.choice(_METALS[:3])
    if name == "phone" and rng.random() < 0.6:
        body = rng.choice(_METALS)
    kind = rng.random()
    cap, cap_material = (
        (rng.choice(_METALS), "metal")
        if kind < 0.4
        else (rng.choice(_PLAIN), "matte" if kind < 0.55 else "glossy")
        if kind < 0.7
        else (random_colour(rng), rng.choice(("matte", "glossy")))
    )
    label: RGB | None = random_colour(rng)
    if rng.random() < 0.5:
        label = _PLAIN[0] if sum(body) < 560 else rng.choice(_PLAIN[1:2] + (random_colour(rng),))
    if rng.random() < 0.12 and name not in ("box", "pouch"):
        label = None
    return Look(material, body, cap, cap_material, label)


def paint_package(name: str, seed: int, side: int = 256) -> Image.Image:
    """Paint one package as RGBA, `side` pixels a side, transparent around it."""
    fine = min(2 * side, max(side + side // 2, 192))  # painted larger and shrunk: edges as fine as a renderer's
    sheet = _Sheet(fine, draw_look(name, seed), random.Random(f"{name}/{seed}"))
    {"box": _box, "pouch": _pouch, "phone": _phone}.get(name, _turned)(sheet, name)
    rgba = np.dstack([np.clip(sheet.colour, 0, 1), np.clip(sheet.alpha, 0, 1)])
    picture = Image.fromarray((rgba * 255 + 0.5).astype(np.uint8))
    return picture.convert("RGBa").resize((side, side), Image.Resampling.HAMMING).convert("RGBA")


class _Sheet:
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
        """Lay a colour (S, S, 3) over what is there."""
        self.colour += (colour - self.colour) * mask[..., None]
        np.maximum(self.alpha, mask, out=self.alpha)


def _rgb(colour: RGB) -> Field:
    return np.asarray(colour, np.float32) / 255


def _bump(value: Field, centre: float, width: float) -> Field:
    return np.exp(-(((value - centre) / width) ** 2))


def _ease(value: Field) -> Field:
    value = np.clip(value, 0, 1)
    eased: Field = value * value * (3 - 2 * value)
    return eased


def shade(base: Field, material: str, across: Field, up: Field) -> Field:
    """Light a surface of revolution: `across` -1 … 1 from its left to its right edge, `up` how far it faces the sky."""
    facing = np.sqrt(np.clip(1 - across * across, 0, 1))
    diffuse = np.clip(-0.5 * across + 0.3 * up + 0.72 * facing, 0, None)
    strip = _ease((across + 0.72) / 0.1) * _ease((-0.36 - across) / 0.1)
    edge = _ease((np.abs(across) - 0.72) / 0.28)
    if material == "metal":
        mirror = (
            0.42 + 0.75 * _bump(across, -0.5, 0.2) + 0.42 * _bump(across, 0.58, 0.13) - 0.22 * _bump(across, 0, 0.17)
        )
        mirror = mirror + 0.28 * up - 0.12 * edge
        return base * np.minimum(mirror, 1)[..., None] + (np.clip(mirror - 0.92, 0, 0.5) * 0.9)[..., None]
    if material == "glass":
        body = base * (0.6 + 0.55 * facing)[..., None]
        body = body + (0.16 * facing)[..., None] * (1 - base) + 0.12 * _bump(across, 0.55, 0.3)[..., None]
        body = body * (1 - 0.35 * _bump(np.abs(across), 0.9, 0.06))[..., None]
        shine = 0.62 * strip + 0.45 * _bump(across, 0.82, 0.045) + 0.3 * _bump(np.abs(across), 0.985, 0.02)
        return body + (1 - body) * np.clip(shine, 0, 0.8)[..., None]
    body = base * (0.5 + 0.52 * np.minimum(diffuse, 1.1))[..., None]
    if material == "glossy":
        shine = 0.5 * strip + 0.22 * _bump(across, 0.78, 0.07) + 0.1 * edge + 0.12 * np.clip(up, 0, 1)
    else:
        shine = 0.1 * _bump(across, -0.42, 0.3) + 0.06 * edge
    return body + (1 - body) * np.clip(shine, 0, 0.7)[..., None]


def _ornament(rng: random.Random, base: Field, u: Field, v: Field, label: RGB, body: RGB, ratio: float = 1.0) -> Field:
    """Print a wordless label: u -1 … 1, v 0 … 1, `ratio` its height over its half width; a mark and thin bars."""
    ink = _rgb(body if sum(abs(a - b) for a, b in zip(body, label, strict=True)) > 150 else _PLAIN[sum(label) > 380])
    second = _rgb(random_colour(rng))
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


Profile = Callable[[Field], Field]


def _through(points: Sequence[tuple[float, float]]) -> Profile:
    """Return the radius over the height (0 top, 1 bottom) through these points, eased between them."""
    heights = np.array([height for height, _ in points], np.float32)
    radii = np.array([radius for _, radius in points], np.float32)
    table_at = np.linspace(0, 1, 257, dtype=np.float32)
    index = np.clip(np.searchsorted(heights, table_at, side="right") - 1, 0, len(points) - 2)
    part = (table_at - heights[index]) / np.maximum(heights[index + 1] - heights[index], 1e-4)
    table = radii[index] + (radii[index + 1] - radii[index]) * _ease(part)
    table *= np.sqrt(np.clip(1 - np.clip((table_at - 0.965) / 0.035, 0, 1) ** 2 * 0.28, 0, 1))  # a rounded foot
    table = table.astype(np.float32)

    def radius(height: Field) -> Field:
        return table[np.clip(height * 256, 0, 256).astype(np.int32)]

    return radius


def _shape(name: str, rng: random.Random) -> tuple[list[tuple[float, float]], float]:
    """Draw the outline of a body of revolution and how far down its cap reaches."""
    wide = rng.uniform(0.15, 0.25)
    if name == "bottle":
        kind = rng.choice(["tall", "round", "square"])
        neck, cap = wide * rng.uniform(0.32, 0.5), rng.uniform(0.12, 0.19)
        shoulder = {"tall": rng.uniform(0.4, 0.5), "round": cap + 0.2, "square": cap + 0.08}[kind]
        grip = neck * rng.uniform(1.04, 1.25)
        return [(0, grip), (cap, grip), (cap + 0.004, neck), (cap + 0.035, neck), (shoulder, wide), (1, wide)], cap
    if name == "flacon":
        wide, cap = rng.uniform(0.26, 0.36), rng.uniform(0.24, 0.34)
        grip = wide * rng.uniform(0.36, 0.5)
        return [(0, grip), (cap, grip), (cap + 0.004, grip * 0.7), (cap + 0.04, grip * 0.7),
                (cap + rng.uniform(0.08, 0.2), wide), (1, wide * rng.uniform(0.85, 1))], cap  # fmt: skip
    if name == "jar":
        wide, cap = rng.uniform(0.34, 0.45), rng.uniform(0.22, 0.32)
        lid = wide * rng.uniform(0.9, 1.03)
        return [
            (0, lid),
            (cap, lid),
            (cap + 0.006, wide * 0.88),
            (cap + 0.03, wide * 0.9),
            (cap + 0.1, wide),
            (1, wide),
        ], cap
    if name == "can":
        wide, edge = rng.uniform(0.2, 0.3), rng.uniform(0.05, 0.1)
        return [(0, wide * 0.84), (0.02, wide * 0.84), (edge, wide), (1 - edge * 0.7, wide), (1, wide * 0.84)], 0.022
    if name == "tube":
        cap = rng.uniform(0.14, 0.2)
        foot = wide * rng.uniform(0.72, 0.95)
        return [(0, wide * 1.05), (0.07, wide * 1.05), (1 - cap - 0.02, wide * 0.96), (1 - cap, foot), (1, foot)], cap
    foot = rng.uniform(0.66, 0.85)
    wide = rng.uniform(0.26, 0.34)
    if rng.random() < 0.5:  # a paper cup with a lid, or an open mug
        return [
            (0, wide * 0.88),
            (0.05, wide * 0.94),
            (0.06, wide * 1.05),
            (0.1, wide * 1.05),
            (0.105, wide),
            (1, wide * foot),
        ], 0.1
    return [(0, wide), (1, wide * rng.uniform(0.82, 1))], 0.0


def _turned(sheet: _Sheet, name: str) -> None:
    """Paint a body of revolution seen from slightly above."""
    rng, look = sheet.rng, sheet.look
    points, cap = _shape(name, rng)
    radius = _through(points)
    tilt = 0.0 if name == "tube" else rng.uniform(0.1, 0.2)  # flattening of its circles
    top, bottom = 0.02 + tilt * points[0][1], 0.98 - tilt * points[-1][1]
    if name in ("jar", "cup"):
        squat = rng.uniform(0.0, 0.25) if name == "jar" else 0.0
        top += squat
    height = (sheet.y - top) / (bottom - top) + 0 * sheet.x
    for _ in range(2):  # the front of a circle hangs below its axis
        rim = radius(height)
        facing = np.sqrt(np.clip(1 - (sheet.x / rim) ** 2, 0, 1))
        height = (sheet.y - tilt * rim * facing - top) / (bottom - top)
    if name == "tube":
        height = height - 0.03 * facing * _ease((height - 0.6) / 0.4)
    rim = radius(height)
    across = np.clip(sheet.x / rim, -1, 1)
    up = np.clip((radius(height + 0.012) - radius(height - 0.012)) / 0.024 / 1.6, -0.9, 0.9)
    inside = (
        sheet.cover(rim - np.abs(sheet.x))
        * sheet.cover((height - 0.0) * (bottom - top))
        * sheet.cover((1 - height) * (bottom - top))
    )
    if name == "cup" and cap == 0:
        _handle(sheet, points[0][1], top, bottom)
    sheet.lay(_skin(sheet, name, cap, points[-1][1], height, across, up), inside)
    if tilt and not (name == "cup" and cap == 0):
        _lid(sheet, name, points[0][1], top, tilt)
    elif tilt:
        _opening(sheet, points[0][1], top, tilt)


def _skin(sheet: _Sheet, name: str, cap: float, radius: float, height: Field, across: Field, up: Field) -> Field:
    """Colour a body of revolution: material, label, cap, and the dark lines where parts meet."""
    rng, look = sheet.rng, sheet.look
    base = np.broadcast_to(_rgb(look.body), (*height.shape, 3)).astype(np.float32)
    if look.material == "glass":
        level = rng.uniform(cap + 0.08, cap + 0.3)
        base = base + (np.float32(0.93) - base) * (0.55 * sheet.cover((level - height) * 0.8))[..., None]
    colour = shade(base, look.material, across, up)
    if look.material == "glass":
        colour = (
            colour
            + (1 - colour) * (0.3 * _bump(height, 0.965, 0.012))[..., None]
            - 0.1 * _bump(height, 0.94, 0.01)[..., None]
        )
    if look.label is not None:
        low = rng.uniform(0.34, 0.5) if name in ("bottle", "flacon") else cap + rng.uniform(0.1, 0.22)
        high = min(rng.uniform(0.76, 0.92), 0.94 if name != "tube" else 0.97 - cap - 0.05)
        low = max(low, cap + 0.16) if name != "tube" else rng.uniform(0.14, 0.3)
        widen = rng.choice([0.95, 1.25, 2.0])
        turn = np.arcsin(across) / widen  # the narrower ones are stickers, the last goes round
        band = sheet.cover(np.minimum(height - low, high - height)) * np.clip((1 - np.abs(turn)) * 30, 0, 1)
        paper = np.broadcast_to(_rgb(look.label), colour.shape)
        paper = _ornament(
            rng,
            paper,
            turn * 1.2,
            (height - low) / (high - low),
            look.label,
            look.body,
            (high - low) * (0.95 - 0.02) / max(radius * widen, 0.05),
        )
        gloss = "glossy" if look.material in ("glossy", "metal") and rng.random() < 0.6 else "matte"
        colour = colour + (shade(paper, gloss, across, up) - colour) * band[..., None]
    at = (1 - cap) if name == "tube" else cap
    if cap:
        capped = sheet.cover(height - at if name == "tube" else at - height)
        metal = "metal" if name == "can" else look.cap_material
        tone = _rgb(look.cap if name != "can" else _METALS[0])
        ribs = 1 + 0.07 * np.sin(np.arcsin(across) * 46) * (look.cap_material != "metal") * (name in ("bottle", "tube"))
        lid = shade(np.broadcast_to(tone, colour.shape), metal, across, 0 * up) * ribs[..., None]
        colour = colour + (lid - colour) * capped[..., None]
        colour = (
            colour
            * (
                1
                - 0.3 * _bump(height, at, 0.008)
                - 0.16 * _bump(height, at + (0.02 if name != "tube" else -0.02), 0.025)
            )[..., None]
        )
    if name == "tube":
        crimp = _ease((0.075 - height) / 0.01)
        colour = colour * (1 + crimp * (0.06 * np.sin(across * 60) - 0.04))[..., None]
        colour = colour * (1 - 0.18 * _bump(height, 0.08, 0.008))[..., None]
    return colour * (1 - 0.22 * _ease((height - 0.93) / 0.07))[..., None]


def _lid(sheet: _Sheet, name: str, radius: float, top: float, tilt: float) -> None:
    """Close the top: a disc seen flat, lit from above, with a bright edge."""
    dx, dy = sheet.x / radius, (sheet.y - top) / (tilt * radius)
    reach = np.hypot(dx, dy)
    disc = sheet.cover((1 - reach) * radius * max(tilt * 1.6, 0.2))
    can = name == "can"
    tone = _rgb(_METALS[0] if can else sheet.look.cap if sheet.look.cap_material != "none" else sheet.look.body)
    light = 1.0 - 0.1 * dx + 0.1 * dy
    if can or sheet.look.cap_material == "metal":
        light = 0.8 + 0.35 * np.abs(np.cos(1.2 * np.arctan2(dy, dx + 1e-4) + 0.6)) - 0.12 * (reach < 0.86) * can
    colour = np.minimum(tone * light[..., None] * 1.08 + 0.05, 1)
    colour = colour + (1 - colour) * (0.35 * _bump(reach, 0.96, 0.04))[..., None]
    if can:
        tab = _ease((0.36 - np.hypot(dx * 1.0, (dy + 0.1) * 1.6)) / 0.05)
        colour = colour * (1 - 0.28 * _bump(reach, 0.84, 0.04) - 0.25 * tab)[..., None]
    sheet.lay(colour, disc)


def _opening(sheet: _Sheet, radius: float, top: float, tilt: float) -> None:
    """Open the top: a rim, the inner wall, and what is in the cup."""
    drink = (
        np.asarray(
            sheet.rng.choice([(74, 44, 28), (150, 98, 58), (122, 160, 92), (196, 92, 44), (238, 232, 222)]), np.float32
        )
        / 255
    )
    dx, dy = sheet.x / radius, (sheet.y - top) / (tilt * radius)
    rim = sheet.cover((1 - np.hypot(dx, dy)) * radius * tilt * 1.6)
    base = _rgb(sheet.look.body)
    sheet.lay(np.broadcast_to(np.minimum(base * 1.12 + 0.08, 1), sheet.colour.shape), rim)
    inner = sheet.cover((0.9 - np.hypot(dx, dy)) * radius * tilt * 1.6)
    sheet.lay(base * (0.62 + 0.2 * dx)[..., None] + 0 * sheet.colour, inner)
    level = sheet.cover((0.86 - np.hypot(dx, dy - 0.22)) * radius * tilt * 1.6) * inner
    sheet.lay(
        drink * (1 + 0.12 * dx + 0.1 * dy)[..., None] + 0.1 * _bump(np.hypot(dx + 0.3, dy - 0.2), 0.4, 0.1)[..., None],
        level,
    )


def _handle(sheet: _Sheet, radius: float, top: float, bottom: float) -> None:
    cy, cx = (top + bottom) / 2, radius * 0.95
    rx, ry = min(0.17, 0.485 - cx), (bottom - top) * 0.27
    ring = np.hypot((sheet.x - cx) / rx, (sheet.y - cy) / ry)
    thick = 0.2
    across = np.clip((ring - 0.8) / thick, -1, 1)
    light = shade(np.broadcast_to(_rgb(sheet.look.body), sheet.colour.shape), "matte", across * 0.8, 0.2 * across)
    sheet.lay(light, np.clip((thick - np.abs(ring - 0.8)) * rx * sheet.side + 0.5, 0, 1))


def _box(sheet: _Sheet, name: str) -> None:
    """Paint a carton with three faces, its nearest edge right or left of the middle."""
    rng, look = sheet.rng, sheet.look
    wide, tall = rng.uniform(0.2, 0.42), rng.uniform(0.5, 0.86)
    edge = wide * rng.uniform(0.1, 0.7)
    slope, sink = rng.uniform(0.1, 0.2), rng.uniform(0.04, 0.1)
    left, right = edge + wide, wide - edge
    tall = min(tall, 0.94 - 1.2 * sink - slope * (left + right))
    top = 0.97 - tall - sink * 0.2
    distance = np.abs(sheet.x - edge)
    upper, lower = top - slope * distance + slope * 0, 0.97 - (slope + sink) * distance
    face = sheet.cover(sheet.y - upper) * sheet.cover(lower - sheet.y)
    base = np.broadcast_to(_rgb(look.body), sheet.colour.shape)
    label = look.label or _PLAIN[0]
    v = (sheet.y - upper) / (lower - upper)
    for sign, length, light in ((-1, left, 1.02), (1, right, 0.74)):
        along = (sheet.x - edge) * sign
        u = 2 * along / length - 1
        part = face * sheet.cover(along) * sheet.cover(length - along)
        colour = base.copy()
        if sign < 0:
            low, high = rng.choice([(0.0, 1.0), (0.18, 0.8), (0.3, 0.7)])
            band = ((v > low) & (v < high)).astype(np.float32) if (low, high) != (0.0, 1.0) else np.zeros_like(v)
            printed = np.broadcast_to(_rgb(label), base.shape)
            printed = _ornament(
                rng,
                printed if band.any() else base,
                u,
                (v - low) / (high - low),
                label if band.any() else look.body,
                look.body,
                2 * tall * (high - low) / length,
            )
            colour = colour + (printed - colour) * (band if band.any() else np.ones_like(v))[..., None]
        shaded = colour * (light * (1.03 - 0.1 * v - 0.05 * sign * u))[..., None]
        sheet.lay(shaded + (1 - shaded) * (0.04 if sign < 0 else 0.0), part)
    # The lid: between the two upper edges and their parallels.
    back = top - slope * (left + right)
    apex = edge - left + right
    far = np.maximum(back + slope * np.abs(sheet.x - apex), -1)
    lid = (
        sheet.cover(upper - sheet.y)
        * sheet.cover(sheet.y - far)
        * sheet.cover(sheet.x - edge + left)
        * sheet.cover(edge + right - sheet.x)
    )
    sheet.lay(np.minimum(base * 1.14 + 0.06, 1) + 0 * sheet.colour, lid)
    crease = _bump(sheet.x - edge, 0.0, 0.004) * face * 0.25 * (sheet.alpha > 0.5)
    sheet.colour += (1 - sheet.colour) * crease[..., None]


def _pouch(sheet: _Sheet, name: str) -> None:
    """Paint a standing pouch: sealed above, bulging below, with soft vertical creases."""
    rng, look = sheet.rng, sheet.look
    wide, top = rng.uniform(0.26, 0.36), rng.uniform(0.03, 0.12)
    v = (sheet.y - top) / (0.97 - top)
    belly = np.sin(np.clip(v, 0, 1) * np.pi)
    half = wide * (0.93 + 0.07 * np.clip(v, 0, 1) + 0.02 * belly) - 0.02 * _ease((v - 0.93) / 0.07)
    foot = 0.97 - 0.025 * (sheet.x / wide) ** 2
    inside = sheet.cover(half - np.abs(sheet.x)) * sheet.cover(sheet.y - top) * sheet.cover(foot - sheet.y)
    across = np.clip(sheet.x / half, -1, 1)
    base = np.broadcast_to(_rgb(look.body), sheet.colour.shape)
    label = look.label or _PLAIN[0]
    low, high, reach = rng.uniform(0.24, 0.34), rng.uniform(0.72, 0.86), rng.choice([0.62, 0.75, 2.0])
    band = sheet.cover(np.minimum(v - low, high - v)) * (np.abs(across) < reach)
    printed = _ornament(
        rng,
        np.broadcast_to(_rgb(label), base.shape),
        across / min(reach, 0.9),
        (v - low) / (high - low),
        label,
        look.body,
        (0.95 - top) * (high - low) / wide,
    )
    flat = base + (printed - base) * band[..., None]
    bent = np.clip(across * (0.45 + 0.4 * belly), -1, 1) + 0.05 * np.sin(across * 9 + rng.uniform(0, 6)) * (1 - belly)
    colour = shade(
        flat,
        "matte" if look.material == "matte" else "glossy" if look.material == "glossy" else "metal",
        bent,
        0.15 * (0.5 - v),
    )
    if look.material == "metal":
        colour = 0.6 * colour + 0.4 * shade(flat, "matte", bent, 0 * v)
    seal = _ease((0.09 - v) / 0.01)
    colour = (
        colour
        * (1 - 0.1 * _bump(v, 0.095, 0.006) - 0.12 * _bump(v, 0.15, 0.006) + 0.05 * _bump(v, 0.165, 0.006))[..., None]
    )
    colour = colour * (1 + seal * 0.04 * np.sin(v * 420))[..., None]
    colour = (
        colour
        * (1 - 0.16 * _bump(v, 0.9 + 0.03 * across**2, 0.012) - 0.12 * _ease((np.abs(across) - 0.9) / 0.1))[..., None]
    )
    sheet.lay(colour, inside)


def _phone(sheet: _Sheet, name: str) -> None:
    """Paint a standing phone: a metal frame, a bezel, a screen with a calm gradient and no words."""
    rng, look = sheet.rng, sheet.look
    half, top, bottom = rng.uniform(0.2, 0.25), 0.03, 0.97
    corner, thick = rng.uniform(0.05, 0.08), rng.uniform(0.008, 0.024)

    def plate(inset: float, shift: float) -> Field:
        dx = np.abs(sheet.x - shift) - (half - inset) + (corner - inset)
        dy = np.abs(sheet.y - (top + bottom) / 2) - ((bottom - top) / 2 - inset) + (corner - inset)
        return (corner - inset) - np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) - np.minimum(np.maximum(dx, dy), 0)

    frame = _rgb(look.body)
    sheet.lay(frame * (0.55 + 0 * sheet.colour), sheet.cover(plate(0, thick)))
    light = 0.8 + 0.35 * _bump(sheet.y - sheet.x * 0.4, 0.2, 0.2) + 0 * sheet.x
    sheet.lay(np.minimum(frame * light[..., None] + 0.08, 1), sheet.cover(plate(0, 0)))
    sheet.lay(np.full_like(sheet.colour, 0.03), sheet.cover(plate(0.009, 0)))
    first, last = (_rgb(random_colour(rng)) for _ in range(2))
    t = _ease(sheet.y + rng.uniform(-0.6, 0.6) * sheet.x)
    wall = first + (last - first) * t[..., None]
    for _ in range(rng.choice([1, 2, 3])):
        blob = _bump(
            np.hypot(sheet.x - rng.uniform(-0.2, 0.2), sheet.y - rng.uniform(0.2, 0.9)), 0, rng.uniform(0.1, 0.3)
        )
        wall = wall + (_rgb(random_colour(rng)) - wall) * (0.7 * blob)[..., None]
    if rng.random() < 0.5:
        rows, columns = rng.randint(2, 4), 4
        u, w = (sheet.x / (half - 0.02) + 1) / 2 * columns, (sheet.y - 0.3) / 0.11
        tile = (np.hypot(u % 1 - 0.5, (w % 1 - 0.5) * 0.95) < 0.32) & (w > 0) & (w < rows)
        wall = wall + (np.float32(0.96) - wall) * (0.75 * tile)[..., None]
    sheet.lay(wall, sheet.cover(plate(0.02, 0)))
    glare = (
        0.16
        * _ease((0.02 - (sheet.x + 0.35 * sheet.y - rng.uniform(0.05, 0.25))) / 0.004)
        * sheet.cover(plate(0.02, 0))
    )
    sheet.colour += (1 - sheet.colour) * glare[..., None]
    notch = np.hypot(np.maximum(np.abs(sheet.x) - 0.03, 0), sheet.y - 0.072)
    sheet.lay(np.full_like(sheet.colour, 0.02), sheet.cover(0.012 - notch))
