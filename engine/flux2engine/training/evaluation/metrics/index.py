"""Several references and one number: the product painted is the one that the number names."""

from __future__ import annotations

from flux2engine.training.evaluation.bench import Bench
from flux2engine.training.evaluation.cases import CaseKind
from flux2engine.training.evaluation.figures import Figure, Goal
from flux2engine.training.evaluation.metrics.found import all_found, matches

NAME = "index"
# With two references chance alone gives a half: there the goal asks for little, with four for much.
GOALS = {"cpu": None, "gpu": Goal(at_least=0.60)}
_KINDS: tuple[tuple[CaseKind, str], ...] = (("index 2", "two"), ("index 4", "four"))


def measure(bench: Bench) -> list[Figure]:
    """Count the pictures whose product is nearest to the reference of the asked number."""
    if bench.probe is None:
        raise ValueError("products are matched with the probe's features: --probe")
    figures = []
    for kind, number in _KINDS:
        cases = bench.of(kind)
        seen, truth = matches(bench.probe, (bench.painted(kind), bench.truth(kind)), cases)
        own, other = all_found(seen, cases), all_found(seen, cases, shuffled=True)
        chance = 1 / len(cases[0].references)
        what = f"one of {number} references, picked by its number (chance {chance:.0%})"
        figures.append(Figure(NAME, what, own, "%", len(cases), other, "shuffled order", all_found(truth, cases),
                              GOALS[bench.hardware]))  # fmt: skip
    return figures
