"""Where an object was asked for, which of several references stands there: by colours and by the probe's features.

Every candidate is set into the empty scene at that place, so that the set itself speaks for none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flux2engine.training.data import Box, Placed, Scene
from flux2engine.training.evaluation.bench import crop
from flux2engine.training.evaluation.colour import Pixels, intersection
from flux2engine.training.evaluation.probe import Probe
from flux2engine.training.painting import paint
from flux2engine.training.products import Identity, paint_identity


@dataclass(frozen=True)
class LineUp:
    """The candidates for one place: what each would look like there, and the probe's features of that."""

    box: Box
    crops: tuple[Pixels, ...]
    features: NDArray[np.float64]


def line_up(probe: Probe, scene: Scene, placed: Placed, candidates: Sequence[Identity], side: int) -> LineUp:
    """Set every candidate into the empty scene at the object's place."""
    bare = paint(replace(scene, main=None, extra=None, props=()), side, side).pixels
    shown = [set_in(bare, identity, placed) for identity in candidates]
    crops = tuple(crop(picture, placed.box) for picture in shown)
    return LineUp(placed.box, crops, probe.features(shown, [placed.box] * len(shown)))


def nearest(probe: Probe, picture: Pixels, candidates: LineUp) -> int:
    """Return the index of the candidate that is most like what stands in its box."""
    own = probe.features([picture], [candidates.box])[0]
    part = crop(picture, candidates.box)
    colours = [intersection(part, other) for other in candidates.crops]
    return int(np.argmax(np.array(colours) + candidates.features @ own))


def set_in(bare: Pixels, identity: Identity, placed: Placed) -> Pixels:
    """Stand a product on the foot of the object's box, as large as the box allows."""
    canvas = Image.fromarray(bare)
    left, top, right, bottom = pixels_of(placed.box, canvas.width, canvas.height)
    picture = paint_identity(identity, max(right - left, bottom - top, 1))
    scale = min((right - left) / picture.width, (bottom - top) / picture.height, 1.0)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    picture = picture.convert("RGBa").resize(size, Image.Resampling.BILINEAR).convert("RGBA")
    canvas.paste(picture, (round((left + right - size[0]) / 2), bottom - size[1]), picture)
    return np.asarray(canvas)


def pixels_of(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Return a box in whole pixels."""
    left, top, right, bottom = box
    return round(left * width), round(top * height), round(right * width), round(bottom * height)
