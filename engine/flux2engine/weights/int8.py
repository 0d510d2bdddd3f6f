"""bitsandbytes' LLM.int8 weights (int8 codes, one fp32 scale a row) ↔ weights that unpack exactly.

Beside `X.weight` stands `X.SCB`, each row's largest magnitude, and perhaps `X.weight_format`. It is what our own files
have too: the arithmetic of int8 by rows is the same whoever writes it. Knows no layout.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from flux2engine.errors import WeightsError
from flux2engine.weights.checkpoint import TensorForm, WeightSource
from flux2engine.weights.packed import UnpackedSource
from flux2engine.weights.quantised_layers import PackedLayer, unpacked

_SCALES, _LAYOUT, _WEIGHT = ".SCB", ".weight_format", ".weight"
_LARGEST = 127
_ROW_MAJOR = 0  # of weight_format; 1 to 3 are the tilings of old GPUs, which nothing writes any more
_FORMAT = "int8 (by rows)"
# One step of quantising goes over so many values: all of a fused weight of dev would take 1.4 GB.
_VALUES_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Int8Weight:
    """Hold a weight as int8 codes and each row's largest magnitude."""

    codes: Tensor  # (rows, columns) int8
    scales: Tensor  # (rows,) float32

    @property
    def format(self) -> str:
        """Name the format."""
        return _FORMAT

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape."""
        return tuple(self.codes.shape)

    @property
    def nbytes(self) -> int:
        """Count the bytes of codes and scales."""
        return self.codes.nbytes + self.scales.nbytes

    def dequantised(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return code × scale / 127, by bitsandbytes' arithmetic: in fp32, with a reciprocal, scale first."""
        return self.codes.float().mul_(self.scales[:, None]).mul_(1 / _LARGEST).to(dtype)

    def rows(self, start: int, stop: int) -> Int8Weight:
        """Return some of the rows; any will do."""
        if not 0 <= start < stop <= len(self.codes):
            raise ValueError(f"rows {start} to {stop} are not among {len(self.codes)}")
        return replace(self, codes=self.codes[start:stop], scales=self.scales[start:stop])

    def to(self, device: torch.device) -> Int8Weight:
        """Return it on another device."""
        return replace(self, codes=self.codes.to(device), scales=self.scales.to(device))


def unpack(source: WeightSource) -> UnpackedSource | None:
    """Read LLM.int8 weights; None where nothing is called SCB.

    WeightsError names weights without scales, scales without weights, and shapes that do not fit.
    """
    stems = [name.removesuffix(_SCALES) for name in source.forms if name.endswith(_SCALES)]
    if not stems:
        return None
    _require_whole(source, stems)
    layers = [
        PackedLayer(
            stem + _WEIGHT, source.forms[stem + _WEIGHT].shape, _FORMAT, (stem + _SCALES,),
            partial(_read_weight, source, stem),
        )
        for stem in stems
    ]  # fmt: skip
    return unpacked(source, layers, marks=[stem + _LAYOUT for stem in stems])


def _require_whole(source: WeightSource, stems: list[str]) -> None:
    """Raise WeightsError unless every int8 matrix has its scales, and all scales their matrix, row by row."""
    missing, mismatched = [], []
    for stem in stems:
        codes, scales = source.forms.get(stem + _WEIGHT), source.forms[stem + _SCALES]
        if codes is None:
            missing.append(stem + _WEIGHT)
        elif codes.dtype != torch.int8 or len(codes.shape) != 2:
            mismatched.append(f"{stem}{_WEIGHT} {codes.shape} of {codes.dtype} instead of a matrix of torch.int8")
        elif scales != TensorForm(torch.float32, codes.shape[:1]):
            mismatched.append(f"{stem}{_SCALES} {scales.shape} of {scales.dtype} for the weight's {codes.shape}")
        layout = source.forms.get(stem + _LAYOUT)
        if layout is not None and (layout.dtype != torch.uint8 or layout.nbytes != 1):
            mismatched.append(f"{stem}{_LAYOUT} {layout.shape} of {layout.dtype} instead of one byte")
        elif layout is not None and int(source.tensor(stem + _LAYOUT)) != _ROW_MAJOR:
            mismatched.append(f"{stem}{_WEIGHT} is tiled for an old GPU: save it again in rows")
    missing += [
        name.removesuffix(_WEIGHT) + _SCALES
        for name, form in source.forms.items()
        if name.endswith(_WEIGHT) and form.dtype == torch.int8 and name.removesuffix(_WEIGHT) not in stems
    ]
    if missing or mismatched:
        raise WeightsError(
            f"{source.name} holds int8 weights that are not whole: get the file again",
            missing=missing,
            mismatched=mismatched,
        )


def _read_weight(source: WeightSource, stem: str) -> Int8Weight:
    return Int8Weight(source.tensor(stem + _WEIGHT), source.tensor(stem + _SCALES))


# --- quantising --------------------------------------------------------------------------------------------------


def quantised(weight: Tensor) -> Int8Weight:
    """Quantise a matrix on the CPU: each row by its largest magnitude, to the nearest of 255 levels."""
    codes = torch.empty(weight.shape, dtype=torch.int8)
    scales = torch.empty(len(weight), dtype=torch.float32)
    step = max(1, _VALUES_AT_ONCE // weight.shape[1])
    for start in range(0, len(weight), step):
        piece = weight[start : start + step].float()
        largest = piece.abs().amax(dim=1)
        factor = torch.where(largest > 0, _LARGEST / largest, 0.0)  # a row of zeros stays one
        codes[start : start + step] = (piece * factor[:, None]).round_().clamp_(-_LARGEST, _LARGEST).to(torch.int8)
        scales[start : start + step] = largest
    return Int8Weight(codes, scales)


def stored_forms(name: str, shape: tuple[int, int]) -> dict[str, TensorForm]:
    """Return the tensors by which a file holds a quantised weight."""
    stem = name.removesuffix(_WEIGHT)
    return {
        name: TensorForm(torch.int8, shape),
        stem + _SCALES: TensorForm(torch.float32, shape[:1]),
        stem + _LAYOUT: TensorForm(torch.uint8, ()),
    }


def stored(name: str, weight: Int8Weight) -> dict[str, Tensor]:
    """Return a quantised weight as the tensors of `stored_forms`."""
    stem = name.removesuffix(_WEIGHT)
    layout = torch.tensor(_ROW_MAJOR, dtype=torch.uint8)
    return {name: weight.codes, stem + _SCALES: weight.scales, stem + _LAYOUT: layout}
