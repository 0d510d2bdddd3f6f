"""Bytes read so far → a bar on a terminal, a line at each tenth elsewhere. Says nothing of small files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flux2flow.cli.console import console
from flux2flow.cli.text import visible

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

WORTH_SHOWING = 256 * 2**20
"""Bytes: less than that is read within a second."""
_TENTHS = 10


def size_text(size: int) -> str:
    """Write bytes as people do: 7.75 GB, 168 MB."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} bytes"


@contextmanager
def reading() -> Iterator[Callable[[Path, int, int], None]]:
    """Show how far the reading of large files is."""
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        bar = _Bar()
        try:
            yield bar
        finally:
            bar.close()
    else:
        yield _Lines()


class _Lines:
    def __init__(self) -> None:
        self._told = 0

    def __call__(self, file: Path, done: int, of: int) -> None:
        tenth = done * _TENTHS // max(of, 1)
        if of >= WORTH_SHOWING and tenth > self._told:
            self._told = tenth
            console.note(f"read {tenth * 10} % of {size_text(of)}: {visible(file.name)}")


class _Bar:
    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self, file: Path, done: int, of: int) -> None:
        if of < WORTH_SHOWING:
            return
        if self._progress is None or self._task is None:
            from rich.console import Console  # here: rich is for terminals, and only where there is something to show
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

            self._progress = Progress(
                TextColumn("Reading"),
                BarColumn(bar_width=32),
                DownloadColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[file]}", markup=False, style="bright_black"),
                console=Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR")), highlight=False),
                transient=True,
            )
            self._progress.start()
            self._task = self._progress.add_task("Reading", total=of, file="")
        self._progress.update(self._task, completed=done, total=of, file=visible(file.name))

    def close(self) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()
