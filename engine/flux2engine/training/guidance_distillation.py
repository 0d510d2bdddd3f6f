r"""A trained flow → one that paints in a single pass what the first paints with guidance.

    python -m flux2engine.training.guidance_distillation --teacher DIR --cache DIR --tokenizer FILE --out DIR \
        --plan small:8000,large:1000 --words 1.5 --references 1.25

The student learns v_u + w (v_c − v_u) of the teacher's averaged weights, for words and, apart, for references.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from flux2engine.training.batches import Batch
from flux2engine.training.buckets import TRAINING
from flux2engine.training.distillation import Loss, Setting, distill
from flux2engine.training.flow_matching import (
    Nano,
    add_noise,
    add_training_arguments,
    draw_times,
    parse_plan,
    prepare,
    weighted_error,
    write_slim,
)


@dataclass(frozen=True)
class Guidance:
    """How far to go beyond what is said (words) and shown (references); 1 is no guidance and costs no pass."""

    words: float = 1.5
    references: float = 1.0


@torch.no_grad()
def guided(teacher: Nano, batch: Batch, noisy: Tensor, times: Tensor, guidance: Guidance) -> Tensor:
    """Return the teacher's velocity, led away from what it would paint unasked."""
    conditional = teacher.velocity(batch, noisy, times)
    result = conditional
    if guidance.words != 1:
        result = result + (guidance.words - 1) * (conditional - teacher.velocity(batch, noisy, times, worded=False))
    if guidance.references != 1 and batch.reference_tokens is not None:
        alone = teacher.velocity(batch, noisy, times, referenced=False)
        result = result + (guidance.references - 1) * (conditional - alone)
    return result


def guidance_loss(
    student: Nano, teacher: Nano, batch: Batch, generator: torch.Generator, mu: float, guidance: Guidance
) -> Tensor:
    """Return how far the student's single pass is from the guided one; unasked, nothing is to be led away from."""
    times = draw_times(generator, len(batch.tokens), mu)
    noisy, _ = add_noise(batch, times, generator)
    return weighted_error(student.velocity(batch, noisy, times), guided(teacher, batch, noisy, times, guidance), batch)


def loss_with(guidance: Guidance) -> Loss:
    """Return the loss for `distillation.distill`."""

    def loss(student: Nano, teacher: Nano, batch: Batch, generator: torch.Generator, stage: str) -> Tensor:
        return guidance_loss(student, teacher, batch, generator, TRAINING[stage].time_mu, guidance)

    return loss


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_training_arguments(parser)
    parser.set_defaults(rate=3e-4)
    parser.add_argument("--teacher", type=Path, required=True, help="a checkpoint of the flow")
    parser.add_argument("--plan", type=parse_plan, required=True, help="stage:samples[:references[:batch]],…")
    parser.add_argument("--words", type=float, default=Guidance.words)
    parser.add_argument("--references", type=float, default=Guidance.references)
    a = parser.parse_args()
    (student, limits), (teacher, _) = prepare(a), prepare(a, compiled=False)
    setting = Setting(a.rate, 11, a.device, a.bf16, a.workers, limits)
    loss = loss_with(Guidance(a.words, a.references))
    distill((student, teacher), a.teacher, a.cache, a.out, a.plan, loss, setting)
    write_slim(a.out, a.slim)


if __name__ == "__main__":
    main()
