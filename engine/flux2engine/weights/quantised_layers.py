"""What a file says of its quantised layers, and the parts of one → a source that hands the weights out unpacked.

Every format hands its layers to `unpacked`. The declarations are the fp8 family's and NVFP4's, which ComfyUI mixes
within one file: its per-layer `X.comfy_quant` (the bytes of a JSON object) and the header's `_quantization_metadata`
(the same for all layers, written by BFL as well). Knows no format's arithmetic.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from flux2engine.errors import UnknownLayoutError, WeightsError
from flux2engine.weights.bounded_json import MalformedError, flat_object
from flux2engine.weights.checkpoint import PackedForm, TensorForm, WeightSource
from flux2engine.weights.layouts import TRANSFORMER_PREFIXES
from flux2engine.weights.nvfp4_weight import GROUP
from flux2engine.weights.packed import PackedWeight, UnpackedSource

COMFY_DECLARATION = ".comfy_quant"
FLOAT8_FORMATS: Mapping[str, torch.dtype] = MappingProxyType(
    {"float8_e4m3fn": torch.float8_e4m3fn, "float8_e5m2": torch.float8_e5m2}
)
NVFP4 = "nvfp4"
FILE_DAMAGED = "bring the file again, whole, or the bf16 one"

_METADATA = "_quantization_metadata"
_READ_VERSION = "1.0"
_MAX_METADATA_CHARACTERS = 1_000_000  # 200 layers take 16,000; json.loads makes 25 MB of this many at worst
_MAX_DECLARATION_BYTES = 1000
# What a declaration may say beside the format without changing what the stored numbers mean. A key that is not here
# might: `convrot` rotates the columns under an old format's name.
_KNOWN_KEYS = frozenset({"format", "full_precision_matrix_mult", "group_size", "orig_dtype", "orig_shape"})
_SCALE_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Declaration:
    """Say what a file declares of one layer."""

    format: str  # one of FLOAT8_FORMATS, or NVFP4
    full_precision: bool  # its producer found products of packed inputs too coarse


@dataclass(frozen=True)
class PackedLayer:
    """Say which tensors of a file are one packed weight, and how to read it."""

    name: str
    shape: tuple[int, ...]  # unpacked
    format: str
    helpers: tuple[str, ...]  # its scales
    read: Callable[[], PackedWeight]


def unpacked(source: WeightSource, layers: Iterable[PackedLayer], marks: Iterable[str] = ()) -> UnpackedSource:
    """Return the source in which `layers` read as float32 weights; their helpers and the file's `marks` are hidden."""
    by_name = {layer.name: layer for layer in layers}
    hidden = {helper for layer in by_name.values() for helper in layer.helpers}.union(marks)
    forms = {
        name: TensorForm(torch.float32, by_name[name].shape) if name in by_name else form
        for name, form in source.forms.items()
        if name not in hidden
    }
    packed = {
        layer.name: PackedForm(layer.format, sum(source.forms[name].nbytes for name in (layer.name, *layer.helpers)))
        for layer in by_name.values()
    }
    return UnpackedSource(
        source,
        MappingProxyType(forms),
        MappingProxyType(packed),
        MappingProxyType({layer.name: layer.read for layer in by_name.values()}),
    )


# --- what is declared --------------------------------------------------------------------------------------------


def declared_in_header(source: WeightSource) -> Mapping[str, Declaration] | None:
    """Return what the header's `_quantization_metadata` says, by the layers' names in the file; None without one.

    A layer may be named without the transformer's prefix. UnknownLayoutError for a format that is not read;
    WeightsError for anything malformed, and for layers that the file has no weight of.
    """
    text = source.metadata.get(_METADATA)
    if text is None:
        return None
    declared, absent = {}, []
    for layer, value in _layers(source, text).items():
        spelled = [prefix + layer for prefix in TRANSFORMER_PREFIXES if f"{prefix}{layer}.weight" in source.forms]
        if not spelled:
            absent.append(f"{layer}.weight")
            continue
        declared[spelled[0]] = _declaration(source, spelled[0], value)
    if absent:
        raise WeightsError(f"{source.name} lacks layers that its {_METADATA} names; {FILE_DAMAGED}", missing=absent)
    return MappingProxyType(declared)


def declared_by_tensors(source: WeightSource) -> Mapping[str, Declaration]:
    """Return what each `X.comfy_quant` says, by X; errors as `declared_in_header` has them."""
    declared = {}
    for name in source.forms:
        if not name.endswith(COMFY_DECLARATION):
            continue
        stem = name.removesuffix(COMFY_DECLARATION)
        if f"{stem}.weight" not in source.forms:
            raise WeightsError(f"{source.name}: {name} belongs to no weight; {FILE_DAMAGED}", unexpected=[name])
        declared[stem] = _declaration(source, stem, _declared_object(source, name))
    return MappingProxyType(declared)


