"""Several references and one number: the product painted is the one that the number names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from flux2engine.training.evaluation.bench import Bench
from flux2engine.training.evaluation.cases import Case, CaseKind
from flux2engine.training.evaluation.figures import Figure, Goal
from flux2engine.training.evaluation.metrics.found import Seen, matched

NAME = "index"
# With two references chance alone gives a half: there the goal asks for little, with four for much.
GOALS = {"cpu": None, "gpu": Goal(at_least=0.60)}
_KINDS: tuple[tuple[CaseKind, str], ...] = (("index 2", "two"), ("index 4", "four"))


def measure(bench: Bench) -> list[Figure]:
    """Count the pictures whose product is nearest to the reference of the asked number."""

    def what(number: str, _seen: Seen, cases: Sequence[Case]) -> str:
        return f"one of {number} references, picked by its number (chance {1 / len(cases[0].references):.0%})"

    return [matched(bench, NAME, kind, GOALS[bench.hardware], partial(what, number)) for kind, number in _KINDS]
