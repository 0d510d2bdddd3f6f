"""A plan → the part of it that `--only` names. Leaves things out and changes none."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from flux2flow.domain.plan import Plan
from flux2flow.domain.scene import Scene
from flux2flow.errors import PlanError


@dataclass(frozen=True, slots=True)
class Only:
    """What to make; None is everything. `asset` is an entry, a whole id, or the beginning of ids up to a '/'."""

    asset: str | None = None
    format: str | None = None
    locale: str | None = None
    row: str | None = None

    def takes(self, scene: Scene) -> bool:
        """Whether a scene is asked for."""
        asset = self.asset is None or scene.id == self.asset or scene.id.startswith(self.asset.rstrip("/") + "/")
        others = ((self.format, scene.format), (self.locale, scene.locale), (self.row, scene.row))
        return asset and all(wanted is None or wanted == found for wanted, found in others)


def select(plan: Plan, only: Only) -> Plan:
    """Keep the scenes that `only` takes, their plates and the notes about them; PlanError where it fits none."""
    scenes = tuple(scene for scene in plan.scenes if only.takes(scene))
    if not scenes:
        raise PlanError(_nothing(plan, only))
    ids = {scene.id for scene in scenes}
    plates = tuple(
        replace(plate, serves=tuple(id for id in plate.serves if id in ids))
        for plate in plan.plates
        if any(id in ids for id in plate.serves)
    )
    formats = tuple(format for format in plan.formats if any(scene.format == format.id for scene in scenes))
    left_out = {plate.id for plate in plan.plates} - {plate.id for plate in plates}
    left_out |= {format.id for format in plan.formats} - {format.id for format in formats}
    notes = tuple(note for note in plan.notes if note.subject not in left_out)
    return replace(plan, scenes=scenes, plates=plates, formats=formats, notes=notes)


def _nothing(plan: Plan, only: Only) -> str:
    """Say which part of the selection exists nowhere, or that its parts never meet."""
    known: dict[str, tuple[str | None, list[str]]] = {
        "asset": (only.asset, _unique(scene.entry for scene in plan.scenes)),
        "format": (only.format, _unique(scene.format for scene in plan.scenes)),
        "locale": (only.locale, _unique(scene.locale for scene in plan.scenes)),
        "row": (only.row, _unique(scene.row for scene in plan.scenes if scene.row)),
    }
    for name, (wanted, there) in known.items():
        if wanted is not None and not any(Only(**{name: wanted}).takes(scene) for scene in plan.scenes):
            near = difflib.get_close_matches(wanted, there, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            return f"no {name} {wanted!r} in campaign {plan.campaign}: there are {', '.join(there) or 'none'}{hint}"
    asked = ", ".join(f"{name} {wanted!r}" for name, (wanted, _) in known.items() if wanted is not None)
    return f"no asset of campaign {plan.campaign} has {asked} together"


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
