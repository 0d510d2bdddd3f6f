"""A bf16 or fp32 checkpoint → one file whose blocks' linear layers are fp8, int8 or NF4 and all else bf16.

Names and layout stay the source's. One tensor is in memory at a time, with its codes; equal weights give equal bytes.
Knows which layers are large, and each format only by its own file.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from flux2engine.errors import WeightsError
from flux2engine.weights import int8, nf4
from flux2engine.weights.checkpoint import TensorForm, WeightSource
from flux2engine.weights.fp8 import Float8Weight
from flux2engine.weights.identify import Identified, official_shapes
from flux2engine.weights.layouts import piece
from flux2engine.weights.packed import PackedWeight
from flux2engine.weights.safetensors_file import is_finite
from flux2engine.weights.streamed_file import write_streamed

_SOURCE_DTYPES = (torch.bfloat16, torch.float32)
# By the official names: the linear layers of all blocks, which are 99 % of a model and what published files quantise.
_BLOCK_LINEAR = re.compile(r"((?:double_|single_)?(?:blocks|layers))\.\d+\.(.+)\.weight")
_LARGEST_FP8 = 448.0  # of e4m3fn
_VALUES_AT_ONCE = 1 << 20
_ROWS_APART = 64  # so many rows end between two blocks of NF4, whatever their length

Told = Callable[[int, int], None]  # bytes of the source read so far, and all there are


@dataclass(frozen=True)
class Target:
    """Say how a matrix is quantised and under which names a file holds it; one row of TARGETS for each format."""

    forms: Callable[[str, tuple[int, int], torch.dtype], dict[str, TensorForm]]
    quantised: Callable[[Tensor], PackedWeight]
    stored: Callable[[str, Any], dict[str, Tensor]]  # takes what `quantised` returns
    metadata: Callable[[list[str]], dict[str, str]]  # of the names of all quantised weights


@dataclass(frozen=True)
class KindError:
    """Say how far the quantised layers of one kind are from the source's."""

    kind: str  # `double_blocks.img_attn.qkv`
    layers: int  # how many tensors
    relative: float  # root of the summed squares of all differences over that of all values


@dataclass(frozen=True)
class Converted:
    """Say what a conversion wrote."""

    bytes_before: int
    bytes_after: int
    errors: tuple[KindError, ...]


def convert(source: WeightSource, found: Identified, target: str, path: Path, told: Told | None = None) -> Converted:
    """Write `source`, which `identify` said is `found`, to `path` in the format `target` of TARGETS.

    WeightsError, and no file, for a source that is quantised already, of other dtypes than bf16 and fp32, an
    autoencoder, values that are not finite, and a path that is taken or has no room.
    """
    kinds = block_linears(source, found)
    format_, dtypes = TARGETS[target], {form.dtype for form in source.forms.values() if form.dtype.is_floating_point}
    if source.packed:
        example, packed = next(iter(source.packed.items()))
        raise WeightsError(
            f"{source.name} is quantised already ({example} is {packed.format}), and quantising twice adds both"
            " errors: convert the bf16 file"
        )
    if not dtypes <= set(_SOURCE_DTYPES):
        others = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in dtypes - set(_SOURCE_DTYPES)))
        raise WeightsError(f"{source.name} holds {others}; bf16 and fp32 are converted: bring the bf16 file")
    planned: dict[str, TensorForm] = {}
    for name, form in source.forms.items():
        if name in kinds:
            rows, columns = form.shape
            planned |= format_.forms(name, (rows, columns), form.dtype)
        else:
            planned[name] = TensorForm(_kept_dtype(form.dtype), form.shape)
    metadata = {**source.metadata, "format": "pt", **format_.metadata(list(kinds))}
    running = _Running(source, format_, kinds, told)
    after = write_streamed(path, planned, metadata, running.tensors())
    before = sum(form.nbytes for form in source.forms.values())
    return Converted(before, after, running.errors())


def block_linears(source: WeightSource, found: Identified) -> Mapping[str, str]:
    """Return the names in the file of all blocks' linear layers, each with its kind; WeightsError if there are none."""
    kinds: dict[str, str] = {}
    for official, shape in official_shapes(found.shape).items():
        match = _BLOCK_LINEAR.fullmatch(official)
        if match is not None and len(shape) == 2:
            names = piece(found.kind, found.layout, found.prefix, official, source.forms).names
            kinds |= dict.fromkeys(names, f"{match[1]}.{match[2]}")
    if not kinds:
        raise WeightsError(
            f"{source.name} is an {found.kind}, of convolutions: it is small, and is used as it is; convert a"
            " transformer or a text encoder"
        )
    return kinds


