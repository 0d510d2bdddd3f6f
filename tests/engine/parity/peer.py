"""Our small random models and diffusers' models with the same weights, side by side.

Turns official keys into diffusers' keys, and a case into (our answer, the peer's answer). Refuses to know a tolerance.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from flux2engine import latents
from flux2engine.autoencoder import AutoencoderKLFlux2
from flux2engine.pipeline import Flux2Pipeline
from flux2engine.text_encoder import TextEmbeddings
from flux2engine.transformer import Flux2Transformer
from flux2engine.variants import VARIANTS, AutoencoderConfig, ModelVariant, TransformerConfig
from tests.engine.random_weights import randomise

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what diffusers says while it is imported is not ours
    from diffusers import (
        AutoencoderKLFlux2 as PeerAutoencoder,
    )
    from diffusers import (
        FlowMatchEulerDiscreteScheduler,
        Flux2KleinPipeline,
        Flux2Transformer2DModel,
    )
    from diffusers import (
        Flux2Pipeline as PeerPipeline,
    )

CONTEXT, TEXT_TOKENS = 48, 12
AUTOENCODER = AutoencoderConfig(channels=16, groups=8)


def transformer_config(guidance: bool) -> TransformerConfig:
    """Return a small shape that has every part of the real ones."""
    return TransformerConfig(
        hidden_size=96,
        heads=3,
        head_dim=32,
        axes_dim=(8, 8, 8, 8),
        double_blocks=2,
        single_blocks=2,
        context_dim=CONTEXT,
        guidance_embedding=guidance,
    )


@lru_cache
def transformer(guidance: bool = False, quiet: bool = False) -> Flux2Transformer:
    """Return ours; `quiet` shrinks what stands before the norms until their epsilons show."""
    model = Flux2Transformer(transformer_config(guidance))
    randomise(model, seed=1)
    if quiet:
        shrunk = [model.img_in, model.txt_in]
        shrunk += [block.linear2 for block in model.single_blocks]
        for block in model.double_blocks:
            shrunk += [block.img_attn.qkv, block.txt_attn.qkv]
        for layer in shrunk:
            layer.weight.mul_(0.01)
    return model


def diffusers_transformer(ours: Flux2Transformer, shared: bool = False) -> Any:
    """Return diffusers' transformer with our weights: a copy of them, or the same storage."""
    config = ours.config
    with torch.device("meta") if shared else nullcontext():
        peer = Flux2Transformer2DModel(
            in_channels=config.in_channels,
            num_layers=config.double_blocks,
            num_single_layers=config.single_blocks,
            attention_head_dim=config.head_dim,
            num_attention_heads=config.heads,
            joint_attention_dim=config.context_dim,
            mlp_ratio=config.mlp_ratio,
            axes_dims_rope=config.axes_dim,
            rope_theta=config.theta,
            guidance_embeds=config.guidance_embedding,
        )
    renamed: dict[str, Tensor] = {}
    for name, tensor in ours.state_dict().items():
        renamed |= transformer_keys(name, tensor)
    peer.load_state_dict(renamed, assign=shared)
    return peer.eval().requires_grad_(False)


_TRANSFORMER_NAMES = (  # longest first where one is a part of another
    ("img_in", "x_embedder"),
    ("txt_in", "context_embedder"),
    ("time_in.in_layer", "time_guidance_embed.timestep_embedder.linear_1"),
    ("time_in.out_layer", "time_guidance_embed.timestep_embedder.linear_2"),
    ("guidance_in.in_layer", "time_guidance_embed.guidance_embedder.linear_1"),
    ("guidance_in.out_layer", "time_guidance_embed.guidance_embedder.linear_2"),
    ("modulation_img.lin", "modulation_img.linear"),
    ("modulation_txt.lin", "modulation_txt.linear"),
    ("single_stream_modulation.lin", "single_stream_modulation.linear"),
    ("final_layer.linear", "proj_out"),
    ("double_blocks", "transformer_blocks"),
    ("img_attn.proj", "attn.to_out.0"),
    ("txt_attn.proj", "attn.to_add_out"),
    ("img_attn.norm.query_norm.scale", "attn.norm_q.weight"),
    ("img_attn.norm.key_norm.scale", "attn.norm_k.weight"),
    ("txt_attn.norm.query_norm.scale", "attn.norm_added_q.weight"),
    ("txt_attn.norm.key_norm.scale", "attn.norm_added_k.weight"),
    ("img_mlp.0", "ff.linear_in"),
    ("img_mlp.2", "ff.linear_out"),
    ("txt_mlp.0", "ff_context.linear_in"),
    ("txt_mlp.2", "ff_context.linear_out"),
    ("single_blocks", "single_transformer_blocks"),
    ("linear1", "attn.to_qkv_mlp_proj"),
    ("linear2", "attn.to_out"),
    ("norm.query_norm.scale", "attn.norm_q.weight"),
    ("norm.key_norm.scale", "attn.norm_k.weight"),
)


