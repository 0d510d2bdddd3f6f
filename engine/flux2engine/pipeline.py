"""Prompts, seeds and reference pictures → pictures: encode, sample, decode, with one state yielded per step.

Joins the engine's parts and checks that a request fits the model. Knows nothing of campaigns or files but a model
folder's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from flux2engine import latents
from flux2engine.autoencoder import Autoencoder, Pixels, decode_latents, quantise
from flux2engine.enlargement import enlarge, sampled_size
from flux2engine.errors import RequestError
from flux2engine.key_values import KeyValueStore, ReferenceKeyValues, reference_set_key
from flux2engine.memory import choose_placement
from flux2engine.model_folder import load_model
from flux2engine.references import (
    ReferenceLimits,
    assemble,
    encode_picture,
    picture_bytes,
    prepare_references,
)
from flux2engine.sampler import (
    Conditions,
    check_size,
    conditions_for,
    reference_key_values,
    sample,
    steps_and_guidance,
    unconditional_texts,
)
from flux2engine.schedule import sampling_times
from flux2engine.text_encoder import TextEncoder
from flux2engine.transformer import Flux2Transformer
from flux2engine.variants import PIXELS_PER_TOKEN, ModelVariant

# Four references of a megapixel in klein 9B-KV.
KEY_VALUE_BYTES = 8 * 1024**3


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
        key_values: KeyValueStore | None = None,
    ) -> None:
        """Join the parts; `key_values` outlives the calls, and keeps references for models that allow it."""
        self.transformer = transformer
        self.autoencoder = autoencoder
        self.text_encoder = text_encoder
        self.variant = variant
        self.weights_digest = weights_digest
        self.key_values = key_values or KeyValueStore(KEY_VALUE_BYTES)

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
        negative_prompts: Sequence[str | None] | None = None,
        mattes: Sequence[tuple[int, int, int] | None] | None = None,
    ) -> list[Pixels]:
        """Return one picture (height, width, 3) per prompt; see `run`."""
        *_, last = self.run(prompts, width, height, seeds, references, steps, guidance, bases, negative_prompts, mattes)
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
        negative_prompts: Sequence[str | None] | None = None,
        mattes: Sequence[tuple[int, int, int] | None] | None = None,
    ) -> Iterator[State]:
        """Yield a state per step, the last one with pixels.

        One prompt, seed and list of references per picture; a picture of `bases` is edited, which means that it
        becomes that item's first reference. `negative_prompts` are what classifier-free guidance leads away from, None
        standing for the empty prompt. `mattes` are what transparent references lie on, None standing for
        white. What does not fit the model is refused here, before anything is computed.
        """
        pictures = _pictures_per_item(len(prompts), references, bases)
        if len(seeds) != len(prompts):
            raise RequestError(f"{len(prompts)} prompts and {len(seeds)} seeds")
        negatives = [None] * len(prompts) if negative_prompts is None else list(negative_prompts)
        if len(negatives) != len(prompts):
            raise RequestError(f"{len(prompts)} prompts and {len(negatives)} negative prompts")
        if not prompts:
            raise RequestError("no prompts")
        check_size(width, height, self.variant.max_pixels)
        steps, guidance = steps_and_guidance(self.variant, steps, guidance)
        opposites = unconditional_texts(self.variant, guidance, negatives)
        limits = [ReferenceLimits.of(self.variant, matte) for matte in mattes or [None] * len(pictures)]
        based = [base is not None for base in bases] if bases else [False] * len(pictures)
        prepared = [prepare_references(*item) for item in zip(pictures, limits, based, strict=True)]
        return self._run(prompts, width, height, seeds, prepared, steps, guidance, opposites)

    @torch.no_grad()
    def _run(
        self,
        prompts: Sequence[str],
        width: int,
        height: int,
        seeds: Sequence[int],
        prepared: Sequence[Sequence[Image.Image]],
        steps: int,
        guidance: float,
        opposites: Sequence[str] | None,
    ) -> Iterator[State]:
        text = self.text_encoder.encode(prompts)
        unconditional = None if opposites is None else self._unconditional(opposites)
        conditions = self._conditions(text.states, prepared, guidance, unconditional)
        wide, tall = sampled_size(width, height, self.variant.sampled_area)
        grid = tall // PIXELS_PER_TOKEN, wide // PIXELS_PER_TOKEN
        noise = torch.cat([latents.noise(seed, *grid) for seed in seeds]).to(self._device)
        for state in sample(self.transformer, noise, conditions, sampling_times(steps, grid[0] * grid[1])):
            last = state.step == state.of
            pixels = quantise(enlarge(self.decode(state.latents), width, height)) if last else None
            yield State(state.step, state.of, state.timestep, state.latents, pixels, text.truncated)

    def decode(self, packed: Tensor) -> Tensor:
        """Turn normalised packed latents (B, 128, h, w) into pixels (B, 3, H, W) in [0, 1]."""
        return decode_latents(self.autoencoder, packed)

    @property
    def _device(self) -> torch.device:
        return self.transformer.device

    def _unconditional(self, texts: Sequence[str]) -> Tensor:
        """Encode each different text once; return the states of every item."""
        distinct = list(dict.fromkeys(texts))
        states = self.text_encoder.encode(distinct).states
        return states[[distinct.index(text) for text in texts]]

    def _conditions(
        self, text: Tensor, prepared: Sequence[Sequence[Image.Image]], guidance: float, unconditional: Tensor | None
    ) -> Conditions:
        if self.variant.cached_references:
            kept = [self._key_values(item) if item else None for item in prepared]
            return conditions_for(self.variant, text, None, guidance, unconditional, kept)
        distinct = {picture_bytes(picture): picture for item in prepared for picture in item}
        packed = {key: self._encoded(picture) for key, picture in distinct.items()}
        items = [[packed[picture_bytes(picture)] for picture in item] for item in prepared]
        references = assemble(items, self.variant.transformer.positions_within)
        return conditions_for(self.variant, text, references, guidance, unconditional)

    def _encoded(self, picture: Image.Image) -> Tensor:
        return encode_picture(self.autoencoder, picture, self._device)

    def _key_values(self, prepared: Sequence[Image.Image]) -> ReferenceKeyValues:
        """Return what one set of references leaves behind; it is encoded only if that is not kept."""
        dtype = self.transformer.dtype
        key = reference_set_key([picture_bytes(picture) for picture in prepared], self.weights_digest, dtype)
        kept = self.key_values.get(key)
        if kept is None:
            encoded = [self._encoded(picture) for picture in prepared]
            references = assemble([encoded], self.variant.transformer.positions_within)
            assert references is not None  # a set has at least one picture
            kept = reference_key_values(self.transformer, references, key, self.key_values)
        return kept


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
