"""Each metric on painters whose result is known: a perfect one meets the hardest goals, a wrong one does not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional

from flux2engine.training.evaluation.bench import Bench
from flux2engine.training.evaluation.cases import Case
from flux2engine.training.evaluation.colour import Pixels
from flux2engine.training.evaluation.metrics import METRICS, autoencoder
from flux2engine.training.painting import paint

from .conftest import Cases, Painter, noise

MakeBench = Callable[[Painter], Bench]
JUDGED = ("backdrop", "empty", "reference", "family", "named", "found", "index", "edit")


@pytest.mark.parametrize("name", JUDGED)
def test_a_perfect_painter_meets_the_goal_and_a_shuffled_one_misses(name: str, perfect: Bench, shuffled: Bench) -> None:
    """Pictures of the asked scene meet every goal; pictures of another case's scene meet none of the metric's."""
    asked = [figure for figure in METRICS[name](perfect) if figure.goal]
    assert asked
    assert all(figure.met for figure in asked), asked
    missed = [figure.met for figure in METRICS[name](shuffled) if figure.goal]
    if name in ("index", "empty"):
        # Another case's product is none of the references, and another's empty side is often the same: chance decides.
        assert all(a.value < b.value for a, b in zip(METRICS[name](shuffled), METRICS[name](perfect), strict=True))
    else:
        assert missed == [False] * len(missed)


def test_values_are_those_of_the_truth(perfect: Bench) -> None:
    """Where a truth is printed, the perfect painter has exactly it."""
    for name in JUDGED:
        for figure in METRICS[name](perfect):
            assert figure.truth is None or figure.value == figure.truth, figure


def test_the_wrong_reference_costs_decibels(perfect: Bench, cases: Cases, bench_of: MakeBench) -> None:
    """A painter that obeys its reference loses with another's; one that ignores references gains nothing."""
    (obedient,) = METRICS["reference"](perfect)
    assert obedient.control is not None
    assert obedient.value > 100 > 20 > obedient.control

    class Deaf(Painter):
        def generate(self, prompts, width, height, seeds, references, **rest):  # type: ignore[no-untyped-def]
            own = [self.cases[key] for key in zip(prompts, seeds, strict=True)]
            return [paint(case.scene, width, height).pixels for case in own]

    (deaf,) = METRICS["reference"](bench_of(Deaf(cases)))
    assert deaf.value == deaf.control


@pytest.mark.parametrize("name", ["found", "index"])
def test_references_in_another_order_are_noticed(name: str, cases: Cases, bench_of: MakeBench) -> None:
    """A painter that takes the next reference is found out, and its control takes all."""
    for figure in METRICS[name](bench_of(Painter(cases, mixed=True))):
        assert figure.value < 0.2
        assert figure.control is not None
        assert figure.control > 0.8


def test_noise_everywhere_leaves_no_region_empty(cases: Cases, bench_of: MakeBench) -> None:
    """A declared region that is as rough as the rest is not empty."""
    (rough,) = METRICS["empty"](bench_of(Painter(cases, lambda picture, case, steps: noise(picture))))
    assert rough.value == 0


def test_an_edit_must_change_the_wall_and_keep_the_product(cases: Cases, bench_of: MakeBench, perfect: Bench) -> None:
    """Handing back the picture fails, so does repainting the product; doing both right passes."""

    def untouched(picture: Pixels, case: Case, steps: int | None) -> Pixels:
        assert case.before is not None
        return paint(case.before, *picture.shape[:2]).pixels

    def repainted(picture: Pixels, case: Case, steps: int | None) -> Pixels:
        changed = picture.copy()
        changed[20:] = 255 - changed[20:]  # all but the corners that tell the wall
        return changed

    (done,) = METRICS["edit"](perfect)
    assert (done.value, done.control) == (1.0, 0.0)
    for finish in (untouched, repainted):
        (failed,) = METRICS["edit"](bench_of(Painter(cases, finish)))
        assert failed.value == 0, finish


def test_steps_that_cost_quality_are_counted(cases: Cases, bench_of: MakeBench, perfect: Bench) -> None:
    """The same picture at four and at many steps loses nothing; a rough one at four steps loses decibels."""
    assert [figure.value for figure in METRICS["steps"](perfect)] == [0.0, 0.0]

    def hasty(picture: Pixels, case: Case, steps: int | None) -> Pixels:
        return noise(picture, 60 if steps == 4 else 10)

    lost, _ = METRICS["steps"](bench_of(Painter(cases, hasty)))
    assert lost.value > 10
    assert lost.met is False


def test_the_autoencoder_is_measured_by_what_comes_back() -> None:
    """A codec that loses nothing has no error; one that keeps every eighth pixel's mean has the error of that blur."""
    picture = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert autoencoder.round_trip([picture], torch.clone, torch.clone) > 100
    coarse = autoencoder.round_trip(
        [picture],
        lambda pixels: functional.avg_pool2d(pixels, 8),
        lambda latents: functional.interpolate(latents, scale_factor=8),
    )
    # Uniform noise has a deviation of 73.9 around its blocks' means: 20 log10(255 / 73.9) dB.
    assert abs(coarse - 10.8) < 0.3
