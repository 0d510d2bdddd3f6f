"""`flux2flow check`: audits finished pictures, whoever made them, against a brand kit and a placement."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flux2flow.cli import options
from flux2flow.cli.console import console, shown_path
from flux2flow.errors import EXIT_FINDINGS, EXIT_OK

if TYPE_CHECKING:
    from flux2flow.execution.audit import Audit

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Audit a finished picture, whoever made it.")
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option("--kit", "--brand-kit", metavar="KIT", help="Brand kit: its name, or its folder.")
@click.option("--format", "format_id", metavar="ID", help="Placement, such as iab/medium-rectangle.")
@click.option("--campaign", type=_FILE, help="Take kit, placement and copy from this campaign, by the file's place.")
@click.option("--expect", type=_FILE, help="Text file: each line must stand in the picture.")
@click.option("--locale", default="", metavar="LOCALE", help="Language of the words: the kit's dictionary spells them.")
@click.option(
    "--annotate", type=click.Path(dir_okay=False, path_type=Path), help="Write the picture with its findings."
)
@click.option("--no-ocr", is_flag=True, help="Do not read words: colours, size, weight and logos only.")
@click.option("-v", "--verbose", is_flag=True, help="Show notes too.")
@options.as_json
@options.no_plugins
def command(
    files: tuple[Path, ...],
    kit: str | None,
    format_id: str | None,
    campaign: Path | None,
    expect: Path | None,
    locale: str,
    annotate: Path | None,
    no_ocr: bool,
    verbose: bool,
    as_json: bool,
    no_plugins: bool,
) -> int:
    """Check finished PNG, JPEG or WebP FILES: size, weight, colours, logo, contrast, words, safe areas."""
    from flux2flow import api

    if campaign is None and (kit is None or format_id is None):
        raise click.UsageError("name --kit and --format, or the --campaign that the picture belongs to")
    if annotate is not None and len(files) > 1:
        raise click.UsageError("--annotate takes one picture at a time")
    copy = _lines(expect) if expect is not None else ()
    audits = []
    for file in files:
        audit = api.check_file(
            file, kit=kit, format=format_id, campaign=campaign, expected=copy, locale=locale, ocr=not no_ocr,
            plugins=not no_plugins,
        )  # fmt: skip
        audits.append(audit)
        if annotate is not None:
            _write(annotate, api.annotated(audit))
    code = EXIT_FINDINGS if any(finding.blocking for audit in audits for finding in audit.findings) else EXIT_OK
    if as_json:
        from flux2flow.reporting.json import findings_json

        console.raw(findings_json([finding for audit in audits for finding in audit.findings], code))
        return code
    _show(audits, verbose=verbose)
    if annotate is not None:
        console.line(f"  {shown_path(annotate)}")
    return code


def _show(audits: list[Audit], *, verbose: bool) -> None:
    from flux2flow.reporting.terminal import problems_of

    findings = [finding for audit in audits for finding in audit.findings]
    console.problems(problems_of(findings, least="info" if verbose else "warn"))
    failed = sum(finding.blocking for finding in findings)
    warned = sum(finding.level == "warn" for finding in findings)
    pictures = "1 picture" if len(audits) == 1 else f"{len(audits)} pictures"
    console.line(
        f"{pictures} checked: {failed} failed, {warned} {'warning' if warned == 1 else 'warnings'}",
        color="red" if failed else "yellow" if warned else "green",
        bold=True,
    )


def _lines(file: Path) -> tuple[str, ...]:
    """Read the copy that must stand in the picture: one text a line, blank lines aside."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{file} cannot be read as UTF-8 text: {error}") from error
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _write(path: Path, data: bytes) -> None:
    from flux2flow.errors import StoreError

    try:
        path.write_bytes(data)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
