"""Gradients → updates: Muon for matrices inside blocks, AdamW for everything else, in one optimiser.

Muon keeps a momentum and replaces it by the nearest orthogonal matrix, so that every direction learns at one pace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn

# Quintic Newton-Schulz coefficients of the method's author (Keller Jordan, 2024): fast growth of small singular values.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


def orthogonalise(matrices: Tensor) -> Tensor:
    """Return about U Vᵀ of the singular value decomposition of each (…, rows, columns) matrix."""
    first, second, third = _COEFFICIENTS
    states = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    wide = states.shape[-2] <= states.shape[-1]
    if not wide:
        states = states.mT
    for _ in range(_ITERATIONS):
        gram = states @ states.mT
        states = first * states + (second * gram + third * gram @ gram) @ states
    result: Tensor = states if wide else states.mT
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
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if not parameters:
                continue
            if group["weight_decay"]:
                torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
            update = self._muon if group["kind"] == "muon" else self._adamw
            updates = update(parameters, [cast(Tensor, parameter.grad) for parameter in parameters], group)
            torch._foreach_add_(parameters, updates, alpha=-group["lr"])

    def _memory(self, parameters: list[Tensor], name: str) -> list[Tensor]:
        for parameter in parameters:
            if name not in self.state[parameter]:
                self.state[parameter][name] = torch.zeros_like(parameter)
        return [self.state[parameter][name] for parameter in parameters]

    def _muon(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> list[Tensor]:
        momenta = self._memory(parameters, "momentum")
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        ahead = torch._foreach_lerp(gradients, momenta, group["momentum"])
        updates: list[Tensor] = list(ahead)
        # Matrices of one shape go together: a GPU would spend its time on launching them one by one.
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for index, parameter in enumerate(parameters):
            by_shape.setdefault(tuple(parameter.shape), []).append(index)
        for indices in by_shape.values():
            found = orthogonalise(torch.stack([ahead[index].flatten(1) for index in indices]))
            # Its elements have root mean square 1 / √(longer side): brought to 1, lr means the same everywhere.
            for index, matrix in zip(indices, found * max(found.shape[-2:]) ** 0.5, strict=True):
                updates[index] = matrix.reshape(parameters[index].shape)
        return updates

    def _adamw(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> list[Tensor]:
        firsts, seconds = self._memory(parameters, "first"), self._memory(parameters, "second")
        steps = [self.state[parameter].get("step", 0) + 1 for parameter in parameters]
        for parameter, step in zip(parameters, steps, strict=True):
            self.state[parameter]["step"] = step
        first, second = group["betas"]
        torch._foreach_lerp_(firsts, gradients, 1 - first)
        torch._foreach_lerp_(seconds, torch._foreach_mul(gradients, gradients), 1 - second)
        deviations = torch._foreach_div(seconds, [1 - second**step for step in steps])
        torch._foreach_sqrt_(deviations)
        torch._foreach_add_(deviations, group["epsilon"])
        means = torch._foreach_div(firsts, [1 - first**step for step in steps])
        return list(torch._foreach_div(means, deviations))


def split_parameters(module: nn.Module, is_matrix: Callable[[str, Tensor], bool]) -> tuple[list[Tensor], list[Tensor]]:
    """Part a module's parameters into those for Muon and the others."""
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in module.named_parameters():
        (matrices if parameter.ndim >= 2 and is_matrix(name, parameter) else others).append(parameter)
    return matrices, others
