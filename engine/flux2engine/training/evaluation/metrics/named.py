"""The probe names a trained object that was asked for in words, without a reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from flux2engine.training.evaluation.bench import Bench, main_box, shifted
from flux2engine.training.evaluation.cases import Case
from flux2engine.training.evaluation.colour import Pixels
from flux2engine.training.evaluation.families import families
from flux2engine.training.evaluation.figures import Figure, Goal
from flux2engine.training.evaluation.probe import Probe

NAME = "named"
GOALS = {"cpu": None, "gpu": Goal(at_least=0.70)}


def measure(bench: Bench) -> list[Figure]:
    """Judge names and families, against the prompts' own and against another prompt's."""
    if bench.probe is None:
        raise ValueError("names are told by the probe: --probe")
    cases = bench.of("named")
    names = [case.scene.main.identity.name for case in cases if case.scene.main is not None]
    seen, seen_in_truth = (told(bench.probe, part, cases) for part in (bench.painted("named"), bench.truth("named")))
    figures = []
    for what, goal, key in (
        ("object asked for by name, named by the probe", GOALS[bench.hardware], str),
        ("the same, its family", None, families().__getitem__),
    ):
        own, other, truth = (
            _share(part, asked, key) for part, asked in ((seen, names), (seen, shifted(names)), (seen_in_truth, names))
        )
        figures.append(Figure(NAME, what, own, "%", len(cases), other, "shuffled names", truth, goal))
    return figures


def told(probe: Probe, pictures: Sequence[Pixels], cases: Sequence[Case]) -> list[str]:
    """Return what the probe sees where the object was to stand."""
    return probe.name(pictures, [main_box(case) for case in cases])


def _share(seen: Sequence[str], asked: Sequence[str], key: Callable[[str], str]) -> float:
    return float(np.mean([key(a) == key(b) for a, b in zip(seen, asked, strict=True)]))
