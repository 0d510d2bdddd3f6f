"""Noise, text and references → latents, one Euler step at a time, each step yielded; and what a model may be asked.

Walks the times it is given; knows neither where they come from nor what the latents mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from flux2engine import latents
from flux2engine.errors import RequestError, SizeError
from flux2engine.key_values import KeyValueStore, ReferenceKeyValues, batch_key_values
from flux2engine.latents import ReferenceTokens
from flux2engine.transformer import TIME_SCALE, Flux2Transformer
from flux2engine.variants import PIXELS_PER_TOKEN, ModelVariant

MIN_SIDE = 64
MAX_ASPECT = 8


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
    key_values: ReferenceKeyValues | None = None  # instead of references, where a model keeps theirs
    key_values_mask: Tensor | None = None  # (B, R), True for real tokens; None if every token is real
    picture_guidance: float = 1.0  # above 1, references steer more than the model lets them by itself


def conditions_for(
    variant: ModelVariant,
    text_states: Tensor,
    references: ReferenceTokens | None,
    guidance: float,
    unconditional_states: Tensor | None = None,
    key_values: Sequence[ReferenceKeyValues | None] | None = None,
) -> Conditions:
    """Return what steers a batch painted with this model.

    `text_states` (B, T, context). `unconditional_states`, of the texts that `unconditional_texts` names, are used where
    the model knows classifier-free guidance. `key_values` has one set or None per item, and replaces `references`.
    """
    guided = variant.guidance_kind == "classifier-free" and guidance > 1.0
    if guided and unconditional_states is None:
        raise ValueError(f"guidance {guidance} of {variant.name} needs the states of a second text")
    kept, mask = (None, None) if key_values is None else batch_key_values(key_values)
    return Conditions(
        text=text_states,
        references=references,
        embedded_guidance=guidance if variant.guidance_kind == "embedded" else None,
        unconditional_text=unconditional_states if guided else None,
        guidance_scale=guidance,
        round_timesteps=variant.round_timesteps,
        picture_guidance=variant.picture_guidance,
        key_values=kept,
        key_values_mask=mask,
    )


def unconditional_texts(
    variant: ModelVariant, guidance: float, negative_prompts: Sequence[str | None]
) -> tuple[str, ...] | None:
    """Return each item's text for the second pass of classifier-free guidance, the empty one by default.

    None where the model is run without a second pass; a negative prompt is refused there, since nothing would read it.
    """
    if variant.guidance_kind == "classifier-free" and guidance > 1.0:
        return tuple(negative or "" for negative in negative_prompts)
    if any(negative_prompts):
        raise RequestError(f"{variant.name} takes no negative prompt: {_WITHOUT_SECOND_PASS[variant.guidance_kind]}")
    return None


_WITHOUT_SECOND_PASS = {
    "classifier-free": "at guidance 1 there is no second pass that would read it; raise guidance above 1",
    "embedded": "its guidance is embedded in one pass, and there is no second one that would read it",
    "none": "it is distilled to one pass without guidance, and there is no second one that would read it",
}


def steps_and_guidance(variant: ModelVariant, steps: int | None, guidance: float | None) -> tuple[int, float]:
    """Return what is asked for, or the model's own; raise RequestError for what the model cannot do."""
    chosen = (
        variant.default_steps if steps is None else steps,
        variant.default_guidance if guidance is None else guidance,
    )
    if variant.fixed_sampling and chosen != (variant.default_steps, variant.default_guidance):
        raise RequestError(
            f"{variant.name} is distilled for {variant.default_steps} steps at guidance {variant.default_guidance}"
        )
    if chosen[0] < 1:
        raise RequestError(f"steps must be at least 1, got {chosen[0]}")
    if chosen[1] < 1.0:
        raise RequestError(f"guidance must be at least 1, got {chosen[1]}")
    return chosen


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise SizeError unless a picture of this size can be painted."""
    multiple = PIXELS_PER_TOKEN
    if width % multiple or height % multiple:
        nearest = tuple(max(round(side / multiple), MIN_SIDE // multiple) * multiple for side in (width, height))
        raise SizeError(
            f"{width} × {height} px: both sides must be multiples of {multiple}; nearest is {nearest[0]} × {nearest[1]}"
        )
    if min(width, height) < MIN_SIDE:
        raise SizeError(f"{width} × {height} px: both sides must be at least {MIN_SIDE} px")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise SizeError(f"{width} × {height} px is more extreme than {MAX_ASPECT}:1; paint wider and crop")
    if width * height > max_pixels:
        raise SizeError(f"{width} × {height} px is more than the {max_pixels} pixels this model paints")


@torch.no_grad()
def reference_key_values(
    transformer: Flux2Transformer, references: ReferenceTokens, key: str = "", store: KeyValueStore | None = None
) -> ReferenceKeyValues:
    """Return the keys and values of one item's references: from the store, or computed and put there.

    `key` is `key_values.reference_set_key` of what the references were made of.
    """
    kept = None if store is None else store.get(key)
    if kept is None:
        tokens = references.tokens.to(transformer.dtype)
        kept = transformer.reference_key_values(tokens, references.ids)
        if store is not None:
            store.put(key, kept)
    return kept


@torch.no_grad()
def sample(
    transformer: Flux2Transformer, noise: Tensor, conditions: Conditions, times: Sequence[float]
) -> Iterator[SamplerState]:
    """Walk `noise` (B, 128, H/16, W/16) along `times`, which fall from 1.0 to 0.0; yield after each step."""
    conditions = _on_device(conditions, noise.device)
    height, width = noise.shape[2], noise.shape[3]
    tokens = latents.to_tokens(noise.float())
    ids = latents.image_ids(height, width, within=transformer.config.positions_within)
    ids = ids.to(noise.device).expand(noise.shape[0], -1, -1)
    for step, (time, following) in enumerate(pairwise(times), start=1):
        velocity = _velocity(transformer, tokens, ids, conditions, time)
        tokens = tokens + (following - time) * velocity
        yield SamplerState(step, len(times) - 1, following, latents.from_tokens(tokens, height, width))


def _on_device(conditions: Conditions, device: torch.device) -> Conditions:
    """Bring what is needed whole to the device once; kept keys and values stay where they are."""
    references, second, mask = conditions.references, conditions.unconditional_text, conditions.key_values_mask
    if references is not None:
        references = ReferenceTokens(
            references.tokens.to(device),
            references.ids.to(device),
            None if references.mask is None else references.mask.to(device),
        )
    return replace(
        conditions,
        text=conditions.text.to(device),
        references=references,
        unconditional_text=None if second is None else second.to(device),
        key_values_mask=None if mask is None else mask.to(device),
    )


def _velocity(
    transformer: Flux2Transformer, tokens: Tensor, ids: Tensor, conditions: Conditions, time: float
) -> Tensor:
    conditional = _predict(transformer, tokens, ids, conditions, conditions.text, time)
    if conditions.references is not None and conditions.picture_guidance != 1.0:
        # Image guidance as of InstructPix2Pix (2023): away from what the words alone would paint.
        unseen = _predict(transformer, tokens, ids, replace(conditions, references=None), conditions.text, time)
        conditional = unseen + conditions.picture_guidance * (conditional - unseen)
    if conditions.unconditional_text is None:
        return conditional
    # References steer both passes: guidance amplifies the words, not the pictures.
    unconditional = _predict(transformer, tokens, ids, conditions, conditions.unconditional_text, time)
    return unconditional + conditions.guidance_scale * (conditional - unconditional)


def _predict(
    transformer: Flux2Transformer, tokens: Tensor, ids: Tensor, conditions: Conditions, text: Tensor, time: float
) -> Tensor:
    dtype = transformer.dtype
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
        key_values=conditions.key_values,
        key_values_mask=conditions.key_values_mask,
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
