"""LoRAs of kohya, musubi-tuner, LyCORIS and OneTrainer: a prefix, then the module's name with underscores for dots.

Says how such names are made. Reads no file.
"""

from __future__ import annotations

from flux2engine.weights.lora.places import Naming

NAMING = Naming(
    "underscores (kohya, musubi, LyCORIS)",
    ("lora_unet_", "lycoris_", "lora_transformer_"),
    ("official", "diffusers"),
    separator="_",
)
