"""What a key led to: the digest of its object and a few plain facts, one small checksummed JSON file per key."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flux2flow.domain.fingerprint import canonical_json
from flux2flow.domain.fingerprint import digest as digest_of
from flux2flow.store.disk import Disk, publish, reported

_KEY = re.compile(r"[0-9a-z][0-9a-z-]{0,99}\Z")


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """The object a key led to, and facts about it as plain JSON values."""

    digest: str
    facts: Mapping[str, Any]


class Keys:
    """The files in `keys/<key>`. An entry that does not match its own checksum is removed and counts as absent."""

    def __init__(self, root: Path, disk: Disk) -> None:
        """`root` is the folder `keys`; it need not exist yet."""
        self._root = root
        self._disk = disk
        self.damaged: list[str] = []
        """Keys whose entry was found damaged, and removed, in this process."""

    def path(self, key: str) -> Path:
        """Where a key's entry stands; raises ValueError for a key that is no plain name."""
        if not _KEY.match(key):
            raise ValueError(f"{key!r} is no key")
        return self._root / key

    def put(self, key: str, entry: KeyEntry) -> None:
        """Record durably what a key led to. The object must be stored before."""
        body = {"key": key, "digest": entry.digest, "facts": entry.facts}
        text = json.dumps({"sum": digest_of(canonical_json(body).encode()), **body}, sort_keys=True, ensure_ascii=False)
        publish(self._disk, self.path(key), text.encode() + b"\n")

    def get(self, key: str) -> KeyEntry | None:
        """Return what a key led to, or None."""
        path = self.path(key)
        with reported("reading", path):
            try:
                data = self._disk.read(path)
            except FileNotFoundError:
                return None
        if (entry := _sound(data, key)) is not None:
            return entry
        self.damaged.append(key)
        self.remove(key)
        return None

    def remove(self, key: str) -> None:
        """Forget a key; nothing happens where it is unknown."""
        path = self.path(key)
        with reported("removing", path):
            try:
                self._disk.remove(path)
            except FileNotFoundError:
                return


def _sound(data: bytes, key: str) -> KeyEntry | None:
    """Read an entry; None where it is no longer what was written under this key."""
    try:
        body = json.loads(data)
        expected = body.pop("sum")
        if body["key"] != key or digest_of(canonical_json(body).encode()) != expected:
            return None
        return KeyEntry(body["digest"], body["facts"])
    except (ValueError, KeyError, TypeError, AttributeError):  # not even our JSON any more
        return None
