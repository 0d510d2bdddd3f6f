"""What happened in a run, in order: append-only JSONL, a checksum per line, each line durable before the work goes on.

History only: what is done is decided by keys and objects, so that a lost journal loses no work.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flux2flow.domain.fingerprint import canonical_json
from flux2flow.domain.fingerprint import digest as digest_of
from flux2flow.store.disk import Disk, LocalDisk, ensure_folder, reported

RecordKind = Literal[
    "run-start",
    "run-end",
    "plate-leased",
    "plate-painted",
    "plate-stored",
    "asset-stored",
    "asset-released",
    "asset-rejected",
    "asset-withdrawn",
    "report-written",
    "failure",
    "damage",
    "prompt-upsampled",
]


@dataclass(frozen=True, slots=True)
class Record:
    """One line: its number in the run, what happened to what, when (seconds since the epoch), and details."""

    number: int
    kind: RecordKind
    subject: str
    at: float
    details: tuple[tuple[str, str | int], ...] = ()


@dataclass(frozen=True, slots=True)
class JournalContents:
    """The sound records; whether the last line was torn; the numbers (from 1) of other lines that do not match."""

    records: tuple[Record, ...]
    torn: bool
    damaged: tuple[int, ...]


class Journal:
    """One run's journal, open for appending. Safe to use from several threads."""

    def __init__(self, path: Path, disk: Disk, clock: Callable[[], float]) -> None:
        """Create the file, which must be new: one run, one journal, one writer."""
        self.path = path
        self._clock = clock
        self._count = 0
        self._lock = threading.Lock()
        with reported("creating", path):
            ensure_folder(disk, path.parent)
            self._file = disk.create(path, 0o644)
            disk.sync_folder(path.parent)

    def append(self, kind: RecordKind, subject: str, **details: str | int) -> None:
        """Write one line and return once it is durable."""
        with self._lock, reported("writing", self.path):
            body = {"n": self._count + 1, "kind": kind, "subject": subject, "at": round(self._clock(), 3), **details}
            text = canonical_json(body)
            line = f'{{"sum":"{_sum(text)}","record":{text}}}\n'
            self._file.write(line.encode())
            self._file.sync()
            self._count += 1

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_journal(path: Path, disk: Disk | None = None) -> JournalContents:
    """Read what a run wrote. A last line cut short by a crash is ignored, other damage is reported by line number."""
    with reported("reading", path):
        data = (disk or LocalDisk()).read(path)
    lines = data.split(b"\n")
    tail = lines.pop()
    records: list[Record] = []
    damaged: list[int] = []
    for number, line in enumerate(lines, start=1):
        record = _record(line)
        if record is None or record.number != number:
            damaged.append(number)
        else:
            records.append(record)
    # A torn write may leave its newline and lose its middle (pages reach the disk in any order).
    torn = bool(tail) or bool(damaged and damaged[-1] == len(lines))
    if damaged and damaged[-1] == len(lines):
        damaged.pop()
    return JournalContents(tuple(records), torn, tuple(damaged))


def _sum(text: str) -> str:
    return digest_of(text.encode())[:16]


def _record(line: bytes) -> Record | None:
    try:
        whole: dict[str, Any] = json.loads(line)
        body = whole["record"]
        if whole["sum"] != _sum(canonical_json(body)):
            return None
        details = tuple((name, body[name]) for name in sorted(body) if name not in ("n", "kind", "subject", "at"))
        return Record(body["n"], body["kind"], body["subject"], body["at"], details)
    except (ValueError, KeyError, TypeError):
        return None
