"""Captions say what is in the scene, in the planner's own words, and fit the model's text window."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from flux2engine.training import phrases
from flux2engine.training.captions import (
    ROOM,
    caption,
    edit_caption,
    estimated_tokens,
    ratio_words,
    roles_for,
    room_for,
    scene_caption,
)
from flux2engine.training.colours import to_hex
from flux2engine.training.data import (
    CAMERAS,
    DECORS,
    FLOORS,
    LIGHTS,
    MOODS,
    PATTERNS,
    SETS,
    STANDS,
    Kind,
    Placed,
    Scene,
    draw_scene,
)
from flux2engine.training.edits import Edit
from flux2engine.training.products import PACKAGES, CutOut, Identity
from flux2flow.generation.flux2 import LIMITS
from flux2flow.loading import load
from flux2flow.planning import plan
from flux2flow.planning.prompts import Brief, compile_prompt
from flux2flow.project import Project

EXAMPLES = Path(__file__).parents[3] / "examples"


def scenes(count: int, with_object: bool = False, kind: Kind | None = "studio", seed: int = 7) -> list[Scene]:
    rng = random.Random(seed)
    return [draw_scene(rng, 1.0, [], with_object, kind=kind) for _ in range(count)]


def placed(name: str, left: float, seed: int = 1) -> Placed:
    return Placed(Identity(name, seed, Path("cut-out.webp")), (left, 0.4, left + 0.1, 0.6))


def flat_lay(names: list[str]) -> Scene:
    scene = replace(scenes(1, kind="floor")[0], kind="flat-lay", stand="none", camera="top down")
    return replace(scene, props=tuple(placed(name, index / 10) for index, name in enumerate(names)))


def test_every_choice_of_a_scene_has_its_words() -> None:
    """No set, stand, light, camera, floor or pattern is without a phrase, and no phrase without a choice."""
    assert set(phrases.SET) == set(SETS)
    assert set(phrases.STAND) == set(STANDS) - {"none"}
    assert set(phrases.LIGHT) == set(LIGHTS)
    assert set(phrases.MOOD) == set(MOODS)
    assert set(phrases.CAMERA) == set(CAMERAS)
    assert set(phrases.FLOOR) == set(FLOORS)
    assert set(phrases.DECOR) == set(DECORS) - {"none"}
    assert set(phrases.PATTERN) == set(PATTERNS) - {"none"}
    assert set(phrases.PACKAGE) == set(PACKAGES)


def test_captions_say_the_colours_of_the_scene() -> None:
    """Every value in a caption belongs to its scene; with another scene's colours it would not."""
    rng = random.Random(1)
    said = 0
    for scene in scenes(200):
        text = caption(scene, rng)
        own = {to_hex(scene.backdrop), to_hex(scene.second), to_hex(scene.stand_colour)}
        values = {text[i : i + 7] for i, letter in enumerate(text) if letter == "#"}
        assert values <= own, text
        said += len(values)
    assert said > 200


def test_what_is_told_to_be_said_is_said() -> None:
    """A colour that counts as said stands in the text by value or name; where it does not, its part is not there."""
    rng = random.Random(5)
    missing = 0
    for scene in scenes(300):
        if scene.stand == "none":
            continue
        made = scene_caption(scene, rng)
        assert "empty studio" not in made.text.lower()  # a stand is something
        assert "floor and backdrop only" not in made.text.lower()
        mentions = re.search(
            r"\b(?:podium|plinth|stand|stage|steps?|stair\w*|arch\w*|slab|plate|block|podiums)\b", made.text
        )
        if "stand_colour" in made.said:
            assert mentions, made.text
        else:
            missing += 1
    assert missing > 10


def test_captions_point_at_the_right_reference() -> None:
    """The product is called by the number at which it stands, and never by a distractor's."""
    rng = random.Random(2)
    for scene in scenes(100, with_object=True):
        scene = replace(scene, extra=None, props=())
        text = caption(scene, rng, ("other", "main", "other")).lower()
        assert "image 2" in text
        assert not any(f"from image {n}" in text or f"image {n} is the product" in text for n in (1, 3)), text


