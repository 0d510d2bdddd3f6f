"""A GGUF file → its weights under the names and shapes of a layout, in blocks until they are asked for unpacked.

The arithmetic is ggml's reference for each block type, in float32 and in its order, so results agree bit for bit. Names
of a transformer stand in the file as the layouts have them; those of a language model are translated beside this file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from flux2engine.errors import WeightsError
from flux2engine.weights.checkpoint import PackedForm, TensorForm
from flux2engine.weights.gguf_file import PLAIN, Block, GgufHeader, GgufTensor, is_gguf, read_gguf_header
from flux2engine.weights.gguf_language_model import Place, language_model_places
from flux2engine.weights.packed import UnpackedSource
from flux2engine.weights.safetensors_file import read_tensor

# Values unpacked at one time: the steps between take a few times as much, which should stay in a processor's cache.
_VALUES_AT_ONCE = 1 << 19


@dataclass(frozen=True)
class GgufWeight:
    """Hold one weight in ggml's blocks: codes of one block per row, in the order of the values."""

    block: Block
    shape: tuple[int, ...]
    codes: Tensor  # uint8, (blocks, bytes)

    @property
    def format(self) -> str:
        """Name the format as messages do: `gguf Q4_K`."""
        return _format(self.block)

    @property
    def nbytes(self) -> int:
        """Count the bytes of all blocks."""
        return self.codes.nbytes

    def dequantised(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the weight unpacked on its device, by ggml's arithmetic in float32, then cast to `dtype`."""
        unpack = UNPACK[self.block.name]
        values = torch.empty((len(self.codes), self.block.values), dtype=dtype, device=self.codes.device)
        blocks = _VALUES_AT_ONCE // self.block.values
        for start in range(0, len(values), blocks):
            values[start : start + blocks] = unpack(self.codes[start : start + blocks])
        return values.reshape(self.shape)

    def rows(self, start: int, stop: int) -> GgufWeight:
        """Return some of the rows, still packed; raise ValueError where they do not lie between two blocks."""
        if not 0 <= start < stop <= self.shape[0]:
            raise ValueError(f"rows {start} to {stop} are not in a weight of {self.shape[0]} rows")
        width = math.prod(self.shape[1:])
        first, last = start * width, stop * width
        if first % self.block.values or last % self.block.values:
            raise ValueError(f"rows {start} to {stop} of {width} values cut a block of {self.block.values}")
        codes = self.codes[first // self.block.values : last // self.block.values]
        return GgufWeight(self.block, (stop - start, *self.shape[1:]), codes)

    def to(self, device: torch.device) -> GgufWeight:
        """Return it on another device."""
        return GgufWeight(self.block, self.shape, self.codes.to(device))


def find_gguf(path: Path) -> Path | None:
    """Return `path` if it is a GGUF file, or the one in a folder without safetensors; None where neither is so.

    WeightsError for a folder that holds several.
    """
    if not path.is_dir():
        return path if is_gguf(path) else None
    if any(path.glob("*.safetensors*")):
        return None
    found = sorted(file for file in path.glob("*.gguf") if not file.name.startswith(".") and is_gguf(file))
    if len(found) > 1:
        names = ", ".join(file.name for file in found[:5])
        raise WeightsError(f"{path.name} holds {len(found)} GGUF files: {names}{' …' * (len(found) > 5)}; name one")
    return found[0] if found else None


def open_gguf(path: Path) -> UnpackedSource:
    """Open a GGUF file, reading its header only; what is not packed in blocks is handed out in its own dtype.

    WeightsError for a malformed file, a block type that is not read, and a language model of unknown order, by name.
    """
    header = read_gguf_header(path)
    places = language_model_places(path.name, header) or {name: Place(name) for name in header.tensors}
    forms, packed, weights = {}, {}, {}
    for name, place in places.items():
        tensor = header.tensors[place.name]
        plain = PLAIN.get(tensor.block.name)
        forms[name] = TensorForm(plain or torch.float32, tensor.shape)
        if plain is None:
            packed[name] = PackedForm(_format(tensor.block), tensor.stored.end - tensor.stored.start)
            weights[name] = partial(_weight, path, header, place)
    plain_forms = {name: form for name, form in forms.items() if name not in packed}
    source = _PlainTensors(path, MappingProxyType(plain_forms), header, MappingProxyType(places))
    return UnpackedSource(source, MappingProxyType(forms), MappingProxyType(packed), MappingProxyType(weights))


@dataclass(frozen=True)
class _PlainTensors:
    """Hand out the tensors of a GGUF file that are not packed, under the names of a layout."""

    path: Path
    forms: Mapping[str, TensorForm]
    _header: GgufHeader = field(repr=False, compare=False)
    _places: Mapping[str, Place] = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path,)

    @property
    def metadata(self) -> Mapping[str, str]:
        return self._header.metadata

    @property
    def packed(self) -> Mapping[str, PackedForm]:
        return MappingProxyType({})

    def tensor(self, name: str) -> Tensor:
        place = self._places[name]
        tensor = self._header.tensors[place.name]
        return place.ordered(read_tensor(self.path, self._header.stored, tensor.stored))


def _weight(path: Path, header: GgufHeader, place: Place) -> GgufWeight:
    tensor: GgufTensor = header.tensors[place.name]
    codes = read_tensor(path, header.stored, tensor.stored)
    if place.heads:
        codes = place.ordered(codes.reshape(tensor.shape[0], -1)).reshape(codes.shape)  # a row is whole blocks
    return GgufWeight(tensor.block, tensor.shape, codes)


def _format(block: Block) -> str:
    return f"gguf {block.name}"


# --- blocks of bytes (n, bytes) → values (n, values), float32 ------------------------------------------------------


def _half(blocks: Tensor, position: int) -> Tensor:
    """Return the half-precision number at a byte of each block: (n, 1) in float32."""
    return blocks[:, position : position + 2].contiguous().view(torch.float16).float()


def _fields(packed: Tensor, groups: int, bits: int) -> Tensor:
    """Cut bytes into fields of so many bits, lowest first: (n, bytes) → (n, groups, fields, bytes of a group)."""
    shifts = torch.arange(0, 8, bits, dtype=torch.uint8, device=packed.device)
    grouped = packed.reshape(len(packed), groups, 1, -1)
    return (grouped >> shifts[:, None]) & ((1 << bits) - 1)


def _bits(packed: Tensor) -> Tensor:
    """Return the bits of bytes in their order, lowest first: (n, bytes) → (n, 8 · bytes)."""
    shifts = torch.arange(8, dtype=torch.uint8, device=packed.device)
    return ((packed[:, :, None] >> shifts) & 1).flatten(1)


def _q4_0(blocks: Tensor) -> Tensor:
    codes = _fields(blocks[:, 2:], 1, 4).flatten(1)
    return _half(blocks, 0) * (codes.float() - 8)


def _q4_1(blocks: Tensor) -> Tensor:
    codes = _fields(blocks[:, 4:], 1, 4).flatten(1)
    return _half(blocks, 0) * codes.float() + _half(blocks, 2)


def _q5_0(blocks: Tensor) -> Tensor:
    codes = _fields(blocks[:, 6:], 1, 4).flatten(1) | (_bits(blocks[:, 2:6]) << 4)
    return _half(blocks, 0) * (codes.float() - 16)


def _q5_1(blocks: Tensor) -> Tensor:
    codes = _fields(blocks[:, 8:], 1, 4).flatten(1) | (_bits(blocks[:, 4:8]) << 4)
    return _half(blocks, 0) * codes.float() + _half(blocks, 2)


def _q8_0(blocks: Tensor) -> Tensor:
    return _half(blocks, 0) * blocks[:, 2:].contiguous().view(torch.int8).float()


def _q2_k(blocks: Tensor) -> Tensor:
    scales = _half(blocks, 80) * (blocks[:, :16] & 15).float()
    minima = _half(blocks, 82) * (blocks[:, :16] >> 4).float()
    codes = _fields(blocks[:, 16:80], 2, 2).reshape(-1, 16, 16)
    return (scales[:, :, None] * codes.float() - minima[:, :, None]).flatten(1)


def _q3_k(blocks: Tensor) -> Tensor:
    low = _fields(blocks[:, 96:104], 1, 4).flatten(1)  # four bits of sixteen scales, then the two above them
    high = _fields(blocks[:, 104:108], 1, 2).flatten(1)
    scales = _half(blocks, 108) * ((low | (high << 4)).float() - 32)
    codes = _fields(blocks[:, 32:96], 2, 2).reshape(-1, 16, 16)
    set_bits = _fields(blocks[:, :32], 1, 1).reshape(-1, 16, 16)
    # A bit that is not set takes four away.
    return (scales[:, :, None] * (codes.float() - 4 * (1 - set_bits.float()))).flatten(1)


def _scales_and_minima(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """Return the eight scales and minima of Q4_K and Q5_K, (n, 8, 1): six bits each, the last four's in two places."""
    packed = blocks[:, 4:16]
    first, second, rest = packed[:, :4], packed[:, 4:8], packed[:, 8:]
    scales = torch.cat((first & 63, (rest & 15) | ((first >> 2) & 48)), dim=1)
    minima = torch.cat((second & 63, (rest >> 4) | ((second >> 2) & 48)), dim=1)
    return (_half(blocks, 0) * scales.float())[:, :, None], (_half(blocks, 2) * minima.float())[:, :, None]


def _q4_k(blocks: Tensor) -> Tensor:
    scales, minima = _scales_and_minima(blocks)
    codes = _fields(blocks[:, 16:], 4, 4).reshape(-1, 8, 32)
    return (scales * codes.float() - minima).flatten(1)


def _q5_k(blocks: Tensor) -> Tensor:
    scales, minima = _scales_and_minima(blocks)
    codes = _fields(blocks[:, 48:], 4, 4).reshape(-1, 8, 32) | (_fields(blocks[:, 16:48], 1, 1).squeeze(1) << 4)
    return (scales * codes.float() - minima).flatten(1)


def _q6_k(blocks: Tensor) -> Tensor:
    scales = _half(blocks, 208) * blocks[:, 192:208].contiguous().view(torch.int8).float()
    low = _fields(blocks[:, :128], 2, 4).reshape(-1, 8, 32)
    codes = low | (_fields(blocks[:, 128:192], 2, 2).reshape(-1, 8, 32) << 4)
    return (scales[:, :, None] * (codes.reshape(-1, 16, 16).float() - 32)).flatten(1)


UNPACK: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "Q4_0": _q4_0,
        "Q4_1": _q4_1,
        "Q5_0": _q5_0,
        "Q5_1": _q5_1,
        "Q8_0": _q8_0,
        "Q2_K": _q2_k,
        "Q3_K": _q3_k,
        "Q4_K": _q4_k,
        "Q5_K": _q5_k,
        "Q6_K": _q6_k,
    }
)
"""By the name of the block type; every type of `gguf_file.BLOCKS` that is not plain."""
