"""The metrics, one per file: `measure(bench)` returns the figures, `NAME` is what the command line calls it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flux2engine.training.evaluation.bench import Bench
from flux2engine.training.evaluation.figures import Figure
from flux2engine.training.evaluation.metrics import (
    autoencoder,
    backdrop,
    edit,
    empty,
    family,
    found,
    index,
    named,
    reference,
    speed,
    steps,
)

_MODULES = (backdrop, empty, reference, family, named, found, index, edit, autoencoder, steps, speed)
METRICS: Mapping[str, Callable[[Bench], list[Figure]]] = {module.NAME: module.measure for module in _MODULES}