def test_each_of_ten_references_is_called_by_its_own_number() -> None:
    """Nine objects shuffled among ten images: the list names them in the scene's order; another order would differ."""
    names = ["teapot", "pear", "guitar", "lemon", "key", "bell", "cup", "rose", "kite"]
    scene = flat_lay(names)
    rng = random.Random(3)
    for _ in range(60):
        order = rng.sample(range(9), 9)
        roles = [f"prop {index}" for index in order]
        roles.insert(rng.randrange(10), "other")
        text = caption(scene, rng, roles)
        subjects = re.split(r"\b[iI]mage \d+ is ", text)[0] if not text.startswith(("Image", "image", "{")) else text
        called = [roles.index(f"prop {index}") + 1 for index in range(9)]
        listed = re.findall(r"(?:from|of|in) images? ([\d, and]+)", subjects)
        numbers = [int(number) for part in listed for number in re.findall(r"\d+", part)]
        assert numbers[:9] == called, text
        assert called != sorted(called) or order == sorted(order)


def test_flat_lays_count_their_objects() -> None:
    """Three to nine objects are all named, in order, and often counted."""
    rng = random.Random(4)
    counted = 0
    for number in range(3, 10):
        names = ["teapot", "pear", "guitar", "lemon", "key", "bell", "cup", "rose", "kite"][:number]
        for _ in range(10):
            text = caption(flat_lay(names), rng)
            places = [re.search(rf"\b{name}\b", text).start() for name in names]  # type: ignore[union-attr]
            assert places == sorted(places), text
            counted += f"{phrases.NUMBERS[number]} " in text.lower()
    assert 30 < counted < 70


def test_captions_come_in_three_forms() -> None:
    """Sentences, comma lists and JSON all occur; JSON is valid and holds the scene."""
    rng = random.Random(3)
    texts = [caption(scene, rng) for scene in scenes(120)]
    documents = [json.loads(text) for text in texts if text.startswith("{")]
    assert 8 < len(documents) < 40
    assert all(document["scene"] for document in documents)
    assert 20 < sum(text.endswith(".") for text in texts) < 110


def test_captions_keep_to_their_room(tokenizer: Tokenizer) -> None:
    """99 in 100 fit the text window they were written for; without a limit many would not."""
    cut_outs = [CutOut(name, Path("x")) for name in ("teapot", "pear", "guitar")]
    rng = random.Random(6)
    drawn = [scene for kind in ("studio", "floor", "infographic") for scene in scenes(130, kind == "studio", kind)]
    drawn += [flat_lay([rng.choice(cut_outs).name for _ in range(rng.randint(3, 9))]) for _ in range(60)]
    lengths = {
        room: [
            len(tokenizer.encode(caption(scene, rng, ("other", "main") if scene.main else (), room)).ids)
            for scene in drawn
        ]
        for room in (room_for(128), room_for(96), 1000)
    }
    assert sum(length <= 128 for length in lengths[room_for(128)]) >= 0.99 * len(drawn)
    assert sum(length <= 96 for length in lengths[room_for(96)]) >= 0.96 * len(drawn)  # a tokenizer of few words
    assert sum(length <= 96 for length in lengths[1000]) < 0.97 * len(drawn)


def words_of(text: str) -> list[str]:
    """Cut a prompt into the forms it is made of: clauses without their colours; a light's character and direction."""
    text = re.sub(r"\b(backdrop|floor|podium) in [^,.(]+ \(#[0-9a-f]{6}\)", r"\1 in COLOUR", text.lower())
    return [
        clause.strip() for clause in re.split(r"[,.;]\s+|[,.;]$| with (?=an? )| (?=light from)", text) if clause.strip()
    ]


def taught(count: int) -> set[str]:
    """Gather the forms that the grammar produces."""
    rng = random.Random(8)
    forms: set[str] = set()
    kinds: tuple[Kind, ...] = ("studio", "floor", "infographic")
    for _ in range(count):
        scene = draw_scene(rng, rng.choice((1.0, 0.56, 1.8)), [], rng.random() < 0.3, kind=rng.choice(kinds))
        roles = rng.choice(((), ("main",), ("main", "style"), ("main", "prop", "swatch"))) if scene.main else ()
        text = caption(scene, rng, roles)
        if not text.startswith("{"):
            forms |= set(words_of(text))
    return forms


@pytest.fixture(scope="module")
def forms() -> set[str]:
    return taught(4000)


