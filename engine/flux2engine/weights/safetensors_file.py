"""A safetensors file ↔ named tensors, read by our own strict rules before torch sees a byte.

The header is bounded (10 MB, 20,000 tensors) and parsed one entry at a time, so that a hostile one costs little memory;
names are plain, dtypes come from a list, and the tensors tile the data exactly: no hole, overlap, tail, empty tensor or
repeated key. Knows no layout.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flux2engine.errors import WeightsError
from flux2engine.weights.bounded_json import MalformedError, flat_object, members, table_of_strings

MAX_HEADER_BYTES = 10_000_000
MAX_TENSORS = 20_000
MAX_METADATA = 10_000
MAX_RANK = 8
MAX_NAME_LENGTH = 256
_NAME = re.compile(r"[\w.\-]+", re.ASCII)
_HEADER_LENGTH_BYTES = 8
# One check of values goes over so many at a time: the verdicts of a whole fused weight would take a quarter GiB.
_CHECKED_AT_ONCE = 1 << 20

# What is met under the wrong name, by its first bytes.
_STRANGERS = (
    (b"GGUF", "this is a GGUF file under the wrong name: name the file itself, alone or as *.gguf"),
    (b"PK\x03\x04", "this is a zip archive (pickled PyTorch weights are such), which is never read: it can run code"),
    (b"\x80\x02", "this is a pickle, which is never read: it can run code"),
    (b"\x80\x03", "this is a pickle, which is never read: it can run code"),
    (b"\x80\x04", "this is a pickle, which is never read: it can run code"),
    (b"\x80\x05", "this is a pickle, which is never read: it can run code"),
    (b"version ", "this is a Git LFS pointer: the weights themselves were not downloaded"),
    (b"<!DOCTYP", "this is a web page, saved in place of the weights"),
    (b"<html", "this is a web page, saved in place of the weights"),
)

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
# Dtypes of the format that no file read here may have: packed formats, complex numbers, wide unsigned ones.
_UNREAD_DTYPES = frozenset({"F4", "F6_E2M3", "F6_E3M2", "F8_E8M0", "C64", "U16", "U32", "U64"})
DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}


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
    file_size: int


def read_header(path: Path) -> Header:
    """Read and check the header of `path`; raise WeightsError with the file's name on any doubt."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # asked before opening: a pipe would wait for ever
            raise MalformedError("it is not a regular file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            prefix = file.read(_HEADER_LENGTH_BYTES)
            data_start = _HEADER_LENGTH_BYTES + _header_length(prefix, size)
            raw = file.read(data_start - _HEADER_LENGTH_BYTES)
        return _checked_header(raw, data_start, size - data_start)
    except MalformedError as malformed:
        raise WeightsError(f"{path.name} is not a usable safetensors file: {malformed}") from malformed
    except OSError as error:
        raise WeightsError(f"{path.name} cannot be read: {error.strerror}") from error


def read_tensor(path: Path, header: Header, entry: TensorEntry) -> Tensor:
    """Map one tensor from disk, privately; copy it instead where its bytes are not aligned.

    The pages belong to the tensor alone and go when it goes. WeightsError if the file has changed its size since.
    """
    start = header.data_start + entry.start
    # Private pages: torch wants writable memory, and the file must stay untouched. One map per tensor: a single one
    # over 64 GB is refused on machines with less memory than that.
    page = start - start % mmap.ALLOCATIONGRANULARITY
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != header.file_size:  # reading beyond the end would kill the process
                raise WeightsError(f"{path.name} has changed since it was opened")
            length = entry.end - entry.start
            data = mmap.mmap(file.fileno(), start - page + length, access=mmap.ACCESS_COPY, offset=page)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path.name} cannot be read: {error}") from error
    if start % entry.dtype.itemsize:  # kernels may assume alignment; a copy has it
        raw = torch.frombuffer(data, dtype=torch.uint8, count=length, offset=start - page)
        return raw.clone().view(entry.dtype).reshape(entry.shape)
    count = math.prod(entry.shape)
    return torch.frombuffer(data, dtype=entry.dtype, count=count, offset=start - page).reshape(entry.shape)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read every tensor of `path`, mapped from disk where alignment allows; refuse values that are not finite."""
    header = read_header(path)
    tensors = {entry.name: read_tensor(path, header, entry) for entry in header.entries}
    bad = [name for name, tensor in tensors.items() if not is_finite(tensor)]
    if bad:
        raise WeightsError(f"{path.name} holds values that are not finite", mismatched=bad)
    return tensors


def is_finite(tensor: Tensor) -> bool:
    """Return whether no value is NaN or infinite, looking at a bounded number of values at a time."""
    if not tensor.is_floating_point():
        return True
    parts: tuple[Tensor, ...] = torch.split(tensor.reshape(-1), _CHECKED_AT_ONCE)
    return all(bool(torch.isfinite(part.float() if part.dtype.itemsize == 1 else part).all()) for part in parts)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write `tensors` in name order, so that equal tensors give equal bytes."""
    entries: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    blobs: list[bytes] = []
    offset = 0
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        blob = tensor.reshape(-1).view(torch.uint8).numpy().tobytes()
        span = [offset, offset + len(blob)]
        entries[name] = {"dtype": DTYPE_NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": span}
        offset += len(blob)
        blobs.append(blob)
    path.write_bytes(encoded_header(entries) + b"".join(blobs))


def encoded_header(entries: Mapping[str, Any]) -> bytes:
    """Return a header with its length, as a file begins: so long that the data starts aligned."""
    raw = json.dumps(entries, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % _HEADER_LENGTH_BYTES)
    return len(raw).to_bytes(_HEADER_LENGTH_BYTES, "little") + raw


def _header_length(prefix: bytes, size: int) -> int:
    length = int.from_bytes(prefix, "little")
    # Asked only of what cannot be a header's length: a header of 640 bytes begins like a pickle, \x80\x02.
    if len(prefix) < _HEADER_LENGTH_BYTES or length > MAX_HEADER_BYTES or _HEADER_LENGTH_BYTES + length > size:
        for start, meaning in _STRANGERS:
            if prefix.startswith(start):
                raise MalformedError(meaning)
    if len(prefix) < _HEADER_LENGTH_BYTES:
        raise MalformedError("the file is shorter than a header length")
    if length > MAX_HEADER_BYTES:
        text = "; it begins like text" if prefix.isascii() and prefix.decode("ascii").isprintable() else ""
        raise MalformedError(f"the header claims {length} bytes, more than {MAX_HEADER_BYTES}{text}")
    if _HEADER_LENGTH_BYTES + length > size:
        raise MalformedError("the header ends after the file does")
    return length


def _checked_header(raw: bytes, data_start: int, data_size: int) -> Header:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError("the header is not UTF-8") from error
    metadata: dict[str, str] = {}
    found: list[TensorEntry] = []
    for name, value in members(text, _value):
        if name == "__metadata__":
            metadata = value
            continue
        if len(found) == MAX_TENSORS:
            raise MalformedError(f"it holds more than {MAX_TENSORS} tensors")
        found.append(_entry(name, value))
    if not found:
        raise MalformedError("it holds no tensors")
    entries = sorted(found, key=lambda entry: (entry.start, entry.end))
    position = 0
    for entry in entries:
        if entry.start != position:
            raise MalformedError(f"{entry.name} starts at {entry.start}, expected {position} (a hole or an overlap)")
        position = entry.end
    if position != data_size:
        raise MalformedError(f"the tensors take {position} bytes and the data has {data_size}")
    return Header(tuple(entries), metadata, data_start, data_start + data_size)


def _value(text: str, position: int, name: str) -> tuple[Any, int]:
    if name == "__metadata__":
        return table_of_strings(text, position, MAX_METADATA, "__metadata__ is not a table of strings")
    return flat_object(text, position, f"{_shown(name)} must have exactly dtype, shape and data_offsets")


def _shown(name: str) -> str:
    return ascii(name)[:80]


def _entry(name: str, value: Any) -> TensorEntry:
    if len(name) > MAX_NAME_LENGTH or not _NAME.fullmatch(name):
        raise MalformedError(f"{_shown(name)} is not a tensor name")
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise MalformedError(f"{name} must have exactly dtype, shape and data_offsets")
    dtype = DTYPES.get(value["dtype"]) if isinstance(value["dtype"], str) else None
    if isinstance(value["dtype"], str) and value["dtype"] in _UNREAD_DTYPES:
        raise MalformedError(f"{name} has the dtype {value['dtype']}, which is not read yet")
    if dtype is None:
        raise MalformedError(f"{name} has the unknown dtype {ascii(value['dtype'])[:40]}")
    shape, offsets = _naturals(name, value["shape"]), _naturals(name, value["data_offsets"])
    if len(shape) > MAX_RANK or (0 in shape and not _is_empty_mark(name, shape)):
        raise MalformedError(f"{name} has an empty or too deep shape")
    if len(offsets) != 2 or math.prod(shape) * dtype.itemsize != offsets[1] - offsets[0]:
        raise MalformedError(f"{name}: shape and offsets disagree")
    return TensorEntry(name, dtype, shape, offsets[0], offsets[1])


def _is_empty_mark(name: str, shape: tuple[int, ...]) -> bool:
    # ComfyUI marks its older fp8 files with a tensor that is nothing but its dtype.
    return name.rpartition(".")[2] == "scaled_fp8" and shape == (0,)


def _naturals(name: str, values: Any) -> tuple[int, ...]:
    # `type(...) is int`: JSON's true would pass isinstance.
    if not isinstance(values, list) or not all(type(value) is int and value >= 0 for value in values):
        raise MalformedError(f"{name}: shape and offsets must be lists of natural numbers")
    return tuple(values)
