"""`flux2flow plan`: what would be made, from which plates, before anything is painted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flux2flow.cli import options
from flux2flow.cli.console import console, shown_path
from flux2flow.cli.text import visible

if TYPE_CHECKING:
    from flux2flow.api import LicenceState
    from flux2flow.domain.plan import Plan


@click.command(short_help="Show what would be made, before it is.")
@options.campaign
@options.only
@options.backend
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the plan file, for render --plan."
)
@options.as_json
@options.no_plugins
def command(
    campaign: Path,
    only: tuple[dict[str, str], ...],
    backend: str | None,
    output: Path | None,
    as_json: bool,
    no_plugins: bool,
) -> None:
    """Show what CAMPAIGN would make: every plate, how formats are cut from it, and what is shared."""
    from flux2flow import api, planning

    loaded = options.load(campaign, plugins=not no_plugins, backend=backend)
    with options.placed(campaign):
        plan = options.planned(loaded, only)
        licence = api.licence(loaded)
    if output is not None:
        from flux2flow.store import LocalDisk, publish

        publish(LocalDisk(), output.absolute(), planning.plan_to_json(plan).encode())
    if as_json:
        console.raw(_document(plan, licence))
        return
    _show(plan, licence)
    if output is not None:
        console.line(f"Written to {visible(shown_path(output.absolute()))}")


def _document(plan: Plan, licence: LicenceState | None) -> str:
    """Make the plan file with its table and licence, which whoever follows the plan may leave unread."""
    import json

    from flux2flow import planning
    from flux2flow.domain.fingerprint import plain

    document = json.loads(planning.plan_to_json(plan))
    said = {"table": plain(planning.table(plan)), "licence": licence.document() if licence is not None else None}
    return json.dumps(document | said, indent=2, ensure_ascii=False)


def _show(plan: Plan, licence: LicenceState | None) -> None:
    from flux2flow import planning

    table = planning.table(plan)
    rows = []
    for plate in table.rows:
        rows.append([plate.id, plate.side, str(plate.size), f"{plate.megapixels:.2f}", str(plate.serves), ""])
        for crop in plate.crops:
            cut = f"{crop.format} {crop.size}"
            notes = [f"enlarged {crop.enlargement:.2f}×"] if crop.enlargement > 1.005 else []
            notes += [f"{crop.flipped} mirrored"] if crop.flipped else []
            rows.append([f"  {cut}", "", "", "", str(crop.scenes), ", ".join(notes)])
        rows += [[f"  + {reference}", "", "", "", "", ""] for reference in plate.references]
    console.line(
        f"{visible(plan.title or plan.campaign)} · {visible(plan.brand_name)} · {plan.backend.name}", bold=True
    )
    if licence is not None:
        console.licence(licence.licence, accepted=licence.accepted)
    console.line()
    console.table(["plate", "side", "size", "MP", "pictures", ""], rows, right=frozenset({3, 4}))
    console.line()
    for message, subjects in _notes(plan).items():
        where = f" ({len(subjects)} times)" if len(subjects) > 1 else f" ({subjects[0]})" if subjects[0] else ""
        console.line(f"note  {visible(message + where)}", color="cyan")
    totals = table.totals
    flips = f", {totals.flips} mirrored" if totals.flips else ""
    if totals.upsampled:
        console.line(f"{totals.upsampled} of {totals.plates} plates are painted by upsampled prompts")
    console.line(
        f"{totals.scenes} pictures from {totals.plates} plates ({totals.megapixels:.2f} MP painted, "
        f"{totals.reuse:.1f} pictures a plate{flips})",
        bold=True,
    )


def _notes(plan: Plan) -> dict[str, list[str]]:
    """Gather the subjects of equal notes."""
    notes: dict[str, list[str]] = {}
    for note in plan.notes:
        notes.setdefault(note.message, []).append(note.subject)
    return notes
