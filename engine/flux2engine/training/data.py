"""A seed → a studio scene in words and numbers: what stands where, in which colours, under which light.

One scene serves every size; knows nothing about pixels, captions' wording or models.
"""

from __future__ import annotations

import math
import random
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from flux2engine.training.colours import RGB, companion, random_colour
from flux2engine.training.products import CutOut, Identity, draw_identity, shape_of

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
    kinds: dict[Kind, int] = (
        {"studio": 84, "flat-lay": 16} if with_object else {"studio": 42, "floor": 38, "infographic": 20}
    )
    kind = kind or rng.choices(list(kinds), list(kinds.values()))[0]
    scene = _draw_set(rng, aspect, kind, with_object)
    if kind == "flat-lay":
        scene = _fill_flat_lay(rng, scene, cut_outs, package_share)
    elif kind == "studio" and with_object:
        scene = _fill_studio(rng, scene, cut_outs, package_share)
    return _declare_empty(rng, scene)


_SETS_OF: dict[Kind, dict[str, int]] = {
    "studio": {
        **{"seamless": 26, "gradient": 10, "two-tone": 13, "bokeh": 8, "paper": 6, "arch": 8, "disc": 6, "curtain": 5},
        **{"window": 8, "wood": 5, "marble": 5, "terrazzo": 4, "fabric": 5, "plaster": 6, "niche": 6},
    },
    "floor": {
        "seamless": 50,
        "two-tone": 14,
        "window": 8,
        "arch": 5,
        "niche": 4,
        "curtain": 3,
        "wood": 5,
        "marble": 4,
        "plaster": 7,
    },
    "flat-lay": {"seamless": 40, "wood": 13, "marble": 13, "terrazzo": 10, "fabric": 12, "plaster": 12},
    "infographic": {"seamless": 100},
}
_FLOORLESS = ("gradient", "bokeh", "paper")  # no floor to mirror anything
# What would cross the empty side, or be cut by it.
_CROSSED = (("paper", "bottom"), ("window", "top"), ("bokeh", "top"), ("bokeh", "bottom"))
_LINED = ("two-tone", "wood", "marble", "terrazzo", "arch", "niche")  # a line where wall and floor meet


