"""Bodies of revolution (bottle, jar, can, tube, cup, flacon) seen from slightly above, lit by their own normals.

Knows nothing about scenes or captions.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np

from flux2engine.training.package_surfaces import (
    METALS,
    Field,
    Sheet,
    bump,
    ease,
    ornament,
    rgb,
    shade,
)

Profile = Callable[[Field], Field]


def _through(points: Sequence[tuple[float, float]]) -> Profile:
    """Return the radius over the height (0 top, 1 bottom) through these points, eased between them."""
    heights = np.array([height for height, _ in points], np.float32)
    radii = np.array([radius for _, radius in points], np.float32)
    table_at = np.linspace(0, 1, 257, dtype=np.float32)
    index = np.clip(np.searchsorted(heights, table_at, side="right") - 1, 0, len(points) - 2)
    part = (table_at - heights[index]) / np.maximum(heights[index + 1] - heights[index], 1e-4)
    table = radii[index] + (radii[index + 1] - radii[index]) * ease(part)
    table *= np.sqrt(np.clip(1 - np.clip((table_at - 0.965) / 0.035, 0, 1) ** 2 * 0.28, 0, 1))  # a rounded foot
    table = table.astype(np.float32)

    def radius(height: Field) -> Field:
        found: Field = table[np.clip(height * 256, 0, 256).astype(np.int32)]
        return found

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


def turned(sheet: Sheet, name: str) -> None:
    """Paint a body of revolution seen from slightly above."""
    rng = sheet.rng
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
        height = height - 0.03 * facing * ease((height - 0.6) / 0.4)
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


def _skin(sheet: Sheet, name: str, cap: float, radius: float, height: Field, across: Field, up: Field) -> Field:
    """Colour a body of revolution: material, label, cap, and the dark lines where parts meet."""
    rng, look = sheet.rng, sheet.look
    base: Field = np.broadcast_to(rgb(look.body), (*height.shape, 3))
    if look.material == "glass":
        level = rng.uniform(cap + 0.08, cap + 0.3)
        base = base + (np.float32(0.93) - base) * (0.55 * sheet.cover((level - height) * 0.8))[..., None]
    colour = shade(base, look.material, across, up)
    if look.material == "glass":
        colour = (
            colour
            + (1 - colour) * (0.3 * bump(height, 0.965, 0.012))[..., None]
            - 0.1 * bump(height, 0.94, 0.01)[..., None]
        )
    if look.label is not None:
        low = rng.uniform(0.34, 0.5) if name in ("bottle", "flacon") else cap + rng.uniform(0.1, 0.22)
        high = min(rng.uniform(0.76, 0.92), 0.94 if name != "tube" else 0.97 - cap - 0.05)
        low = max(low, cap + 0.16) if name != "tube" else rng.uniform(0.14, 0.3)
        widen = rng.choice([0.95, 1.25, 2.0])
        turn = np.arcsin(across) / widen  # the narrower ones are stickers, the last goes round
        band = sheet.cover(np.minimum(height - low, high - height)) * np.clip((1 - np.abs(turn)) * 30, 0, 1)
        paper = np.broadcast_to(rgb(look.label), colour.shape)
        paper = ornament(
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
        tone = rgb(look.cap if name != "can" else METALS[0])
        ribs = 1 + 0.07 * np.sin(np.arcsin(across) * 46) * (look.cap_material != "metal") * (name in ("bottle", "tube"))
        lid = shade(np.broadcast_to(tone, colour.shape), metal, across, 0 * up) * ribs[..., None]
        colour = colour + (lid - colour) * capped[..., None]
        colour = (
            colour
            * (
                1 - 0.3 * bump(height, at, 0.008) - 0.16 * bump(height, at + (0.02 if name != "tube" else -0.02), 0.025)
            )[..., None]
        )
    if name == "tube":
        crimp = ease((0.075 - height) / 0.01)
        colour = colour * (1 + crimp * (0.06 * np.sin(across * 60) - 0.04))[..., None]
        colour = colour * (1 - 0.18 * bump(height, 0.08, 0.008))[..., None]
    return colour * (1 - 0.22 * ease((height - 0.93) / 0.07))[..., None]


def _lid(sheet: Sheet, name: str, radius: float, top: float, tilt: float) -> None:
    """Close the top: a disc seen flat, lit from above, with a bright edge."""
    dx, dy = sheet.x / radius, (sheet.y - top) / (tilt * radius)
    reach = np.hypot(dx, dy)
    disc = sheet.cover((1 - reach) * radius * max(tilt * 1.6, 0.2))
    can = name == "can"
    tone = rgb(METALS[0] if can else sheet.look.cap if sheet.look.cap_material != "none" else sheet.look.body)
    light = 1.0 - 0.1 * dx + 0.1 * dy
    if can or sheet.look.cap_material == "metal":
        light = 0.8 + 0.35 * np.abs(np.cos(1.2 * np.arctan2(dy, dx + 1e-4) + 0.6)) - 0.12 * (reach < 0.86) * can
    colour = np.minimum(tone * light[..., None] * 1.08 + 0.05, 1)
    colour = colour + (1 - colour) * (0.35 * bump(reach, 0.96, 0.04))[..., None]
    if can:
        tab = ease((0.36 - np.hypot(dx * 1.0, (dy + 0.1) * 1.6)) / 0.05)
        colour = colour * (1 - 0.28 * bump(reach, 0.84, 0.04) - 0.25 * tab)[..., None]
    sheet.lay(colour, disc)


def _opening(sheet: Sheet, radius: float, top: float, tilt: float) -> None:
    """Open the top: a rim, the inner wall, and what is in the cup."""
    drink = (
        np.asarray(
            sheet.rng.choice([(74, 44, 28), (150, 98, 58), (122, 160, 92), (196, 92, 44), (238, 232, 222)]), np.float32
        )
        / 255
    )
    dx, dy = sheet.x / radius, (sheet.y - top) / (tilt * radius)
    rim = sheet.cover((1 - np.hypot(dx, dy)) * radius * tilt * 1.6)
    base = rgb(sheet.look.body)
    sheet.lay(np.broadcast_to(np.minimum(base * 1.12 + 0.08, 1), sheet.colour.shape), rim)
    inner = sheet.cover((0.9 - np.hypot(dx, dy)) * radius * tilt * 1.6)
    sheet.lay(base * (0.62 + 0.2 * dx)[..., None] + 0 * sheet.colour, inner)
    level = sheet.cover((0.86 - np.hypot(dx, dy - 0.22)) * radius * tilt * 1.6) * inner
    sheet.lay(
        drink * (1 + 0.12 * dx + 0.1 * dy)[..., None] + 0.1 * bump(np.hypot(dx + 0.3, dy - 0.2), 0.4, 0.1)[..., None],
        level,
    )


def _handle(sheet: Sheet, radius: float, top: float, bottom: float) -> None:
    cy, cx = (top + bottom) / 2, radius * 0.95
    rx, ry = min(0.17, 0.485 - cx), (bottom - top) * 0.27
    ring = np.hypot((sheet.x - cx) / rx, (sheet.y - cy) / ry)
    thick = 0.2
    across = np.clip((ring - 0.8) / thick, -1, 1)
    light = shade(np.broadcast_to(rgb(sheet.look.body), sheet.colour.shape), "matte", across * 0.8, 0.2 * across)
    sheet.lay(light, np.clip((thick - np.abs(ring - 0.8)) * rx * sheet.side + 0.5, 0, 1))
