"""Latents and their bookkeeping: patchify, normalisation, token order, position ids, noise.

Shapes: raw latents (B, 32, H/8, W/8); packed latents (B, 128, H/16, W/16); tokens (B, L, 128). Knows no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from flux2engine.variants import TOKEN_CHANNELS

PATCH = 2
NORMALISATION_EPSILON = 1e-4
# Reference i (from 0) stands at time 10 + 10 i; its rows and columns start at 0 again.
REFERENCE_TIME_START = 10
REFERENCE_TIME_STEP = 10


@dataclass(frozen=True)
class ReferenceTokens:
    """Hold a batch's encoded references, padded to the longest item."""

    tokens: Tensor  # (B, R, 128)
    ids: Tensor  # (B, R, 4)
    mask: Tensor | None  # (B, R), True for real tokens; None if every token is real


def patchify(latents: Tensor) -> Tensor:
    """Fold 2 × 2 neighbours into channels, ordered (channel, row, column)."""
    batch, channels, height, width = latents.shape
    blocks = latents.reshape(batch, channels, height // PATCH, PATCH, width // PATCH, PATCH)
    blocks = blocks.permute(0, 1, 3, 5, 2, 4)  # (B, C, row, column, H/2, W/2)
    return blocks.reshape(batch, channels * PATCH * PATCH, height // PATCH, width // PATCH)


def unpatchify(packed: Tensor) -> Tensor:
    """Undo `patchify`."""
    batch, channels, height, width = packed.shape
    blocks = packed.reshape(batch, channels // (PATCH * PATCH), PATCH, PATCH, height, width)
    blocks = blocks.permute(0, 1, 4, 2, 5, 3)  # (B, C, H, row, W, column)
    return blocks.reshape(batch, channels // (PATCH * PATCH), height * PATCH, width * PATCH)


def normalise(packed: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Centre and scale packed latents by running statistics of shape (128,)."""
    return (packed - _per_channel(mean, packed)) / _deviation(variance, packed)


def denormalise(packed: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Undo `normalise`."""
    return packed * _deviation(variance, packed) + _per_channel(mean, packed)


def to_tokens(packed: Tensor) -> Tensor:
    """Turn (B, 128, H, W) into row-major tokens (B, H·W, 128)."""
    return packed.flatten(2).transpose(1, 2)


def from_tokens(tokens: Tensor, height: int, width: int) -> Tensor:
    """Turn row-major tokens (B, H·W, 128) into (B, 128, H, W)."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], height, width)


def text_ids(length: int) -> Tensor:
    """Return the (length, 4) positions (0, 0, 0, l) of text tokens."""
    ids = torch.zeros(length, 4, dtype=torch.int64)
    ids[:, 3] = torch.arange(length)
    return ids


def image_ids(height: int, width: int, time: int = 0, within: int | None = None) -> Tensor:
    """Return the (height·width, 4) positions (time, row, column, 0) of a grid of tokens.

    Integers, as in FLUX.2; with `within`, a grid of more tokens is drawn together to the extent of so many (fp32).
    """
    ids = torch.zeros(height, width, 4, dtype=torch.int64)
    ids[..., 0] = time
    ids[..., 1] = torch.arange(height)[:, None]
    ids[..., 2] = torch.arange(width)[None, :]
    ids = ids.reshape(height * width, 4)
    if within is None or height * width <= within:
        return ids
    scale = (within / (height * width)) ** 0.5
    return ids * torch.tensor([1, scale, scale, 1])


def reference_ids(sizes: Sequence[tuple[int, int]], within: int | None = None) -> Tensor:
    """Return the positions of references of these (height, width) token grids, one after the other."""
    grids = [
        image_ids(height, width, REFERENCE_TIME_START + REFERENCE_TIME_STEP * index, within)
        for index, (height, width) in enumerate(sizes)
    ]
    return torch.cat(grids) if grids else torch.zeros(0, 4, dtype=torch.int64)


def noise(seed: int, height: int, width: int) -> Tensor:
    """Draw packed noise (1, 128, height, width) for one picture: on the CPU, in fp32, so every device agrees."""
    generator = torch.Generator("cpu").manual_seed(seed)
    return torch.randn(1, TOKEN_CHANNELS, height, width, generator=generator, dtype=torch.float32)


def _per_channel(values: Tensor, like: Tensor) -> Tensor:
    return values.to(device=like.device, dtype=like.dtype).view(1, -1, 1, 1)


def _deviation(variance: Tensor, like: Tensor) -> Tensor:
    # The root is taken in the statistics' own fp32, then cast, as the reference implementations do.
    return _per_channel(torch.sqrt(variance + NORMALISATION_EPSILON), like)
