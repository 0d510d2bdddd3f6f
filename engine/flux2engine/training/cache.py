r"""Scenes → shards on disk: pixels, the teacher's latents, references and the scene's record, one size per shard.

    python -m flux2engine.training.cache --teacher PATH --cut-outs PATH --names PATH --out DIR \
        --stage small --shards 0:100

Resumable: a shard that exists is skipped, and shard k of a stage is the same whenever it is made. Painters are
processes, the teacher runs in this one: beside a GPU, give it all cores but two.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import multiprocessing
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from flux2engine.autoencoder import TinyAutoencoder
from flux2engine.model_folder import load_teacher
from flux2engine.training.buckets import STAGES, Stage
from flux2engine.training.data import Scene, draw_scene
from flux2engine.training.edits import Edit, draw_edit
from flux2engine.training.painting import paint
from flux2engine.training.products import (
    CutOut,
    is_held_out,
    other_view,
    read_cut_outs,
    reference_picture,
    swatch_picture,
)
from flux2engine.training.shards import Reference, Shard, shard_path, write_shard

Pixels = NDArray[np.uint8]  # (H, W, 3)

# Beside other references a picture is shown no larger than this, before it is edited as ever else.
AREA_OF_SEVERAL = 128 * 128
MOST_PROPS = 3  # that have a reference of their own


@dataclass(frozen=True)
class Painted:
    """One scene with its references, before the teacher has seen it."""

    scene: Scene
    edit: Edit | None
    pixels: Pixels
    weight: NDArray[np.uint8]  # (H/16, W/16)
    references: tuple[tuple[str, Pixels], ...]


def paint_scene(rng: random.Random, cut_outs: list[CutOut], stage: Stage, size: tuple[int, int]) -> Painted:
    """Draw and paint one scene, perhaps as the outcome of an edit, and what may be shown beside it."""
    width, height = size
    scene, edit = draw_scene(rng, width / height, cut_outs, rng.random() < stage.objects), None
    if rng.random() < stage.edits:
        edit = draw_edit(rng, scene, cut_outs)
        scene = edit.after
    side = rng.choice(stage.reference_sides)
    references = _references(rng, scene, side) if edit is None else _edit_references(rng, edit, side)
    if edit is not None:
        area = stage.before_area if not references else min(AREA_OF_SEVERAL, stage.before_area)
        references.insert(0, ("before", paint_before(edit.before, size, scene.aspect, area)))
    picture = paint(scene, width, height)
    blocks = picture.weight.reshape(height // 16, 16, width // 16, 16).mean((1, 3))
    return Painted(scene, edit, picture.pixels, (blocks * 255).astype(np.uint8), tuple(references))


def _references(rng: random.Random, scene: Scene, side: int) -> list[tuple[str, Pixels]]:
    """Show each product alone; sometimes the main one from another side, or the colours."""
    shown = []
    if scene.main is not None:
        shown.append(("main", reference_picture(scene.main.identity, side, rng, scene.backdrop)))
        if rng.random() < 0.3:
            shown.append(("view", other_view(scene.main.identity, side, rng)))
    if scene.extra is not None:
        shown.append(("extra", reference_picture(scene.extra.identity, side, rng, scene.backdrop)))
    props = rng.sample(range(len(scene.props)), min(len(scene.props), MOST_PROPS))
    shown += [(f"prop {k}", reference_picture(scene.props[k].identity, side, rng, scene.backdrop)) for k in props]
    if rng.random() < 0.2:
        shown.append(("swatch", _swatch(scene, side)))
    return [(role, np.asarray(picture)) for role, picture in shown]


def _edit_references(rng: random.Random, edit: Edit, side: int) -> list[tuple[str, Pixels]]:
    """Show what an edit brings in: the product that is swapped in or added, or the new colours."""
    after = edit.after
    if edit.kind == "swap" and after.main is not None and rng.random() < 0.8:
        return [("main", np.asarray(reference_picture(after.main.identity, side, rng, after.backdrop)))]
    if edit.kind == "add" and after.extra is not None and rng.random() < 0.8:
        return [("extra", np.asarray(reference_picture(after.extra.identity, side, rng, after.backdrop)))]
    if edit.kind == "palette" and rng.random() < 0.5:
        return [("swatch", np.asarray(_swatch(after, side)))]
    return []


def _swatch(scene: Scene, side: int) -> Image.Image:
    return swatch_picture([scene.backdrop, scene.second, scene.stand_colour], side)


def paint_before(scene: Scene, size: tuple[int, int], aspect: float, area: int) -> Pixels:
    """Paint the picture that is edited as the engine will prepare it: no larger than `area`, sides in sixteens."""
    width, height = size
    if scene.aspect < aspect:  # outpainting: what is there already is a part of the picture
        width = round(height * scene.aspect)
    elif scene.aspect > aspect:
        height = round(width / scene.aspect)
    scale = min(1.0, math.sqrt(area / (width * height)))
    width, height = max(64, int(width * scale)), max(64, int(height * scale))
    pixels = paint(scene, width, height).pixels
    top, left = height % 16 // 2, width % 16 // 2
    return pixels[top : top + height // 16 * 16, left : left + width // 16 * 16]


def paint_shard(cut_outs: list[CutOut], stage: Stage, index: int, seed: int) -> list[Painted]:
    """Paint shard `index`: all its scenes are of one size."""
    rng = random.Random(f"{seed}/{stage.sizes}/{index}")
    size = stage.sizes[index % len(stage.sizes)]
    return [paint_scene(rng, cut_outs, stage, size) for _ in range(stage.scenes)]


@torch.no_grad()
def encode(teacher: TinyAutoencoder, pictures: Sequence[Pixels]) -> list[NDArray[np.float16]]:
    """Encode pictures of any sizes, in their order."""
    device = next(teacher.parameters()).device
    # One picture at a time, channels last, is twice as fast on a CPU as a batch: it stays in the processor's cache.
    most = 1 if device.type == "cpu" else 64
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, picture in enumerate(pictures):
        by_shape.setdefault(picture.shape, []).append(index)
    found: dict[int, NDArray[np.float16]] = {}
    for indices in by_shape.values():
        for first in range(0, len(indices), most):
            part = indices[first : first + most]
            batch = torch.from_numpy(np.stack([pictures[i] for i in part])).to(device).permute(0, 3, 1, 2).float() / 255
            latents: Tensor = teacher.encode(batch.contiguous(memory_format=torch.channels_last))
            found.update(zip(part, latents.half().contiguous().cpu().numpy(), strict=True))
    return [found[index] for index in range(len(pictures))]


def encode_shard(teacher: TinyAutoencoder, painted: Sequence[Painted]) -> Shard:
    """Let the teacher see what was painted."""
    shown = [pixels for item in painted for _, pixels in item.references]
    encoded = encode(teacher, [*(item.pixels for item in painted), *shown])
    latents, rest = encoded[: len(painted)], iter(encoded[len(painted) :])
    return Shard(
        np.stack([item.pixels for item in painted]),
        np.stack(latents),
        np.stack([item.weight for item in painted]),
        [[Reference(role, next(rest)) for role, _ in item.references] for item in painted],
        [item.scene for item in painted],
        [item.edit for item in painted],
    )


def make_shard(teacher: TinyAutoencoder, cut_outs: list[CutOut], stage: Stage, index: int, seed: int) -> Shard:
    """Paint and encode shard `index`."""
    return encode_shard(teacher, paint_shard(cut_outs, stage, index, seed))


_TASK: tuple[list[CutOut], Stage, int] | None = None  # of a painter's process, which is started for one stage


def _start_painter(cut_outs: list[CutOut], stage: Stage, seed: int) -> None:
    global _TASK
    _TASK = cut_outs, stage, seed


def _paint_task(index: int) -> tuple[int, list[Painted]]:
    if _TASK is None:
        raise RuntimeError("a painter was not started")
    cut_outs, stage, seed = _TASK
    return index, paint_shard(cut_outs, stage, index, seed)


@contextlib.contextmanager
def painters(
    workers: int, cut_outs: list[CutOut], stage: Stage, seed: int, indices: Sequence[int]
) -> Iterator[Iterator[tuple[int, list[Painted]]]]:
    """Yield painted shards in their order, by this process or by `workers` others."""
    if workers < 2:
        yield ((index, paint_shard(cut_outs, stage, index, seed)) for index in indices)
        return
    # Forked before the teacher touches a GPU; spawning would read every module again.
    with multiprocessing.get_context("fork").Pool(workers, _start_painter, (cut_outs, stage, seed)) as pool:
        yield pool.imap(_paint_task, indices)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--cut-outs", type=Path, required=True)
    parser.add_argument("--names", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--shards", default="0:1", help="first:end[:step]")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, default=math.inf, help="start no further shard after so long")
    parser.add_argument("--without-pixels", action="store_true", help="only the autoencoder's stages need them")
    parser.add_argument("--eight-bits", action="store_true", help="half the size, for data that must travel")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    started, count, stage = time.monotonic(), 0, STAGES[arguments.stage]
    cut_outs = [c for c in read_cut_outs(arguments.cut_outs, arguments.names) if not is_held_out(c.name)]
    wanted = range(*(int(part) for part in arguments.shards.split(":")))
    missing = [index for index in wanted if not shard_path(arguments.out, arguments.stage, index).exists()]
    with painters(arguments.workers, cut_outs, stage, arguments.seed, missing) as painted_shards:
        teacher = load_teacher(arguments.teacher).to(arguments.device)
        for index, painted in painted_shards:
            shard = encode_shard(teacher, painted)
            if arguments.without_pixels:
                shard = Shard(None, shard.latents, shard.weight, shard.references, shard.scenes, shard.edits)
            write_shard(shard_path(arguments.out, arguments.stage, index), shard, arguments.eight_bits)
            count += len(painted)
            if time.monotonic() - started > arguments.seconds:
                break
    seconds = time.monotonic() - started
    print(f"{arguments.stage}: {count} scenes in {seconds:.0f} s, {count / max(seconds, 1e-9):.1f} a second")


if __name__ == "__main__":
    main()
