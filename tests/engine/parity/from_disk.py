"""Small siblings of every variant on disk → both sides loaded from there: ours by header, diffusers by its own way.

diffusers reads the diffusers folder by its `from_pretrained`; ours reads that folder or the official files. Nothing is
handed from one side to the other in memory.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from flux2engine import latents
from flux2engine import transformer as transformer_module
from flux2engine.autoencoder import AutoencoderKLFlux2
from flux2engine.pipeline import Flux2Pipeline
from flux2engine.transformer import Flux2Transformer
from flux2engine.variants import VARIANTS, AutoencoderConfig, ModelVariant, TransformerConfig
from flux2engine.weights.checkpoint import open_checkpoint
from flux2engine.weights.identify import Identified, identify
from flux2engine.weights.loading import load_weights
from tests.engine import checkpoints
from tests.engine.parity import peer

with peer.warnings.catch_warnings():
    peer.warnings.simplefilter("ignore")
    from diffusers import Flux2KleinKVPipeline
    from diffusers.utils import logging as peer_logging

peer_logging.disable_progress_bar()

Layout = Literal["official", "diffusers"]
LAYOUTS: tuple[Layout, ...] = ("official", "diffusers")
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Disk:
    """Hold the folder that all models are written to; each is written when it is first asked for."""

    root: Path

    @cache  # noqa: B019 (one Disk per test session)
    def diffusers(self, name: str, dtype: torch.dtype = torch.float32, small_decoder: bool = False) -> Path:
        """Return the diffusers folder of a variant, its transformer in shards."""
        folder = self.root / f"{name}-{dtype}-{small_decoder}".replace("torch.", "")
        return checkpoints.write_diffusers(
            folder, name, dtype=dtype, shard_size="300KB", small_decoder=small_decoder, text=False
        )

    @cache  # noqa: B019
    def official(self, name: str, dtype: torch.dtype = torch.float32) -> Path:
        """Return the official file of a variant."""
        return checkpoints.write_official(self.root / str(dtype).removeprefix("torch."), name, dtype=dtype)

    @cache  # noqa: B019
    def official_autoencoder(self, small_decoder: bool = False) -> Path:
        """Return the official file of an autoencoder."""
        return checkpoints.write_official_autoencoder(self.root, small_decoder=small_decoder)

    def transformer_path(self, name: str, layout: Layout, dtype: torch.dtype = torch.float32) -> Path:
        """Return where a transformer lies."""
        return self.official(name, dtype) if layout == "official" else self.diffusers(name, dtype) / "transformer"

    def autoencoder_path(self, layout: Layout, small_decoder: bool = False) -> Path:
        """Return where an autoencoder lies."""
        if layout == "official":
            return self.official_autoencoder(small_decoder)
        return self.diffusers("klein-4b", small_decoder=small_decoder) / "vae"


def load(path: Path, dtype: torch.dtype | None = None) -> tuple[nn.Module, Identified]:
    """Load whatever transformer or autoencoder `path` is, as the engine does."""
    checkpoint = open_checkpoint(path)
    described = path / "config.json"
    found = identify(checkpoint, json.loads(described.read_text(encoding="utf-8")) if path.is_dir() else None)
    with torch.device("meta"):
        if isinstance(found.shape, TransformerConfig):
            module: nn.Module = Flux2Transformer(found.shape)
        else:
            assert isinstance(found.shape, AutoencoderConfig)
            module = AutoencoderKLFlux2(found.shape)
    load_weights(module, checkpoint, found, CPU, dtype)
    return module.eval(), found


@cache
def peer_transformer(disk: Disk, name: str, dtype: torch.dtype = torch.float32) -> Any:
    """Return diffusers' transformer, read by itself."""
    folder = disk.diffusers(name, dtype) / "transformer"
    return peer.Flux2Transformer2DModel.from_pretrained(folder, torch_dtype=dtype).eval().requires_grad_(False)


@cache
def peer_autoencoder(disk: Disk, small_decoder: bool) -> Any:
    """Return diffusers' autoencoder, read by itself."""
    folder = disk.diffusers("klein-4b", small_decoder=small_decoder) / "vae"
    return peer.PeerAutoencoder.from_pretrained(folder).eval().requires_grad_(False)


def inputs(name: str, references: int, dtype: torch.dtype = torch.float32) -> peer.TransformerInputs:
    """Draw one call's arguments for a variant."""
    config = checkpoints.sibling(name).transformer
    return peer.transformer_inputs(
        config.guidance_embedding, references, batch=2, dtype=dtype, context=config.context_dim
    )


