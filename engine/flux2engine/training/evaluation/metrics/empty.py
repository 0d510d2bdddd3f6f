"""The declared empty region: its edge energy is at most a quarter of the rest's."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from flux2engine.training.data import Box
from flux2engine.training.evaluation.bench import Bench, random_box
from flux2engine.training.evaluation.colour import Pixels
from flux2engine.training.evaluation.edges import edge_ratio, empty_region
from flux2engine.training.evaluation.figures import Figure, Goal

NAME = "empty"
QUARTER = 0.25
GOALS = {"cpu": Goal(at_least=0.90), "gpu": Goal(at_least=0.95)}


def measure(bench: Bench) -> list[Figure]:
    """Count the pictures whose declared region is calm, and those where a random region of its size is."""
    regions = [region for case in bench.of("empty") if (region := empty_region(case.scene)) is not None]
    rng = random.Random("random regions")
    elsewhere = [random_box(region, rng) for region in regions]
    pictures = bench.painted("empty")
    return [
        Figure(NAME, "declared region's edge energy ≤ ¼ of the rest's", calm(pictures, regions), "%", len(regions),
               calm(pictures, elsewhere), "a random region of its size", calm(bench.truth("empty"), regions),
               GOALS[bench.hardware])
    ]  # fmt: skip


def calm(pictures: Sequence[Pixels], regions: Sequence[Box]) -> float:
    """Return the share of pictures whose region is at most a quarter as busy as the rest."""
    ratios = [edge_ratio(picture, region) for picture, region in zip(pictures, regions, strict=True)]
    return float(np.mean([ratio <= QUARTER for ratio in ratios]))
