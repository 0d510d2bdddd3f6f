"""A Plan ↔ the text of a plan file. Equal plans give equal bytes; a file this version cannot follow is refused."""

from __future__ import annotations

import json

from pydantic import TypeAdapter, ValidationError

from flux2flow.domain.fingerprint import plain
from flux2flow.domain.plan import PLAN_FORMAT_VERSION, Plan
from flux2flow.errors import PlanError

_PLAN: TypeAdapter[Plan] = TypeAdapter(Plan)


def plan_to_json(plan: Plan) -> str:
    """Give the plan file's text: indented JSON in the fields' own order, ending in a line feed."""
    return json.dumps(plain(plan), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plan_from_json(text: str) -> Plan:
    """Read a plan file; raises PlanError for text that is no plan, or a plan of another format version."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PlanError(f"the plan file is not JSON: {error}") from error
    version = document.get("format_version") if isinstance(document, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise PlanError("the file is no plan: it has no 'format_version'; make one with 'flux2flow plan --json'")
    if version > PLAN_FORMAT_VERSION:
        raise PlanError(
            f"the plan is of format {version}; this flux2flow reads up to {PLAN_FORMAT_VERSION}: upgrade, or plan again"
        )
    if version < PLAN_FORMAT_VERSION:
        raise PlanError(
            f"the plan is of format {version}, and this flux2flow follows {PLAN_FORMAT_VERSION}: plan again"
        )
    try:
        plan = _PLAN.validate_json(text, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PlanError(
            f"the plan file is damaged at {where}: {first['msg']} ({error.error_count()} problems)"
        ) from error
    _check_joints(plan)
    return plan


def _check_joints(plan: Plan) -> None:
    """Refuse a plan whose parts do not fit together, before anything is painted by it."""
    plates = {plate.id for plate in plan.plates}
    formats = {format.id for format in plan.formats}
    scenes = [scene.id for scene in plan.scenes]
    if len(set(scenes)) != len(scenes) or len(plates) != len(plan.plates):
        raise PlanError("the plan file names a scene or plate twice")
    for scene in plan.scenes:
        if (
            not scene.layers
            or scene.layers[0].kind != "plate"
            or scene.plate.plate not in plates
            or scene.format not in formats
        ):
            raise PlanError(
                f"scene {scene.id} of the plan file stands on a plate or format that the file does not hold"
            )
    unknown = [id for plate in plan.plates for id in plate.serves if id not in set(scenes)]
    if unknown:
        raise PlanError(f"the plan file's plates serve scenes that it does not hold: {', '.join(unknown[:3])}")
