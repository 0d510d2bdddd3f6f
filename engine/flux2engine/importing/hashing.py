"""Files → their facts for a record: size, time, inode and SHA-256. Reads every byte once, and tells how far it is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from flux2engine.errors import WeightsError
from flux2engine.library import Component, FileFacts

_BLOCK = 8 * 2**20
Progress = Callable[[Path, int, int], None]
"""Called with the file being read, the bytes read so far of all files, and all there are to read."""


def silent(_file: Path, _done: int, _of: int) -> None:
    """Tell nothing."""


class Hasher:
    """Digests a known set of files; those that look as a record remembers them are not read again."""

    def __init__(self, paths: Iterable[Path], known: Iterable[Component], progress: Progress) -> None:
        self._known = {_key(file.path, file): file for part in known for file in part.all_files}
        self._progress, self._done = progress, 0
        self._block = memoryview(bytearray(_BLOCK))  # one for all: fresh memory costs more than the digest
        self._of = sum(size for path in set(paths) if (size := self._unread(path)) is not None)

    def facts(self, path: Path) -> FileFacts:
        """Return a file's facts; raise WeightsError where it cannot be read or changes meanwhile."""
        try:
            with path.open("rb", buffering=0) as file:
                before = os.fstat(file.fileno())
                if (known := self._known.get(_stat_key(str(path), before))) is not None:
                    return known
                digest = hashlib.sha256()
                while count := file.readinto(self._block):
                    digest.update(self._block[:count])
                    self._done += count
                    self._progress(path, self._done, self._of)
                after = os.fstat(file.fileno())
        except OSError as error:
            raise WeightsError(f"{path} cannot be read: {error.strerror}") from error
        if _stat_key("", before) != _stat_key("", after):
            raise WeightsError(f"{path} changed while it was read: wait until it is downloaded whole, then try again")
        made = FileFacts(
            path=str(path),
            size=after.st_size,
            mtime_ns=after.st_mtime_ns,
            inode=after.st_ino,
            sha256=digest.hexdigest(),
        )
        self._known[_key(made.path, made)] = made
        return made

    def _unread(self, path: Path) -> int | None:
        try:
            stat = path.stat()
        except OSError:
            return None
        return None if _stat_key(str(path), stat) in self._known else stat.st_size


def _key(path: str, file: FileFacts) -> tuple[str, int, int, int]:
    return path, file.size, file.mtime_ns, file.inode


def _stat_key(path: str, stat: os.stat_result) -> tuple[str, int, int, int]:
    return path, stat.st_size, stat.st_mtime_ns, stat.st_ino
