"""A studio scene in words and numbers: what stands where, in which colours, under which light, and its record.

Drawing and painting agree on sizes through the functions here; knows nothing of pixels, captions or models.
"""

from __future__ import annotations

import math
import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from flux2engine.training.colours import RGB
from flux2engine.training.products import Identity

Kind = Literal["studio", "floor", "flat-lay", "infographic"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Box = tuple[float, float, float, float]  # left, top, right, bottom as fractions of the picture

SETS = (
    *("seamless", "gradient", "two-tone", "bokeh", "paper", "arch", "disc", "curtain", "window"),
    *("wood", "marble", "terrazzo", "fabric", "plaster", "niche"),
)
STANDS = ("none", "round podium", "stacked podium", "box plinth", "steps", "stairs", "archway", "slab")
LIGHTS = ("left", "right", "top", "front")
MOODS = ("neutral", "warm", "cool", "dawn", "golden hour", "night", "dramatic", "bright")
EMPTY_SIDES = ("none", "left", "right", "top", "bottom")
CAMERAS = ("eye level", "slightly above", "low angle", "top down")
FLOORS = ("matte", "satin", "glossy")
DECORS = ("none", "leaf shadow", "pebbles", "cone", "ring", "block")
PATTERNS = ("none", "bands", "circles", "tiles", "waves", "frame")  # infographic backdrops, calm and wordless
ASPECTS = (1.0, 3 / 2, 16 / 9, 2.0, 3.0, 4.0, 4 / 5, 2 / 3, 9 / 16, 1 / 2)


@dataclass(frozen=True)
class Placed:
    """One product in a scene: where it stands and how it is turned."""

    identity: Identity
    box: Box
    angle: float = 0.0  # degrees


@dataclass(frozen=True)
class Scene:
    """A studio set in words (for captions) and numbers (for painting)."""

    seed: int
    aspect: float  # width / height
    set: str
    backdrop: RGB
    second: RGB  # floor, gradient end, arch or disc
    stand: str
    stand_colour: RGB
    light: str
    mood: str
    empty: str
    camera: str
    spheres: int
    horizon: float  # of the height
    ground: float  # of the height: where things stand
    centre: float  # of the width
    gradient: str = "vertical"
    main: Placed | None = None
    extra: Placed | None = None
    kind: Kind = "studio"
    props: tuple[Placed, ...] = ()  # beside main and extra; a flat lay holds 3 to 9 here, in reading order, and no main
    empty_box: Box | None = None  # really empty: no edge of anything; None where `empty` is "none"
    rim: bool = False  # a second light from behind draws the stand's and the products' outlines
    reflection: float = 0.0  # how much of what stands on it the floor mirrors
    floor: str = "matte"
    decor: str = "none"
    pattern: str = "none"  # of an infographic's backdrop
    crop: Box | None = None  # this part of the set is shown, of this `aspect`; all else is about the whole

    @property
    def objects(self) -> tuple[Placed, ...]:
        """List the products in the order in which captions count them."""
        return tuple(placed for placed in (self.main, self.extra) if placed is not None) + self.props

    def record(self) -> dict[str, Any]:
        """Return plain data for a JSON file."""
        return asdict(self)


def units(aspect: float) -> tuple[float, float]:
    """Return the picture's shorter side as fractions of width and height."""
    return (1 / aspect, 1.0) if aspect >= 1 else (1.0, aspect)


def stand_height(scene: Scene) -> float:
    """Return the stand's height, relative to the picture's shorter side; drawing and painting agree on it."""
    rng = random.Random(scene.seed + 1)
    height = {
        "none": 0.0,
        "round podium": rng.uniform(0.125, 0.155),
        "stacked podium": rng.uniform(0.177, 0.203),
        "box plinth": rng.uniform(0.16, 0.2),
        "steps": rng.uniform(0.205, 0.235),
        "stairs": rng.uniform(0.198, 0.223),
        "archway": rng.uniform(0.0688, 0.0813),
        "slab": rng.uniform(0.0412, 0.0488),
    }[scene.stand]
    return height * (0.75 if scene.empty == "bottom" else 1.0)


_WIDTHS = {
    "none": (0.0, 0.0),
    "round podium": (0.235, 0.265),
    "stacked podium": (0.285, 0.315),
    "box plinth": (0.235, 0.26),
    "steps": (0.398, 0.423),
    "stairs": (0.278, 0.303),
    "archway": (0.31, 0.33),
    "slab": (0.297, 0.323),
}
# Where the main product stands, as a share of the stand's half width.
TOP_SHARE = {
    "round podium": 1.0,
    "stacked podium": 0.64,
    "box plinth": 1.0,
    "steps": 0.36,
    "stairs": 0.9,
    "archway": 0.5,
    "slab": 1.0,
}


def stand_width(scene: Scene) -> float:
    """Return half the stand's width, relative to the picture's shorter side; drawing and painting agree on it."""
    # Products keep their area in long pictures, and what they stand on does too.
    stretch = min(1.35, math.sqrt(max(scene.aspect, 1 / scene.aspect)))
    wide = random.Random(scene.seed + 2).uniform(*_WIDTHS[scene.stand]) * stretch
    return min(wide, min(scene.centre, 1 - scene.centre) / units(scene.aspect)[0] - 0.02)


def decor_place(scene: Scene) -> tuple[float, float, float] | None:
    """Return where a piece of decor stands (fractions of the picture) and its size (of the shorter side)."""
    if scene.decor in ("none", "leaf shadow"):
        return None
    rng = random.Random(scene.seed + 5)
    side = {"left": 1, "right": -1}.get(scene.empty) or rng.choice([-1, 1])
    size = rng.uniform(0.05, 0.085)
    unit = units(scene.aspect)[0]
    away = (max(stand_width(scene), 0.2 if scene.kind == "studio" else 0.0) + 1.9 * size + 0.01) * unit
    x = scene.centre + side * away
    if not 1.9 * size * unit < x < 1 - 1.9 * size * unit:
        return None
    return x, min(0.96, scene.ground + rng.uniform(0.0, 0.04)), size


def occupied(scene: Scene) -> Box:
    """Return the box around all that stands on the set or opens in its wall."""
    unit_x, unit_y = units(scene.aspect)
    boxes = [placed.box for placed in scene.objects]
    wide, flat = stand_width(scene), 0.27
    x, ground = scene.centre, scene.ground
    if scene.stand != "none":
        tall = stand_height(scene) + flat * wide + (0.55 if scene.stand == "archway" else 0.0)
        boxes.append((x - wide * unit_x, ground - tall * unit_y, x + wide * unit_x, ground + flat * wide * unit_y))
    if scene.set in ("arch", "disc", "niche"):
        boxes.append((x - 0.31 * unit_x, 0.45 if scene.empty == "top" else 0.08, x + 0.31 * unit_x, scene.horizon))
    if scene.spheres:
        sides = {"left": (1,), "right": (-1,)}.get(scene.empty, (-1, 1))
        boxes += [
            (x + min(0, s) * 0.62 * unit_x, ground - 0.2 * unit_y, x + max(0, s) * 0.62 * unit_x, 0.97) for s in sides
        ]
    decor = decor_place(scene)
    if decor is not None:
        reach = 1.9 * decor[2]
        boxes.append(
            (decor[0] - reach * unit_x, decor[1] - 1.3 * reach * unit_y, decor[0] + reach * unit_x, decor[1] + 0.01)
        )
    if not boxes:
        return (1.0, 1.0, 0.0, 0.0)
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def scene_from_record(record: dict[str, Any]) -> Scene:
    """Undo `Scene.record` (after a trip through JSON); records of version 0.1.0 lack the newer fields."""
    values = dict(record)
    for key in ("backdrop", "second", "stand_colour", "empty_box", "crop"):
        if values.get(key) is not None:
            values[key] = tuple(values[key])
    for key in ("main", "extra"):
        if values[key] is not None:
            values[key] = _placed_from_record(values[key])
    values["props"] = tuple(_placed_from_record(prop) for prop in values.get("props", ()))
    return Scene(**values)


def _placed_from_record(record: dict[str, Any]) -> Placed:
    identity = dict(record["identity"])
    if identity["cut_out"] is not None:
        identity["cut_out"] = Path(identity["cut_out"])
    return Placed(Identity(**identity), tuple(record["box"]), record["angle"])
