"""A backdrop edit: the product stays (PSNR ≥ 20 dB on its own pixels) and the wall takes the asked colour (ΔE ≤ 10)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flux2engine.training.evaluation.bench import Bench, crop, main_box, psnr
from flux2engine.training.evaluation.cases import Case
from flux2engine.training.evaluation.colour import Pixels, backdrop_colours, difference
from flux2engine.training.evaluation.figures import Figure, Goal
from flux2engine.training.painting import paint

NAME = "edit"
GOALS = {"cpu": Goal(at_least=0.40), "gpu": Goal(at_least=0.70)}
OBJECT, BACKDROP = 20.0, 10.0


def measure(bench: Bench) -> list[Figure]:
    """Count the pictures that keep the product and change the wall; the unedited ones are the control."""
    cases, truths = bench.of("edit"), bench.truth("edit")
    untouched = [paint(case.before, bench.side, bench.side).pixels for case in cases if case.before is not None]
    kept, changed = judge(bench.painted("edit"), truths, cases)
    none_kept, none_changed = judge(untouched, truths, cases)
    true_kept, true_changed = judge(truths, truths, cases)
    what = f"object PSNR ≥ 20 dB ({kept.mean():.0%}) and new backdrop ΔE2000 ≤ 10 ({changed.mean():.0%})"
    return [
        Figure(NAME, what, float((kept & changed).mean()), "%", len(cases), float((none_kept & none_changed).mean()),
               "no edit", float((true_kept & true_changed).mean()), GOALS[bench.hardware])
    ]  # fmt: skip


def judge(
    pictures: Sequence[Pixels], truths: Sequence[Pixels], cases: Sequence[Case]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell for every picture whether the product was kept, and whether the wall has its new colour."""
    kept, changed = [], []
    for picture, truth, case in zip(pictures, truths, cases, strict=True):
        own = crop(paint(case.scene, truth.shape[1], truth.shape[0]).weight, main_box(case)) > 0.5
        kept.append(psnr(crop(picture, main_box(case))[own], crop(truth, main_box(case))[own]) >= OBJECT)
        changed.append(difference(backdrop_colours(picture), backdrop_colours(truth)) <= BACKDROP)
    return np.array(kept), np.array(changed)
