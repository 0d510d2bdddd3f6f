"""A folder holding model.json, weights and a tokenizer ↔ a variant and its modules.

This is how nano ships. Weights rest in bf16 (the autoencoder's statistics in fp32) and are cast to the dtype that
computes. Knows nothing of prompts or sampling.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from flux2engine.autoencoder import AutoencoderKLFlux2, TinyAutoencoder
from flux2engine.errors import ManifestError
from flux2engine.manifest import MANIFEST, ModelManifest, folder_digest, read_manifest, resolve_variant
from flux2engine.memory import Placement
from flux2engine.streaming import Streaming, stream_module
from flux2engine.text_encoder import Qwen3FormEncoder
from flux2engine.transformer import BLOCK_LISTS, Flux2Transformer
from flux2engine.variants import AutoencoderConfig, ModelVariant, TinyAutoencoderConfig
from flux2engine.weights.official import load_module, load_transformer
from flux2engine.weights.safetensors_file import read_header, write_tensors

PartName = Literal["text_encoder", "transformer", "autoencoder"]
PARTS: tuple[PartName, ...] = ("text_encoder", "transformer", "autoencoder")

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
    parts = FolderParts(folder)
    return LoadedModel(
        variant=parts.variant,
        transformer=parts.load_transformer(placement)[0],
        autoencoder=parts.load_autoencoder(placement)[0],
        text_encoder=parts.load_text_encoder(placement)[0],
        digest=parts.digest,
    )


class FolderParts:
    """Load the parts of a model folder one by one; `digest` is taken over its files where none is given."""

    def __init__(self, folder: Path, digest: str = "") -> None:
        self._folder = folder
        self._manifest = read_manifest(folder)
        self.variant = resolve_variant(self._manifest)
        self._digest = digest

    @property
    def digest(self) -> str:
        """The digest over the manifest, the weights and the tokenizer."""
        self._digest = self._digest or folder_digest(self._folder)
        return self._digest

    def digests(self) -> Mapping[PartName, str]:
        """Return the folder's digest for each part: they ship together."""
        return dict.fromkeys(PARTS, self.digest)

    def sizes(self, placement: Placement) -> Mapping[PartName, int]:
        """Count the values of each file in the dtype that computes; only headers are read."""
        files = self._manifest.files
        fp32 = torch.float32.itemsize
        return {
            "text_encoder": self._values(files.text_encoder) * fp32,
            "transformer": self._values(files.transformer) * placement.dtype.itemsize,
            "autoencoder": self._values(files.autoencoder) * fp32,
        }

    def load_text_encoder(
        self, placement: Placement, streaming: Streaming | None = None
    ) -> tuple[Qwen3FormEncoder, int]:
        """Load the text encoder and its tokenizer; it computes in fp32. It is small, and never streamed."""
        del streaming
        tokenizer = _tokenizer(self._folder / self._manifest.files.tokenizer)
        encoder = _text_encoder(self._manifest, self.variant, tokenizer)
        load_module(encoder, self._folder / self._manifest.files.text_encoder)
        return _counted(_ready(encoder.to(placement.device)))

    def load_transformer(
        self, placement: Placement, streaming: Streaming | None = None
    ) -> tuple[Flux2Transformer, int]:
        """Load the transformer in the dtype that computes; streamed, its blocks wait in host memory."""
        transformer = Flux2Transformer(self.variant.transformer)
        load_transformer(transformer, self._folder / self._manifest.files.transformer)
        if streaming is not None:
            _ready(transformer.to(placement.dtype))
            stream_module(transformer, BLOCK_LISTS, placement.device, streaming)
            return transformer, sum(tensor.nbytes for tensor in transformer.state_dict().values())
        return _counted(_ready(transformer.to(placement.device, placement.dtype)))

    def load_autoencoder(self, placement: Placement) -> tuple[AutoencoderKLFlux2 | TinyAutoencoder, int]:
        """Load the autoencoder; it computes in fp32."""
        autoencoder = build_autoencoder(self.variant.autoencoder)
        load_module(autoencoder, self._folder / self._manifest.files.autoencoder)
        return _counted(_ready(_channels_last(autoencoder.to(placement.device))))

    def _values(self, name: str) -> int:
        return sum(math.prod(entry.shape) for entry in read_header(self._folder / name).entries)


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


def _counted(module: Module) -> tuple[Module, int]:
    return module, sum(tensor.nbytes for tensor in module.state_dict().values())


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
