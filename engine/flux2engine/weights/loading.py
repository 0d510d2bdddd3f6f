"""An identified checkpoint → the parameters of a module, one tensor at a time, strictly.

Memory beyond the module stays at one tensor, or one fused group. Packed weights may stay packed, in layers of theirs.
Knows the layouts' rules by name only and builds no model.
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
from flux2engine.weights.packed import UnpackedSource
from flux2engine.weights.packed_linear import PackedLinear
from flux2engine.weights.safetensors_file import is_finite

# Statistics scale every latent of every picture: they keep fp32 whatever the weights compute in.
_STATISTICS = ("bn.running_mean", "bn.running_var")


@dataclass(frozen=True)
class Place:
    """Name one tensor of a module: every name it goes by (tied weights have several) and where it comes from."""

    names: tuple[str, ...]
    tensor: Tensor
    piece: Piece


def load_weights(
    module: nn.Module,
    checkpoint: WeightSource,
    found: Identified,
    device: torch.device,
    dtype: torch.dtype | None,
    keep_packed: bool = False,
) -> int:
    """Fill a module, built on the meta device, with the checkpoint's weights; return the bytes placed on `device`.

    All names and shapes are compared before anything is read. `dtype` None keeps the file's; the autoencoder's
    statistics are fp32 in any case. Parameters need no gradient afterwards. On the CPU, a tensor that is already in
    the wanted dtype and layout stays a private map of the file: nothing is copied, and its pages can be dropped and
    read again; it counts as placed all the same. A language model's module may have fewer layers than the file, and
    any of the usual prefixes. Buffers that are not in the state dict stay as they are. With `keep_packed`, a linear
    layer whose weight is packed in the file, whole or in parts, is replaced by a PackedLinear; its values are read
    and checked all the same.

    WeightsError if keys or shapes differ, or for values that are not finite (in the file, or in `dtype`), by name; the
    module is then partly filled and has to be thrown away.
    """
    return sum(
        fill(module, checkpoint, place, device, dtype, keep_packed) for place in places(module, checkpoint, found)
    )


def fill(
    module: nn.Module,
    checkpoint: WeightSource,
    place: Place,
    device: torch.device,
    dtype: torch.dtype | None,
    keep_packed: bool,
) -> int:
    """Fill one place of a module and check its values; return the bytes placed. WeightsError as `load_weights`."""
    wanted = wanted_dtype(place, checkpoint, dtype)
    if keep_packed and stays_packed(module, checkpoint, place):
        layer = packed_layer(checkpoint, place, device)
        for name, part in zip(place.piece.names, layer.parts, strict=True):
            if not is_finite(part.dequantised(wanted)):
                raise WeightsError(f"{checkpoint.name} holds values that are not finite", mismatched=(name,))
        assign(module, place.names[0].removesuffix(".weight"), layer)
        return layer.nbytes
    target = placed(checkpoint, place, device, wanted)
    if not is_finite(target):
        raise not_finite(checkpoint, place, target.dtype)
    filled = nn.Parameter(target, requires_grad=False) if isinstance(place.tensor, nn.Parameter) else target
    for name in place.names:  # the same object, so that tied weights stay tied
        assign(module, name, filled)
    return target.nbytes


def stays_packed(module: nn.Module, checkpoint: WeightSource, place: Place) -> bool:
    """Say, from names alone, whether a place is a linear layer's whose weight is packed, whole or in parts.

    Swapped halves (of the final layer alone) are unpacked: a format's blocks need not end at the middle.
    """
    name, source = place.names[0], place.piece
    if not isinstance(checkpoint, UnpackedSource) or len(place.names) > 1 or not name.endswith(".weight"):
        return False
    if source.change not in ("same", "joined") or not all(part in checkpoint.packed for part in source.names):
        return False
    linear = module.get_submodule(name.removesuffix(".weight"))
    return type(linear) is nn.Linear and linear.bias is None  # no packed layer of FLUX.2 or its encoders has one


def packed_layer(checkpoint: WeightSource, place: Place, device: torch.device) -> PackedLinear:
    """Return the layer that keeps the weight of a place packed that `stays_packed`."""
    assert isinstance(checkpoint, UnpackedSource)
    return PackedLinear([checkpoint.packed_weight(part).to(device) for part in place.piece.names], device)


def places(module: nn.Module, checkpoint: WeightSource, found: Identified) -> list[Place]:
    """Return what has to be filled, in the module's order; raise WeightsError unless the file fits exactly."""
    names_of: dict[int, list[str]] = {}
    tensors: dict[int, Tensor] = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        names_of.setdefault(id(tensor), []).append(name)
        tensors[id(tensor)] = tensor
    present = checkpoint.forms
    filled, missing, mismatched = [], [], []
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
        filled.append(Place(names, tensor, source))
    unexpected = [name for name in present if name not in used and not _may_stay(found, name)]
    if missing or unexpected or mismatched:
        raise WeightsError(
            f"{checkpoint.name} does not fit this {type(module).__name__}",
            missing=missing,
            unexpected=unexpected,
            mismatched=mismatched,
        )
    return filled


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


def wanted_dtype(place: Place, checkpoint: WeightSource, dtype: torch.dtype | None) -> torch.dtype:
    """Return the dtype that a place computes in."""
    if place.names[0].endswith(_STATISTICS):
        return torch.float32
    return dtype or checkpoint.forms[place.piece.names[0]].dtype


def placed(checkpoint: WeightSource, place: Place, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return the official tensor on the device: the file's own where nothing has to change."""
    shape, change = place.tensor.shape, place.piece.change
    if change in ("same", "matrix to convolution"):
        return checkpoint.tensor(place.piece.names[0]).reshape(shape).to(device, dtype)
    target = torch.empty(shape, dtype=dtype, device=device)
    if change == "halves swapped":
        second, first = checkpoint.tensor(place.piece.names[0]).chunk(2)
        target[: len(first)].copy_(first)
        target[len(first) :].copy_(second)
        return target
    rows = shape[0] // len(place.piece.names)
    for index, name in enumerate(place.piece.names):  # one part in memory at a time
        target[index * rows : (index + 1) * rows].copy_(checkpoint.tensor(name))
    return target


def not_finite(checkpoint: WeightSource, place: Place, dtype: torch.dtype) -> WeightsError:
    """Return the error for a place's values, naming the tensors of the file."""
    bad = [name for name in place.piece.names if not is_finite(checkpoint.tensor(name))]
    if bad:
        return WeightsError(f"{checkpoint.name} holds values that are not finite", mismatched=bad)
    return WeightsError(f"{checkpoint.name} holds values that are too large for {dtype}", mismatched=place.piece.names)


def assign(module: nn.Module, name: str, value: Tensor | nn.Module) -> None:
    """Put a tensor or a layer into its place."""
    path, _, leaf = name.rpartition(".")
    setattr(module.get_submodule(path), leaf, value)
