"""The forms in which nano is trained: a name → the transformer's shape, and what its manifest says of it.

Plain tables. The text encoder and the autoencoder are the same for every size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from flux2engine.variants import VARIANTS, TransformerConfig

# What differs from the row "nano" of the table of variants; this is also what model.json says.
SIZES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "S": {"positions_within": 64},  # 4.7 M: what ships
        # 11.6 M: for a GPU.
        "R1": {"positions_within": 64, "hidden_size": 256, "heads": 4, "double_blocks": 2, "single_blocks": 8},
        # For rehearsals and tests: every kind of block, seconds for fifty steps.
        "tiny": {
            "positions_within": 16,
            "hidden_size": 64,
            "heads": 2,
            "head_dim": 32,
            "axes_dim": (8, 8, 8, 8),
            "double_blocks": 1,
            "single_blocks": 1,
        },
    }
)


def transformer_config(size: str) -> TransformerConfig:
    """Return the transformer's shape at this size."""
    return replace(VARIANTS["nano"].transformer, **SIZES[size])


def overrides(size: str) -> dict[str, Any]:
    """Return the same as plain data for a manifest."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in SIZES[size].items()}
