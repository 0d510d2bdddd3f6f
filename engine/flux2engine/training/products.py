"""Products to be placed in studio scenes, cut-outs and parametric packages, and pictures of them for reference.

Turns a seed into an identity (a name and an RGBA picture); knows nothing about scenes, captions or models.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from flux2engine.references import SHARE_SHOWN, centred
from flux2engine.training.colours import RGB, random_colour
from flux2engine.training.packages import PACKAGES, Look, draw_look, paint_package

# Words that name people, hands, faces and signs: not products, and the model is not to paint them.
_REFUSED = re.compile(
    r"\b(person|people|man|woman|boy|girl|baby|child|face|hand|finger|family|couple|skin|hair|kiss|beard|men|women|"
    r"men's|women's|people's|sign|button|symbol|arrow|flag|mark|square|zodiac|clock face|o’clock|o'clock|thirty|"
    r"fencer|skier|snowboarder|golfing|surfing|rowing|swimming|biking|juggling|lotus|bathing|weights|wrestling|"
    r"handball|cartwheeling|polo|bust|silhouette|map|moon|globe|night|sunrise|sunset|dusk|milky|stars|foggy|city|"
    r"bridge at|no |non-|prohibited|level slider|up-down|keycap|input|japan|tokyo|statue of|mount|"
    r"with slash|restroom)\b"
)
MATTED = 0.6  # of the references: on the colour of the scene's backdrop
_GROUPS = ("Objects", "Food & Drink", "Animals & Nature", "Activities", "Travel & Places")


@dataclass(frozen=True)
class CutOut:
    """One permissively licensed picture with alpha."""

    name: str
    path: Path


def read_cut_outs(pictures: Path, names: Path) -> list[CutOut]:
    """List the cut-outs of `pictures` (files named by code points) whose names (unicode-emoji-json) are products."""
    found = []
    for emoji, entry in json.loads(names.read_text(encoding="utf-8")).items():
        name = entry["name"].lower()
        if entry["group"] not in _GROUPS or _REFUSED.search(name):
            continue
        points = [f"{ord(c):x}" for c in emoji]
        for stem in ("-".join(points), "-".join(p for p in points if p != "fe0f")):
            path = pictures / f"{stem}.webp"
            if path.exists():
                found.append(CutOut(re.sub(r"[^a-z0-9 ]", " ", name).strip(), path))
                break
    return sorted(found, key=lambda cut_out: cut_out.name)


def is_held_out(name: str) -> bool:
    """Tell whether an object is kept out of training (about one in ten, decided by its name alone)."""
    return hashlib.sha256(name.encode()).digest()[0] < 26


@dataclass(frozen=True)
class Identity:
    """What makes one product itself: the seed decides colour shift, label and, for packages, the whole shape."""

    name: str
    seed: int
    cut_out: Path | None = None


def draw_identity(rng: random.Random, cut_outs: list[CutOut], package_share: float = 0.35) -> Identity:
    """Draw a product: a parametric package or one of `cut_outs`."""
    if not cut_outs or rng.random() < package_share:
        return Identity(rng.choice(PACKAGES), rng.getrandbits(32))
    cut_out = rng.choice(cut_outs)
    return Identity(cut_out.name, rng.getrandbits(32), cut_out.path)


def package_look(identity: Identity) -> Look | None:
    """Return what words can say about a parametric package; None for a cut-out."""
    return draw_look(identity.name, identity.seed) if identity.cut_out is None else None


@lru_cache(maxsize=192)
def _cropped(path: Path) -> Image.Image:
    """Read a cut-out, cropped to its own box."""
    with Image.open(path) as opened:
        return _crop(opened.convert("RGBA"))


def _crop(picture: Image.Image) -> Image.Image:
    box = picture.getchannel("A").point(lambda value: 255 if value > 12 else 0).getbbox()
    return picture.crop(box or (0, 0, *picture.size))


@lru_cache(maxsize=64)
def paint_identity(identity: Identity, side: int = 256) -> Image.Image:
    """Paint the product as RGBA, cropped to its own box, its longer side `side` pixels; shared, not to be changed."""
    rng = random.Random(identity.seed)
    if identity.cut_out is None:
        return _fit(_crop(paint_package(identity.name, identity.seed, side)), side)
    shift = rng.randrange(256) if rng.random() < 0.5 else 0
    squash = rng.uniform(0.84, 1.16) if rng.random() < 0.4 else 1.0
    picture = _fit(_cropped(identity.cut_out), side, squash)
    if shift:
        picture = _shift_hue(picture, shift)
    return _stick(picture, rng) if rng.random() < 0.12 else picture


def shape_of(identity: Identity) -> tuple[float, float]:
    """Return the product's width and height, the longer one being 1."""
    picture = paint_identity(identity, 64)
    return picture.width / 64, picture.height / 64


