"""Who works on what: locks that the kernel frees when their holder dies, however it dies. No process id is trusted."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from flux2flow.errors import StoreError
from flux2flow.store.disk import reported


class Lease:
    """A lock on one file, held until it is released or the process ends."""

    def __init__(self, descriptor: int) -> None:
        """Take over an open, locked descriptor."""
        self._descriptor = descriptor

    def release(self) -> None:
        """Give it back."""
        os.close(self._descriptor)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Leases:
    """The lock files in `leases/<key>`, one per piece of work.

    A lock file is never removed by its holder (two processes could then hold a lock each, on a removed and on a new
    file of one name); the store sweeps them all while it knows that no other process is present.
    """

    def __init__(self, root: Path) -> None:
        """`root` is the folder `leases`; it must exist."""
        self._root = root

    def attempt(self, key: str) -> Lease | None:
        """Take the lease on a key; None while somebody else (another thread, too) holds it."""
        return lock(self._root / key, fcntl.LOCK_EX)

    def wait(self, key: str, *, pause: float = 0.02, stopped: Callable[[], bool] = lambda: False) -> Lease | None:
        """Take the lease on a key once it is free; None when `stopped` says so. `pause` is the first sleep, seconds."""
        while not stopped():
            if (lease := self.attempt(key)) is not None:
                return lease
            time.sleep(pause)
            pause = min(pause * 1.5, 0.25)
        return None


class Presence:
    """A shared lock that every process at work on one state holds; alone, it is exclusive for a moment to sweep."""

    def __init__(self, path: Path) -> None:
        """`path` is the lock file; its folder must exist."""
        self._path = path
        self._descriptor = -1

    def enter(self, sweep: Callable[[], None]) -> None:
        """Become present; sweep first where nobody else is."""
        with reported("locking", self._path):
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._sweep_if_alone(sweep)
            # Changing the lock's kind is not atomic; another process may sweep in between, when we hold nothing yet.
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def leave(self, sweep: Callable[[], None]) -> None:
        """Stop being present; the last one to leave sweeps."""
        with reported("unlocking", self._path):
            try:
                self._sweep_if_alone(sweep)
            finally:
                os.close(self._descriptor)

    def _sweep_if_alone(self, sweep: Callable[[], None]) -> None:
        if _try(self._descriptor, fcntl.LOCK_EX):
            sweep()


def lock(path: Path, kind: int) -> Lease | None:
    """Lock a file, created where absent; None where the lock is held. Raises StoreError where there are no locks."""
    with reported("locking", path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if _try(descriptor, kind):
                return Lease(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN):
            return False
        if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP):
            raise StoreError(
                "the file system of the project offers no locks; keep the project on a local disk"
            ) from error
        raise
    return True
