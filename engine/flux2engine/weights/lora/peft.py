"""LoRAs of diffusers and PEFT: `transformer.` before diffusers' names, and alpha in the file's metadata.

Says how such names are made, and turns the configuration into a scale for each layer. Reads no tensors.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flux2engine.errors import WeightsError
from flux2engine.weights.lora.places import Naming

NAMING = Naming("diffusers (PEFT)", ("transformer.",), ("diffusers", "official"))
METADATA_KEY = "lora_adapter_metadata"
CONFIG_NAME = "adapter_config.json"
MAX_CONFIG_BYTES = 1_000_000
_PLAIN_PATTERN = re.compile(r"\^?[\w.\-]+", re.ASCII)

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Declared:
    """Hold ranks and alphas that a configuration declares; patterns are layers' names, or ends of them after a dot."""

    rank: int
    alpha: float
    rank_pattern: Mapping[str, int] = field(default_factory=dict)
    alpha_pattern: Mapping[str, float] = field(default_factory=dict)
    by_root: bool = False  # rsLoRA: divided by the root of the rank

    def rank_of(self, layer: str) -> int:
        """Return the rank that a layer should have."""
        return _first_match(self.rank_pattern, layer, self.rank)

    def scale_of(self, layer: str, rank: int) -> float:
        """Return what multiplies a layer's product of `rank`."""
        return _first_match(self.alpha_pattern, layer, self.alpha) / (math.sqrt(rank) if self.by_root else rank)


def declared(source: str, text: str, prefix: str = "") -> Declared | None:
    """Parse a configuration as PEFT writes it; names may carry `prefix`, as diffusers writes them for several parts.

    None where it declares no rank. WeightsError for what is not such a configuration, and for patterns that are
    expressions: a file brings names here, never code to match them with.
    """
    if len(text) > MAX_CONFIG_BYTES:
        raise WeightsError(f"{source}: its LoRA configuration is larger than {MAX_CONFIG_BYTES} characters")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{source}: its LoRA configuration is not JSON ({error})") from error
    if not isinstance(values, dict):
        raise WeightsError(f"{source}: its LoRA configuration is not an object")
    if prefix and any(name.startswith(prefix) for name in values):
        values = {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
    if "r" not in values:
        return None
    alpha = values.get("lora_alpha", values.get("alpha", values["r"]))  # LoKr and LoHa call it alpha
    return Declared(
        rank=int(_positive(source, "r", values["r"])),
        alpha=_positive(source, "lora_alpha", alpha),
        rank_pattern={name: int(value) for name, value in _pattern(source, values, "rank_pattern").items()},
        alpha_pattern=_pattern(source, values, "alpha_pattern"),
        by_root=values.get("use_rslora") is True,
    )


def _pattern(source: str, values: Mapping[str, Any], name: str) -> dict[str, float]:
    pattern = values.get(name) or {}
    if not isinstance(pattern, dict):
        raise WeightsError(f"{source}: {name} of its LoRA configuration is not a table of layers")
    for layer in pattern:
        if not _PLAIN_PATTERN.fullmatch(layer):
            raise WeightsError(
                f"{source}: {name} holds the expression {ascii(layer)[:80]}; only names of layers are read"
            )
    return {layer: _positive(source, f"{name} of {layer}", value) for layer, value in pattern.items()}


def _first_match(patterns: Mapping[str, _Value], layer: str, otherwise: _Value) -> _Value:
    for pattern, value in patterns.items():  # PEFT takes the first that matches
        name = pattern.removeprefix("^")
        if layer == name or (name == pattern and layer.endswith(f".{name}")):
            return value
    return otherwise


def _positive(source: str, name: str, value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or value <= 0:
        raise WeightsError(f"{source}: {name} of its LoRA configuration is {ascii(value)[:40]}, not a positive number")
    return float(value)
