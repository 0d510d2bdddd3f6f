"""The loss weighs channels as errors in them show, and the table says what a measurement finds."""

from __future__ import annotations

import numpy as np
import torch

from flux2engine.training import flow_matching
from flux2engine.training.batches import Batch
from flux2engine.training.evaluation.loading import SHIPPED, load
from flux2engine.training.visibility import VISIBILITY, channel_weights, measure

_SEEN = 4 * int(np.argmax(VISIBILITY))
_FAINT = 4 * int(np.argmin(VISIBILITY))


def test_the_table_is_what_the_shipped_decoder_shows() -> None:
    found = measure(load(SHIPPED, "shipped").autoencoder, scenes=2, side=64).log().numpy()
    agreement = np.corrcoef(found, np.log(VISIBILITY))[0, 1]
    assert agreement > 0.9
    assert np.corrcoef(found, np.roll(np.log(VISIBILITY), 1))[0, 1] < 0.5  # control: another channel's


def test_the_weights_are_a_mean_and_the_channels_of_a_token_share_their_latents_weight() -> None:
    weights = channel_weights(torch.zeros(1))
    assert weights.shape == (128,)
    assert torch.isclose(weights.sum(), torch.tensor(1.0))
    assert torch.equal(weights.reshape(32, 4), weights.reshape(32, 4)[:, :1].expand(-1, 4))
    assert weights.argmax() == _SEEN


def test_an_error_that_shows_costs_more() -> None:
    nothing = torch.zeros(1, 4, 128)
    ids = torch.zeros(1, 4, 4)
    batch = Batch(nothing, ids, torch.zeros(1, 4), torch.zeros(1, 1), torch.ones(1), None, None)

    def cost(channel: int) -> float:
        off = nothing.clone()
        off[..., channel] = 1.0
        return float(flow_matching.weighted_error(off, nothing, batch))

    assert cost(_SEEN) > 5 * cost(_FAINT) > 0
    assert np.isclose(sum(cost(channel) for channel in range(128)), 1.0)
