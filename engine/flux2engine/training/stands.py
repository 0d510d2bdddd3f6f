"""What stands on a set's floor beside the products: podiums, plinths, stairs, arches, and small decor.

Painted back to front, each with its shadow; `surface` (H, W) is the top that the main product stands on.
"""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from flux2engine.training.colours import RGB
from flux2engine.training.easel import Easel, Field, bump, cover, ease, ellipse, lit
from flux2engine.training.scene import Scene, decor_place, stand_height, stand_width
from flux2engine.training.shadows import stand_shadow

_FLAT = {"eye level": 0.17, "slightly above": 0.27, "low angle": 0.1, "top down": 1.0}


def paint_stand(easel: Easel, scene: Scene) -> Field | None:
    """Paint the stand and return its top, or None where things stand on the floor."""
    if scene.stand == "none":
        return None
    u, cx, ground = easel.unit, scene.centre * easel.width, scene.ground * easel.height
    height, wide, flat = stand_height(scene) * u, stand_width(scene) * u, _FLAT[scene.camera]
    drum, block = _Drum(easel, scene, flat), _Block(easel, scene, flat)
    if scene.stand == "round podium" or scene.stand == "slab":
        top = drum.paint(cx, ground, wide, height)
    elif scene.stand == "stacked podium":
        drum.paint(cx, ground, wide, height * 0.45)
        top = drum.paint(cx, ground - height * 0.45, wide * 0.64, height * 0.55, on_floor=False)
    elif scene.stand == "archway":
        top = drum.paint(cx, ground, wide, height)
        _paint_archway(easel, scene, cx, ground - height - wide * flat * 0.35, wide * 0.74, top)
    elif scene.stand == "box plinth":
        top = block.paint(cx, ground, wide, height)
    elif scene.stand == "stairs":
        top = _paint_stairs(block, cx, ground, wide, height)
    else:
        top = _paint_steps(easel, block, cx, ground, wide, height)
    easel.standing.append((np.clip(easel.weight * 2, 0, 1).copy(), ground))
    return top


class _Drum:
    """Round podiums: a side lit by its normals, a bright top, a bevel that catches the light."""

    def __init__(self, easel: Easel, scene: Scene, flat: float) -> None:
        self.easel, self.scene, self.flat = easel, scene, flat

    def paint(self, cx: float, base: float, rx: float, height: float, on_floor: bool = True) -> Field:
        easel, scene, ry = self.easel, self.scene, rx * self.flat
        if on_floor:
            stand_shadow(easel, scene, cx, base, rx, ry, height)
        else:
            gap = np.clip(ellipse(easel, cx, base, rx, ry), 0, None) / easel.unit
            easel.darken(0.26 * np.exp(-gap / 0.014) * (easel.weight > 0.25))
        top = base - height
        straight = np.maximum(np.abs(easel.x - cx) - rx, np.maximum(top - easel.y, easel.y - base))
        rim = ellipse(easel, cx, top, rx, ry)
        body = cover(np.minimum(straight, ellipse(easel, cx, base, rx, ry)))
        lid = cover(rim)
        body = np.maximum(body, lid)
        across = np.clip((easel.x - cx) / rx, -1, 1)
        facing = np.sqrt(1 - across * across)
        lean = easel.direction * across
        down = np.clip((easel.y - top - ry * facing) / max(height, 1), 0, 1)
        light = 0.6 + 0.3 * facing + 0.2 * lean - 0.06 * down
        if scene.rim:
            light = light + 0.4 * ease((-lean if easel.direction else np.abs(across)) * 5 - 4)
        easel.blend(lit(scene.stand_colour, light, easel.tint, 0.1), body)
        shade = 1.06 + 0.1 * lean + 0.05 * (easel.y - top) / ry * (scene.light != "front")
        easel.blend(lit(scene.stand_colour, shade, easel.tint, 0.1), lid)
        bevel = bump(rim, -0.3, 0.006 * easel.unit + 0.5) * ease((easel.y - top) / ry + 0.5)
        easel.lighten(0.32 * bevel * body * (0.6 + 0.4 * lean))
        easel.claim(body, 0.5)
        return lid