def _fit(picture: Image.Image, side: int, squash: float = 1.0) -> Image.Image:
    width, height = picture.width * squash, float(picture.height)
    scale = side / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Premultiplied ("RGBa") resampling keeps the hidden colour of transparent pixels out of the edge.
    return picture.convert("RGBa").resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0).convert("RGBA")


def _shift_hue(picture: Image.Image, shift: int) -> Image.Image:
    alpha = picture.getchannel("A")
    hue, saturation, value = picture.convert("RGB").convert("HSV").split()
    hue = hue.point([(level + shift) % 256 for level in range(256)])
    shifted = Image.merge("HSV", (hue, saturation, value)).convert("RGB")
    shifted.putalpha(alpha)
    return shifted


def _stick(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Stick a round or square label with a mark onto a cut-out, where the cut-out is opaque."""
    width, height = picture.size
    x = (np.arange(width, dtype=np.float32)[None, :] + 0.5 - rng.uniform(0.35, 0.65) * width) / min(width, height)
    y = (np.arange(height, dtype=np.float32)[:, None] + 0.5 - rng.uniform(0.45, 0.7) * height) / min(width, height)
    turn = rng.uniform(-0.3, 0.3)
    x, y = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    size = rng.uniform(0.11, 0.18)
    away = np.hypot(x, y) if rng.random() < 0.5 else np.maximum(np.abs(x), 1.4 * np.abs(y))
    paper, ink = (np.asarray(random_colour(rng), np.float32) for _ in range(2))
    sharp = min(width, height)
    inside, mark = (np.clip((limit - away) * sharp + 0.5, 0, 1)[..., None] for limit in (size, 0.55 * size))
    rgba = np.asarray(picture, np.float32).copy()
    light = 0.8 + 0.2 * rgba[..., :3].mean(-1, keepdims=True) / 255
    rgba[..., :3] += ((paper + (ink - paper) * mark) * light - rgba[..., :3]) * inside
    return Image.fromarray((rgba + 0.5).astype(np.uint8))


def _ground(rng: random.Random) -> RGB:
    kind = rng.random()
    return (255, 255, 255) if kind < 0.5 else ((236, 236, 238) if kind < 0.75 else random_colour(rng))


def reference_picture(identity: Identity, side: int, rng: random.Random, matte: RGB | None = None) -> Image.Image:
    """Show the product alone on a plain ground, as a brand kit would hold it: RGB, `side` × `side`.

    A cut-out is mostly shown on `matte`, the backdrop's colour: latents know what surrounds a product, and it is copied
    best onto the colour it lies on already.
    """
    ground = matte if matte is not None and rng.random() < MATTED else _ground(rng)
    share = SHARE_SHOWN if rng.random() < 0.85 else rng.uniform(0.84, 0.95)
    picture = paint_identity(identity, round(side * share))
    canvas = centred(picture, side, ground)
    return canvas.filter(ImageFilter.GaussianBlur(0.3)) if rng.random() < 0.1 else canvas


def other_view(identity: Identity, side: int, rng: random.Random) -> Image.Image:
    """Show the product turned, near (cut by the edge now and then), under another light: RGB, `side` × `side`."""
    picture = paint_identity(identity, round(side * rng.uniform(0.8, 1.25)))
    if rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    picture = (
        picture.convert("RGBa").rotate(rng.uniform(-28, 28), Image.Resampling.BICUBIC, expand=True).convert("RGBA")
    )
    canvas = Image.new("RGB", (side, side), _ground(rng))
    reach = max(1, round(0.08 * side))
    left = (side - picture.width) // 2 + rng.randint(-reach, reach)
    canvas.paste(picture, (left, (side - picture.height) // 2 + rng.randint(-reach, reach)), picture)
    ramp = np.linspace(-1, 1, side, dtype=np.float32) * rng.choice([-1, 1]) * rng.uniform(0.05, 0.2)
    light = rng.uniform(0.88, 1.04) + (ramp[None, :] if rng.random() < 0.6 else ramp[:, None])
    tint = np.array([1 + (bias := rng.uniform(-0.06, 0.06)), 1, 1 - bias], np.float32)
    lit = np.asarray(canvas, np.float32) * np.broadcast_to(light, (side, side))[..., None] * tint
    return Image.fromarray(np.clip(lit + 0.5, 0, 255).astype(np.uint8))


def swatch_picture(colours: Sequence[RGB], side: int) -> Image.Image:
    """Show a palette as equal upright bands, in order: RGB, `side` × `side`."""
    canvas = Image.new("RGB", (side, side))
    for index, colour in enumerate(colours):
        canvas.paste(colour, (index * side // len(colours), 0, (index + 1) * side // len(colours), side))
    return canvas
