"""Every file operation of the state, behind one small interface, and the one way a file is published.

Knows no digest and no key. A file system that loses what was not synced, or fails on the n-th call, fits under it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from flux2flow.errors import StoreError

TEMPORARY_PREFIX, TEMPORARY_SUFFIX = ".flux2flow-", ".tmp"


class DiskFile(Protocol):
    """A file open for writing."""

    def write(self, data: bytes) -> None:
        """Write all of it."""
        ...

    def sync(self) -> None:
        """Return once it is durable. An error is final: the file must not be trusted afterwards."""
        ...

    def close(self) -> None:
        """Close it, without syncing."""
        ...


class Disk(Protocol):
    """What the state asks of a file system. Every method raises OSError."""

    def create(self, path: Path, mode: int) -> DiskFile:
        """Create a file that must not exist."""
        ...

    def append(self, path: Path, mode: int) -> DiskFile:
        """Open a file at its end, created where absent."""
        ...

    def read(self, path: Path) -> bytes:
        """All bytes of a file."""
        ...

    def replace(self, source: Path, target: Path) -> None:
        """Give a file its final name, atomically."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a file."""
        ...

    def make_folder(self, path: Path, mode: int) -> None:
        """Create one folder; raises FileExistsError."""
        ...

    def is_folder(self, path: Path) -> bool:
        """Whether a folder stands there."""
        ...

    def sync_folder(self, path: Path) -> None:
        """Make the names in a folder durable."""
        ...

    def files(self, folder: Path) -> Iterator[Path]:
        """Every file below a folder; none where it is absent. Links are not followed."""
        ...


class _LocalFile:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def sync(self) -> None:
        os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


class LocalDisk:
    """The machine's own file system."""

    def create(self, path: Path, mode: int) -> DiskFile:
        """Create a file that must not exist."""
        return _LocalFile(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))

    def append(self, path: Path, mode: int) -> DiskFile:
        """Open a file at its end, created where absent."""
        return _LocalFile(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, mode))

    def read(self, path: Path) -> bytes:
        """All bytes of a file."""
        return path.read_bytes()

    def replace(self, source: Path, target: Path) -> None:
        """Give a file its final name, atomically."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()

    def make_folder(self, path: Path, mode: int) -> None:
        """Create one folder; raises FileExistsError."""
        path.mkdir(mode)

    def is_folder(self, path: Path) -> bool:
        """Whether a folder stands there."""
        return path.is_dir()

    def sync_folder(self, path: Path) -> None:
        """Make the names in a folder durable."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def files(self, folder: Path) -> Iterator[Path]:
        """Every file below a folder, in a fixed order."""
        for where, folders, names in os.walk(folder):
            folders.sort()
            yield from (Path(where, name) for name in sorted(names))


@contextlib.contextmanager
def reported(doing: str, path: Path, needed: int = 0) -> Iterator[None]:
    """Turn an OSError into a StoreError that says what was being done, where, and what to do."""
    try:
        yield
    except OSError as error:
        message = f"{doing} {path}: {error.strerror or error}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message += f" ({_room(path, needed)}). Free some space; the same command then continues."
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            message += ". The folder must be writable by you."
        raise StoreError(message) from error


def _room(path: Path, needed: int) -> str:
    for folder in path.parents:
        if folder.is_dir():
            space = os.statvfs(folder)
            return f"{needed} bytes are needed, {space.f_bavail * space.f_frsize} are free"
    return f"{needed} bytes are needed"


def ensure_folder(disk: Disk, path: Path, mode: int = 0o777) -> None:
    """Create a folder and its parents where absent; each new name is made durable."""
    missing: list[Path] = []
    while not disk.is_folder(path):
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another process was faster
            disk.make_folder(folder, mode)
            disk.sync_folder(folder.parent)


def publish(disk: Disk, path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file so that its name holds either all the new bytes or the old ones, whatever happens; raise StoreError.

    Temporary name in the same folder, write, fsync, rename, fsync the folder: the order is the guarantee.
    """
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}{TEMPORARY_SUFFIX}")
    with reported("writing", path, len(data)):
        ensure_folder(disk, path.parent)
        try:
            file = disk.create(temporary, mode)
            try:
                file.write(data)
                file.sync()
            finally:
                file.close()
            disk.replace(temporary, path)
        except OSError:
            with contextlib.suppress(OSError):  # the first error is the one to report; the sweep takes what is left
                disk.remove(temporary)
            raise
        disk.sync_folder(path.parent)


def is_temporary(path: Path) -> bool:
    """Whether a file is one of ours that never got its final name."""
    return path.name.startswith(TEMPORARY_PREFIX) and path.name.endswith(TEMPORARY_SUFFIX)
