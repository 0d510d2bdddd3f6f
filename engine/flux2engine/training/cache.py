r"""Scenes → shards on disk: pixels, the teacher's latents, references and the scene's record, one size per shard.

    python -m flux2engine.training.cache --teacher PATH --cut-outs PATH --names PATH --out DIR \
        --stage small --shards 0:100

Resumable: a shard that exists is skipped, and shard k of a stage is the same whenever it is made.
"""

from __future__ import annotations

import argparse
import json
import os
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flux2engine.autoencoder import TinyAutoencoder
from flux2engine.model_folder import load_teacher
from flux2engine.training.data import Scene, draw_scene, scene_from_record
from flux2engine.training.painting import paint
from flux2engine.training.products import CutOut, is_held_out, read_cut_outs, reference_picture


@dataclass(frozen=True)
class Stage:
    """One step of the curriculum: sizes (width, height), scenes a shard, reference sides, share with objects."""

    sizes: tuple[tuple[int, int], ...]
    scenes: int
    reference_sides: tuple[int, ...]
    objects: float


STAGES = {
    "small": Stage(((128, 128),), 128, (64,), 0.62),
    "middle": Stage(((256, 256), (336, 192), (192, 336), (512, 128), (256, 256)), 48, (64, 128, 128), 0.5),
    "large": Stage(((512, 512), (640, 352), (352, 640), (896, 224)), 12, (128,), 0.4),
}


@dataclass(frozen=True)
class Shard:
    """What one file of the cache holds."""

    pixels: NDArray[np.uint8]  # (N, H, W, 3)
    latents: NDArray[np.float16]  # (N, 32, H/8, W/8), raw
    weight: NDArray[np.uint8]  # (N, H/16, W/16), 0 … 255: how much of a token belongs to objects
    references: list[list[NDArray[np.float16]]]  # per scene: the main product's latents, the extra one's
    scenes: list[Scene]


def shard_path(folder: Path, stage: str, index: int) -> Path:
    """Return where shard `index` of a stage lies."""
    return folder / stage / f"{index:05d}.npz"


def write_shard(path: Path, shard: Shard) -> None:
    """Write atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flat = [latents for row in shard.references for latents in row]
    temporary = path.with_suffix(f".{os.getpid()}.tmp.npz")
    np.savez(
        temporary,
        pixels=shard.pixels,
        latents=shard.latents,
        weight=shard.weight,
        reference_counts=np.array([len(row) for row in shard.references], np.int64),
        reference_sides=np.array([latents.shape[-1] for latents in flat], np.int64),
        reference_values=np.concatenate([latents.ravel() for latents in flat]) if flat else np.zeros(0, np.float16),
        scenes=np.array(json.dumps([scene.record() for scene in shard.scenes], default=str)),
    )
    temporary.replace(path)


def read_scenes(
    path: Path, names: tuple[str, ...] = ("latents", "weight")
) -> tuple[list[Scene], dict[str, NDArray[np.generic]], list[list[NDArray[np.float16]]]]:
    """Read a shard's scenes, the arrays of these names, and per scene its references' latents."""
    with np.load(path) as stored:
        values, offset = stored["reference_values"], 0
        sides = iter(stored["reference_sides"].tolist())
        references = []
        for count in stored["reference_counts"].tolist():
            row = []
            for _ in range(count):
                side = next(sides)
                row.append(values[offset : offset + 32 * side * side].reshape(32, side, side))
                offset += 32 * side * side
            references.append(row)
        scenes = [scene_from_record(record) for record in json.loads(str(stored["scenes"]))]
        return scenes, {name: stored[name] for name in names}, references


def _encode(teacher: TinyAutoencoder, pixels: NDArray[np.uint8]) -> NDArray[np.float16]:
    # One picture at a time, channels last, is twice as fast on a CPU as a batch: it stays in the processor's cache.
    batch = (torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255).contiguous(
        memory_format=torch.channels_last
    )
    latents: Tensor = teacher.encode(batch)
    return latents[0].contiguous().numpy().astype(np.float16)


def make_shard(teacher: TinyAutoencoder, cut_outs: list[CutOut], stage: Stage, index: int, seed: int) -> Shard:
    """Paint and encode shard `index`."""
    rng = random.Random(f"{seed}/{stage.sizes}/{index}")
    width, height = stage.sizes[index % len(stage.sizes)]
    pixels, latents, weights, references, scenes = [], [], [], [], []
    for _ in range(stage.scenes):
        scene = draw_scene(rng, width / height, cut_outs, rng.random() < stage.objects)
        picture = paint(scene, width, height)
        blocks = picture.weight.reshape(height // 16, 16, width // 16, 16).mean((1, 3))
        side = rng.choice(stage.reference_sides)
        shown = [placed.identity for placed in (scene.main, scene.extra) if placed is not None]
        row = [_encode(teacher, np.asarray(reference_picture(identity, side, rng))) for identity in shown]
        scenes.append(scene)
        references.append(row)
        pixels.append(picture.pixels)
        weights.append((blocks * 255).astype(np.uint8))
        latents.append(_encode(teacher, picture.pixels))
    return Shard(np.stack(pixels), np.stack(latents), np.stack(weights), references, scenes)


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
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    teacher = load_teacher(arguments.teacher)
    cut_outs = [c for c in read_cut_outs(arguments.cut_outs, arguments.names) if not is_held_out(c.name)]
    for index in range(*(int(part) for part in arguments.shards.split(":"))):
        path = shard_path(arguments.out, arguments.stage, index)
        if not path.exists():
            write_shard(path, make_shard(teacher, cut_outs, STAGES[arguments.stage], index, arguments.seed))


if __name__ == "__main__":
    main()
