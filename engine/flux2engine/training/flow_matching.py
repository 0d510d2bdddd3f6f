r"""Cached latents and captions → the transformer and its text encoder, by flow matching.

    python -m flux2engine.training.flow_matching --cache DIR --tokenizer FILE --text FILE.pt \
        --out FILE.pt --plan small:26000,middle:9000,large:1200

v = noise − picture on packed, normalised teacher latents. Resumable: a batch depends on (seed, step) and the cache.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from flux2engine import latents
from flux2engine.text_encoder import Qwen3FormEncoder
from flux2engine.training import checkpoint
from flux2engine.training.cache import read_scenes, shard_path
from flux2engine.training.captions import Role, caption
from flux2engine.training.data import Scene
from flux2engine.training.muon import Muon, split_parameters
from flux2engine.training.text_pretraining import fresh_encoder
from flux2engine.transformer import Flux2Transformer
from flux2engine.variants import VARIANTS, TransformerConfig

# Per stage: samples a batch, and mu of the logit-normal times (larger pictures need more noise to be undecided).
BATCH_SIZE = {"small": 32, "middle": 16, "large": 6}
TIME_MU = {"small": 0.9, "middle": 1.2, "large": 1.5}
# Palette and composition are decided almost at pure noise, where a logit-normal is thin.
EARLY_SHARE, EARLY_FROM = 0.22, 0.9
OBJECT_WEIGHT = 2.0  # added to 1 where a token is all object
CAPTION_DROPOUT = 0.1
# Half of a small picture's tokens are text: short windows save time, and teach that padding says nothing.
TEXT_LENGTHS = {"small": ((64, 5), (80, 3), (96, 2)), "middle": ((80, 1), (96, 2)), "large": ((96, 1),)}


@dataclass(frozen=True)
class Statistics:
    """Per-channel mean and variance of packed teacher latents: the autoencoder's running statistics."""

    mean: Tensor
    variance: Tensor


@dataclass(frozen=True)
class Sample:
    """One cached scene, its latents raw."""

    scene: Scene
    latents: Tensor  # (32, H/8, W/8) float16
    weight: Tensor  # (tokens,) 0 … 1
    references: tuple[Tensor, ...]


@dataclass(frozen=True)
class Batch:
    """What one step sees."""

    tokens: Tensor  # (B, L, 128), normalised
    ids: Tensor  # (B, L, 4)
    weight: Tensor  # (B, L)
    captions: list[str]
    text_length: int
    reference_tokens: Tensor | None
    reference_ids: Tensor | None


def measure_statistics(samples: Sequence[Sample]) -> Statistics:
    """Measure the running statistics over these pictures."""
    tokens = torch.cat([latents.to_tokens(latents.patchify(sample.latents[None].float()))[0] for sample in samples])
    return Statistics(tokens.mean(0), tokens.var(0))


