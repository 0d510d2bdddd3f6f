"""Tensors whose forms are known, handed over one by one → a safetensors file that has its name once it is whole.

The header is written first, so that nothing waits in memory; a tensor goes to its place in whatever order it comes.
Never replaces a file. Knows no layout and no format of weights.
"""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from flux2engine.errors import WeightsError
from flux2engine.weights.checkpoint import TensorForm
from flux2engine.weights.safetensors_file import DTYPE_NAMES, encoded_header


def write_streamed(
    path: Path, forms: Mapping[str, TensorForm], metadata: Mapping[str, str], tensors: Iterable[tuple[str, Tensor]]
) -> int:
    """Write `tensors`, exactly those of `forms`, to `path`; return the file's bytes. Equal tensors give equal bytes.

    WeightsError if there is something at `path`, if the disk has no room for all of it, or if it cannot be written.
    Whatever ends the writing early, an interruption included, leaves no file.
    """
    header, starts = _header(forms, metadata)
    size = len(header) + sum(form.nbytes for form in forms.values())
    _require_place(path, size)
    # A name that no search for weights finds, in the same folder: renaming does not cross disks.
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with unfinished.open("xb") as file:
            file.write(header)
            waiting = dict(forms)
            for name, tensor in tensors:
                form = waiting.pop(name)
                if (tensor.dtype, tuple(tensor.shape)) != (form.dtype, form.shape):
                    raise ValueError(f"{name} is {tuple(tensor.shape)} of {tensor.dtype}, and {form} was promised")
                _write(file, len(header) + starts[name], tensor)
            if waiting:
                raise ValueError(f"{len(waiting)} tensors were promised and did not come: {next(iter(waiting))}")
            file.flush()
            os.fsync(file.fileno())
        _publish(unfinished, path)
    except OSError as error:
        raise WeightsError(f"{path} cannot be written ({size} bytes): {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return size


def _header(forms: Mapping[str, TensorForm], metadata: Mapping[str, str]) -> tuple[bytes, dict[str, int]]:
    """Return the header's bytes, and where each tensor starts after it.

    The widest dtypes come first: other readers map tensors as they lie and want them aligned.
    """
    entries: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    starts: dict[str, int] = {}
    position = 0
    for name in sorted(forms, key=lambda name: (-forms[name].dtype.itemsize, name)):
        form = forms[name]
        starts[name], end = position, position + form.nbytes
        span = [position, end]
        entries[name] = {"dtype": DTYPE_NAMES[form.dtype], "shape": list(form.shape), "data_offsets": span}
        position = end
    return encoded_header(entries), starts


def _write(file: BinaryIO, position: int, tensor: Tensor) -> None:
    file.seek(position)
    file.write(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)


def _require_place(path: Path, size: int) -> None:
    if path.exists() or path.is_symlink():
        raise WeightsError(f"{path} is there already, and no file is written over: choose another name")
    if not path.parent.is_dir():
        raise WeightsError(f"there is no folder {path.parent}: make it, or choose another")
    free = shutil.disk_usage(path.parent).free
    if size > free:
        needed, left = (f"{math.ceil(amount / 1e6):,} MB" for amount in (size, free))
        raise WeightsError(f"{path} would take {needed}, and its disk has {left} free")


def _publish(unfinished: Path, path: Path) -> None:
    """Give the file its name, if nobody has taken it meanwhile, and make that durable."""
    try:
        os.link(unfinished, path)  # unlike a renaming, it fails where there is a file
    except FileExistsError as error:
        raise WeightsError(f"{path} has appeared meanwhile, and no file is written over") from error
    except OSError:  # a disk without hard links
        if path.exists():
            raise WeightsError(f"{path} has appeared meanwhile, and no file is written over") from None
        os.replace(unfinished, path)  # noqa: PTH105 (beside its sibling above)
    with contextlib.suppress(OSError):  # some systems cannot sync a folder; the file's own bytes are safe
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
