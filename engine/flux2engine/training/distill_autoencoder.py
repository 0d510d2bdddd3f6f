r"""Cached pictures and the teacher's latents → nano's own tiny autoencoder, from random weights.

    python -m flux2engine.training.distill_autoencoder --cache DIR --out FILE.pt --part decoder \
        --plan 64:1600,128:1400,256:400

The decoder learns to turn the teacher's latents into pixels, the encoder to find them. Resumable; seeded by step.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from flux2engine.autoencoder import TinyAutoencoder
from flux2engine.model_folder import load_teacher
from flux2engine.training import checkpoint
from flux2engine.training.cache import shard_path
from flux2engine.training.muon import Muon, split_parameters

BATCH_SIZE = {64: 16, 128: 4, 256: 1}
_LATENT = 8  # pixels a latent covers
# A crop's edge is no edge of the picture: what lies within a latent of it is not judged.
_MARGIN = 8
# What the sampler hands to the decoder is never quite a teacher's latent: the decoder must not amplify small errors.
LATENT_JITTER = 0.06


class PictureSource:
    """Draw crops with their latents: 64 px from small shards, 128 px whole, 256 px from middle shards."""

    def __init__(self, folder: Path, side: int, seed: int, limit: int = 80) -> None:
        self.side, self.seed = side, seed
        stage = "middle" if side > 128 else "small"
        self.pairs: list[tuple[NDArray[np.uint8], NDArray[np.float16]]] = []
        for path in sorted(shard_path(folder, stage, 0).parent.glob("?????.npz"))[:limit]:
            with np.load(path) as stored:
                self.pairs.append((stored["pixels"], stored["latents"]))
        if not self.pairs:
            raise FileNotFoundError(f"no shards in {folder / stage}: run flux2engine.training.cache first")

    def batch(self, step: int) -> tuple[Tensor, Tensor, bool]:
        """Return pixels in 0 … 1, raw latents, and whether they are crops."""
        rng = random.Random(f"{self.seed}/{self.side}/{step}")
        pixels, latents = rng.choice(self.pairs)
        height, width = (min(self.side, side) for side in pixels.shape[1:3])
        cropped = (height, width) != pixels.shape[1:3]
        chosen_pixels, chosen_latents = [], []
        for _ in range(BATCH_SIZE[self.side]):
            index = rng.randrange(len(pixels))
            top = rng.randrange((pixels.shape[1] - height) // _LATENT + 1)
            left = rng.randrange((pixels.shape[2] - width) // _LATENT + 1)
            chosen_pixels.append(
                pixels[index, top * _LATENT : top * _LATENT + height, left * _LATENT : left * _LATENT + width]
            )
            chosen_latents.append(latents[index, :, top : top + height // _LATENT, left : left + width // _LATENT])
        batch = torch.from_numpy(np.stack(chosen_pixels)).permute(0, 3, 1, 2).float() / 255
        return (
            batch.contiguous(memory_format=torch.channels_last),
            torch.from_numpy(np.stack(chosen_latents)).float(),
            cropped,
        )


def decoder_loss(painted: Tensor, pixels: Tensor, cropped: bool) -> Tensor:
    """Compare pixels at four resolutions: coarse errors are the mottles and tints one sees on a smooth wall."""
    if cropped:
        painted, pixels = (part[..., _MARGIN:-_MARGIN, _MARGIN:-_MARGIN] for part in (painted, pixels))
    difference = painted - pixels
    fine = (difference.square() + 1e-4).sqrt().mean() - 1e-2
    pooled = {size: functional.avg_pool2d(difference, size) for size in (4, 8, 16)}
    coarse = sum((part.abs().mean() for part in pooled.values()), start=torch.zeros(()))
    return fine + 4 * difference.square().mean() + coarse + 0.25 * _slopes(difference) + _slopes(pooled[4])


def _slopes(difference: Tensor) -> Tensor:
    """Return how unevenly two pictures differ: an even tint is hardly seen on a wall, a mottle is."""
    down, across = difference[..., 1:, :] - difference[..., :-1, :], difference[..., 1:] - difference[..., :-1]
    return down.abs().mean() + across.abs().mean()


def soften(latents: Tensor, generator: torch.Generator) -> Tensor:
    """Blur latents and draw them towards their mean: a sampler's walls are smoother than any encoded picture's."""
    width = int(torch.randint(0, 4, (), generator=generator))
    padded = functional.pad(latents, (width,) * 4, mode="replicate")
    blurred = functional.avg_pool2d(padded, 2 * width + 1, stride=1)
    keep = torch.rand(latents.shape[0], 1, 1, 1, generator=generator)
    mean = latents.mean((2, 3), keepdim=True)
    return mean + keep * (blurred - mean)


def jitter(latents: Tensor, generator: torch.Generator) -> Tensor:
    """Add the small errors that a sampler leaves."""
    amount = LATENT_JITTER * torch.rand((), generator=generator)
    return latents + amount * torch.randn(latents.shape, generator=generator)


def encoder_loss(found: Tensor, latents: Tensor, cropped: bool) -> Tensor:
    """Compare latents, relative to their size."""
    if cropped:
        found, latents = (part[..., 1:-1, 1:-1] for part in (found, latents))
    return (found - latents).square().mean() / latents.square().mean() + 0.5 * (found - latents).abs().mean()


def parse_plan(text: str) -> list[tuple[int, int]]:
    """Read "64:3000,128:2500" as (side, steps) pairs."""
    return [(int(side), int(steps)) for side, steps in (part.split(":") for part in text.split(","))]


def distill(
    part: str,
    cache: Path,
    out: Path,
    plan: list[tuple[int, int]],
    rate: float = 1e-3,
    seed: int = 5,
    save_seconds: float = 60,
    stop_after: int | None = None,
    teacher: TinyAutoencoder | None = None,
) -> list[float]:
    """Train the "decoder" or the "encoder" through `plan`, resuming from `out`; return the loss of each step run.

    With a teacher, two decoder steps in three see softened latents, and what the teacher makes of them is the target.
    """
    torch.manual_seed(seed)
    autoencoder = TinyAutoencoder()
    module: nn.Module = autoencoder.decoder if part == "decoder" else autoencoder.encoder
    matrices, others = split_parameters(module, lambda name, _: ".conv." in name or ".pool." in name)
    optimiser, average = (
        Muon(matrices, [{"params": others, "lr": rate}], lr=rate / 2),
        checkpoint.Average(module, 0.998),
    )
    total, first = sum(steps for _, steps in plan), 0
    if (state := checkpoint.load(out)) is not None:
        module.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        average.values, first = state["average"], state["step"]
    history: list[float] = []
    started = saved = time.monotonic()
    last = min(total, first + stop_after) if stop_after is not None else total
    source: PictureSource | None = None
    for step in range(first, last):
        side = _side_at(plan, step)
        if source is None or source.side != side:
            source = PictureSource(cache, side, seed)
        optimiser.scale_learning_rates(checkpoint.learning_rate(step, total, cool_down=0.5))
        pixels, latents, cropped = source.batch(step)
        if part == "decoder":
            generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
            if teacher is not None and step % 3:
                latents = soften(latents, generator)
                with torch.no_grad():
                    pixels = teacher.decode(latents.contiguous(memory_format=torch.channels_last)).clamp(0, 1)
            noisy = jitter(latents, generator).contiguous(memory_format=torch.channels_last)
            loss = decoder_loss(module(noisy), pixels, cropped)
        else:
            loss = encoder_loss(module(pixels), latents, cropped)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()
        average.update(module, step + 1)
        history.append(loss.item())
        if (step + 1) % 100 == 0:
            print(
                part,
                step + 1,
                side,
                f"{time.monotonic() - started:.0f}s",
                round(sum(history[-100:]) / len(history[-100:]), 5),
                flush=True,
            )
        if time.monotonic() - saved > save_seconds or step + 1 == last:
            saved = time.monotonic()
            checkpoint.save(
                out, model=module.state_dict(), optimiser=optimiser.state_dict(), average=average.values, step=step + 1
            )
    return history


def _side_at(plan: list[tuple[int, int]], step: int) -> int:
    for side, steps in plan:
        if step < steps:
            return side
        step -= steps
    return plan[-1][0]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--part", choices=("decoder", "encoder"), required=True)
    parser.add_argument("--plan", type=parse_plan, required=True)
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--stop-after", type=int)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    teacher = load_teacher(arguments.teacher) if arguments.teacher else None
    stop_after = arguments.stop_after
    distill(arguments.part, arguments.cache, arguments.out, arguments.plan, stop_after=stop_after, teacher=teacher)


if __name__ == "__main__":
    main()
