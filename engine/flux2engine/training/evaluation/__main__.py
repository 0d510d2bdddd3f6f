r"""Measure a model: every metric of the table, or the named ones.

    python -m flux2engine.training.evaluation [METRIC …] [--model DIR] [--weights shipped|random] [--goals cpu|gpu] \
        [--samples 200] [--side 128] [--steps N] [--teacher DIR] [--json FILE] [--grid FILE.png]

Held-out products, frozen cases, fixed seeds. Exits with 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch

from flux2engine.training.evaluation.bench import Bench
from flux2engine.training.evaluation.cases import read_cases
from flux2engine.training.evaluation.figures import Figure
from flux2engine.training.evaluation.grid import draw_grid
from flux2engine.training.evaluation.loading import SHIPPED, load
from flux2engine.training.evaluation.metrics import METRICS
from flux2engine.training.evaluation.probe import Probe
from flux2engine.training.evaluation.report import document, table

PROBE = "evaluation_probe.safetensors"


def main() -> int:
    """Run from the command line."""
    arguments = _arguments()
    torch.set_num_threads(1)
    # Cases, cut-outs and the probe are the shipped ones, whatever the model: the yardstick is one.
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(
            pipeline=load(arguments.model, arguments.weights),
            cases=read_cases(SHIPPED, Path(folder), arguments.samples),
            model=arguments.model,
            probe=Probe.load(arguments.probe),
            teacher=arguments.teacher,
            hardware=arguments.goals,
            side=arguments.side,
            samples=arguments.samples,
            steps=arguments.steps,
        )
        figures = _measure(bench, arguments.metrics or list(METRICS))
        if arguments.grid:
            draw_grid(bench).save(arguments.grid)
    print(table(figures))
    if arguments.json:
        about = {"model": str(arguments.model), "weights": arguments.weights, "goals": arguments.goals,
                 "side": arguments.side}  # fmt: skip
        arguments.json.write_text(document(figures, about) + "\n", encoding="utf-8")
    return 1 if any(figure.met is False for figure in figures) else 0


def _measure(bench: Bench, names: list[str]) -> list[Figure]:
    figures: list[Figure] = []
    for name in names:
        started, spent = time.monotonic(), time.process_time()
        figures += METRICS[name](bench)
        seconds, processor = time.monotonic() - started, time.process_time() - spent
        print(f"{name}: {seconds:.0f} s, {processor:.0f} CPU-s", file=sys.stderr, flush=True)
    return figures


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("metrics", nargs="*", choices=[*METRICS, []], metavar="METRIC", help=", ".join(METRICS))
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--weights", choices=("shipped", "random"), default="shipped")
    parser.add_argument("--goals", choices=("cpu", "gpu"), default="cpu", help="what the model was trained on")
    parser.add_argument("--samples", type=int, default=200, help="of every kind of case, at most 200")
    parser.add_argument("--side", type=int, default=128, help="of the square pictures, a multiple of 16")
    parser.add_argument("--steps", type=int, help="instead of the model's own")
    parser.add_argument("--probe", type=Path, default=SHIPPED / PROBE)
    parser.add_argument("--teacher", type=Path, help="TAEF2's folder, for the autoencoder's halves")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--grid", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
