"""Knows where things live (root, state, output, shipped library) and how a file in there is opened safely.

A path from a user's file is opened one part at a time below its root, so that nothing outside can be read, not even
through a symbolic link or a race. Refuses to know what the files mean.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flux2flow.domain.files import FileRef
from flux2flow.errors import GateError, StoreError

MARKER = "flux2flow.yaml"
STATE = ".flux2flow"
OUTPUT = "build"
MAX_FILE = 64 * 1024 * 1024
MAX_LINKS = 16
MAX_PATH = 1024
_LFS = b"version https://git-lfs.github.com/spec/"


class FileRefusedError(GateError):
    """A path or file is refused.

    `code` is stable: missing-file, bad-path, outside-project, not-a-file, too-large, lfs-pointer.
    """

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.remedy = code, message, remedy


@dataclass(frozen=True, slots=True)
class Project:
    """One project and the roots its files may come from: itself, plugins' libraries by name, the shipped library."""

    root: Path
    library: Path
    plugins: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def of(cls, campaign_path: Path | str, plugins: Mapping[str, Path] | None = None) -> Project:
        """Find the project of a campaign: the nearest ancestor with flux2flow.yaml, else the campaign's folder."""
        folder = Path(campaign_path).absolute().parent.resolve()
        marked = (ancestor for ancestor in (folder, *folder.parents) if (ancestor / MARKER).is_file())
        return cls(next(marked, folder), library_root(), dict(plugins or {}))

    @property
    def state(self) -> Path:
        """The folder for everything that can be made again."""
        return self.root / STATE

    def output(self, campaign_id: str) -> Path:
        """Name the folder that a campaign's released files go to."""
        return self.root / OUTPUT / campaign_id

    @property
    def roots(self) -> Mapping[str, Path]:
        """Every root by the name a FileRef carries, in the order of the search."""
        named = {f"plugin:{name}": path for name, path in self.plugins.items()}
        return {"project": self.root, **named, "library": self.library}

    def path(self, file: FileRef) -> Path:
        """Turn a reference back into a path; it is not opened."""
        return self._root(file.root) / file.path

    def read(self, file: FileRef) -> bytes:
        """Read a file by reference; raise StoreError where the bytes no longer match the digest."""
        try:
            data = self.open(file.root, file.path)
        except FileRefusedError as error:
            raise StoreError(f"{file.path}: {error}") from error
        if hashlib.sha256(data).hexdigest() != file.digest:
            raise StoreError(f"{file.path} has changed since it was loaded: run the command again")
        return data

    def refer(self, root: str, relative: str) -> FileRef:
        """Make the reference of a file; raise FileRefusedError where it cannot be used."""
        return reference(root, relative, self.open(root, relative))

    def open(self, root: str, relative: str, limit: int = MAX_FILE) -> bytes:
        """Read a file below a root, once; raise FileRefusedError where it is unsafe, absent or beyond `limit` bytes."""
        descriptor = _open_below(self._root(root), relative)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise FileRefusedError("not-a-file", f"{relative} is not a regular file")
            if status.st_size > limit:
                raise _too_large(relative, limit)
            with open(descriptor, "rb", closefd=False) as stream:
                data = stream.read(limit + 1)
        finally:
            os.close(descriptor)
        if len(data) > limit:
            raise _too_large(relative, limit)
        if data.startswith(_LFS) and len(data) < 1024:
            raise FileRefusedError(
                "lfs-pointer",
                f"{relative} is a Git LFS pointer, not the file itself",
                "fetch the files with: git lfs pull",
            )
        return data

    def exists(self, root: str, relative: str) -> bool:
        """Say whether a usable file stands there, without reading it."""
        try:
            descriptor = _open_below(self._root(root), relative)
        except FileRefusedError:
            return False
        try:
            return stat.S_ISREG(os.fstat(descriptor).st_mode)
        finally:
            os.close(descriptor)

    def entries(self, root: str, folder: str) -> tuple[str, ...]:
        """List the names in a folder below a root, sorted; nothing where there is no such folder."""
        try:
            descriptor = _open_below(self._root(root), folder, folder=True)
        except FileRefusedError:
            return ()
        try:
            return tuple(sorted(os.listdir(descriptor)))  # noqa: PTH208  # pathlib cannot list a descriptor
        finally:
            os.close(descriptor)

    def relative(self, path: Path | str) -> str:
        """Express a path below the project's root as a POSIX path; raise FileRefusedError for one outside."""
        absolute = Path(os.path.normpath(Path(path).absolute()))
        for candidate in (absolute, absolute.parent.resolve() / absolute.name):
            if candidate.is_relative_to(self.root):
                return candidate.relative_to(self.root).as_posix()
        raise FileRefusedError("outside-project", f"{path} is outside the project {self.root}")

    def _root(self, name: str) -> Path:
        try:
            return self.roots[name]
        except KeyError:
            raise StoreError(f"there is no root {name!r}; known are {', '.join(self.roots)}") from None


