"""A model, the cases and the probe → painted and true pictures, each painted once however many metrics ask for it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from flux2engine.pipeline import Flux2Pipeline
from flux2engine.training.data import Box
from flux2engine.training.evaluation.cases import Case, CaseKind
from flux2engine.training.evaluation.colour import Pixels
from flux2engine.training.evaluation.figures import Hardware
from flux2engine.training.evaluation.probe import Probe
from flux2engine.training.evaluation.sheets import cut_out_reference, plain_reference
from flux2engine.training.painting import paint

_BATCH = 10
_SHIFT = 25  # the cases go round the sheets' 50 and 100 products: a whole round further stands the same one
_T = TypeVar("_T")


@dataclass
class Bench:
    """Hold what every metric needs; `painted` and `truth` remember what they made."""

    pipeline: Flux2Pipeline
    cases: dict[CaseKind, list[Case]]
    model: Path
    probe: Probe | None = None
    teacher: Path | None = None
    hardware: Hardware = "cpu"
    side: int = 128
    samples: int = 200
    steps: int | None = None  # None: the model's own
    guidance: float | None = None  # None: the model's own
    _pictures: dict[tuple[str, ...], list[Pixels]] = field(default_factory=dict)

    def of(self, kind: CaseKind) -> list[Case]:
        """Return the cases of a kind that are measured."""
        return self.cases[kind][: self.samples]

    def truth(self, kind: CaseKind) -> list[Pixels]:
        """Return what the pictures should look like."""
        key = ("truth", kind)
        if key not in self._pictures:
            self._pictures[key] = [paint(case.scene, self.side, self.side).pixels for case in self.of(kind)]
        return self._pictures[key]

    def painted(self, kind: CaseKind, wrong: bool = False, steps: int | None = None) -> list[Pixels]:
        """Return what the model makes of the cases; `wrong` shows it the references of another case."""
        steps = steps or self.steps
        key = (kind, str(wrong), str(steps))
        if key not in self._pictures:
            cases = self.of(kind)
            shown = shifted(cases) if wrong else cases
            show = cut_out_reference if self.pipeline.variant.frames_cut_outs else plain_reference
            references = [[show(identity, self.side // 2) for identity in case.references] for case in shown]
            self._pictures[key] = self._paint(cases, references, steps)
        return self._pictures[key]

    def _paint(self, cases: Sequence[Case], references: Sequence[list[Image.Image]], steps: int | None) -> list[Pixels]:
        pictures: list[Pixels] = []
        for first in range(0, len(cases), _BATCH):
            part = cases[first : first + _BATCH]
            bases = [
                None if case.before is None else Image.fromarray(paint(case.before, self.side, self.side).pixels)
                for case in part
            ]
            pictures += self.pipeline.generate(
                [case.prompt for case in part],
                self.side,
                self.side,
                [case.seed for case in part],
                references[first : first + _BATCH],
                steps=steps,
                guidance=self.guidance,
                bases=bases,
                mattes=[case.scene.backdrop for case in part],
            )
        return pictures


def shifted(items: Sequence[_T]) -> list[_T]:
    """Return another case's item for every case, one about another product."""
    shift = min(len(items) // 2, _SHIFT)
    return [*items[shift:], *items[:shift]]


def main_box(case: Case) -> Box:
    """Return the box of the case's product."""
    if case.scene.main is None:
        raise ValueError("this case has no product")
    return case.scene.main.box


def random_box(box: Box, rng: random.Random) -> Box:
    """Return a box of the same size anywhere in the picture."""
    width, height = box[2] - box[0], box[3] - box[1]
    left, top = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    return left, top, left + width, top + height


def crop(picture: Pixels, box: Box) -> Pixels:
    """Return what a picture shows within a box, cut off at the picture's edges."""
    height, width = picture.shape[:2]
    left, top, right, bottom = box
    return picture[max(0, int(top * height)) : round(bottom * height), max(0, int(left * width)) : round(right * width)]


def psnr(first: Pixels, second: Pixels) -> float:
    """Return the PSNR of two arrays of bytes in decibels; 114 for equal ones."""
    error = float(np.mean((first.astype(np.float64) - second) ** 2))
    return float(10 * np.log10(255**2 / max(error, 255**2 / 10**11.4)))