def _draw_set(rng: random.Random, aspect: float, kind: Kind, with_object: bool) -> Scene:
    backdrop = random_colour(rng)
    set_ = rng.choices(list(_SETS_OF[kind]), list(_SETS_OF[kind].values()))[0]
    shares = (36, 26, 6, 12, 4, 5, 5, 6) if with_object else (20, 30, 9, 15, 8, 7, 6, 5)
    stand = rng.choices(STANDS, shares)[0] if kind == "studio" else "none"
    if set_ == "bokeh" and rng.random() < 0.5 or set_ == "paper" or set_ in ("niche", "arch") and stand == "archway":
        stand = "none"
    empty = _draw_empty(rng, aspect, kind)
    pattern = rng.choice(PATTERNS[1:]) if kind == "infographic" else "none"
    if (set_, empty) in _CROSSED:
        set_ = "seamless"
    if pattern in ("bands", "frame"):
        empty = "none"
    camera = rng.choices(CAMERAS[:3], (60, 30, 10))[0] if kind != "flat-lay" else "top down"
    flat_on = kind in ("flat-lay", "infographic")
    horizon = {"eye level": 0.68, "slightly above": 0.54, "low angle": 0.8}.get(camera, 1.0) + rng.uniform(-0.05, 0.05)
    ground = horizon + (1 - horizon) * rng.uniform(0.4, 0.72)
    if empty == "top":
        horizon, ground = max(horizon, 0.62), max(ground, 0.82)
    if empty == "bottom":
        horizon, ground = min(horizon, 0.5), rng.uniform(0.52, 0.6)
    reach = 0.18 if aspect < 1.7 else (0.24 if aspect < 2.6 else 0.3)
    shift = {"left": reach, "right": -reach}.get(empty, 0.0)
    mood = (
        rng.choices(MOODS, (26, 13, 12, 12, 8, 11, 8, 10))[0]
        if kind != "infographic"
        else rng.choice(("neutral", "bright"))
    )
    floor = rng.choices(FLOORS, (56, 22, 22))[0] if kind == "studio" and set_ not in _FLOORLESS else "matte"
    mirror = {"matte": (0.0, 0.0), "satin": (0.16, 0.26), "glossy": (0.32, 0.55)}[floor]
    spheres = rng.choice([1, 2]) if kind == "studio" and not with_object and rng.random() < 0.12 else 0
    decor = "none"
    if kind in ("studio", "floor") and not spheres:
        decor = rng.choices(DECORS, (68, 8, 7, 5, 6, 6) if kind == "studio" else (88, 12, 0, 0, 0, 0))[0]
        decor = (
            "none"
            if decor == "leaf shadow"
            and (set_ in (*_FLOORLESS, "window", "curtain") or empty not in ("none", "bottom"))
            else decor
        )
    return Scene(
        seed=rng.getrandbits(32),
        aspect=aspect,
        set=set_,
        backdrop=backdrop,
        second=companion(backdrop, rng),
        stand=stand,
        stand_colour=companion(backdrop, rng) if rng.random() < 0.85 else backdrop,
        light=rng.choices(LIGHTS, (34, 34, 18, 14))[0],
        mood=mood,
        empty=empty,
        camera=camera,
        spheres=spheres,
        horizon=1.0 if flat_on else horizon,
        ground=1.0 if flat_on else ground,
        centre=0.5 + shift + rng.uniform(-0.05, 0.05),
        gradient=rng.choice(["vertical", "horizontal", "diagonal"]),
        kind=kind,
        rim=rng.random() < (0.5 if mood in ("night", "dramatic") else 0.2) and kind == "studio",
        reflection=rng.uniform(*mirror),
        floor=floor,
        decor=decor,
        pattern=pattern,
    )


def _draw_empty(rng: random.Random, aspect: float, kind: Kind) -> str:
    sides = {"none": 30, "left": 22, "right": 22, "top": 18, "bottom": 8}
    if aspect > 1.7:
        sides |= {"top": 2, "bottom": 2}
    if aspect < 0.8:
        sides |= {"left": 3, "right": 3, "top": 34, "bottom": 16}
    if kind == "infographic":
        sides |= {"none": 60}
    return rng.choices(list(sides), list(sides.values()))[0]


def _fill_studio(rng: random.Random, scene: Scene, cut_outs: list[CutOut], package_share: float) -> Scene:
    """Stand a product on the set, beside it now and then a smaller one or a whole row."""
    main = _place(scene, draw_identity(rng, cut_outs, package_share), rng.uniform(0.36, 0.58), scene.centre, rng)
    scene = replace(scene, main=main)
    bare = scene.decor in ("none", "leaf shadow")
    if scene.stand == "none" and bare and rng.random() < 0.2:
        return _add_row(rng, scene, main, cut_outs)
    return replace(scene, extra=draw_extra(rng, scene, cut_outs)) if bare and rng.random() < 0.25 else scene


def draw_extra(rng: random.Random, scene: Scene, cut_outs: list[CutOut]) -> Placed | None:
    """Place a smaller product beside the main one, on the side that is not empty; None where there is no room."""
    if scene.empty not in ("none", "left", "right") or decor_place(scene) is not None or scene.props:
        return None
    side = rng.choice([-1, 1]) if scene.empty == "none" else (1 if scene.empty == "left" else -1)
    unit = _units(scene.aspect)[0]
    held = (scene.main.box[2] - scene.main.box[0]) / 2 if scene.main is not None else 0.0
    away = scene.centre + side * (max(stand_width(scene) * unit, held, 0.17 * unit) + 0.13 * unit)
    if not 0.1 < away < 0.9:
        return None
    on_floor = replace(scene, stand="none", ground=min(0.95, scene.ground + 0.04))
    return _place(on_floor, draw_identity(rng, cut_outs), rng.uniform(0.2, 0.27), away, rng)


