"""Findings and a campaign's waivers → findings that say who lets them pass; and what is wrong with the waivers.

The day is an argument. A waived finding keeps its level and stays visible; it only blocks no longer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from flux2flow.domain.finding import Finding, Waiver

CHECK = "waiver"
"""The id of findings about waivers themselves; their layer is `waivers/` and the waiver's place in the list, from 0."""


def waived(
    findings: Iterable[Finding], waivers: Sequence[Waiver], on: dt.date, names: Mapping[str, str]
) -> tuple[Finding, ...]:
    """Mark what a waiver covers on that day; `names` maps ids and T-numbers to ids. Notes need no waiver.

    A crash of a check is never waived: nobody can know what it would have found.
    """
    valid = [waiver for waiver in waivers if not waiver.expired(on)]

    def mark(finding: Finding) -> Finding:
        if finding.level not in ("warn", "fail"):
            return finding
        found = next((waiver for waiver in valid if _covers(waiver, finding, names)), None)
        return finding if found is None else replace(finding, waiver=found)

    return tuple(mark(finding) for finding in findings)


def notices(
    findings: Iterable[Finding], waivers: Sequence[Waiver], on: dt.date, *, complete: bool
) -> tuple[Finding, ...]:
    """Name the waivers that have ended and, where everything was checked, those that cover nothing."""
    used = {finding.waiver for finding in findings if finding.waiver is not None}
    return tuple(
        notice
        for number, waiver in enumerate(waivers)
        if (notice := _notice(waiver, number, on, unused=complete and waiver not in used)) is not None
    )


def _notice(waiver: Waiver, number: int, on: dt.date, *, unused: bool) -> Finding | None:
    layer = f"waivers/{number}"
    whose = f"the waiver of {waiver.check} on {waiver.asset} by {waiver.by}"
    if waiver.expired(on):
        message = f"{whose} ended on {waiver.until}: what it let pass counts again"
        remedy = "Remove it, or decide anew and write a later day."
        return Finding(CHECK, "warn", message, "", layer, limit=waiver.until, remedy=remedy)
    if unused:
        remedy = "Remove it: it may hide what comes later."
        return Finding(CHECK, "warn", f"{whose} covers nothing", "", layer, remedy=remedy)
    return None


def _covers(waiver: Waiver, finding: Finding, names: Mapping[str, str]) -> bool:
    same = names.get(waiver.check, waiver.check) == finding.check
    return same and fnmatchcase(finding.asset, waiver.asset)
