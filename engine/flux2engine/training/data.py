"""A seed → a studio scene in words and numbers: what stands where, in which colours, under which light.

What the words say settles nearly all of a picture: a horizon follows from the camera, a place from the empty side, and
only a little is left to chance, so that a small model need not learn to guess. One scene
serves every size; knows nothing about pixels, captions' wording or models.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace

from flux2engine.enlargement import size_for
from flux2engine.references import SHARE_SHOWN
from flux2engine.training.colours import companion, random_colour
from flux2engine.training.products import CutOut, Identity, draw_identity, shape_of
from flux2engine.training.scene import (
    ASPECTS,
    CAMERAS,
    DECORS,
    EMPTY_SIDES,
    FLOORS,
    KINDS,
    LIGHTS,
    MOODS,
    PATTERNS,
    SETS,
    STANDS,
    TOP_SHARE,
    Box,
    Kind,
    Placed,
    Scene,
    decor_place,
    occupied,
    scene_from_record,
    stand_height,
    stand_width,
    units,
)
from flux2engine.variants import PIXELS_PER_TOKEN

__all__ = [
    "ASPECTS",
    "CAMERAS",
    "DECORS",
    "EMPTY_SIDES",
    "FLOORS",
    "KINDS",
    "LIGHTS",
    "MOODS",
    "PATTERNS",
    "SETS",
    "STANDS",
    "Box",
    "Kind",
    "Placed",
    "Scene",
    "draw_extra",
    "draw_scene",
    "scene_from_record",
]


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
        {"studio": 88, "flat-lay": 12} if with_object else {"studio": 42, "floor": 38, "infographic": 20}
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
        "seamless": 26,
        "gradient": 10,
        "two-tone": 13,
        "bokeh": 8,
        "paper": 6,
        "arch": 8,
        "disc": 6,
        "curtain": 5,
        "window": 8,
        "wood": 5,
        "marble": 5,
        "terrazzo": 4,
        "fabric": 5,
        "plaster": 6,
        "niche": 6,
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
    arches = set_ in ("niche", "arch") and stand == "archway"
    if (set_ == "bokeh" and rng.random() < 0.5) or set_ == "paper" or arches:
        stand = "none"
    empty = _draw_empty(rng, aspect, kind)
    pattern = rng.choice(PATTERNS[1:]) if kind == "infographic" else "none"
    if (set_, empty) in _CROSSED:
        set_ = "seamless"
    if pattern in ("bands", "frame"):
        empty = "none"
    camera = rng.choices(CAMERAS[:3], (60, 30, 10))[0] if kind != "flat-lay" else "top down"
    flat_on = kind in ("flat-lay", "infographic")
    horizon = {"eye level": 0.68, "slightly above": 0.54, "low angle": 0.8}.get(camera, 1.0)
    horizon += rng.uniform(-0.015, 0.015)
    ground = horizon + (1 - horizon) * rng.uniform(0.54, 0.6)
    if empty == "top":
        horizon, ground = max(horizon, 0.62), max(ground, 0.82)
    if empty == "bottom":
        horizon, ground = min(horizon, 0.5), rng.uniform(0.55, 0.58)
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
        centre=0.5 + shift + rng.uniform(-0.012, 0.012),
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
    scene, main = _stand_main(scene, draw_identity(rng, cut_outs, package_share))
    bare = scene.decor in ("none", "leaf shadow")
    if scene.stand == "none" and bare and rng.random() < 0.2:
        return _add_row(rng, scene, main, cut_outs)
    return replace(scene, extra=draw_extra(rng, scene, cut_outs)) if bare and rng.random() < 0.25 else scene


_TOKENS = 64  # of the picture whose grid the main product stands in
_REFERENCE = 4  # tokens on each side of a product's reference, 64 px, beside such a picture


def _stand_main(scene: Scene, identity: Identity) -> tuple[Scene, Placed]:
    """Stand the main product so that its reference lies over the picture token by token, whole or at half its size.

    Copying it is then the same shift for every token, which words settle: the camera, the stand and the empty side. The
    product's middle is on the grid and not its foot, so the stand, the floor and the horizon go where its foot is.
    """
    columns, rows = (side // PIXELS_PER_TOKEN for side in size_for(scene.aspect, _TOKENS))
    unit, shape = min(columns, rows), shape_of(identity)
    stand = stand_height(scene) * unit
    top = math.inf if scene.stand == "none" else 1.95 * stand_width(scene) * unit * TOP_SHARE[scene.stand]
    cx = columns / 2 + round((scene.centre - 0.5) * columns)
    for scale in (1.0, 0.5):
        width, height = (SHARE_SHOWN * _REFERENCE * scale * side for side in shape)
        nominal = SHARE_SHOWN * _REFERENCE * scale * 0.42  # the middle above the foot, were it a common product
        cy = round(scene.ground * rows - stand - nominal)
        while cy > 1 and cy + height / 2 + stand > 0.96 * rows:
            cy -= 1
        if cy - height / 2 >= 0.03 * rows and width <= min(top, 2 * cx - 0.1, 2 * (columns - cx) - 0.1):
            break
    foot, half = (cy + height / 2) / rows, width / 2 / columns
    box = (cx / columns - half, foot - height / rows, cx / columns + half, foot)
    ground = foot + stand / rows - (0.012 if scene.stand != "none" else 0.0)
    horizon = min(scene.horizon, ground - 0.045)
    main = Placed(identity, box)
    return replace(scene, main=main, centre=cx / columns, ground=ground, horizon=horizon), main


def draw_extra(rng: random.Random, scene: Scene, cut_outs: list[CutOut]) -> Placed | None:
    """Place a smaller product beside the main one, on the side that is not empty; None where there is no room."""
    if scene.empty == "bottom" or decor_place(scene) is not None or scene.props:
        return None
    side = {"left": 1, "right": -1}.get(scene.empty) or rng.choice([-1, 1])
    unit = units(scene.aspect)[0]
    held = (scene.main.box[2] - scene.main.box[0]) / 2 if scene.main is not None else 0.0
    away = scene.centre + side * (max(stand_width(scene) * unit, held, 0.17 * unit) + 0.13 * unit)
    if not 0.1 < away < 0.9:
        return None
    ground = min(0.95, scene.ground + 0.04)
    return _place(scene.aspect, ground, draw_identity(rng, cut_outs), rng.uniform(0.23, 0.25), away)


def _add_row(rng: random.Random, scene: Scene, main: Placed, cut_outs: list[CutOut]) -> Scene:
    """Stand two to four smaller products beside the main one, where there is room."""
    left, right, props = main.box[0], main.box[2], []
    low, high = {"left": (0.42, 0.98), "right": (0.02, 0.58)}.get(scene.empty, (0.02, 0.98))
    for _ in range(rng.randint(2, 4)):
        identity, size = draw_identity(rng, cut_outs), rng.uniform(0.2, 0.34)
        wide = size * shape_of(identity)[0] * units(scene.aspect)[0] + 0.02
        if right + wide <= high and (rng.random() < 0.5 or left - wide < low):
            centre, right = right + wide / 2, right + wide
        elif left - wide >= low:
            centre, left = left - wide / 2, left - wide
        else:
            continue
        ground = min(0.97, scene.ground + rng.uniform(-0.01, 0.04))
        props.append(_place(scene.aspect, ground, identity, size, centre))
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
    count, unit = rng.randint(3, 9), units(scene.aspect)
    wide, high = (right - left) / unit[0], (bottom - top) / unit[1]
    # As square as cells can be, every one of them filled but perhaps the last row's end.
    rows = min(range(1, count + 1), key=lambda n: abs(wide / -(-count // n) - high / n) + 0.2 * (-count % n) / n)
    knolled, props = rng.random() < 0.5, []
    for row in range(rows):
        held = count // rows + (row < count % rows)
        for column in range(held):
            cell = min(wide / held, high / rows)
            size = cell * (rng.uniform(0.76, 0.9) if knolled else rng.uniform(0.7, 0.94))
            identity = draw_identity(rng, cut_outs, package_share)
            angle = 0.0 if knolled else rng.uniform(-15, 15)
            shape = _turned_shape(identity, angle)
            across, down = (extent * size / max(shape) for extent in shape)
            slack = 0.0 if knolled else 0.03 * cell
            cx = left + (right - left) * (column + 0.5) / held + rng.uniform(-slack, slack) * unit[0]
            cy = top + (bottom - top) * (row + 0.5) / rows + rng.uniform(-slack, slack) * unit[1]
            half = across / 2 * unit[0], down / 2 * unit[1]
            box = (cx - half[0], cy - half[1], cx + half[0], cy + half[1])
            props.append(Placed(identity, box, angle))
    return replace(scene, props=tuple(props))


def _turned_shape(identity: Identity, angle: float) -> tuple[float, float]:
    """Return width and height of the turned product's box, the longer side of the upright one being 1."""
    width, height = shape_of(identity)
    cos, sin = math.cos(math.radians(angle)), abs(math.sin(math.radians(angle)))
    return width * cos + height * sin, width * sin + height * cos


def _place(aspect: float, ground: float, identity: Identity, size: float, centre: float) -> Placed:
    """Stand a product on the ground; `size` is its longer side, relative to the picture's shorter one."""
    unit_x, unit_y = units(aspect)
    shape = shape_of(identity)
    size = min(size, (ground - 0.04) / unit_y / shape[1])
    width, height = size * shape[0] * unit_x, size * shape[1] * unit_y
    centre = min(max(centre, width / 2 + 0.01), 1 - width / 2 - 0.01)
    return Placed(identity, (centre - width / 2, ground - height, centre + width / 2, ground))


def _declare_empty(rng: random.Random, scene: Scene) -> Scene:
    """Say which box is really empty, or that none is, when what stands there leaves too little room."""
    if scene.empty == "none":
        return scene
    left, top, right, bottom = occupied(scene)
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
