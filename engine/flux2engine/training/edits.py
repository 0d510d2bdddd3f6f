"""A scene → the same scene before and after one edit, painted alike wherever nothing was edited.

Knows nothing about pixels or how an edit is asked for in words.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Literal, get_args

from flux2engine.training.colours import RGB, companion, distance, random_colour
from flux2engine.training.data import LIGHTS, MOODS, Box, Placed, Scene, draw_extra
from flux2engine.training.products import CutOut, draw_identity, shape_of

EditKind = Literal["backdrop", "palette", "light", "swap", "remove", "add", "outpaint"]
EDIT_KINDS: tuple[EditKind, ...] = get_args(EditKind)
# Few scenes have room for something to come or go: those that do are mostly used for it.
_SHARES = {"backdrop": 44, "palette": 14, "light": 14, "swap": 16, "remove": 30, "add": 30, "outpaint": 10}


@dataclass(frozen=True)
class Edit:
    """One edit: what the picture showed, and what it shows now.

    "backdrop" changes its colour; "palette" backdrop, second colour and stand; "light" its side or mood; "swap" the
    main product (`after.main`); "remove" takes away `before.extra`, "add" puts `after.extra`; "outpaint" shows more of
    the set: `before` is the part `keep` of `after`.
    """

    kind: EditKind
    before: Scene
    after: Scene
    keep: Box | None  # what must not change: the main product, or what was there before; fractions of `after`


def draw_edit(rng: random.Random, scene: Scene, cut_outs: list[CutOut]) -> Edit:
    """Draw an edit that this scene allows: `scene` is what is there afterwards, but for a removal."""
    allowed = [kind for kind in EDIT_KINDS if scene.main is not None or kind not in ("swap", "remove", "add")]
    while allowed:
        kind = rng.choices(allowed, [_SHARES[kind] for kind in allowed])[0]
        edit = make_edit(rng, kind, scene, cut_outs)
        if edit is not None:
            return edit
        allowed.remove(kind)
    raise ValueError("a scene allows a change of its backdrop at least")


def make_edit(rng: random.Random, kind: EditKind, scene: Scene, cut_outs: list[CutOut]) -> Edit | None:
    """Make an edit of this kind; None where the scene has no place for it."""
    keep = scene.main.box if scene.main is not None else _around(scene.objects)
    if kind == "backdrop":
        return Edit(kind, replace(scene, backdrop=_other_colour(scene.backdrop, rng)), scene, keep)
    if kind == "palette":
        backdrop = _other_colour(scene.backdrop, rng)
        second, stand = companion(backdrop, rng), companion(backdrop, rng)
        return Edit(kind, replace(scene, backdrop=backdrop, second=second, stand_colour=stand), scene, keep)
    if kind == "light":
        light = rng.choice([side for side in LIGHTS if side != scene.light])
        mood = rng.choice(MOODS) if rng.random() < 0.6 else scene.mood
        return Edit(kind, replace(scene, light=light, mood=mood), scene, keep)
    if kind == "outpaint":
        return _outpaint(rng, scene, keep)
    if scene.main is None:
        return None
    if kind == "swap":
        kept = scene.extra.box if scene.extra is not None else None
        return Edit(kind, replace(scene, main=_swapped(rng, scene.main, cut_outs)), scene, kept)
    extra = scene.extra or draw_extra(rng, replace(scene, extra=None), cut_outs)
    if extra is None or _meet(extra.box, scene.main.box) or (scene.empty_box and _meet(extra.box, scene.empty_box)):
        return None
    without, with_it = replace(scene, extra=None), replace(scene, extra=extra)
    return Edit(kind, with_it, without, keep) if kind == "remove" else Edit(kind, without, with_it, keep)


def _other_colour(colour: RGB, rng: random.Random) -> RGB:
    """Draw a colour that nobody takes for this one."""
    other = random_colour(rng)
    while distance(other, colour) < 120**2:
        other = random_colour(rng)
    return other


def _swapped(rng: random.Random, main: Placed, cut_outs: list[CutOut]) -> Placed:
    """Put another product in the same place: on the same line, within the same box."""
    identity = draw_identity(rng, cut_outs)
    while identity.name == main.identity.name:
        identity = draw_identity(rng, cut_outs)
    left, top, right, bottom = main.box
    (width, height), (old_width, old_height) = shape_of(identity), shape_of(main.identity)
    scale = min(old_width / width, old_height / height)
    half, tall = (right - left) / 2 * scale * width / old_width, (bottom - top) * scale * height / old_height
    middle = (left + right) / 2
    return Placed(identity, (middle - half, bottom - tall, middle + half, bottom))


def _outpaint(rng: random.Random, scene: Scene, seen: Box | None) -> Edit | None:
    """Show half to three quarters of the longer side first, with what stands there whole."""
    if scene.crop is not None:
        return None
    share = rng.choice((1 / 2, 2 / 3, 3 / 4))
    upright = scene.aspect < 1
    first, last = (seen[upright], seen[2 + upright]) if seen is not None else (0.5, 0.5)
    lowest, highest = max(0.0, last + 0.01 - share), min(1 - share, first - 0.01)
    if lowest > highest:
        return None
    start = rng.uniform(lowest, highest)
    crop = (0.0, start, 1.0, start + share) if upright else (start, 0.0, start + share, 1.0)
    aspect = scene.aspect / share if upright else scene.aspect * share
    return Edit("outpaint", replace(scene, crop=crop, aspect=aspect), scene, crop)


def _around(objects: tuple[Placed, ...]) -> Box | None:
    if not objects:
        return None
    lefts, tops, rights, bottoms = zip(*(placed.box for placed in objects), strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _meet(first: Box, second: Box) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]
