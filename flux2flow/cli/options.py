"""Options that several verbs share, and how their values become what the program takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flux2flow.cli.console import shown_path

if TYPE_CHECKING:
    from flux2flow.api import Loaded
    from flux2flow.domain.plan import Plan

KEYS = ("asset", "format", "locale", "row")


def _campaign_file(_context: click.Context, _argument: click.Parameter, path: Path) -> Path:
    """Take a project's folder for its campaign.yaml."""
    if not path.is_dir():
        return path
    file = path / "campaign.yaml"
    if not file.is_file():
        raise click.BadParameter(f"the folder {str(path)!r} holds no campaign.yaml: name the campaign's file")
    return file


campaign = click.argument(
    "campaign", default="campaign.yaml", type=click.Path(exists=True, path_type=Path), callback=_campaign_file
)
no_plugins = click.option("--no-plugins", is_flag=True, help="Run without installed plugins.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
output_format = click.option(
    "--format",
    "output_format",
    type=click.Choice(("terminal", "json", "sarif", "junit", "github")),
    default="terminal",
    show_default=True,
    help="How findings are printed: for people, or for code scanning, build servers, pull requests.",
)
backend = click.option("--backend", metavar="NAME", help="Paint with this backend instead of the campaign's model.")
ocr = click.option("--ocr", is_flag=True, help="Read plates and pictures back, too (needs the extra [ocr]).")
only = click.option(
    "--only",
    "only",
    multiple=True,
    metavar="KEY=VALUE[,…]",
    callback=lambda _context, _option, values: tuple(parse_only(value) for value in values),
    help=f"Only this part; keys: {', '.join(KEYS)}. With a comma all must hold; given twice, either part is made.",
)


def parse_only(text: str) -> dict[str, str]:
    """Read `format=iab/leaderboard,locale=ar`; raise BadParameter for anything else."""
    chosen: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        key, value = key.strip(), value.strip()
        if not equals or not value or key not in KEYS or key in chosen:
            example = f"{key if key in KEYS else 'locale'}=…"
            raise click.BadParameter(
                f"{part!r} does not read as one of {', '.join(KEYS)} with a value, such as {example}"
            )
        chosen[key] = value
    return chosen


@contextmanager
def placed(campaign: Path) -> Iterator[None]:
    """Let errors in a project's files name them as they are reached from here, so that a terminal can open them."""
    from flux2flow.errors import SpecError
    from flux2flow.project import MARKER, Project

    try:
        yield
    except SpecError as error:
        root = Project.of(campaign).root
        found = [(diagnostic, root / diagnostic.position.file) for diagnostic in error.diagnostics]
        raise SpecError(
            tuple(
                replace(diagnostic, position=replace(diagnostic.position, file=shown_path(file)))
                if diagnostic.position.file and (file.exists() or diagnostic.position.file == MARKER)
                else diagnostic
                for diagnostic, file in found
            )
        ) from error


def load(path: Path, *, plugins: bool, backend: str | None = None, prompts: bool = True) -> Loaded:
    """Load a campaign, with another backend where one is named."""
    from flux2flow import api

    with placed(path):
        return api.load(path, plugins=plugins, backend=backend, prompts=prompts)


def planned(loaded: Loaded, only: tuple[dict[str, str], ...]) -> Plan:
    """Plan the campaign, or the union of the parts that were asked for."""
    from flux2flow import api

    if not only:
        return api.plan(loaded)
    parts = [api.plan(loaded, api.Only(**part)) for part in only]
    if len(parts) == 1:
        return parts[0]
    wanted = {scene.id for part in parts for scene in part.scenes}
    whole = api.plan(loaded)
    plates = tuple(
        replace(plate, serves=tuple(id for id in plate.serves if id in wanted))
        for plate in whole.plates
        if wanted.intersection(plate.serves)
    )
    return replace(whole, scenes=tuple(scene for scene in whole.scenes if scene.id in wanted), plates=plates)
