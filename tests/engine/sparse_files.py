"""The shapes of a published model → a safetensors file of true size whose data is a hole and takes no room."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path


def true_size(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> Path:
    """Write a bf16 header and a hole where gigabytes would be; return `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    entries: dict[str, object] = {}
    offset = 0
    for name, shape in shapes.items():
        size = 2 * math.prod(shape)
        entries[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    raw = json.dumps(entries).encode()
    raw += b" " * (-len(raw) % 8)
    with path.open("wb") as file:
        file.write(len(raw).to_bytes(8, "little") + raw)
        file.truncate(8 + len(raw) + offset)
    return path
