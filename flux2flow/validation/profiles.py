"""Which checks a kind of delivery runs, and at which level. Knows nothing about what a check does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flux2flow.domain.finding import Level


@dataclass(frozen=True, slots=True)
class Profile:
    """What a delivery demands: checks that are left out, and the highest level that others may reach."""

    name: str
    left_out: frozenset[str] = frozenset()
    ceilings: Mapping[str, Level] = field(default_factory=dict)


WEB = Profile("web")
"""The default: every check, at its own level."""
