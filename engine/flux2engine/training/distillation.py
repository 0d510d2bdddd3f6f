"""A teacher's averaged weights and a loss between it and its student → the student: what all distillations share.

Resumable like the flow's own training. Knows nothing of what is to be learned from the teacher.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from flux2engine.training import checkpoint, loop
from flux2engine.training.batches import Batch
from flux2engine.training.flow_matching import (
    Course,
    Nano,
    Phase,
    generator_at,
    make_optimiser,
    precision,
    read_statistics,
)

# Student, teacher, batch, source of noise, name of the stage → loss.
Loss = Callable[[Nano, Nano, Batch, torch.Generator, str], Tensor]


@dataclass(frozen=True)
class Setting:
    """Where and how fast a distillation runs: at a third of the flow's rate, as the student starts as its teacher."""

    rate: float = 3e-4
    seed: int = 11
    device: str = "cpu"
    bf16: bool = False
    workers: int = 0
    limits: loop.Limits = field(default_factory=loop.Limits)


def distill(
    models: tuple[Nano, Nano],
    teacher_path: Path,
    cache: Path,
    out: Path,
    plan: list[Phase],
    loss: Loss,
    setting: Setting | None = None,
) -> list[float]:
    """Train `models`, student and teacher, through `plan`, resuming from `out`; return the loss of each step run."""
    setting = setting or Setting()
    state = checkpoint.load(teacher_path)
    if state is None:
        raise FileNotFoundError(teacher_path)
    student, teacher = (model.to(setting.device) for model in models)
    checkpoint.put_averaged(teacher, state["average"])
    teacher.eval().requires_grad_(False)
    trainee = loop.Trainee(student, make_optimiser(student, setting.rate))
    if trainee.resume(out) is None:
        trainee.start_from(state["average"])
    statistics = read_statistics(state)
    course = Course(plan, cache, student.words, setting.seed, statistics, setting.device, setting.workers)

    def loss_at(step: int) -> Tensor:
        batch, generator = course.batch(step), generator_at(setting.seed, step, setting.device)
        with precision(setting.device, setting.bf16):
            return loss(student, teacher, batch, generator, course.stage_at(step))

    try:
        return loop.run(
            trainee,
            loss_at,
            course.total,
            out,
            setting.limits,
            extra=lambda: {"mean": statistics.mean, "variance": statistics.variance},
            label=course.stage_at,
        )
    finally:
        course.close()
