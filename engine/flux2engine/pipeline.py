"""Prompts, seeds and reference pictures → pictures: encode, sample, decode, with one state yielded per step.

Joins the engine's parts and checks that a request fits the model. Knows nothing of campaigns or files but a model
folder's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from flux2engine import latents
from flux2engine.autoencoder import Autoencoder
from flux2engine.errors import RequestError, SizeError
from flux2engine.latents import ReferenceTokens
from flux2engine.memory import choose_placement
from flux2engine.model_folder import load_model
from flux2engine.references import WHITE, ReferenceLimits, encode_references
from flux2engine.sampler import Conditions, sample
from flux2engine.schedule import sampling_times
from flux2engine.text_encoder import TextEmbeddings, TextEncoder
from flux2engine.transformer import Flux2Transformer
from flux2engine.variants import PIXELS_PER_TOKEN, ModelVariant

MIN_SIDE = 64
MAX_ASPECT = 8

Pixels = npt.NDArray[np.uint8]  # (H, W, 3)


@dataclass(frozen=True)
class State:
    """Stand after one step; the last one carries the pictures."""

    step: int
    of: int
    timestep: float
    latents: Tensor  # packed and normalised, (B, 128, H/16, W/16)
    pixels: tuple[Pixels, ...] | None = None
    truncated: tuple[bool, ...] = ()  # per prompt: longer than the text encoder takes


class Flux2Pipeline:
    """Paint with one model."""

    def __init__(
        self,
        transformer: Flux2Transformer,
        autoencoder: Autoencoder,
        text_encoder: TextEncoder,
        variant: ModelVariant,
        weights_digest: str = "",
        matte: tuple[int, int, int] = WHITE,
    ) -> None:
        self.transformer = transformer
        self.autoencoder = autoencoder
        self.text_encoder = text_encoder
        self.variant = variant
        self.weights_digest = weights_digest
        self.matte = matte

    @classmethod
    def from_folder(cls, path: str | Path, device: str | None = None) -> Flux2Pipeline:
        """Load a model folder (model.json, weights, tokenizer) onto the named device, or the best one."""
        loaded = load_model(Path(path), choose_placement(device))
        return cls(loaded.transformer, loaded.autoencoder, loaded.text_encoder, loaded.variant, loaded.digest)

    def generate(
        self,
        prompts: Sequence[str],
        width: int,
        height: int,
        seeds: Sequence[int],
        references: Sequence[Sequence[Image.Image]] | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        bases: Sequence[Image.Image | None] | None = None,
    ) -> list[Pixels]:
        """Return one picture (height, width, 3) per prompt; see `run`."""
        *_, last = self.run(prompts, width, height, seeds, references, steps, guidance, bases)
        return list(last.pixels or ())

    def run(
        self,
        prompts: Sequence[str],
        width: int,
        height: int,
        seeds: Sequence[int],
        references: Sequence[Sequence[Image.Image]] | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        bases: Sequence[Image.Image | None] | None = None,
    ) -> Iterator[State]:
        """Yield a state per step, the last one with pixels.

        One prompt, seed and list of references per picture; a picture of `bases` is edited, which means that it
        becomes that item's first reference. What does not fit the model is refused here, before anything is computed.
        """
        pictures = _pictures_per_item(len(prompts), references, bases)
        if len(seeds) != len(prompts):
            raise RequestError(f"{len(prompts)} prompts and {len(seeds)} seeds")
        if not prompts:
            raise RequestError("no prompts")
        check_size(width, height, self.variant.max_pixels)
        steps, guidance = self._sampling(steps, guidance)
        return self._run(prompts, width, height, seeds, pictures, steps, guidance)

    @torch.no_grad()
    def _run(
        self,
        prompts: Sequence[str],
        width: int,
        height: int,
        seeds: Sequence[int],
        pictures: Sequence[Sequence[Image.Image]],
        steps: int,
        guidance: float,
    ) -> Iterator[State]:
        device = self.transformer.img_in.weight.device
        variant = self.variant
        limits = ReferenceLimits(
            variant.max_references, variant.reference_area_single, variant.reference_area_several, self.matte
        )
        references = encode_references(self.autoencoder, pictures, limits, device)
        text = self.text_encoder.encode(prompts)
        grid = height // PIXELS_PER_TOKEN, width // PIXELS_PER_TOKEN
        noise = torch.cat([latents.noise(seed, *grid) for seed in seeds]).to(device)
        conditions = self._conditions(text, references, guidance, len(prompts))
        for state in sample(self.transformer, noise, conditions, sampling_times(steps, grid[0] * grid[1])):
            pixels = quantise(self.decode(state.latents)) if state.step == state.of else None
            yield State(state.step, state.of, state.timestep, state.latents, pixels, text.truncated)

    @torch.no_grad()
    def decode(self, packed: Tensor) -> Tensor:
        """Turn normalised packed latents (B, 128, h, w) into pixels (B, 3, H, W) in [0, 1]."""
        statistics = self.autoencoder.bn
        raw = latents.unpatchify(latents.denormalise(packed, statistics.running_mean, statistics.running_var))
        return self.autoencoder.decode(raw).float().clamp(0, 1)

    def _conditions(
        self, text: TextEmbeddings, references: ReferenceTokens | None, guidance: float, batch: int
    ) -> Conditions:
        kind = self.variant.guidance_kind
        unconditional = None
        if kind == "classifier-free" and guidance > 1.0:
            unconditional = self.text_encoder.encode([""]).states.expand(batch, -1, -1)
        return Conditions(
            text=text.states,
            references=references,
            embedded_guidance=guidance if kind == "embedded" else None,
            unconditional_text=unconditional,
            guidance_scale=guidance,
            round_timesteps=self.variant.round_timesteps,
        )

    def _sampling(self, steps: int | None, guidance: float | None) -> tuple[int, float]:
        variant = self.variant
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


def quantise(pixels: Tensor) -> tuple[Pixels, ...]:
    """Turn pixels (B, 3, H, W) in [0, 1] into pictures (H, W, 3) of bytes."""
    rounded = pixels.mul(255).round().to(torch.uint8).permute(0, 2, 3, 1)
    return tuple(item.contiguous().numpy() for item in rounded.cpu())


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


def _pictures_per_item(
    count: int,
    references: Sequence[Sequence[Image.Image]] | None,
    bases: Sequence[Image.Image | None] | None,
) -> list[list[Image.Image]]:
    for name, given in (("lists of references", references), ("bases", bases)):
        if given is not None and len(given) != count:
            raise RequestError(f"{count} prompts and {len(given)} {name}")
    pictures: list[list[Image.Image]] = []
    for index in range(count):
        base = bases[index] if bases else None
        pictures.append([*([] if base is None else [base]), *(references[index] if references else ())])
    return pictures
