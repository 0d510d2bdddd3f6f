"""Pairs of scenes: what was not edited is the same, pixel by pixel."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from flux2engine.training.data import Scene, draw_scene
from flux2engine.training.edits import EDIT_KINDS, Edit, EditKind, draw_edit, make_edit
from flux2engine.training.painting import Picture, paint

SIDE = 144


def edits(kind: EditKind, count: int) -> list[Edit]:
    rng, found = random.Random(30), []
    while len(found) < count:
        edit = make_edit(rng, kind, draw_scene(rng, 1.0, [], True, kind="studio"), [])
        if edit is not None:
            found.append(edit)
    return found


def painted(edit: Edit) -> tuple[Picture, Picture]:
    return paint(edit.before, SIDE, SIDE), paint(edit.after, SIDE, SIDE)


def inside(box: tuple[float, float, float, float], margin: float = 0.0) -> np.ndarray:
    """Return where a box lies, widened by `margin` of the picture."""
    axis = (np.arange(SIDE) + 0.5) / SIDE
    across = (axis > box[0] - margin) & (axis < box[2] + margin)
    down = (axis > box[1] - margin) & (axis < box[3] + margin)
    return down[:, None] & across[None, :]


@pytest.mark.parametrize("kind", ["backdrop", "palette"])
def test_new_colours_leave_the_product_as_it_was(kind: EditKind) -> None:
    """Every pixel that is wholly the product's stays; the rest of the picture does not."""
    for edit in edits(kind, 12):
        before, after = painted(edit)
        assert edit.before.main == edit.after.main
        assert edit.keep is not None
        product = (after.weight > 0.999) & inside(edit.keep)
        assert product.sum() > 50
        assert np.array_equal(before.pixels[product], after.pixels[product])
        bare = after.backdrop > 0.9
        assert np.abs(before.pixels[bare].astype(int) - after.pixels[bare]).mean() > 8


def test_another_light_moves_nothing() -> None:
    """Light changes colours; what belongs to objects stays where it is."""
    for edit in edits("light", 10):
        before, after = painted(edit)
        assert np.allclose(before.weight, after.weight)
        assert not np.array_equal(before.pixels, after.pixels)


@pytest.mark.parametrize("kind", ["remove", "add"])
def test_one_product_comes_or_goes(kind: EditKind) -> None:
    """Away from that product and its shadow all pixels stay, the main product's among them."""
    for edit in edits(kind, 12):
        with_it, without = (edit.before, edit.after) if kind == "remove" else (edit.after, edit.before)
        assert with_it.extra is not None
        assert without.extra is None
        before, after = painted(edit)
        box = with_it.extra.box
        far = ~inside(box, 1.1 * max(box[2] - box[0], box[3] - box[1]) + 0.03)
        assert far.mean() > 0.2
        assert np.array_equal(before.pixels[far], after.pixels[far])
        assert edit.keep is not None
        kept = (after.weight > 0.999) & inside(edit.keep) & ~inside(box)
        assert np.array_equal(before.pixels[kept], after.pixels[kept])
        assert np.abs(before.pixels[inside(box)].astype(int) - after.pixels[inside(box)]).mean() > 3


def test_a_swap_changes_the_product_only() -> None:
    """Set, stand and what stands far from the product stay; the product is another one on the same line."""
    for edit in edits("swap", 12):
        assert edit.before.main is not None
        assert edit.after.main is not None
        assert edit.before.main.identity != edit.after.main.identity
        assert edit.before.main.box[3] == edit.after.main.box[3]
        before, after = painted(edit)
        box = edit.after.main.box
        far = ~inside(box, 1.1 * max(box[2] - box[0], box[3] - box[1]) + 0.03)
        assert np.array_equal(before.pixels[far], after.pixels[far])


@pytest.mark.parametrize("aspect", [1.0, 2.0, 0.5])
def test_outpainting_keeps_the_original_region(aspect: float) -> None:
    """What was seen before is found unchanged within what is seen after, and nowhere else."""
    rng, checked = random.Random(31), 0
    width, height = (384, 192) if aspect == 2 else (192, 384) if aspect == 0.5 else (192, 192)
    while checked < 6:
        edit = make_edit(rng, "outpaint", draw_scene(rng, aspect, [], True, kind="studio"), [])
        if edit is None or edit.keep is None:
            continue
        left, top, right, bottom = edit.keep
        size = round((right - left) * width), round((bottom - top) * height)
        before, after = paint(edit.before, *size).pixels, paint(edit.after, width, height).pixels
        x, y = round(left * width), round(top * height)
        assert before.size < after.size
        assert np.array_equal(before, after[y : y + size[1], x : x + size[0]])
        assert abs(edit.before.aspect - size[0] / size[1]) < 0.05
        checked += 1


def test_edits_are_drawn_by_seed_and_of_every_kind() -> None:
    """The same seed draws the same edit; every kind occurs; plates without a product allow some as well."""
    scenes = [draw_scene(random.Random(index), 1.0, [], True, kind="studio") for index in range(120)]
    drawn = [draw_edit(random.Random(f"edit {index}"), scene, []) for index, scene in enumerate(scenes)]
    assert drawn == [draw_edit(random.Random(f"edit {index}"), scene, []) for index, scene in enumerate(scenes)]
    assert {edit.kind for edit in drawn} == set(EDIT_KINDS)
    floor: Scene = draw_scene(random.Random(5), 1.0, [], False, kind="floor")
    assert {draw_edit(random.Random(i), floor, []).kind for i in range(40)} == {
        "backdrop",
        "palette",
        "light",
        "outpaint",
    }
    assert make_edit(random.Random(1), "outpaint", replace(floor, crop=(0, 0, 0.5, 1)), []) is None
