"""A seed → a parametric package (bottle, jar, phone …) as a studio would render it: RGBA, endless identities.

Knows nothing about scenes or captions.
"""

from __future__ import annotations

import random

import numpy as np
from PIL import Image

from flux2engine.training.colours import random_colour
from flux2engine.training.lathe import turned
from flux2engine.training.package_surfaces import (
    PLAIN,
    Field,
    Look,
    Sheet,
    bump,
    draw_look,
    ease,
    ornament,
    rgb,
    shade,
)

__all__ = ["PACKAGES", "Look", "draw_look", "paint_package"]

PACKAGES = ("bottle", "jar", "can", "tube", "box", "cup", "flacon", "pouch", "phone")


def paint_package(name: str, seed: int, side: int = 256) -> Image.Image:
    """Paint one package as RGBA, `side` pixels a side, transparent around it."""
    fine = min(2 * side, max(side + side // 2, 192))  # painted larger and shrunk: edges as fine as a renderer's
    sheet = Sheet(fine, draw_look(name, seed), random.Random(f"{name}/{seed}"))
    flat = {"box": _box, "pouch": _pouch, "phone": _phone}.get(name)
    if flat is None:
        turned(sheet, name)
    else:
        flat(sheet)
    rgba = np.dstack([np.clip(sheet.colour, 0, 1), np.clip(sheet.alpha, 0, 1)])
    picture = Image.fromarray((rgba * 255 + 0.5).astype(np.uint8))
    return picture.convert("RGBa").resize((side, side), Image.Resampling.HAMMING).convert("RGBA")


def _box(sheet: Sheet) -> None:
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
    base = np.broadcast_to(rgb(look.body), sheet.colour.shape)
    label = look.label or PLAIN[0]
    v = (sheet.y - upper) / (lower - upper)
    for sign, length, light in ((-1, left, 1.02), (1, right, 0.74)):
        along = (sheet.x - edge) * sign
        u = 2 * along / length - 1
        part = face * sheet.cover(along) * sheet.cover(length - along)
        colour = base.copy()
        if sign < 0:
            low, high = rng.choice([(0.0, 1.0), (0.18, 0.8), (0.3, 0.7)])
            band = ((v > low) & (v < high)).astype(np.float32) if (low, high) != (0.0, 1.0) else np.zeros_like(v)
            printed = np.broadcast_to(rgb(label), base.shape)
            printed = ornament(
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
    crease = bump(sheet.x - edge, 0.0, 0.004) * face * 0.25 * (sheet.alpha > 0.5)
    sheet.colour += (1 - sheet.colour) * crease[..., None]


def _pouch(sheet: Sheet) -> None:
    """Paint a standing pouch: sealed above, bulging below, with soft vertical creases."""
    rng, look = sheet.rng, sheet.look
    wide, top = rng.uniform(0.26, 0.36), rng.uniform(0.03, 0.12)
    v = (sheet.y - top) / (0.97 - top)
    belly = np.sin(np.clip(v, 0, 1) * np.pi)
    half = wide * (0.93 + 0.07 * np.clip(v, 0, 1) + 0.02 * belly) - 0.02 * ease((v - 0.93) / 0.07)
    foot = 0.97 - 0.025 * (sheet.x / wide) ** 2
    inside = sheet.cover(half - np.abs(sheet.x)) * sheet.cover(sheet.y - top) * sheet.cover(foot - sheet.y)
    across = np.clip(sheet.x / half, -1, 1)
    base = np.broadcast_to(rgb(look.body), sheet.colour.shape)
    label = look.label or PLAIN[0]
    low, high, reach = rng.uniform(0.24, 0.34), rng.uniform(0.72, 0.86), rng.choice([0.62, 0.75, 2.0])
    band = sheet.cover(np.minimum(v - low, high - v)) * (np.abs(across) < reach)
    printed = ornament(
        rng,
        np.broadcast_to(rgb(label), base.shape),
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
    seal = ease((0.09 - v) / 0.01)
    colour = (
        colour
        * (1 - 0.1 * bump(v, 0.095, 0.006) - 0.12 * bump(v, 0.15, 0.006) + 0.05 * bump(v, 0.165, 0.006))[..., None]
    )
    colour = colour * (1 + seal * 0.04 * np.sin(v * 420))[..., None]
    colour = (
        colour
        * (1 - 0.16 * bump(v, 0.9 + 0.03 * across**2, 0.012) - 0.12 * ease((np.abs(across) - 0.9) / 0.1))[..., None]
    )
    sheet.lay(colour, inside)


def _phone(sheet: Sheet) -> None:
    """Paint a standing phone: a metal frame, a bezel, a screen with a calm gradient and no words."""
    rng, look = sheet.rng, sheet.look
    half, top, bottom = rng.uniform(0.2, 0.25), 0.03, 0.97
    corner, thick = rng.uniform(0.05, 0.08), rng.uniform(0.008, 0.024)

    def plate(inset: float, shift: float) -> Field:
        dx = np.abs(sheet.x - shift) - (half - inset) + (corner - inset)
        dy = np.abs(sheet.y - (top + bottom) / 2) - ((bottom - top) / 2 - inset) + (corner - inset)
        return (corner - inset) - np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) - np.minimum(np.maximum(dx, dy), 0)

    frame = rgb(look.body)
    sheet.lay(frame * (0.55 + 0 * sheet.colour), sheet.cover(plate(0, thick)))
    light = 0.8 + 0.35 * bump(sheet.y - sheet.x * 0.4, 0.2, 0.2) + 0 * sheet.x
    sheet.lay(np.minimum(frame * light[..., None] + 0.08, 1), sheet.cover(plate(0, 0)))
    sheet.lay(np.full_like(sheet.colour, 0.03), sheet.cover(plate(0.009, 0)))
    first, last = (rgb(random_colour(rng)) for _ in range(2))
    t = ease(sheet.y + rng.uniform(-0.6, 0.6) * sheet.x)
    wall = first + (last - first) * t[..., None]
    for _ in range(rng.choice([1, 2, 3])):
        blob = bump(
            np.hypot(sheet.x - rng.uniform(-0.2, 0.2), sheet.y - rng.uniform(0.2, 0.9)), 0, rng.uniform(0.1, 0.3)
        )
        wall = wall + (rgb(random_colour(rng)) - wall) * (0.7 * blob)[..., None]
    if rng.random() < 0.5:
        rows, columns = rng.randint(2, 4), 4
        u, w = (sheet.x / (half - 0.02) + 1) / 2 * columns, (sheet.y - 0.3) / 0.11
        tile = (np.hypot(u % 1 - 0.5, (w % 1 - 0.5) * 0.95) < 0.32) & (w > 0) & (w < rows)
        wall = wall + (np.float32(0.96) - wall) * (0.75 * tile)[..., None]
    sheet.lay(wall, sheet.cover(plate(0.02, 0)))
    glare = (
        0.16 * ease((0.02 - (sheet.x + 0.35 * sheet.y - rng.uniform(0.05, 0.25))) / 0.004) * sheet.cover(plate(0.02, 0))
    )
    sheet.colour += (1 - sheet.colour) * glare[..., None]
    notch = np.hypot(np.maximum(np.abs(sheet.x) - 0.03, 0), sheet.y - 0.072)
    sheet.lay(np.full_like(sheet.colour, 0.02), sheet.cover(0.012 - notch))
