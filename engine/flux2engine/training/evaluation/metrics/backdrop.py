"""The asked backdrop: ΔE2000 of the upper corners, against the true picture's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flux2engine.training.evaluation.bench import Bench, shifted
from flux2engine.training.evaluation.colour import Pixels, backdrop_colours, difference
from flux2engine.training.evaluation.figures import Figure, Goal

NAME = "backdrop"
GOALS = {"cpu": Goal(at_most=8, control_at_least=25), "gpu": Goal(at_most=4, control_at_least=25)}


def measure(bench: Bench) -> list[Figure]:
    """Compare every picture with its own truth, and with that of another prompt."""
    truths = bench.truth("reference")
    own, other = distances(bench.painted("reference"), truths)
    return [
        Figure(NAME, "ΔE2000 asked vs measured, median", own, "", len(bench.of("reference")), other,
               "another prompt's backdrop", distances(truths, truths)[0], GOALS[bench.hardware])
    ]  # fmt: skip


def distances(pictures: Sequence[Pixels], truths: Sequence[Pixels]) -> tuple[float, float]:
    """Return the median ΔE2000 from their own truth and from another's."""
    measured, asked = ([backdrop_colours(picture) for picture in part] for part in (pictures, truths))
    own = [difference(a, b) for a, b in zip(measured, asked, strict=True)]
    other = [difference(a, b) for a, b in zip(measured, shifted(asked), strict=True)]
    return float(np.median(own)), float(np.median(other))
