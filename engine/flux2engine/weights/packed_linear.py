"""Packed weights → a linear layer that keeps them packed, in the place of an nn.Linear.

Computes either on the exactly unpacked weight, in the dtype of what comes in, or in fp8 where weight and device allow
it; which, is decided by a pure function and can be listed layer by layer. Knows no format and no file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional

from flux2engine.weights.packed import PackedWeight
from flux2engine.working_memory import UNPACKED_AT_ONCE

Compute = Literal["native fp8", "dequantised"]

_ROWS_APART = 256  # the largest block of a format in use (GGUF's K-quants) ends on a row's end in so many rows
_FP8_CAPABILITY = (8, 9)  # Ada and later multiply fp8
_LARGEST_FP8 = 448.0  # of e4m3fn


@runtime_checkable
class Float8Weight(Protocol):
    """Hold fp8 codes with one scale, and perhaps the scale that its maker measured for what comes in."""

    @property
    def codes(self) -> Tensor:
        """Return the codes, (outputs, inputs)."""
        ...

    @property
    def scale(self) -> Tensor | None:
        """Return what codes are multiplied by, one value in fp32; None for a plain cast."""
        ...

    @property
    def input_scale(self) -> Tensor | None:
        """Return what inputs are divided by before they are rounded to fp8, one value; None where nobody measured."""
        ...

    @property
    def full_precision(self) -> bool:
        """Say whether its maker found products of fp8 inputs too coarse."""
        ...


@dataclass(frozen=True)
class PackedLayer:
    """Say how one layer is packed and how it computes."""

    name: str
    formats: tuple[str, ...]
    compute: Compute
    nbytes: int


def compute_for(weight: PackedWeight, device: torch.device) -> Compute:
    """Choose how a weight is multiplied on a device.

    Natively where CUDA multiplies fp8 (capability 8.9), the weight is e4m3fn with a single scale, and its file has a
    measured scale for the inputs: without one, rounding inputs to fp8 would be a guess of ours. Sides must be
    multiples of 16, as the kernel asks. Everything else is unpacked, exactly.
    """
    if device.type != "cuda" or not isinstance(weight, Float8Weight):
        return "dequantised"
    if torch.cuda.get_device_capability(device) < _FP8_CAPABILITY:
        return "dequantised"
    scales = weight.scale, weight.input_scale
    measured = not weight.full_precision and all(scale is not None and scale.numel() == 1 for scale in scales)
    fits = weight.codes.dtype == torch.float8_e4m3fn and all(side % 16 == 0 for side in weight.shape)
    return "native fp8" if measured and fits else "dequantised"


class PackedLinear(nn.Module):
    """Multiply by a weight that stays packed; parts are joined along the outputs, as q, k and v are.

    Has no parameters: nothing in it can be trained, cast or saved, and `to` moves the packed parts only.
    """

    def __init__(self, parts: Sequence[PackedWeight], device: torch.device, bias: Tensor | None = None) -> None:
        """Take parts of (outputs, inputs) that are on `device`; ValueError unless they have the same inputs."""
        super().__init__()
        if not parts or any(len(part.shape) != 2 or part.shape[1] != parts[0].shape[1] for part in parts):
            raise ValueError(f"parts of {[part.shape for part in parts]} do not join to one matrix")
        self.parts = tuple(parts)
        self.in_features = parts[0].shape[1]
        self.out_features = sum(part.shape[0] for part in parts)
        self.device = device
        self.bias: Tensor | None
        self.register_buffer("bias", bias)

    @property
    def nbytes(self) -> int:
        """Count the bytes of codes, scales and bias."""
        return sum(part.nbytes for part in self.parts) + (0 if self.bias is None else self.bias.nbytes)

    @property
    def formats(self) -> tuple[str, ...]:
        """Name the parts' formats, each once."""
        return tuple(dict.fromkeys(part.format for part in self.parts))

    def compute(self, device: torch.device) -> Compute:
        """Say how this layer multiplies what is on a device: natively only if all its parts can."""
        ways = {compute_for(part, device) for part in self.parts}
        return "native fp8" if ways == {"native fp8"} else "dequantised"

    def dequantised(self, dtype: torch.dtype) -> Tensor:
        """Return the whole weight (outputs, inputs) in `dtype`; beside it no more than UNPACKED_AT_ONCE of fp32.

        A part that cannot be cut between two blocks of its format is unpacked whole.
        """
        if len(self.parts) == 1 and self._small(self.parts[0]):
            return self.parts[0].dequantised(dtype)
        target: Tensor | None = None
        start = 0
        for part in self.parts:
            for piece in self._pieces(part):
                unpacked = piece.dequantised(dtype)
                if target is None:  # only now it is known where the parts are
                    target = unpacked.new_empty(self.out_features, self.in_features)
                target[start : start + len(unpacked)].copy_(unpacked)
                start += len(unpacked)
        assert target is not None  # there is at least one part
        return target

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (…, outputs) in the dtype of `inputs` (…, inputs)."""
        if self.compute(inputs.device) == "native fp8":
            whole = torch.cat([multiply_fp8(inputs, part) for part in self.parts], dim=-1)  # type: ignore[arg-type]
            return whole if self.bias is None else whole + self.bias.to(whole.dtype)
        bias = None if self.bias is None else self.bias.to(inputs.dtype)
        return functional.linear(inputs, self.dequantised(inputs.dtype), bias)

    def extra_repr(self) -> str:
        """Show shape and formats."""
        return f"in_features={self.in_features}, out_features={self.out_features}, {' + '.join(self.formats)}"

    def _small(self, part: PackedWeight) -> bool:
        return part.shape[0] * part.shape[1] * torch.float32.itemsize <= UNPACKED_AT_ONCE

    def _pieces(self, part: PackedWeight) -> list[PackedWeight]:
        if self._small(part):
            return [part]
        rows = max(UNPACKED_AT_ONCE // (part.shape[1] * torch.float32.itemsize) // _ROWS_APART, 1) * _ROWS_APART
        try:
            return [part.rows(start, min(start + rows, part.shape[0])) for start in range(0, part.shape[0], rows)]
        except ValueError:
            return [part]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> PackedLinear:
        # What `to`, `cuda` and `cpu` go through: where an empty tensor ends up, the parts go too. Dtypes stay.
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        device = fn(torch.empty(0, device=self.device)).device
        if device != self.device:
            self.parts = tuple(part.to(device) for part in self.parts)
            self.device = device
        return self


def packed_layers(module: nn.Module, device: torch.device) -> tuple[PackedLayer, ...]:
    """List the packed layers of a module and how each of them computes on a device."""
    return tuple(
        PackedLayer(name, layer.formats, layer.compute(device), layer.nbytes)
        for name, layer in module.named_modules()
        if isinstance(layer, PackedLinear)
    )


def multiply_fp8(inputs: Tensor, weight: Float8Weight) -> Tensor:
    """Return `inputs` (…, inputs) times the weight, both in fp8, summed and scaled in fp32; in the inputs' dtype.

    The published rule of scaled fp8 layers: inputs are divided by their measured scale, clamped to ±448 and rounded.
    """
    assert weight.input_scale is not None  # `compute_for` has asked
    assert weight.scale is not None
    scale = weight.input_scale.reshape(()).float()
    rows = (inputs.reshape(-1, inputs.shape[-1]).float() / scale).clamp(-_LARGEST_FP8, _LARGEST_FP8)
    wide = inputs.dtype if inputs.dtype != torch.float32 else torch.bfloat16  # the kernel's widest on every device
    product: Tensor = torch._scaled_mm(
        rows.to(torch.float8_e4m3fn), weight.codes.t(), scale, weight.scale.reshape(()).float(), out_dtype=wide
    )
    return product.to(inputs.dtype).reshape(*inputs.shape[:-1], -1)
