"""Runs checks on one subject and gathers what they found, worst first. Knows no check by name.

A check that crashes did not pass: it becomes an `error` finding, which keeps the file back like a failure.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from dataclasses import replace

from flux2flow.domain.finding import Finding, Level
from flux2flow.interfaces import Check, CheckSubject
from flux2flow.validation import checks as _checks
from flux2flow.validation.profiles import PROFILES, Profile

_SEVERITY: tuple[Level, ...] = ("error", "fail", "warn", "info")


def built_in() -> tuple[Check, ...]:
    """Every check of `checks/`, by file name; adding a file there is all it takes."""
    names = sorted(module.name for module in pkgutil.iter_modules(_checks.__path__) if not module.name.startswith("_"))
    found: list[Check] = [importlib.import_module(f"{_checks.__name__}.{name}").CHECK for name in names]
    return tuple(found)


def aliases(checks: Sequence[Check]) -> dict[str, str]:
    """Map every name of a check to its id: the id itself, and its T-numbers."""
    names = {alias: check.id for check in checks for alias in getattr(check, "aliases", ())}
    return names | {check.id: check.id for check in checks}


def validate(subject: CheckSubject, checks: Sequence[Check], profile: Profile | None = None) -> tuple[Finding, ...]:
    """Run every check that can be run on this subject: without a decoded file, those that need no pixels.

    The profile is the one that the subject's standards name, unless one is given.
    """
    profile = PROFILES[subject.standards.profile] if profile is None else profile
    found: list[Finding] = []
    for check in checks:
        if check.id in profile.left_out or (check.needs_pixels and subject.decoded is None):
            continue
        found.extend(_levelled(finding, profile) for finding in _run(check, subject))
    return tuple(sorted(found, key=lambda finding: _SEVERITY.index(finding.level)))


def _run(check: Check, subject: CheckSubject) -> Iterator[Finding]:
    try:
        yield from tuple(check.run(subject))
    except Exception as crash:  # noqa: BLE001 - a plugin's check may raise anything, and it may not release the file
        yield Finding(
            check=check.id,
            level="error",
            message=f"the check crashed: {type(crash).__name__}: {crash}",
            asset=subject.scene.id,
            remedy="This is a bug in the check, not in the picture. Report it with the command that was run.",
        )


def _levelled(finding: Finding, profile: Profile) -> Finding:
    """Hold a finding's level against the profile; a crash and a note stay what they are."""
    if finding.level in ("error", "info"):
        return finding
    place = _SEVERITY.index(finding.level)  # the smaller, the worse
    if (floor := profile.floors.get(finding.check)) is not None:
        place = min(place, _SEVERITY.index(floor))
    if (ceiling := profile.ceilings.get(finding.check)) is not None:
        place = max(place, _SEVERITY.index(ceiling))
    return replace(finding, level=_SEVERITY[place])
