"""`flux2flow schema`: what an editor needs to complete and check the YAML."""

from __future__ import annotations

import json
from pathlib import Path

import click

from flux2flow.cli.console import console, shown_path
from flux2flow.cli.text import visible

KINDS = ("campaign", "template", "brand_kit", "copy", "format", "project", "prompts")


@click.command(short_help="Let an editor complete the YAML.")
@click.argument("kind", required=False, type=click.Choice(KINDS))
@click.option("--write", is_flag=True, help="Write all schemas into .flux2flow/schema/ of this project.")
def command(kind: str | None, write: bool) -> None:
    """Print the JSON Schema (draft-07) of a KIND of file, or write all of them for the editor."""
    if write:
        from flux2flow.project import Project

        folder = write_schemas(Project.of(Path("campaign.yaml")).state)
        console.line(f"{len(KINDS)} schemas written to {visible(shown_path(folder))}")
        console.line("An editor finds one by a file's first line, such as")
        console.line("  # yaml-language-server: $schema=.flux2flow/schema/campaign.json")
    elif kind is None:
        raise click.UsageError(f"Name a kind of file ({', '.join(KINDS)}), or use --write.")
    if kind is not None:
        console.raw(_text(kind))


def write_schemas(state: Path) -> Path:
    """Write every schema below a state folder; return the folder that holds them."""
    from flux2flow.store import LocalDisk, publish

    for kind in KINDS:
        publish(LocalDisk(), state / "schema" / f"{kind}.json", _text(kind).encode())
    return state / "schema"


def _text(kind: str) -> str:
    from flux2flow import loading

    return json.dumps(loading.schema(kind), indent=2, ensure_ascii=False) + "\n"
