"""Placement follows the device, and threads are fixed only inside."""

from __future__ import annotations

import pytest
import torch

from flux2engine.memory import choose_placement, fixed_threads


@pytest.mark.parametrize(
    ("device", "dtype"), [("cpu", torch.float32), ("cuda:1", torch.bfloat16), ("mps", torch.float32)]
)
def test_dtypes(device: str, dtype: torch.dtype) -> None:
    """CUDA computes in bf16, everything else in fp32."""
    placement = choose_placement(device)
    assert (placement.device, placement.dtype) == (torch.device(device), dtype)


def test_threads_are_put_back() -> None:
    """Inside there are so many, afterwards as many as before, after an error too."""
    before = torch.get_num_threads()
    with fixed_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with pytest.raises(RuntimeError, match="inside"), fixed_threads(before + 1):
        raise RuntimeError("inside")
    assert torch.get_num_threads() == before
