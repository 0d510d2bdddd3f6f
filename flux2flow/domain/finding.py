"""What a check found: its level, where, by how much, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flux2flow.domain.measures import Box

Level = Literal["info", "warn", "fail", "error"]
"""`fail` keeps the file out of the output; `error` is a check that crashed and does the same."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of one check on one asset. `check` is the check's kebab-case id; `box` is in canvas pixels."""

    check: str
    level: Level
    message: str
    asset: str
    layer: str = ""
    box: Box | None = None
    measured: str = ""
    limit: str = ""
    remedy: str = ""

    @property
    def blocking(self) -> bool:
        """Whether it keeps the file from being released."""
        return self.level in ("fail", "error")
