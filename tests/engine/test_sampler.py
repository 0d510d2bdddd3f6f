"""The sampler walks the times it is given and yields each step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from flux2engine import latents, sampler
from flux2engine.errors import RequestError
from flux2engine.key_values import KeyValueStore
from flux2engine.latents import ReferenceTokens
from flux2engine.sampler import (
    Conditions,
    SamplerState,
    conditions_for,
    model_scalar,
    reference_key_values,
    sample,
    unconditional_texts,
)
from flux2engine.schedule import sampling_times
from flux2engine.variants import VARIANTS
from tests.engine.parity.peer import transformer, transformer_config, transformer_inputs

TEXT = torch.randn(1, 12, 48, generator=torch.Generator().manual_seed(1))


def walk(conditions: Conditions, steps: int = 3) -> list[SamplerState]:
    """Return every state of one picture."""
    return list(sample(transformer(False), latents.noise(1, 4, 6), conditions, sampling_times(steps, 24)))


def test_one_state_per_step() -> None:
    """Steps count from 1, times are those that follow, latents keep their shape and change."""
    times = sampling_times(3, 24)
    states = walk(Conditions(TEXT))
    assert [(state.step, state.of, state.timestep) for state in states] == [(i, 3, times[i]) for i in (1, 2, 3)]
    assert all(state.latents.shape == (1, 128, 4, 6) for state in states)
    assert not torch.equal(states[0].latents, states[1].latents)


def test_states_are_not_overwritten() -> None:
    """A state kept from an early step still holds that step's latents when the walk is over."""
    generator = sample(transformer(False), latents.noise(1, 4, 6), Conditions(TEXT), sampling_times(3, 24))
    first = next(generator)
    copy = first.latents.clone()
    list(generator)
    assert torch.equal(first.latents, copy)


