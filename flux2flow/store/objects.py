"""Bytes by their digest: written once, read-only, verified on every read. Knows nothing about what they are."""

from __future__ import annotations

from pathlib import Path

from flux2flow.domain.fingerprint import digest as digest_of
from flux2flow.store.disk import Disk, publish, reported


class Objects:
    """The blobs in `objects/ab/<sha256>`. A blob whose bytes no longer match is removed and counts as absent."""

    def __init__(self, root: Path, disk: Disk) -> None:
        """`root` is the folder `objects`; it need not exist yet."""
        self._root = root
        self._disk = disk
        self.damaged: list[str] = []
        """Digests of blobs that were found damaged, and removed, in this process."""

    def path(self, digest: str) -> Path:
        """Where a blob stands."""
        return self._root / digest[:2] / digest

    def put(self, data: bytes) -> str:
        """Store bytes durably and return their digest; writes nothing where they already stand intact."""
        digest = digest_of(data)
        if self.get(digest) is None:
            publish(self._disk, self.path(digest), data, mode=0o444)
        return digest

    def get(self, digest: str) -> bytes | None:
        """Return the bytes with this digest, or None where they are absent or were damaged."""
        path = self.path(digest)
        with reported("reading", path):
            try:
                data = self._disk.read(path)
            except FileNotFoundError:
                return None
        if digest_of(data) == digest:
            return data
        self.damaged.append(digest)
        with reported("removing the damaged", path):
            try:
                self._disk.remove(path)
            except FileNotFoundError:
                return None  # another process found the damage first
        return None

    def verify(self, digest: str) -> bool:
        """Whether the bytes are there and match; damaged ones are removed."""
        return self.get(digest) is not None
