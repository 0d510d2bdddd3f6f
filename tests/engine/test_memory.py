"""Placement follows the device, residency the free memory, and threads are fixed only inside."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from flux2engine import memory
from flux2engine.errors import DeviceError
from flux2engine.memory import choose_placement, fixed_threads, free_bytes, require_device


@pytest.mark.parametrize(
    ("device", "dtype"), [("cpu", torch.float32), ("cuda:1", torch.bfloat16), ("mps", torch.float32)]
)
def test_dtypes(device: str, dtype: torch.dtype) -> None:
    """CUDA computes in bf16, everything else in fp32."""
    placement = choose_placement(device)
    assert (placement.device, placement.dtype) == (torch.device(device), dtype)


def test_free_memory_is_what_the_system_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that files occupy counts as free; without the table of facts, free pages are asked for."""
    facts = tmp_path / "meminfo"
    facts.write_text("MemTotal: 4000 kB\nMemFree: 10 kB\nMemAvailable:  2000 kB\n")
    monkeypatch.setattr(memory, "_MEMORY_FACTS", facts)
    cpu = torch.device("cpu")
    assert free_bytes(cpu) == 2000 * 1024
    for absent in ("MemTotal: 4000 kB\n", None):
        facts.write_text(absent) if absent else facts.unlink()
        free = free_bytes(cpu)
        assert free is None or free > 1 << 20


def test_a_device_that_torch_cannot_use_is_refused() -> None:
    """By the version of torch that cannot; a CPU is always there."""
    require_device(torch.device("cpu"))
    for name, available in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())):
        if not available:
            with pytest.raises(DeviceError, match=torch.__version__.split("+")[0]):
                require_device(torch.device(name))


def test_threads_are_put_back() -> None:
    """Inside there are so many, afterwards as many as before, after an error too."""
    before = torch.get_num_threads()
    with fixed_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with pytest.raises(RuntimeError, match="inside"), fixed_threads(before + 1):
        raise RuntimeError("inside")
    assert torch.get_num_threads() == before
