"""Seconds a picture and resident memory, in a process of its own: two threads, two references, four steps, decoded."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch

from flux2engine.pipeline import Flux2Pipeline
from flux2engine.training.evaluation.bench import Bench
from flux2engine.training.evaluation.cases import read_cases
from flux2engine.training.evaluation.figures import Figure, Goal
from flux2engine.training.evaluation.loading import SHIPPED
from flux2engine.training.evaluation.sheets import plain_reference

NAME = "speed"
THREADS, STEPS, REPEATS = 2, 4, 3
SIZES = ((512, 512, 4.0), (1024, 512, 8.0))  # width, height, seconds allowed
MEMORY = 1.5  # GB


def measure(bench: Bench) -> list[Figure]:
    """Time a fresh process; the median of its runs counts, and processor seconds stand beside the wall's."""
    child = [sys.executable, "-m", __name__, str(bench.model)]
    answer = json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
    figures = [
        Figure(NAME, f"seconds for {width}×{height} ({timed['cpu']:.2f} CPU-s)", timed["wall"], "s", REPEATS,
               goal=Goal(at_most=allowed))
        for (width, height, allowed), timed in zip(SIZES, answer["times"], strict=True)
    ]  # fmt: skip
    return [
        *figures,
        Figure(NAME, "resident memory at its largest", answer["memory"], "GB", 1, goal=Goal(at_most=MEMORY)),
    ]


def run(model: Path, pictures: Path) -> dict[str, object]:
    """Paint every size and return seconds and gigabytes."""
    torch.set_num_threads(THREADS)
    pipeline = Flux2Pipeline.from_folder(model, device="cpu")
    case = read_cases(SHIPPED, pictures, 1)["index 2"][0]
    references = [plain_reference(identity, 256) for identity in case.references]
    times = []
    for width, height, _ in SIZES:
        runs = []
        for seed in range(REPEATS + 1):  # the first one warms up
            started, spent = time.monotonic(), time.process_time()
            pipeline.generate([case.prompt], width, height, [seed], [references], steps=STEPS)
            runs.append({"wall": time.monotonic() - started, "cpu": time.process_time() - spent})
        times.append(sorted(runs[1:], key=lambda timed: timed["wall"])[REPEATS // 2])
    # Linux counts kibibytes, macOS bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"times": times, "memory": peak / 1e9}


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(Path(sys.argv[1]), Path(folder))))