def reference(root: str, relative: str, data: bytes) -> FileRef:
    """Make the reference of a file whose bytes were just read."""
    return FileRef(root, relative, hashlib.sha256(data).hexdigest())


def library_root() -> Path:
    """Find the shipped library: `_library` beside the imported package, else the repository that holds the package."""
    package = Path(__file__).resolve().parent
    shipped = package / "_library"
    return shipped if shipped.is_dir() else package.parent


def check_relative(relative: str) -> tuple[str, ...]:
    """Split a path from a user's file into its parts; raise FileRefusedError for one that is unsafe or not portable."""
    for character, name in (("\0", "a NUL character"), ("\\", "a backslash"), (":", "a colon")):
        if character in relative:
            raise FileRefusedError(
                "bad-path", f"{relative!r} holds {name}", "write a relative path with forward slashes"
            )
    if relative.startswith(("/", "~")):
        raise FileRefusedError("bad-path", f"{relative!r} is an absolute path", "write a path relative to the project")
    parts = tuple(part for part in relative.split("/") if part not in ("", "."))
    if ".." in parts:
        raise FileRefusedError("outside-project", f"{relative!r} climbs with '..'", "keep the file inside the project")
    if len(relative) > MAX_PATH or not relative.isprintable():
        raise FileRefusedError("bad-path", f"{relative[:60]!r} is no usable path")
    return parts


def _open_below(root: Path, relative: str, *, folder: bool = False) -> int:
    """Open a path part by part; a symbolic link is followed by hand, so it can never leave the root."""
    pending = list(reversed(check_relative(relative)))
    if not pending and not folder:
        raise FileRefusedError("not-a-file", "the path is empty")
    try:
        stack = [os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]
    except OSError as error:
        raise FileRefusedError("missing-file", f"{root} cannot be opened: {error.strerror}") from error
    links = 0
    try:
        while pending:
            part = pending.pop()
            if part == "..":
                if len(stack) == 1:
                    raise FileRefusedError("outside-project", f"{relative} leads outside through a symbolic link")
                os.close(stack.pop())
                continue
            target = _link_target(part, stack[-1])
            if target is None:
                stack.append(_open_part(part, stack[-1], relative, inner=bool(pending) or folder))
                continue
            links += 1
            if links > MAX_LINKS or target.startswith("/"):
                raise FileRefusedError("outside-project", f"{relative} leads outside through a symbolic link")
            pending += reversed([name for name in target.split("/") if name not in ("", ".")])
        return stack.pop()
    finally:
        for descriptor in stack:
            os.close(descriptor)


def _link_target(part: str, parent: int) -> str | None:
    try:
        return os.readlink(part, dir_fd=parent)
    except OSError:
        return None  # no symbolic link, or absent: opening it says which


def _open_part(part: str, parent: int, relative: str, *, inner: bool) -> int:
    # O_NONBLOCK: opening a FIFO must not wait for its writer
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | (os.O_DIRECTORY if inner else 0)
    try:
        return os.open(part, flags, dir_fd=parent)
    except FileNotFoundError:
        raise FileRefusedError("missing-file", f"{relative} does not exist") from None
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ENAMETOOLONG):
            raise FileRefusedError("missing-file", f"{relative} does not exist") from None
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise FileRefusedError("not-a-file", f"{relative} is not a regular file") from None
        raise FileRefusedError("missing-file", f"{relative} cannot be read: {error.strerror}") from error


def _too_large(relative: str, limit: int) -> FileRefusedError:
    size = f"{limit // (1024 * 1024)} MiB" if limit >= 1024 * 1024 else f"{limit // 1024} KiB"
    return FileRefusedError("too-large", f"{relative} is larger than {size}")