def transformer_keys(name: str, tensor: Tensor) -> dict[str, Tensor]:
    if name == "final_layer.adaLN_modulation.1.weight":
        shift, scale = tensor.chunk(2)
        return {"norm_out.linear.weight": torch.cat([scale, shift])}  # diffusers stores scale first
    for stream, parts in (("img", ("to_q", "to_k", "to_v")), ("txt", ("add_q_proj", "add_k_proj", "add_v_proj"))):
        if f".{stream}_attn.qkv." in name:
            stem = name.replace("double_blocks", "transformer_blocks").replace(f"{stream}_attn.qkv", "attn.{}")
            return {stem.format(part): rows for part, rows in zip(parts, tensor.chunk(3), strict=True)}
    for official, theirs in _TRANSFORMER_NAMES:
        name = name.replace(official, theirs)
    return {name: tensor}


@dataclass(frozen=True)
class TransformerInputs:
    """Hold one call's arguments; references of two different grids where there are several."""

    img: Tensor
    img_ids: Tensor
    txt: Tensor
    txt_ids: Tensor
    timestep: Tensor
    guidance: Tensor | None
    reference_tokens: Tensor | None
    reference_ids: Tensor | None

    def ours(self, model: Flux2Transformer) -> Tensor:
        """Run ours."""
        return model(**self.__dict__)

    def peer(self, model: Any) -> Tensor:
        """Run diffusers', which takes references as more image tokens."""
        tokens, ids = self.img, self.img_ids
        if self.reference_tokens is not None and self.reference_ids is not None:
            tokens = torch.cat([tokens, self.reference_tokens], dim=1)
            ids = torch.cat([ids, self.reference_ids], dim=1)
        result = model(
            hidden_states=tokens,
            encoder_hidden_states=self.txt,
            timestep=self.timestep,
            img_ids=ids,
            txt_ids=self.txt_ids,
            guidance=self.guidance,
            return_dict=False,
        )[0]
        return result[:, : self.img.shape[1]]


def transformer_inputs(
    guidance: bool = False,
    references: int = 0,
    batch: int = 1,
    grid: tuple[int, int] = (4, 6),
    dtype: torch.dtype = torch.float32,
    context: int = CONTEXT,
    seed: int = 2,
) -> TransformerInputs:
    """Draw one call's arguments; ids come from our own code, the peer's ids are checked by the pipeline cases."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(dtype)

    sizes = [(3, 4), (2, 5), (4, 2)][:references]
    length = sum(height * width for height, width in sizes)
    return TransformerInputs(
        img=draw(batch, grid[0] * grid[1], 128),
        img_ids=latents.image_ids(*grid).expand(batch, -1, -1),
        txt=draw(batch, TEXT_TOKENS, context),
        txt_ids=latents.text_ids(TEXT_TOKENS).expand(batch, -1, -1),
        timestep=torch.tensor([0.7673, 0.3127][:batch]),
        guidance=torch.tensor([3.3, 4.0][:batch]) if guidance else None,
        reference_tokens=draw(batch, length, 128) if references else None,
        reference_ids=latents.reference_ids(sizes).expand(batch, -1, -1) if references else None,
    )


@lru_cache
def autoencoder(quiet: bool = False) -> AutoencoderKLFlux2:
    """Return ours."""
    model = AutoencoderKLFlux2(AUTOENCODER)
    randomise(model, seed=3)
    model.decoder.conv_out.weight.mul_(0.5)  # keep pixels inside [0, 1], where clamping cannot hide a difference
    model.decoder.conv_out.bias.mul_(0.5)
    if quiet:
        for part in (model.encoder, model.decoder):
            part.conv_in.weight.mul_(0.002)
            part.conv_in.bias.mul_(0.002)
    return model


def diffusers_autoencoder(ours: AutoencoderKLFlux2) -> Any:
    """Return diffusers' autoencoder with our weights."""
    config = ours.config
    decoder = config.decoder_channels
    peer = PeerAutoencoder(
        block_out_channels=tuple(config.channels * multiplier for multiplier in config.multipliers),
        decoder_block_out_channels=decoder and tuple(decoder * multiplier for multiplier in config.multipliers),
        layers_per_block=config.residual_blocks,
        latent_channels=config.latent_channels,
        norm_num_groups=config.groups,
    )
    state = {_autoencoder_key(name): tensor for name, tensor in ours.state_dict().items()}
    expected = peer.state_dict()
    squeezed = {
        name: tensor.reshape(expected[name].shape) if name in expected and "attentions" in name else tensor
        for name, tensor in state.items()
    }
    peer.load_state_dict(squeezed | {"bn.num_batches_tracked": expected["bn.num_batches_tracked"]})
    return peer.eval().requires_grad_(False)


