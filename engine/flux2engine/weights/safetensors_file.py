"""A safetensors file ↔ named tensors, read by our own strict rules before torch sees a byte.

The header is bounded (10 MB, 20,000 tensors), names are plain, dtypes come from a list, and the tensors tile the data
exactly: no hole, overlap, tail, empty tensor or repeated key. Knows no layout.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flux2engine.errors import WeightsError

MAX_HEADER_BYTES = 10_000_000
MAX_TENSORS = 20_000
MAX_RANK = 8
MAX_NAME_LENGTH = 256
_NAME = re.compile(r"[\w.\-]+", re.ASCII)
_HEADER_LENGTH_BYTES = 8

DTYPES: Mapping[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True)
class TensorEntry:
    """Locate one tensor; offsets count from the start of the data."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Header:
    """Hold a checked header."""

    entries: tuple[TensorEntry, ...]  # in file order
    metadata: Mapping[str, str]
    data_start: int


def read_header(path: Path) -> Header:
    """Read and check the header of `path`; raise WeightsError with the file's name on any doubt."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            prefix = file.read(_HEADER_LENGTH_BYTES)
            if len(prefix) < _HEADER_LENGTH_BYTES:
                raise _MalformedError("the file is shorter than a header length")
            length = int.from_bytes(prefix, "little")
            if length > MAX_HEADER_BYTES:
                raise _MalformedError(f"the header claims {length} bytes, more than {MAX_HEADER_BYTES}")
            data_start = _HEADER_LENGTH_BYTES + length
            if data_start > size:
                raise _MalformedError("the header ends after the file does")
            raw = file.read(length)
        return _checked_header(_parsed(raw), data_start, size - data_start)
    except _MalformedError as malformed:
        raise WeightsError(f"{path.name} is not a usable safetensors file: {malformed}") from malformed
    except OSError as error:
        raise WeightsError(f"{path.name} cannot be read: {error.strerror}") from error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read every tensor of `path`, mapped from disk where alignment allows; refuse values that are not finite."""
    header = read_header(path)
    try:
        with path.open("rb") as file:
            # Private pages: torch wants writable memory, and the file must stay untouched.
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path.name} cannot be read: {error}") from error
    tensors = {entry.name: _tensor(data, header.data_start, entry) for entry in header.entries}
    bad = [name for name, tensor in tensors.items() if not _finite(tensor)]
    if bad:
        raise WeightsError(f"{path.name} holds values that are not finite", mismatched=bad)
    return tensors


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write `tensors` in name order, so that equal tensors give equal bytes."""
    entries: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    blobs: list[bytes] = []
    offset = 0
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        blob = tensor.reshape(-1).view(torch.uint8).numpy().tobytes()
        span = [offset, offset + len(blob)]
        entries[name] = {"dtype": _DTYPE_NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": span}
        offset += len(blob)
        blobs.append(blob)
    raw = json.dumps(entries, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)  # the data starts aligned
    path.write_bytes(len(raw).to_bytes(_HEADER_LENGTH_BYTES, "little") + raw + b"".join(blobs))


class _MalformedError(Exception):
    """Carry the reason to the one place that knows the file's name."""


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise _MalformedError("the header is not UTF-8") from error
    except RecursionError as error:
        raise _MalformedError("the header is nested too deeply") from error
    except ValueError as error:
        raise _MalformedError(f"the header is not JSON ({error})") from error
    if not isinstance(header, dict):
        raise _MalformedError("the header is not a JSON object")
    return header


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _MalformedError("a key of the header is repeated")
    return result


def _no_constant(name: str) -> Any:
    raise _MalformedError(f"the header holds {name}")


def _checked_header(header: dict[str, Any], data_start: int, data_size: int) -> Header:
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _MalformedError("__metadata__ is not a table of strings")
    if not header:
        raise _MalformedError("it holds no tensors")
    if len(header) > MAX_TENSORS:
        raise _MalformedError(f"it holds {len(header)} tensors, more than {MAX_TENSORS}")
    entries = sorted((_entry(name, value) for name, value in header.items()), key=lambda entry: entry.start)
    position = 0
    for entry in entries:
        if entry.start != position:
            raise _MalformedError(f"{entry.name} starts at {entry.start}, expected {position} (a hole or an overlap)")
        position = entry.end
    if position != data_size:
        raise _MalformedError(f"the tensors take {position} bytes and the data has {data_size}")
    return Header(tuple(entries), metadata, data_start)


def _entry(name: str, value: Any) -> TensorEntry:
    if len(name) > MAX_NAME_LENGTH or not _NAME.fullmatch(name):
        raise _MalformedError(f"{ascii(name)[:80]} is not a tensor name")
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise _MalformedError(f"{name} must have exactly dtype, shape and data_offsets")
    dtype = DTYPES.get(value["dtype"]) if isinstance(value["dtype"], str) else None
    if dtype is None:
        raise _MalformedError(f"{name} has the unknown dtype {ascii(value['dtype'])[:40]}")
    shape, offsets = _naturals(name, value["shape"]), _naturals(name, value["data_offsets"])
    if len(shape) > MAX_RANK or 0 in shape:
        raise _MalformedError(f"{name} has an empty or too deep shape")
    if len(offsets) != 2 or math.prod(shape) * dtype.itemsize != offsets[1] - offsets[0]:
        raise _MalformedError(f"{name}: shape and offsets disagree")
    return TensorEntry(name, dtype, shape, offsets[0], offsets[1])


def _naturals(name: str, values: Any) -> tuple[int, ...]:
    # `type(...) is int`: JSON's true would pass isinstance.
    if not isinstance(values, list) or not all(type(value) is int and value >= 0 for value in values):
        raise _MalformedError(f"{name}: shape and offsets must be lists of natural numbers")
    return tuple(values)


def _tensor(data: mmap.mmap, data_start: int, entry: TensorEntry) -> Tensor:
    start = data_start + entry.start
    if start % entry.dtype.itemsize:  # kernels may assume alignment; a copy has it
        raw = torch.frombuffer(data, dtype=torch.uint8, count=entry.end - entry.start, offset=start)
        return raw.clone().view(entry.dtype).reshape(entry.shape)
    count = math.prod(entry.shape)
    return torch.frombuffer(data, dtype=entry.dtype, count=count, offset=start).reshape(entry.shape)


def _finite(tensor: Tensor) -> bool:
    if not tensor.is_floating_point():
        return True
    wide = tensor.float() if tensor.dtype.itemsize == 1 else tensor
    return bool(torch.isfinite(wide).all())
