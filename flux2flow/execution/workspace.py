"""What every step of one run shares: the plan, the state, the registry, the journal, whoever watches."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from flux2flow.domain.plan import Plan
from flux2flow.execution.interruption import Interruption
from flux2flow.interfaces import Event, Progress, TextReader
from flux2flow.plugins import Registry
from flux2flow.project import Project
from flux2flow.store import Journal, Store
from flux2flow.store.journal import RecordKind


@dataclass
class Workspace:
    """One run.

    Its number and journal come into being with the first thing worth recording: a run that finds everything done
    leaves no trace.
    """

    plan: Plan
    project: Project
    registry: Registry
    store: Store
    progress: Progress
    interruption: Interruption
    force: bool = False
    clock: Callable[[], float] = time.time
    reader: TextReader | None = None
    """Reads every picture back, where that was asked for."""
    _run: str = ""
    _journal: Journal | None = None
    _opening: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def today(self) -> dt.date:
        """The day of the run, UTC: what waivers' last days are held against."""
        return dt.datetime.fromtimestamp(self.clock(), dt.UTC).date()

    @property
    def output(self) -> Path:
        """The folder of released files."""
        return self.project.output(self.plan.campaign)

    @property
    def run(self) -> str:
        """The run's number; empty while nothing was recorded."""
        return self._run

    @property
    def rejected(self) -> Path:
        """The folder of this run's rejected pictures."""
        return self.store.run_folder(self._run) / "rejected"

    def record(self, kind: RecordKind, subject: str, **details: str | int) -> None:
        """Write one line of the journal; the first one opens the run."""
        with self._opening:
            if self._journal is None:
                self._run, self._journal = self.store.new_run(self.clock)
                self._journal.append("run-start", self.plan.campaign, scenes=len(self.plan.scenes))
        self._journal.append(kind, subject, **details)

    def close(self, outcome: str) -> None:
        """End the journal, if there is one."""
        if self._journal is not None:
            self._journal.append("run-end", self.plan.campaign, outcome=outcome)
            self._journal.close()

    def tell(self, event: Event) -> None:
        """Report progress; from the main thread only."""
        self.progress(event)
