"""model.json of a model folder → a variant with its overrides, and the digest that names the model.

Plain data: nothing here loads torch, so a plan can name a model's weights without starting it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from flux2engine.errors import ManifestError
from flux2engine.variants import PAD_TOKEN, VARIANTS, ModelVariant
from flux2engine.weights.digest import files_digest

MANIFEST = "model.json"
NANO_FOLDER = Path(__file__).parent / "nano"  # the model that ships
_FILE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"  # beside the manifest, never elsewhere

Overrides = dict[str, Any]
Config = TypeVar("Config")


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


def folder_digest(folder: Path) -> str:
    """Return the digest over the manifest, the weights and the tokenizer: it names all that decides the pixels."""
    files = read_manifest(folder).files
    names = (MANIFEST, files.transformer, files.autoencoder, files.text_encoder, files.tokenizer)
    try:
        return files_digest(folder / name for name in names)
    except OSError as error:
        raise ManifestError(f"{error.filename} cannot be read: {error.strerror}") from error


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
