"""The first cases of every kind, the shipped probe, and painters whose pictures are known to be right or wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import pytest
import torch
from PIL import Image

from flux2engine.pipeline import Flux2Pipeline
from flux2engine.training.data import Scene
from flux2engine.training.evaluation.__main__ import PROBE
from flux2engine.training.evaluation.bench import Bench
from flux2engine.training.evaluation.cases import Case, CaseKind, read_cases
from flux2engine.training.evaluation.colour import Pixels
from flux2engine.training.evaluation.loading import SHIPPED
from flux2engine.training.evaluation.probe import Probe
from flux2engine.training.evaluation.sheets import plain_reference
from flux2engine.training.painting import paint
from flux2engine.training.products import Identity
from flux2engine.variants import VARIANTS

COUNT, SIDE = 12, 128
Cases = dict[CaseKind, list[Case]]
Finish = Callable[[Pixels, Case, int | None], Pixels]


class Painter:
    """Stand in for a model: paint each case's own scene with the references it is shown, then `finish` the picture."""

    variant = VARIANTS["nano"]

    def __init__(self, cases: Cases, finish: Finish | None = None, other: bool = False, mixed: bool = False) -> None:
        """`other` paints another case's scene; `mixed` takes the next reference instead of the asked one."""
        self.cases = {(case.prompt, case.seed): case for row in cases.values() for case in row}
        self.swapped = {
            (case.prompt, case.seed): row[(index + len(row) // 2) % len(row)]
            for row in cases.values()
            for index, case in enumerate(row)
        }
        identities = {identity for case in self.cases.values() for identity in case.references}
        self.identities = {plain_reference(identity, SIDE // 2).tobytes(): identity for identity in identities}
        self.finish, self.other, self.mixed = finish, other, mixed

    def generate(
        self,
        prompts: Sequence[str],
        width: int,
        height: int,
        seeds: Sequence[int],
        references: Sequence[Sequence[Image.Image]],
        steps: int | None = None,
        guidance: float | None = None,
        bases: Sequence[Image.Image | None] = (),
        mattes: Sequence[tuple[int, int, int] | None] = (),
    ) -> list[Pixels]:
        """Return a picture per prompt."""
        pictures = []
        for key, shown in zip(zip(prompts, seeds, strict=True), references, strict=True):
            case = self.swapped[key] if self.other else self.cases[key]
            scene = case.scene
            if shown and not self.other:
                scene = _with(scene, case, [self.identities[picture.tobytes()] for picture in shown], self.mixed)
            picture = paint(scene, width, height).pixels
            pictures.append(picture if self.finish is None else self.finish(picture, self.cases[key], steps))
        return pictures


def _with(scene: Scene, case: Case, shown: Sequence[Identity], mixed: bool) -> Scene:
    wanted = [(index + mixed) % len(shown) for index in case.wanted]
    placed = [replace(p, identity=shown[index]) for p, index in zip(scene.objects, wanted, strict=True)]
    extra = placed[1] if scene.extra is not None else None
    return replace(scene, main=placed[0], extra=extra, props=tuple(placed[1 + (extra is not None) :]))


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Cases:
    return read_cases(SHIPPED, tmp_path_factory.mktemp("cut-outs"), COUNT)


@pytest.fixture(scope="session")
def probe() -> Probe:
    torch.set_num_threads(1)
    return Probe.load(SHIPPED / PROBE)


@pytest.fixture(scope="session")
def bench_of(cases: Cases, probe: Probe) -> Callable[[Painter], Bench]:
    def make(painter: Painter) -> Bench:
        return Bench(cast(Flux2Pipeline, painter), cases, SHIPPED, probe, hardware="gpu", side=SIDE, samples=COUNT)

    return make


@pytest.fixture(scope="session")
def perfect(cases: Cases, bench_of: Callable[[Painter], Bench]) -> Bench:
    """Lay out a model that paints exactly what it is asked for and shown."""
    return bench_of(Painter(cases))


@pytest.fixture(scope="session")
def shuffled(cases: Cases, bench_of: Callable[[Painter], Bench]) -> Bench:
    """Lay out a model that paints another case's scene."""
    return bench_of(Painter(cases, other=True))


def noise(picture: Pixels, amplitude: int = 60) -> Pixels:
    """Roughen a whole picture."""
    rough = np.random.default_rng(0).integers(-amplitude, amplitude + 1, picture.shape[:2])
    return np.clip(picture.astype(int) + rough[..., None], 0, 255).astype(np.uint8)
