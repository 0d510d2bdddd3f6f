"""Judges grounds of painted scenes whose empty side is known: how often a quiet one passes and a busy one does not.

    PYTHONPATH=.:engine python tests/bench/quiet.py --scenes 40 --seed held-out --log tests/bench/logs

Scenes of the training generator, 512 × 512, products and sets of every kind. Quiet: the side a scene declares empty.
Busy: the product's box, and boxes of type across the product and across its foot. Asserts nothing.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flux2engine.training.data import draw_scene
from flux2engine.training.painting import paint
from flux2flow.compositing.quiet import busyness
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.layout import Busyness
from flux2flow.domain.measures import Box, PixelSize
from flux2flow.domain.scene import PlateLayer
from flux2flow.typography.quiet import BUSY_EDGES, BUSY_SPREAD, why_other_side

SIDE = 512
SIZE = PixelSize(SIDE, SIDE)
WHOLE = PlateLayer("plate", "plate", Box(0, 0, SIDE, SIDE), False)
NOTHING = (Busyness(0.0, 0.0),)
"""The other side, as quiet as can be: what is then left for is what is busy."""


@dataclass(frozen=True)
class Judged:
    """One ground: where it is taken from, what was measured, and whether the layout would leave it."""

    seed: str
    ground: str
    measured: Busyness
    left: bool

    @property
    def right(self) -> bool:
        """Whether that is as it must be."""
        return self.left != (self.ground == "empty")


def judged(seed: str) -> Iterator[Judged]:
    """Paint one scene and judge its grounds."""
    scene = draw_scene(random.Random(seed), 1.0, [], True, package_share=1.0, kind="studio")
    plate = Canvas(SIZE, paint(scene, SIDE, SIDE).pixels.tobytes())
    assert scene.main is not None
    product = _box(scene.main.box)
    grounds = {
        "product": product,
        "type across the product": _type(product, product.y + product.height / 2),
        "type across its foot": _type(product, product.bottom),
    }
    if scene.empty_box is not None:
        grounds["empty"] = _box(scene.empty_box)
    for (ground, _), measured in zip(
        grounds.items(), busyness(plate, WHOLE, SIZE, tuple(grounds.values())), strict=True
    ):
        yield Judged(seed, ground, measured, bool(why_other_side((measured,), NOTHING)))


def _box(edges: tuple[float, float, float, float]) -> Box:
    left, top, right, bottom = (SIDE * edge for edge in edges)
    return Box(left, top, right - left, bottom - top)


def _type(product: Box, middle: float) -> Box:
    """Lay a box of type, 45 % × 24 % of the picture, over the product's middle line at this height."""
    width, height = 0.45 * SIDE, 0.24 * SIDE
    x = min(max(product.x + product.width / 2 - width / 2, 0), SIDE - width)
    return Box(x, min(middle - height / 2, SIDE - height), width, height)


def report(found: list[Judged]) -> list[str]:
    """Count by ground, and list what was judged wrongly."""
    lines = []
    for ground, count in Counter(it.ground for it in found).items():
        here = [it for it in found if it.ground == ground]
        right = sum(it.right for it in here)
        extreme = max if ground == "empty" else min
        score = extreme(max(it.measured.edges / BUSY_EDGES, it.measured.spread / BUSY_SPREAD) for it in here)
        lines.append(
            f"{ground:24} {right:4} of {count:4} right ({right / count:.1%}), nearest to the limit {score:.2f}"
        )
    wrong = (it for it in found if not it.right)
    return lines + [
        f"  wrong: {it.seed} · {it.ground} · {it.measured.edges:.4f} {it.measured.spread:.3f}" for it in wrong
    ]


def main() -> None:
    """Judge so many scenes, print and log."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--seed", default="held-out", help="the limits were chosen on 'quiet'")
    parser.add_argument("--log", type=Path)
    options = parser.parse_args()
    found = [it for number in range(options.scenes) for it in judged(f"{options.seed}/{number}")]
    now = datetime.now(UTC)
    head = f"# {now:%Y-%m-%d %H:%M} UTC · {options.scenes} scenes {options.seed}/0… · limits {BUSY_EDGES} {BUSY_SPREAD}"
    lines = [head, *report(found)]
    print("\n".join(lines))
    if options.log is not None:
        options.log.mkdir(parents=True, exist_ok=True)
        with (options.log / f"{now:%Y-%m-%d}-quiet.log").open("a", encoding="utf-8") as log:
            log.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
