"""Report → the summary a terminal shows, as data: counts, problems grouped over assets, and where the page is.

Prints nothing and knows no colour; `cli/console.py` does both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.report import Report

_WORST_FIRST: tuple[Level, ...] = ("error", "fail", "warn", "info")


@dataclass(frozen=True, slots=True)
class Problem:
    """What one check says about one layer, over all assets: its messages and where."""

    level: Level
    check: str
    layer: str
    messages: tuple[str, ...]
    remedy: str
    assets: tuple[str, ...]
    waiver: str = ""
    """Who lets it pass, why and until when."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What `render` says at its end."""

    headline: str
    counts: tuple[str, ...]
    problems: tuple[Problem, ...]
    notes: int
    failures: tuple[tuple[str, str], ...]
    page: str
    exit_code: int


def problems_of(findings: Sequence[Finding], *, least: Level = "warn") -> tuple[Problem, ...]:
    """Group findings of one check, layer and waiver, worst level first; leave out those below `least`.

    Waived ones come last: they need nobody's attention, and nobody shall forget them.
    """
    grouped: dict[tuple[bool, int, str, str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        place = _WORST_FIRST.index(finding.level)
        if place <= _WORST_FIRST.index(least):
            waiver = waiver_words(finding)
            layer = finding.layer.partition("/")[0]  # a chart's or table's parts are one layer to its maker
            grouped[bool(waiver), place, finding.check, layer, waiver].append(finding)
    return tuple(
        Problem(
            found[0].level,
            check,
            layer,
            tuple(dict.fromkeys(finding.message for finding in found)),
            _remedy(found),
            tuple(dict.fromkeys(finding.asset for finding in found if finding.asset)),
            waiver,
        )
        for (_, _, check, layer, waiver), found in sorted(grouped.items())
    )


def waiver_words(finding: Finding) -> str:
    """Say who lets a finding pass; empty where nobody does."""
    waiver = finding.waiver
    return f"waived by {waiver.by} until {waiver.until}: {waiver.reason}" if waiver is not None else ""


def _remedy(found: Sequence[Finding]) -> str:
    """Give the remedy that all have, or the first one with the asset it is for."""
    remedies = list(dict.fromkeys(finding.remedy for finding in found if finding.remedy))
    if len(remedies) < 2:
        return "".join(remedies)
    first = next(finding for finding in found if finding.remedy)
    return f"{first.asset}: {first.remedy}"


def summarise(report: Report, page: str) -> Summary:
    """Sum up a run; `page` is the page's address as it is shown."""
    assets, plates = report.assets, report.plates
    made = sum(not asset.reused for asset in assets)
    kept = sum(not asset.released for asset in assets)
    painted = sum(not plate.reused for plate in plates)
    counts = (
        f"{_amount(len(assets) - kept, 'picture')} released: {made} made, {len(assets) - made} reused"
        if not kept
        else f"{_amount(len(assets), 'picture')}: {made} made, {len(assets) - made} reused; {kept} kept back",
        f"{_amount(len(plates), 'plate')}: {painted} painted, {len(plates) - painted} reused",
    )
    return Summary(
        headline=_headline(report, made, painted, kept),
        counts=counts,
        problems=problems_of(report.findings),
        notes=sum(finding.level == "info" for finding in report.findings),
        failures=tuple((failure.subject, failure.reason) for failure in report.failures),
        page=page,
        exit_code=report.exit_code,
    )


def _headline(report: Report, made: int, painted: int, kept: int) -> str:
    seconds = f"{report.seconds:.1f} s"
    if report.failures:
        return f"{_amount(len(report.failures), 'thing')} could not be made ({seconds})"
    if kept:
        return f"{_amount(kept, 'picture')} kept back by a check ({seconds})"
    if not made and not painted:
        return f"Nothing to do: everything is up to date ({seconds})"
    return f"Done in {seconds}"


def _amount(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
