"""Training state ↔ one file or a folder of parts, written atomically, and the running average of weights.

A run is resumed from this alone: batches are drawn from (seed, step), so nothing else need be remembered. A path that
ends in .pt is one file; any other is a folder whose files are small enough to be carried.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

PART_BYTES = 15 * 1024 * 1024
_PLACE = "tensor:"  # stands in a tree where a part holds the tensor


def save(path: Path, **state: Any) -> None:
    """Write `state` (tensors, state dicts, plain numbers)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    if path.suffix == ".pt":
        torch.save(state, temporary)
        temporary.replace(path)
        return
    temporary.mkdir()
    _write_parts(temporary, state)
    if path.exists():
        old = path.with_name(f"{path.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        path.rename(old)
    temporary.rename(path)
    shutil.rmtree(path.with_name(f"{path.name}.old"), ignore_errors=True)


def load(path: Path) -> dict[str, Any] | None:
    """Read what `save` wrote, onto the CPU; None if there is nothing yet."""
    state: dict[str, Any]
    if path.is_file():
        state = torch.load(path, weights_only=True, map_location="cpu")
        return state
    # A run that was killed between the two renames has left the state before under its second name.
    folder = next((f for f in (path, path.with_name(f"{path.name}.old")) if (f / "tree.pt").exists()), None)
    if folder is None:
        return None
    tensors: dict[str, Tensor] = {}
    for part in sorted(folder.glob("part-*.pt")):
        tensors.update(torch.load(part, weights_only=True, map_location="cpu"))
    state = _with_tensors(torch.load(folder / "tree.pt", weights_only=True), tensors)
    return state


def slim(state: Mapping[str, Any], dtype: torch.dtype = torch.bfloat16) -> dict[str, Any]:
    """Return what a run can go on from if it must be small: weights and averages in `dtype`, no optimiser."""

    def narrow(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: narrow(part) for key, part in value.items()}
        # Statistics of latents scale every picture: they keep fp32.
        return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() and value.ndim > 1 else value

    return {key: narrow(value) for key, value in state.items() if key != "optimiser"}


def _write_parts(folder: Path, state: dict[str, Any]) -> None:
    tensors: dict[str, Tensor] = {}
    tree = _without_tensors(state, tensors, "")
    for index, part in enumerate(_parts(tensors)):
        torch.save(part, folder / f"part-{index:02d}.pt")
    torch.save(tree, folder / "tree.pt")


def _parts(tensors: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    part: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if part and sum(held.nbytes for held in part.values()) + tensor.nbytes > PART_BYTES:
            yield part
            part = {}
        part[name] = tensor.contiguous().clone()  # a view would be written with all it is a view of
    yield part


def _without_tensors(value: Any, tensors: dict[str, Tensor], name: str) -> Any:
    if isinstance(value, Tensor):
        tensors[name] = value
        return _PLACE + name
    if isinstance(value, Mapping):
        return {key: _without_tensors(part, tensors, f"{name}/{key}") for key, part in value.items()}
    if isinstance(value, list):
        return [_without_tensors(part, tensors, f"{name}/{index}") for index, part in enumerate(value)]
    return value


def _with_tensors(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, str) and value.startswith(_PLACE):
        return tensors[value.removeprefix(_PLACE)]
    if isinstance(value, dict):
        return {key: _with_tensors(part, tensors) for key, part in value.items()}
    return [_with_tensors(part, tensors) for part in value] if isinstance(value, list) else value


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

    def load(self, values: Mapping[str, Tensor]) -> None:
        """Take over what a checkpoint holds, on this average's own device and in fp32."""
        for name, value in self.values.items():
            value.copy_(values[name])

    @torch.no_grad()
    def take(self, module: nn.Module, prefix: str) -> None:
        """Forget the past of parameters with this prefix: they have just been replaced."""
        for name, parameter in module.named_parameters():
            if name.startswith(prefix):
                self.values[name].copy_(parameter)


@torch.no_grad()
def put_averaged(module: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Give a module a checkpoint's averaged weights."""
    for name, parameter in module.named_parameters():
        parameter.copy_(values[name])


def learning_rate(step: int, total: int, warm_up: int = 100, cool_down: float = 0.3) -> float:
    """Return the factor at `step` of `total`: a short rise, a plateau, a straight fall to a twentieth."""
    rise = min(1.0, (step + 1) / max(1, min(warm_up, total // 5)))
    left = (total - step) / max(1.0, cool_down * total)
    return rise * (max(0.05, min(1.0, left)) if cool_down else 1.0)
