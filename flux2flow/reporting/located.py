"""Findings and the campaign they came from → findings with the file, line and column to look at. Reads no file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flux2flow.domain.campaign import CampaignBundle
from flux2flow.domain.finding import Finding
from flux2flow.domain.plan import Plan
from flux2flow.domain.report import Failure
from flux2flow.errors import Position

NOT_MADE = "not-made"
"""The id under which a plate or scene that could not be made is told beside findings."""


@dataclass(frozen=True, slots=True)
class Located:
    """A finding and where its cause stands; `file` is as it is reached from where the command was given."""

    finding: Finding
    file: str
    line: int = 0
    column: int = 0


def located(
    findings: Iterable[Finding], plan: Plan, bundle: CampaignBundle | None, campaign: str, shown: Callable[[str], str]
) -> tuple[Located, ...]:
    """Locate findings: the slot that fills the layer, the asset's entry, the waiver, or the campaign's file.

    `campaign` names its file, which is all that is known where a plan was followed without its YAML; `shown` turns a
    file of the project into the name to print.
    """
    entries = {scene.id: scene.entry for scene in plan.scenes}
    if bundle is None:
        return tuple(Located(finding, campaign) for finding in findings)
    numbers = {entry.key: number for number, entry in enumerate(bundle.campaign.assets)}
    source = bundle.sources.get("campaign")

    def place(finding: Finding) -> Located:
        path: tuple[str | int, ...] = ()
        if not finding.asset:
            list_name, _, number = finding.layer.partition("/")
            path = ("checks", list_name or "waivers", *([int(number)] if number.isdecimal() else []))
        if (entry := entries.get(finding.asset)) in numbers:
            path = ("assets", numbers[entry])
            layer = finding.layer.partition("/")[0]
            if layer in bundle.campaign.assets[numbers[entry]].slots:
                path += ("slots", layer)
        at = source.position(path) if source is not None else Position(campaign)
        name = shown(at.file) if source is not None else campaign
        return Located(finding, name, at.line, at.column)

    return tuple(place(finding) for finding in findings)


def as_findings(failures: Iterable[Failure]) -> tuple[Finding, ...]:
    """Tell what could not be made in the same form as findings."""
    return tuple(Finding(NOT_MADE, "error", failure.reason, failure.subject) for failure in failures)
