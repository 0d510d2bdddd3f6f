"""A GGUF file (version 2 or 3) → where its tensors lie and in which block types, by our own strict rules.

The header is walked, never held: text and lists that nothing here needs are stepped over unread, so a hostile one costs
little memory. The tensors tile the data exactly, but for the padding between them. Knows no layout and unpacks nothing.
"""

from __future__ import annotations

import math
import os
import re
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

import torch

from flux2engine.errors import WeightsError
from flux2engine.weights.bounded_json import MalformedError
from flux2engine.weights.safetensors_file import MAX_NAME_LENGTH, MAX_TENSORS, Header, TensorEntry

MAGIC = b"GGUF"
MAX_HEADER_BYTES = 64_000_000  # language models carry their vocabulary in it: about 10 MB
MAX_METADATA = 10_000
MAX_LISTED_STRINGS = 2_000_000  # in all lists: a vocabulary of 262,144 with as many merges is 0.5 million
MAX_KEPT_TEXT = 4096  # bytes; templates and licences are longer and nothing here reads them
MAX_KEY_LENGTH = 512
MAX_RANK = 4  # ggml has no more
DEFAULT_ALIGNMENT, MAX_ALIGNMENT = 32, 65_536
_NAME = re.compile(rb"[\w.\-]+")
_KEY = re.compile(rb"[\x21-\x7e]+")
_ALIGNMENT_KEY, _SPLIT_KEY = "general.alignment", "split.count"


@dataclass(frozen=True)
class Block:
    """Say how a type packs values: so many of one row into so many bytes."""

    name: str
    values: int
    nbytes: int


