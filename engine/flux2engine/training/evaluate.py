"""A model folder → figures and a picture grid: the asked backdrop, and the product it was shown.

    python -m flux2engine.training.evaluate [--model DIR] [--weights shipped|random] [--prompts 50] [--grid out.png]

Held-out products, fixed seeds. Exits with 1 when a goal is missed; `--weights random` is the control that must miss.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

import flux2engine
from flux2engine.memory import choose_placement
from flux2engine.model_folder import load_model
from flux2engine.pipeline import Flux2Pipeline
from flux2engine.text_encoder import Qwen3FormEncoder
from flux2engine.training.captions import caption
from flux2engine.training.colours import to_hex
from flux2engine.training.data import Scene, draw_scene
from flux2engine.training.evaluation_set import plain_reference, unpack_evaluation_set
from flux2engine.training.painting import paint
from flux2engine.transformer import Flux2Transformer

SHIPPED = Path(flux2engine.__file__).parent / "nano"
BACKDROP_GOAL, SHUFFLED_GOAL, REFERENCE_GOAL = 15.0, 25.0, 2.0
PLATE_SIZES = ((512, 512), (640, 352), (352, 640), (896, 224))
_BATCH = 10

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Case:
    """One held-out prompt, what it should look like, and the picture it refers to."""

    prompt: str
    scene: Scene
    truth: Pixels
    reference: Image.Image
    seed: int


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


def make_cases(folder: Path, count: int, side: int) -> list[Case]:
    """Draw `count` prompts, one per held-out product of the shipped evaluation set; `folder` takes its pictures."""
    cases = []
    for index, cut_out in enumerate(unpack_evaluation_set(SHIPPED, folder)[:count]):
        rng = random.Random(f"evaluation/{index}")
        scene = replace(draw_scene(rng, 1.0, [cut_out], True, package_share=0.0), extra=None)
        if scene.main is None:
            raise ValueError("a scene with an object was asked for")
        prompt = caption(scene, rng, ("main",))
        # The value must be in the prompt, and the product's name must not: only the picture tells what it is.
        named = re.compile(rf"\b{re.escape(cut_out.name)}\b")
        while to_hex(scene.backdrop) not in prompt or named.search(prompt):
            prompt = caption(scene, rng, ("main",))
        cases.append(
            Case(
                prompt,
                scene,
                paint(scene, side, side).pixels,
                plain_reference(scene.main.identity, side // 2),
                1000 + index,
            )
        )
    return cases


def measure(pipeline: Flux2Pipeline, cases: list[Case]) -> tuple[Results, list[Pixels], list[Pixels]]:
    """Paint every case with its own reference and with another's; return the figures and both sets of pictures."""
    started = time.monotonic()
    right = _paint(pipeline, cases, [case.reference for case in cases])
    shift = len(cases) // 2
    wrong = _paint(pipeline, cases, [cases[(index + shift) % len(cases)].reference for index in range(len(cases))])
    seconds = time.monotonic() - started
    backdrops = [backdrop_colours(picture) for picture in right]
    asked = [backdrop_colours(case.truth) for case in cases]
    own = [difference(a, b) for a, b in zip(backdrops, asked, strict=True)]
    others = [difference(a, asked[(index + shift) % len(asked)]) for index, a in enumerate(backdrops)]
    results = Results(
        backdrop=float(np.median(own)),
        shuffled=float(np.median(others)),
        right=float(np.mean([box_psnr(p, case) for p, case in zip(right, cases, strict=True)])),
        wrong=float(np.mean([box_psnr(p, case) for p, case in zip(wrong, cases, strict=True)])),
        seconds=seconds / (2 * len(cases)),
    )
    return results, right, wrong


def _paint(pipeline: Flux2Pipeline, cases: list[Case], references: list[Image.Image]) -> list[Pixels]:
    pictures: list[Pixels] = []
    for first in range(0, len(cases), _BATCH):
        part = cases[first : first + _BATCH]
        height, width = part[0].truth.shape[:2]
        pictures += pipeline.generate(
            [case.prompt for case in part],
            width,
            height,
            [case.seed for case in part],
            [[picture] for picture in references[first : first + _BATCH]],
        )
    return pictures


def backdrop_colours(picture: Pixels) -> NDArray[np.float64]:
    """Return the mean Lab colours (2, 3) of the upper corners, where a scene has nothing but backdrop."""
    height, width = picture.shape[0] // 8, picture.shape[1] // 8
    patches = np.stack([picture[:height, :width], picture[:height, -width:]]).astype(np.float64)
    return to_lab(patches.mean((1, 2)) / 255)


