"""Times and positions have the published values; packing loses nothing."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from flux2engine import latents
from flux2engine.schedule import sampling_times, time_shift


@pytest.mark.parametrize(
    ("tokens", "steps", "mu"),
    [(1024, 4, 2.031), (1024, 28, 1.859), (1024, 50, 1.702), (4096, 4, 2.291), (4096, 50, 2.023), (6400, 4, 1.540)],
)
def test_mu(tokens: int, steps: int, mu: float) -> None:
    """Mu at 512², 1024² and 1280² px equals the known table."""
    assert time_shift(tokens, steps) == pytest.approx(mu, abs=6e-4)


def test_times_at_a_megapixel() -> None:
    """Four steps below and above the jump are the known ones."""
    assert sampling_times(4, 4096) == pytest.approx((1, 0.967, 0.908, 0.767, 0), abs=1e-3)
    assert sampling_times(4, 4356) == pytest.approx((1, 0.908, 0.768, 0.524, 0), abs=1e-3)


@pytest.mark.parametrize("steps", [1, 2, 50])
def test_times_fall_from_one_to_zero(steps: int) -> None:
    """There is one more time than steps, strictly falling."""
    times = sampling_times(steps, 64)
    assert len(times) == steps + 1
    assert (times[0], times[-1]) == (1.0, 0.0)
    assert all(earlier > later for earlier, later in pairwise(times))


def test_no_steps() -> None:
    """Zero steps are refused."""
    with pytest.raises(ValueError, match="at least 1"):
        sampling_times(0, 64)


def test_packing_loses_nothing() -> None:
    """Patchify, normalise and tokens have exact inverses."""
    raw = torch.randn(2, 32, 6, 10)
    packed = latents.patchify(raw)
    assert packed.shape == (2, 128, 3, 5)
    assert torch.equal(latents.unpatchify(packed), raw)
    assert torch.equal(latents.from_tokens(latents.to_tokens(packed), 3, 5), packed)
    mean, variance = torch.randn(128), torch.rand(128)
    again = latents.denormalise(latents.normalise(packed, mean, variance), mean, variance)
    torch.testing.assert_close(again, packed, rtol=1e-5, atol=1e-5)


def test_patch_order() -> None:
    """Channel 0's upper right neighbour is packed channel 1, its lower left is 2, channel 1 starts at 4."""
    raw = torch.zeros(1, 32, 2, 2)
    raw[0, 0, 0, 1], raw[0, 0, 1, 0], raw[0, 1, 0, 0] = 1, 2, 3
    assert latents.patchify(raw)[0, :5, 0, 0].tolist() == [0, 1, 2, 0, 3]


def test_positions() -> None:
    """Text counts on the last axis, pictures on rows and columns, references stand 10 apart and start anew."""
    assert latents.text_ids(3).tolist() == [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 2]]
    assert latents.image_ids(1, 2).tolist() == [[0, 0, 0, 0], [0, 0, 1, 0]]
    assert latents.reference_ids([(1, 2), (2, 1)]).tolist() == [
        [10, 0, 0, 0],
        [10, 0, 1, 0],
        [20, 0, 0, 0],
        [20, 1, 0, 0],
    ]
    assert latents.reference_ids([]).shape == (0, 4)


def test_noise() -> None:
    """A seed names its noise: the same each time, in fp32 on the CPU, another for another seed."""
    one = latents.noise(5, 2, 3)
    assert (one.dtype, one.device.type, tuple(one.shape)) == (torch.float32, "cpu", (1, 128, 2, 3))
    assert torch.equal(one, latents.noise(5, 2, 3))
    assert not torch.equal(one, latents.noise(6, 2, 3))
    # Published with the sampling version: another generator would silently repaint every campaign.
    assert one[0, :3, 0, 0].tolist() == pytest.approx(NOISE_OF_SEED_5, abs=1e-5)


NOISE_OF_SEED_5 = [1.8423299, -0.1307175, 0.9879223]


def test_large_pictures_are_drawn_together_where_a_model_asks() -> None:
    """Beyond so many tokens rows and columns span what so many tokens would; smaller grids are integers."""
    drawn = latents.image_ids(16, 16, 10, within=64)
    assert drawn[-1].tolist() == [10, 7.5, 7.5, 0]
    assert torch.equal(latents.image_ids(8, 8, within=64), latents.image_ids(8, 8))
    assert latents.image_ids(8, 8, within=64).dtype == torch.int64
    assert torch.equal(latents.image_ids(16, 16, 10)[-1], torch.tensor([10, 15, 15, 0]))
    wide = latents.reference_ids([(8, 32), (4, 4)], within=64)
    assert wide[255].tolist() == [10, 3.5, 15.5, 0]
    assert wide[-1].tolist() == [20, 3, 3, 0]
