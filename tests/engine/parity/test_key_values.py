"""Kept references (klein 9B-KV) and diffusers' own scheme give the same numbers, and every fact of it is noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pytest
import torch
from diffusers.models.transformers.transformer_flux2 import Flux2KVAttnProcessor, Flux2KVParallelSelfAttnProcessor
from torch import Tensor

from flux2engine import latents, transformer
from flux2engine.key_values import ReferenceKeyValues
from flux2engine.pipeline import Flux2Pipeline
from flux2engine.transformer import Flux2Transformer
from flux2engine.variants import VARIANTS, ModelVariant
from tests.engine.parity import peer
from tests.engine.parity.peer import relative_error

with peer.warnings.catch_warnings():
    peer.warnings.simplefilter("ignore")
    from diffusers import Flux2KleinKVPipeline

VELOCITY_LIMIT = 1e-5  # of the largest value
PIXEL_LIMIT = 1e-3
TIMES = (0.9143, 0.3127)  # the peer extracts at the first and reuses at the second

Patch = pytest.MonkeyPatch


@lru_cache
def peer_transformer() -> Any:
    """Return diffusers' transformer with our weights and its KV processors."""
    return with_processors(peer.diffusers_transformer(peer.transformer()))


def with_processors(model: Any) -> Any:
    """Let diffusers' attention keep what references leave behind, as its pipeline does."""
    for block in model.transformer_blocks:
        block.attn.set_processor(Flux2KVAttnProcessor())
    for block in model.single_transformer_blocks:
        block.attn.set_processor(Flux2KVParallelSelfAttnProcessor())
    return model


@lru_cache
def peer_velocities(count: int, batch: int, grid: tuple[int, int]) -> tuple[list[Tensor], Any]:
    """Return the velocity of the extracting and of a cached step, and what the peer kept."""
    given = peer.transformer_inputs(references=count, batch=batch, grid=grid)
    common: dict[str, Any] = {"encoder_hidden_states": given.txt, "txt_ids": given.txt_ids, "return_dict": False}
    first, kept = peer_transformer()(
        hidden_states=torch.cat([given.reference_tokens, given.img], dim=1),
        img_ids=torch.cat([given.reference_ids, given.img_ids], dim=1),
        timestep=torch.full((batch,), TIMES[0]),
        kv_cache_mode="extract",
        num_ref_tokens=given.reference_tokens.shape[1],
        **common,
    )
    (second,) = peer_transformer()(
        hidden_states=given.img,
        img_ids=given.img_ids,
        timestep=torch.full((batch,), TIMES[1]),
        kv_cache=kept,
        kv_cache_mode="cached",
        **common,
    )
    return [first, second], kept


def kept_error(count: int = 3, batch: int = 2, grid: tuple[int, int] = (4, 6)) -> float:
    """Compare both steps, relative to the largest value; ours uses one set of keys and values for both."""
    given = peer.transformer_inputs(references=count, batch=batch, grid=grid)
    model = peer.transformer()
    kept = model.reference_key_values(given.reference_tokens, given.reference_ids)
    theirs, _ = peer_velocities(count, batch, grid)
    ours = [
        replace(given, timestep=torch.full((batch,), time), reference_tokens=None, reference_ids=None) for time in TIMES
    ]
    return max(
        relative_error(model(**inputs.__dict__, key_values=kept), velocity)
        for inputs, velocity in zip(ours, theirs, strict=True)
    )


@pytest.mark.parametrize("grid", [(4, 6), (8, 3)], ids=str)
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("count", [1, 3])
def test_velocities(count: int, batch: int, grid: tuple[int, int]) -> None:
    """The peer's extracting and cached steps are ours, which are both cached ones."""
    assert kept_error(count, batch, grid) <= VELOCITY_LIMIT


def test_what_is_kept() -> None:
    """Every block's keys (after rotation) and values are those that the peer keeps."""
    given = peer.transformer_inputs(references=3, batch=2)
    kept = peer.transformer().reference_key_values(given.reference_tokens, given.reference_ids)
    _, theirs = peer_velocities(3, 2, (4, 6))
    ours = [*kept.double, *kept.single]
    caches = [*theirs.double_block_caches, *theirs.single_block_caches]
    for (key, value), cache in zip(ours, caches, strict=True):
        assert relative_error(key.transpose(1, 2), cache.k_ref) <= VELOCITY_LIMIT
        assert relative_error(value.transpose(1, 2), cache.v_ref) <= VELOCITY_LIMIT


