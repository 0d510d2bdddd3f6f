"""Where, in which dtype and on how many threads a model computes, and how much memory is free there.

Knows sizes in bytes; no model.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from flux2engine.errors import DeviceError

Residency = Literal["resident", "staged", "streamed"]

_MEMORY_FACTS = Path("/proc/meminfo")


@dataclass(frozen=True)
class Placement:
    """Name a device and the dtype that computes on it."""

    device: torch.device
    dtype: torch.dtype


def choose_placement(device: str | None = None) -> Placement:
    """Pick the best device, or the one named; bf16 on CUDA, fp32 elsewhere (on CPUs bf16 is slower, not faster)."""
    name = device or _best_device()
    return Placement(torch.device(name), torch.bfloat16 if name.startswith("cuda") else torch.float32)


def require_device(device: torch.device) -> None:
    """Raise DeviceError unless this torch can compute on the device."""
    if device.type == "cuda" and not torch.cuda.is_available():
        raise DeviceError(f"this torch ({torch.__version__}) finds no CUDA device that it can use")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError(f"this torch ({torch.__version__}) cannot use mps here")


def free_bytes(device: torch.device) -> int | None:
    """Return how much memory a device has left; None where the system does not say."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    try:
        # Memory that files occupy can be taken; "free" alone would leave it out.
        lines = _MEMORY_FACTS.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return _free_pages()


def release_cached(device: torch.device) -> None:
    """Give memory that torch keeps for later back to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


@contextmanager
def fixed_threads(threads: int) -> Iterator[None]:
    """Compute with so many CPU threads inside: another number adds in another order and gives other last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _free_pages() -> int | None:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
