"""`flux2flow kit`: looks at a brand kit by itself, without a campaign."""

from __future__ import annotations

from pathlib import Path

import click

from flux2flow.cli.console import console, shown_path
from flux2flow.errors import EXIT_OK


@click.group(short_help="Look at a brand kit: its specimen.")
def command() -> None:
    """Look at a brand kit by itself, without a campaign."""


@command.command("specimen", short_help="Draw a kit's logos, colours and type, as a foundry shows them.")
@click.argument("kit", metavar="KIT")
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), default=Path("build/specimen"),
    metavar="DIR", help="Folder for the pages; default: build/specimen.",
)  # fmt: skip
def draw_specimen(kit: str, output: Path) -> int:
    """Draw KIT, a brand kit's name or folder: its identity on one PNG, and each script its fonts can write."""
    from flux2flow import api

    for path in api.write_specimen(kit, output):
        console.line(shown_path(path))
    return EXIT_OK
