"""One weight in NVIDIA's 4-bit floating point, codes and scales as its file has them → the numbers that it stands for.

Two E2M1 codes a byte, an e4m3 scale for every 16 columns, one fp32 scale for all: w = code · (scale · block scale).
Which half of a byte stands first, and how the block scales lie, has to be said; where that is known from stands in
`nvfp4`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

GROUP = 16  # columns that share a block scale
TILE_ROWS, TILE_GROUPS = 128, 4  # of swizzled scales

# "row-major": (out, in / 16). "swizzled": the tiles of 128 × 4 that cuBLAS reads, padded to whole ones.
ScaleLayout = Literal["row-major", "swizzled"]
# Which half of a byte holds the even column: ComfyUI and BFL the high one, NVIDIA's ModelOpt the low one.
Nibbles = Literal["high first", "low first"]

_E2M1 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0)


@dataclass(frozen=True)
class Packing:
    """Say what the bytes alone do not: how block scales lie, and which half of a byte is the even column."""

    scales: ScaleLayout
    nibbles: Nibbles = "high first"

    @property
    def format(self) -> str:
        """Name the format as messages do: `nvfp4 (swizzled scales, high nibble first)`."""
        return f"nvfp4 ({self.scales} scales, {self.nibbles.replace(' ', ' nibble ')})"


@dataclass(frozen=True, eq=False)
class NVFP4Weight:
    """Hold codes and both scales as their file has them."""

    codes: Tensor  # (out, in / 2), uint8
    block_scales: Tensor  # float8_e4m3fn; (out, in / 16), or padded to (multiple of 128, multiple of 4) when swizzled
    scale: Tensor  # (), float32
    packing: Packing
    input_scale: Tensor | None = None  # (), float32
    full_precision: bool = False  # its producer found products of 4-bit inputs too coarse

    @property
    def format(self) -> str:
        """Name the format as messages do, with the layout that was taken."""
        return self.packing.format

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape unpacked: rows are outputs."""
        return (self.codes.shape[0], 2 * self.codes.shape[1])

    @property
    def nbytes(self) -> int:
        """Count the bytes of codes and scales, padding included."""
        parts = (self.codes, self.block_scales, self.scale, self.input_scale)
        return sum(part.nbytes for part in parts if part is not None)

    def dequantised(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return code · (scale · block scale), multiplied in float32 in that order as ComfyUI does, cast to `dtype`."""
        columns = pairs(self.packing.nibbles).to(self.codes.device)
        values = functional.embedding(self.codes.int(), columns).reshape(self.shape[0], -1, GROUP)
        groups = self.scale * in_rows(self.block_scales, self._groups, self.packing.scales).float()  # (out, in / 16)
        return values.mul_(groups.unsqueeze(-1)).reshape(self.shape).to(dtype)

    def rows(self, start: int, stop: int) -> NVFP4Weight:
        """Return some of the rows, sharing memory; swizzled scales are cut only between tiles of 128 rows.

        ValueError for another cut, and unless 0 ≤ start < stop ≤ rows.
        """
        count = self.shape[0]
        swizzled = self.packing.scales == "swizzled"
        if not 0 <= start < stop <= count:
            raise ValueError(f"rows {start} to {stop} of a weight of {self.shape}")
        if swizzled and (start % TILE_ROWS or (stop % TILE_ROWS and stop != count)):
            raise ValueError(f"rows {start} to {stop}: swizzled scales are cut at multiples of {TILE_ROWS} only")
        stop_scales = padded(stop, TILE_ROWS) if swizzled else stop
        return replace(self, codes=self.codes[start:stop], block_scales=self.block_scales[start:stop_scales])

    def to(self, device: torch.device) -> NVFP4Weight:
        """Return it on another device."""
        return replace(
            self,
            codes=self.codes.to(device),
            block_scales=self.block_scales.to(device),
            scale=self.scale.to(device),
            input_scale=None if self.input_scale is None else self.input_scale.to(device),
        )

    @property
    def _groups(self) -> tuple[int, int]:
        return self.shape[0], self.shape[1] // GROUP


def pairs(nibbles: Nibbles) -> Tensor:
    """Return (256, 2), float32: the even and the odd column that each byte stands for."""
    values = torch.tensor(_E2M1)
    byte = torch.arange(256)
    high, low = values[byte >> 4], values[byte & 0x0F]
    return torch.stack((high, low) if nibbles == "high first" else (low, high), dim=-1)


def in_rows(scales: Tensor, grid: tuple[int, ...], layout: ScaleLayout) -> Tensor:
    """Return block scales as (rows, groups).

    cuBLAS stores a tile of 128 rows × 4 groups as 32 lines of 16: row r stands in line r mod 32, at 4 · (r div 32).
    https://docs.nvidia.com/cuda/cublas/index.html#d-block-scaling-factors-layout
    """
    rows, groups = grid
    if layout == "row-major":
        return scales.reshape(rows, groups)
    down, across = padded(rows, TILE_ROWS) // TILE_ROWS, padded(groups, TILE_GROUPS) // TILE_GROUPS
    tiles = scales.view(torch.uint8).reshape(down, across, 32, 4, TILE_GROUPS)  # line, quarter of the rows, group
    ordered = tiles.permute(0, 3, 2, 1, 4).reshape(down * TILE_ROWS, across * TILE_GROUPS)
    return ordered[:rows, :groups].contiguous().view(torch.float8_e4m3fn)


def padded(count: int, multiple: int) -> int:
    """Return `count` rounded up to whole multiples."""
    return -(-count // multiple) * multiple