class LatentSource:
    """Draw batches from the shards of one stage; a batch is all of one size and one count of references."""

    def __init__(
        self,
        folder: Path,
        stage: str,
        statistics: Statistics | None,
        seed: int,
        limit: int | None = None,
        token_count: Callable[[str], int] = len,
    ) -> None:
        self.seed, self.stage = seed, stage
        self.token_count = token_count
        self.groups: dict[tuple[int, int], list[Sample]] = {}
        paths = sorted(shard_path(folder, stage, 0).parent.glob("?????.npz"))[:limit]
        if not paths:
            raise FileNotFoundError(f"no shards in {folder / stage}: run flux2engine.training.cache first")
        for path in paths:
            scenes, arrays, references = read_scenes(path)
            for index, scene in enumerate(scenes):
                sample = Sample(
                    scene,
                    torch.from_numpy(arrays["latents"][index]),
                    torch.from_numpy(arrays["weight"][index].astype(np.float32) / 255).flatten(),
                    tuple(torch.from_numpy(part) for part in references[index]),
                )
                self.groups.setdefault(tuple(sample.latents.shape[-2:]), []).append(sample)  # type: ignore[arg-type]
        everything = [sample for group in self.groups.values() for sample in group]
        self.count = len(everything)
        self.statistics = statistics or measure_statistics(everything[:3000])
        self.sizes = sorted(self.groups)
        self.with_main: dict[tuple[int, int], dict[int, list[Sample]]] = {}
        self.reference_pool: dict[int, list[Tensor]] = {}
        for size, group in self.groups.items():
            by_side = self.with_main.setdefault(size, {})
            for sample in group:
                if sample.scene.main is not None:
                    by_side.setdefault(sample.references[0].shape[-1], []).append(sample)
                for part in sample.references:
                    self.reference_pool.setdefault(part.shape[-1], []).append(part)

    def packed(self, raw: Tensor) -> Tensor:
        """Turn raw latents (B, 32, h, w) into normalised tokens."""
        packed = latents.normalise(latents.patchify(raw.float()), self.statistics.mean, self.statistics.variance)
        return latents.to_tokens(packed)

    def batch(self, step: int, size: int, references: float = 0.5) -> Batch:
        """Return the batch of this step; `references` is the share of batches that carry some."""
        rng = random.Random(f"{self.seed}/{self.stage}/{step}")
        grid = rng.choices(self.sizes, [len(self.groups[key]) for key in self.sizes])[0]
        by_side = self.with_main[grid]
        if by_side and rng.random() < references:
            return self._with_references(rng, grid, size)
        group = self.groups[grid]
        chosen = [rng.choice(group) for _ in range(size)]
        # Scenes with products told by name alone teach the nouns; most of these batches are floors and backdrops.
        chosen = [rng.choice(group) if sample.scene.main and rng.random() < 0.6 else sample for sample in chosen]
        return self._assemble(rng, chosen, [()] * size, None, [])

    def _with_references(self, rng: random.Random, grid: tuple[int, int], size: int) -> Batch:
        by_side = self.with_main[grid]
        side = rng.choices(list(by_side), [len(group) for group in by_side.values()])[0]
        count = rng.choices((1, 2, 3), (60, 25, 15))[0]
        chosen = [rng.choice(by_side[side]) for _ in range(size)]
        all_roles: list[tuple[Role, ...]] = []
        pictures: list[list[Tensor]] = []
        for sample in chosen:
            roles: list[Role] = ["main"]
            if count > 1 and len(sample.references) > 1 and rng.random() < 0.7:
                roles.append("extra")
            roles += ["other"] * (count - len(roles))
            rng.shuffle(roles)
            all_roles.append(tuple(roles))
            pool = self.reference_pool[side]
            pictures.append(
                [
                    sample.references[0]
                    if role == "main"
                    else sample.references[1]
                    if role == "extra"
                    else rng.choice(pool)
                    for role in roles
                ]
            )
        return self._assemble(rng, chosen, all_roles, side // latents.PATCH, pictures)

    def _fitting(self, scene: Scene, roles: tuple[Role, ...], length: int, rng: random.Random) -> str:
        """Say the scene in at most `length` tokens if a few tries allow; else the shortest try, which will be cut."""
        tries = []
        for _ in range(5):
            text = caption(scene, rng, roles)
            count = self.token_count(text)
            if count <= length:
                return text
            tries.append((count, text))
        return min(tries)[1]

    def _assemble(
        self,
        rng: random.Random,
        chosen: list[Sample],
        roles: Sequence[tuple[Role, ...]],
        side: int | None,
        pictures: list[list[Tensor]],
    ) -> Batch:
        lengths, chances = zip(*TEXT_LENGTHS[self.stage], strict=True)
        length = rng.choices(lengths, chances)[0]
        texts = [
            "" if rng.random() < CAPTION_DROPOUT else self._fitting(sample.scene, role, length, rng)
            for sample, role in zip(chosen, roles, strict=True)
        ]
        raw = torch.stack([sample.latents for sample in chosen])
        height, width = raw.shape[-2] // latents.PATCH, raw.shape[-1] // latents.PATCH
        tokens = self.packed(raw)
        ids = latents.image_ids(height, width).expand(len(chosen), -1, -1)
        weight = torch.stack([sample.weight for sample in chosen])
        if side is None:
            return Batch(tokens, ids, weight, texts, length, None, None)
        count = len(pictures[0])
        reference_tokens = torch.cat(
            [self.packed(torch.stack([row[k] for row in pictures])) for k in range(count)], dim=1
        )
        reference_ids = latents.reference_ids([(side, side)] * count).expand(len(chosen), -1, -1)
        return Batch(tokens, ids, weight, texts, length, reference_tokens, reference_ids)


class Nano(nn.Module):
    """The two parts that flow matching trains."""

    def __init__(self, tokenizer: Tokenizer, config: TransformerConfig | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.transformer = Flux2Transformer(config or VARIANTS["nano"].transformer)
        self.encoder: Qwen3FormEncoder = fresh_encoder(tokenizer)
        with torch.no_grad():
            self.transformer.final_layer.linear.weight.zero_()
            for name, parameter in self.transformer.named_parameters():
                if "modulation" in name.lower():
                    parameter.normal_(std=0.02)
                elif name.endswith(("attn.proj.weight", "mlp.2.weight", "linear2.weight")):
                    parameter.mul_(0.5)

    def token_count(self, text: str) -> int:
        """Count a caption's tokens."""
        return len(self.encoder.tokenizer.encode(text, add_special_tokens=False).ids)

    def velocity(self, batch: Batch, noisy: Tensor, times: Tensor) -> Tensor:
        """Predict the velocity of `noisy` (B, L, 128) at `times` (B,)."""
        ids, counts = self.encoder.tokenize(batch.captions)
        ids = ids[:, : batch.text_length]
        lengths = torch.tensor([min(count, ids.shape[1]) for count in counts])
        states = self.encoder.states(ids, lengths)
        result: Tensor = self.transformer(
            noisy,
            batch.ids,
            states,
            latents.text_ids(ids.shape[1]).expand(len(batch.captions), -1, -1),
            times,
            reference_tokens=batch.reference_tokens,
            reference_ids=batch.reference_ids,
        )
        return result


def draw_times(generator: torch.Generator, count: int, mu: float) -> Tensor:
    """Draw times in (0, 1), most of them near the noise."""
    times = torch.sigmoid(torch.randn(count, generator=generator) + mu)
    early = torch.rand(count, generator=generator) < EARLY_SHARE
    return torch.where(early, EARLY_FROM + (1 - EARLY_FROM) * torch.rand(count, generator=generator), times)


def flow_loss(model: Nano, batch: Batch, generator: torch.Generator, mu: float) -> Tensor:
    """Return the mean squared error of the velocity, tokens of objects weighing more."""
    times = draw_times(generator, len(batch.captions), mu)
    noise = torch.randn(batch.tokens.shape, generator=generator)
    noisy = batch.tokens + times[:, None, None] * (noise - batch.tokens)
    error = (model.velocity(batch, noisy, times) - (noise - batch.tokens)).square().mean(-1)
    weight = 1 + OBJECT_WEIGHT * batch.weight
    return (error * weight).sum() / weight.sum()


def make_optimiser(model: Nano, rate: float) -> Muon:
    """Give the blocks' matrices to Muon, the other parameters to AdamW, the pretrained encoder a slow one."""
    matrices, others = split_parameters(model.transformer, lambda name, _: "_blocks." in name)
    return Muon(
        matrices,
        [{"params": others, "lr": rate}, {"params": list(model.encoder.parameters()), "lr": rate / 8}],
        lr=rate,
    )


@dataclass(frozen=True)
class Phase:
    """A part of the curriculum: so many steps on a stage's pictures, this share of batches with references."""

    stage: str
    steps: int
    references: float = 0.5


def parse_plan(text: str) -> list[Phase]:
    """Read "small:18000,small:12000:0.85" as stage:samples[:share of batches with references]."""
    phases = []
    for part in text.split(","):
        stage, samples, *share = part.split(":")
        phases.append(Phase(stage, -(-int(samples) // BATCH_SIZE[stage]), *map(float, share)))
    return phases


def train(
    model: Nano,
    cache: Path,
    out: Path,
    plan: list[Phase],
    text: Path | None = None,
    rate: float = 1e-3,
    seed: int = 3,
    save_seconds: float = 120,
    stop_after: int | None = None,
) -> list[float]:
    """Train through `plan`, resuming from `out` if it exists; return the loss of each step run."""
    optimiser = make_optimiser(model, rate)
    average = checkpoint.Average(model, 0.999)
    total, first, statistics = sum(phase.steps for phase in plan), 0, None
    if (state := checkpoint.load(out)) is not None:
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        average.values, first = state["average"], state["step"]
        statistics = Statistics(state["mean"], state["variance"])
    elif text is not None:
        pretrained = checkpoint.load(text)
        if pretrained is None:
            raise FileNotFoundError(text)
        prefix = "encoder."
        model.encoder.model.load_state_dict(
            {k[len(prefix) :]: v for k, v in pretrained["model"].items() if k.startswith(prefix)}
        )
        average = checkpoint.Average(model, 0.999)
    history: list[float] = []
    started = saved = time.monotonic()
    last = min(total, first + stop_after) if stop_after is not None else total
    source: LatentSource | None = None
    for step in range(first, last):
        phase = _phase_at(plan, step)
        stage = phase.stage
        if source is None or source.stage != stage:
            source = LatentSource(cache, stage, statistics, seed, token_count=model.token_count)
            statistics = source.statistics
            print(f"stage {stage}: {source.count} scenes", flush=True)
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        optimiser.scale_learning_rates(checkpoint.learning_rate(step, total, warm_up=150))
        loss = flow_loss(model, source.batch(step, BATCH_SIZE[stage], phase.references), generator, TIME_MU[stage])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        average.update(model, step + 1)
        history.append(loss.item())
        if (step + 1) % 25 == 0:
            print(
                step + 1,
                stage,
                f"{time.monotonic() - started:.0f}s",
                round(sum(history[-25:]) / len(history[-25:]), 4),
                flush=True,
            )
        if time.monotonic() - saved > save_seconds or step + 1 == last:
            saved = time.monotonic()
            checkpoint.save(
                out,
                model=model.state_dict(),
                optimiser=optimiser.state_dict(),
                average=average.values,
                step=step + 1,
                mean=source.statistics.mean,
                variance=source.statistics.variance,
            )
    return history


def _phase_at(plan: list[Phase], step: int) -> Phase:
    for phase in plan:
        if step < phase.steps:
            return phase
        step -= phase.steps
    return plan[-1]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--plan", type=parse_plan, required=True)
    parser.add_argument("--stop-after", type=int)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = Nano(Tokenizer.from_file(str(arguments.tokenizer)))
    train(model, arguments.cache, arguments.out, arguments.plan, arguments.text, stop_after=arguments.stop_after)


if __name__ == "__main__":
    main()
