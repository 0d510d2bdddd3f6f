"""Where and in which dtype a model computes. Later: what is resident when. Knows no model."""

from __future__ import annotations

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


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