def _add_row(rng: random.Random, scene: Scene, main: Placed, cut_outs: list[CutOut]) -> Scene:
    """Stand two to four smaller products beside the main one, where there is room."""
    left, right, props = main.box[0], main.box[2], []
    low, high = {"left": (0.42, 0.98), "right": (0.02, 0.58)}.get(scene.empty, (0.02, 0.98))
    for _ in range(rng.randint(2, 4)):
        identity, size = draw_identity(rng, cut_outs), rng.uniform(0.2, 0.34)
        wide = size * shape_of(identity)[0] * _units(scene.aspect)[0] + 0.02
        if right + wide <= high and (rng.random() < 0.5 or left - wide < low):
            centre, right = right + wide / 2, right + wide
        elif left - wide >= low:
            centre, left = left - wide / 2, left - wide
        else:
            continue
        ground = min(0.97, scene.ground + rng.uniform(-0.01, 0.04))
        props.append(_place(replace(scene, ground=ground), identity, size, centre, rng))
    return replace(scene, props=tuple(props))


def _fill_flat_lay(rng: random.Random, scene: Scene, cut_outs: list[CutOut], package_share: float) -> Scene:
    """Lay three to nine products out in rows on the part of the surface that is not to be empty."""
    left, top, right, bottom = 0.04, 0.05, 0.96, 0.95
    share = rng.uniform(0.36, 0.46)
    left, right = (
        (left + share if scene.empty == "left" else left),
        (right - share if scene.empty == "right" else right),
    )
    top, bottom = (
        (top + share if scene.empty == "top" else top),
        (bottom - share if scene.empty == "bottom" else bottom),
    )
    count, unit = rng.randint(3, 9), _units(scene.aspect)
    wide, high = (right - left) / unit[0], (bottom - top) / unit[1]
    # As square as cells can be, every one of them filled but perhaps the last row's end.
    rows = min(range(1, count + 1), key=lambda n: abs(wide / -(-count // n) - high / n) + 0.2 * (-count % n) / n)
    knolled, props = rng.random() < 0.5, []
    for row in range(rows):
        held = count // rows + (row < count % rows)
        for column in range(held):
            cell = min(wide / held, high / rows)
            size = cell * (rng.uniform(0.76, 0.9) if knolled else rng.uniform(0.68, 0.95))
            identity = draw_identity(rng, cut_outs, package_share)
            angle = 0.0 if knolled else rng.uniform(-15, 15)
            across, down = (extent * size for extent in _turned_shape(identity, angle))
            slack = 0.0 if knolled else 0.05 * cell
            cx = left + (right - left) * (column + 0.5) / held + rng.uniform(-slack, slack) * unit[0]
            cy = top + (bottom - top) * (row + 0.5) / rows + rng.uniform(-slack, slack) * unit[1]
            half = across / 2 * unit[0], down / 2 * unit[1]
            box = (cx - half[0], cy - half[1], cx + half[0], cy + half[1])
            props.append(Placed(identity, box, angle, _flipped(scene, identity, rng)))
    return replace(scene, props=tuple(props))


def _turned_shape(identity: Identity, angle: float) -> tuple[float, float]:
    """Return width and height of the turned product's box, the longer side of the upright one being 1."""
    width, height = shape_of(identity)
    cos, sin = math.cos(math.radians(angle)), abs(math.sin(math.radians(angle)))
    return width * cos + height * sin, width * sin + height * cos


def _place(scene: Scene, identity: Identity, size: float, centre: float, rng: random.Random) -> Placed:
    """Stand a product on the ground or the stand; `size` is its longer side, relative to the picture's shorter one."""
    unit_x, unit_y = _units(scene.aspect)
    base = scene.ground - stand_height(scene) * unit_y
    if scene.empty == "top":
        size *= 0.8
    angle = rng.uniform(-15, 15) if rng.random() < 0.25 and identity.cut_out is not None else 0.0
    shape = _turned_shape(identity, angle)
    size = min(size, (base - 0.04) / unit_y / shape[1])
    if scene.stand != "none":
        size = min(size, 1.8 * stand_width(scene) * _TOP[scene.stand] / shape[0])
    width, height = size * shape[0] * unit_x, size * shape[1] * unit_y
    centre = min(max(centre, width / 2 + 0.01), 1 - width / 2 - 0.01)
    foot = base + (0.012 if scene.stand != "none" else 0.0)
    box = (centre - width / 2, foot - height, centre + width / 2, foot)
    return Placed(identity, box, angle, _flipped(scene, identity, rng))


def _flipped(scene: Scene, identity: Identity, rng: random.Random) -> bool:
    # Packages are painted lit from the left.
    return scene.light == "right" if identity.cut_out is None else rng.random() < 0.25


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


_WIDTHS = {
    "none": (0.0, 0.0),
    "round podium": (0.18, 0.3),
    "stacked podium": (0.24, 0.36),
    "box plinth": (0.16, 0.25),
    "steps": (0.36, 0.46),
    "stairs": (0.24, 0.34),
    "archway": (0.28, 0.36),
    "slab": (0.26, 0.36),
}
# Where the main product stands, as a share of the stand's half width.
_TOP = {
    **{"round podium": 1.0, "stacked podium": 0.64, "box plinth": 1.0, "steps": 0.36},
    **{"stairs": 0.9, "archway": 0.5, "slab": 1.0},
}


def stand_width(scene: Scene) -> float:
    """Return half the stand's width, relative to the picture's shorter side; drawing and painting agree on it."""
    wide = random.Random(scene.seed + 2).uniform(*_WIDTHS[scene.stand])
    return min(wide, min(scene.centre, 1 - scene.centre) / _units(scene.aspect)[0] - 0.02)


def decor_place(scene: Scene) -> tuple[float, float, float] | None:
    """Return where a piece of decor stands (fractions of the picture) and its size (of the shorter side), if any does."""
    if scene.decor in ("none", "leaf shadow"):
        return None
    rng = random.Random(scene.seed + 5)
    side = {"left": 1, "right": -1}.get(scene.empty) or rng.choice([-1, 1])
    size = rng.uniform(0.05, 0.085)
    unit = _units(scene.aspect)[0]
    away = (max(stand_width(scene), 0.2 if scene.kind == "studio" else 0.0) + 1.9 * size + 0.01) * unit
    x = scene.centre + side * away
    if not 1.9 * size * unit < x < 1 - 1.9 * size * unit:
        return None
    return x, min(0.96, scene.ground + rng.uniform(0.0, 0.04)), size


def _declare_empty(rng: random.Random, scene: Scene) -> Scene:
    """Say which box is really empty, or that none is, when what stands there leaves too little room."""
    if scene.empty == "none":
        return scene
    left, top, right, bottom = _occupied(scene)
    most, lined = rng.uniform(0.36, 0.5), scene.set in (*_LINED, "paper")
    line = scene.horizon - (0.04 if scene.set != "paper" else 0.1)
    low = line if lined and scene.kind not in ("flat-lay", "infographic") else 1.0
    if scene.empty in ("left", "right"):
        room = min(most, (left if scene.empty == "left" else 1 - right) - 0.02)
        box = (0.0, 0.0, room, low) if scene.empty == "left" else (1 - room, 0.0, 1.0, low)
    elif scene.empty == "top":
        room = min(most + 0.06, top - 0.03, low)
        box = (0.0, 0.0, 1.0, room)
    else:
        start = max(1 - most, bottom + 0.03, scene.horizon + 0.04 if low < 1 else 0.0)
        room, box = 1 - start, (0.0, start, 1.0, 1.0)
    return replace(scene, empty_box=box) if room >= 0.2 else replace(scene, empty="none")


def _occupied(scene: Scene) -> Box:
    """Return the box around all that stands on the set or opens in its wall."""
    unit_x, unit_y = _units(scene.aspect)
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
    return Placed(Identity(**identity), tuple(record["box"]), record["angle"], record["flipped"])
