r"""Cached latents and captions → the transformer and its text encoder, by flow matching.

    python -m flux2engine.training.flow_matching --cache DIR --tokenizer FILE --text FILE.pt \
        --out DIR --plan small:26000,middle:9000,large:1200 --seconds 520

v = noise − picture on packed, normalised teacher latents. Resumable: a batch depends on (seed, step) and the cache.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from flux2engine import latents
from flux2engine.text_encoder import Qwen3FormEncoder
from flux2engine.training import checkpoint, loop
from flux2engine.training.batches import Batch, LatentSource, PlanAhead, Statistics, Words
from flux2engine.training.buckets import TRAINING
from flux2engine.training.muon import Muon, split_parameters
from flux2engine.training.sizes import SIZES, transformer_config
from flux2engine.training.text_pretraining import fresh_encoder
from flux2engine.training.visibility import channel_weights
from flux2engine.transformer import Flux2Transformer
from flux2engine.variants import TransformerConfig

# Palette and composition are decided almost at pure noise, where a logit-normal is thin.
EARLY_SHARE, EARLY_FROM = 0.22, 0.9
OBJECT_WEIGHT = 4.0  # added to 1 where a token is all object


class Nano(nn.Module):
    """The two parts that flow matching trains."""

    def __init__(self, tokenizer: Tokenizer, config: TransformerConfig | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.transformer = Flux2Transformer(config or transformer_config("S"))
        self.encoder: Qwen3FormEncoder = fresh_encoder(tokenizer)
        with torch.no_grad():
            self.transformer.final_layer.linear.weight.zero_()
            for name, parameter in self.transformer.named_parameters():
                if "modulation" in name.lower():
                    parameter.normal_(std=0.02)
                elif name.endswith(("attn.proj.weight", "mlp.2.weight", "linear2.weight")):
                    parameter.mul_(0.5)

    @property
    def words(self) -> Words:
        """Return how this model's text becomes tokens."""
        tokenizer = self.encoder.tokenizer
        within = self.transformer.config.positions_within
        return Words(lambda text: tokenizer.encode(text, add_special_tokens=False).ids, self.encoder.pad_id, within)

    def velocity(
        self, batch: Batch, noisy: Tensor, times: Tensor, worded: bool = True, referenced: bool = True
    ) -> Tensor:
        """Predict the velocity of `noisy` (B, L, 128) at `times` (B,), in fp32; perhaps without words or references."""
        ids, lengths = batch.token_ids, batch.lengths
        if not worded:
            ids, lengths = torch.full_like(ids, self.encoder.pad_id), torch.zeros_like(lengths)
        with torch.autocast(ids.device.type, enabled=False):  # a million parameters: its norms want one dtype
            states = self.encoder.states(ids, lengths)
        result: Tensor = self.transformer(
            noisy,
            batch.ids,
            states,
            latents.text_ids(ids.shape[1]).to(ids.device).expand(len(ids), -1, -1),
            times,
            reference_tokens=batch.reference_tokens if referenced else None,
            reference_ids=batch.reference_ids if referenced else None,
        )
        return result.float()

    def compile_blocks(self) -> None:
        """Have the blocks compiled, for whatever lengths come; names and values of the parameters stay."""
        torch._dynamo.config.recompile_limit = 64
        for block in (*self.transformer.double_blocks, *self.transformer.single_blocks):
            block.compile(dynamic=True)


def draw_times(generator: torch.Generator, count: int, mu: float) -> Tensor:
    """Draw times in (0, 1), most of them near the noise."""
    device = generator.device
    times = torch.sigmoid(torch.randn(count, generator=generator, device=device) + mu)
    early = torch.rand(count, generator=generator, device=device) < EARLY_SHARE
    spread = torch.rand(count, generator=generator, device=device)
    return torch.where(early, EARLY_FROM + (1 - EARLY_FROM) * spread, times)