def _declared_object(source: WeightSource, name: str) -> Mapping[str, Any]:
    form = source.forms[name]
    if form.dtype != torch.uint8 or len(form.shape) != 1 or form.nbytes > _MAX_DECLARATION_BYTES:
        raise WeightsError(
            f"{source.name}: {name} is {form.shape} of {form.dtype}, not at most {_MAX_DECLARATION_BYTES} bytes of JSON"
        )
    try:
        text = bytes(source.tensor(name).tolist()).decode("utf-8").strip()
        value, end = flat_object(text, 0, "it is not a flat object")
        if end != len(text):
            raise MalformedError("the JSON goes on after its object")
    except (UnicodeDecodeError, MalformedError) as error:
        raise WeightsError(f"{source.name}: {name} is not the JSON of one layer: {error}") from error
    return value


def _layers(source: WeightSource, text: str) -> Mapping[str, Any]:
    def refused(reason: str) -> WeightsError:
        return WeightsError(f"{source.name}: {_METADATA} in its header {reason}; {FILE_DAMAGED}")

    if len(text) > _MAX_METADATA_CHARACTERS:
        raise refused(f"is longer than {_MAX_METADATA_CHARACTERS} characters")
    try:
        value = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise refused(f"is not JSON ({error})") from error
    if not isinstance(value, dict) or not isinstance(value.get("layers"), dict):
        raise refused("has no object of layers")
    if str(value.get("format_version", _READ_VERSION)) != _READ_VERSION:
        raise UnknownLayoutError(
            f"{source.name}: {_METADATA} has the version {ascii(value['format_version'])[:40]}; {_READ_VERSION} is"
            " read; bring the bf16 file"
        )
    layers: dict[str, Any] = value["layers"]
    return layers


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key is repeated")
    return result


def _declaration(source: WeightSource, stem: str, value: object) -> Declaration:
    if not isinstance(value, Mapping) or not isinstance(value.get("format"), str):
        raise WeightsError(f"{source.name}: what it declares of {stem} names no format; {FILE_DAMAGED}")
    format_ = value["format"]
    remedy = f"{', '.join(FLOAT8_FORMATS)} and {NVFP4} are: bring such a file, or the bf16 one"
    if format_ not in FLOAT8_FORMATS and format_ != NVFP4:
        raise UnknownLayoutError(
            f"{source.name}: {stem} is packed as {ascii(format_)[:40]}, which is not read; {remedy}"
        )
    if value.get("convrot"):
        raise UnknownLayoutError(f"{source.name}: {stem} is {format_} of rotated columns (convrot), not read; {remedy}")
    strange = sorted(key for key in value if key not in _KNOWN_KEYS and value[key])
    if strange:
        raise UnknownLayoutError(
            f"{source.name}: {stem} is {format_} with {ascii(strange[0])[:40]}, which is not known here; {remedy}"
        )
    groups = GROUP if format_ == NVFP4 else None
    if value.get("group_size", groups) != groups:
        raise UnknownLayoutError(
            f"{source.name}: {stem} is {format_} in groups of {ascii(value['group_size'])[:40]}, not read; {remedy}"
        )
    if f"{stem}.pre_quant_scale" in source.forms:
        raise UnknownLayoutError(
            f"{source.name}: {stem} has a pre_quant_scale, which scales its inputs, not read; {remedy}"
        )
    return Declaration(format_, bool(value.get("full_precision_matrix_mult", False)))


# --- scales ------------------------------------------------------------------------------------------------------


def require_scalar(source: WeightSource, name: str) -> None:
    """Raise WeightsError unless the header has `name` as one floating-point number."""
    form = source.forms[name]
    if form.dtype not in _SCALE_DTYPES or len(form.shape) > 1 or math.prod(form.shape) != 1:
        raise WeightsError(
            f"{source.name}: {name} is {form.shape} of {form.dtype}, not one fp32 scale of the whole weight;"
            f" {FILE_DAMAGED}"
        )


def scalar(source: WeightSource, name: str) -> Tensor:
    """Return a scale as a float32 tensor of shape (); raise WeightsError unless it is finite and positive."""
    value = source.tensor(name).reshape(()).float().clone()
    if not bool(torch.isfinite(value)) or float(value) <= 0:
        raise WeightsError(
            f"{source.name}: the scale {name} is {float(value)}, not finite and positive; {FILE_DAMAGED}"
        )
    return value
