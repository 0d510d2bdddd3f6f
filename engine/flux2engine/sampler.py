"""Noise, text and references → latents, one Euler step at a time, each step yielded.

Walks the times it is given; knows neither where they come from nor what the latents mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from flux2engine import latents
from flux2engine.latents import ReferenceTokens
from flux2engine.transformer import TIME_SCALE, Flux2Transformer


@dataclass(frozen=True)
class SamplerState:
    """Stand after one step."""

    step: int  # from 1
    of: int
    timestep: float  # reached; 0.0 after the last step
    latents: Tensor  # packed and normalised, (B, 128, H/16, W/16), fp32


@dataclass(frozen=True)
class Conditions:
    """Hold what steers the sampler."""

    text: Tensor  # (B, T, context)
    references: ReferenceTokens | None = None
    embedded_guidance: float | None = None  # for models that embed it
    unconditional_text: Tensor | None = None  # (B, T, context): switches classifier-free guidance on
    guidance_scale: float = 1.0
    round_timesteps: bool = True


@torch.no_grad()
def sample(
    transformer: Flux2Transformer, noise: Tensor, conditions: Conditions, times: Sequence[float]
) -> Iterator[SamplerState]:
    """Walk `noise` (B, 128, H/16, W/16) along `times`, which fall from 1.0 to 0.0; yield after each step."""
    height, width = noise.shape[2], noise.shape[3]
    tokens = latents.to_tokens(noise.float())
    ids = latents.image_ids(height, width).to(noise.device).expand(noise.shape[0], -1, -1)
    for step, (time, following) in enumerate(pairwise(times), start=1):
        velocity = _velocity(transformer, tokens, ids, conditions, time)
        tokens = tokens + (following - time) * velocity
        yield SamplerState(step, len(times) - 1, following, latents.from_tokens(tokens, height, width))


def _velocity(
    transformer: Flux2Transformer, tokens: Tensor, ids: Tensor, conditions: Conditions, time: float
) -> Tensor:
    conditional = _predict(transformer, tokens, ids, conditions, conditions.text, time)
    if conditions.unconditional_text is None:
        return conditional
    # References steer both passes: guidance amplifies the words, not the pictures.
    unconditional = _predict(transformer, tokens, ids, conditions, conditions.unconditional_text, time)
    return unconditional + conditions.guidance_scale * (conditional - unconditional)


def _predict(
    transformer: Flux2Transformer, tokens: Tensor, ids: Tensor, conditions: Conditions, text: Tensor, time: float
) -> Tensor:
    dtype = transformer.img_in.weight.dtype
    batch, device = tokens.shape[0], tokens.device
    references = conditions.references
    guidance = conditions.embedded_guidance
    velocity: Tensor = transformer(
        img=tokens.to(dtype),
        img_ids=ids,
        txt=text.to(dtype),
        txt_ids=latents.text_ids(text.shape[1]).to(device).expand(batch, -1, -1),
        timestep=model_scalar(time, batch, dtype, conditions.round_timesteps).to(device),
        guidance=None
        if guidance is None
        else model_scalar(guidance, batch, dtype, conditions.round_timesteps).to(device),
        reference_tokens=None if references is None else references.tokens.to(dtype),
        reference_ids=None if references is None else references.ids,
        reference_mask=None if references is None else references.mask,
    )
    return velocity.float()


def model_scalar(value: float, batch: int, dtype: torch.dtype, rounded: bool) -> Tensor:
    """Return a timestep or guidance value as (batch,) in `dtype`.

    Official weights were sampled with the value and its thousandfold both in bf16. A bf16 transformer rounds so by
    itself; for a wider one the same rounding is done here, so that every dtype asks the model for the same time.
    """
    values = torch.full((batch,), value, dtype=torch.float32)
    if rounded and dtype == torch.float32:
        return (values.to(torch.bfloat16) * TIME_SCALE).float() / TIME_SCALE
    return values.to(dtype)
