"""Weights in 8-bit floating point, as BFL publishes them or cast without scales → the weights that they stand for.

BFL: `X.weight` float8_e4m3fn, `X.weight_scale` and `X.input_scale` one fp32 number each, all named in the header's
`_quantization_metadata`; w = code · weight_scale. A plain cast has codes and nothing else. Knows no module.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from flux2engine.errors import WeightsError
from flux2engine.weights.checkpoint import WeightSource
from flux2engine.weights.packed import UnpackedSource
from flux2engine.weights.quantised_layers import (
    COMFY_DECLARATION,
    FILE_DAMAGED,
    FLOAT8_FORMATS,
    Declaration,
    PackedLayer,
    declared_in_header,
    require_scalar,
    scalar,
    unpacked,
)

_OTHERS = (COMFY_DECLARATION, ".scale_weight", "scaled_fp8", ".weight_scale_2")
_DTYPE_NAMES = {dtype: name.removeprefix("float8_") for name, dtype in FLOAT8_FORMATS.items()}


@dataclass(frozen=True, eq=False)
class Float8Weight:
    """Hold codes and the one scale of the whole weight."""

    codes: Tensor  # (out, in) or another shape, float8
    scale: Tensor | None  # (), float32; None for a plain cast
    input_scale: Tensor | None = None  # (), float32: activations are divided by it before they are cast
    full_precision: bool = False  # its producer found products of float8 inputs too coarse

    @property
    def format(self) -> str:
        """Name the format as messages do."""
        return format_name(self.codes.dtype, scaled=self.scale is not None)

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the codes: rows are outputs."""
        return tuple(self.codes.shape)

    @property
    def nbytes(self) -> int:
        """Count the bytes of codes and scales."""
        return sum(part.nbytes for part in (self.codes, self.scale, self.input_scale) if part is not None)

    def dequantised(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return code · scale, multiplied in float32, then cast to `dtype`."""
        values = self.codes.to(torch.float32)
        if self.scale is not None:
            values.mul_(self.scale)
        return values.to(dtype)

    def rows(self, start: int, stop: int) -> Float8Weight:
        """Return some of the rows, sharing memory; raise ValueError unless 0 ≤ start < stop ≤ rows."""
        if not self.shape or not 0 <= start < stop <= self.shape[0]:
            raise ValueError(f"rows {start} to {stop} of a weight of {self.shape}")
        return replace(self, codes=self.codes[start:stop])

    def to(self, device: torch.device) -> Float8Weight:
        """Return it on another device."""
        scale, input_scale = self.scale, self.input_scale
        return replace(
            self,
            codes=self.codes.to(device),
            scale=None if scale is None else scale.to(device),
            input_scale=None if input_scale is None else input_scale.to(device),
        )


@dataclass(frozen=True)
class ScaleNames:
    """Say how a producer calls the scales of a weight."""

    weight: str = ".weight_scale"
    input: str = ".input_scale"
    input_one_is_none: bool = False  # where 1 stands for "not calibrated"


def unpack(source: WeightSource) -> UnpackedSource | None:
    """Read float8 weights with BFL's scales, or cast without any; return None where nothing is float8.

    WeightsError for scales that lack their weight or weights that lack their scale, for scales of another shape, and
    where the header's `_quantization_metadata` says otherwise. Reading a weight raises it for a scale that is not
    finite and positive, and for codes without scale that cannot be a plain cast.
    """
    if any(name.endswith(_OTHERS) for name in source.forms):
        return None
    if not any(form.dtype in _DTYPE_NAMES for form in source.forms.values()):
        return None
    declared = declared_in_header(source)
    if declared is not None and any(one.format not in FLOAT8_FORMATS for one in declared.values()):
        return None
    return unpacked(source, float8_layers(source, declared))


def float8_layers(
    source: WeightSource,
    declared: Mapping[str, Declaration] | None,
    taken: Collection[str] = (),
    names: ScaleNames | None = None,
    full_precision: bool = False,
) -> list[PackedLayer]:
    """Return every float8 tensor of a source that is not in `taken`, matrices with their scales.

    A file has scales for all of its float8 matrices or for none; `declared` names those that have one, None where
    nothing is said. WeightsError, naming all tensors, where they do not fit each other.
    """
    names = names or ScaleNames()
    free = {name: form for name, form in source.forms.items() if name not in taken}
    codes = [name for name, form in free.items() if form.dtype in _DTYPE_NAMES]
    scales = {name for name in free if name.endswith((names.weight, names.input))}
    scaled = declared is not None or any(name.endswith(names.weight) for name in scales)
    layers: list[PackedLayer] = []
    missing: list[str] = []
    for name in codes:
        stem = name.removesuffix(".weight")
        weight_scale, input_scale = stem + names.weight, stem + names.input
        if scaled and weight_scale not in scales and len(free[name].shape) > 1:
            missing.append(weight_scale)
            continue
        helpers = tuple(scale for scale in (weight_scale, input_scale) if scale in scales)
        says = full_precision or (declared is not None and stem in declared and declared[stem].full_precision)
        layers.append(_layer(source, name, helpers, names, says))
    used = {helper for layer in layers for helper in layer.helpers}
    lone = [layer.helpers[0] for layer in layers if len(layer.helpers) == 1 and layer.helpers[0].endswith(names.input)]
    unexpected = [*(scales - used), *lone]
    if missing or unexpected:
        raise WeightsError(
            f"{source.name} holds fp8 weights and scales that do not belong together; {FILE_DAMAGED}",
            missing=missing,
            unexpected=unexpected,
        )
    if declared is not None:
        _require_declared(source, declared, layers)
    return layers


def format_name(dtype: torch.dtype, *, scaled: bool) -> str:
    """Name the format as messages do: `fp8 (e4m3fn, scaled)`."""
    return f"fp8 ({_DTYPE_NAMES[dtype]}, {'scaled' if scaled else 'unscaled'})"


def _layer(
    source: WeightSource, name: str, helpers: tuple[str, ...], names: ScaleNames, full_precision: bool
) -> PackedLayer:
    form = source.forms[name]
    for helper in helpers:
        require_scalar(source, helper)
    weight_scale = next((helper for helper in helpers if helper.endswith(names.weight)), None)
    input_scale = next((helper for helper in helpers if helper.endswith(names.input)), None)

    def read() -> Float8Weight:
        codes = source.tensor(name)
        if weight_scale is None:
            _require_plain_cast(source, name, codes)
            return Float8Weight(codes, None)
        activations = None if input_scale is None else scalar(source, input_scale)
        if names.input_one_is_none and activations is not None and float(activations) == 1:
            activations = None
        return Float8Weight(codes, scalar(source, weight_scale), activations, full_precision)

    return PackedLayer(name, form.shape, format_name(form.dtype, scaled=weight_scale is not None), helpers, read)


def _require_plain_cast(source: WeightSource, name: str, codes: Tensor) -> None:
    """Raise WeightsError if a matrix reaches the largest code, 448 or 57344.

    No weight of a model is that large, and scaling by the largest value always uses it: these are codes whose scale got
    lost, and read without it they would paint noise.
    """
    largest = torch.tensor(torch.finfo(codes.dtype).max).to(codes.dtype).view(torch.uint8)
    if codes.ndim > 1 and bool(((codes.view(torch.uint8) & 0x7F) == largest).any()):
        raise WeightsError(
            f"{source.name}: {name} has no scale and holds the largest {_DTYPE_NAMES[codes.dtype]} number,"
            f" {torch.finfo(codes.dtype).max:.0f}: its scale was dropped; {FILE_DAMAGED}"
        )


def _require_declared(
    source: WeightSource, declared: Mapping[str, Declaration], layers: Collection[PackedLayer]
) -> None:
    """Raise WeightsError unless the scaled layers are those that are declared as float8, each in its dtype."""
    scaled = {layer.name.removesuffix(".weight"): source.forms[layer.name].dtype for layer in layers if layer.helpers}
    said = {stem: FLOAT8_FORMATS[one.format] for stem, one in declared.items() if one.format in FLOAT8_FORMATS}
    wrong = [
        f"{stem}.weight {source.forms[f'{stem}.weight'].dtype} instead of {dtype}"
        for stem, dtype in said.items()
        if scaled.get(stem) != dtype
    ]
    undeclared = [f"{stem}.weight" for stem in scaled if stem not in said]
    if wrong or undeclared:
        raise WeightsError(
            f"{source.name}: its fp8 weights are not those that it declares; {FILE_DAMAGED}",
            unexpected=undeclared,
            mismatched=wrong,
        )
