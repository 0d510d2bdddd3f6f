r"""Cached pictures and the teacher's latents → nano's own tiny autoencoder, from random weights.

    python -m flux2engine.training.distill_autoencoder --cache DIR --out FILE.pt --part decoder \
        --plan 64:1600,128:1400,256:400

The decoder learns to turn the teacher's latents into pixels, the encoder to find them. Resumable; seeded by step.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from flux2engine.autoencoder import TinyAutoencoder
from flux2engine.model_folder import load_teacher
from flux2engine.training import checkpoint, loop
from flux2engine.training.muon import Muon, split_parameters
from flux2engine.training.shards import read_shard, shard_paths
from flux2engine.variants import PIXELS_PER_TOKEN

BATCH_SIZE = {64: 16, 128: 4, 256: 1}
_LATENT = 8  # pixels a latent covers
# A crop's edge is no edge of the picture: what lies within a latent of it is not judged.
_MARGIN = 8
# What the sampler hands to the decoder is never quite a teacher's latent: the decoder must not amplify small errors.
LATENT_JITTER = 0.06


class PictureSource:
    """Draw crops with their latents, from small shards, or from middle ones if they are larger than 128 px."""

    def __init__(
        self, folder: Path, side: int, seed: int, stage: str = "", device: str = "cpu", limit: int = 80
    ) -> None:
        self.side, self.seed, self.device = side, seed, device
        self.tables: list[tuple[NDArray[np.uint8], NDArray[np.float16], NDArray[np.uint8]]] = []
        for path in shard_paths(folder, stage or ("middle" if side > 128 else "small"), limit):
            shard = read_shard(path, pixels=True)
            if shard.pixels is None:
                raise ValueError(f"{path} has no pixels: make shards for the autoencoder without --without-pixels")
            self.tables.append((shard.pixels, shard.latents, shard.weight))

    def batch(self, step: int, size: int) -> tuple[Tensor, Tensor, bool]:
        """Return pixels in 0 … 1, raw latents, and whether they are crops."""
        rng = random.Random(f"{self.seed}/{self.side}/{step}")
        pixels, latents, weight = rng.choice(self.tables)
        height, width = (min(self.side, side) for side in pixels.shape[1:3])
        cropped = (height, width) != pixels.shape[1:3]
        chosen_pixels, chosen_latents = [], []
        for _ in range(size):
            index = rng.randrange(len(pixels))
            # Products are what it loses, and little of a picture: of two crops, the one that shows more of them.
            places = [
                (rng.randrange((pixels.shape[1] - height) // _LATENT + 1),
                 rng.randrange((pixels.shape[2] - width) // _LATENT + 1))
                for _ in range(2 if cropped else 1)
            ]  # fmt: skip
            top, left = max(places, key=lambda at: _shown(weight[index], at, height, width))
            chosen_pixels.append(
                pixels[index, top * _LATENT : top * _LATENT + height, left * _LATENT : left * _LATENT + width]
            )
            chosen_latents.append(latents[index, :, top : top + height // _LATENT, left : left + width // _LATENT])
        batch = torch.from_numpy(np.stack(chosen_pixels)).to(self.device).permute(0, 3, 1, 2).float() / 255
        return (
            batch.contiguous(memory_format=torch.channels_last),
            torch.from_numpy(np.stack(chosen_latents)).to(self.device).float(),
            cropped,
        )


def _shown(weight: NDArray[np.uint8], place: tuple[int, int], height: int, width: int) -> float:
    """Return how much of a crop products and stands fill; `weight` has one value for each 16 px."""
    top, left = (at * _LATENT // PIXELS_PER_TOKEN for at in place)
    rows, columns = slice(top, top + height // PIXELS_PER_TOKEN), slice(left, left + width // PIXELS_PER_TOKEN)
    return float(weight[rows, columns].mean())


def decoder_loss(painted: Tensor, pixels: Tensor, cropped: bool) -> Tensor:
    """Compare pixels at four resolutions: coarse errors are the mottles and tints one sees on a smooth wall."""
    if cropped:
        painted, pixels = (part[..., _MARGIN:-_MARGIN, _MARGIN:-_MARGIN] for part in (painted, pixels))
    difference = painted - pixels
    fine = (difference.square() + 1e-4).sqrt().mean() - 1e-2
    pooled = {size: functional.avg_pool2d(difference, size) for size in (4, 8, 16)}
    coarse = sum((part.abs().mean() for part in pooled.values()), start=torch.zeros((), device=difference.device))
    return fine + 4 * difference.square().mean() + coarse + 0.25 * _slopes(difference) + _slopes(pooled[4])


def _slopes(difference: Tensor) -> Tensor:
    """Return how unevenly two pictures differ: an even tint is hardly seen on a wall, a mottle is."""
    down, across = difference[..., 1:, :] - difference[..., :-1, :], difference[..., 1:] - difference[..., :-1]
    return down.abs().mean() + across.abs().mean()


def soften(latents: Tensor, generator: torch.Generator) -> Tensor:
    """Blur latents and draw them towards their mean: a sampler's walls are smoother than any encoded picture's."""
    width = int(torch.randint(0, 4, (), generator=generator, device=generator.device))
    padded = functional.pad(latents, (width,) * 4, mode="replicate")
    blurred = functional.avg_pool2d(padded, 2 * width + 1, stride=1)
    keep = torch.rand(latents.shape[0], 1, 1, 1, generator=generator, device=generator.device)
    mean = latents.mean((2, 3), keepdim=True)
    return mean + keep * (blurred - mean)


def jitter(latents: Tensor, generator: torch.Generator) -> Tensor:
    """Add the small errors that a sampler leaves."""
    amount = LATENT_JITTER * torch.rand((), generator=generator, device=generator.device)
    return latents + amount * torch.randn(latents.shape, generator=generator, device=generator.device)


def encoder_loss(found: Tensor, latents: Tensor, cropped: bool) -> Tensor:
    """Compare latents, relative to their size."""
    if cropped:
        found, latents = (part[..., 1:-1, 1:-1] for part in (found, latents))
    return (found - latents).square().mean() / latents.square().mean() + 0.5 * (found - latents).abs().mean()


def joint_loss(
    autoencoder: nn.ModuleDict,
    pixels: Tensor,
    latents: Tensor,
    cropped: bool,
    generator: torch.Generator,
    softened: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Train both together without letting them drift: each must go on working with the teacher's other half.

    `softened` latents and what the teacher makes of them stand in for the teacher's own, for the decoder alone.
    """
    found = autoencoder["encoder"](pixels)
    pair = decoder_loss(autoencoder["decoder"](jitter(found, generator)), pixels, cropped)
    given, wanted = softened or (latents, pixels)
    alone = decoder_loss(autoencoder["decoder"](jitter(given, generator)), wanted, cropped)
    return pair + alone + encoder_loss(found, latents, cropped)