class _Block:
    """Plinths and steps: a front face, a top in perspective, a bright edge between them."""

    def __init__(self, easel: Easel, scene: Scene, flat: float) -> None:
        self.easel, self.scene, self.flat = easel, scene, flat

    def paint(
        self, cx: float, base: float, half: float, height: float, on_floor: bool = True, deep: float = 1.5
    ) -> Field:
        easel, scene, depth = self.easel, self.scene, half * self.flat * deep
        if on_floor:
            stand_shadow(easel, scene, cx, base - 0.4 * depth, half * 1.06, max(depth * 0.62, 0.12 * half), height)
            easel.darken(0.3 * np.exp(-np.clip(self._away(cx, base, half), 0, None) / (0.008 * easel.unit)))
        top = base - height
        side, rise = np.abs(easel.x - cx) - half, np.maximum(top - easel.y, easel.y - base)
        front = cover(np.maximum(side, rise))
        across, down = np.clip((easel.x - cx) / half, -1, 1), np.clip((easel.y - top) / max(height, 1), 0, 1)
        light = 0.84 + 0.08 * easel.direction * across - 0.12 * down
        if scene.rim:
            light = light + 0.3 * ease(-(easel.direction or 1) * across * 9 - 8)
        easel.blend(lit(scene.stand_colour, light, easel.tint, 0.1), front)
        narrow = half - 0.16 * half * np.clip((top - easel.y) / max(depth, 1), 0, 1)
        lid = cover(np.maximum(np.abs(easel.x - cx) - narrow, np.maximum(top - depth - easel.y, easel.y - top)))
        shade = 1.07 + 0.07 * easel.direction * across + 0.05 * (easel.y - top) / depth + 0 * easel.y
        easel.blend(lit(scene.stand_colour, shade, easel.tint, 0.1), lid)
        easel.lighten(0.3 * bump(easel.y - top, 0, 0.004 * easel.unit + 0.5) * cover(side))
        easel.claim(np.maximum(front, lid), 0.5)
        return lid

    def _away(self, cx: float, base: float, half: float) -> Field:
        easel = self.easel
        outside: Field = np.hypot(np.maximum(np.abs(easel.x - cx) - half, 0), easel.y - base)
        return outside


def _paint_steps(easel: Easel, block: _Block, cx: float, ground: float, wide: float, height: float) -> Field:
    """Paint three blocks side by side, rising; the product stands in the middle."""
    step, rising = wide / 2.58, 1 if easel.direction <= 0 else -1
    tops = [
        block.paint(cx + rising * (index - 1) * 2 * step * 0.86, ground, step * 0.86, height * (0.5 + 0.5 * index))
        for index in (2, 0, 1)
    ]
    return tops[2]


def _paint_stairs(block: _Block, cx: float, ground: float, wide: float, height: float) -> Field:
    """Paint three treads seen from the front, the highest at the back."""
    depth = wide * block.flat * 0.55
    top = np.zeros((1, 1), np.float32)
    for index in (2, 1, 0):
        half = wide * (1 - 0.05 * index)
        painted = block.paint(cx, ground - index * depth, half, height * (index + 1) / 3, index == 0, 0.55)
        top = painted if index == 2 else top
    return top


def _paint_archway(easel: Easel, scene: Scene, cx: float, base: float, half: float, surface: Field) -> None:
    """Paint a thick free-standing arch behind the product, its inner side seen on the side that faces the light."""
    rng = random.Random(scene.seed + 6)
    u, thick = easel.unit, half * rng.uniform(0.26, 0.36)
    lean, deep = (easel.direction or -1.0), 0.09 * half
    spring = base - min(rng.uniform(0.3, 0.4) * u, max(base - half - 0.05 * easel.height, 0.1 * u))

    def arch(radius: float, dx: float = 0.0) -> Field:
        x = np.abs(easel.x - cx - dx)
        shape: Field = np.where(easel.y < spring, np.hypot(x, easel.y - spring), x) - radius
        cut: Field = np.maximum(shape, easel.y - base)
        return cut

    outer, inner = arch(half), arch(half - thick)
    foot = np.abs(np.abs(easel.x - cx) - half + thick / 2) - thick / 2
    gap = np.hypot(np.clip(foot, 0, None), np.clip(easel.y - base, 0, None)) / u
    easel.darken(0.4 * np.exp(-gap / 0.02) * surface)
    ring = cover(np.maximum(outer, -inner))
    side = np.clip((easel.x - cx) / half, -1, 1) * lean
    easel.blend(lit(scene.stand_colour, 0.86 + 0.09 * side - 0.1 * (easel.y - spring) / u, easel.tint, 0.1), ring)
    jamb = cover(inner) * cover(-arch(half - thick, -deep * lean))
    easel.blend(lit(scene.stand_colour, 0.62 + 0 * outer, easel.tint, 0.1), jamb)
    easel.lighten(0.25 * bump(inner, 0.6, 0.004 * u + 0.5) * ring + 0.14 * bump(outer, -0.6, 0.004 * u + 0.5) * ring)
    easel.claim(np.maximum(ring, jamb), 0.5)


