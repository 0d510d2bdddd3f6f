"""The command under test: runs a campaign (or a plan made by hand) with the procedural backend, slowed and counted.

`python -m tests.fault.worker PROJECT CALLS` renders PROJECT/campaign.yaml, or, where there is none, a plan whose plates
and scenes need no kit. It appends a durable line to CALLS when a paint begins, and prints what it
was told. FLUX2FLOW_TEST_STEP_SECONDS slows each step; it exists for this script alone.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from flux2flow import api, execution, plugins
from flux2flow.domain.plan import Plan
from flux2flow.domain.plate import BackendIdentity, PlateRequest
from flux2flow.execution import release
from flux2flow.generation import procedural
from flux2flow.interfaces import BackendEntry, Event, FileSource, Painted, PaintStep
from flux2flow.project import Project
from flux2flow.store import Disk, objects
from tests.execution.builder import CARD, STRIP, plan, plate, scene

PLATES, SCENES_EACH = 4, 2


class Counted:
    """The procedural backend, with a durable note of every plate as it is begun: process, seed."""

    limits = procedural.LIMITS

    def __init__(self, calls: Path, seconds: float) -> None:
        self._inner = procedural.ProceduralBackend(seconds)
        self._calls = calls

    def identity(self) -> BackendIdentity:
        return self._inner.identity()

    def paint(self, requests: Sequence[PlateRequest], files: FileSource) -> Iterator[PaintStep | Painted]:
        for state in self._inner.paint(requests, files):
            yield state
            if isinstance(state, PaintStep) and state.done == 0:
                self._note(requests[state.plate].seed)

    def _note(self, seed: int) -> None:
        descriptor = os.open(self._calls, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(descriptor, f"{os.getpid()} {seed}\n".encode())
        os.fsync(descriptor)
        os.close(descriptor)


def work() -> Plan:
    """Plan plates of two sizes and scenes of two formats; plain layers only, so that state is what is tested."""
    plates = tuple(plate(f"plate-{n}", 100 + n, 320, 208 if n % 2 else 176) for n in range(PLATES))
    scenes = tuple(
        scene(f"card-{n}-{m}", plates[n], STRIP if m == 1 else CARD, ink=f"#{40 + m * 60:02x}4060")
        for n in range(PLATES)
        for m in range(SCENES_EACH)
    )
    return replace(plan(), plates=plates, scenes=scenes, backend=procedural.LIMITS)


def sabotage() -> None:
    """Write files in place, in two halves: the control that shows the checker would see a broken store."""

    def in_place(disk: Disk, path: Path, data: bytes, mode: int = 0o644) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
            file.flush()
            time.sleep(0.05)
            file.write(data[len(data) // 2 :])

    objects.publish = in_place
    release.publish = in_place


def main(project: Path, calls: Path) -> int:
    """Run once; print one line per released asset as soon as it is told, and the outcome at the end."""
    seconds = float(os.environ.get("FLUX2FLOW_TEST_STEP_SECONDS", "0"))
    if os.environ.get("FLUX2FLOW_TEST_SABOTAGE"):
        sabotage()
    slowed = BackendEntry(procedural.NAME, procedural.LIMITS, lambda: Counted(calls, seconds))
    registry = replace(plugins.registry(plugins=False), backends={procedural.NAME: slowed})

    def told(event: Event) -> None:
        if event.kind == "asset" and event.detail != "rejected":
            print(f"asset {event.subject}", flush=True)

    campaign = project / "campaign.yaml"
    if campaign.exists():
        report = api.run(replace(api.load(campaign, plugins=False), registry=registry), progress=told)
    else:
        report = execution.run(work(), Project.of(campaign), registry, progress=told)
    print(f"end {report.exit_code}", flush=True)
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
