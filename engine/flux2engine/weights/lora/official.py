"""LoRAs named by dotted modules: ai-toolkit, ComfyUI, BFL, PEFT-wrapped or bare; official or diffusers modules.

Says how such names are made. Reads no file.
"""

from __future__ import annotations

from flux2engine.weights.layouts import TRANSFORMER_PREFIXES
from flux2engine.weights.lora.places import Naming

_COMFYUI = tuple(prefix for prefix in TRANSFORMER_PREFIXES if prefix)

NAMING = Naming(
    "dotted modules (ai-toolkit, ComfyUI, BFL)",
    # PEFT-wrapped files may hold another prefix inside. The empty one comes last: every other would be part of a name.
    (*(f"base_model.model.{prefix}" for prefix in (*_COMFYUI, "transformer.", "")), *_COMFYUI, ""),
    ("official", "diffusers"),
    # Some exports cut `transformer_blocks` as if it began with a prefix.
    aliases=(("sformer_blocks.", "transformer_blocks."),),
)
