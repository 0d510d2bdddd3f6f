"""A loss per step → trained weights: the loop that every stage runs, stopped and resumed at any step.

A run that is stopped and started again ends with the same weights as one that is not: everything a step sees is a
function of its number. Knows nothing of pictures or words.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from flux2engine.training import checkpoint
from flux2engine.training.muon import Muon

EVERY = 25  # steps between two lines of the log
CLIP = 1.0


@dataclass(frozen=True)
class Limits:
    """When a run writes its state, and when it stops though there is more to do."""

    seconds: float = math.inf
    save_seconds: float = 120
    stop_after: int | None = None  # steps of this run


class Trainee:
    """A module with its optimiser and its average: all that a checkpoint holds beside the step."""

    def __init__(self, module: nn.Module, optimiser: Muon, decay: float = 0.999) -> None:
        self.module, self.optimiser = module, optimiser
        self.average = checkpoint.Average(module, decay)
        self.step = 0
        self.age = 0  # of the average, in steps: those of earlier runs are counted in

    def resume(self, path: Path) -> dict[str, Any] | None:
        """Go on from a checkpoint, if there is one; a slim one has no optimiser, which then starts afresh."""
        if (state := checkpoint.load(path)) is None:
            return None
        self.module.load_state_dict(state["model"])
        self.average.load(state["average"])
        if "optimiser" in state:
            self.optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])
        self.age = int(state.get("age", self.step))
        return state

    def follow(self, path: Path) -> dict[str, Any]:
        """Go on where another run stands, as the first step of this one and at this one's rates."""
        rates = [group["base_lr"] for group in self.optimiser.param_groups]
        state = self.resume(path)
        if state is None:
            raise FileNotFoundError(path)
        for group, rate in zip(self.optimiser.param_groups, rates, strict=True):
            group["base_lr"] = rate
        self.step = 0
        return state

    def start_from(self, values: Mapping[str, Tensor]) -> None:
        """Begin with another stage's averaged weights."""
        checkpoint.put_averaged(self.module, values)
        self.average.load(values)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds."""
        return {
            "model": self.module.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.values,
            "step": self.step,
            "age": self.age,
        }


def run(
    trainee: Trainee,
    loss_at: Callable[[int], Tensor],
    total: int,
    out: Path,
    limits: Limits,
    *,
    rate_at: Callable[[int], float] | None = None,
    extra: Callable[[], dict[str, Any]] = dict,
    label: Callable[[int], str] = lambda _: "",
) -> list[float]:
    """Train up to `total` steps or a limit; return the loss of each step run."""
    rate_at = rate_at or (lambda step: checkpoint.learning_rate(step, total))
    losses: list[Tensor] = []
    started = saved = time.monotonic()
    last = total if limits.stop_after is None else min(total, trainee.step + limits.stop_after)
    while trainee.step < last:
        trainee.optimiser.scale_learning_rates(rate_at(trainee.step))
        loss = loss_at(trainee.step)
        trainee.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(trainee.module.parameters(), CLIP)
        trainee.optimiser.step()
        trainee.step += 1
        trainee.age += 1
        trainee.average.update(trainee.module, trainee.age)
        losses.append(loss.detach())
        over = time.monotonic() - started > limits.seconds
        if trainee.step % EVERY == 0 or trainee.step == last or over:
            _log(out, label(trainee.step - 1), trainee.step, time.monotonic() - started, losses[-EVERY:])
        if time.monotonic() - saved > limits.save_seconds or trainee.step == last or over:
            saved = time.monotonic()
            checkpoint.save(out, **trainee.state(), **extra())
        if over:
            break
    return torch.stack(losses).tolist() if losses else []


def _log(out: Path, label: str, step: int, seconds: float, losses: list[Tensor]) -> None:
    """Say how it goes, and keep it beside the state: one JSON object a line."""
    loss = torch.stack(losses).mean().item()
    if not math.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss} at step {step}; {out} holds the state before")
    print(f"{out.stem} {label} step {step}, {seconds:.0f} s, loss {loss:.4f}", flush=True)
    line = {"stage": out.stem, "part": label, "step": step, "seconds": round(seconds, 1), "loss": round(loss, 5)}
    with out.with_name(f"{out.stem}.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
