"""A scene → the same scene before and after one edit, painted alike wherever nothing was edited.

Knows nothing about pixels or how an edit is asked for in words.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal, get_args

from flux2engine.training.data import Box, Scene
from flux2engine.training.products import CutOut

EditKind = Literal["backdrop", "palette", "light", "swap", "remove", "add", "outpaint"]
EDIT_KINDS: tuple[EditKind, ...] = get_args(EditKind)


@dataclass(frozen=True)
class Edit:
    """One edit: what the picture showed, and what it shows now.

    "backdrop" changes its colour; "palette" backdrop, second colour and stand; "light" its side or mood; "swap" the main
    product (`after.main`); "remove" takes away `before.extra`, "add" puts `after.extra`; "outpaint" shows more of the
    set: `before` is the part `keep` of `after`.
    """

    kind: EditKind
    before: Scene
    after: Scene
    keep: Box | None  # what must not change: the main product, or what was there before; fractions of `after`


def draw_edit(rng: random.Random, scene: Scene, cut_outs: list[CutOut]) -> Edit:
    """Draw an edit that this scene allows."""
    raise NotImplementedError
