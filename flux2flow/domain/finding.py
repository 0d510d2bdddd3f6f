"""What a check found: its level, where, by how much, and what to do — and who answers for letting it pass."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from flux2flow.domain.measures import Box

Level = Literal["info", "warn", "fail", "error"]
"""`fail` keeps the file out of the output; `error` is a check that crashed and does the same."""


def _is_a_date(text: str) -> str:
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError(f"{text!r} is no date: write it as 2027-03-31") from error


class Waiver(BaseModel):
    """Lets findings of one check pass on some assets: somebody's decision, with a reason and an end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    check: str = Field(description="a check's id, such as contrast, or its T-number")
    asset: str = Field("*", description="which assets, by id; * stands for anything, as in hero/*/ar")
    reason: str = Field(min_length=1, description="why these findings may pass")
    by: str = Field(min_length=1, description="who decided it")
    until: Annotated[str, AfterValidator(_is_a_date)] = Field(description="the last day it holds, as 2027-03-31")

    def expired(self, on: dt.date) -> bool:
        """Whether its last day lies before this one."""
        return dt.date.fromisoformat(self.until) < on


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
    waiver: Waiver | None = None
    """The campaign's decision to let it pass; it stays visible."""

    @property
    def blocking(self) -> bool:
        """Whether it keeps the file from being released."""
        return self.level in ("fail", "error") and self.waiver is None