# Decor: one small thing that makes a set look dressed.


def paint_leaf_shadow(easel: Easel, scene: Scene) -> None:
    """Let the soft shadow of a palm frond fall on the wall."""
    rng = random.Random(scene.seed + 3)
    w, h, u = easel.width, easel.height, easel.unit
    fine = Image.new("L", (w, h))
    draw = ImageDraw.Draw(fine)
    side = -1 if (easel.direction or 1) < 0 else 1
    x, y = (0.5 + 0.5 * side) * w, rng.uniform(-0.05, 0.2) * h
    for _ in range(rng.choice([1, 2])):
        angle, bend = (3.14 if side > 0 else 0.0) + side * -rng.uniform(0.2, 0.7), rng.uniform(-0.25, 0.25)
        stem = [(x, y)]
        for index in range(13):
            angle += bend / 13
            stem.append((stem[-1][0] + 0.055 * u * np.cos(angle), stem[-1][1] + 0.055 * u * np.sin(angle)))
            for turn in (-0.95, 0.95):
                reach = 0.3 * u * np.sin(np.pi * (index + 2) / 16) + 0.02 * u
                tip = (stem[-1][0] + reach * np.cos(angle + turn), stem[-1][1] + reach * np.sin(angle + turn))
                mid = (stem[-1][0] + tip[0]) / 2 + 0.014 * u * np.sin(angle + turn), (stem[-1][1] + tip[1]) / 2
                mid2 = (
                    (stem[-1][0] + tip[0]) / 2 - 0.014 * u * np.sin(angle + turn),
                    (stem[-1][1] + tip[1]) / 2 + 0.02 * u,
                )
                draw.polygon([stem[-1], mid, tip, mid2], 255)
        draw.line(stem, 255, max(1, round(0.006 * u)))
        y += rng.uniform(0.2, 0.35) * h
    soft = np.asarray(fine.filter(ImageFilter.GaussianBlur(0.012 * u)), np.float32) / 255
    wall = 1 - ease((easel.y - (scene.horizon - 0.12) * h) / (0.16 * h))
    easel.darken(0.2 * soft * wall * (1 - easel.calm))
    easel.backdrop *= 1 - np.clip(soft * 2, 0, 1)


def paint_decor(easel: Easel, scene: Scene) -> None:
    """Paint spheres, pebbles, a cone, a ring or a block beside the stand."""
    rng = random.Random(scene.seed + 4)
    for index in range(scene.spheres):
        _paint_sphere(easel, scene, index, rng)
    place = decor_place(scene)
    if place is None:
        return
    u, cx, base = easel.unit, place[0] * easel.width, place[1] * easel.height
    size = place[2] * u
    before = easel.weight.copy()
    colour = scene.stand_colour if rng.random() < 0.5 else scene.second
    if scene.decor == "pebbles":
        for index in range(3):
            reach = size * (0.75 - 0.18 * index)
            _paint_ball(
                easel,
                scene,
                cx + size * (0.0, 0.95, -0.85)[index],
                base + 0.1 * size * index,
                reach,
                reach * 0.55,
                colour,
            )
    elif scene.decor == "cone":
        _paint_cone(easel, scene, cx, base, size * 0.8, size * 2.2, colour)
    elif scene.decor == "ring":
        _paint_ring(easel, scene, cx, base, size * 1.2, colour)
    elif scene.decor == "block":
        flat = _FLAT[scene.camera]
        _Block(easel, _coloured(scene, colour), flat).paint(cx, base, size * 0.9, size * rng.uniform(0.9, 2.0))
    easel.standing.append(((easel.weight > before).astype(np.float32), base))


