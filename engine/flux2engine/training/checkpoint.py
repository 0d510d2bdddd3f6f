"""Training state ↔ one file, written atomically, and the running average of weights.

A run is resumed from this file alone: batches are drawn from (seed, step), so nothing else need be remembered.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


def save(path: Path, **state: Any) -> None:
    """Write `state` (tensors, state dicts, plain numbers)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    torch.save(state, temporary)
    temporary.replace(path)


def load(path: Path) -> dict[str, Any] | None:
    """Read what `save` wrote; None if there is nothing yet."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state


class Average:
    """An exponential moving average of a module's parameters; young averages follow faster."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values: dict[str, Tensor] = {name: value.detach().clone() for name, value in module.named_parameters()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the parameters after `step` (from 1)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        names, parameters = zip(*module.named_parameters(), strict=True)
        torch._foreach_lerp_([self.values[name] for name in names], list(parameters), 1 - decay)


def learning_rate(step: int, total: int, warm_up: int = 100, cool_down: float = 0.3) -> float:
    """Return the factor at `step` of `total`: a short rise, a plateau, a straight fall to a twentieth."""
    rise = min(1.0, (step + 1) / max(1, min(warm_up, total // 5)))
    left = (total - step) / max(1.0, cool_down * total)
    return rise * max(0.05, min(1.0, left))
