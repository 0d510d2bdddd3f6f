"""Nouns that a model was never taught are named before anything is painted; what it knows, or is shown, never is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from flux2flow.domain.campaign import CampaignBundle
from flux2flow.generation.flux2.nano import known_nouns, nano_entry
from flux2flow.loading import load
from flux2flow.planning import plan, plan_from_json, plan_to_json
from flux2flow.planning.vocabulary import nearest, unknown_nouns, unknown_pictures
from flux2flow.project import Project
from tests.planning.bundles import LIMITS, bundle

EXAMPLES = Path(__file__).parents[2] / "examples"
NANO = nano_entry().limits
assert NANO.nouns is not None
KNOWN = NANO.nouns


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("an espresso machine", ("espresso machine",)),
        ("A brushed steel espresso machine on a round podium, soft steam", ("espresso machine",)),
        ("three toasters and a teapot", ("toasters",)),
        ("a teapot and a toaster", ("toaster",)),
        ("a teapot next to a kettle", ("kettle",)),
        ("A soft, dreamy pastel kitchen", ("kitchen",)),
        ("a stack of suitcases", ("suitcases",)),
        ("cups and saucers", ("saucers",)),
        ("the kettle from image 1, an old one, beside a toaster", ("toaster",)),
    ],
)
def test_what_it_was_never_taught_is_found(text: str, unknown: tuple[str, ...]) -> None:
    """Heads of phrases, in the plural too, after prepositions, measures and conjunctions."""
    assert unknown_nouns(text, KNOWN) == unknown


@pytest.mark.parametrize(
    "text",
    [
        "a teapot",
        "three teapots on a podium",
        "strawberries",
        "a T-shirt and ballet shoes",
        "a pair of boxing gloves before gentle waves",
        "a high-heeled shoe",
        "a glass dropper bottle",
        "a bowl with spoon on a round podium",
        "a red and blue teapot",
        "A soft, dreamy studio set",
        "A seamless studio backdrop with a smooth floor",
        "A plain seamless paper backdrop for an infographic",
        "Minimal, calm and bright",
        "floor and backdrop only",
        "a bottle of perfume in a warm light from the left",
        "a macro photograph of a leopard",
        "the kettle from image 2, an old one",
        "the product from image 1 stands on the podium",
        "",
    ],
)
def test_what_it_knows_or_is_shown_is_left_alone(text: str) -> None:
    """No false alarm; with an empty vocabulary most of them would be one."""
    assert unknown_nouns(text, KNOWN) == ()


def test_without_a_vocabulary_the_same_texts_would_be_found() -> None:
    """The control: it is the list that makes a word known, not the rule that overlooks it."""
    assert unknown_nouns("three teapots on a podium", frozenset({"podium"})) == ("teapots",)
    assert unknown_nouns("strawberries", frozenset({"podium"})) == ("strawberries",)
    assert unknown_nouns("a bowl with spoon", frozenset({"podium"})) == ("bowl",)


def test_a_kind_or_a_misspelling_is_suggested() -> None:
    """A mug is called a beer mug here; nothing is suggested for what has no relative."""
    assert nearest("mug", KNOWN) == "beer mug"
    assert nearest("teapott", KNOWN) == "teapot"
    assert nearest("espresso machine", KNOWN) == ""


def test_words_of_another_language_are_told_as_such() -> None:
    """A German or a Japanese row is not called an unknown object; an English one with a foreign name is read."""
    for text in ("eine Espressomaschine auf dem Tisch", "エスプレッソマシン", "une théière"):
        (message,) = unknown_pictures([text], [], NANO)
        assert "English" in message
        assert text in message
    assert unknown_pictures(["a teapot with a deep red lid"], [], NANO) != []  # the control: a lid is no known thing
    assert not any("English" in said for said in unknown_pictures(["a teapot with a deep red lid"], [], NANO))


def test_a_caption_that_is_shown_needs_no_vocabulary() -> None:
    """What a reference shows may be called by any name; the same words without the reference are unknown."""
    text = "A wooden still on a round podium"
    assert unknown_pictures([text], ["a wooden still"], NANO) == []
    (message,) = unknown_pictures([text], ["a clay jug"], NANO)
    assert message.startswith("nano has no picture of 'wooden still'; it will paint a blob: give it as a reference")
    assert unknown_pictures([text], [], replace(NANO, nouns=None)) == []


def rows_with(subjects: list[str], **plate: object) -> CampaignBundle:
    """Make a campaign whose rows say what is painted."""
    template = {"plate": {"subjects": ["{{ row.thing }}"], **plate}}
    rows = [
        {"id": f"r{number}", "name": "Dew", "photo": "serum.png", "thing": thing}
        for number, thing in enumerate(subjects)
    ]
    return bundle(template=template, rows=tuple(rows))


def test_rows_subjects_are_read_and_the_plan_stays_small() -> None:
    """Only the row with an unknown thing gets a note; the list itself is in no plan."""
    made = plan(rows_with(["two teapots", "a toaster"]), replace(LIMITS, nouns=KNOWN))
    noted = {note.subject.split("/")[1] for note in made.notes if note.code == "unknown-noun"}
    assert noted == {"r1"}
    assert all("'toaster'" in note.message for note in made.notes if note.code == "unknown-noun")
    assert "teapot'" not in plan_to_json(made)
    assert plan_from_json(plan_to_json(made)) == made
    assert not [n for n in plan(rows_with(["a toaster"]), LIMITS).notes if n.code == "unknown-noun"]


def test_what_is_kept_out_of_a_picture_needs_no_vocabulary() -> None:
    """Things under `negative:` are not to be painted; among the subjects the same word is noted."""
    made = plan(rows_with(["a teapot"], negative="toaster, kettle"), replace(LIMITS, nouns=KNOWN))
    assert not [note for note in made.notes if note.code == "unknown-noun"]


@pytest.mark.parametrize("name", ["aurora", "halfmoon"])
def test_no_example_is_warned_about(name: str) -> None:
    """What ships is planned without a warning; with no vocabulary at all it is not."""
    campaign = EXAMPLES / name / "campaign.yaml"
    loaded = load(campaign, Project.of(campaign), backends=["nano", "procedural"])
    assert not [note for note in plan(loaded, NANO).notes if note.code == "unknown-noun"]
    assert [note for note in plan(loaded, replace(NANO, nouns=frozenset())).notes if note.code == "unknown-noun"]


def test_the_list_beside_the_weights_is_read_without_torch(tmp_path: Path) -> None:
    """The shipped list is the shipped vocabulary; a checkpoint without a list knows everything."""
    shipped = json.loads(
        (Path(__file__).parents[2] / "engine/flux2engine/nano/vocabulary.json").read_text(encoding="utf-8")
    )
    lines = (Path(__file__).parents[2] / "engine/flux2engine/nano/vocabulary.txt").read_text(encoding="utf-8")
    assert shipped["nouns"] == [line for line in lines.splitlines() if line]
    assert {"teapot", "podium", "backdrop"} <= KNOWN
    own = [text for table in ("sets", "stands") for words in shipped[table].values() for text in words]
    assert not [text for text in own if unknown_nouns(text, KNOWN)]
    assert known_nouns(tmp_path) is None
    (tmp_path / "vocabulary.json").write_text('{"nouns": ["cup"], "scenery": ["wall"]}', encoding="utf-8")
    assert known_nouns(tmp_path) == {"cup", "wall"}
    (tmp_path / "vocabulary.json").write_text("[]", encoding="utf-8")
    assert known_nouns(tmp_path) is None