# ggml's numbers of the types that are read; sizes as its block structures add up.
BLOCKS: Mapping[int, Block] = MappingProxyType(
    {
        0: Block("F32", 1, 4),
        1: Block("F16", 1, 2),
        30: Block("BF16", 1, 2),
        2: Block("Q4_0", 32, 2 + 16),
        3: Block("Q4_1", 32, 2 + 2 + 16),
        6: Block("Q5_0", 32, 2 + 4 + 16),
        7: Block("Q5_1", 32, 2 + 2 + 4 + 16),
        8: Block("Q8_0", 32, 2 + 32),
        10: Block("Q2_K", 256, 16 + 64 + 2 + 2),
        11: Block("Q3_K", 256, 32 + 64 + 12 + 2),
        12: Block("Q4_K", 256, 2 + 2 + 12 + 128),
        13: Block("Q5_K", 256, 2 + 2 + 12 + 32 + 128),
        14: Block("Q6_K", 256, 128 + 64 + 16 + 2),
    }
)
PLAIN: Mapping[str, torch.dtype] = MappingProxyType(
    {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
)
"""The types that pack nothing."""
_UNREAD = (
    {9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S"}
    | {22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M"}
    | {34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4", 41: "Q1_0"}
)

_STRING, _LIST = 8, 9
# The numbers of metadata's other types, as struct spells them.
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}


@dataclass(frozen=True)
class GgufTensor:
    """Locate one tensor and say how it is packed."""

    block: Block
    shape: tuple[int, ...]  # unpacked, rows first: the file lists sizes the other way round
    stored: TensorEntry  # as `read_tensor` reads it: values of a plain type, else bytes, one row of them per block


@dataclass(frozen=True)
class GgufHeader:
    """Hold a checked header; `metadata` holds numbers and short text, as text."""

    tensors: Mapping[str, GgufTensor]
    metadata: Mapping[str, str]
    stored: Header


def is_gguf(path: Path) -> bool:
    """Return whether a file begins as GGUF does, whatever its name; False for what cannot be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # asked before opening: a pipe would wait for ever
            return False
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False  # who opens it next says why


def read_gguf_header(path: Path) -> GgufHeader:
    """Read and check the header of `path`; raise WeightsError with the file's name on any doubt."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise MalformedError("it is not a regular file")
        with path.open("rb") as file:
            return _header(_Walk(file, os.fstat(file.fileno()).st_size))
    except MalformedError as malformed:
        raise WeightsError(f"{path.name} is not a usable GGUF file: {malformed}") from malformed
    except OSError as error:
        raise WeightsError(f"{path.name} cannot be read: {error.strerror}") from error


class _Walk:
    """Read a header from its beginning; every length is compared with what is left before anything is read."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size
        self.position = 0
        self.strings = 0  # stepped over in lists

    def raw(self, count: int, what: str) -> bytes:
        self._claim(count, what)
        raw = self._file.read(count)
        if len(raw) != count:
            raise MalformedError(f"it ends within {what}")
        return raw

    def step_over(self, count: int, what: str) -> None:
        self._claim(count, what)
        self._file.seek(count, os.SEEK_CUR)

    def number(self, form: str, what: str) -> int | float:
        (value,) = struct.unpack(form, self.raw(struct.calcsize(form), what))
        number: int | float = value
        return number

    def natural(self, form: str, what: str) -> int:
        return int(self.number(form, what))

    def text(self, most: int, what: str) -> bytes:
        length = self.natural("<Q", what)
        if length > most:
            raise MalformedError(f"{what} claims {length} bytes, more than {most}")
        return self.raw(length, what)

    def _claim(self, count: int, what: str) -> None:
        if self.position + count > self.size:
            raise MalformedError(f"{what} ends after the file does")
        if self.position + count > MAX_HEADER_BYTES:
            raise MalformedError(f"the header takes more than {MAX_HEADER_BYTES} bytes")
        self.position += count


def _header(walk: _Walk) -> GgufHeader:
    if walk.raw(len(MAGIC), "its beginning") != MAGIC:
        raise MalformedError("it does not begin as GGUF does")
    version = walk.natural("<I", "the version")
    if version not in (2, 3):
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
        reason = " in big-endian order" if swapped in (1, 2, 3) else ""
        raise MalformedError(
            f"it is of version {min(version, swapped)}{reason}; versions 2 and 3, little-endian, are read"
        )
    count, pairs = walk.natural("<Q", "the number of tensors"), walk.natural("<Q", "the number of metadata")
    if not 0 < count <= MAX_TENSORS:
        raise MalformedError(f"it claims {count} tensors; there must be 1 to {MAX_TENSORS}")
    if pairs > MAX_METADATA:
        raise MalformedError(f"it claims {pairs} metadata, more than {MAX_METADATA}")
    metadata = _metadata(walk, pairs)
    if metadata.get(_SPLIT_KEY, "1") not in ("0", "1"):
        parts = metadata[_SPLIT_KEY][:20]
        raise MalformedError(f"it is one of {parts} parts; join them first (llama.cpp: llama-gguf-split --merge)")
    alignment = _alignment(metadata)
    listed = [_tensor(walk) for _ in range(count)]
    data_start = _padded(walk.position, alignment)
    _require_tiling(listed, walk.size - data_start, alignment)
    tensors: dict[str, GgufTensor] = {}
    for tensor in listed:
        if tensor.stored.name in tensors:
            raise MalformedError(f"{tensor.stored.name} is in it twice")
        tensors[tensor.stored.name] = tensor
    stored = Header(tuple(tensor.stored for tensor in listed), metadata, data_start, walk.size)
    return GgufHeader(MappingProxyType(tensors), MappingProxyType(metadata), stored)


# --- metadata ----------------------------------------------------------------------------------------------------


def _metadata(walk: _Walk, pairs: int) -> dict[str, str]:
    metadata: dict[str, str] = {}
    seen: set[str] = set()
    for index in range(pairs):
        raw = walk.text(MAX_KEY_LENGTH, f"the key of metadata {index + 1}")
        if not _KEY.fullmatch(raw):
            raise MalformedError(f"{ascii(raw)[:80]} is not a key of metadata")
        key = raw.decode("ascii")
        if key in seen:
            raise MalformedError(f"the metadata {key} is in it twice")
        seen.add(key)
        value = _value(walk, key)
        if value is not None:
            metadata[key] = value
    return metadata


def _value(walk: _Walk, key: str) -> str | None:
    """Return a value as text, or None for a list or long text, which is stepped over."""
    kind = walk.natural("<I", f"the type of {key}")
    if kind == _LIST:
        _step_over_list(walk, key)
        return None
    if kind == _STRING:
        return _short_text(walk, key)
    if kind not in _SCALARS:
        raise MalformedError(f"the metadata {key} is of the unknown type {kind}")
    return str(walk.number(_SCALARS[kind], f"the metadata {key}"))


def _short_text(walk: _Walk, key: str) -> str | None:
    what = f"the metadata {key}"
    length = walk.natural("<Q", what)
    if length > MAX_KEPT_TEXT:
        walk.step_over(length, what)
        return None
    try:
        return walk.raw(length, what).decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(f"{what} is not UTF-8") from error


def _step_over_list(walk: _Walk, key: str) -> None:
    what = f"the list {key}"
    kind, length = walk.natural("<I", what), walk.natural("<Q", what)
    if kind in _SCALARS:
        walk.step_over(length * struct.calcsize(_SCALARS[kind]), what)
        return
    if kind != _STRING:
        raise MalformedError(f"{what} holds {'lists' if kind == _LIST else f'the unknown type {kind}'}")
    walk.strings += length
    if walk.strings > MAX_LISTED_STRINGS:
        raise MalformedError(f"its lists claim more than {MAX_LISTED_STRINGS} strings")
    for _ in range(length):
        walk.step_over(walk.natural("<Q", what), what)


def _alignment(metadata: Mapping[str, str]) -> int:
    text = metadata.get(_ALIGNMENT_KEY, str(DEFAULT_ALIGNMENT))
    alignment = int(text) if text.isdecimal() and len(text) < 10 else 0
    if not 8 <= alignment <= MAX_ALIGNMENT or alignment & (alignment - 1):
        raise MalformedError(f"{_ALIGNMENT_KEY} is {text[:40]}; it must be a power of two from 8 to {MAX_ALIGNMENT}")
    return alignment


# --- tensors -----------------------------------------------------------------------------------------------------


def _tensor(walk: _Walk) -> GgufTensor:
    raw = walk.text(MAX_NAME_LENGTH, "a tensor's name")
    if not _NAME.fullmatch(raw):
        raise MalformedError(f"{ascii(raw)[:80]} is not a tensor name")
    name = raw.decode("ascii")
    rank = walk.natural("<I", f"the shape of {name}")
    if not 0 < rank <= MAX_RANK:
        raise MalformedError(f"{name} has {rank} dimensions; there must be 1 to {MAX_RANK}")
    sizes = [walk.natural("<Q", f"the shape of {name}") for _ in range(rank)]
    number, start = walk.natural("<I", f"the type of {name}"), walk.natural("<Q", f"the offset of {name}")
    if number not in BLOCKS:
        called = f"type {_UNREAD[number]}, which is not read" if number in _UNREAD else f"unknown type {number}"
        raise MalformedError(f"{name} is of the {called}; {', '.join(block.name for block in BLOCKS.values())} are")
    block, shape = BLOCKS[number], tuple(reversed(sizes))
    if 0 in shape or shape[-1] % block.values:
        raise MalformedError(
            f"{name} has rows of {shape[-1]} values in {block.name}, which packs {block.values} at a time"
        )
    blocks = math.prod(shape) // block.values
    stored_shape = shape if block.name in PLAIN else (blocks, block.nbytes)
    dtype = PLAIN.get(block.name, torch.uint8)
    return GgufTensor(block, shape, TensorEntry(name, dtype, stored_shape, start, start + blocks * block.nbytes))


def _require_tiling(listed: list[GgufTensor], data_size: int, alignment: int) -> None:
    """Raise unless each tensor starts where the padding after another ends, and the file ends with the last one's."""
    position = end = 0
    for entry in sorted((tensor.stored for tensor in listed), key=lambda entry: entry.start):
        if entry.start != position:
            raise MalformedError(f"{entry.name} starts at {entry.start}, expected {position} (a hole or an overlap)")
        end, position = entry.end, _padded(entry.end, alignment)
    if not end <= data_size <= position:  # the last one's padding may be left out
        raise MalformedError(f"the tensors take {end} bytes and the data has {data_size}")


def _padded(position: int, alignment: int) -> int:
    return -(-position // alignment) * alignment