def _coloured(scene: Scene, colour: RGB) -> Scene:
    return replace(scene, stand_colour=colour)


def _paint_sphere(easel: Easel, scene: Scene, index: int, rng: random.Random) -> None:
    u, side = easel.unit, -1 if scene.empty == "right" or (scene.empty != "left" and index) else 1
    radius = rng.uniform(0.05, 0.1) * u
    cx = scene.centre * easel.width + side * rng.uniform(0.26, 0.34) * u * (1 + 0.45 * index)
    cx = min(max(cx, 1.1 * radius), easel.width - 1.1 * radius)
    base = min(0.97, scene.ground + 0.05) * easel.height
    _paint_ball(easel, scene, cx, base, radius, radius, scene.stand_colour)
    easel.standing.append((cover(np.hypot(easel.x - cx, easel.y - base + radius) - radius), base))


def _paint_ball(easel: Easel, scene: Scene, cx: float, base: float, rx: float, ry: float, colour: RGB) -> None:
    stand_shadow(easel, scene, cx, base - 0.06 * ry, rx * 0.5, rx * 0.12, 0.8 * ry)
    dx, dy = (easel.x - cx) / rx, (easel.y - base + ry) / ry
    depth = np.sqrt(np.clip(1 - dx * dx - dy * dy, 0, 1))
    key = np.clip(0.55 * easel.direction * dx - 0.6 * dy + 0.6 * depth, 0, 1.2)
    light = 0.46 + 0.44 * key + 0.22 * depth + 0.1 * np.clip(dy, 0, 1) ** 3
    inside = cover(ellipse(easel, cx, base - ry, rx, ry))
    easel.blend(lit(colour, light, easel.tint, 0.1), inside)
    shine = bump(np.hypot(dx - 0.38 * easel.direction, dy + 0.45), 0, 0.26)
    easel.lighten(0.3 * shine * inside)
    easel.claim(inside, 0.5)


def _paint_cone(easel: Easel, scene: Scene, cx: float, base: float, half: float, tall: float, colour: RGB) -> None:
    flat = _FLAT[scene.camera]
    stand_shadow(easel, scene, cx, base, half, half * flat, 0.6 * tall)
    down = np.clip((easel.y - base + tall) / tall, 0, 1)
    across = np.clip((easel.x - cx) / np.maximum(half * down, 0.5), -1, 1)
    slant = (np.abs(easel.x - cx) - half * down) * 0.94
    inside = cover(
        np.minimum(
            np.maximum(slant, np.maximum(base - tall - easel.y, easel.y - base)),
            ellipse(easel, cx, base, half, half * flat),
        )
    )
    light = 0.66 + 0.26 * np.sqrt(1 - across * across) + 0.24 * easel.direction * across
    easel.blend(lit(colour, light, easel.tint, 0.1), inside)
    easel.claim(inside, 0.5)


def _paint_ring(easel: Easel, scene: Scene, cx: float, base: float, radius: float, colour: RGB) -> None:
    thick = radius * 0.26
    stand_shadow(easel, scene, cx, base, radius * 0.35, radius * 0.09, 1.2 * radius)
    dx, dy = easel.x - cx, easel.y - base + radius
    away = np.hypot(dx, dy) - (radius - thick)
    inside = cover(np.abs(away) - thick)
    bend = np.clip(away / thick, -1, 1)
    depth = np.sqrt(np.clip(1 - bend * bend, 0, 1))
    reach = np.hypot(dx, dy) + 1e-3
    key = np.clip(bend * (0.5 * easel.direction * dx - 0.7 * dy) / reach + 0.6 * depth, -0.2, 1.2)
    easel.blend(lit(colour, 0.5 + 0.42 * key + 0.2 * depth, easel.tint, 0.1), inside)
    easel.lighten(0.22 * bump(key, 0.95, 0.12) * inside)
    easel.claim(inside, 0.5)