@dataclass(frozen=True)
class Crops:
    """A part of the plan: crops of this side, so many steps, from this stage's shards, in batches of this size."""

    side: int
    steps: int
    size: int
    stage: str = ""


def parse_plan(text: str) -> list[Crops]:
    """Read "64:3000,128:2500:32:middle" as side:steps[:batch[:stage]]."""
    plan = []
    for part in text.split(","):
        side, steps, *rest = part.split(":")
        size = int(rest[0]) if rest else BATCH_SIZE[int(side)]
        plan.append(Crops(int(side), int(steps), size, rest[1] if len(rest) > 1 else ""))
    return plan


def build(part: str, seed: int, start: Sequence[Path] = ()) -> nn.Module:
    """Return the "decoder", the "encoder", or both to be finished together from the checkpoints `start`."""
    torch.manual_seed(seed)
    autoencoder = TinyAutoencoder()
    if part != "joint":
        return autoencoder.decoder if part == "decoder" else autoencoder.encoder
    for module, path in zip((autoencoder.decoder, autoencoder.encoder), start, strict=True):
        state = checkpoint.load(path)
        if state is None:
            raise FileNotFoundError(path)
        checkpoint.put_averaged(module, state["average"])
    return nn.ModuleDict({"decoder": autoencoder.decoder, "encoder": autoencoder.encoder})


