"""Four steps against many: the held-out product's box, and the probe's answers, hardly change."""

from __future__ import annotations

from flux2engine.training.evaluation.bench import Bench
from flux2engine.training.evaluation.figures import Figure, Goal
from flux2engine.training.evaluation.metrics.family import told
from flux2engine.training.evaluation.metrics.reference import box_psnr

NAME = "steps"
FEW, MANY = 4, 28


def measure(bench: Bench) -> list[Figure]:
    """Paint the held-out references with few and with many steps; a loss is what many steps gain."""
    cases, truths = bench.of("reference"), bench.truth("reference")
    few, many = bench.painted("reference", steps=FEW), bench.painted("reference", steps=MANY)
    first, last = box_psnr(few, truths, cases), box_psnr(many, truths, cases)
    figures = [
        Figure(NAME, f"PSNR lost with {FEW} steps ({first:.2f} dB) instead of {MANY} ({last:.2f} dB)", last - first,
               "dB", len(cases), goal=Goal(at_most=1))
    ]  # fmt: skip
    if bench.probe is not None:
        shares = [told(bench.probe, part, cases) for part in (few, many)]
        what = f"probe points lost with {FEW} steps ({shares[0]:.0%}) instead of {MANY} ({shares[1]:.0%})"
        figures.append(Figure(NAME, what, shares[1] - shares[0], "%", len(cases), goal=Goal(at_most=0.05)))
    return figures