def add_noise(batch: Batch, times: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the pictures at `times` on their way to the noise, and the noise."""
    noise = torch.randn(batch.tokens.shape, generator=generator, device=batch.tokens.device)
    return batch.tokens + times[:, None, None] * (noise - batch.tokens), noise


def weighted_error(found: Tensor, wanted: Tensor, batch: Batch) -> Tensor:
    """Return the mean squared error; tokens of objects weigh more, and channels by how far their errors show."""
    weight = 1 + OBJECT_WEIGHT * batch.weight
    return ((found - wanted).square() @ channel_weights(found) * weight).sum() / weight.sum()


def flow_loss(model: Nano, batch: Batch, generator: torch.Generator, mu: float) -> Tensor:
    """Return the error of the velocity at drawn times."""
    times = draw_times(generator, len(batch.tokens), mu)
    noisy, noise = add_noise(batch, times, generator)
    return weighted_error(model.velocity(batch, noisy, times), noise - batch.tokens, batch)


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
    size: int = 0  # of a batch; 0 for the stage's own

    @property
    def batch_size(self) -> int:
        """Return how many samples a step sees."""
        return self.size or TRAINING[self.stage].batch


def parse_plan(text: str) -> list[Phase]:
    """Read "small:18000,small:12000:0.85:64" as stage:samples[:share of batches with references[:batch]]."""
    phases = []
    for part in text.split(","):
        stage, samples, *rest = part.split(":")
        share, size = float(rest[0]) if rest else 0.5, int(rest[1]) if len(rest) > 1 else 0
        steps = -(-int(samples) // (size or TRAINING[stage].batch))
        phases.append(Phase(stage, steps, share, size))
    return phases


def phase_at(plan: list[Phase], step: int) -> Phase:
    """Return the phase in which a step lies."""
    for phase in plan:
        if step < phase.steps:
            return phase
        step -= phase.steps
    return plan[-1]


class Course:
    """The batches of a plan, step by step: opens a stage's shards when they are needed."""

    def __init__(
        self,
        plan: list[Phase],
        cache: Path,
        words: Words,
        seed: int,
        statistics: Statistics | None = None,
        device: str = "cpu",
        workers: int = 0,
        refresh: int = 0,
    ) -> None:
        self.plan, self.cache, self.words, self.seed = plan, cache, words, seed
        self.found, self.device, self.workers, self.refresh = statistics, device, workers, refresh
        self.source: LatentSource | None = None
        self.ahead: PlanAhead | None = None
        self.phase: Phase | None = None

    @property
    def total(self) -> int:
        """Count the steps."""
        return sum(phase.steps for phase in self.plan)

    @property
    def statistics(self) -> Statistics:
        """Return the latents' statistics: those given, or those of the first stage's scenes."""
        if self.found is None:
            raise ValueError("nothing has been read yet")
        return self.found

    def stage_at(self, step: int) -> str:
        """Name the stage in which a step lies."""
        return phase_at(self.plan, step).stage

    def batch(self, step: int) -> Batch:
        """Return the batch of this step."""
        phase = phase_at(self.plan, step)
        if self.source is None or self.source.stage != phase.stage:
            self.source = LatentSource(self.cache, phase.stage, self.words, self.seed, self.found, self.device)
            self.found, self.phase = self.source.statistics, None
            print(f"stage {phase.stage}: {self.source.count} scenes", flush=True)
        elif self.refresh and step % self.refresh == 0 and self.source.extend():
            self.phase = None  # planners know only what was there when they were forked
            print(f"stage {phase.stage}: {self.source.count} scenes", flush=True)
        if self.ahead is None or self.phase != phase:
            self.close()
            self.ahead, self.phase = PlanAhead(self.source, self.workers), phase
        return self.ahead.batch(step, phase.batch_size, phase.references)

    def close(self) -> None:
        """End the planning processes."""
        if self.ahead is not None:
            self.ahead.close()


def generator_at(seed: int, step: int, device: str) -> torch.Generator:
    """Return the source of noise of one step."""
    return torch.Generator(device).manual_seed(seed * 1_000_003 + step)


def precision(device: str, bf16: bool) -> contextlib.AbstractContextManager[Any]:
    """Return where matrices are multiplied in bf16, if asked; the weights themselves stay in fp32."""
    return torch.autocast(torch.device(device).type, torch.bfloat16) if bf16 else contextlib.nullcontext()


def read_statistics(state: Mapping[str, Any]) -> Statistics:
    """Return the latents' statistics that a checkpoint of the flow holds."""
    return Statistics(state["mean"].float(), state["variance"].float())


def read_words(model: Nano, text: Path) -> None:
    """Give a model the pretrained text encoder."""
    pretrained = checkpoint.load(text)
    if pretrained is None:
        raise FileNotFoundError(text)
    prefix = "encoder."
    model.encoder.model.load_state_dict(
        {k[len(prefix) :]: v for k, v in pretrained["model"].items() if k.startswith(prefix)}
    )


def train(
    model: Nano,
    cache: Path,
    out: Path,
    plan: list[Phase],
    text: Path | None = None,
    rate: float = 1e-3,
    seed: int = 3,
    limits: loop.Limits | None = None,
    device: str = "cpu",
    bf16: bool = False,
    workers: int = 0,
    refresh: int = 0,
    start: Path | None = None,
    cool_down: float = 0.3,
) -> list[float]:
    """Train through `plan`, resuming from `out` if it exists; return the loss of each step run.

    A new run goes on from `start`, the flow's checkpoint of an earlier plan, and takes its text encoder from `text`.
    """
    model.to(device)
    trainee = loop.Trainee(model, make_optimiser(model, rate))
    state = trainee.resume(out)
    if state is None:
        state = trainee.follow(start) if start is not None else None
        if text is not None:
            read_words(model, text)
            trainee.average.take(model, "encoder.")
    statistics = None if state is None else read_statistics(state)
    course = Course(plan, cache, model.words, seed, statistics, device, workers, refresh)

    def loss_at(step: int) -> Tensor:
        batch, mu = course.batch(step), TRAINING[course.stage_at(step)].time_mu
        with precision(device, bf16):
            return flow_loss(model, batch, generator_at(seed, step, device), mu)

    try:
        return loop.run(
            trainee,
            loss_at,
            course.total,
            out,
            limits or loop.Limits(),
            rate_at=lambda step: checkpoint.learning_rate(step, course.total, 150, cool_down),
            extra=lambda: {"mean": course.statistics.mean, "variance": course.statistics.variance},
            label=course.stage_at,
        )
    finally:
        course.close()


def measure(model: Nano, cache: Path, plan: list[Phase], seconds: float, device: str, bf16: bool, workers: int) -> None:
    """Print how many samples a second each phase of `plan` trains; changes no file."""
    model.to(device)
    optimiser = make_optimiser(model, 0.0)
    for phase in plan:
        course = Course([phase], cache, model.words, 3, None, device, workers)
        steps, started = 0, 0.0
        for step in range(1_000_000):
            if step == 3:  # compiled, warm
                started = _clock(device)
            batch = course.batch(step)
            with precision(device, bf16):
                loss = flow_loss(model, batch, generator_at(3, step, device), 1.0)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            optimiser.zero_grad()
            steps = step - 2
            if step % 3 == 0 and step >= 6 and _clock(device) - started > seconds:
                break
        course.close()
        rate = steps * phase.batch_size / (_clock(device) - started)
        print(f"measured {phase.stage}, batches of {phase.batch_size}: {rate:.1f} samples a second", flush=True)


def _clock(device: str) -> float:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.monotonic()


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what all stages of the transformer take."""
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="FILE.pt, or a folder for files of at most 16 MiB")
    parser.add_argument("--size", choices=SIZES, default="S")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--bf16", action="store_true", help="multiply in bf16; slower on most CPUs")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--workers", type=int, default=0, help="processes that plan batches ahead")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=math.inf, help="stop with a checkpoint after so long")
    parser.add_argument("--stop-after", type=int, help="stop with a checkpoint after so many steps")
    parser.add_argument("--save-seconds", type=float, default=120)
    parser.add_argument("--slim", type=Path, help="also write the weights in bf16 here, without the optimiser")


def prepare(arguments: argparse.Namespace, compiled: bool = True) -> tuple[Nano, loop.Limits]:
    """Set torch up, and return the model with random weights and the run's limits."""
    torch.set_num_threads(arguments.threads)
    torch.set_float32_matmul_precision("high")  # tf32 where there is some: only the optimiser multiplies in fp32 there
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # planners are forked
    model = Nano(Tokenizer.from_file(str(arguments.tokenizer)), transformer_config(arguments.size))
    if arguments.compile and compiled:  # not a teacher: without autograd the engine goes by slices
        model.compile_blocks()
    return model, loop.Limits(arguments.seconds, arguments.save_seconds, arguments.stop_after)


def write_slim(out: Path, slim: Path | None) -> None:
    """Write a checkpoint once more, small enough to be carried."""
    if slim is not None and (state := checkpoint.load(out)) is not None:
        checkpoint.save(slim, **checkpoint.slim(state))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_training_arguments(parser)
    parser.add_argument("--text", type=Path, help="the pretrained text encoder, also for a --start that had another")
    parser.add_argument("--start", type=Path, help="go on from this checkpoint of another plan")
    parser.add_argument("--cool-down", type=float, default=0.3, help="share of the plan in which the rate falls")
    parser.add_argument("--plan", type=parse_plan, required=True, help="stage:samples[:references[:batch]],…")
    parser.add_argument("--refresh", type=int, default=0, help="look for new shards after so many steps")
    parser.add_argument("--measure", type=float, help="only print samples a second, so many seconds a phase")
    a = parser.parse_args()
    model, limits = prepare(a)
    if a.measure:
        measure(model, a.cache, a.plan, a.measure, a.device, a.bf16, a.workers)
        return
    train(
        model, a.cache, a.out, a.plan, a.text, a.rate, limits=limits,
        device=a.device, bf16=a.bf16, workers=a.workers, refresh=a.refresh, start=a.start, cool_down=a.cool_down,
    )  # fmt: skip
    write_slim(a.out, a.slim)


if __name__ == "__main__":
    main()
