"""LoRAs with strengths → a transformer that computes with them: merged into its weights, or beside layers that stay.

Everything is compared before anything is changed. Knows layers by their official names and what they can do, not what
class they are; knows no file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn

from flux2engine.errors import WeightsError
from flux2engine.weights.lora.algebra import Delta, added_output, change
from flux2engine.weights.lora.places import Place
from flux2engine.weights.lora.reading import Lora, Patch
from flux2engine.weights.safetensors_file import is_finite

Way = Literal["merged", "beside"]

_MERGEABLE = (torch.float32, torch.bfloat16, torch.float16, torch.float64)


@runtime_checkable
class Packed(Protocol):
    """Stand for a linear layer whose weight is packed."""

    in_features: int
    out_features: int

    def dequantised(self, dtype: torch.dtype) -> Tensor:
        """Return the weight (outputs, inputs), unpacked."""
        ...


@dataclass(frozen=True)
class Applied:
    """Say what was done to which layers, and which keys were left out because the caller allowed it."""

    merged: tuple[str, ...]
    beside: tuple[str, ...]
    left_out: tuple[str, ...]


def apply_loras(
    module: nn.Module, loras: Sequence[tuple[Lora, float]], allow_unmatched: bool = False, way: Way | None = None
) -> Applied:
    """Adapt a transformer by several LoRAs at once, each times its strength.

    A layer's weight becomes W + Σ strength · ΔW, summed in fp32 and cast once, where ΔW is what each LoRA alone does to
    the weight as it was; DoRA's too. That is `merged`, and the default for plain floating weights. `beside` leaves the
    layer as it is and adds the sum to its output, the default for packed weights. Strengths may be negative.

    WeightsError, with nothing changed, for keys that no layer of this transformer answers to (unless `allow_unmatched`,
    which leaves them out), for shapes that do not fit, for a LoRA of which nothing would be applied, and for layers
    whose weights are streamed or not loaded. For a sum that is not finite in the weight's dtype too: only then is the
    module changed in part and has to be thrown away.
    """
    for lora, strength in loras:
        if not math.isfinite(strength):
            raise WeightsError(f"{lora.name}: its strength is {strength}, not a finite number")
    left_out = [key for lora, _ in loras for key in _unmatched(module, lora, allow_unmatched)]
    by_layer: dict[str, list[tuple[Patch, float]]] = {}
    for lora, strength in loras:
        _require_fit(module, lora)
        for patch in lora.patches:
            if strength != 0 and _linear(module, patch.place.layer) is not None:
                by_layer.setdefault(patch.place.layer, []).append((patch, strength))
    _require_weights(module, by_layer)
    beside = [name for name in by_layer if way == "beside" or (way is None and not _plain(module, name))]
    merged = [name for name in by_layer if name not in set(beside)]
    packed = [name for name in merged if not _plain(module, name)]
    if packed:
        raise WeightsError(
            "LoRAs cannot be merged into layers whose weights are packed or adapted beside; put them beside",
            mismatched=packed,
        )
    for name in merged:
        _merge(name, cast(nn.Linear, module.get_submodule(name)), by_layer[name])
    for name in beside:
        _put_beside(module, name, by_layer[name])
    return Applied(tuple(merged), tuple(beside), tuple(left_out))


class AdaptedLinear(nn.Module):
    """Add to a linear layer's output what LoRAs add to it, its weight left as it is."""

    def __init__(self, base: nn.Module, terms: Sequence[Term]) -> None:
        super().__init__()
        self.base = base
        self.terms = nn.ModuleList(terms)
        self.in_features = int(cast(int, base.in_features))
        self.out_features = int(cast(int, base.out_features))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (…, outputs): the layer's own output and Σ strength · what each term adds to it."""
        output: Tensor = self.base(inputs)
        added = output
        for term in self.terms:
            added = term(inputs, output, added, self.base)
        return added

    def extra_repr(self) -> str:
        """Show the shape."""
        return f"in_features={self.in_features}, out_features={self.out_features}"


class Term(nn.Module):
    """Hold one LoRA's factors for a layer, as buffers that move with it and are never saved."""

    gain: Tensor | None

    def __init__(self, place: Place, delta: Delta, gain: Tensor | None, strength: float) -> None:
        super().__init__()
        self.place = place
        self.strength = strength
        self._delta = delta.with_factors(dict.fromkeys(delta.factors, torch.empty(0)))  # the buffers hold them
        self._names = tuple(delta.factors)
        for name, tensor in delta.factors.items():
            self.register_buffer(name, tensor, persistent=False)
        self.register_buffer("gain", gain, persistent=False)

    def forward(self, inputs: Tensor, output: Tensor, so_far: Tensor, base: nn.Module) -> Tensor:
        """Return `so_far` and this term's share, of a layer `base` that gave `output` (…, outputs) for `inputs`."""
        rows = self.place.rows(output.shape[-1])

        def own(values: Tensor) -> Tensor:
            return self.place.ordered(values[..., rows], -1)

        delta = self._delta.with_factors({name: getattr(self, name) for name in self._names})
        added = added_output(delta, self.gain, inputs, own(output), lambda values: own(base(values)))
        share = self.strength * self.place.ordered(added, -1)
        if self.place.parts == 1:
            return so_far + share
        joined = so_far.clone()
        joined[..., rows] += share
        return joined


