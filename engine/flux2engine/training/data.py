"""A seed → a studio scene in words and numbers: what stands where, in which colours, under which light.

One scene serves every size; knows nothing about pixels, captions' wording or models.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from flux2engine.training.colours import RGB, companion, random_colour
from flux2engine.training.products import CutOut, Identity, draw_identity, paint_identity

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
    angle: float
    flipped: bool


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
    crop: Box | None = None  # only this part of the set is shown; all other numbers are about the whole set

    @property
    def objects(self) -> tuple[Placed, ...]:
        """List the products in the order in which captions count them."""
        return tuple(placed for placed in (self.main, self.extra) if placed is not None) + self.props

    def record(self) -> dict[str, Any]:
        """Return plain data for a JSON file."""
        return asdict(self)


def draw_scene(
    rng: random.Random,
    aspect: float,
    cut_outs: list[CutOut],
    with_object: bool,
    package_share: float = 0.35,
    kind: Kind | None = None,
) -> Scene:
    """Draw one scene; the empty side, if any, is free of everything but backdrop."""
    backdrop = random_colour(rng)
    set_ = rng.choices(SETS[:9], (26, 13, 15, 7, 7, 9, 7, 6, 10))[0]
    stands = (22, 36, 10, 22, 10) if not with_object else (42, 34, 6, 16, 2)
    stand = rng.choices(STANDS[:5], stands)[0]
    if set_ in ("bokeh", "paper") and rng.random() < 0.6:
        stand = "none"
    sides = {"none": 30, "left": 22, "right": 22, "top": 18, "bottom": 8}
    if aspect > 1.7:
        sides |= {"top": 2, "bottom": 2}
    if aspect < 0.8:
        sides |= {"left": 3, "right": 3, "top": 34, "bottom": 16}
    empty = rng.choices(list(sides), list(sides.values()))[0]
    camera = rng.choices(CAMERAS[:3], (60, 30, 10))[0]
    horizon = {"eye level": 0.68, "slightly above": 0.54, "low angle": 0.8}[camera] + rng.uniform(-0.05, 0.05)
    ground = horizon + (1 - horizon) * rng.uniform(0.4, 0.72)
    if empty == "top":
        horizon, ground = max(horizon, 0.62), max(ground, 0.82)
    if empty == "bottom":
        horizon, ground = min(horizon, 0.5), rng.uniform(0.52, 0.6)
    reach = 0.18 if aspect < 1.7 else (0.24 if aspect < 2.6 else 0.3)
    shift = {"left": reach, "right": -reach}.get(empty, 0.0)
    centre = 0.5 + shift + rng.uniform(-0.05, 0.05)
    scene = Scene(
        seed=rng.getrandbits(32),
        aspect=aspect,
        set=set_,
        backdrop=backdrop,
        second=companion(backdrop, rng),
        stand=stand,
        stand_colour=companion(backdrop, rng) if rng.random() < 0.85 else backdrop,
        light=rng.choices(LIGHTS, (34, 34, 18, 14))[0],
        mood=rng.choices(MOODS, (26, 13, 12, 12, 8, 11, 8, 10))[0],
        empty=empty,
        camera=camera,
        spheres=rng.choice([1, 2]) if not with_object and rng.random() < 0.12 else 0,
        horizon=horizon,
        ground=ground,
        centre=centre,
        gradient=rng.choice(["vertical", "horizontal", "diagonal"]),
    )
    if not with_object:
        return scene
    main = _place(scene, draw_identity(rng, cut_outs, package_share), rng.uniform(0.36, 0.58), scene.centre, rng)
    extra = None
    if rng.random() < 0.25 and empty in ("none", "left", "right"):
        side = rng.choice([-1, 1]) if empty == "none" else (1 if empty == "left" else -1)
        away = scene.centre + side * min(0.3, 0.42 / max(aspect, 0.8))
        if 0.12 < away < 0.88:
            extra = _place(
                replace(scene, stand="none", ground=min(0.95, ground + 0.04)),
                draw_identity(rng, cut_outs),
                rng.uniform(0.2, 0.27),
                away,
                rng,
            )
    return replace(scene, main=main, extra=extra)


def _place(scene: Scene, identity: Identity, size: float, centre: float, rng: random.Random) -> Placed:
    """Stand a product on the ground or the stand; `size` is its longer side, relative to the picture's shorter one."""
    unit_x, unit_y = _units(scene.aspect)
    base = scene.ground - stand_height(scene) * unit_y
    if scene.empty == "top":
        size *= 0.8
    size = min(size, (base - 0.04) / unit_y)
    picture = paint_identity(identity, 64)
    width, height = size * picture.width / 64 * unit_x, size * picture.height / 64 * unit_y
    centre = min(max(centre, width / 2 + 0.01), 1 - width / 2 - 0.01)
    angle = rng.uniform(-12, 12) if rng.random() < 0.25 and identity.cut_out is not None else 0.0
    foot = base + (0.012 if scene.stand != "none" else 0.0)
    return Placed(identity, (centre - width / 2, foot - height, centre + width / 2, foot), angle, rng.random() < 0.25)


def _units(aspect: float) -> tuple[float, float]:
    """Return the picture's shorter side as fractions of width and height."""
    return (1 / aspect, 1.0) if aspect >= 1 else (1.0, aspect)


def stand_height(scene: Scene) -> float:
    """Return the stand's height, relative to the picture's shorter side; drawing and painting agree on it."""
    rng = random.Random(scene.seed + 1)
    height = {
        "none": 0.0,
        "round podium": rng.uniform(0.08, 0.2),
        "stacked podium": rng.uniform(0.14, 0.24),
        "box plinth": rng.uniform(0.1, 0.26),
        "steps": rng.uniform(0.16, 0.28),
        "stairs": rng.uniform(0.16, 0.26),
        "archway": rng.uniform(0.05, 0.1),
        "slab": rng.uniform(0.03, 0.06),
    }[scene.stand]
    return height * (0.75 if scene.empty == "bottom" else 1.0)


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
    return Placed(Identity(**identity), tuple(record["box"]), record["angle"], record["flipped"])
