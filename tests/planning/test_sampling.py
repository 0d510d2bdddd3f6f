"""Steps, guidance and negative prompts reach the request where a model takes them, and are told where it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flux2flow.domain.fingerprint import fingerprint
from flux2flow.errors import SpecError
from flux2flow.planning import plan
from tests.planning.bundles import LIMITS, bundle

TAKES = replace(LIMITS, negative_prompts=True)
NEGATIVE = {"plate": {"negative": "text, {{ variant.mood }} fog"}}


def test_template_and_campaign_are_joined() -> None:
    made = plan(bundle(template=NEGATIVE, campaign={"negative": "watermark, "}), TAKES)
    assert {plate.request.negative_prompt for plate in made.plates} == {"text, dawn fog, watermark"}
    assert [note for note in made.notes if note.code == "negative-prompt"] == []


def test_no_model_gets_what_it_does_not_take_and_that_is_said_once() -> None:
    made = plan(bundle(template=NEGATIVE, campaign={"negative": "watermark"}), LIMITS)
    assert {plate.request.negative_prompt for plate in made.plates} == {None}
    assert [note.message for note in made.notes if note.code == "negative-prompt"] == [
        "backend nano takes no negative prompt: what stands under 'negative:' has no effect"
    ]
    assert [note for note in plan(bundle(), LIMITS).notes if note.code == "negative-prompt"] == []  # control


def test_guidance_of_one_leaves_it_without_effect() -> None:
    def notes(guidance: float) -> list[str]:
        made = plan(bundle(template=NEGATIVE, campaign={"sampling": {"guidance": guidance}}), TAKES)
        return [note.message for note in made.notes if note.code == "negative-prompt"]

    assert notes(1.0) == ["what stands under 'negative:' needs guidance above 1 to have an effect: it is 1"]
    assert notes(1.5) == []


@pytest.mark.parametrize(
    ("template", "campaign"),
    [({"plate": {"negative": "no text"}}, {}), ({}, {"negative": "people without shoes"})],
)
def test_a_negated_negative_is_refused(template: dict[str, object], campaign: dict[str, object]) -> None:
    """'no text' under `negative:` would ask for text."""
    with pytest.raises(SpecError) as raised:
        plan(bundle(template=template, campaign=campaign), TAKES)
    assert {found.code for found in raised.value.diagnostics} == {"negated-negative"}


def test_a_mirrored_plate_mirrors_its_negative() -> None:
    template = {"plate": {"negative": "a lamp on the left", "references": ["slots.product"]}, "layers": None}
    layers = [layer for layer in bundle().templates["banner/hero"].model_dump()["layers"] if layer["id"] != "product"]
    made = plan(bundle(template={**template, "layers": [_bare(layer) for layer in layers]}), TAKES)
    said = {plate.side: plate.request.negative_prompt for plate in made.plates if plate.aspect_class == "landscape"}
    assert said == {"end": "a lamp on the left", "start": "a lamp on the right"}


def _bare(layer: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in layer.items() if value is not None}


def test_steps_and_guidance_reach_the_request_and_its_key() -> None:
    made = plan(bundle(campaign={"sampling": {"steps": 20, "guidance": 3.5}}), LIMITS)
    assert {(plate.request.steps, plate.request.guidance) for plate in made.plates} == {(20, 3.5)}
    usual = plan(bundle(), LIMITS)
    assert {(plate.request.steps, plate.request.guidance) for plate in usual.plates} == {(None, None)}
    assert fingerprint(made.plates[0].request) != fingerprint(usual.plates[0].request)


def test_a_distilled_models_sampling_cannot_be_chosen() -> None:
    fixed = replace(LIMITS, name="klein-4b", fixed_sampling=True)
    with pytest.raises(SpecError) as raised:
        plan(bundle(campaign={"sampling": {"steps": 20, "guidance": 4}}), fixed)
    assert [found.message for found in raised.value.diagnostics] == [
        "klein-4b is distilled for its own steps and guidance: guidance cannot be 4",
        "klein-4b is distilled for its own steps and guidance: steps cannot be 20",
    ]
    assert plan(bundle(), fixed).plates  # control
