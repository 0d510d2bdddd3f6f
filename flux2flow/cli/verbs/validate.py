"""`flux2flow validate`: everything that can be known without painting, for every row, language and format."""

from __future__ import annotations

from pathlib import Path

import click

from flux2flow.cli import options
from flux2flow.cli.console import console
from flux2flow.errors import EXIT_FINDINGS, EXIT_OK


@click.command(short_help="Check all that needs no painting.")
@options.campaign
@options.backend
@options.ocr
@click.option("-v", "--verbose", is_flag=True, help="Show notes too.")
@options.output_format
@options.as_json
@options.no_plugins
def command(
    campaign: Path,
    backend: str | None,
    ocr: bool,
    verbose: bool,
    output_format: str,
    as_json: bool,
    no_plugins: bool,
) -> int:
    """Check CAMPAIGN without painting: its files, and its type as it will be set."""
    from flux2flow import api
    from flux2flow.reporting.terminal import problems_of

    loaded = options.load(campaign, plugins=not no_plugins, backend=backend)
    with options.placed(campaign):
        findings = api.validate(loaded, ocr=ocr)
        licence = api.licence(loaded)
    code = EXIT_FINDINGS if any(finding.blocking for finding in findings) else EXIT_OK
    if output_format not in ("terminal", "json"):
        from flux2flow.cli import report_formats

        given = api.plan(loaded), loaded.registry, campaign, loaded
        console.raw(report_formats.written(output_format, findings, *given, painted=False))
        return code
    if as_json or output_format == "json":
        from flux2flow.reporting.json import findings_json

        console.raw(findings_json(findings, code, licence.document() if licence is not None else None))
        return code
    if licence is not None:
        console.licence(licence.licence, accepted=licence.accepted)
    from flux2flow.cli.report_formats import with_places

    shown = with_places(findings, api.plan(loaded), campaign, loaded)
    console.problems(problems_of(shown, least="info" if verbose else "warn"))
    waived = sum(finding.waiver is not None for finding in findings)
    counted = [finding.level for finding in findings if finding.waiver is None]
    failed, warned = counted.count("error") + counted.count("fail"), counted.count("warn")
    console.line(
        f"{failed} failed, {warned} {'warning' if warned == 1 else 'warnings'}, "
        f"{counted.count('info')} {'note' if counted.count('info') == 1 else 'notes'}"
        f"{f', {waived} waived' if waived else ''}; contrast and weight are measured by render",
        color="red" if failed else "yellow" if warned else "green",
        bold=True,
    )
    return code
