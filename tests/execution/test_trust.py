"""Where the system has no walls, foreign SVGs need the user's word; the library's own never do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flux2flow import api
from flux2flow.domain.plan import Plan
from flux2flow.domain.scene import LogoLayer
from flux2flow.errors import PlanError
from flux2flow.execution.trust import require_walls

ROOT = Path(__file__).parents[2]
NO_WALLS = "unconfined: the kernel offers no Landlock"


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Plan the example, whose logo is an SVG of the shipped library."""
    return api.plan(api.load(ROOT / "examples/aurora/campaign.yaml"))


def foreign(plan: Plan) -> Plan:
    """Return the same plan with its logo in the project instead of the library."""

    def moved(layer: object) -> object:
        if not isinstance(layer, LogoLayer):
            return layer
        return replace(layer, picture=replace(layer.picture, file=replace(layer.picture.file, root="project")))

    scenes = tuple(replace(scene, layers=tuple(moved(layer) for layer in scene.layers)) for scene in plan.scenes)  # type: ignore[misc]
    return replace(plan, scenes=scenes)


def test_the_library_is_trusted_without_walls(plan: Plan) -> None:
    require_walls(plan, NO_WALLS, unconfined=False)


def test_a_projects_svg_needs_walls_or_a_word(plan: Plan) -> None:
    with pytest.raises(PlanError, match=r"aurora\.svg\. If you trust the project, add --unconfined"):
        require_walls(foreign(plan), NO_WALLS, unconfined=False)
    require_walls(foreign(plan), NO_WALLS, unconfined=True)
    require_walls(foreign(plan), "landlock", unconfined=False)
