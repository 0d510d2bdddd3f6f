"""Values → GGUF files, written by the `gguf` package, whose arithmetic is the reference; malformed ones by hand.

Packing is the package's where it packs a type, else random blocks that its arithmetic unpacks to values of some size.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
import torch
from gguf.quants import dequantize, quantize
from torch import Tensor

from flux2engine.weights.gguf_file import BLOCKS

# Where a block's half-precision scales stand, of the types that the package only unpacks.
HALVES = {"Q2_K": (80, 82), "Q3_K": (108,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,)}
NUMBERS = {block.name: number for number, block in BLOCKS.items()}
PACKED = tuple(name for name in NUMBERS if name not in ("F32", "F16", "BF16"))


def kind(name: str) -> gguf.GGMLQuantizationType:
    """Return the package's own name of a type."""
    return gguf.GGMLQuantizationType[name]


@dataclass(frozen=True)
class Packed:
    """Hold a tensor as a file has it: the type's name, its bytes by rows, and the shape that it has unpacked."""

    type: str
    data: npt.NDArray[Any]
    shape: tuple[int, ...]

    def reference(self) -> Tensor:
        """Return what the package unpacks, in float32."""
        return torch.from_numpy(dequantize(self.data, kind(self.type)).reshape(self.shape).copy())


def pack(values: Tensor, name: str, seed: int = 0) -> Packed:
    """Quantise as the package does; types that it only unpacks get random blocks of about the size of the values."""
    array = values.float().numpy()
    if name not in HALVES:
        return Packed(name, quantize(array, kind(name)), tuple(values.shape))
    block = BLOCKS[NUMBERS[name]]
    generator = np.random.default_rng(seed)
    blocks = generator.integers(0, 256, (array.size // block.values, block.nbytes), dtype=np.uint8)
    set_halves(blocks, name, np.ones(len(blocks)))
    spread = dequantize(blocks, kind(name)).std()
    set_halves(blocks, name, generator.uniform(0.5, 1.5, len(blocks)) * array.std() / spread)
    return Packed(name, blocks.reshape(*values.shape[:-1], -1), tuple(values.shape))


def set_halves(blocks: npt.NDArray[np.uint8], name: str, scales: npt.NDArray[np.float64]) -> None:
    """Write the half-precision scales of every block."""
    for position in HALVES[name]:
        blocks[:, position : position + 2] = scales.astype(np.float16).reshape(-1, 1).view(np.uint8)


def write_gguf(
    path: Path, tensors: Mapping[str, Packed], architecture: str = "flux", metadata: Mapping[str, Any] | None = None
) -> Path:
    """Write a file as converters do; whole numbers, text and lists of either may be added as metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = _writer(path, architecture, metadata or {})
    for name, packed in tensors.items():
        writer.add_tensor(name, packed.data, raw_dtype=kind(packed.type))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_sparse_gguf(path: Path, shapes: Mapping[str, tuple[int, ...]], name: str) -> Path:
    """Write the header of real weights, matrices in one type and the rest in F32, and a hole for data."""
    writer = _writer(path, "flux", {})
    size = 0
    for tensor, shape in shapes.items():
        block = BLOCKS[NUMBERS[name if len(shape) > 1 and shape[-1] % BLOCKS[NUMBERS[name]].values == 0 else "F32"]]
        nbytes = math.prod(shape) // block.values * block.nbytes
        writer.add_tensor_info(tensor, shape, np.dtype(np.float32), nbytes, raw_dtype=kind(block.name))
        size += padded(nbytes)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with path.open("r+b") as file:
        file.truncate(padded(path.stat().st_size) + size)
    return path


def _writer(path: Path, architecture: str, metadata: Mapping[str, Any]) -> gguf.GGUFWriter:
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in metadata.items():
        if isinstance(value, int):
            writer.add_uint32(key, value)
        elif isinstance(value, str):
            writer.add_string(key, value)
        else:
            writer.add_array(key, value)
    return writer


# --- by hand -----------------------------------------------------------------------------------------------------


def padded(position: int, alignment: int = 32) -> int:
    """Return the next position that is aligned."""
    return position + -position % alignment


def text(value: bytes, length: int | None = None) -> bytes:
    """Return a string as the format has it; `length` is what it says of itself."""
    return struct.pack("<Q", len(value) if length is None else length) + value


def pair(key: bytes, type_number: int, value: bytes) -> bytes:
    """Return one metadata."""
    return text(key) + struct.pack("<I", type_number) + value


def tensor_header(name: bytes = b"a", sizes: Iterable[int] = (8,), number: int = 0, start: int = 0) -> bytes:
    """Return what a header says of one tensor; `sizes` as the file has them, the innermost first."""
    sizes = tuple(sizes)
    return text(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, number, start)


def file_bytes(
    tensor_headers: Iterable[bytes] = (tensor_header(),),
    pairs: Iterable[bytes] = (),
    data: bytes = b"\0" * 32,
    *,
    version: int = 3,
    tensors: int | None = None,
    metadata: int | None = None,
    alignment: int = 32,
) -> bytes:
    """Return a file; `tensors` and `metadata` are what it says of their numbers."""
    tensor_headers, pairs = tuple(tensor_headers), tuple(pairs)
    counts = (len(tensor_headers) if tensors is None else tensors, len(pairs) if metadata is None else metadata)
    header = b"GGUF" + struct.pack("<IQQ", version, *counts) + b"".join(pairs) + b"".join(tensor_headers)
    return header + b"\0" * (-len(header) % alignment) + data