def test_bfloat16() -> None:
    """In bf16 both steps agree within 1e-2 of the largest value."""
    ours = peer.transformer()
    theirs = with_processors(peer.diffusers_transformer(ours)).bfloat16()
    model = Flux2Transformer(ours.config).eval().requires_grad_(False)
    model.load_state_dict(ours.state_dict())
    model.bfloat16()
    given = peer.transformer_inputs(references=3, dtype=torch.bfloat16)
    expected, _ = theirs(
        hidden_states=torch.cat([given.reference_tokens, given.img], dim=1),
        img_ids=torch.cat([given.reference_ids, given.img_ids], dim=1),
        encoder_hidden_states=given.txt,
        txt_ids=given.txt_ids,
        timestep=given.timestep,
        kv_cache_mode="extract",
        num_ref_tokens=given.reference_tokens.shape[1],
        return_dict=False,
    )
    kept = model.reference_key_values(given.reference_tokens, given.reference_ids)
    assert {tensor.dtype for pair in (*kept.double, *kept.single) for tensor in pair} == {torch.bfloat16}
    without = replace(given, reference_tokens=None, reference_ids=None)
    error = relative_error(model(**without.__dict__, key_values=kept).float(), expected.float())
    print(f"{error:.1e}")
    assert 0 < error <= 1e-2


def test_one_set_serves_other_texts_and_sizes() -> None:
    """Keys and values made once equal what the peer extracts beside another text and another output."""
    given = peer.transformer_inputs(references=3)
    kept = peer.transformer().reference_key_values(given.reference_tokens, given.reference_ids)
    other = peer.transformer_inputs(references=3, grid=(8, 3))
    _, theirs = peer_transformer()(
        hidden_states=torch.cat([given.reference_tokens, other.img], dim=1),
        img_ids=torch.cat([given.reference_ids, other.img_ids], dim=1),
        encoder_hidden_states=given.txt.flip(1),
        txt_ids=given.txt_ids,
        timestep=torch.tensor([0.4]),
        kv_cache_mode="extract",
        num_ref_tokens=given.reference_tokens.shape[1],
        return_dict=False,
    )
    assert relative_error(kept.single[-1][1].transpose(1, 2), theirs.get_single(1).v_ref) <= VELOCITY_LIMIT


def test_the_scheme_differs_from_the_standard_one() -> None:
    """The control: references as plain tokens give another velocity, so agreement above is not trivial."""
    given = peer.transformer_inputs(references=3)
    model = peer.transformer()
    kept = model.reference_key_values(given.reference_tokens, given.reference_ids)
    without = replace(given, reference_tokens=None, reference_ids=None)
    assert relative_error(model(**without.__dict__, key_values=kept), given.ours(model)) > 1e-2


# --- the whole pipeline ------------------------------------------------------------------------------------------


def variant() -> ModelVariant:
    """Return klein 9B-KV at the small size."""
    return replace(
        peer.variant("klein"), name="klein-9b-kv", cached_references=VARIANTS["klein-9b-kv"].cached_references
    )


def peer_pixels(case: peer.PipelineCase) -> Tensor:
    """Return diffusers' pixels."""
    pipeline = Flux2KleinKVPipeline(
        scheduler=peer.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift=3.0),
        vae=peer.diffusers_autoencoder(peer.autoencoder()),
        text_encoder=None,
        tokenizer=None,
        transformer=peer_transformer(),
    )
    pipeline.set_progress_bar_config(disable=True)
    grid = case.height // 16, case.width // 16
    pixels: Tensor = pipeline(
        image=case.pictures or None,
        width=case.width,
        height=case.height,
        num_inference_steps=4,
        latents=torch.cat([latents.noise(seed, *grid) for seed in case.seeds]),
        prompt_embeds=peer.GivenEmbeddings().encode(case.prompts).states,
        output_type="pt",
    ).images
    return pixels


@pytest.mark.parametrize("size", [(96, 64), (64, 128)], ids=str)
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_pixels(count: int, batch: int, size: tuple[int, int]) -> None:
    """Pictures agree within 1e-3 of a pixel's range, and are not those of the standard scheme."""
    case = peer.PipelineCase("klein", count, batch, *size)
    pipeline = Flux2Pipeline(peer.transformer(), peer.autoencoder(), peer.GivenEmbeddings(), variant())
    *_, last = pipeline.run(case.prompts, *size, case.seeds, [case.pictures] * batch)
    ours, theirs = pipeline.decode(last.latents), peer_pixels(case)
    assert theirs.std() >= 0.1
    assert (ours - theirs).abs().max() <= PIXEL_LIMIT
    assert bool((case.ours() - theirs).abs().max() > PIXEL_LIMIT) is (count > 0)


# --- one fact broken at a time -----------------------------------------------------------------------------------

Kept = Callable[[Flux2Transformer, Tensor, Tensor], ReferenceKeyValues]
REFERENCE_SIZES = [(3, 4), (2, 5), (4, 2)]  # as in peer.transformer_inputs


def at_the_steps_time(patch: Patch, original: Kept) -> Kept:
    patch.setattr(transformer, "KEPT_REFERENCE_TIME", TIMES[0])
    return original


