"""A weight in bitsandbytes' 4-bit codes, NF4 or FP4, with one scale for each block, plain or quantised once more.

Unpacks as bitsandbytes' kernels do. Knows no file: nf4.py reads and writes them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["nf4", "fp4"]

# Values of the sixteen codes, as bitsandbytes' kernels have them whatever the file's quant_map says: quantiles of the
# normal distribution (QLoRA, arXiv 2305.14314), and a float of two exponent bits and one of mantissa, twelfths of it.
CODE_VALUES: Mapping[Kind, tuple[float, ...]] = {
    "nf4": (
        *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
        *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
        *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
        *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
    ),
    "fp4": tuple(sign * value / 12 for sign in (1, -1) for value in (0, 0.0625, 8, 12, 4, 6, 2, 3)),
}
# One step goes over so many values, a multiple of every block: a fused weight of dev would take 1.4 GB at once.
VALUES_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class PlainScales:
    """Hold one fp32 scale for each block."""

    absmax: Tensor  # (blocks,) float32

    @property
    def nbytes(self) -> int:
        """Count the bytes."""
        return self.absmax.nbytes

    def values(self, start: int, stop: int) -> Tensor:
        """Return some of the scales in fp32."""
        return self.absmax[start:stop]

    def part(self, start: int, stop: int) -> PlainScales:
        """Return some of the scales."""
        return PlainScales(self.absmax[start:stop])

    def to(self, device: torch.device) -> PlainScales:
        """Return them on another device."""
        return PlainScales(self.absmax.to(device))


@dataclass(frozen=True)
class NestedScales:
    """Hold scales that are themselves 8-bit codes: value = map[code] × absmax of its block + offset."""

    codes: Tensor  # (blocks,) uint8
    absmax: Tensor  # (blocks / blocksize,) float32
    code_map: Tensor  # (256,) float32
    offset: float
    blocksize: int

    @property
    def nbytes(self) -> int:
        """Count the bytes."""
        return self.codes.nbytes + self.absmax.nbytes + self.code_map.nbytes

    def values(self, start: int, stop: int) -> Tensor:
        """Return some of the scales in fp32, by bitsandbytes' arithmetic: product and sum are rounded one by one."""
        block = torch.arange(start, stop, device=self.codes.device) // self.blocksize
        return self.code_map[self.codes[start:stop].int()].mul_(self.absmax[block]).add_(self.offset)

    def part(self, start: int, stop: int) -> NestedScales | PlainScales:
        """Return some of the scales: still nested where they begin with a block of theirs."""
        if start % self.blocksize:
            return PlainScales(self.values(start, stop))
        blocks = slice(start // self.blocksize, -(-stop // self.blocksize))
        return replace(self, codes=self.codes[start:stop], absmax=self.absmax[blocks])

    def to(self, device: torch.device) -> NestedScales:
        """Return them on another device."""
        codes, absmax, code_map = self.codes.to(device), self.absmax.to(device), self.code_map.to(device)
        return replace(self, codes=codes, absmax=absmax, code_map=code_map)


@dataclass(frozen=True)
class FourBitWeight:
    """Hold a weight as codes of 4 bits and one scale for each block of values, counted along the rows."""

    codes: Tensor  # (⌈values / 2⌉,) uint8; the first of two values is in the high half
    scales: PlainScales | NestedScales
    kind: Kind
    blocksize: int
    dtype: torch.dtype  # that bitsandbytes unpacks to, rounding each value
    shape: tuple[int, int]

    @property
    def format(self) -> str:
        """Name the format."""
        return format_name(self.kind, nested=isinstance(self.scales, NestedScales))

    @property
    def nbytes(self) -> int:
        """Count the bytes of codes and scales."""
        return self.codes.nbytes + self.scales.nbytes

    def dequantised(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the weight unpacked: code's value × scale in fp32, rounded to the state's dtype as its writer does."""
        count = math.prod(self.shape)
        out = torch.empty(count, dtype=dtype, device=self.codes.device)
        pairs = _pairs(self.kind).to(self.codes.device)
        for start in range(0, count, VALUES_AT_ONCE):
            stop = min(start + VALUES_AT_ONCE, count)
            values = pairs[self.codes[start // 2 : -(-stop // 2)].int()].reshape(-1)[: stop - start]
            scales = self.scales.values(start // self.blocksize, -(-stop // self.blocksize))
            values *= scales.repeat_interleave(self.blocksize)[: stop - start]
            out[start:stop] = values.to(self.dtype)
        return out.reshape(self.shape)

    def rows(self, start: int, stop: int) -> FourBitWeight:
        """Return some of the rows, still packed; raise ValueError where they do not lie between two blocks."""
        rows, columns = self.shape
        first, last = start * columns, stop * columns
        if not 0 <= start < stop <= rows:
            raise ValueError(f"rows {start} to {stop} are not among {rows}")
        if first % self.blocksize or (last % self.blocksize and stop != rows):
            raise ValueError(f"rows {start} to {stop} of {columns} columns cut through blocks of {self.blocksize}")
        scales = self.scales.part(first // self.blocksize, -(-last // self.blocksize))
        return replace(self, codes=self.codes[first // 2 : -(-last // 2)], scales=scales, shape=(stop - start, columns))

    def to(self, device: torch.device) -> FourBitWeight:
        """Return it on another device."""
        return replace(self, codes=self.codes.to(device), scales=self.scales.to(device))


def format_name(kind: Kind, *, nested: bool) -> str:
    """Name the format as messages do."""
    return f"{kind}, double-quantised" if nested else kind


@cache
def _pairs(kind: Kind) -> Tensor:
    """Return both values of every byte of codes, (256, 2) float32."""
    values = torch.tensor(CODE_VALUES[kind])
    byte = torch.arange(256)
    return torch.stack([values[byte >> 4], values[byte & 15]], dim=1)
