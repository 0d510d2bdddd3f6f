"""Findings of `validate` and `render` → the text of `--format sarif`, `junit` or `github`, paths as seen from here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flux2flow.cli.console import shown_path

if TYPE_CHECKING:
    from flux2flow.api import Loaded
    from flux2flow.domain.finding import Finding
    from flux2flow.domain.plan import Plan
    from flux2flow.plugins import Registry
    from flux2flow.reporting.located import Located


def written(
    format: str,
    findings: Sequence[Finding],
    plan: Plan,
    registry: Registry,
    campaign: Path,
    loaded: Loaded | None,
    *,
    painted: bool,
) -> str:
    """Write findings in one of the formats; without `loaded` their lines are not known.

    Checks that did not run are not told as passed: those the profile leaves out, and those of pixels before painting.
    """
    from flux2flow.reporting.github import github
    from flux2flow.reporting.junit import junit
    from flux2flow.reporting.sarif import sarif
    from flux2flow.validation import PROFILES

    left_out = PROFILES[plan.standards.profile].left_out
    ran = [check for check in registry.checks if check.id not in left_out and (painted or not check.needs_pixels)]
    found = _located(findings, plan, campaign, loaded)
    if format == "sarif":
        return sarif(found, ran)
    if format == "junit":
        return junit(found, [scene.id for scene in plan.scenes], ran)
    return github(found)


def with_places(findings: Sequence[Finding], plan: Plan, campaign: Path, loaded: Loaded | None) -> tuple[Finding, ...]:
    """Give findings about no asset, such as those about waivers, their file:line:column in the place of one."""
    return tuple(
        replace(found.finding, asset=f"{found.file}:{found.line}:{found.column}")
        if not found.finding.asset and found.line
        else found.finding
        for found in _located(findings, plan, campaign, loaded)
    )


def _located(findings: Sequence[Finding], plan: Plan, campaign: Path, loaded: Loaded | None) -> tuple[Located, ...]:
    from flux2flow.project import Project
    from flux2flow.reporting.located import located

    root = Project.of(campaign).root
    bundle = loaded.bundle if loaded is not None else None
    return located(findings, plan, bundle, shown_path(campaign), lambda file: shown_path(root / file))
