r"""Cut-outs → the sheets and the frozen cases that ship with the weights; run again only to change the yardstick.

    python -m flux2engine.training.evaluation.case_drawing --cut-outs PATH --names PATH --out DIR [--keep-sheets]

Fixed seeds. What a case declares is true of its own picture: an empty side is empty there, a second product is seen.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from flux2engine.training.captions import Role, caption
from flux2engine.training.colours import describe, random_colour, to_hex
from flux2engine.training.data import Placed, Scene, draw_scene
from flux2engine.training.evaluation.cases import CASE_KINDS, Case, CaseKind, write_cases
from flux2engine.training.evaluation.colour import delta_e_2000, to_lab
from flux2engine.training.evaluation.edges import edge_ratio, empty_region
from flux2engine.training.evaluation.sheets import HELD_OUT, NAMED, read_sheet, write_sheet
from flux2engine.training.painting import paint
from flux2engine.training.products import CutOut, Identity, paint_identity, read_cut_outs

COUNT = 200
_WORDS = {"found 2": "two", "found 4": "four"}


def draw_cases(held_out: Sequence[CutOut], named: Sequence[CutOut], count: int = COUNT) -> Iterator[Case]:
    """Draw `count` cases of every kind."""
    for kind in CASE_KINDS:
        for index in range(count):
            yield _draw(kind, index, held_out, named)


def _draw(kind: CaseKind, index: int, held_out: Sequence[CutOut], named: Sequence[CutOut]) -> Case:
    # The seeds of version 0.1.0's fifty cases, which are the first fifty references.
    rng = random.Random(f"evaluation/{index}" if kind == "reference" else f"evaluation/{kind}/{index}")
    seed = 1000 + index
    if kind == "reference":
        return _reference_case(rng, held_out[index % len(held_out)], seed)
    if kind == "empty":
        return _empty_case(rng, list(named), seed)
    if kind == "named":
        scene = _one_object(rng, [named[index % len(named)]])
        return Case(kind, caption(scene, rng), scene, seed)
    if kind == "edit":
        return _edit_case(rng, [held_out[index % len(held_out)]], seed)
    number = int(kind[-1])
    chosen = rng.sample(list(held_out), number)
    if kind in ("index 2", "index 4"):
        return _index_case(kind, rng, chosen, seed)
    return _pair_case(rng, chosen, seed) if number == 2 else _row_case(rng, chosen, seed)


def _one_object(rng: random.Random, cut_outs: list[CutOut]) -> Scene:
    scene = draw_scene(rng, 1.0, cut_outs, True, package_share=0.0, kind="studio")
    if scene.main is None:
        raise ValueError("a scene with an object was asked for")
    return replace(scene, extra=None, props=())


def _reference_case(rng: random.Random, cut_out: CutOut, seed: int) -> Case:
    scene = _one_object(rng, [cut_out])
    assert scene.main is not None
    prompt = caption(scene, rng, ("main",))
    # The value must be in the prompt, and the product's name must not: only the picture tells what it is.
    said = re.compile(rf"\b{re.escape(cut_out.name)}\b")
    while to_hex(scene.backdrop) not in prompt or said.search(prompt):
        prompt = caption(scene, rng, ("main",))
    return Case("reference", prompt, scene, seed, (scene.main.identity,), (0,))


def _empty_case(rng: random.Random, named: list[CutOut], seed: int) -> Case:
    while True:
        scene = draw_scene(rng, 1.0, named, rng.random() < 0.5, package_share=0.0, kind="studio")
        scene = replace(scene, extra=None, props=())
        region = empty_region(scene)
        if region is None or (scene.main is None and scene.stand == "none"):
            continue
        if edge_ratio(paint(scene, 128, 128).pixels, region) > 0.2:
            continue  # a horizon or a pattern runs through it: not what a caption calls empty
        prompt = caption(scene, rng)
        if re.search(r"empty|free|space", prompt):
            return Case("empty", prompt, scene, seed)


def _index_case(kind: CaseKind, rng: random.Random, chosen: list[CutOut], seed: int) -> Case:
    """Show several products and ask for one of them by its number."""
    picked = rng.randrange(len(chosen))
    scene = _one_object(rng, [chosen[picked]])
    assert scene.main is not None
    roles: list[Role] = ["other"] * len(chosen)
    roles[picked] = "main"
    own = scene.main.identity
    shown = tuple(own if i == picked else Identity(c.name, rng.getrandbits(32), c.path) for i, c in enumerate(chosen))
    said = re.compile("|".join(rf"\b{re.escape(cut_out.name)}\b" for cut_out in chosen))
    prompt = caption(scene, rng, roles)
    while said.search(prompt):
        prompt = caption(scene, rng, roles)
    return Case(kind, prompt, scene, seed, shown, (picked,))


def _pair_case(rng: random.Random, chosen: list[CutOut], seed: int) -> Case:
    while True:
        scene = replace(draw_scene(rng, 1.0, chosen, True, package_share=0.0, kind="studio"), props=())
        main, extra = scene.main, scene.extra
        if main is None or extra is None or extra.identity.cut_out is None or main.identity.name == extra.identity.name:
            continue
        if _overlap(main, extra):
            continue
        order: tuple[Role, ...] = rng.choice([("main", "extra"), ("extra", "main")])
        prompt = caption(scene, rng, order)
        if not any(cut_out.name in prompt for cut_out in chosen):
            shown = tuple(main.identity if role == "main" else extra.identity for role in order)
            return Case("found 2", prompt, scene, seed, shown, (order.index("main"), order.index("extra")))


def _row_case(rng: random.Random, chosen: list[CutOut], seed: int) -> Case:
    """Stand four products in a row; the order of their references is not theirs."""
    scene = draw_scene(rng, 1.0, [], False, kind="studio")
    while scene.set not in ("seamless", "two-tone", "gradient", "disc", "arch"):
        scene = draw_scene(rng, 1.0, [], False, kind="studio")
    placed = []
    for slot, cut_out in enumerate(chosen):
        identity = Identity(cut_out.name, rng.getrandbits(32), cut_out.path)
        picture = paint_identity(identity, 64)
        width, height = 0.21 * picture.width / 64, 0.21 * picture.height / 64
        middle, foot = 0.14 + 0.24 * slot, 0.8
        placed.append(Placed(identity, (middle - width / 2, foot - height, middle + width / 2, foot)))
    scene = replace(
        scene, stand="none", spheres=0, empty="none", empty_box=None, decor="none", horizon=0.66, ground=0.8,
        main=placed[0], extra=placed[1], props=tuple(placed[2:]),
    )  # fmt: skip
    order = rng.sample(range(4), 4)  # order[k]: the slot that image k + 1 shows
    shown = tuple(placed[slot].identity for slot in order)
    wanted = tuple(order.index(slot) for slot in range(4))
    subjects = [f"the product from image {number + 1}" for number in wanted]
    row = f"{', '.join(subjects[:-1])} and {subjects[-1]} stand in a row from left to right on the floor"
    colour = f"{describe(scene.backdrop, rng)} ({to_hex(scene.backdrop)})"
    prompt = f"{row[0].upper()}{row[1:]}, a seamless studio set, backdrop in {colour}, product photography."
    return Case("found 4", prompt, replace(scene, set="seamless"), seed, shown, wanted)


def _overlap(first: Placed, second: Placed) -> bool:
    left, right = max(first.box[0], second.box[0]), min(first.box[2], second.box[2])
    return right - left > 0.3 * (second.box[2] - second.box[0])


def _edit_case(rng: random.Random, cut_outs: list[CutOut], seed: int) -> Case:
    before = _one_object(rng, cut_outs)
    while before.set not in ("seamless", "two-tone", "arch", "disc", "curtain", "window"):
        before = _one_object(rng, cut_outs)
    backdrop = random_colour(rng)
    while _distance(before.backdrop, backdrop) < 25:
        backdrop = random_colour(rng)
    colour = rng.choice([to_hex(backdrop), f"{describe(backdrop, rng)} ({to_hex(backdrop)})"])
    words = (
        "Change the backdrop of image 1 to {}, keep everything else as it is.",
        "Image 1 with the backdrop in {}, the product unchanged.",
        "Edit image 1: make the background {}, keep the product and the light.",
        "Recolour the backdrop to {}; everything else stays exactly the same.",
    )
    prompt = rng.choice(words).format(colour)
    return Case("edit", prompt, replace(before, backdrop=backdrop), seed, before=before)


def _distance(first: tuple[int, int, int], second: tuple[int, int, int]) -> float:
    one, other = (to_lab(np.array(colour, np.float64) / 255) for colour in (first, second))
    return float(delta_e_2000(one, other))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("cut-outs", "names", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--keep-sheets", action="store_true", help="draw new cases of the sheets that lie in --out")
    arguments = parser.parse_args()
    cut_outs = read_cut_outs(arguments.cut_outs, arguments.names)
    if not arguments.keep_sheets:
        for sheet in (HELD_OUT, NAMED):
            write_sheet(sheet, cut_outs, arguments.out)
    with tempfile.TemporaryDirectory() as folder:
        held_out, named = (read_sheet(sheet, arguments.out, Path(folder)) for sheet in (HELD_OUT, NAMED))
        write_cases(draw_cases(held_out, named), arguments.out)


if __name__ == "__main__":
    main()
