"""One number per place where we and diffusers must agree: how far apart we are.

Each measure recomputes our side and keeps the peer's, so that a test can break one of our facts in between. The limit
of each stands beside it in LIMITS.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.flux2.image_processor import Flux2ImageProcessor
from diffusers.pipelines.flux2.pipeline_flux2_klein import compute_empirical_mu
from PIL import Image
from torch import Tensor

from flux2engine import references, schedule
from tests.engine.parity import peer

_THREE_REFERENCES = peer.PipelineCase("klein", references=3)


@lru_cache
def _peer_velocity(guidance: bool, count: int, batch: int, grid: tuple[int, int], quiet: bool) -> Tensor:
    model = peer.diffusers_transformer(peer.transformer(guidance, quiet))
    return peer.transformer_inputs(guidance, count, batch, grid).peer(model)


def velocity(
    guidance: bool = True, count: int = 3, batch: int = 2, grid: tuple[int, int] = (4, 6), quiet: bool = False
) -> float:
    """Compare one transformer call, relative to the largest value."""
    ours = peer.transformer_inputs(guidance, count, batch, grid).ours(peer.transformer(guidance, quiet))
    theirs = _peer_velocity(guidance, count, batch, grid, quiet)
    assert theirs.std() >= 0.1
    return peer.relative_error(ours, theirs)


def quiet_velocity() -> float:
    """Compare where the states before the norms are so small that epsilons show."""
    return velocity(guidance=False, quiet=True)


@lru_cache
def _bfloat16_models(guidance: bool) -> tuple[Any, Any]:
    ours = peer.transformer(guidance)
    copy = type(ours)(ours.config).eval().requires_grad_(False)
    copy.load_state_dict(ours.state_dict())
    return copy.bfloat16(), peer.diffusers_transformer(ours).bfloat16()


def bfloat16_velocity() -> float:
    """Compare in bf16; norms differ by a last place there, times must not."""
    ours, theirs = _bfloat16_models(True)
    inputs = peer.transformer_inputs(True, 1, 2, dtype=torch.bfloat16)
    return peer.relative_error(inputs.ours(ours).float(), inputs.peer(theirs).float())


def pixels(case: peer.PipelineCase = _THREE_REFERENCES) -> float:
    """Compare whole pictures in [0, 1]."""
    theirs = case.peer()
    assert theirs.std() >= 0.1
    return float((case.ours() - theirs).abs().max())


def guided_pixels() -> float:
    """Compare whole pictures painted with classifier-free guidance."""
    return pixels(peer.PipelineCase("base", references=1))


@lru_cache
def _peer_pixels_back(quiet: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    theirs = peer.diffusers_autoencoder(peer.autoencoder(quiet))
    generator = torch.Generator().manual_seed(4)
    picture = torch.rand(2, 3, 48, 80, generator=generator)
    raw = torch.randn(2, 32, 6, 10, generator=generator)
    moments = theirs.encode(picture * 2 - 1).latent_dist
    return picture, raw, moments.mode(), (theirs.decode(raw).sample + 1) / 2


def latents_encoded(quiet: bool = False) -> float:
    """Compare raw latents of a picture."""
    picture, _, mode, _ = _peer_pixels_back(quiet)
    assert mode.std() >= 0.1
    return peer.relative_error(peer.autoencoder(quiet).encode(picture), mode)


def pixels_decoded(quiet: bool = False) -> float:
    """Compare pixels of random latents."""
    _, raw, _, decoded = _peer_pixels_back(quiet)
    assert decoded.std() >= 0.1
    return peer.relative_error(peer.autoencoder(quiet).decode(raw), decoded)


def quiet_autoencoder() -> float:
    """Compare where the states before the group norms are so small that the epsilon shows."""
    return max(latents_encoded(quiet=True), pixels_decoded(quiet=True))


def time_shift() -> float:
    """Compare mu over picture sizes on both sides of the jump and over step counts."""
    lengths = (64, 256, 1024, 4096, 4300, 4301, 8160, 16384)
    pairs = [
        (schedule.time_shift(length, steps), compute_empirical_mu(length, steps))
        for length in lengths
        for steps in (1, 4, 28, 50)
    ]
    return max(abs(ours - theirs) for ours, theirs in pairs)


def sampling_times() -> float:
    """Compare the sampler's times with diffusers' scheduler."""
    scheduler = peer.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift=3.0)
    errors = []
    for steps in (1, 4, 28):
        for length in (24, 4096, 4356):
            mu = compute_empirical_mu(length, steps)
            scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), mu=mu)
            ours = torch.tensor(schedule.sampling_times(steps, length))
            errors.append(float((ours - scheduler.sigmas).abs().max()))
    return max(errors)


_REFERENCE_AREA = 128 * 128


@lru_cache
def _peer_references() -> list[tuple[Image.Image, Tensor]]:
    processor = Flux2ImageProcessor()
    generator = np.random.default_rng(6)
    pairs = []
    for width, height in ((301, 207), (97, 121), (150, 150)):
        picture = Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))
        resized = processor._resize_if_exceeds_area(picture, _REFERENCE_AREA)
        size = {"width": resized.width // 16 * 16, "height": resized.height // 16 * 16}
        pairs.append((picture, (processor.preprocess(resized, resize_mode="crop", **size) + 1) / 2))
    return pairs


def prepared_references() -> float:
    """Compare prepared reference pictures, larger and smaller than the area; 1.0 where sizes differ."""
    limits = references.ReferenceLimits(max_count=10, area_single=_REFERENCE_AREA, area_several=_REFERENCE_AREA)
    pairs = _peer_references()
    prepared = references.prepare_references([picture for picture, _ in pairs], limits)
    errors = []
    for ours, (_, theirs) in zip(map(references.pixels, prepared), pairs, strict=True):
        errors.append(float((ours - theirs).abs().max()) if ours.shape == theirs.shape else 1.0)
    return max(errors)


LIMITS = {
    velocity: 1e-5,
    quiet_velocity: 1e-5,
    bfloat16_velocity: 1e-2,
    pixels: 1e-3,
    guided_pixels: 1e-3,
    latents_encoded: 1e-5,
    pixels_decoded: 1e-5,
    quiet_autoencoder: 1e-5,
    time_shift: 1e-9,
    sampling_times: 1e-6,
    prepared_references: 1e-6,
}
