"""Classifier-free guidance away from a negative prompt equals diffusers', whose pipeline takes it as embeddings."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from flux2engine import latents
from flux2engine.pipeline import Flux2Pipeline
from tests.engine.parity import peer

NEGATIVES = ["grain, text", None]
LIMIT = 1e-3


def ours(case: peer.PipelineCase, negatives: list[str | None] | None) -> Tensor:
    """Return our pixels."""
    pipeline = Flux2Pipeline(peer.transformer(), peer.autoencoder(), peer.GivenEmbeddings(), peer.variant("base"))
    *_, last = pipeline.run(
        case.prompts,
        case.width,
        case.height,
        case.seeds,
        [case.pictures] * case.batch,
        guidance=2.5,
        negative_prompts=negatives,
    )
    return pipeline.decode(last.latents)


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("batch", [1, 2])
def test_negative_prompts(batch: int, count: int) -> None:
    """Each item leads away from its own negative prompt, None being the empty one; references are in both passes."""
    case = peer.PipelineCase("base", count, batch)
    embeddings = peer.GivenEmbeddings()
    pipeline = peer.Flux2KleinPipeline(
        scheduler=peer.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift=3.0),
        vae=peer.diffusers_autoencoder(peer.autoencoder()),
        text_encoder=None,
        tokenizer=None,
        transformer=peer.diffusers_transformer(peer.transformer()),
        is_distilled=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    arguments: dict[str, Any] = {
        "image": case.pictures or None,
        "latents": torch.cat([latents.noise(seed, case.height // 16, case.width // 16) for seed in case.seeds]),
        "prompt_embeds": embeddings.encode(case.prompts).states,
        "negative_prompt_embeds": embeddings.encode([negative or "" for negative in NEGATIVES[:batch]]).states,
    }
    theirs = pipeline(
        **arguments, width=case.width, height=case.height, num_inference_steps=4, guidance_scale=2.5, output_type="pt"
    ).images
    assert theirs.std() >= 0.1
    assert (ours(case, NEGATIVES[:batch]) - theirs).abs().max() <= LIMIT
    plain = (ours(case, None) - theirs).abs().amax(dim=(1, 2, 3))  # the control: without it the first item differs
    assert [bool(error > LIMIT) for error in plain] == [True, False][:batch]
