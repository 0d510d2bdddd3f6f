"""Power loss under the store: whatever the disk kept of what was not synced, nothing wrong is ever read."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

from flux2flow.store import Journal, KeyEntry, Keys, Objects, read_journal
from tests.store.crash_disk import CrashDisk, PowerLoss

SEED, STATES = 20261123, 30
BLOBS = [bytes([n]) * (40 + n) for n in range(5)]


def work(disk: CrashDisk, done: list[str], written: list[str]) -> None:
    """Store blobs and keys and journal them, noting what was reported as done."""
    root = Path("/p")
    objects, keys = Objects(root / "objects", disk), Keys(root / "keys", disk)
    journal = Journal(root / "journal" / "0001.jsonl", disk, lambda: 0.0)
    for n, blob in enumerate(BLOBS):
        digest = objects.put(blob)
        keys.put(f"k{n}", KeyEntry(digest, {"n": n}))
        done.append(f"k{n}")
        journal.append("plate-stored", f"k{n}", object=digest)
        written.append(f"k{n}")


def violations(honest: bool) -> tuple[int, int]:
    """(crash states tried, states in which something reported as done is lost or something wrong is read)."""
    chance = random.Random(SEED)
    total = CrashDisk(honest)
    work(total, [], [])
    tried = wrong = 0
    for stop in range(1, total.calls + 1):
        for _ in range(STATES):
            disk, done, written = CrashDisk(honest, stop_at=stop), list[str](), list[str]()
            with contextlib.suppress(PowerLoss):
                work(disk, done, written)
            tried += 1
            wrong += not sound(disk.after_crash(chance), done, written)
    return tried, wrong


def sound(disk: CrashDisk, done: list[str], written: list[str]) -> bool:
    """Whether every key reported as done leads to its bytes, no key leads to others, and the journal tells no lie."""
    root = Path("/p")
    objects, keys = Objects(root / "objects", disk), Keys(root / "keys", disk)
    for n, blob in enumerate(BLOBS):
        entry = keys.get(f"k{n}")
        data = objects.get(entry.digest) if entry else None
        if (entry and data != blob) or (f"k{n}" in done and data is None):
            return False
    path = root / "journal" / "0001.jsonl"
    if path not in disk.names:
        return not written
    contents = read_journal(path, disk)
    told = [record.subject for record in contents.records]
    return told[: len(written)] == written and told == [f"k{n}" for n in range(len(told))] and not contents.damaged


def test_no_crash_state_loses_or_forges_anything() -> None:
    """At every call of the store, {STATES} ways each to lose what was not synced."""
    tried, wrong = violations(honest=True)
    assert tried > 2000
    assert wrong == 0


def test_a_disk_that_lies_about_syncing_is_noticed() -> None:
    """The control: the same test finds lost work where fsync does nothing."""
    assert violations(honest=False)[1] > 100
