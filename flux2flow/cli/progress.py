"""Events of a run → bars or lines. Decides when something is worth showing; a run with nothing to do shows nothing."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from flux2flow.cli.text import visible
from flux2flow.interfaces import Event

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_STEPS = 10
"""Of the pictures: plain lines tell each tenth of them, plates each."""
_STEPS_SHARE = 0.95
"""Of a plate: its steps. A model painted in phases decodes all plates at the end."""


def silence(_event: Event) -> None:
    """Show nothing."""


class Lines:
    """Plain lines, for logs."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._told = -1

    def __call__(self, event: Event) -> None:
        """Tell each plate, each phase of a large model, each tenth of the pictures, and everything that goes wrong."""
        if event.kind == "plate" and not event.reused:
            self._write(f"plate {event.done}/{event.of} painted: {visible(event.subject)}")
        elif event.kind == "phase" and event.done == 0:
            self._write(visible(f"{event.subject} ({event.of})" if event.of > 1 else event.subject))
        elif event.kind == "failure":
            self._write(f"failed: {visible(event.subject)}: {visible(event.detail)}")
        elif event.kind == "asset" and event.detail and not event.reused:
            self._write(f"kept back: {visible(event.subject)}")
        elif event.kind == "end" and event.detail:
            self._write(visible(event.detail))
        if event.kind == "asset" and not event.reused:
            tenth = event.done * _STEPS // max(event.of, 1)
            if tenth > self._told:
                self._told = tenth
                self._write(f"picture {event.done}/{event.of}")


class Bars:
    """Two bars: plates, which take the time, and pictures. They appear with the first thing that is really made."""

    def __init__(self, plates: int, *, color: bool) -> None:
        self._plates, self._color = plates, color
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._done = 0
        self._begun: dict[str, float] = {}

    def __enter__(self) -> Bars:
        """Wait for the first event."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bars away."""
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Move the bars."""
        if event.kind in ("plate", "failure", "asset") and (event.reused and self._progress is None):
            return
        if event.kind == "phase":
            self._show("Plates", self._painted(), self._plates, _phase(event))
        elif event.kind == "plate-step":
            self._begun[event.subject] = event.done / event.of if event.of else 0
            self._show("Plates", self._painted(), self._plates, event.subject)
        elif event.kind == "plate":
            self._done = event.done
            self._begun.pop(event.subject, None)
            self._show("Plates", self._painted(), event.of, event.subject)
        elif event.kind == "asset":
            self._show("Pictures", event.done, event.of, event.subject)
        elif event.kind == "failure" or (event.kind == "end" and event.detail):
            self._begun.pop(event.subject, None)
            self._bars().console.print(visible(f"{event.subject}: {event.detail}"), markup=False, highlight=False)

    def _painted(self) -> float:
        """Count finished plates, and of those begun a share that leaves room for decoding."""
        return self._done + _STEPS_SHARE * sum(self._begun.values())

    def _show(self, name: str, done: float, of: int, subject: str) -> None:
        bars = self._bars()
        if name not in self._tasks:
            self._tasks[name] = bars.add_task(name, total=of, subject="")
        bars.update(self._tasks[name], completed=done, total=of, subject=visible(subject))

    def _bars(self) -> Progress:
        if self._progress is None:
            from rich.console import (
                Console,
            )  # here: rich is for terminals, and only when there is something to wait for
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            self._progress = Progress(
                TextColumn("{task.description:8}", markup=False),
                BarColumn(bar_width=32),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[subject]}", markup=False, style="bright_black"),
                console=Console(stderr=True, no_color=not self._color, highlight=False),
                transient=True,
            )
            self._progress.start()
        return self._progress


def _phase(event: Event) -> str:
    return f"{event.subject} ({event.done + 1} of {event.of})" if event.of > 1 else event.subject
