"""A plan's plates → stored PNG objects, each painted once, shared with whoever works on the same project.

Plates are painted one at a time: a batch's bytes may differ from a single plate's, and which plates are still
missing after an interruption must not decide a pixel.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from flux2flow.domain.plan import PlannedPlate
from flux2flow.domain.plate import BackendIdentity, Plate
from flux2flow.domain.report import Failure
from flux2flow.errors import GenerationError
from flux2flow.execution.identity import plate_key
from flux2flow.execution.workspace import Workspace
from flux2flow.interfaces import Event, ImageBackend, Painted
from flux2flow.store import Lease

_PLATE = TypeAdapter(Plate)


@dataclass(frozen=True, slots=True)
class PaintedPlates:
    """The plates of a run by id, and those that could not be painted."""

    plates: dict[str, Plate]
    failures: dict[str, Failure]


def paint_plates(work: Workspace, wanted: Set[str]) -> PaintedPlates:
    """Reuse every plate that stands intact and paint those of the others that are wanted (ids), grouped by size."""
    backend = work.registry.backend(work.plan.backend.name).create()
    identity = backend.identity()
    keys = {plate.id: plate_key(plate.request, identity) for plate in work.plan.plates}
    painter = _Painter(work, backend, identity, {}, {}, set())
    missing = [plate for plate in work.plan.plates if not painter.reuse(plate, keys[plate.id]) and plate.id in wanted]
    missing.sort(key=lambda plate: plate.request.size)
    while missing:
        busy = [plate for plate in missing if not painter.attempt(plate, keys[plate.id])]
        if len(busy) == len(missing):  # every one of them is being painted by another process
            painter.wait(busy[0], keys[busy[0].id])
        missing = [plate for plate in busy if plate.id not in painter.plates and plate.id not in painter.failures]
    return PaintedPlates(
        {plate.id: painter.plates[plate.id] for plate in work.plan.plates if plate.id in painter.plates},
        painter.failures,
    )


@dataclass
class _Painter:
    work: Workspace
    backend: ImageBackend
    identity: BackendIdentity
    plates: dict[str, Plate]
    failures: dict[str, Failure]
    fresh: set[str]
    """Keys painted by this run, which `force` does not paint again."""

    def reuse(self, planned: PlannedPlate, key: str) -> bool:
        """Take the plate from the store, if it stands there intact."""
        if self.work.force and key not in self.fresh:
            return False
        entry = self.work.store.find(key)
        if entry is None:
            return False
        try:
            stored = _PLATE.validate_python(dict(entry.facts))
        except ValidationError:  # written by another version: not ours to interpret
            return False
        self._done(replace(stored, id=planned.id, digest=entry.digest, reused=True))
        return True

    def attempt(self, planned: PlannedPlate, key: str) -> bool:
        """Paint the plate unless another process is at it."""
        self.work.interruption.check()
        lease = self.work.store.leases.attempt(key)
        if lease is None:
            return False
        self._paint_leased(planned, key, lease)
        return True

    def wait(self, planned: PlannedPlate, key: str) -> None:
        """Wait until the other process is done or dead, then take its plate or paint it."""
        lease = self.work.store.leases.wait(key, stopped=lambda: self.work.interruption.stopped)
        self.work.interruption.check()
        if lease is not None:
            self._paint_leased(planned, key, lease)

    def _paint_leased(self, planned: PlannedPlate, key: str, lease: Lease) -> None:
        with lease:
            if self.reuse(planned, key):
                return
            self.work.record("plate-leased", planned.id, key=key)
            try:
                painted = self._paint(planned)
            except GenerationError as error:
                self._failed(planned, str(error))
                return
            self.work.record("plate-painted", planned.id, key=key)
            plate = self._store(planned, key, painted)
            self.work.record("plate-stored", planned.id, key=key, object=plate.digest)
            self.fresh.add(key)
        self._done(plate)

    def _paint(self, planned: PlannedPlate) -> Painted:
        """Let the backend paint one plate. A signal may break in here: nothing is held but the lease."""
        with self.work.interruption.breakable():
            for state in self.backend.paint([planned.request], self.work.project):
                if isinstance(state, Painted):
                    if state.canvas.size != planned.request.size:
                        raise GenerationError(
                            f"{self.identity.backend} painted {state.canvas.size}, asked for {planned.request.size}"
                        )
                    return state
                self.work.tell(Event("plate-step", planned.id, state.done, state.of))
        raise GenerationError(f"{self.identity.backend} ended without a picture")

    def _store(self, planned: PlannedPlate, key: str, painted: Painted) -> Plate:
        from flux2flow.gates.pictures import encode_png  # here: a run with nothing to paint needs no codec

        plate = Plate(planned.id, key, "", painted.canvas.size, self.identity, round(painted.seconds, 3), reused=False)
        digest = self.work.store.keep(key, encode_png(painted.canvas), _PLATE.dump_python(plate, mode="json"))
        return replace(plate, digest=digest)

    def _done(self, plate: Plate) -> None:
        self.plates[plate.id] = plate
        self._tell("plate", plate.id, reused=plate.reused)

    def _failed(self, planned: PlannedPlate, reason: str) -> None:
        self.work.record("failure", planned.id, reason=reason)
        self.failures[planned.id] = Failure(planned.id, reason)
        self._tell("failure", planned.id, detail=reason)

    def _tell(self, kind: Literal["plate", "failure"], subject: str, *, reused: bool = False, detail: str = "") -> None:
        done = len(self.plates) + len(self.failures)
        self.work.tell(Event(kind, subject, done, len(self.work.plan.plates), reused, detail))