def box_psnr(picture: Pixels, case: Case) -> float:
    """Return the PSNR of a picture within the product's box."""
    if case.scene.main is None:
        raise ValueError("this case has no product")
    height, width = picture.shape[:2]
    left, top, right, bottom = case.scene.main.box
    region = np.s_[max(0, int(top * height)) : round(bottom * height), max(0, int(left * width)) : round(right * width)]
    error = float(np.mean((picture[region].astype(np.float64) - case.truth[region]) ** 2))
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def to_lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn sRGB in 0 … 1 (…, 3) into CIE Lab (D65)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    matrix = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    xyz = linear @ matrix.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def difference(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the mean ΔE2000 of Lab colours (N, 3)."""
    return float(np.mean(delta_e_2000(first, second)))


def delta_e_2000(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return CIEDE2000 of Lab colours (…, 3); names follow Sharma, Wu and Dalal (2005)."""
    l1, a1, b1 = np.moveaxis(first, -1, 0)
    l2, a2, b2 = np.moveaxis(second, -1, 0)
    c_mean = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(c_mean**7 / (c_mean**7 + 25.0**7)))
    c1, c2 = np.hypot((1 + g) * a1, b1), np.hypot((1 + g) * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, (1 + g) * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = h2 - h1
    turn = np.where(turn > 180, turn - 360, np.where(turn < -180, turn + 360, turn)) * (c1 * c2 > 0)
    total = h1 + h2
    hue = np.where(np.abs(h1 - h2) <= 180, total / 2, np.where(total < 360, total / 2 + 180, total / 2 - 180))
    hue = np.where(c1 * c2 > 0, hue, total)
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * np.cos(np.radians(hue - 30))
        + 0.24 * np.cos(np.radians(2 * hue))
        + 0.32 * np.cos(np.radians(3 * hue + 6))
        - 0.20 * np.cos(np.radians(4 * hue - 63))
    )
    s_l = 1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2)
    s_c, s_h = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    r_t = -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    d_l, d_c = (l2 - l1) / s_l, (c2 - c1) / s_c
    d_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / s_h
    result: NDArray[np.float64] = np.sqrt(np.maximum(d_l**2 + d_c**2 + d_h**2 + r_t * d_c * d_h, 0))
    return result


def load(model: Path, weights: str) -> Flux2Pipeline:
    """Load the folder; "random" keeps its autoencoder and replaces what paints by untrained weights."""
    if weights == "shipped":
        return Flux2Pipeline.from_folder(model, device="cpu")
    loaded = load_model(model, choose_placement("cpu"))
    torch.manual_seed(0)
    transformer = Flux2Transformer(loaded.variant.transformer).eval()
    encoder = Qwen3FormEncoder(loaded.variant.text_encoder, loaded.text_encoder.tokenizer).eval()
    return Flux2Pipeline(transformer, loaded.autoencoder, encoder, loaded.variant)


def paint_plates(pipeline: Flux2Pipeline) -> list[Pixels]:
    """Paint one empty set per size that campaigns use."""
    pictures = []
    for index, (width, height) in enumerate(PLATE_SIZES * 2):
        rng = random.Random(f"plate/{index}")
        scene = draw_scene(rng, width / height, [], False)
        pictures += pipeline.generate([caption(scene, rng)], width, height, [2000 + index])
    return pictures


def draw_grid(
    cases: list[Case], right: list[Pixels], wrong: list[Pixels], plates: list[Pixels], columns: int = 8
) -> Image.Image:
    """Show reference, truth, result and result with a wrong reference in rows of `columns`; then the plates."""
    side = right[0].shape[0]
    blocks = -(-len(cases) // columns)
    sheet = Image.new("RGB", (columns * side, blocks * 4 * side + 460 * len(plates)), (255, 255, 255))
    for index, case in enumerate(cases):
        left, top = index % columns * side, index // columns * 4 * side
        sheet.paste(case.reference.resize((side, side)), (left, top))
        for row, picture in enumerate((case.truth, right[index], wrong[index]), 1):
            sheet.paste(Image.fromarray(picture), (left, top + row * side))
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
    pipeline = load(arguments.model, arguments.weights)
    if arguments.steps or arguments.guidance:
        pipeline.variant = replace(
            pipeline.variant,
            default_steps=arguments.steps or pipeline.variant.default_steps,
            default_guidance=arguments.guidance or pipeline.variant.default_guidance,
        )
    with tempfile.TemporaryDirectory() as folder:
        cases = make_cases(Path(folder), arguments.prompts, arguments.side)
        results, right, wrong = measure(pipeline, cases)
    print(
        f"{len(cases)} held-out prompts at {arguments.side} px, {pipeline.variant.default_steps} steps, "
        f"guidance {pipeline.variant.default_guidance}, {results.seconds:.2f} s a picture"
    )
    print(
        f"backdrop ΔE2000, median: asked {results.backdrop:.1f} (goal ≤ {BACKDROP_GOAL:.0f}), "
        f"shuffled {results.shuffled:.1f} (goal ≥ {SHUFFLED_GOAL:.0f})"
    )
    print(
        f"product's box, PSNR: right reference {results.right:.2f} dB, wrong {results.wrong:.2f} dB, "
        f"gain {results.right - results.wrong:.2f} dB (goal ≥ {REFERENCE_GOAL:.0f})"
    )
    if arguments.grid:
        draw_grid(cases, right, wrong, paint_plates(pipeline)).save(arguments.grid)
    for goal in results.missed:
        print(f"missed: {goal}")
    return 1 if results.missed else 0


if __name__ == "__main__":
    sys.exit(main())