@pytest.mark.parametrize("name", ["aurora", "halfmoon"])
def test_the_planner_s_clauses_were_taught(name: str, forms: set[str]) -> None:
    """Every clause of the examples' prompts is a form of the grammar; a market at noon is none."""
    campaign = EXAMPLES / name / "campaign.yaml"
    made = plan(load(campaign, Project.of(campaign), backends=["nano", "procedural"]), LIMITS)
    clauses = {clause for plate in made.plates for clause in words_of(plate.request.prompt)}
    assert len(clauses) >= 8
    assert clauses <= forms, clauses - forms
    assert not set(words_of("A bustling market at noon, harsh light from below.")) & forms


@pytest.mark.parametrize("azimuth", [-60, 0, 60, 180])
@pytest.mark.parametrize("free", ["left", "right", "top", "bottom", "none"])
def test_the_planner_s_own_words_were_taught(azimuth: float, free: str, forms: set[str]) -> None:
    """What the planner itself adds (light's direction, free side, product by number, an empty set) is taught too."""
    brief = Brief(
        "A seamless studio floor with a round podium", (), "product photography", (), "soft light", azimuth, 50,
        "", "eye level", "", set_exactly=azimuth == 0,
    )  # fmt: skip
    prompt, _ = compile_prompt(brief, "end", free, (), "prose")  # type: ignore[arg-type]
    missing = set(words_of(prompt)) - forms
    assert not missing
    control, _ = compile_prompt(replace(brief, camera="from the moon"), "end", free, (), "prose")  # type: ignore[arg-type]
    assert set(words_of(control)) - forms == {"from the moon"}


def edits() -> list[Edit]:
    before = replace(scenes(1)[0], stand="none", main=placed("teapot", 0.45), extra=None, props=(), set="seamless")
    with_extra = replace(before, extra=placed("pear", 0.1))
    return [
        Edit("backdrop", before, replace(before, backdrop=(1, 2, 3)), None),
        Edit("palette", before, replace(before, backdrop=(1, 2, 3)), None),
        Edit("light", before, replace(before, light="right", mood="golden hour"), None),
        Edit("swap", before, replace(before, main=placed("guitar", 0.45)), None),
        Edit("remove", with_extra, before, None),
        Edit("add", before, with_extra, None),
        Edit("outpaint", before, replace(before, aspect=16 / 9), None),
    ]


@pytest.mark.parametrize("edit", edits(), ids=lambda edit: edit.kind)
def test_edits_say_what_is_new(edit: Edit) -> None:
    """Each kind names the new colour, light, object, image or size; the other kinds' captions never do."""
    wanted = {
        "backdrop": r"#010203|black|ink|night|graphite|blue|dark|deep",
        "palette": r"palette|colours",
        "light": r"(warm evening|golden|sunset)\b.*light|light",
        "swap": r"image 2|guitar",
        "remove": r"(remove|delete|take) .*pear",
        "add": r"(image 2|pear).* on the left",
        "outpaint": r"16:9",
    }[edit.kind]
    rng = random.Random(9)
    roles = {"swap": ("before", "main"), "add": ("before", "extra"), "palette": ("before", "swatch")}.get(
        edit.kind, ("before",)
    )
    texts = [edit_caption(edit, rng, rng.choice((roles, roles[:1]))) for _ in range(60)]
    assert all(re.search(wanted, text.lower()) for text in texts), texts
    assert len(set(texts)) > 8
    assert max(map(estimated_tokens, texts)) <= ROOM
    assert not any("{" in text for text in texts)


def test_a_swap_by_image_points_past_a_distractor() -> None:
    """The new product is called by its own number, not by the distractor's."""
    swap = next(edit for edit in edits() if edit.kind == "swap")
    rng = random.Random(10)
    for _ in range(40):
        text = edit_caption(swap, rng, roles_for(["before", "other", "main"]))
        assert "image 3" in text
        assert not re.search(r"(from|of|in) image 2\b", text), text


def test_ratios_are_called_by_their_nearest_name() -> None:
    """A wide one is not called square."""
    assert [ratio_words(aspect) for aspect in (1.0, 1.79, 0.55, 3.1)] == ["1:1", "16:9", "9:16", "3:1"]
