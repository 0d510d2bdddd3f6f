"""A path → a source of tensors, whatever format its weights are packed in: the one place that knows all formats."""

from __future__ import annotations

from pathlib import Path

from flux2engine.weights import comfy, fp8, int8, nf4, nvfp4
from flux2engine.weights.checkpoint import WeightSource, open_checkpoint
from flux2engine.weights.gguf import find_gguf, open_gguf
from flux2engine.weights.packed import Unpack

# Asked in this order; the first that knows its own marks reads the file. One format, one file of this package.
FORMATS: tuple[Unpack, ...] = (nf4.unpack, int8.unpack, comfy.unpack, nvfp4.unpack, fp8.unpack)


def open_weights(path: Path) -> WeightSource:
    """Open a file or a folder of weights, in any of the formats; read headers only.

    A GGUF file is known by its first bytes, and in a folder by being the only one there, with no safetensors beside it.
    WeightsError as `open_checkpoint` raises it, and for a format's tensors that do not fit each other. What no format
    knows is returned as it stands: `identify` refuses it by name.
    """
    container = find_gguf(path)
    if container is not None:
        return open_gguf(container)
    source = open_checkpoint(path)
    for unpack in FORMATS:
        unpacked = unpack(source)
        if unpacked is not None:
            return unpacked
    return source
