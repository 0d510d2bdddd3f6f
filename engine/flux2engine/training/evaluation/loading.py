"""A model folder → a pipeline, with its weights or, as a control, with untrained ones."""

from __future__ import annotations

from pathlib import Path

import torch

import flux2engine
from flux2engine.memory import choose_placement
from flux2engine.model_folder import load_model
from flux2engine.pipeline import Flux2Pipeline
from flux2engine.text_encoder import Qwen3FormEncoder
from flux2engine.transformer import Flux2Transformer

SHIPPED = Path(flux2engine.__file__).parent / "nano"


def load(model: Path, weights: str) -> Flux2Pipeline:
    """Load the folder; "random" keeps its autoencoder and replaces what paints by untrained weights."""
    if weights == "shipped":
        return Flux2Pipeline.from_folder(model, device="cpu")
    loaded = load_model(model, choose_placement("cpu"))
    torch.manual_seed(0)
    transformer = Flux2Transformer(loaded.variant.transformer).eval()
    encoder = Qwen3FormEncoder(loaded.variant.text_encoder, loaded.text_encoder.tokenizer).eval()
    return Flux2Pipeline(transformer, loaded.autoencoder, encoder, loaded.variant)
