"""Weights as a quantised format packs them ↔ a source of tensors that reads as if nothing were packed.

What a format is called and how its tensors are found stands in that format's own file; here is what all share. Knows
no layout: a packed `X.weight` of any layout is listed under the name and in the shape that it has unpacked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from flux2engine.errors import WeightsError
from flux2engine.weights.checkpoint import PackedForm, TensorForm, WeightSource


class PackedWeight(Protocol):
    """Hold one weight as its file packs it: codes and scales, on one device."""

    @property
    def format(self) -> str:
        """Name the format as messages do: `fp8 (e4m3fn, scaled)`, `gguf Q4_K`, `nf4`."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape that it has unpacked: rows are outputs."""
        ...

    @property
    def nbytes(self) -> int:
        """Count the bytes of codes and scales."""
        ...

    def dequantised(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the weight unpacked, on its device, by the format's own reference arithmetic, then cast to `dtype`."""
        ...

    def rows(self, start: int, stop: int) -> PackedWeight:
        """Return some of the rows, still packed; raise ValueError where they do not lie between two blocks."""
        ...

    def to(self, device: torch.device) -> PackedWeight:
        """Return it on another device."""
        ...


@dataclass(frozen=True)
class UnpackedSource:
    """Read a source whose weights are packed as if they were not.

    `forms` lists what is handed out, in the shapes of the layout, scales and other helpers left out; a packed weight's
    dtype is float32, in which all formats unpack exactly.
    """

    source: WeightSource
    forms: Mapping[str, TensorForm]
    packed: Mapping[str, PackedForm]
    weights: Mapping[str, Callable[[], PackedWeight]]  # by the names of `packed`

    @property
    def name(self) -> str:
        """Return what messages call it."""
        return self.source.name

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the files that hold the tensors."""
        return self.source.files

    @property
    def metadata(self) -> Mapping[str, str]:
        """Return what the header says beside its tensors."""
        return self.source.metadata

    def tensor(self, name: str) -> Tensor:
        """Return one tensor on the CPU; a packed one is unpacked, in float32."""
        if name in self.packed:
            return self.packed_weight(name).dequantised()
        return self.source.tensor(name)

    def packed_weight(self, name: str) -> PackedWeight:
        """Return a packed weight as it is; raise WeightsError if the file's shapes belie its form."""
        weight = self.weights[name]()
        if weight.shape != self.forms[name].shape:
            raise WeightsError(f"{self.name}: {name} unpacks to {weight.shape}, not {self.forms[name].shape}")
        return weight


Unpack = Callable[[WeightSource], UnpackedSource | None]
"""Reads a source's headers: None where they do not show this format; WeightsError where they show half of it."""
