"""What walls and surfaces are made of: wood, marble, terrazzo, fabric, plaster, laid over the asked colour.

Each keeps the colour's mean nearly as it is (the set calibrates the rest) and fades where the scene is to be calm.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from flux2engine.training.colours import RGB
from flux2engine.training.easel import Easel, Field, bump, ease, noise
from flux2engine.training.scene import Scene


def paint_material(easel: Easel, scene: Scene, rng: random.Random) -> None:
    """Lay the set's material, if it has one, over the canvas."""
    painter = _MATERIALS.get(scene.set)
    if painter is not None:
        painter(easel, random.Random(rng.getrandbits(32)), 1 - 0.96 * easel.calm, (scene.backdrop, scene.second))


def _wood(easel: Easel, rng: random.Random, strength: Field, _: tuple[RGB, RGB]) -> None:
    u, upright = easel.unit, rng.random() < 0.5
    along, across = (easel.y, easel.x) if upright else (easel.x, easel.y)
    plank = rng.uniform(0.12, 0.24) * u
    index = across / plank + rng.random()
    number = np.floor(index)
    tone = np.sin(number * 12.9898 + rng.uniform(0, 9)) * 0.045
    cells = (rng.uniform(34, 50), 2.2) if upright else (2.2, rng.uniform(34, 50))
    fine = noise(easel, rng, *cells) - 0.5
    broad = noise(easel, rng, 7 if upright else 1.2, 1.2 if upright else 7) - 0.5
    rings = np.sin(index * 16 + 7 * broad + along / u * 1.3 + 5 * np.sin(number * 7.1)) * 0.03
    seam = np.abs(index - number - 0.5)
    gap = ease((seam - 0.5 + 0.012 * u / plank * 0.6) / (0.004 * u / plank + 1.2 / plank))
    easel.canvas *= (1 + (0.1 * fine + tone + rings - 0.34 * gap) * strength)[..., None]


def _marble(easel: Easel, rng: random.Random, strength: Field, colours: tuple[RGB, RGB]) -> None:
    cloud = noise(easel, rng, 2, 2) - 0.5
    vein = np.zeros_like(cloud)
    for cells, width, amount in ((1.2, 0.012, 0.8), (2.0, 0.014, 0.4), (1.6, 0.07, 0.22)):
        bent = noise(easel, rng, cells, cells) + 0.1 * (noise(easel, rng, cells * 5, cells * 5) - 0.5) + 0.12 * cloud
        where = ease((noise(easel, rng, 1.2, 1.2) - 0.35) / 0.4)
        vein = np.maximum(vein, amount * where * bump(bent, 0.5, width))
    light = sum(colours[0]) > 300
    ink = np.asarray(colours[0], np.float32) / 255
    ink = ink * 0.62 if light else ink + (1 - ink) * 0.42
    easel.canvas *= (1 + (0.12 * cloud) * strength)[..., None]
    easel.blend(tuple(ink.tolist()), np.clip((0.75 * vein) * strength, 0, 1))


def _terrazzo(easel: Easel, rng: random.Random, strength: Field, colours: tuple[RGB, RGB]) -> None:
    base = np.asarray(colours[0], np.float32)
    second = np.asarray(colours[1], np.float32)
    inks = [base + (second - base) * 0.55, base * 0.68, base + (255 - base) * 0.5, base + (second * 0.6 - base) * 0.4]
    w, h, u = easel.width * 2, easel.height * 2, easel.unit * 2
    chips, shape = Image.new("RGB", (w, h)), Image.new("L", (w, h))
    tint, mask = ImageDraw.Draw(chips), ImageDraw.Draw(shape)
    for _ in range(round(190 * (w * h) / (u * u))):
        cx, cy, size = rng.random() * w, rng.random() * h, u * rng.choice([0.006, 0.01, 0.01, 0.014, 0.022])
        turn, corners = rng.uniform(0, 6.28), rng.randint(4, 6)
        points = []
        for corner in range(corners):
            angle, reach = turn + corner * 6.283 / corners, size * rng.uniform(0.6, 1.15)
            points.append((cx + reach * float(np.cos(angle)), cy + reach * float(np.sin(angle))))
        tint.polygon(points, tuple(int(c) for c in rng.choice(inks)))
        mask.polygon(points, 255)
    share, colour = (
        np.asarray(sheet.resize((easel.width, easel.height), Image.Resampling.BOX), np.float32) / 255
        for sheet in (shape, chips)
    )
    # Around the chips their sheet is black: the share of it that a pixel holds is divided out again.
    easel.blend(np.clip(colour / np.maximum(share, 0.02)[..., None], 0, 1), 0.7 * share * strength)


def _fabric(easel: Easel, rng: random.Random, strength: Field, _: tuple[RGB, RGB]) -> None:
    lean = rng.uniform(0.3, 1.2) * rng.choice([-1, 1])
    bent = noise(easel, rng, 2, 2) + 0.4 * noise(easel, rng, 4, 4)
    folds = np.sin((easel.x + lean * easel.y) / easel.unit * rng.uniform(5, 8) + 6 * bent)
    weave = np.sin(easel.x / easel.unit * 400) * np.sin(easel.y / easel.unit * 400) if easel.unit >= 384 else 0.0
    easel.canvas *= (1 + (0.075 * folds * (0.4 + noise(easel, rng, 2, 2)) + 0.02 * weave) * strength)[..., None]


def _plaster(easel: Easel, rng: random.Random, strength: Field, _: tuple[RGB, RGB]) -> None:
    height = noise(easel, rng, 3, 3) + 0.5 * noise(easel, rng, 9, 7) + 0.3 * noise(easel, rng, 22, 16)
    slope = np.zeros_like(height)
    slope[:, 1:] = np.diff(height, axis=1) * easel.unit / 192 * (1 if easel.direction <= 0 else -1)
    trowel = noise(easel, rng, 5, 26) - 0.5
    easel.canvas *= (1 + (0.5 * slope + 0.05 * (height - 0.9) + 0.05 * trowel) * strength)[..., None]


_MATERIALS: dict[str, Callable[[Easel, random.Random, Field, tuple[RGB, RGB]], None]] = {
    "wood": _wood,
    "marble": _marble,
    "terrazzo": _terrazzo,
    "fabric": _fabric,
    "plaster": _plaster,
}
