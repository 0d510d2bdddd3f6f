"""Two and four references in one picture: each product is the one its image shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from flux2engine.training.evaluation.bench import Bench
from flux2engine.training.evaluation.cases import Case, CaseKind
from flux2engine.training.evaluation.colour import Pixels
from flux2engine.training.evaluation.figures import Figure, Goal
from flux2engine.training.evaluation.matching import line_up, nearest
from flux2engine.training.evaluation.probe import Probe

NAME = "found"
GOALS = {"cpu": None, "gpu": Goal(at_least=0.60)}
Seen = Sequence[Sequence[int]]  # per case and object: the number of the nearest reference
_KINDS: tuple[tuple[CaseKind, str], ...] = (("found 2", "two"), ("found 4", "four"))


def measure(bench: Bench) -> list[Figure]:
    """Count the pictures in which every product is nearest to its own reference."""

    def what(number: str, seen: Seen, cases: Sequence[Case]) -> str:
        return f"{number} references, every one found ({one_found(seen, cases):.0%} of products)"

    return [matched(bench, NAME, kind, GOALS[bench.hardware], partial(what, number)) for kind, number in _KINDS]


def matched(
    bench: Bench, name: str, kind: CaseKind, goal: Goal | None, what: Callable[[Seen, Sequence[Case]], str]
) -> Figure:
    """Count the pictures of a kind in which every product is nearest to the reference it was asked to be."""
    if bench.probe is None:
        raise ValueError("products are matched with the probe's features: --probe")
    cases = bench.of(kind)
    seen, truth = matches(bench.probe, (bench.painted(kind), bench.truth(kind)), cases)
    own, other = all_found(seen, cases), all_found(seen, cases, shuffled=True)
    said = what(seen, cases)
    return Figure(name, said, own, "%", len(cases), other, "shuffled order", all_found(truth, cases), goal)


def matches(probe: Probe, sets: Sequence[Sequence[Pixels]], cases: Sequence[Case]) -> list[list[list[int]]]:
    """Return for every set of pictures, case and object the reference that is nearest to what was painted there."""
    seen: list[list[list[int]]] = [[] for _ in sets]
    for index, case in enumerate(cases):
        side = sets[0][index].shape[0]
        places = [line_up(probe, case.scene, placed, case.references, side) for placed in case.scene.objects]
        for found, pictures in zip(seen, sets, strict=True):
            found.append([nearest(probe, pictures[index], place) for place in places])
    return seen


def all_found(seen: Sequence[Sequence[int]], cases: Sequence[Case], shuffled: bool = False) -> float:
    """Return the share of pictures in which every object is the wanted one; `shuffled` wants the next one instead."""
    hits = [list(found) == _wanted(case, shuffled) for found, case in zip(seen, cases, strict=True)]
    return sum(hits) / len(hits)


def one_found(seen: Sequence[Sequence[int]], cases: Sequence[Case]) -> float:
    """Return the share of objects that are the wanted one."""
    hits = [a == b for found, case in zip(seen, cases, strict=True) for a, b in zip(found, case.wanted, strict=True)]
    return sum(hits) / len(hits)


def _wanted(case: Case, shuffled: bool) -> list[int]:
    return [(index + shuffled) % len(case.references) for index in case.wanted]
