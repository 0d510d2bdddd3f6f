r"""A model that paints in many steps → one that paints the same in few.

    python -m flux2engine.training.step_distillation --teacher DIR --cache DIR --tokenizer FILE --out DIR \
        --plan small:8000,large:1000 --steps 4 --substeps 4

The student's one step goes where the teacher's `substeps` go: from 16 to 4 at once, since nano's paths are nearly
straight; if not, run it twice: `--steps 8 --substeps 2`, then `--steps 4 --substeps 2` with that student as teacher.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from flux2engine.schedule import sampling_times, shift_time, time_shift
from flux2engine.training.batches import Batch
from flux2engine.training.distillation import Loss, Setting, distill
from flux2engine.training.flow_matching import (
    Nano,
    add_noise,
    add_training_arguments,
    parse_plan,
    prepare,
    weighted_error,
    write_slim,
)


def step_times(steps: int, substeps: int, tokens: int) -> Tensor:
    """Return (steps, substeps + 1) times: where the sampler of `steps` stands, and the teacher's stands in between."""
    mu = time_shift(tokens, steps)
    count = steps * substeps
    times = [shift_time(1.0 - index / count, mu) for index in range(count + 1)]
    if [round(time, 9) for time in times[::substeps]] != [round(time, 9) for time in sampling_times(steps, tokens)]:
        raise ValueError("the teacher's steps do not meet the sampler's")
    return torch.tensor([times[first * substeps : (first + 1) * substeps + 1] for first in range(steps)])


@torch.no_grad()
def walk(teacher: Nano, batch: Batch, noisy: Tensor, times: Tensor) -> Tensor:
    """Return where the teacher's Euler steps lead `noisy` (B, L, 128) along `times` (B, substeps + 1)."""
    for now, following in zip(times.T[:-1], times.T[1:], strict=True):
        noisy = noisy + (following - now)[:, None, None] * teacher.velocity(batch, noisy, now)
    return noisy


def step_loss(
    student: Nano, teacher: Nano, batch: Batch, generator: torch.Generator, steps: int, substeps: int
) -> Tensor:
    """Return how far the student's straight step is from the teacher's several ones, as velocities."""
    grid = step_times(steps, substeps, batch.tokens.shape[1]).to(batch.tokens.device)
    # The first step decides palette and composition: it is drawn twice as often as the others.
    weights = torch.ones(steps, device=grid.device)
    weights[0] = 2
    drawn = torch.multinomial(weights, len(batch.tokens), replacement=True, generator=generator)
    times = grid[drawn]  # (B, substeps + 1)
    noisy, _ = add_noise(batch, times[:, 0], generator)
    reached = walk(teacher, batch, noisy, times)
    wanted = (noisy - reached) / (times[:, 0] - times[:, -1])[:, None, None]
    return weighted_error(student.velocity(batch, noisy, times[:, 0]), wanted, batch)


def loss_with(steps: int, substeps: int) -> Loss:
    """Return the loss for `distillation.distill`."""

    def loss(student: Nano, teacher: Nano, batch: Batch, generator: torch.Generator, stage: str) -> Tensor:
        del stage  # the sampler's times depend on the count of tokens alone
        return step_loss(student, teacher, batch, generator, steps, substeps)

    return loss


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_training_arguments(parser)
    parser.set_defaults(rate=3e-4)
    parser.add_argument("--teacher", type=Path, required=True, help="a checkpoint of the guidance or flow stage")
    parser.add_argument("--plan", type=parse_plan, required=True, help="stage:samples[:references[:batch]],…")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--substeps", type=int, default=4)
    a = parser.parse_args()
    (student, limits), (teacher, _) = prepare(a), prepare(a, compiled=False)
    setting = Setting(a.rate, 13, a.device, a.bf16, a.workers, limits)
    distill((student, teacher), a.teacher, a.cache, a.out, a.plan, loss_with(a.steps, a.substeps), setting)
    write_slim(a.out, a.slim)


if __name__ == "__main__":
    main()
