"""Products to be placed in studio scenes: permissively licensed cut-outs and parametric packages.

Turns a seed into an identity (a name and an RGBA picture); knows nothing about scenes, captions or models.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from flux2engine.training.colours import random_colour

# Words that name people, hands, faces and signs: not products, and the model is not to paint them.
_REFUSED = re.compile(
    r"\b(person|people|man|woman|boy|girl|baby|child|face|hand|finger|family|couple|skin|hair|kiss|beard|men|women|"
    r"men's|women's|people's|sign|button|symbol|arrow|flag|mark|square|zodiac|clock face|o’clock|o'clock|thirty|"
    r"fencer|skier|snowboarder|golfing|surfing|rowing|swimming|biking|juggling|lotus|bathing|weights|wrestling|"
    r"handball|cartwheeling|polo|bust|silhouette|map|moon|globe|night|sunrise|sunset|dusk|milky|stars|foggy|city|"
    r"bridge at|no |non-|prohibited|level slider|up-down|keycap|input|japan|tokyo|statue of|mount)\b"
)
_GROUPS = ("Objects", "Food & Drink", "Animals & Nature", "Activities", "Travel & Places")
PACKAGES = ("bottle", "jar", "can", "tube", "box", "cup", "flacon", "pouch")


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


def paint_identity(identity: Identity, side: int = 256) -> Image.Image:
    """Paint the product as RGBA, cropped to its own box, its longer side being `side` pixels."""
    rng = random.Random(identity.seed)
    if identity.cut_out is None:
        picture = paint_package(identity.name, rng)
    else:
        with Image.open(identity.cut_out) as opened:
            picture = opened.convert("RGBA")
        if rng.random() < 0.5:
            picture = _shift_hue(picture, rng.randrange(256))
    box = picture.getchannel("A").point(lambda value: 255 if value > 12 else 0).getbbox()
    picture = picture.crop(box or (0, 0, *picture.size))
    scale = side / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    # Premultiplied ("RGBa") resampling keeps the hidden colour of transparent pixels out of the edge.
    return picture.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")


def _shift_hue(picture: Image.Image, shift: int) -> Image.Image:
    alpha = picture.getchannel("A")
    hsv = np.asarray(picture.convert("RGB").convert("HSV")).copy()
    hsv[..., 0] += np.uint8(shift)
    shifted = Image.merge("HSV", [Image.fromarray(np.ascontiguousarray(hsv[..., c])) for c in range(3)]).convert("RGB")
    shifted.putalpha(alpha)
    return shifted


def _profile(name: str, rng: random.Random, y: NDArray[Any]) -> tuple[NDArray[Any], float]:
    """Half width of a package over its height (y from 0 at the top to 1), and where its cap ends."""

    def smooth(low: float, high: float) -> NDArray[Any]:
        t = np.clip((y - low) / max(high - low, 1e-3), 0, 1)
        return t * t * (3 - 2 * t)

    wide = rng.uniform(0.2, 0.34)
    if name == "bottle":
        neck, shoulder = rng.uniform(0.06, 0.1), rng.uniform(0.3, 0.42)
        cap = rng.uniform(0.1, 0.2)
        return neck + (wide - neck) * smooth(shoulder - rng.uniform(0.05, 0.15), shoulder), cap
    if name == "flacon":
        neck, cap = rng.uniform(0.09, 0.14), rng.uniform(0.22, 0.32)
        wide = rng.uniform(0.3, 0.42)
        return neck + (wide - neck) * smooth(cap, cap + rng.uniform(0.02, 0.1)), cap
    if name == "jar":
        wide, cap = rng.uniform(0.34, 0.46), rng.uniform(0.18, 0.28)
        return np.where(y < cap, wide * rng.uniform(0.92, 1.02), wide).astype(np.float32), cap
    if name == "can":
        edge = rng.uniform(0.04, 0.09)
        return wide * (1 - 0.14 * (1 - smooth(0, edge)) - 0.1 * smooth(1 - edge, 1)), 0.03
    if name == "tube":
        cap = rng.uniform(0.14, 0.22)  # stands on its cap: the cap is drawn at the lower end by the caller
        return wide * (1 - 0.35 * smooth(0.1, 1 - cap)), cap
    if name == "cup":
        return rng.uniform(0.28, 0.36) * (1 - rng.uniform(0.15, 0.3) * y), rng.uniform(0.06, 0.12)
    return np.full_like(y, wide), 0.0


def paint_package(name: str, rng: random.Random, side: int = 256) -> Image.Image:
    """Paint one parametric package (bottle, jar, can …) as RGBA of `side` pixels."""
    axis = (np.arange(side, dtype=np.float32) + 0.5) / side
    x, y = axis[None, :] - 0.5, axis[:, None]
    body, cap, label = (np.array(random_colour(rng), np.float32) / 255 for _ in range(3))
    if rng.random() < 0.4:
        label = (
            np.array([0.97, 0.96, 0.94], np.float32) if body.mean() < 0.75 else np.array([0.12, 0.12, 0.14], np.float32)
        )
    boxy = name in ("box", "pouch")
    half, cap_end = _profile(name, rng, y)
    if name == "pouch":
        half = rng.uniform(0.26, 0.36) * (1 - 0.1 * np.cos(y * 6.28) ** 2).astype(np.float32)
    top = 0.04 if name != "jar" and name != "flacon" else rng.uniform(0.2, 0.4)
    scaled = np.clip((y - top) / (0.97 - top), 0, 1)
    if top > 0.1:
        half, cap_end = _profile(name, random.Random(rng.getrandbits(30)), scaled)
    across = np.clip(x / np.maximum(half, 1e-3), -1, 1)  # -1 … 1 over the body
    inside = (
        np.clip((half - np.abs(x)) * side + 0.5, 0, 1)
        * np.clip((y - top) * side, 0, 1)
        * np.clip((0.97 - y) * side, 0, 1)
    )
    colour = np.broadcast_to(body, (side, side, 3)).copy()
    low, high = sorted((rng.uniform(0.4, 0.6), rng.uniform(0.7, 0.92)))
    band = np.clip((scaled - low) * side * 0.5, 0, 1) * np.clip((high - scaled) * side * 0.5, 0, 1)
    if boxy or rng.random() < 0.85:
        band = band * (np.abs(across) < rng.choice([1.1, 1.1, 0.75]))
        colour += (label - colour) * band[..., None]
        colour += (body - colour) * (_ornament(rng, across, (scaled - low) / max(high - low, 0.1)) * band)[..., None]
    capped = (scaled > 1 - cap_end) if name == "tube" else (scaled < cap_end)
    colour = np.where(np.broadcast_to(capped, (side, side))[..., None], cap, colour)
    if boxy:
        fold = rng.uniform(-0.3, 0.5) if name == "box" else 2.0
        light = np.where(across > fold, 0.82, 1.03)
    else:
        light = 0.72 + 0.38 * np.sqrt(np.clip(1 - (across + 0.25) ** 2, 0, 1))
    colour = colour * np.broadcast_to(light, (side, side))[..., None]
    if not boxy:
        shine = 0.45 * np.exp(-(((across + 0.5) / 0.12) ** 2)) * rng.uniform(0.2, 1.0)
        colour += (1 - colour) * np.broadcast_to(shine, (side, side))[..., None]
    rgba = np.dstack([np.clip(colour, 0, 1), np.broadcast_to(inside, (side, side))])
    return Image.fromarray((rgba * 255 + 0.5).astype(np.uint8))


def _ornament(rng: random.Random, across: NDArray[Any], down: NDArray[Any]) -> NDArray[Any]:
    """Draw a wordless mark for a label: stripes, a disc, a diamond, or nothing."""
    kind = rng.choice(["stripe", "disc", "diamond", "lines", "none"])
    mark: NDArray[Any] = np.zeros_like(across + down, dtype=bool)
    if kind == "stripe":
        mark |= np.abs(down - 0.5) < rng.uniform(0.08, 0.2)
    elif kind == "disc":
        mark |= (across**2 + (down - 0.5) ** 2) < rng.uniform(0.05, 0.16)
    elif kind == "diamond":
        mark |= (np.abs(across) + np.abs(down - 0.5)) < rng.uniform(0.25, 0.45)
    elif kind == "lines":
        mark |= (np.sin(down * rng.uniform(15, 30)) > 0.4) & (np.abs(across) < 0.55)
    return mark.astype(np.float32)


def reference_picture(identity: Identity, side: int, rng: random.Random) -> Image.Image:
    """Show the product alone on a plain ground, as a brand kit would hold it: RGB, `side` × `side`."""
    kind = rng.random()
    ground = (255, 255, 255) if kind < 0.5 else ((236, 236, 238) if kind < 0.75 else random_colour(rng))
    picture = paint_identity(identity, round(side * rng.uniform(0.82, 0.96)))
    canvas = Image.new("RGB", (side, side), ground)
    canvas.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2), picture)
    return canvas.filter(ImageFilter.GaussianBlur(0.3)) if rng.random() < 0.1 else canvas