def _merge(name: str, linear: nn.Linear, patches: Sequence[tuple[Patch, float]]) -> None:
    weight = linear.weight
    # One new fp32 matrix at a time; the old weight may be a map of its file and stays untouched.
    base = weight.detach().to(torch.promote_types(weight.dtype, torch.float32))
    total = base.clone()
    for patch, strength in patches:
        rows = patch.place.rows(len(base))
        own = patch.place.ordered(base[rows], 0)
        added = change(own, _on(patch.delta, base.device), patch.magnitude)
        total[rows] += strength * patch.place.ordered(added, 0)
    merged = total.to(weight.dtype)
    if not is_finite(merged):
        raise WeightsError(f"with its LoRAs, {name} holds values that are not finite in {weight.dtype}")
    linear.weight = nn.Parameter(merged, requires_grad=weight.requires_grad)


def _put_beside(module: nn.Module, name: str, patches: Sequence[tuple[Patch, float]]) -> None:
    present = module.get_submodule(name)
    adapted = present if isinstance(present, AdaptedLinear) else None
    base = present if adapted is None else adapted.base
    terms = [_term(name, base, patch, strength) for patch, strength in patches]
    if adapted is not None:
        adapted.terms.extend(terms)
        return
    parent, _, leaf = name.rpartition(".")
    setattr(module.get_submodule(parent), leaf, AdaptedLinear(base, terms))


def _term(name: str, base: nn.Module, patch: Patch, strength: float) -> Term:
    device = _device(base)
    delta = _on(patch.delta, device)
    gain = None
    if patch.magnitude is not None:
        rows = patch.place.rows(int(cast(int, base.out_features)))
        own = patch.place.ordered(_weight(base)[rows].to(device, torch.float32), 0)
        gain = patch.magnitude.gain(own + delta.matrix())
        if not is_finite(gain):
            raise WeightsError(f"the DoRA of {name} gives gains that are not finite: the changed weight has a zero row")
    return Term(patch.place, delta, gain, strength)


def _unmatched(module: nn.Module, lora: Lora, allowed: bool) -> list[str]:
    """Return what a LoRA has for layers that are not here; raise WeightsError unless that is allowed."""
    absent = [patch.place.title for patch in lora.patches if _linear(module, patch.place.layer) is None]
    left_out = [*lora.unmatched, *lora.text_encoder, *absent]
    if len(absent) == len(lora.patches):
        raise WeightsError(f"{lora.name} adapts no layer that this {type(module).__name__} has", unexpected=left_out)
    if not left_out or allowed:
        return left_out
    reasons = []
    if lora.text_encoder:
        reasons.append(
            f"{len(lora.text_encoder)} of its keys adapt a text encoder, which is not read: train it with the text"
            " encoder left out, or allow unmatched keys to apply the transformer's part alone"
        )
    if absent:
        reasons.append(f"it adapts layers that this {type(module).__name__} does not have: was it trained on another?")
    if lora.unmatched:
        reasons.append(f"it has keys of unknown layers{': ' if lora.hint else ''}{lora.hint}")
    raise WeightsError(f"{lora.name} would be applied in part; {'; '.join(reasons)}", unexpected=left_out)


def _require_fit(module: nn.Module, lora: Lora) -> None:
    mismatched = []
    for patch in lora.patches:
        linear = _linear(module, patch.place.layer)
        if linear is None:
            continue
        outputs, inputs = int(cast(int, linear.out_features)), int(cast(int, linear.in_features))
        wanted = (outputs // patch.place.parts, inputs)
        if patch.delta.shape != wanted:
            mismatched.append(f"{patch.place.title} {patch.delta.shape} instead of {wanted}")
    if mismatched:
        raise WeightsError(
            f"{lora.name} does not fit this {type(module).__name__}: it was trained on a model of another size",
            mismatched=mismatched,
        )


def _require_weights(module: nn.Module, names: Iterable[str]) -> None:
    """Raise where an adaptation would be lost: with weights that come and go, or come only later."""
    absent = []
    for name in names:
        linear = module.get_submodule(name)
        parents = [module.get_submodule(name[:dot]) for dot, sign in enumerate(name) if sign == "."]
        streamed = any(hasattr(parent, "stream") for parent in parents)  # a list of blocks that are fetched anew
        if streamed or (isinstance(linear, nn.Linear) and linear.weight.is_meta):
            absent.append(name)
    if absent:
        raise WeightsError(
            "LoRAs change weights that are there to stay; apply them after loading and before blocks are streamed",
            mismatched=absent,
        )


def _linear(module: nn.Module, name: str) -> nn.Module | None:
    """Return the linear layer of that name, whatever its class; None where there is none."""
    try:
        found = module.get_submodule(name)
    except AttributeError:
        return None
    return found if hasattr(found, "in_features") and hasattr(found, "out_features") else None


def _plain(module: nn.Module, name: str) -> bool:
    found = module.get_submodule(name)
    return isinstance(found, nn.Linear) and found.weight.dtype in _MERGEABLE


def _weight(base: nn.Module) -> Tensor:
    if isinstance(base, nn.Linear):
        return base.weight.detach()
    if isinstance(base, Packed):
        return base.dequantised(torch.float32)
    raise WeightsError(f"DoRA needs the weight of the layer it adapts, and a {type(base).__name__} gives none")


def _device(base: nn.Module) -> torch.device:
    for tensor in (*base.parameters(), *base.buffers()):
        return tensor.device
    device = getattr(base, "device", None)  # a packed layer has neither and says where it is
    return device if isinstance(device, torch.device) else torch.device("cpu")


def _on(delta: Delta, device: torch.device) -> Delta:
    return delta.with_factors({name: tensor.to(device) for name, tensor in delta.factors.items()})
