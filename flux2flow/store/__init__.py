"""Remembers bytes and facts by digest and key; survives being killed at any point. Knows nothing about pictures."""

from __future__ import annotations

from flux2flow.store.disk import Disk, DiskFile, LocalDisk, publish
from flux2flow.store.journal import Journal, JournalContents, Record, read_journal
from flux2flow.store.keys import KeyEntry, Keys
from flux2flow.store.leases import Lease, Leases, Presence
from flux2flow.store.objects import Objects
from flux2flow.store.state import Store

__all__ = [
    "Disk",
    "DiskFile",
    "Journal",
    "JournalContents",
    "KeyEntry",
    "Keys",
    "Lease",
    "Leases",
    "LocalDisk",
    "Objects",
    "Presence",
    "Record",
    "Store",
    "publish",
    "read_journal",
]
