"""A folder holding model.json, weights and a tokenizer ↔ a variant and its modules.

This is how nano ships. Weights rest in bf16 (the autoencoder's statistics in fp32) and are cast to the dtype that
computes. Knows nothing of prompts or sampling.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from flux2engine.autoencoder import AutoencoderKLFlux2, TinyAutoencoder
from flux2engine.errors import ManifestError
from flux2engine.manifest import MANIFEST, ModelManifest, folder_digest, read_manifest, resolve_variant
from flux2engine.memory import Placement
from flux2engine.text_encoder import Qwen3FormEncoder
from flux2engine.transformer import Flux2Transformer
from flux2engine.variants import AutoencoderConfig, ModelVariant, TinyAutoencoderConfig
from flux2engine.weights.official import load_module, load_transformer
from flux2engine.weights.safetensors_file import write_tensors

_TEACHER = TinyAutoencoderConfig(widths=(64, 64, 64, 64), decoder_blocks=(3, 3, 3, 1), encoder_blocks=(3, 3, 3, 1))

Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True)
class LoadedModel:
    """Hold what a model folder gave."""

    variant: ModelVariant
    transformer: Flux2Transformer
    autoencoder: AutoencoderKLFlux2 | TinyAutoencoder
    text_encoder: Qwen3FormEncoder
    digest: str  # over the manifest, the weights and the tokenizer


def load_model(folder: Path, placement: Placement) -> LoadedModel:
    """Load a model folder onto a device; the autoencoder and the text encoder compute in fp32."""
    manifest = read_manifest(folder)
    variant = resolve_variant(manifest)
    files = manifest.files
    transformer = Flux2Transformer(variant.transformer)
    autoencoder = build_autoencoder(variant.autoencoder)
    text_encoder = _text_encoder(manifest, variant, _tokenizer(folder / files.tokenizer))
    load_transformer(transformer, folder / files.transformer)
    load_module(autoencoder, folder / files.autoencoder)
    load_module(text_encoder, folder / files.text_encoder)
    return LoadedModel(
        variant=variant,
        transformer=_ready(transformer.to(placement.device, placement.dtype)),
        autoencoder=_ready(_channels_last(autoencoder.to(placement.device))),
        text_encoder=_ready(text_encoder.to(placement.device)),
        digest=folder_digest(folder),
    )


def save_model(
    folder: Path,
    manifest: ModelManifest,
    transformer: nn.Module,
    autoencoder: nn.Module,
    text_encoder: Qwen3FormEncoder,
) -> None:
    """Write a folder that `load_model` reads; equal models give equal bytes."""
    resolve_variant(manifest)  # a manifest that cannot be loaded is not written
    folder.mkdir(parents=True, exist_ok=True)
    modules = {
        manifest.files.transformer: transformer,
        manifest.files.autoencoder: autoencoder,
        manifest.files.text_encoder: text_encoder,
    }
    for name, module in modules.items():
        write_tensors(folder / name, {key: _at_rest(key, tensor) for key, tensor in module.state_dict().items()})
    (folder / manifest.files.tokenizer).write_text(text_encoder.tokenizer.to_str(), encoding="utf-8")
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


def build_autoencoder(config: AutoencoderConfig | TinyAutoencoderConfig) -> AutoencoderKLFlux2 | TinyAutoencoder:
    """Return the untrained autoencoder of a configuration."""
    return TinyAutoencoder(config) if isinstance(config, TinyAutoencoderConfig) else AutoencoderKLFlux2(config)


def load_teacher(folder: Path) -> TinyAutoencoder:
    """Load taef2_encoder and taef2_decoder.safetensors as a teacher; its statistics stay at 0 and 1."""
    teacher = TinyAutoencoder(_TEACHER)
    load_module(teacher.encoder, folder / "taef2_encoder.safetensors")
    load_module(teacher.decoder, folder / "taef2_decoder.safetensors")
    return _ready(teacher)


def _ready(module: Module) -> Module:
    return module.eval().requires_grad_(False)


def _channels_last(module: Module) -> Module:
    # Convolutions run 1.7 times as fast so on a CPU (engine/README.md), and the pictures agree within 1e-7.
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _at_rest(key: str, tensor: Tensor) -> Tensor:
    # Statistics scale every latent of every picture: they keep fp32.
    return tensor if key.startswith("bn.") or not tensor.is_floating_point() else tensor.to(torch.bfloat16)


def _text_encoder(manifest: ModelManifest, variant: ModelVariant, tokenizer: Tokenizer) -> Qwen3FormEncoder:
    affixes = manifest.prompt_prefix, manifest.prompt_suffix
    try:
        return Qwen3FormEncoder(variant.text_encoder, tokenizer, *affixes, manifest.pad_token)
    except ValueError as error:
        raise ManifestError(f"text_encoder: {error}") from error


def _tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises bare Exception
        raise ManifestError(f"{path} is not a usable tokenizer: {error}") from error
