"""A small whole model on disk, with random weights, made once."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from flux2engine.manifest import ModelManifest, resolve_variant
from flux2engine.model_folder import build_autoencoder, save_model
from flux2engine.pipeline import Flux2Pipeline
from flux2engine.text_encoder import PAD_TOKEN, Qwen3FormEncoder
from flux2engine.transformer import Flux2Transformer
from tests.engine.random_weights import randomise

SHARED = Path(__file__).parents[3] / "shared"

MANIFEST = ModelManifest(
    variant="nano",
    version="test",
    defaults={"default_steps": 3, "reference_area_single": 128 * 128, "reference_area_several": 96 * 96},
    transformer={
        "hidden_size": 64,
        "heads": 2,
        "head_dim": 32,
        "axes_dim": [8, 8, 8, 8],
        "double_blocks": 1,
        "single_blocks": 1,
        "context_dim": 96,
    },
    autoencoder={"widths": [16, 16, 8, 8], "decoder_blocks": [1, 1, 1, 1]},
    text_encoder={
        "hidden_size": 32,
        "layers": 3,
        "heads": 2,
        "key_value_heads": 1,
        "head_dim": 16,
        "feed_forward_size": 48,
        "vocabulary": 300,
        "taps": [1, 2, 3],
        "tokens": 16,
    },
)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """Return a byte-level tokenizer of 300 tokens."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=[PAD_TOKEN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(["a red bottle on a podium, studio light"] * 3, trainer)
    return made


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer) -> Path:
    """Return a folder that `Flux2Pipeline.from_folder` reads."""
    folder = tmp_path_factory.mktemp("model")
    variant = resolve_variant(MANIFEST)
    transformer = Flux2Transformer(variant.transformer)
    autoencoder = build_autoencoder(variant.autoencoder)
    text_encoder = Qwen3FormEncoder(variant.text_encoder, tokenizer)
    for seed, module in enumerate((transformer, autoencoder, text_encoder)):
        randomise(module, seed)
    autoencoder.bn.running_var.fill_(1.0)
    autoencoder.decoder[-1].weight.mul_(0.2)
    autoencoder.decoder[-1].bias.fill_(0.5)  # pixels around the middle, where clamping hides nothing
    save_model(folder, MANIFEST, transformer, autoencoder, text_encoder)
    return folder


@pytest.fixture(scope="session")
def pipeline(model_folder: Path) -> Flux2Pipeline:
    """Return the loaded model."""
    return Flux2Pipeline.from_folder(model_folder, device="cpu")
