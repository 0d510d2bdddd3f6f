"""The sampler walks the times it is given and yields each step."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from flux2engine import latents
from flux2engine.sampler import Conditions, SamplerState, model_scalar, sample
from flux2engine.schedule import sampling_times
from tests.engine.parity.peer import transformer, transformer_config

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
            self.img_in = torch.nn.Linear(128, 1)

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
