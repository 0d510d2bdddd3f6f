"""A folder holding model.json, weights and a tokenizer ↔ a variant and its modules.

This is how nano ships. Weights rest in bf16 (the autoencoder's statistics in fp32) and are cast to the dtype that
computes. Knows nothing of prompts or sampling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from tokenizers import Tokenizer
from torch import Tensor, nn

from flux2engine.autoencoder import AutoencoderKLFlux2, TinyAutoencoder
from flux2engine.errors import ManifestError
from flux2engine.memory import Placement
from flux2engine.text_encoder import PAD_TOKEN, Qwen3FormEncoder
from flux2engine.transformer import Flux2Transformer
from flux2engine.variants import VARIANTS, AutoencoderConfig, ModelVariant, TinyAutoencoderConfig
from flux2engine.weights.digest import files_digest
from flux2engine.weights.official import load_module, load_transformer
from flux2engine.weights.safetensors_file import write_tensors

MANIFEST = "model.json"
_FILE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"  # beside the manifest, never elsewhere
_TEACHER = TinyAutoencoderConfig(widths=(64, 64, 64, 64), decoder_blocks=(3, 3, 3, 1), encoder_blocks=(3, 3, 3, 1))

Overrides = dict[str, Any]
Config = TypeVar("Config")
Module = TypeVar("Module", bound=nn.Module)


class ModelFiles(BaseModel):
    """Name the files beside the manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    transformer: str = Field("transformer.safetensors", pattern=_FILE_NAME)
    autoencoder: str = Field("autoencoder.safetensors", pattern=_FILE_NAME)
    text_encoder: str = Field("text_encoder.safetensors", pattern=_FILE_NAME)
    tokenizer: str = Field("tokenizer.json", pattern=_FILE_NAME)


class ModelManifest(BaseModel):
    """Describe a model folder: a row of the table of variants, and where the model differs from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[1] = 1
    variant: str
    version: str = ""  # of the weights, for people
    files: ModelFiles = ModelFiles()
    defaults: Overrides = {}  # fields of ModelVariant itself: steps, guidance, areas
    transformer: Overrides = {}
    autoencoder: Overrides = {}
    text_encoder: Overrides = {}
    prompt_prefix: str = ""
    prompt_suffix: str = ""
    pad_token: str = PAD_TOKEN


@dataclass(frozen=True)
class LoadedModel:
    """Hold what a model folder gave."""

    variant: ModelVariant
    transformer: Flux2Transformer
    autoencoder: AutoencoderKLFlux2 | TinyAutoencoder
    text_encoder: Qwen3FormEncoder
    digest: str  # over the manifest, the weights and the tokenizer


def read_manifest(folder: Path) -> ModelManifest:
    """Read model.json; raise ManifestError naming every key that is wrong."""
    path = folder / MANIFEST
    try:
        return ModelManifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise ManifestError(f"{path}: {_reasons(error)}") from error


def resolve_variant(manifest: ModelManifest) -> ModelVariant:
    """Return the manifest's variant with its overrides applied."""
    variant = VARIANTS.get(manifest.variant)
    if variant is None:
        raise ManifestError(f"unknown variant {manifest.variant!r}; known: {', '.join(VARIANTS)}")
    variant = replace(
        variant,
        transformer=_override("transformer", variant.transformer, manifest.transformer),
        autoencoder=_override("autoencoder", variant.autoencoder, manifest.autoencoder),
        text_encoder=_override("text_encoder", variant.text_encoder, manifest.text_encoder),
    )
    variant = _override("defaults", variant, manifest.defaults)
    if variant.text_encoder.context_dim != variant.transformer.context_dim:
        raise ManifestError(
            f"the text encoder gives {variant.text_encoder.context_dim} values a token and the transformer takes "
            f"{variant.transformer.context_dim}"
        )
    return variant


def load_model(folder: Path, placement: Placement) -> LoadedModel:
    """Load a model folder onto a device; the autoencoder and the text encoder compute in fp32."""
    manifest = read_manifest(folder)
    variant = resolve_variant(manifest)
    files = manifest.files
    transformer = Flux2Transformer(variant.transformer)
    load_transformer(transformer, folder / files.transformer)
    autoencoder = build_autoencoder(variant.autoencoder)
    load_module(autoencoder, folder / files.autoencoder)
    text_encoder = Qwen3FormEncoder(
        variant.text_encoder,
        _tokenizer(folder / files.tokenizer),
        manifest.prompt_prefix,
        manifest.prompt_suffix,
        manifest.pad_token,
    )
    load_module(text_encoder, folder / files.text_encoder)
    names = (MANIFEST, files.transformer, files.autoencoder, files.text_encoder, files.tokenizer)
    return LoadedModel(
        variant=variant,
        transformer=_ready(transformer.to(placement.device, placement.dtype)),
        autoencoder=_ready(autoencoder.to(placement.device)),
        text_encoder=_ready(text_encoder.to(placement.device)),
        digest=files_digest(folder / name for name in names),
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


def _at_rest(key: str, tensor: Tensor) -> Tensor:
    # Statistics scale every latent of every picture: they keep fp32.
    return tensor if key.startswith("bn.") or not tensor.is_floating_point() else tensor.to(torch.bfloat16)


def _tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises bare Exception
        raise ManifestError(f"{path} is not a usable tokenizer: {error}") from error


def _override(section: str, config: Config, overrides: Mapping[str, Any]) -> Config:
    if not overrides:
        return config
    settable = {
        field.name: getattr(config, field.name)
        for field in fields(config)  # type: ignore[arg-type]
        if not hasattr(getattr(config, field.name), "__dataclass_fields__")
    }
    unknown = overrides.keys() - settable.keys()
    if unknown:
        raise ManifestError(f"{section}: unknown {', '.join(sorted(unknown))}; known: {', '.join(settable)}")
    try:
        return TypeAdapter(type(config)).validate_python({**asdict(config), **overrides})  # type: ignore[call-overload]
    except ValidationError as error:
        raise ManifestError(f"{section}: {_reasons(error)}") from error


def _reasons(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, item['loc'])) or 'document'}: {item['msg']}" for item in error.errors())
