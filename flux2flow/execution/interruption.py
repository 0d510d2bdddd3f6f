"""Ctrl-C, SIGTERM and SIGHUP → an orderly stop: no new work, what is finished is kept. Knows nothing about the work."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """The run was told to stop; everything finished is kept."""

    def __init__(self, number: int) -> None:
        super().__init__("Interrupted. What was finished is kept: the same command continues from here.")
        self.exit_code = 128 + number


class Interruption:
    """Listens for signals while a run is under way.

    The first one is raised at once only inside `breakable` (slow code that holds nothing), elsewhere at the next
    `check`, so that no write is cut in two. The second one gets the system's default: the process ends at once, which
    the state survives like any other kill.
    """

    def __init__(self) -> None:
        self._number = 0
        self._breakable = False

    @contextlib.contextmanager
    def listening(self) -> Iterator[Interruption]:
        """Take over the signals; outside the main thread, where Python allows none, leave them alone."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        try:
            yield self
        finally:
            for number, action in before.items():
                signal.signal(number, action)

    @property
    def stopped(self) -> bool:
        """Whether a signal came. May be asked from any thread."""
        return self._number != 0

    def check(self) -> None:
        """Raise Interrupted if a signal came. May be called from any thread."""
        if self._number:
            raise Interrupted(self._number)

    @contextlib.contextmanager
    def breakable(self) -> Iterator[None]:
        """Let a signal break into the block. For the main thread, around code that may be left at any point."""
        self._breakable = True
        try:
            self.check()
            yield
        finally:
            self._breakable = False

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self._number:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self._number = number
        if self._breakable:
            raise Interrupted(number)