def modulated_late(triples: int) -> Callable[[Patch, Kept], Kept]:
    """Modulate one kind of block at the step's time."""

    def broken(patch: Patch, original: Kept) -> Kept:
        modulation = transformer.Modulation.forward

        def kept(model: Flux2Transformer, tokens: Tensor, ids: Tensor) -> ReferenceKeyValues:
            late = model._condition(torch.full((len(tokens),), TIMES[0]), None, tokens.dtype)

            def forward(self: transformer.Modulation, condition: Tensor) -> Any:
                return modulation(self, late if self.triples == triples else condition)

            with patch.context() as inner:
                inner.setattr(transformer.Modulation, "forward", forward)
                return original(model, tokens, ids)

        return kept

    return broken


def seeing_text(patch: Patch, original: Kept) -> Kept:
    """Let the references attend to the text too, and keep only theirs."""

    def kept(model: Flux2Transformer, tokens: Tensor, ids: Tensor) -> ReferenceKeyValues:
        given = peer.transformer_inputs(references=3, batch=2)
        seen: list[tuple[Tensor, Tensor]] = []
        attention = transformer.attention

        def recording(query: Tensor, key: Tensor, value: Tensor, *rest: Any) -> Tensor:
            length = given.txt.shape[1]
            seen.append((key[:, :, length:], value[:, :, length:]))
            return attention(query, key, value, *rest)

        with patch.context() as inner:
            inner.setattr(transformer, "attention", recording)
            model(tokens, ids, given.txt, given.txt_ids, torch.zeros(len(tokens)))
        blocks = model.config.double_blocks
        return ReferenceKeyValues(tuple(seen[:blocks]), tuple(seen[blocks:]))

    return kept


def each_reference_alone(patch: Patch, original: Kept) -> Kept:
    """Let no reference see another."""

    def kept(model: Flux2Transformer, tokens: Tensor, ids: Tensor) -> ReferenceKeyValues:
        lengths = [height * width for height, width in REFERENCE_SIZES]
        alone = [original(model, *pair) for pair in zip(tokens.split(lengths, 1), ids.split(lengths, 1), strict=True)]

        def joined(blocks: list[Any]) -> Any:
            return tuple(
                tuple(torch.cat(parts, dim=2) for parts in zip(*block, strict=True))
                for block in zip(*blocks, strict=True)
            )

        return ReferenceKeyValues(joined([one.double for one in alone]), joined([one.single for one in alone]))

    return kept


def before_rotation(patch: Patch, original: Kept) -> Kept:
    """Keep keys as they were before their rotation."""

    def kept(model: Flux2Transformer, tokens: Tensor, ids: Tensor) -> ReferenceKeyValues:
        whole = original(model, tokens, ids)
        cosine, sine = transformer.rotary_embedding(ids, model.config.axes_dim, model.config.theta)

        def turned_back(blocks: Any) -> Any:
            return tuple((transformer.rotate(key, (cosine, -sine)), value) for key, value in blocks)

        return ReferenceKeyValues(turned_back(whole.double), turned_back(whole.single))

    return kept


def of_another_block(*, double: bool) -> Callable[[Patch, Kept], Kept]:
    """Hand every block its neighbour's."""

    def broken(patch: Patch, original: Kept) -> Kept:
        def kept(model: Flux2Transformer, tokens: Tensor, ids: Tensor) -> ReferenceKeyValues:
            whole = original(model, tokens, ids)
            if double:
                return ReferenceKeyValues(whole.double[::-1], whole.single)
            return ReferenceKeyValues(whole.double, whole.single[::-1])

        return kept

    return broken


def without_the_first_block(patch: Patch, original: Kept) -> Kept:
    """Reuse in single blocks only: the double blocks see what nobody left there."""

    def kept(model: Flux2Transformer, tokens: Tensor, ids: Tensor) -> ReferenceKeyValues:
        whole = original(model, tokens, ids)
        return replace(whole, double=tuple((key * 0, value * 0) for key, value in whole.double))

    return kept


MUTATIONS = {
    "references stand at time 0": at_the_steps_time,
    "in double blocks too": modulated_late(2),
    "in single blocks too": modulated_late(1),
    "references do not see text": seeing_text,
    "references see each other": each_reference_alone,
    "keys are kept after rotation": before_rotation,
    "each double block has its own": of_another_block(double=True),
    "each single block has its own": of_another_block(double=False),
    "double blocks have them too": without_the_first_block,
}


@pytest.mark.parametrize("fact", MUTATIONS)
def test_parity_notices(fact: str, monkeypatch: Patch) -> None:
    """Parity holds, one fact is broken, parity fails."""
    whole = kept_error()
    monkeypatch.setattr(
        Flux2Transformer, "reference_key_values", MUTATIONS[fact](monkeypatch, Flux2Transformer.reference_key_values)
    )
    broken = kept_error()
    print(f"{fact:32} {whole:.1e} -> {broken:.1e}")
    assert whole <= VELOCITY_LIMIT < broken
