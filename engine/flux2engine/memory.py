"""Where, in which dtype and on how many threads a model computes. Knows no model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Placement:
    """Name a device and the dtype that computes on it."""

    device: torch.device
    dtype: torch.dtype


def choose_placement(device: str | None = None) -> Placement:
    """Pick the best device, or the one named; bf16 on CUDA, fp32 elsewhere (on CPUs bf16 is slower, not faster)."""
    name = device or _best_device()
    return Placement(torch.device(name), torch.bfloat16 if name.startswith("cuda") else torch.float32)


@contextmanager
def fixed_threads(threads: int) -> Iterator[None]:
    """Compute with so many CPU threads inside: another number adds in another order and gives other last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
