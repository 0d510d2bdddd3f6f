"""Gradients → updates: Muon for matrices inside blocks, AdamW for everything else, in one optimiser.

Muon keeps a momentum and replaces it by the nearest orthogonal matrix, so that every direction learns at one pace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

# Quintic Newton-Schulz coefficients of the method's author (Keller Jordan, 2024): fast growth of small singular values.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


def orthogonalise(matrix: Tensor) -> Tensor:
    """Return about U Vᵀ of the singular value decomposition of a (rows, columns) matrix."""
    first, second, third = _COEFFICIENTS
    states = matrix / (matrix.norm() + 1e-7)
    wide = states.shape[0] <= states.shape[1]
    if not wide:
        states = states.T
    for _ in range(_ITERATIONS):
        gram = states @ states.T
        states = first * states + (second * gram + third * gram @ gram) @ states
    result: Tensor = states if wide else states.T
    return result


class Muon(torch.optim.Optimizer):
    """Update `matrices` by Muon and `others` by AdamW; `lr` is the size of an element's update, per group."""

    def __init__(
        self,
        matrices: Iterable[Tensor],
        others: Iterable[dict[str, Any]],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        groups = [
            {"params": list(matrices), "lr": lr, "kind": "muon"},
            *({**group, "kind": "adamw"} for group in others),
        ]
        super().__init__(
            [group for group in groups if group["params"]],
            {"momentum": momentum, "weight_decay": weight_decay, "betas": (0.9, 0.98), "epsilon": 1e-8},
        )
        for group in self.param_groups:
            group["base_lr"] = group["lr"]

    def scale_learning_rates(self, factor: float) -> None:
        """Set every group's rate to `factor` of its first value."""
        for group in self.param_groups:
            group["lr"] = group["base_lr"] * factor

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Apply one update."""
        if closure is not None:
            raise ValueError("this optimiser takes no closure")
        for group in self.param_groups:
            update = self._muon if group["kind"] == "muon" else self._adamw
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if group["weight_decay"]:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update(parameter, parameter.grad, group), alpha=-group["lr"])

    def _muon(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(gradient, 1 - group["momentum"])
        ahead = torch.lerp(gradient, state["momentum"], group["momentum"])
        update = orthogonalise(ahead.flatten(1))
        # Its elements have root mean square 1 / √(longer side): brought to 1, lr means the same everywhere.
        scaled: Tensor = update.reshape(parameter.shape) * max(update.shape) ** 0.5
        return scaled

    def _adamw(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> Tensor:
        state = self.state[parameter]
        if not state:
            state.update(step=0, first=torch.zeros_like(parameter), second=torch.zeros_like(parameter))
        state["step"] += 1
        first, second = group["betas"]
        state["first"].lerp_(gradient, 1 - first)
        state["second"].lerp_(gradient * gradient, 1 - second)
        deviation = (state["second"] / (1 - second ** state["step"])).sqrt_().add_(group["epsilon"])
        update: Tensor = state["first"] / (1 - first ** state["step"]) / deviation
        return update


def split_parameters(module: nn.Module, is_matrix: Callable[[str, Tensor], bool]) -> tuple[list[Tensor], list[Tensor]]:
    """Part a module's parameters into those for Muon and the others."""
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in module.named_parameters():
        (matrices if parameter.ndim >= 2 and is_matrix(name, parameter) else others).append(parameter)
    return matrices, others
