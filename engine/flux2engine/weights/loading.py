"""An identified checkpoint → the parameters of a module, one tensor at a time, strictly.

Memory beyond the module stays at one tensor, or one fused group. Knows the layouts' rules by name only and builds no
module.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from flux2engine.errors import WeightsError
from flux2engine.weights import layouts
from flux2engine.weights.checkpoint import WeightSource
from flux2engine.weights.identify import Identified
from flux2engine.weights.layouts import Piece, piece
from flux2engine.weights.safetensors_file import is_finite

# Statistics scale every latent of every picture: they keep fp32 whatever the weights compute in.
_STATISTICS = ("bn.running_mean", "bn.running_var")


@dataclass(frozen=True)
class _Slot:
    """Hold one tensor of the module: every name it goes by (tied weights have several) and where it comes from."""

    names: tuple[str, ...]
    tensor: Tensor
    piece: Piece


def load_weights(
    module: nn.Module, checkpoint: WeightSource, found: Identified, device: torch.device, dtype: torch.dtype | None
) -> int:
    """Fill a module, built on the meta device, with the checkpoint's weights; return the bytes placed on `device`.

    All names and shapes are compared before anything is read. `dtype` None keeps the file's; the autoencoder's
    statistics are fp32 in any case. Parameters need no gradient afterwards. On the CPU, a tensor that is already in
    the wanted dtype and layout stays a private map of the file: nothing is copied, and its pages can be dropped and
    read again; it counts as placed all the same. A language model's module may have fewer layers than the file, and
    any of the usual prefixes. Buffers that are not in the state dict stay as they are.

    WeightsError if keys or shapes differ, or for values that are not finite (in the file, or in `dtype`), by name; the
    module is then partly filled and has to be thrown away.
    """
    slots = _slots(module, checkpoint, found)
    moved = 0
    for slot in slots:
        target = _placed(checkpoint, slot, device, _wanted_dtype(slot, checkpoint, dtype))
        if not is_finite(target):
            raise _not_finite(checkpoint, slot, target.dtype)
        placed = nn.Parameter(target, requires_grad=False) if isinstance(slot.tensor, nn.Parameter) else target
        for name in slot.names:  # the same object, so that tied weights stay tied
            _assign(module, name, placed)
        moved += target.nbytes
    return moved


def _slots(module: nn.Module, checkpoint: WeightSource, found: Identified) -> list[_Slot]:
    """Return what has to be filled, in the module's order; raise WeightsError unless the file fits exactly."""
    names_of: dict[int, list[str]] = {}
    tensors: dict[int, Tensor] = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        names_of.setdefault(id(tensor), []).append(name)
        tensors[id(tensor)] = tensor
    present = checkpoint.forms
    slots, missing, mismatched = [], [], []
    used: set[str] = set()
    for key, tensor in tensors.items():
        names = tuple(names_of[key])
        pieces = [piece(found.kind, found.layout, found.prefix, _official(found, name), present) for name in names]
        source = next((one for one in pieces if all(name in present for name in one.names)), None)
        if source is None:
            missing += [name for one in pieces[:1] for name in one.names if name not in present]
            continue
        used.update(*(one.names for one in pieces))
        mismatched += _mismatched(source, tuple(tensor.shape), checkpoint)
        slots.append(_Slot(names, tensor, source))
    unexpected = [name for name in present if name not in used and not _may_stay(found, name)]
    if missing or unexpected or mismatched:
        raise WeightsError(
            f"{checkpoint.name} does not fit this {type(module).__name__}",
            missing=missing,
            unexpected=unexpected,
            mismatched=mismatched,
        )
    return slots


def _official(found: Identified, name: str) -> str:
    return layouts.plain_language_model_name(name) if found.kind == "text_encoder" else name


def _may_stay(found: Identified, name: str) -> bool:
    """Return whether a tensor may be in the file without being loaded."""
    if layouts.IGNORED.fullmatch(name):
        return True
    plain = layouts.plain_language_model_name(name)
    return found.kind == "text_encoder" and layouts.BEYOND_ENCODING.fullmatch(plain) is not None


def _mismatched(source: Piece, shape: tuple[int, ...], checkpoint: WeightSource) -> list[str]:
    return [
        f"{name} {_form(checkpoint, name)} instead of {wanted}"
        for name, wanted in zip(source.names, source.shapes(shape), strict=True)
        if checkpoint.forms[name].shape != wanted or not checkpoint.forms[name].dtype.is_floating_point
    ]


def _form(checkpoint: WeightSource, name: str) -> str:
    # Whole numbers in the place of weights are a packed format that has to be unpacked, never cast.
    form = checkpoint.forms[name]
    return f"{form.shape}{'' if form.dtype.is_floating_point else f' of {form.dtype}'}"


def _wanted_dtype(slot: _Slot, checkpoint: WeightSource, dtype: torch.dtype | None) -> torch.dtype:
    if slot.names[0].endswith(_STATISTICS):
        return torch.float32
    return dtype or checkpoint.forms[slot.piece.names[0]].dtype


def _placed(checkpoint: WeightSource, slot: _Slot, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return the official tensor on the device: the file's own where nothing has to change."""
    shape, change = slot.tensor.shape, slot.piece.change
    if change in ("same", "matrix to convolution"):
        return checkpoint.tensor(slot.piece.names[0]).reshape(shape).to(device, dtype)
    target = torch.empty(shape, dtype=dtype, device=device)
    if change == "halves swapped":
        second, first = checkpoint.tensor(slot.piece.names[0]).chunk(2)
        target[: len(first)].copy_(first)
        target[len(first) :].copy_(second)
        return target
    rows = shape[0] // len(slot.piece.names)
    for index, name in enumerate(slot.piece.names):  # one part in memory at a time
        target[index * rows : (index + 1) * rows].copy_(checkpoint.tensor(name))
    return target


def _not_finite(checkpoint: WeightSource, slot: _Slot, dtype: torch.dtype) -> WeightsError:
    bad = [name for name in slot.piece.names if not is_finite(checkpoint.tensor(name))]
    if bad:
        return WeightsError(f"{checkpoint.name} holds values that are not finite", mismatched=bad)
    return WeightsError(f"{checkpoint.name} holds values that are too large for {dtype}", mismatched=slot.piece.names)


def _assign(module: nn.Module, name: str, tensor: Tensor) -> None:
    path, _, leaf = name.rpartition(".")
    setattr(module.get_submodule(path), leaf, tensor)
