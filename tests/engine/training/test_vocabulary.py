"""The list that ships beside the weights names what training shows, and nothing that it holds out."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from flux2engine.training import phrases
from flux2engine.training.caption_batches import CLASSES, CaptionPool, CaptionSource
from flux2engine.training.packages import PACKAGES
from flux2engine.training.products import CutOut, is_held_out
from flux2engine.training.text_pretraining import fresh_encoder
from flux2engine.training.vocabulary import vocabulary
from flux2flow.planning.vocabulary import unknown_nouns

NAMES = ["teapot", "pear", "guitar", "lemon", "key", "axe", "balloon", "owl"]


def test_held_out_objects_are_not_in_the_vocabulary() -> None:
    """Trained names and every word for a package are; held-out ones, which a jar is not, are not."""
    made = vocabulary([CutOut(name, Path("x")) for name in NAMES], "nano test")
    held_out = {name for name in NAMES if is_held_out(name)}
    assert held_out == {"axe", "balloon", "owl"}
    assert {*NAMES} - held_out <= {*made["nouns"]}
    assert not held_out & {*made["nouns"]}
    assert {*PACKAGES, "perfume bottle", "smartphone"} <= {*made["nouns"]}


def test_the_captions_own_scenery_is_known_to_planning() -> None:
    """No phrase for a set, a stand or a decor is warned about; without the list of scenery most would be."""
    made = vocabulary([], "nano test")
    known = frozenset([*made["nouns"], *made["scenery"]])
    tables = (phrases.SET, phrases.STAND, phrases.DECOR, phrases.SPHERES, phrases.PATTERN, phrases.LAID_ON)
    said = [text for table in tables for words in table.values() for text in words] + [*phrases.INFOGRAPHIC]
    found = {text: nouns for text in said if (nouns := unknown_nouns(text, known))}
    assert not found
    assert sum(bool(unknown_nouns(text, frozenset(made["nouns"]))) for text in said) > len(said) / 2


@pytest.fixture(scope="module")
def pool() -> CaptionPool:
    return CaptionPool([], seed=3, pool=60)


def test_facts_that_count_as_said_are_in_the_caption(pool: CaptionPool) -> None:
    """A light, an edit and a number that a reader is asked for stand in the text; facts left out are not asked for."""
    rng = random.Random(4)
    index = {name: number for number, name in enumerate(CLASSES)}
    asked = left_open = 0
    for _ in range(400):
        item = pool.draw(rng, 128)
        text = item.text.lower()
        light, image, edit = (item.classes[index[name]] for name in ("light", "image", "edit"))
        if light >= 0:
            words = {"left": "left", "right": "right", "top": "above|top", "front": "front"}[CLASSES["light"][light]]
            assert any(word in text for word in words.split("|")), text
            asked += 1
        elif edit <= 0:
            left_open += 1
        if image > 0:
            assert str(image) in text
        assert (edit > 0) == (item.classes[index["kind"]] < 0)
        own = {"#{:02x}{:02x}{:02x}".format(*colour) for colour in item.colours}
        assert {*re.findall(r"#[0-9a-f]{6}", text)} <= own, text
        assert not re.search(r"#[0-9a-f]{6}", text) or any(item.said) or "palette" in text
    assert asked > 100
    assert left_open > 30


def test_a_batch_is_the_same_whenever_it_is_drawn(tokenizer: Tokenizer) -> None:
    """Ids and facts are a function of the step; another step is another batch, and no window is longer than 128."""
    source = CaptionSource(fresh_encoder(tokenizer), [], seed=1, pool=12)
    first, again, other = source.batch(5, 6), source.batch(5, 6), source.batch(6, 6)
    assert torch.equal(first.ids, again.ids)
    assert torch.equal(first.classes, again.classes)
    assert first.ids.shape != other.ids.shape or not torch.equal(first.ids, other.ids)
    assert first.ids.shape[1] <= 128
    assert first.classes.shape == (6, len(CLASSES) + 1)
    assert bool((first.classes == -1).any())
