"""bitsandbytes' 4-bit weights (NF4 and FP4, scales plain or quantised once more) ↔ weights that unpack exactly.

Beside `X.weight` stand its absmax, quant_map, perhaps nested_absmax and nested_quant_map, and a small JSON as bytes, as
`QuantState.as_dict(packed=True)` writes them. Knows no layout: whatever `X` is called, it is found.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from flux2engine.errors import WeightsError
from flux2engine.weights.bounded_json import MalformedError, flat_object
from flux2engine.weights.checkpoint import TensorForm, WeightSource
from flux2engine.weights.nf4_weight import (
    CODE_VALUES,
    VALUES_AT_ONCE,
    FourBitWeight,
    Kind,
    NestedScales,
    PlainScales,
    format_name,
)
from flux2engine.weights.packed import UnpackedSource
from flux2engine.weights.quantised_layers import PackedLayer, unpacked

_BLOCK_SIZES = (32, 64, 128, 256, 512, 1024, 2048, 4096)
_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_MAP_TOLERANCE = 1e-6  # bitsandbytes' own, for equal states
_MAX_STATE_BYTES = 1000
_MAX_SIDE = 1 << 31

# What our own files have: bitsandbytes' defaults for scales that are quantised too.
BLOCK_SIZE = 64
NESTED_BLOCK_SIZE = 256
_LONGEST_NUMBER = 24  # characters of a float in JSON
_COUNTED_BOUNDS = 15  # so few are counted in a third of the time that a search takes

_STATE_NAME = re.compile(r"(?P<weight>.+\.weight)\.quant_state\.bitsandbytes__(?P<kind>nf4|fp4)")
_HELPER_NAME = re.compile(r".+\.weight\.(?:absmax|quant_map|nested_absmax|nested_quant_map|quant_state\..+)")


# --- reading -----------------------------------------------------------------------------------------------------


def unpack(source: WeightSource) -> UnpackedSource | None:
    """Read bitsandbytes' 4-bit weights; None where no weight has a quant_state.

    Only the small JSON of each weight is read now. WeightsError names weights whose parts are not there or do not fit.
    """
    matches = [match for name in source.forms if (match := _STATE_NAME.fullmatch(name))]
    if not matches:
        return None
    states = {match["weight"]: _read_state(source, match) for match in matches}
    known = {name for weight, state in states.items() for name in (weight, *state.forms(weight))}
    strays = [name for name in source.forms if _HELPER_NAME.fullmatch(name) and name not in known]
    strays += [name for name, form in source.forms.items() if _is_codes(name, form) and name not in states]
    if strays:
        raise WeightsError(f"{source.name} holds parts of 4-bit weights that have no quant_state", unexpected=strays)
    layers = [
        PackedLayer(
            name, state.shape, format_name(state.kind, nested=state.nested_blocksize is not None),
            tuple(state.forms(name)), partial(_read_weight, source, name, state),
        )
        for name, state in states.items()
    ]  # fmt: skip
    return unpacked(source, layers)


@dataclass(frozen=True)
class _State:
    """Hold what the JSON beside a weight says."""

    name: str
    nbytes: int
    kind: Kind
    blocksize: int
    dtype: torch.dtype
    shape: tuple[int, int]
    nested_blocksize: int | None
    offset: float

    def forms(self, weight: str) -> dict[str, TensorForm]:
        """Return every tensor that stands beside the weight."""
        blocks = -(-math.prod(self.shape) // self.blocksize)
        single, byte = torch.float32, torch.uint8
        forms = {
            self.name: TensorForm(byte, (self.nbytes,)),
            f"{weight}.quant_map": TensorForm(single, (16,)),
            f"{weight}.absmax": TensorForm(single if self.nested_blocksize is None else byte, (blocks,)),
        }
        if self.nested_blocksize is not None:
            forms[f"{weight}.nested_absmax"] = TensorForm(single, (-(-blocks // self.nested_blocksize),))
            forms[f"{weight}.nested_quant_map"] = TensorForm(single, (256,))
        return forms


def _read_state(source: WeightSource, match: re.Match[str]) -> _State:
    """Read one weight's JSON and compare every tensor beside it with what it promises; nothing else is read."""
    name, weight = match[0], match["weight"]
    form = source.forms[name]
    if form.dtype != torch.uint8 or len(form.shape) != 1 or form.nbytes > _MAX_STATE_BYTES:
        raise WeightsError(f"{source.name}: {name} must be at most {_MAX_STATE_BYTES} bytes of JSON")
    try:
        text = bytes(source.tensor(name).tolist()).decode("utf-8")
        said, end = flat_object(text, 0, "it is not one flat object of JSON")
        if end != len(text):
            raise MalformedError("the JSON goes on after its object")
        state = _checked_state(name, len(text.encode()), match["kind"], said)
    except (MalformedError, UnicodeDecodeError) as error:
        raise WeightsError(f"{source.name}: {name} cannot be followed: {error}") from error
    wanted = state.forms(weight)
    missing = [part for part in (weight, *wanted) if part not in source.forms]
    mismatched = [
        f"{part} {found.shape} of {found.dtype} instead of {expected.shape} of {expected.dtype}"
        for part, expected in wanted.items()
        if (found := source.forms.get(part)) is not None and found != expected
    ]
    codes = source.forms.get(weight)
    # Some writers keep the same bytes under a wider dtype (quant_storage).
    if codes is not None and codes.nbytes != -(-math.prod(state.shape) // 2):
        mismatched.append(f"{weight} {codes.nbytes} bytes for {state.shape} values of 4 bits")
    if missing or mismatched:
        raise WeightsError(
            f"{source.name}: {weight} is not the 4-bit weight that its quant_state describes: get the file again",
            missing=missing,
            mismatched=mismatched,
        )
    return state


def _checked_state(name: str, nbytes: int, kind: str, said: Mapping[str, Any]) -> _State:
    nested = "nested_blocksize" in said
    keys = {"quant_type", "blocksize", "dtype", "shape"}
    keys |= {"nested_blocksize", "nested_dtype", "nested_offset"} if nested else set()
    if set(said) != keys:
        raise MalformedError(f"its keys are {sorted(said)} instead of {sorted(keys)}"[:400])
    shape, offset = said["shape"], said.get("nested_offset", 0.0)
    if said["quant_type"] != kind:
        raise MalformedError(f"its name says {kind}, and it says {said['quant_type']!r:.40}")
    if not isinstance(shape, list) or [type(side) for side in shape] != [int, int]:
        raise MalformedError(f"its shape is {shape!r:.60} instead of rows and columns")
    if not all(0 < side < _MAX_SIDE for side in shape):
        raise MalformedError(f"its shape is {shape!r:.60}")
    sizes = [said[key] for key in ("blocksize", "nested_blocksize") if key in said]
    if not all(type(size) is int and size in _BLOCK_SIZES for size in sizes):
        raise MalformedError("its blocks have another size than bitsandbytes knows")
    dtype = _DTYPES.get(said["dtype"]) if isinstance(said["dtype"], str) else None
    if dtype is None or said.get("nested_dtype", "float32") != "float32":
        raise MalformedError(f"its dtype is {said['dtype']!r:.40}, and the nested one must be float32")
    if type(offset) not in (int, float) or not math.isfinite(offset):
        raise MalformedError(f"its nested_offset is {offset!r:.40}")
    return _State(
        name=name,
        nbytes=nbytes,
        kind="nf4" if kind == "nf4" else "fp4",
        blocksize=said["blocksize"],
        dtype=dtype,
        shape=(shape[0], shape[1]),
        nested_blocksize=said["nested_blocksize"] if nested else None,
        offset=float(offset),
    )


def _read_weight(source: WeightSource, name: str, state: _State) -> FourBitWeight:
    code_map = source.tensor(f"{name}.quant_map")
    if not torch.allclose(code_map, torch.tensor(CODE_VALUES[state.kind]), rtol=0, atol=_MAP_TOLERANCE):
        raise WeightsError(
            f"{source.name}: {name}.quant_map is not the table of {state.kind}, and bitsandbytes would not use it;"
            " the file is damaged or was made by something else: get it again"
        )
    absmax = source.tensor(f"{name}.absmax")
    scales: PlainScales | NestedScales = PlainScales(absmax)
    if state.nested_blocksize is not None:
        nested, nested_map = source.tensor(f"{name}.nested_absmax"), source.tensor(f"{name}.nested_quant_map")
        scales = NestedScales(absmax, nested, nested_map, state.offset, state.nested_blocksize)
    codes = source.tensor(name).reshape(-1).view(torch.uint8)
    return FourBitWeight(codes, scales, state.kind, state.blocksize, state.dtype, state.shape)


def _is_codes(name: str, form: TensorForm) -> bool:
    return name.endswith(".weight") and form.dtype == torch.uint8


# --- quantising --------------------------------------------------------------------------------------------------


def quantised(weight: Tensor) -> FourBitWeight:
    """Quantise a matrix on the CPU to NF4 in blocks of 64 with nested scales, as bitsandbytes does by default.

    Codes and scales are bitsandbytes' own to the bit, but for the mean of the scales: it is rounded once, from an exact
    sum, so that no machine and no number of threads gives other bytes.
    """
    rows, columns = weight.shape
    flat = weight.reshape(-1)
    bounds = _bounds(torch.tensor(CODE_VALUES["nf4"]))
    codes = torch.empty(-(-flat.numel() // 2), dtype=torch.uint8)
    absmax = torch.empty(-(-flat.numel() // BLOCK_SIZE), dtype=torch.float32)
    for start in range(0, flat.numel(), VALUES_AT_ONCE):
        piece = flat[start : start + VALUES_AT_ONCE].float()
        four, scales = _nearest(piece, BLOCK_SIZE, bounds)
        pairs = functional.pad(four, (0, len(four) % 2)).view(-1, 2)
        codes[start // 2 : start // 2 + -(-len(piece) // 2)] = (pairs[:, 0] << 4 | pairs[:, 1])[: -(-len(piece) // 2)]
        absmax[start // BLOCK_SIZE : start // BLOCK_SIZE + len(scales)] = scales
    return FourBitWeight(codes, _nested(absmax), "nf4", BLOCK_SIZE, weight.dtype, (rows, columns))


def stored_forms(name: str, shape: tuple[int, int], dtype: torch.dtype) -> dict[str, TensorForm]:
    """Return the tensors by which a file holds a weight that `quantised` returns."""
    state = _State(
        name=f"{name}.quant_state.bitsandbytes__nf4",
        nbytes=len(_state_json(shape, dtype, 0.0)),
        kind="nf4",
        blocksize=BLOCK_SIZE,
        dtype=dtype,
        shape=shape,
        nested_blocksize=NESTED_BLOCK_SIZE,
        offset=0.0,
    )
    return {name: TensorForm(torch.uint8, (-(-math.prod(shape) // 2), 1)), **state.forms(name)}


def stored(name: str, weight: FourBitWeight) -> dict[str, Tensor]:
    """Return a weight that `quantised` returned as the tensors of `stored_forms`."""
    scales = weight.scales
    assert isinstance(scales, NestedScales)
    state = _state_json(weight.shape, weight.dtype, scales.offset)
    return {
        name: weight.codes.reshape(-1, 1),
        f"{name}.absmax": scales.codes,
        f"{name}.quant_map": torch.tensor(CODE_VALUES[weight.kind]),
        f"{name}.nested_absmax": scales.absmax,
        f"{name}.nested_quant_map": scales.code_map,
        f"{name}.quant_state.bitsandbytes__nf4": torch.frombuffer(bytearray(state), dtype=torch.uint8),
    }


def _state_json(shape: tuple[int, int], dtype: torch.dtype, offset: float) -> bytes:
    """Write what bitsandbytes does, with as many spaces after it as its longest number would take.

    So a file's size is known before anything is quantised.
    """
    said = {
        "quant_type": "nf4",
        "blocksize": BLOCK_SIZE,
        "dtype": str(dtype).removeprefix("torch."),
        "shape": list(shape),
        "nested_blocksize": NESTED_BLOCK_SIZE,
        "nested_dtype": "float32",
        "nested_offset": offset,
    }
    text = json.dumps(said)
    return (text + " " * (_LONGEST_NUMBER - len(json.dumps(offset)))).encode()


def _nested(absmax: Tensor) -> NestedScales:
    pieces: tuple[Tensor, ...] = torch.split(absmax, VALUES_AT_ONCE)
    total = math.fsum(chain.from_iterable(piece.tolist() for piece in pieces))
    offset = float(torch.tensor(total / len(absmax), dtype=torch.float32))
    code_map = _dynamic_map()
    codes, outer = _nearest(absmax - offset, NESTED_BLOCK_SIZE, _bounds(code_map))
    return NestedScales(codes[: len(absmax)], outer, code_map, offset, NESTED_BLOCK_SIZE)


def _nearest(values: Tensor, blocksize: int, bounds: Tensor) -> tuple[Tensor, Tensor]:
    """Return the codes of values, filled up with zeros to whole blocks, and each block's largest magnitude."""
    blocks = functional.pad(values, (0, -len(values) % blocksize)).view(-1, blocksize)
    absmax = blocks.abs().amax(dim=1)
    scaled = (blocks * (1.0 / absmax.clamp(min=1e-38))[:, None]).clamp_(-1, 1).reshape(-1)
    if len(bounds) > _COUNTED_BOUNDS:
        return torch.bucketize(scaled, bounds, out_int32=True).to(torch.uint8), absmax
    codes = torch.zeros(scaled.shape, dtype=torch.uint8)
    for bound in bounds:
        codes += scaled > bound
    return codes, absmax


def _bounds(values: Tensor) -> Tensor:
    """Return what lies halfway between neighbours of a rising table."""
    return (values[:-1] + values[1:]) / 2


@cache
def _dynamic_map() -> Tensor:
    """Return bitsandbytes' signed 8-bit floats of seven decimal exponents (arXiv 1511.04561), rising: (256,) fp32."""
    values = [0.0, 1.0]
    for exponent in range(7):
        edges = torch.linspace(0.1, 1, 2**exponent + 1, dtype=torch.float32)
        means = 10.0 ** (exponent - 6) * ((edges[:-1] + edges[1:]) / 2)
        values += [*means.tolist(), *(-means).tolist()]
    return torch.tensor(sorted(values))