def _autoencoder_key(name: str) -> str:
    parts = name.split(".")
    if parts[:2] == ["decoder", "up"]:
        parts[2] = str(3 - int(parts[2]))
    name = ".".join(parts)
    for official, theirs in (
        ("encoder.quant_conv", "quant_conv"),
        ("decoder.post_quant_conv", "post_quant_conv"),
        ("downsample.conv", "downsamplers.0.conv"),
        ("upsample.conv", "upsamplers.0.conv"),
        (".down.", ".down_blocks."),
        (".up.", ".up_blocks."),
        (".block.", ".resnets."),
        ("nin_shortcut", "conv_shortcut"),
        ("mid.block_1", "mid_block.resnets.0"),
        ("mid.block_2", "mid_block.resnets.1"),
        ("mid.attn_1.norm", "mid_block.attentions.0.group_norm"),
        ("mid.attn_1.proj_out", "mid_block.attentions.0.to_out.0"),
        ("mid.attn_1.", "mid_block.attentions.0.to_"),
        ("norm_out", "conv_norm_out"),
    ):
        name = name.replace(official, theirs)
    return name


@dataclass(frozen=True)
class GivenEmbeddings:
    """Answer every prompt with embeddings drawn from its words; the empty prompt has its own."""

    width: int = CONTEXT

    def encode(self, prompts: Sequence[str]) -> TextEmbeddings:
        """Return one item per prompt."""
        states = [
            torch.randn(TEXT_TOKENS, self.width, generator=torch.Generator().manual_seed(sum(prompt.encode())))
            for prompt in prompts
        ]
        return TextEmbeddings(torch.stack(states), (TEXT_TOKENS,) * len(prompts), (False,) * len(prompts))


def variant(kind: str) -> ModelVariant:
    """Return a row of the table at our small size, for one of "klein", "base" and "dev"."""
    row = VARIANTS[{"klein": "klein-4b", "base": "klein-base-4b", "dev": "dev"}[kind]]
    return replace(
        row,
        transformer=transformer_config(kind == "dev"),
        autoencoder=AUTOENCODER,
        default_steps=4,
        max_references=10,
        round_timesteps=False,  # diffusers in fp32 does not round
    )


@dataclass(frozen=True)
class PipelineCase:
    """Ask for one batch of pictures."""

    kind: str
    references: int = 0
    batch: int = 1
    width: int = 96
    height: int = 64

    @property
    def prompts(self) -> list[str]:
        """Return one prompt per picture."""
        return ["a bottle", "a red can"][: self.batch]

    @property
    def seeds(self) -> list[int]:
        """Return one seed per picture."""
        return [11, 12][: self.batch]

    @property
    def pictures(self) -> list[Image.Image]:
        """Return references of different sizes, one of which must be cropped."""
        sizes = [(80, 64), (77, 101), (64, 112)][: self.references]
        generator = np.random.default_rng(5)
        return [Image.fromarray(generator.integers(0, 256, (h, w, 3), dtype=np.uint8)) for w, h in sizes]

    def ours(self) -> Tensor:
        """Return our pixels (B, 3, H, W) before they become bytes."""
        pipeline = Flux2Pipeline(transformer(self.kind == "dev"), autoencoder(), GivenEmbeddings(), variant(self.kind))
        references = [self.pictures] * self.batch
        *_, last = pipeline.run(self.prompts, self.width, self.height, self.seeds, references)
        return pipeline.decode(last.latents)

    def peer(self) -> Tensor:
        """Return diffusers' pixels."""
        return _peer_pixels(self)


@lru_cache
def _peer_pixels(case: PipelineCase) -> Tensor:
    parts = {
        "scheduler": FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift=3.0),
        "vae": diffusers_autoencoder(autoencoder()),
        "text_encoder": None,
        "tokenizer": None,
        "transformer": diffusers_transformer(transformer(case.kind == "dev")),
    }
    grid = case.height // 16, case.width // 16
    embeddings = GivenEmbeddings()
    arguments: dict[str, Any] = {
        "image": case.pictures or None,
        "width": case.width,
        "height": case.height,
        "num_inference_steps": 4,
        "guidance_scale": variant(case.kind).default_guidance,
        "latents": torch.cat([latents.noise(seed, *grid) for seed in case.seeds]),
        "prompt_embeds": embeddings.encode(case.prompts).states,
        "output_type": "pt",
    }
    if case.kind == "dev":
        pipeline = PeerPipeline(**parts)
    else:
        pipeline = Flux2KleinPipeline(**parts, is_distilled=case.kind == "klein")
        arguments["negative_prompt_embeds"] = embeddings.encode([""] * case.batch).states
    pipeline.set_progress_bar_config(disable=True)
    pixels: Tensor = pipeline(**arguments).images
    return pixels


def relative_error(ours: Tensor, peer: Tensor) -> float:
    """Return the largest difference as a part of the peer's largest value."""
    return float((ours - peer).abs().max() / peer.abs().max())