def distill(
    part: str,
    cache: Path,
    out: Path,
    plan: list[Crops],
    rate: float = 1e-3,
    seed: int = 5,
    limits: loop.Limits | None = None,
    teacher: TinyAutoencoder | None = None,
    device: str = "cpu",
    start: Sequence[Path] = (),
) -> list[float]:
    """Train a part through `plan`, resuming from `out`; return the loss of each step run.

    With a teacher, two decoder steps in three (one, of the joint part) see softened latents, and what the teacher makes
    of them is the target.
    """
    module = build(part, seed, start).to(device)
    matrices, others = split_parameters(module, lambda name, _: ".conv." in name or ".pool." in name)
    trainee = loop.Trainee(module, Muon(matrices, [{"params": others, "lr": rate}], lr=rate / 2), 0.998)
    trainee.resume(out)
    total = sum(crops.steps for crops in plan)
    sources: dict[Crops, PictureSource] = {}

    def loss_at(step: int) -> Tensor:
        crops = _crops_at(plan, step)
        if crops not in sources:
            sources.clear()
            sources[crops] = PictureSource(cache, crops.side, seed, crops.stage, device)
        pixels, latents, cropped = sources[crops].batch(step, crops.size)
        generator = torch.Generator(device).manual_seed(seed * 1_000_003 + step)
        if part == "encoder":
            return encoder_loss(module(pixels), latents, cropped)
        joint = isinstance(module, nn.ModuleDict)
        softened = None
        if teacher is not None and bool(step % 3) != joint:
            soft = soften(latents, generator)
            with torch.no_grad():
                softened = soft, teacher.decode(soft.contiguous(memory_format=torch.channels_last)).clamp(0, 1)
        if isinstance(module, nn.ModuleDict):
            return joint_loss(module, pixels, latents, cropped, generator, softened)
        latents, pixels = softened or (latents, pixels)
        noisy = jitter(latents, generator).contiguous(memory_format=torch.channels_last)
        return decoder_loss(module(noisy), pixels, cropped)

    return loop.run(
        trainee,
        loss_at,
        total,
        out,
        limits or loop.Limits(save_seconds=60),
        rate_at=lambda step: checkpoint.learning_rate(step, total, cool_down=0.5),
        label=lambda step: str(_crops_at(plan, step).side),
    )


def split_joint(out: Path, decoder: Path, encoder: Path) -> None:
    """Write the two halves of a joint checkpoint as `package` takes them."""
    state = checkpoint.load(out)
    if state is None:
        raise FileNotFoundError(out)
    for name, path in (("decoder.", decoder), ("encoder.", encoder)):
        halves = {
            kind: {key.removeprefix(name): value for key, value in state[kind].items() if key.startswith(name)}
            for kind in ("model", "average")
        }
        checkpoint.save(path, **halves, step=state["step"])


def _crops_at(plan: list[Crops], step: int) -> Crops:
    for crops in plan:
        if step < crops.steps:
            return crops
        step -= crops.steps
    return plan[-1]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--part", choices=("decoder", "encoder", "joint"), required=True)
    parser.add_argument("--plan", type=parse_plan, required=True, help="side:steps[:batch[:stage]],…")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--start", type=Path, nargs=2, default=(), metavar=("DECODER", "ENCODER"), help="of joint")
    parser.add_argument("--split", type=Path, nargs=2, metavar=("DECODER", "ENCODER"), help="write joint's halves here")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=math.inf, help="stop with a checkpoint after so long")
    parser.add_argument("--stop-after", type=int)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    torch.set_float32_matmul_precision("high")
    teacher = load_teacher(a.teacher).to(a.device) if a.teacher else None
    limits = loop.Limits(a.seconds, 60, a.stop_after)
    distill(a.part, a.cache, a.out, a.plan, a.rate, 5, limits, teacher, a.device, a.start)
    if a.split:
        split_joint(a.out, *a.split)


if __name__ == "__main__":
    main()
