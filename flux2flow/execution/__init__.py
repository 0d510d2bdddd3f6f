"""Runs a Plan: the one room where phases meet. Resumes by looking at what stands and verifies."""

from __future__ import annotations

from flux2flow.execution.interruption import Interrupted
from flux2flow.execution.run import run
from flux2flow.execution.scenes import examine

__all__ = ["Interrupted", "examine", "run"]
