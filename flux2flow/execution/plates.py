"""A plan's plates → stored PNG objects, each painted once, shared with whoever works on the same project.

All missing plates go to the backend together, so that it can order its work. Each plate's bytes are its own affair:
which ones are still missing after an interruption must not decide a pixel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from flux2flow.domain.plan import PlannedPlate
from flux2flow.domain.plate import BackendIdentity, Plate
from flux2flow.domain.report import Failure
from flux2flow.errors import GenerationError
from flux2flow.execution.identity import plate_key
from flux2flow.execution.workspace import Workspace
from flux2flow.interfaces import Event, ImageBackend, Painted, PaintFailed, PaintPhase, PaintStep
from flux2flow.store import Lease

PLATES_AT_ONCE = 128
"""How many plates one call paints. Each holds a lease, which is an open file (1024 is a common limit), and the embedded
prompts of a large model take up to 16 MB each while they wait. Staged models are loaded once a call."""

_PLATE = TypeAdapter(Plate)


@dataclass(frozen=True, slots=True)
class PaintedPlates:
    """The plates of a run by id, and those that could not be painted."""

    plates: dict[str, Plate]
    failures: dict[str, Failure]


def paint_plates(work: Workspace, wanted: Set[str]) -> PaintedPlates:
    """Reuse every plate that stands intact and paint those of the others that are wanted (ids)."""
    backend = work.registry.backend(work.plan.backend.name).create()
    identity = backend.identity()
    keys = {plate.id: plate_key(plate.request, identity) for plate in work.plan.plates}
    painter = _Painter(work, backend, identity, keys)
    missing = [plate for plate in work.plan.plates if not painter.reuse(plate) and plate.id in wanted]
    missing.sort(key=lambda plate: plate.request.size)
    try:
        while missing:
            painter.advance(missing)
            missing = [plate for plate in missing if not painter.settled(plate)]
    finally:
        painter.release_all()
    return PaintedPlates(
        {plate.id: painter.plates[plate.id] for plate in work.plan.plates if plate.id in painter.plates},
        painter.failures,
    )


@dataclass
class _Painter:
    work: Workspace
    backend: ImageBackend
    identity: BackendIdentity
    keys: Mapping[str, str]
    """By the plates' ids, as everything here."""
    plates: dict[str, Plate] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    """Plates that the journal says are being painted."""
    fresh: set[str] = field(default_factory=set)
    """Keys painted by this run, which `force` does not paint again."""

    def settled(self, planned: PlannedPlate) -> bool:
        """Whether nothing is left to do for the plate."""
        return planned.id in self.plates or planned.id in self.failures

    def reuse(self, planned: PlannedPlate) -> bool:
        """Take the plate from the store, if it stands there intact."""
        key = self.keys[planned.id]
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

    def advance(self, missing: Sequence[PlannedPlate]) -> None:
        """Paint what no other process is at; where that is nothing, wait for the first plate."""
        if not any(self._claim(planned) for planned in missing):
            self._await(missing[0])
        for planned in missing:
            if len(self.leases) == PLATES_AT_ONCE:
                break
            self._claim(planned)
        self._paint([planned for planned in missing if planned.id in self.leases])

    def release_all(self) -> None:
        """Give back every lease."""
        for name in tuple(self.leases):
            self.leases.pop(name).release()

    def _claim(self, planned: PlannedPlate) -> bool:
        """Take a plate's lease, or the plate itself where another process finished it; False while one is at it."""
        if self.settled(planned) or planned.id in self.leases:
            return True
        self.work.interruption.check()
        lease = self.work.store.leases.attempt(self.keys[planned.id])
        return lease is not None and self._claimed(planned, lease)

    def _await(self, planned: PlannedPlate) -> None:
        """Wait until the other process is done or dead, then take its plate or its lease."""
        lease = self.work.store.leases.wait(self.keys[planned.id], stopped=lambda: self.work.interruption.stopped)
        self.work.interruption.check()
        if lease is not None:
            self._claimed(planned, lease)

    def _claimed(self, planned: PlannedPlate, lease: Lease) -> bool:
        self.leases[planned.id] = lease
        if self.reuse(planned):
            self._release(planned)
        return True

    def _release(self, planned: PlannedPlate) -> None:
        self.leases.pop(planned.id).release()

    def _paint(self, batch: Sequence[PlannedPlate]) -> None:
        """Let the backend paint a batch; where it gives up, find out which plate it was and paint the others."""
        while batch:
            at_work = _AtWork(dict(enumerate(batch)))
            try:
                self._follow(batch, at_work)
                reason, guilty = f"{self.identity.backend} ended without a picture", list(at_work.left.values())
            except GenerationError as error:
                reason, guilty = str(error), at_work.suspects()
            for planned in guilty:
                self._failed(planned, reason)
            batch = [planned for planned in batch if not self.settled(planned)]
            if not guilty:  # each in a call of its own: then the one at fault is the one that fails
                for planned in batch:
                    self._paint([planned])
                return

    def _follow(self, batch: Sequence[PlannedPlate], at_work: _AtWork) -> None:
        """Store each plate as it comes. A signal may break into the backend: nothing but leases is held there."""
        if len(batch) == 1:
            self._note(batch[0])
        states = iter(self.backend.paint([planned.request for planned in batch], self.work.project))
        while True:
            with self.work.interruption.breakable():
                state = next(states, None)
            if state is None:
                return
            if isinstance(state, PaintPhase):
                self.work.tell(Event("phase", state.name, state.done, state.of))
                continue
            planned = at_work.plate(state.plate, self.identity.backend)
            self._note(planned)
            if isinstance(state, PaintStep):
                self.work.tell(Event("plate-step", planned.id, state.done, state.of))
                continue
            reason = state.reason if isinstance(state, PaintFailed) else self._stored(planned, state)
            at_work.finish(state.plate)
            if reason:
                self._failed(planned, reason)

    def _note(self, planned: PlannedPlate) -> None:
        """Journal that the plate, whose lease we hold, is being painted from here on."""
        if planned.id not in self.begun:
            self.begun.add(planned.id)
            self.work.record("plate-leased", planned.id, key=self.keys[planned.id])

    def _stored(self, planned: PlannedPlate, painted: Painted) -> str:
        """Keep a painted plate and give its lease back; return a reason where it is not what was asked for."""
        if painted.canvas.size != planned.request.size:
            return f"{self.identity.backend} painted {painted.canvas.size}, asked for {planned.request.size}"
        key = self.keys[planned.id]
        self.work.record("plate-painted", planned.id, key=key)
        plate = self._store(planned, key, painted)
        self.work.record("plate-stored", planned.id, key=key, object=plate.digest)
        self.fresh.add(key)
        self._release(planned)
        self._done(plate)
        return ""

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
        self._release(planned)
        self.failures[planned.id] = Failure(planned.id, reason)
        self._tell("failure", planned.id, detail=reason)

    def _tell(self, kind: Literal["plate", "failure"], subject: str, *, reused: bool = False, detail: str = "") -> None:
        done = len(self.plates) + len(self.failures)
        self.work.tell(Event(kind, subject, done, len(self.work.plan.plates), reused, detail))


@dataclass
class _AtWork:
    """What one call of a backend has still to paint, by index, and which plate it was at last."""

    left: dict[int, PlannedPlate]
    last: int = -1

    def plate(self, index: int, backend: str) -> PlannedPlate:
        """Note a sign of work on a plate; raise GenerationError for one that was not asked for, or is done."""
        if index not in self.left:
            raise GenerationError(f"{backend} answered for a plate that it was not asked for (number {index})")
        self.last = index
        return self.left[index]

    def finish(self, index: int) -> None:
        """Take a plate off."""
        del self.left[index]

    def suspects(self) -> list[PlannedPlate]:
        """Return the plate that the backend gave up on; nothing where it may be any of several."""
        if len(self.left) == 1:
            return list(self.left.values())
        return [self.left[self.last]] if self.last in self.left else []
