"""`flux2flow render`: makes what is not there yet, checks it, and says where the page is."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flux2flow.cli import options
from flux2flow.cli.console import console, shown_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux2flow.api import Loaded
    from flux2flow.domain.plan import Plan
    from flux2flow.domain.report import Report
    from flux2flow.plugins import Registry


@click.command(short_help="Make the pictures, check them, release them.")
@options.campaign
@click.option(
    "--plan", "plan_file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Follow this plan file exactly, without reading the campaign again.",
)  # fmt: skip
@options.only
@options.backend
@click.option("--force", is_flag=True, help="Make everything anew, whatever is there.")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Threads that set and draw.")
@click.option("--unconfined", is_flag=True, help="Draw this project's SVGs even where the system has no walls for it.")
@options.ocr
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@options.output_format
@options.as_json
@options.no_plugins
def command(
    campaign: Path,
    plan_file: Path | None,
    only: tuple[dict[str, str], ...],
    backend: str | None,
    force: bool,
    workers: int,
    unconfined: bool,
    ocr: bool,
    quiet: bool,
    output_format: str,
    as_json: bool,
    no_plugins: bool,
) -> int:
    """Make CAMPAIGN's pictures: paint, set type, check, release. What is there already is kept."""
    if plan_file is not None and (only or backend):
        raise click.UsageError("--plan is followed exactly: --only and --backend go to `flux2flow plan`")
    if plan_file is not None:
        plan, run, registry = _from_file(campaign, plan_file, plugins=not no_plugins)
        loaded = None
    else:
        plan, run, loaded = _from_campaign(campaign, only, backend, plugins=not no_plugins)
        registry = loaded.registry
    with (
        options.placed(campaign),
        console.watching(len(plan.plates), quiet=quiet or as_json or output_format != "terminal") as progress,
    ):
        report = run(progress=progress, force=force, workers=workers, unconfined=unconfined, ocr=ocr)
    if output_format not in ("terminal", "json"):
        from flux2flow.cli import report_formats
        from flux2flow.reporting.located import as_findings

        findings = (*report.findings, *as_findings(report.failures))
        given = report.plan, registry, campaign, loaded
        console.raw(report_formats.written(output_format, findings, *given, painted=True))
    elif as_json or output_format == "json":
        from flux2flow.reporting.json import report_json

        console.raw(report_json(report))
    else:
        from flux2flow.cli.report_formats import with_places
        from flux2flow.reporting.terminal import summarise

        placed = replace(report, notices=with_places(report.notices, report.plan, campaign, loaded))
        console.summary(summarise(placed, shown_path(Path(report.output) / "index.html")))
    return report.exit_code


def _from_campaign(
    campaign: Path, only: tuple[dict[str, str], ...], backend: str | None, *, plugins: bool
) -> tuple[Plan, Callable[..., Report], Loaded]:
    from flux2flow import api

    loaded = options.load(campaign, plugins=plugins, backend=backend)
    with options.placed(campaign):
        plan = options.planned(loaded, only)
    return plan, partial(api.run, loaded, plan), loaded


def _from_file(campaign: Path, plan_file: Path, *, plugins: bool) -> tuple[Plan, Callable[..., Report], Registry]:
    from flux2flow import api, planning
    from flux2flow.errors import PlanError
    from flux2flow.plugins import registry
    from flux2flow.project import Project

    try:
        text = plan_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"{plan_file} cannot be read: {error}") from error
    plan = planning.plan_from_json(text)
    known = registry(plugins=plugins)
    return plan, partial(api.follow, plan, Project.of(campaign), known), known
