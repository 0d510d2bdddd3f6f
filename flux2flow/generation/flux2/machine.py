"""Where models compute and on how many cores, answered without torch: plans name both. What the user's machine says.

Knows no model.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import re
from pathlib import Path
from typing import Literal

from flux2flow.errors import GenerationError

DEVICE_VARIABLE = "FLUX2FLOW_DEVICE"
RESIDENCY_VARIABLE = "FLUX2FLOW_RESIDENCY"
_DRIVER = "libcuda.so.1"
_CORES = Path("/sys/devices/system/cpu")


def device() -> str:
    """Return `FLUX2FLOW_DEVICE` where it is set, else cuda where torch and driver have it, else cpu."""
    named = os.environ.get(DEVICE_VARIABLE)
    if not named:
        return "cuda" if _torch_has_cuda() and _cuda_devices() else "cpu"
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", named):
        raise GenerationError(f"{DEVICE_VARIABLE} is {named!r}; it names cpu, mps, cuda or cuda:1, cuda:2 …")
    return named


def residency() -> Literal["resident", "staged", "streamed"] | None:
    """Return `FLUX2FLOW_RESIDENCY` where it is set: it decides no pixel. None leaves the choice to the free memory."""
    match os.environ.get(RESIDENCY_VARIABLE):
        case None | "":
            return None
        case "resident":
            return "resident"
        case "staged":
            return "staged"
        case "streamed":
            return "streamed"
        case named:
            raise GenerationError(f"{RESIDENCY_VARIABLE} is {named!r}; it is resident, staged or streamed")


def dtype() -> str:
    """Return the dtype that computes on the device: bfloat16 on CUDA, float32 elsewhere."""
    return "bfloat16" if device().startswith("cuda") else "float32"


@functools.cache
def physical_cores() -> int:
    """Return how many cores this process may use; two threads of one core share its arithmetic and count once."""
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    siblings = {_siblings(number) for number in usable}
    return max(len(siblings), 1)


def _siblings(number: int) -> str:
    try:
        return (_CORES / f"cpu{number}" / "topology" / "thread_siblings_list").read_text(encoding="ascii").strip()
    except OSError:  # no such folder: every processor counts as a core
        return str(number)


def _torch_has_cuda() -> bool:
    """Read it from torch's own version file; importing torch takes seconds."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return False
    try:
        text = (Path(found.origin).parent / "version.py").read_text(encoding="utf-8")
    except OSError:
        return False
    return re.search(r"^cuda\b[^=\n]*=\s*['\"]", text, re.MULTILINE) is not None


@functools.cache
def _cuda_devices() -> int:
    """Ask the driver; it honours CUDA_VISIBLE_DEVICES as torch will."""
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
