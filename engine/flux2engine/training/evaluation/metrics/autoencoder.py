"""The tiny autoencoder on held-out pictures of 256 × 256: the pair, and each half with the teacher's other half."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from flux2engine.autoencoder import quantise
from flux2engine.model_folder import load_teacher
from flux2engine.training.evaluation.bench import Bench, psnr
from flux2engine.training.evaluation.colour import Pixels
from flux2engine.training.evaluation.figures import Figure, Goal
from flux2engine.training.painting import paint

NAME = "autoencoder"
SIDE = 256
GOALS = {"cpu": Goal(at_least=30), "gpu": Goal(at_least=33)}
HALF_GOALS = {"cpu": Goal(at_least=28), "gpu": Goal(at_least=31)}
Half = Callable[[Tensor], Tensor]


def measure(bench: Bench) -> list[Figure]:
    """Encode and decode the true pictures; without `--teacher` only the pair is measured."""
    pictures = [paint(case.scene, SIDE, SIDE).pixels for case in bench.of("reference")]
    own = bench.pipeline.autoencoder
    goal, half_goal = GOALS[bench.hardware], HALF_GOALS[bench.hardware]
    if bench.teacher is None:
        return [_figure("encoder and decoder together", round_trip(pictures, own.encode, own.decode), pictures, goal)]
    teacher = load_teacher(bench.teacher)
    best = round_trip(pictures, teacher.encode, teacher.decode)
    return [
        _figure("encoder and decoder together", round_trip(pictures, own.encode, own.decode), pictures, goal, best),
        _figure("own encoder, teacher's decoder", round_trip(pictures, own.encode, teacher.decode), pictures,
                half_goal, best),
        _figure("teacher's encoder, own decoder", round_trip(pictures, teacher.encode, own.decode), pictures,
                half_goal, best),
    ]  # fmt: skip


def _figure(what: str, value: float, pictures: Sequence[Pixels], goal: Goal, teacher: float | None = None) -> Figure:
    return Figure(NAME, f"256 px, {what}", value, "dB", len(pictures), teacher, "the teacher's pair", None, goal)


@torch.no_grad()
def round_trip(pictures: Sequence[Pixels], encode: Half, decode: Half) -> float:
    """Return the mean PSNR of pictures that went through latents and came back."""
    values = []
    for picture, pixels in zip(pictures, _tensors(pictures), strict=True):
        (back,) = quantise(decode(encode(pixels)).clamp(0, 1))
        values.append(psnr(back, picture))
    return float(np.mean(values))


def _tensors(pictures: Sequence[Pixels]) -> Iterator[Tensor]:
    for picture in pictures:  # one at a time and channels last: twice as fast on a CPU as a batch
        yield (torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255).contiguous(
            memory_format=torch.channels_last
        )
