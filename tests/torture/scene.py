"""One scene as a brand would order it: 1200×628, a plate, six texts in three scripts, a logo.

What `tests/bench/typesetting.py` times and `test_identity.py` digests. As a program it sets and paints it once and
prints the digests:  PYTHONPATH=.:engine python -m tests.torture.scene [threads]
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from flux2flow import api
from flux2flow.compositing import compose
from flux2flow.domain.campaign import FontFile
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.format import Format
from flux2flow.domain.measures import Box, Color, PixelSize
from flux2flow.domain.scene import FitRule, Layer, LogoLayer, PlateLayer, Scene, TextLayer
from flux2flow.domain.standards import Standards
from flux2flow.interfaces import FileSource
from flux2flow.typography import set_scene

ROOT = Path(__file__).parents[2]
SIZE = PixelSize(1200, 628)
LATIN, ARABIC, JAPANESE = "Inter", "Noto Sans Arabic", "Noto Sans JP"

# id, text, families, weight, box, lines, smallest and largest size in pixels
TEXTS = (
    ("eyebrow", "New this spring", (LATIN,), 600, Box(64, 60, 560, 40), 1, 16, 26),
    ("headline", "Light enough to forget, strong enough to last", (LATIN,), 800, Box(64, 110, 640, 190), 3, 28, 72),
    (
        "body", "Recycled aluminium, a battery for 24 hours and a warranty of ten years: made to stay with you.",
        (LATIN,), 400, Box(64, 316, 560, 96), 3, 16, 26,
    ),
    ("arabic", "خفيفة فتُنسى، متينة فتدوم 24 ساعة", (ARABIC, LATIN), 700, Box(64, 424, 560, 52), 1, 18, 34),
    ("japanese", "軽さを忘れる、強さを選ぶ。", (JAPANESE, LATIN), 700, Box(64, 484, 560, 48), 1, 18, 32),
    ("legal", "€ 49.90 a month for 24 months. Offer ends 31/12/2026.", (LATIN,), 400, Box(64, 568, 620, 28), 1, 12, 18),
)  # fmt: skip


@dataclass(frozen=True)
class Ordered:
    """Everything that setting, painting and checking the scene takes."""

    scene: Scene
    fonts: Sequence[FontFile]
    files: FileSource
    plate: Canvas
    format: Format
    standards: Standards
    forbidden_words: tuple[str, ...]


def ordered() -> Ordered:
    """Build the scene on the kit and the logo of `examples/aurora`, with a plate drawn here."""
    loaded = api.load(ROOT / "examples" / "aurora" / "campaign.yaml")
    plan = api.plan(loaded)
    model = next(scene for scene in plan.scenes if scene.format == "web/open-graph" and scene.locale == "en")
    style = next(layer for layer in model.layers if isinstance(layer, TextLayer)).type
    plain = replace(style, color=Color(18, 22, 40), upper=False, tracking=0.0)
    logo = next(layer for layer in model.layers if isinstance(layer, LogoLayer))
    plate = next(layer for layer in model.layers if isinstance(layer, PlateLayer))
    texts = tuple(
        TextLayer(
            id, text, replace(plain, families=families, weight=weight),
            box, "start", "top", FitRule(lines, low, high),
        )
        for id, text, families, weight, box, lines, low, high in TEXTS
    )  # fmt: skip
    crop = Box(0, 0, SIZE.width, SIZE.height)
    layers: tuple[Layer, ...] = (
        replace(plate, crop=crop, flip=False), *texts,
        replace(logo, box=Box(960, 40, 180, 60), align="end", vertical="top"),
    )  # fmt: skip
    scene = replace(model, size=SIZE, layers=layers)
    canvas, format = Canvas(SIZE, drawn_plate()), plan.format(model.format)
    return Ordered(scene, plan.fonts, loaded.project, canvas, format, plan.standards, plan.forbidden_words)


def drawn_plate() -> bytes:
    """Draw a light studio backdrop with soft light and a photograph's grain, seeded."""
    down, across = np.mgrid[0 : SIZE.height, 0 : SIZE.width].astype(np.float64)
    light = np.exp(-(((across - 900) / 500) ** 2 + ((down - 250) / 380) ** 2))
    base = np.stack([225 + 22 * light, 228 + 18 * light, 236 + 12 * light], axis=-1)
    grain = np.random.default_rng(5).normal(0, 1.6, base.shape)
    return bytes(np.clip(base + grain, 0, 255).astype(np.uint8).tobytes())


def digests(order: Ordered) -> tuple[str, str]:
    """Set and paint the scene; digest the layout and the pixels."""
    layout = set_scene(order.scene, order.fonts, order.files)
    canvas = compose(layout, order.plate, order.files)
    return hashlib.sha256(repr(layout).encode()).hexdigest(), hashlib.sha256(canvas.pixels).hexdigest()


def main() -> int:
    """Print the digests of as many threads as were asked for, each once."""
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    order = ordered()
    with ThreadPoolExecutor(threads) as pool:
        found = set(pool.map(lambda _: digests(order), range(threads)))
    for layout, pixels in sorted(found):
        print(layout, pixels)
    return 0


if __name__ == "__main__":
    sys.exit(main())
