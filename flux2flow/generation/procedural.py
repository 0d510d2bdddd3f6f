"""The `procedural` backend: studio sets painted by arithmetic (`studio.py`). No model, no weights, no references.

Reads the brief's numbers and none of its prose. Registering it loads nothing: painting imports numpy.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.plate import BackendIdentity, BackendLimits, PlateRequest
from flux2flow.interfaces import BackendEntry, FileSource, Painted, PaintStep

NAME = "procedural"
# Raise when the same request would give other pixels.
PAINTING_VERSION = 1
LIMITS = BackendLimits(NAME, max_references=0, max_pixels=4_194_304)


def entry(seconds_per_step: float = 0.0) -> BackendEntry:
    """Return the backend as it is registered; `seconds_per_step` slows every step down, for tests of resuming."""
    return BackendEntry(NAME, LIMITS, lambda: ProceduralBackend(seconds_per_step))


class ProceduralBackend:
    """Paint studio sets by arithmetic."""

    limits = LIMITS

    def __init__(self, seconds_per_step: float = 0.0) -> None:
        self._seconds_per_step = seconds_per_step

    def identity(self) -> BackendIdentity:
        """Say what decides the pixels: the version of the painting alone."""
        return BackendIdentity(NAME, "studio", "", "float32", PAINTING_VERSION, 1)

    def paint(self, requests: Sequence[PlateRequest], files: FileSource) -> Iterator[PaintStep | Painted]:
        """Paint each request in four steps."""
        from flux2flow.generation.studio import Studio

        del files  # it takes no references
        for number, request in enumerate(requests):
            begun = time.perf_counter()
            studio = Studio.of(request)
            yield PaintStep(number, 0, len(studio.stages))
            for done, stage in enumerate(studio.stages, 1):
                stage()
                if self._seconds_per_step > 0:
                    time.sleep(self._seconds_per_step)
                yield PaintStep(number, done, len(studio.stages))
            yield Painted(number, Canvas(request.size, studio.encoded()), time.perf_counter() - begun)
