"""Starts the command line, waits for its first word on stderr, and presses Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Interrupted:
    """What an interrupted command said and how it ended."""

    told: str  # its first line on stderr
    shown: str
    error: str  # what followed on stderr
    code: int


def interrupt(*arguments: str | Path, first: Callable[[], object] = lambda: None) -> Interrupted:
    """Run `flux2flow`; after its first line on stderr look around with `first`, then interrupt it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flux2flow", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a suite in the background ignores it
    )
    assert process.stderr is not None
    told = process.stderr.readline()
    first()
    process.send_signal(signal.SIGINT)
    shown, error = process.communicate(timeout=120)
    return Interrupted(told, shown, error, process.returncode)
