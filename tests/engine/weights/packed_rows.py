"""A format of the tests: int8 codes with one scale a row → a PackedWeight, and files that hold it in real layouts.

No real format: what keeps weights packed is tested with it alone, whatever formats are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors.torch import save_file
from torch import Tensor

from flux2engine.weights.checkpoint import Checkpoint, PackedForm, TensorForm, open_checkpoint
from flux2engine.weights.packed import PackedWeight, UnpackedSource

SCALE = ".row_scale"


@dataclass(frozen=True)
class PackedRows:
    """Hold int8 codes (rows, columns) and fp32 scales (rows,)."""

    codes: Tensor
    scales: Tensor
    blocks: int = 1  # rows that cannot be parted

    @property
    def format(self) -> str:
        return "int8 rows"

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.codes.shape)

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes + self.scales.nbytes

    def dequantised(self, dtype: torch.dtype = torch.float32) -> Tensor:
        return (self.codes.float() * self.scales[:, None]).to(dtype)

    def rows(self, start: int, stop: int) -> PackedRows:
        if start % self.blocks or stop % self.blocks:
            raise ValueError("inside a block")
        return PackedRows(self.codes[start:stop], self.scales[start:stop], self.blocks)

    def to(self, device: torch.device) -> PackedRows:
        return PackedRows(self.codes.to(device), self.scales.to(device), self.blocks)


def packed_rows(weight: Tensor, blocks: int = 1) -> PackedRows:
    """Quantise (rows, columns) to the nearest code."""
    scales = weight.float().abs().amax(dim=1).clamp_min(1e-12) / 127
    return PackedRows((weight.float() / scales[:, None]).round().to(torch.int8), scales, blocks)


def write_packed(path: Path, state: Mapping[str, Tensor], chosen: Callable[[str], bool]) -> Path:
    """Write a state with the chosen weights packed; return the path."""
    stored: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if chosen(name):
            packed = packed_rows(tensor)
            stored |= {name: packed.codes, name + SCALE: packed.scales}
        else:
            stored[name] = tensor.contiguous()
    save_file(stored, path)
    return path


def unpack(source: Checkpoint) -> UnpackedSource:
    """Read the format as a file under weights/ would."""
    packed = [name for name in source.forms if name + SCALE in source.forms]

    def reader(name: str) -> Callable[[], PackedWeight]:
        return lambda: PackedRows(source.tensor(name), source.tensor(name + SCALE))

    forms = {
        name: TensorForm(torch.float32, form.shape) if name in packed else form
        for name, form in source.forms.items()
        if not name.endswith(SCALE)
    }
    sizes = {
        name: PackedForm("int8 rows", source.forms[name].nbytes + source.forms[name + SCALE].nbytes) for name in packed
    }
    return UnpackedSource(source, MappingProxyType(forms), sizes, {name: reader(name) for name in packed})


def open_packed(path: Path) -> UnpackedSource:
    """Open a file of the format."""
    return unpack(open_checkpoint(path))
