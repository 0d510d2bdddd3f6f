"""Sizes that are sampled and the pictures enlarged from them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from flux2engine.enlargement import RIM, enlarge, sampled_size, size_for
from flux2engine.pipeline import Flux2Pipeline


@pytest.mark.parametrize(
    ("asked", "sampled"),
    [((512, 512), (128, 128)), ((1024, 512), (192, 96)), ((512, 1024), (96, 192)), ((96, 112), (96, 112))],
)
def test_what_is_larger_is_sampled_at_about_the_area_and_nearly_the_ratio(
    asked: tuple[int, int], sampled: tuple[int, int]
) -> None:
    assert sampled_size(*asked, 128 * 128) == sampled
    assert sampled_size(*asked, None) == asked


@pytest.mark.parametrize("aspect", [1 / 8, 9 / 16, 0.8, 1, 1.91, 3, 8])
def test_no_side_is_shorter_than_the_engine_paints(aspect: float) -> None:
    width, height = size_for(aspect, 64)
    assert min(width, height) >= 64
    assert width / height == pytest.approx(aspect, rel=0.13)


def test_a_frame_at_the_edge_is_left_out() -> None:
    framed = torch.full((1, 3, 48, 96), 0.5)
    framed[..., :RIM, :] = framed[..., -RIM:, :] = framed[..., :RIM] = framed[..., -RIM:] = 0.0
    assert float(enlarge(framed, 320, 176).min()) == pytest.approx(0.5)
    framed[..., RIM, 48] = 0.0  # the control: one pixel further in is seen
    assert float(enlarge(framed, 320, 176).min()) < 0.2


def test_enlarging_covers_the_size_and_cuts_both_ends_alike() -> None:
    ramp = torch.linspace(0, 1, 96).expand(1, 3, 48, 96)
    larger = enlarge(ramp, 320, 176)
    assert larger.shape == (1, 3, 176, 320)
    row = larger[0, 0, 80]
    assert float(row[0]) == pytest.approx(1 - float(row[-1]), abs=4e-3)  # what the ratio left over, on either side
    assert float(row[0]) > RIM / 96
    assert bool((row.diff() >= -1e-6).all())
    assert enlarge(ramp, 96, 48) is ramp


def test_a_pipeline_samples_the_area_and_returns_the_size(pipeline: Flux2Pipeline) -> None:
    asked = (["a green backdrop"], 320, 192, [3])
    whole = replace(pipeline.variant, sampled_area=None)
    grids = {}
    for name, variant in (("small", replace(whole, sampled_area=128 * 128)), ("whole", whole)):
        own = Flux2Pipeline(pipeline.transformer, pipeline.autoencoder, pipeline.text_encoder, variant)
        *_, last = own.run(*asked, steps=1)
        assert last.pixels is not None
        assert last.pixels[0].shape == (192, 320, 3)
        grids[name] = tuple(last.latents.shape[-2:])
    assert grids == {"small": (6, 10), "whole": (12, 20)}