def test_a_straight_path_is_walked_exactly() -> None:
    """With velocity noise − picture, every number of steps ends in the picture."""
    noise, picture = latents.noise(1, 2, 2), latents.noise(2, 2, 2)

    class Straight(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dtype = torch.float32
            self.config = VARIANTS["nano"].transformer

        def forward(self, **arguments: Any) -> Tensor:
            return latents.to_tokens(noise - picture)

    for steps in (1, 4, 9):
        *_, last = sample(Straight(), noise, Conditions(TEXT), sampling_times(steps, 4))  # type: ignore[arg-type]
        torch.testing.assert_close(last.latents, picture, rtol=1e-5, atol=1e-5)


def test_guidance_of_one_changes_nothing() -> None:
    """U + 1 · (c − u) is c; a larger scale is not."""
    empty = torch.zeros_like(TEXT)
    plain = walk(Conditions(TEXT))[-1].latents
    once = walk(Conditions(TEXT, unconditional_text=empty, guidance_scale=1.0))[-1].latents
    more = walk(Conditions(TEXT, unconditional_text=empty, guidance_scale=3.0))[-1].latents
    torch.testing.assert_close(once, plain, rtol=1e-4, atol=1e-5)
    assert (more - plain).abs().max() > 0.01


def test_no_gradient_is_kept() -> None:
    """Sampling a model in training leaves no graph behind."""
    from flux2engine.transformer import Flux2Transformer

    model = Flux2Transformer(transformer_config(False))
    *_, last = sample(model, latents.noise(1, 2, 2), Conditions(TEXT), (1.0, 0.0))
    assert not last.latents.requires_grad


# --- what a model may be asked -----------------------------------------------------------------------------------


def test_conditions_follow_the_kind_of_guidance() -> None:
    """Dev embeds its guidance, base takes a second text above guidance 1, distilled models take neither."""
    empty = torch.zeros_like(TEXT)
    dev = conditions_for(VARIANTS["dev"], TEXT, None, 4.0, empty)
    assert (dev.embedded_guidance, dev.unconditional_text) == (4.0, None)
    base = conditions_for(VARIANTS["klein-base-4b"], TEXT, None, 4.0, empty)
    assert (base.embedded_guidance, base.guidance_scale) == (None, 4.0)
    assert base.unconditional_text is empty
    assert conditions_for(VARIANTS["klein-base-4b"], TEXT, None, 1.0, empty).unconditional_text is None
    distilled = conditions_for(VARIANTS["klein-4b"], TEXT, None, 1.0, empty)
    assert (distilled.embedded_guidance, distilled.unconditional_text) == (None, None)
    assert distilled.round_timesteps
    assert not conditions_for(VARIANTS["nano"], TEXT, None, 1.5, empty).round_timesteps
    with pytest.raises(ValueError, match="second text"):
        conditions_for(VARIANTS["klein-base-4b"], TEXT, None, 4.0)


def test_conditions_carry_kept_references() -> None:
    """One set per item becomes one batch with its mask; the sampler walks elsewhere with it."""
    given = transformer_inputs(references=3)
    assert given.reference_tokens is not None
    assert given.reference_ids is not None
    references = latents.ReferenceTokens(given.reference_tokens, given.reference_ids, None)
    store = KeyValueStore(10**9)
    kept = reference_key_values(transformer(False), references, "key", store)
    assert store.get("key") is kept
    assert reference_key_values(transformer(False), references, "key", store) is kept
    conditions = conditions_for(VARIANTS["klein-9b-kv"], TEXT.expand(2, -1, -1), None, 1.0, None, [kept, None])
    assert conditions.key_values is not None
    assert conditions.key_values_mask is not None
    assert conditions.key_values_mask.sum(1).tolist() == [kept.tokens, 0]
    noise = latents.noise(1, 4, 6).expand(2, -1, -1, -1)
    *_, last = sample(transformer(False), noise, conditions, sampling_times(2, 24))
    *_, plain = sample(transformer(False), noise[:1], Conditions(TEXT), sampling_times(2, 24))
    torch.testing.assert_close(last.latents[1:], plain.latents, rtol=1e-5, atol=1e-5)
    assert (last.latents[:1] - plain.latents).abs().max() > 0.01


def test_conditions_go_to_the_samplers_device_once() -> None:
    """All that a step reads whole is moved; kept keys and values stay where they are, and are read block by block."""
    given = transformer_inputs(references=1)
    assert given.reference_tokens is not None
    assert given.reference_ids is not None
    real = torch.ones(given.reference_tokens.shape[:2], dtype=torch.bool)
    references = latents.ReferenceTokens(given.reference_tokens, given.reference_ids, real)
    kept = reference_key_values(transformer(False), references)
    moved = sampler._on_device(Conditions(TEXT, references, None, TEXT, 2.0, True, kept, real), torch.device("meta"))
    assert moved.references is not None
    assert moved.references.mask is not None
    assert moved.unconditional_text is not None
    assert moved.key_values_mask is not None
    parts = (moved.text, moved.unconditional_text, moved.key_values_mask, *vars(moved.references).values())
    assert {part.device.type for part in parts} == {"meta"}
    assert moved.key_values is kept


def test_texts_of_the_second_pass() -> None:
    """Negative prompts stand where given, the empty one elsewhere; without a second pass there are none."""
    base = VARIANTS["klein-base-4b"]
    assert unconditional_texts(base, 4.0, ["grain", None, ""]) == ("grain", "", "")
    for name, guidance in (("klein-base-4b", 1.0), ("klein-4b", 1.0), ("dev", 4.0)):
        assert unconditional_texts(VARIANTS[name], guidance, [None, ""]) is None


@pytest.mark.parametrize(
    ("name", "guidance", "words"),
    [
        ("dev", 4.0, "dev takes no negative prompt: its guidance is embedded"),
        ("klein-9b", 1.0, "klein-9b takes no negative prompt: it is distilled"),
        ("klein-9b-kv", 1.0, "distilled"),
        ("klein-base-4b", 1.0, "raise guidance above 1"),
    ],
)
def test_negative_prompts_that_nothing_would_read(name: str, guidance: float, words: str) -> None:
    """A negative prompt is refused with the reason, never dropped."""
    with pytest.raises(RequestError, match=words):
        unconditional_texts(VARIANTS[name], guidance, [None, "grain"])


@pytest.mark.parametrize("value", [0.7673, 0.9143, 3.3])
def test_official_rounding(value: float) -> None:
    """Rounded in fp32, the model sees the thousandfold that bf16 arithmetic gives; unrounded, the exact one."""
    expected = float(torch.tensor(value).bfloat16() * 1000)
    rounded = model_scalar(value, 1, torch.float32, rounded=True) * 1000
    assert float(rounded) == pytest.approx(expected, rel=1e-6)
    exact = model_scalar(value, 1, torch.float32, rounded=False) * 1000
    assert float(exact) == pytest.approx(value * 1000, rel=1e-6)
    assert abs(float(rounded) - float(exact)) > 0.2  # the control: the two differ here
    assert model_scalar(value, 1, torch.bfloat16, rounded=True).item() == torch.tensor(value).bfloat16().item()


def test_picture_guidance_leads_away_from_what_words_alone_would_paint() -> None:
    """One step goes s times as far from the unseen picture as the references go; 1, and no references, are one pass."""
    tokens = torch.randn(1, 4, 128, generator=torch.Generator().manual_seed(2))
    shown = ReferenceTokens(tokens, latents.reference_ids([(2, 2)])[None], None)

    def stepped(**changes: Any) -> Tensor:
        return walk(Conditions(TEXT, **changes), steps=1)[-1].latents

    unseen, seen = stepped(), stepped(references=shown)
    guided = stepped(references=shown, picture_guidance=1.5)
    assert torch.allclose(guided, unseen + 1.5 * (seen - unseen), atol=1e-5)
    assert not torch.allclose(guided, seen, atol=1e-3)
    assert torch.equal(stepped(references=shown, picture_guidance=1.0), seen)
    assert torch.equal(stepped(picture_guidance=1.5), unseen)


def test_only_a_model_that_says_so_is_guided_by_pictures() -> None:
    """Every published model is run in its own passes; a manifest may ask for more."""
    assert {variant.picture_guidance for variant in VARIANTS.values()} == {1.0}
    asking = replace(VARIANTS["nano"], picture_guidance=1.25)
    assert conditions_for(asking, TEXT, None, 1.0).picture_guidance == 1.25