@cache
def peer_velocity(disk: Disk, name: str, references: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return diffusers' velocity."""
    return inputs(name, references, dtype).peer(peer_transformer(disk, name, dtype)).float()


def velocity_error(
    disk: Disk, name: str, layout: Layout, references: int = 3, dtype: torch.dtype = torch.float32
) -> float:
    """Load ours and compare one call, relative to the largest value."""
    module, _ = load(disk.transformer_path(name, layout, dtype))
    assert {parameter.dtype for parameter in module.parameters()} == {dtype}
    theirs = peer_velocity(disk, name, references, dtype)
    assert theirs.std() >= 0.1
    return peer.relative_error(inputs(name, references, dtype).ours(module).float(), theirs)  # type: ignore[arg-type]


def autoencoder_error(disk: Disk, layout: Layout, small_decoder: bool = False) -> float:
    """Load ours and compare encoding, decoding and statistics, each relative to the largest value."""
    module, _ = load(disk.autoencoder_path(layout, small_decoder))
    assert isinstance(module, AutoencoderKLFlux2)
    theirs = peer_autoencoder(disk, small_decoder)
    generator = torch.Generator().manual_seed(4)
    picture = torch.rand(1, 3, 48, 80, generator=generator)
    raw = torch.randn(1, 32, 6, 10, generator=generator)
    pairs = [
        (module.encode(picture), theirs.encode(picture * 2 - 1).latent_dist.mode()),
        (module.decode(raw), (theirs.decode(raw).sample + 1) / 2),
        (module.bn.running_mean, theirs.bn.running_mean),
        (module.bn.running_var, theirs.bn.running_var),
    ]
    assert min(float(expected.std()) for _, expected in pairs[:2]) >= 0.1
    return max(peer.relative_error(ours, expected) for ours, expected in pairs)


def norm_as_torch_rounds(self: transformer_module.QueryKeyScale, states: Tensor) -> Tensor:
    """Scale before the result is rounded, as torch's RMSNorm does; the official code scales the rounded result."""
    return functional.rms_norm(states, states.shape[-1:], self.scale, eps=transformer_module.NORM_EPSILON)


@dataclass(frozen=True)
class Painting:
    """Ask one variant, read from disk, for a batch of two pictures with references."""

    name: str
    references: int = 2
    small_decoder: bool = False

    @property
    def variant(self) -> ModelVariant:
        """Return the variant's row; diffusers in fp32 does not round times, and 50 steps would only take longer."""
        return replace(checkpoints.sibling(self.name), default_steps=4, max_references=10, round_timesteps=False)

    @property
    def case(self) -> peer.PipelineCase:
        """Return prompts, seeds, pictures and sizes."""
        return peer.PipelineCase("", self.references, batch=2)

    def ours(self, disk: Disk, layout: Layout) -> Tensor:
        """Return our pixels (B, 3, H, W)."""
        transformer, _ = load(disk.transformer_path(self.name, layout))
        autoencoder, _ = load(disk.autoencoder_path(layout, self.small_decoder))
        text = peer.GivenEmbeddings(self.variant.transformer.context_dim)
        pipeline = Flux2Pipeline(transformer, autoencoder, text, self.variant)  # type: ignore[arg-type]
        case = self.case
        *_, last = pipeline.run(case.prompts, case.width, case.height, case.seeds, [case.pictures] * case.batch)
        return pipeline.decode(last.latents)

    def peer(self, disk: Disk) -> Tensor:
        """Return the pixels of diffusers' pipeline, read whole from its folder."""
        return _peer_pixels(self, disk)


@cache
def _peer_pixels(painting: Painting, disk: Disk) -> Tensor:
    row, case = VARIANTS[painting.name], painting.case
    folder = disk.diffusers(painting.name, small_decoder=painting.small_decoder)
    dev = row.guidance_kind == "embedded"
    kind: Any = peer.PeerPipeline if dev else Flux2KleinKVPipeline if row.cached_references else peer.Flux2KleinPipeline
    pipeline = kind.from_pretrained(folder, text_encoder=None, tokenizer=None)
    pipeline.set_progress_bar_config(disable=True)
    embeddings = peer.GivenEmbeddings(painting.variant.transformer.context_dim)
    arguments: dict[str, Any] = {
        "image": case.pictures or None,
        "width": case.width,
        "height": case.height,
        "num_inference_steps": 4,
        "latents": torch.cat([latents.noise(seed, case.height // 16, case.width // 16) for seed in case.seeds]),
        "prompt_embeds": embeddings.encode(case.prompts).states,
        "output_type": "pt",
    }
    if not row.cached_references:
        arguments["guidance_scale"] = row.default_guidance
    if row.guidance_kind == "classifier-free":
        arguments["negative_prompt_embeds"] = embeddings.encode([""] * case.batch).states
    pixels: Tensor = pipeline(**arguments).images
    return pixels
