"""Weights as ComfyUI packs them, in both of its generations → the weights that they stand for.

Legacy: a tensor `scaled_fp8` whose dtype names the format, `X.scale_weight` and `X.scale_input` beside float8 weights.
Current: every packed layer says in `X.comfy_quant` how it is packed; float8 and NVFP4 ones may stand in one file. What
it names beyond those is refused by name. Knows no arithmetic: that stands with the formats.
"""

from __future__ import annotations

import math

import torch

from flux2engine.errors import WeightsError
from flux2engine.weights.checkpoint import WeightSource
from flux2engine.weights.fp8 import ScaleNames, float8_layers
from flux2engine.weights.nvfp4 import nvfp4_layers
from flux2engine.weights.packed import UnpackedSource
from flux2engine.weights.quantised_layers import (
    COMFY_DECLARATION,
    FILE_DAMAGED,
    NVFP4,
    declared_by_tensors,
    declared_in_header,
    unpacked,
)

_LEGACY_MARK = "scaled_fp8"
# ComfyUI reads an input scale of exactly 1 as "none was measured".
_LEGACY_NAMES = ScaleNames(weight=".scale_weight", input=".scale_input", input_one_is_none=True)
# Two numbers in the mark instead of none or one: its author wants products in full precision.
_FULL_PRECISION_SIZE = 2


def unpack(source: WeightSource) -> UnpackedSource | None:
    """Read a file of either generation; return None where neither mark is there.

    UnknownLayoutError for a packing that is not read (mxfp8, int8_tensorwise, rotated columns …); WeightsError for
    scales that do not fit their weights, and for packed weights that no mark explains.
    """
    return _unpack_declared(source) or _unpack_legacy(source)


def _unpack_legacy(source: WeightSource) -> UnpackedSource | None:
    """Read a file with the tensor `scaled_fp8` and `.scale_weight`; return None without both."""
    marks = [name for name in source.forms if name.rpartition(".")[2] == _LEGACY_MARK]
    if not marks and not any(name.endswith((_LEGACY_NAMES.weight, _LEGACY_NAMES.input)) for name in source.forms):
        return None
    if len(marks) != 1:
        raise WeightsError(
            f"{source.name} has {len(marks) or 'no'} {_LEGACY_MARK}, which explains .scale_weight; {FILE_DAMAGED}",
            unexpected=marks,
        )
    mark = source.forms[marks[0]]
    dtype = torch.float8_e4m3fn if mark.dtype == torch.float32 else mark.dtype  # ComfyUI's own default
    layers = float8_layers(
        source, None, marks, _LEGACY_NAMES, full_precision=math.prod(mark.shape) == _FULL_PRECISION_SIZE
    )
    other = [
        f"{layer.name} {source.forms[layer.name].dtype} instead of {dtype}"
        for layer in layers
        if layer.helpers and source.forms[layer.name].dtype != dtype
    ]
    unscaled = [] if any(layer.helpers for layer in layers) else [f"*{_LEGACY_NAMES.weight}"]
    if other or unscaled:
        raise WeightsError(
            f"{source.name}: its weights are not as its {_LEGACY_MARK} says; {FILE_DAMAGED}",
            missing=unscaled,
            mismatched=other,
        )
    return unpacked(source, layers, marks)


def _unpack_declared(source: WeightSource) -> UnpackedSource | None:
    """Read a file whose packed layers each have an `X.comfy_quant`; return None where none has."""
    declared = declared_by_tensors(source)
    if not declared:
        return None
    header = declared_in_header(source)
    if header is not None and header != declared:
        differing = [stem for stem in {*header, *declared} if header.get(stem) != declared.get(stem)]
        raise WeightsError(
            f"{source.name}: its header and its {COMFY_DECLARATION} disagree; {FILE_DAMAGED}", mismatched=differing
        )
    marks = [stem + COMFY_DECLARATION for stem in declared]
    float8 = {stem: one for stem, one in declared.items() if one.format != NVFP4}
    layers = []
    if len(float8) < len(declared) or any(name.endswith(".weight_scale_2") for name in source.forms):
        layers = nvfp4_layers(source, declared, by_comfy=True)
    taken = {name for layer in layers for name in (layer.name, *layer.helpers)}
    return unpacked(source, [*layers, *float8_layers(source, float8, taken)], marks)
