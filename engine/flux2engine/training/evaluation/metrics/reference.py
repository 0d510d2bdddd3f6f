"""A held-out product from its reference: PSNR in its box, with the right and with a wrong reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flux2engine.training.evaluation.bench import Bench, crop, main_box, psnr
from flux2engine.training.evaluation.cases import Case
from flux2engine.training.evaluation.colour import Pixels
from flux2engine.training.evaluation.figures import Figure, Goal

NAME = "reference"
GOALS = {"cpu": Goal(gain=4), "gpu": Goal(at_least=17)}


def measure(bench: Bench) -> list[Figure]:
    """Compare the product's box with the truth's."""
    cases, truths = bench.of("reference"), bench.truth("reference")
    right, wrong = (box_psnr(bench.painted("reference", wrong=w), truths, cases) for w in (False, True))
    return [
        Figure(NAME, "PSNR in the held-out product's box", right, "dB", len(cases), wrong, "a wrong reference", None,
               GOALS[bench.hardware])
    ]  # fmt: skip


def box_psnr(pictures: Sequence[Pixels], truths: Sequence[Pixels], cases: Sequence[Case]) -> float:
    """Return the mean PSNR within the product's box."""
    values = [
        psnr(crop(picture, main_box(case)), crop(truth, main_box(case)))
        for picture, truth, case in zip(pictures, truths, cases, strict=True)
    ]
    return float(np.mean(values))
