"""The state folder of one project: objects, keys, leases, journals and runs, opened by every process at work on it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from flux2flow.store.disk import Disk, LocalDisk, ensure_folder, is_temporary, publish, reported
from flux2flow.store.journal import Journal
from flux2flow.store.keys import KeyEntry, Keys
from flux2flow.store.leases import Leases, Presence
from flux2flow.store.objects import Objects

_MARKS = {
    ".gitignore": b"*\n",
    "CACHEDIR.TAG": b"Signature: 8a477f597d28d172789f06886806bc55\n# Made by flux2flow; safe to delete.\n",
}
_RUN = re.compile(r"\d{4,}\Z")


class Store:
    """A project's state. Use as a context manager: while inside, no other process sweeps what this one is writing."""

    def __init__(self, root: Path, *, disk: Disk | None = None, outputs: Sequence[Path] = ()) -> None:
        """`root` is the state folder, made where absent; leftovers of dead runs in `outputs` are swept as well."""
        self.root = root
        self.disk: Disk = disk or LocalDisk()
        self.objects = Objects(root / "objects", self.disk)
        self.keys = Keys(root / "keys", self.disk)
        self.leases = Leases(root / "leases")
        self._outputs = tuple(outputs)
        self._presence = Presence(root / "present")

    def __enter__(self) -> Store:
        with reported("making", self.root):
            ensure_folder(self.disk, self.root.parent)
            with contextlib.suppress(FileExistsError):
                self.disk.make_folder(self.root, 0o700)
            if self.root.stat().st_mode & 0o077:  # made by somebody else before: it may hold unreleased pictures
                self.root.chmod(0o700)
            for name in ("leases", "runs"):
                ensure_folder(self.disk, self.root / name)
        self._presence.enter(self._sweep)  # before anything is written, lest another process sweep it away
        for name, content in _MARKS.items():
            if not (self.root / name).exists():
                publish(self.disk, self.root / name, content)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._presence.leave(self._sweep)

    def find(self, key: str) -> KeyEntry | None:
        """Return what a key led to, if its object still stands intact; an entry without its object is forgotten."""
        entry = self.keys.get(key)
        if entry is None:
            return None
        if self.objects.verify(entry.digest):
            return entry
        self.keys.remove(key)
        return None

    def keep(self, key: str, data: bytes, facts: dict[str, object]) -> str:
        """Store what a key led to, the object first; returns its digest."""
        digest = self.objects.put(data)
        self.keys.put(key, KeyEntry(digest, facts))
        return digest

    def new_run(self, clock: Callable[[], float]) -> tuple[str, Journal]:
        """Open the next run: its id (a number, never given twice) and its journal."""
        taken = [int(path.name) for path in (self.root / "runs").iterdir() if _RUN.match(path.name)]
        number = max(taken, default=0) + 1
        with reported("making", self.root / "runs"):
            while True:
                try:
                    self.disk.make_folder(self.run_folder(f"{number:04d}"), 0o755)
                    break
                except FileExistsError:  # another process took this number
                    number += 1
            self.disk.sync_folder(self.root / "runs")
        run = f"{number:04d}"
        return run, Journal(self.root / "journal" / f"{run}.jsonl", self.disk, clock)

    def run_folder(self, run: str) -> Path:
        """Where a run keeps what was not released."""
        return self.root / "runs" / run

    def _sweep(self) -> None:
        for path in self.disk.files(self.root / "leases"):
            self.disk.remove(path)
        for folder in (self.root, *self._outputs):
            for path in self.disk.files(folder):
                if is_temporary(path):
                    self.disk.remove(path)
