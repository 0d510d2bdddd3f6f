"""The probe names the held-out product's family from one reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flux2engine.training.evaluation.bench import Bench, main_box
from flux2engine.training.evaluation.cases import Case
from flux2engine.training.evaluation.colour import Pixels
from flux2engine.training.evaluation.families import families
from flux2engine.training.evaluation.figures import Figure, Goal
from flux2engine.training.evaluation.probe import Probe

NAME = "family"
GOALS = {"cpu": None, "gpu": Goal(at_least=0.70, control_at_most=0.10)}


def measure(bench: Bench) -> list[Figure]:
    """Judge what was painted from the right reference, from another's, and the true pictures."""
    if bench.probe is None:
        raise ValueError("the family is told by the probe: --probe")
    cases, probe = bench.of("reference"), bench.probe
    right, wrong, truth = (
        told(probe, pictures, cases)
        for pictures in (bench.painted("reference"), bench.painted("reference", wrong=True), bench.truth("reference"))
    )
    return [
        Figure(NAME, "held-out product's family, by the probe, from one reference", right, "%", len(cases), wrong,
               "a random reference", truth, GOALS[bench.hardware])
    ]  # fmt: skip


def told(probe: Probe, pictures: Sequence[Pixels], cases: Sequence[Case]) -> float:
    """Return the share of pictures in which the probe sees the family of the asked product."""
    seen = probe.family(pictures, [main_box(case) for case in cases])
    asked = [families()[case.scene.main.identity.name] for case in cases if case.scene.main is not None]
    return float(np.mean([a == b for a, b in zip(seen, asked, strict=True)]))
