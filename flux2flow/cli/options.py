"""Options that several verbs share, and how their values become what the program takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from flux2flow.api import Loaded
    from flux2flow.domain.plan import Plan

KEYS = ("asset", "format", "locale", "row")

campaign = click.argument(
    "campaign", default="campaign.yaml", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
no_plugins = click.option("--no-plugins", is_flag=True, help="Run without installed plugins.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
backend = click.option("--backend", metavar="NAME", help="Paint with this backend instead of the campaign's model.")
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


def load(path: Path, *, plugins: bool, backend: str | None) -> Loaded:
    """Load a campaign, with another backend where one is named."""
    from flux2flow import api

    loaded = api.load(path, plugins=plugins)
    if backend is None:
        return loaded
    loaded.registry.backend(backend)  # refuses a name that is not installed
    changed = loaded.bundle.campaign.model_copy(update={"model": backend})
    return replace(loaded, bundle=replace(loaded.bundle, campaign=changed))


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