@dataclass
class _Running:
    """Hand out the file's tensors in the source's order, and sum up what quantising changed."""

    source: WeightSource
    target: Target
    kinds: Mapping[str, str]
    told: Told | None
    layers: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    changed: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    squares: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        done, total = 0, sum(form.nbytes for form in self.source.forms.values())
        for name, form in self.source.forms.items():
            tensor = self.source.tensor(name)
            if not is_finite(tensor):
                raise WeightsError(
                    f"{self.source.name} holds values that are not finite: get the file again", mismatched=[name]
                )
            if name in self.kinds:
                yield from self._quantised(name, tensor)
            else:
                kept = tensor.to(_kept_dtype(form.dtype))
                if not is_finite(kept):
                    raise WeightsError(f"{self.source.name} holds values too large for bf16", mismatched=[name])
                yield name, kept
            done += form.nbytes
            if self.told is not None:
                self.told(done, total)

    def errors(self) -> tuple[KindError, ...]:
        return tuple(
            KindError(kind, count, math.sqrt(self.changed[kind] / self.squares[kind]) if self.squares[kind] else 0.0)
            for kind, count in sorted(self.layers.items())
        )

    def _quantised(self, name: str, weight: Tensor) -> Iterator[tuple[str, Tensor]]:
        packed, kind = self.target.quantised(weight), self.kinds[name]
        self.layers[kind] += 1
        step = max(1, _VALUES_AT_ONCE // weight.shape[1] // _ROWS_APART) * _ROWS_APART
        for start in range(0, len(weight), step):
            stop = min(start + step, len(weight))
            values = weight[start:stop].float()
            self.squares[kind] += _squares(values)
            self.changed[kind] += _squares(packed.rows(start, stop).dequantised().sub_(values))
        yield from self.target.stored(name, packed).items()


def _squares(values: Tensor) -> float:
    return float(torch.linalg.vector_norm(values, dtype=torch.float64)) ** 2


def _kept_dtype(dtype: torch.dtype) -> torch.dtype:
    return torch.bfloat16 if dtype.is_floating_point else dtype  # whole numbers are counters and tokenizers


# --- fp8, as BFL publishes it ------------------------------------------------------------------------------------


def _float8(weight: Tensor) -> Float8Weight:
    """Quantise a matrix to e4m3fn with the one scale that puts its largest magnitude at 448."""
    pieces: tuple[Tensor, ...] = torch.split(weight.reshape(-1), _VALUES_AT_ONCE)
    scale = torch.stack([piece.abs().amax() for piece in pieces]).amax().float() / _LARGEST_FP8
    scale = torch.where(scale > 0, scale, 1.0)  # of zeros alone
    codes = torch.empty(weight.numel(), dtype=torch.float8_e4m3fn)
    start = 0
    for values in pieces:
        scaled = (values.float() / scale).clamp_(-_LARGEST_FP8, _LARGEST_FP8)
        codes[start : start + len(values)] = scaled.to(torch.float8_e4m3fn)
        start += len(values)
    return Float8Weight(codes.view(weight.shape), scale)


def _float8_forms(name: str, shape: tuple[int, int], dtype: torch.dtype) -> dict[str, TensorForm]:
    del dtype
    return {name: TensorForm(torch.float8_e4m3fn, shape), f"{name}_scale": TensorForm(torch.float32, ())}


def _float8_stored(name: str, weight: Float8Weight) -> dict[str, Tensor]:
    assert weight.scale is not None
    return {name: weight.codes, f"{name}_scale": weight.scale}


def _float8_metadata(names: list[str]) -> dict[str, str]:
    """Declare each layer as the official files do."""
    layers = {name.removesuffix(".weight"): {"format": "float8_e4m3fn"} for name in sorted(names)}
    return {"_quantization_metadata": json.dumps({"format_version": "1.0", "layers": layers})}


def _nothing(names: list[str]) -> dict[str, str]:
    del names
    return {}


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "fp8": Target(_float8_forms, _float8, _float8_stored, _float8_metadata),
        "int8": Target(lambda name, shape, _: int8.stored_forms(name, shape), int8.quantised, int8.stored, _nothing),
        "nf4": Target(nf4.stored_forms, nf4.quantised, nf4.stored, _nothing),
    }
)
