"""The examples of this repository, planned for the model that ships."""

from __future__ import annotations

from pathlib import Path

import pytest

from flux2flow.domain.plan import Plan
from flux2flow.domain.scene import LogoLayer, PictureLayer, TextLayer
from flux2flow.generation.flux2 import LIMITS
from flux2flow.loading import load
from flux2flow.planning import plan, table
from flux2flow.planning.prompts import estimated_tokens
from flux2flow.project import Project

EXAMPLES = Path(__file__).parents[2] / "examples"


def planned(name: str) -> Plan:
    """Plan an example."""
    campaign = EXAMPLES / name / "campaign.yaml"
    return plan(load(campaign, Project.of(campaign), backends=["nano", "procedural"]), LIMITS)


@pytest.fixture(scope="module")
def aurora() -> Plan:
    """Plan the launch of Aurora."""
    return planned("aurora")


def test_aurora_makes_forty_assets_from_eight_plates(aurora: Plan) -> None:
    """Five formats, four languages, two rows; right-to-left costs no plate."""
    totals = table(aurora).totals
    assert (totals.scenes, totals.plates, totals.flips) == (40, 8, 10)


def test_the_two_formats_of_one_class_stand_on_one_plate(aurora: Plan) -> None:
    """1200×630 and 1200×628, in every language; the leaderboard does not."""
    plates = {(scene.format, scene.row): scene.plate.plate for scene in aurora.scenes}
    for row in ("dew-serum", "night-cream"):
        assert plates["web/open-graph", row] == plates["linkedin/landscape", row]
        assert len({plates[format.id, row] for format in aurora.formats}) == 4


def test_arabic_boxes_are_the_english_ones_mirrored(aurora: Plan) -> None:
    """Headline, logo and product, to a thousandth of a pixel."""
    scenes = {scene.id: scene for scene in aurora.scenes}
    compared = 0
    for id, english in scenes.items():
        if english.locale != "en":
            continue
        arabic = scenes[id.removesuffix("en") + "ar"]
        boxes = {
            layer.id: layer.box for layer in arabic.layers if isinstance(layer, (TextLayer, LogoLayer, PictureLayer))
        }
        for layer in english.layers:
            if isinstance(layer, (TextLayer, LogoLayer, PictureLayer)):
                assert layer.box.mirrored(english.size.width).x == pytest.approx(boxes[layer.id].x, abs=1e-3)
                assert layer.box.y == boxes[layer.id].y
                compared += 1
    assert compared >= 10 * 3


@pytest.mark.parametrize("name", ["aurora", "halfmoon"])
def test_prompts_fit_the_model_and_name_their_colors(name: str) -> None:
    """Nothing left out, nothing negated, every colour as a name and its value."""
    made = planned(name)
    assert not [
        note for note in made.notes if note.code in ("prompt-shortened", "prompt-rewritten", "ground", "safe-area")
    ]
    for plate in made.plates:
        prompt = plate.request.prompt
        assert estimated_tokens(prompt) <= 96
        assert all(f"{color.name} ({color.color.hex})" in prompt for color in plate.request.direction.palette)
        assert '"' not in prompt
