"""Briefs become prompts in the words that FLUX.2 and the shipped model read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from flux2flow.domain.measures import Box, Color
from flux2flow.domain.plate import PaletteColor, Reference
from flux2flow.planning.prompts import Brief, compile_prompt, estimated_tokens, free_side, light_direction
from tests.planning.bundles import picture

WHOLE = Box(0, 0, 1, 1)
BRIEF = Brief(
    scene="A seamless studio floor with a round podium",
    subjects=(),
    style="product photography",
    palette=(
        PaletteColor("backdrop", Color.from_hex("#e8d5b5"), "warm sand"),
        PaletteColor("podium", Color.from_hex("#0f4c5c"), "deep teal"),
    ),
    light="soft dawn light",
    azimuth=-45,
    elevation=50,
    composition="",
    camera="eye level",
    words="",
    set_exactly=False,
)
BOTTLE = Reference(picture("a.png"), "product", "a glass bottle")
LINEN = Reference(picture("b.png"), "style", "morning light on linen")


def test_prose_is_the_caption_that_the_shipped_model_was_taught() -> None:
    """Word for word."""
    prompt, left_out = compile_prompt(BRIEF, "end", "left", (), "prose")
    assert prompt == (
        "A seamless studio floor with a round podium, soft dawn light from the left, backdrop in warm sand (#e8d5b5),"
        " podium in deep teal (#0f4c5c), empty clean space on the left for text, product photography, eye level."
    )
    assert left_out == ()


def test_references_are_named_by_number_and_the_product_stands_in_the_picture() -> None:
    """The legend comes first, in the order the pictures are handed over."""
    prompt, _ = compile_prompt(BRIEF, "end", "left", (BOTTLE, LINEN), "prose")
    assert prompt.startswith(
        "Image 1 is the product, a glass bottle; image 2 is a style reference, morning light on linen."
        " The product from image 1 stands on the right, a seamless studio floor"
    )


def test_a_template_that_places_its_reference_is_left_alone() -> None:
    """The planner does not say it twice."""
    brief = replace(BRIEF, scene="The product from image 1 on a beach")
    assert "stands" not in compile_prompt(brief, "end", "left", (BOTTLE,), "prose")[0]


def test_json_says_the_same_under_the_official_keys() -> None:
    """Keys in their order, empty ones left out."""
    text, _ = compile_prompt(replace(BRIEF, subjects=("a clay vase",)), "start", "right", (LINEN,), "json")
    document = json.loads(text)
    assert list(document) == [
        "scene",
        "subjects",
        "style",
        "color_palette",
        "lighting",
        "composition",
        "camera",
        "references",
    ]
    assert document["subjects"] == [{"description": "a clay vase on the left"}]
    assert document["color_palette"] == ["backdrop in warm sand (#e8d5b5)", "podium in deep teal (#0f4c5c)"]
    assert document["lighting"] == "soft dawn light from the left"
    assert document["references"] == ["image 1 is a style reference, morning light on linen"]


def test_quoted_words_come_only_from_the_words_field() -> None:
    """Everything else arrives unquoted."""
    assert '"' not in compile_prompt(BRIEF, "end", "left", (BOTTLE,), "prose")[0]
    assert (
        'with the words "Open" in clear lettering'
        in compile_prompt(replace(BRIEF, words="Open"), "end", "left", (), "prose")[0]
    )


def test_a_product_set_exactly_leaves_the_set_empty() -> None:
    """The floor must stay free."""
    assert "an empty set" in compile_prompt(replace(BRIEF, set_exactly=True), "end", "left", (), "prose")[0]


@pytest.mark.parametrize(
    ("azimuth", "elevation", "words"),
    [
        (-45, 50, "from the left"),
        (45, 50, "from the right"),
        (5, 50, "from the front"),
        (-45, 80, "from above"),
        (-175, 30, "from behind"),
    ],
)
def test_light_is_said_from_its_angles(azimuth: float, elevation: float, words: str) -> None:
    """Prompt and contact shadow use the same numbers."""
    assert light_direction(azimuth, elevation) == words


@pytest.mark.parametrize(
    ("boxes", "side"),
    [
        ([Box(0.05, 0.2, 0.4, 0.6)], "left"),
        ([Box(0.55, 0.2, 0.4, 0.6)], "right"),
        ([Box(0.1, 0.05, 0.8, 0.3), Box(0.1, 0.4, 0.8, 0.05)], "top"),
        ([Box(0.1, 0.7, 0.8, 0.25)], "bottom"),
        ([Box(0.02, 0.4, 0.2, 0.2), Box(0.78, 0.4, 0.2, 0.2)], "none"),
        ([], "none"),
    ],
)
def test_the_free_side_is_where_type_will_stand(boxes: list[Box], side: str) -> None:
    """Sides before top and bottom."""
    assert free_side(boxes, WHOLE) == side


def test_the_free_side_is_judged_within_what_the_crops_show() -> None:
    """A box in the middle of a crop that is the lower half of its plate is no bottom."""
    box = [Box(0.1, 0.7, 0.8, 0.1)]
    assert free_side(box, Box(0, 0.5, 1, 0.5)) == "none"
    assert free_side(box, WHOLE) == "bottom"


def test_a_mirrored_brief_swaps_words_and_light() -> None:
    """Twice is once."""
    brief = replace(BRIEF, composition="podium on the right third")
    assert brief.mirrored().composition == "podium on the left third"
    assert brief.mirrored().azimuth == 45
    assert brief.mirrored().mirrored() == brief


def test_a_prompt_too_long_loses_the_least_important_clauses_first_and_says_so() -> None:
    """Camera before style; scene, light, palette and quiet space are never cut."""
    whole, _ = compile_prompt(BRIEF, "end", "left", (BOTTLE,), "prose")
    room = estimated_tokens(whole)
    assert compile_prompt(BRIEF, "end", "left", (BOTTLE,), "prose", room) == (whole, ())
    shorter, left_out = compile_prompt(BRIEF, "end", "left", (BOTTLE,), "prose", room - 1)
    assert "eye level" not in shorter
    assert "product photography" in shorter
    assert left_out == ("camera ('eye level') was left out of the prompt",)
    shortest, left_out = compile_prompt(BRIEF, "end", "left", (BOTTLE,), "prose", 1)
    assert "backdrop in warm sand (#e8d5b5)" in shortest
    assert "empty clean space on the left for text" in shortest
    assert left_out[-1].startswith("the prompt is still too long")
