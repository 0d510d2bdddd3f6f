"""Disks for tests: one that records calls, one that fails on the n-th, and one that loses what was not synced."""

from __future__ import annotations

import errno
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flux2flow.store import DiskFile, LocalDisk


class Counting(LocalDisk):
    """The real disk, with a log of every call; call number `fail_at` (from 1) raises `error` instead."""

    def __init__(self, fail_at: int = 0, error: int = errno.EIO) -> None:
        self.calls: list[tuple[str, str]] = []
        self.fail_at, self.error = fail_at, error

    def count(self, call: str, path: Path) -> None:
        self.calls.append((call, str(path)))
        if len(self.calls) == self.fail_at:
            raise OSError(self.error, "made to fail", str(path))

    def create(self, path: Path, mode: int) -> DiskFile:
        self.count("create", path)
        return _Counted(self, path, super().create(path, mode))

    def append(self, path: Path, mode: int) -> DiskFile:
        self.count("append", path)
        return _Counted(self, path, super().append(path, mode))

    def replace(self, source: Path, target: Path) -> None:
        self.count("replace", source)
        super().replace(source, target)

    def remove(self, path: Path) -> None:
        self.count("remove", path)
        super().remove(path)

    def make_folder(self, path: Path, mode: int) -> None:
        self.count("make_folder", path)
        super().make_folder(path, mode)

    def sync_folder(self, path: Path) -> None:
        self.count("sync_folder", path)
        super().sync_folder(path)

    def read(self, path: Path) -> bytes:
        self.count("read", path)
        return super().read(path)


class _Counted:
    def __init__(self, disk: Counting, path: Path, inner: DiskFile) -> None:
        self._disk, self._path, self._inner = disk, path, inner

    def write(self, data: bytes) -> None:
        self._disk.count("write", self._path)
        self._inner.write(data)

    def sync(self) -> None:
        self._disk.count("sync", self._path)
        self._inner.sync()

    def close(self) -> None:
        self._inner.close()


@dataclass
class _Inode:
    written: bytearray = field(default_factory=bytearray)
    durable: bytes = b""


@dataclass
class CrashDisk:
    """A file system in memory that keeps what is durable apart from what a power loss may take.

    `after_crash` builds a disk as a reboot could find it: every unsynced name change and every unsynced byte range is
    kept, dropped or torn at random. `honest=False` ignores syncs of files: the positive control.
    """

    honest: bool = True
    folders: set[Path] = field(default_factory=lambda: {Path("/")})
    durable_folders: set[Path] = field(default_factory=lambda: {Path("/")})
    names: dict[Path, _Inode] = field(default_factory=dict)
    durable_names: dict[Path, _Inode] = field(default_factory=dict)
    stop_at: int = 0
    calls: int = 0

    def _call(self) -> None:
        self.calls += 1
        if self.calls == self.stop_at:
            raise PowerLoss

    def create(self, path: Path, mode: int) -> DiskFile:
        self._call()
        if path in self.names:
            raise FileExistsError(errno.EEXIST, "exists", str(path))
        return self.append(path, mode)

    def append(self, path: Path, mode: int) -> DiskFile:
        if path.parent not in self.folders:
            raise FileNotFoundError(errno.ENOENT, "no folder", str(path))
        return _CrashFile(self, self.names.setdefault(path, _Inode()))

    def read(self, path: Path) -> bytes:
        if path not in self.names:
            raise FileNotFoundError(errno.ENOENT, "no file", str(path))
        return bytes(self.names[path].written)

    def replace(self, source: Path, target: Path) -> None:
        self._call()
        self.names[target] = self.names.pop(source)

    def remove(self, path: Path) -> None:
        self._call()
        if self.names.pop(path, None) is None:
            raise FileNotFoundError(errno.ENOENT, "no file", str(path))

    def make_folder(self, path: Path, mode: int) -> None:
        self._call()
        if path in self.folders:
            raise FileExistsError(errno.EEXIST, "exists", str(path))
        self.folders.add(path)

    def is_folder(self, path: Path) -> bool:
        return path in self.folders

    def sync_folder(self, path: Path) -> None:
        self._call()
        self.durable_folders |= {folder for folder in self.folders if folder.parent == path}
        for known in [known for known in self.durable_names if known.parent == path and known not in self.names]:
            del self.durable_names[known]
        self.durable_names |= {known: inode for known, inode in self.names.items() if known.parent == path}

    def files(self, folder: Path) -> Iterator[Path]:
        return iter(sorted(path for path in self.names if folder in path.parents))

    def after_crash(self, chance: random.Random) -> CrashDisk:
        """One of the states a reboot may find."""
        folders = {path for path in self.folders if path in self.durable_folders or chance.random() < 0.5}
        folders = {path for path in folders if all(parent in folders for parent in path.parents)}
        names: dict[Path, _Inode] = {}
        for path in self.names.keys() | self.durable_names.keys():
            before, after = self.durable_names.get(path), self.names.get(path)
            inode = after if before is after or chance.random() < 0.5 else before
            if inode is not None and path.parent in folders:
                content = _torn(inode, chance)
                names[path] = _Inode(bytearray(content), content)
        return CrashDisk(self.honest, folders, set(folders), names, dict(names))


def _torn(inode: _Inode, chance: random.Random) -> bytes:
    """Return what the disk holds of a file: the synced bytes, and any prefix, or zeros, of the rest."""
    extra = bytes(inode.written[len(inode.durable) :])
    kept = chance.randint(0, len(extra))
    tail = extra[:kept] if chance.random() < 0.7 else bytes(kept)
    return inode.durable + tail


class PowerLoss(BaseException):
    """The machine stopped here."""


class _CrashFile:
    def __init__(self, disk: CrashDisk, inode: _Inode) -> None:
        self._disk, self._inode = disk, inode

    def write(self, data: bytes) -> None:
        self._disk._call()
        self._inode.written += data

    def sync(self) -> None:
        self._disk._call()
        if self._disk.honest:
            self._inode.durable = bytes(self._inode.written)

    def close(self) -> None:
        pass
