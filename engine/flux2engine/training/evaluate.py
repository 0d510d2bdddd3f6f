"""A model folder → figures and a picture grid: the asked backdrop, and the product it was shown.

    python -m flux2engine.training.evaluate [--model DIR] [--weights shipped|random] [--prompts 50] [--grid out.png]

The first fifty cases of the whole evaluation (`python -m flux2engine.training.evaluation`) and the goals of version
0.1.0, in seconds. Exits with 1 when a goal is missed; `--weights random` is the control that must miss.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from flux2engine.pipeline import Flux2Pipeline
from flux2engine.training.captions import caption
from flux2engine.training.data import draw_scene
from flux2engine.training.evaluation.bench import Bench
from flux2engine.training.evaluation.cases import read_cases
from flux2engine.training.evaluation.colour import Pixels
from flux2engine.training.evaluation.loading import SHIPPED, load
from flux2engine.training.evaluation.metrics.backdrop import distances
from flux2engine.training.evaluation.metrics.reference import box_psnr
from flux2engine.training.evaluation.sheets import plain_reference

BACKDROP_GOAL, SHUFFLED_GOAL, REFERENCE_GOAL = 15.0, 25.0, 2.0
PLATE_SIZES = ((512, 512), (640, 352), (352, 640), (896, 224))


@dataclass(frozen=True)
class Results:
    """What was measured: medians of ΔE2000, and mean PSNR in the object's box."""

    backdrop: float
    shuffled: float
    right: float
    wrong: float
    seconds: float

    @property
    def missed(self) -> list[str]:
        """Name the goals that were missed."""
        goals = {
            f"backdrop ΔE2000 {self.backdrop:.1f} > {BACKDROP_GOAL}": self.backdrop <= BACKDROP_GOAL,
            f"shuffled ΔE2000 {self.shuffled:.1f} < {SHUFFLED_GOAL}": self.shuffled >= SHUFFLED_GOAL,
            f"reference gain {self.right - self.wrong:.2f} dB < {REFERENCE_GOAL}": self.right - self.wrong
            >= REFERENCE_GOAL,
        }
        return [goal for goal, reached in goals.items() if not reached]


def open_bench(
    model: Path, weights: str, folder: Path, prompts: int = 50, side: int = 128, steps: int | None = None
) -> Bench:
    """Lay out a model and the first `prompts` cases, one per held-out product; `folder` takes cut-outs."""
    cases = read_cases(SHIPPED, folder, min(prompts, 50))
    return Bench(load(model, weights), cases, model, side=side, samples=min(prompts, 50), steps=steps)


def measure(bench: Bench) -> Results:
    """Paint every case with its own reference and with another's; return the figures."""
    cases, truths = bench.of("reference"), bench.truth("reference")
    started = time.monotonic()
    right, wrong = bench.painted("reference"), bench.painted("reference", wrong=True)
    seconds = time.monotonic() - started
    own, other = distances(right, truths)
    right_psnr, wrong_psnr = (box_psnr(pictures, truths, cases) for pictures in (right, wrong))
    return Results(own, other, right_psnr, wrong_psnr, seconds / (2 * len(cases)))


def paint_plates(pipeline: Flux2Pipeline) -> list[Pixels]:
    """Paint one empty set per size that campaigns use."""
    pictures = []
    for index, (width, height) in enumerate(PLATE_SIZES * 2):
        rng = random.Random(f"plate/{index}")
        scene = draw_scene(rng, width / height, [], False)
        pictures += pipeline.generate([caption(scene, rng)], width, height, [2000 + index])
    return pictures


def draw_grid(bench: Bench, plates: list[Pixels], columns: int = 8) -> Image.Image:
    """Show reference, truth, result and result with a wrong reference in rows of `columns`; then the plates."""
    side, cases = bench.side, bench.of("reference")
    rows = (bench.truth("reference"), bench.painted("reference"), bench.painted("reference", wrong=True))
    blocks = -(-len(cases) // columns)
    sheet = Image.new("RGB", (columns * side, blocks * 4 * side + 460 * len(plates)), (255, 255, 255))
    for index, case in enumerate(cases):
        left, top = index % columns * side, index // columns * 4 * side
        sheet.paste(plain_reference(case.references[0], side), (left, top))
        for row, pictures in enumerate(rows, 1):
            sheet.paste(Image.fromarray(pictures[index]), (left, top + row * side))
    left, top, tallest = 0, blocks * 4 * side, 0
    for picture in plates:
        plate = Image.fromarray(picture)
        plate.thumbnail((448, 448))
        if left + plate.width > sheet.width:
            left, top, tallest = 0, top + tallest + 8, 0
        sheet.paste(plate, (left, top))
        left, tallest = left + plate.width + 8, max(tallest, plate.height)
    return sheet.crop((0, 0, sheet.width, top + tallest))


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--weights", choices=("shipped", "random"), default="shipped")
    parser.add_argument("--prompts", type=int, default=50)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--grid", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        bench = open_bench(
            arguments.model, arguments.weights, Path(folder), arguments.prompts, arguments.side, arguments.steps
        )
        bench.guidance = arguments.guidance
        results = measure(bench)
        if arguments.grid:
            draw_grid(bench, paint_plates(bench.pipeline)).save(arguments.grid)
    variant = bench.pipeline.variant
    print(
        f"{len(bench.of('reference'))} held-out prompts at {arguments.side} px, "
        f"{arguments.steps or variant.default_steps} steps, "
        f"guidance {arguments.guidance or variant.default_guidance}, {results.seconds:.2f} s a picture"
    )
    print(
        f"backdrop ΔE2000, median: asked {results.backdrop:.1f} (goal ≤ {BACKDROP_GOAL:.0f}), "
        f"shuffled {results.shuffled:.1f} (goal ≥ {SHUFFLED_GOAL:.0f})"
    )
    print(
        f"product's box, PSNR: right reference {results.right:.2f} dB, wrong {results.wrong:.2f} dB, "
        f"gain {results.right - results.wrong:.2f} dB (goal ≥ {REFERENCE_GOAL:.0f})"
    )
    for goal in results.missed:
        print(f"missed: {goal}")
    return 1 if results.missed else 0


if __name__ == "__main__":
    sys.exit(main())
