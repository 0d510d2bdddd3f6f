"""The shipped weights paint what they are asked, and untrained ones under the same measures do not.

Twenty-four of fifty prompts: `python -m flux2engine.training.evaluate` takes all of them, and
`python -m flux2engine.training.evaluation` every metric.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from flux2engine.pipeline import Flux2Pipeline
from flux2engine.training.colours import parse_hex
from flux2engine.training.evaluate import Results, measure, open_bench
from flux2engine.training.evaluation.colour import delta_e_2000, to_lab
from flux2engine.training.evaluation.loading import SHIPPED, load
from flux2engine.training.products import is_held_out

PROMPTS, SIDE = 24, 128
VALUES = ("#14234d", "#f7eed8", "#c8694a")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def nano() -> Flux2Pipeline:
    return load(SHIPPED, "shipped")


def evaluated(weights: str, folder: Path) -> Results:
    return measure(open_bench(SHIPPED, weights, folder, PROMPTS, SIDE))


def test_it_paints_the_asked_backdrop_and_the_shown_product(tmp_path: Path) -> None:
    """Backdrops are near what was asked and far from what others asked; the right reference helps."""
    results = evaluated("shipped", tmp_path)
    assert results.backdrop <= 8
    assert results.shuffled >= results.backdrop + 8
    assert results.right >= results.wrong + 3


def test_untrained_weights_fail_both(tmp_path: Path) -> None:
    """The control: the same measures, prompts and autoencoder, with random weights."""
    results = evaluated("random", tmp_path)
    assert results.backdrop > 18
    assert abs(results.right - results.wrong) < 1
    assert len(results.missed) >= 2


@pytest.mark.parametrize("value", VALUES)
def test_it_reads_values_in_the_planners_words(nano: Flux2Pipeline, value: str) -> None:
    """A plate's wall comes out nearer to the asked value than to the two others."""
    prompt = (
        f"A seamless studio backdrop with a smooth floor, soft morning light from the left, backdrop in {value}, "
        f"floor in {value}, empty clean space on the left for text, an empty set, product photography, eye level."
    )
    (picture,) = nano.generate([prompt], 256, 128, [5])
    wall = to_lab(picture[:48].reshape(-1, 3).mean(0) / 255)
    distances = {
        other: float(delta_e_2000(wall, to_lab(np.array(parse_hex(other)) / 255)))
        for other in ("#14234d", "#f7eed8", "#c8694a")
    }
    assert min(distances, key=lambda other: distances[other]) == value, distances
    assert distances[value] < 22


@pytest.mark.parametrize(("free", "taken"), [("left", "right"), ("right", "left")])
def test_the_free_side_is_free(nano: Flux2Pipeline, free: str, taken: str) -> None:
    """A dark podium is painted on the other side: that side is darker than the wall, the free one is not."""
    prompt = (
        f"A seamless studio floor with a round podium on the {taken}, soft light from above, backdrop in cream "
        f"(#f7eed8), podium in deep teal (#0f4c5c), empty clean space on the {free} for text, product photography."
    )
    for picture in nano.generate([prompt] * 4, SIDE, SIDE, range(4)):
        luminance = picture.astype(float).mean(-1)
        wall = luminance[:50].mean()
        sides = {"left": luminance[64:, :40].mean(), "right": luminance[64:, -40:].mean()}
        assert wall - sides[free] < 25, sides
        assert wall - sides[taken] > 40, sides


def test_what_ships_is_small_and_whole() -> None:
    """At most 16 MB, with card, log, notices and vocabulary; no held-out object is in the vocabulary."""
    names = {path.name for path in SHIPPED.iterdir()}
    assert {"MODEL_CARD.md", "LOG.md", "NOTICES.md", "vocabulary.txt", "held_out.txt", "model.json"} <= names
    assert sum(path.stat().st_size for path in SHIPPED.iterdir() if path.is_file()) <= 16_000_000
    notices = (SHIPPED / "NOTICES.md").read_text(encoding="utf-8")
    assert all(
        f"Copyright (c) {name}" in notices for name in ("Microsoft", "2023 LobeHub", "2019 Mu-An Chiou", "2023 Ollin")
    )
    held_out = set((SHIPPED / "held_out.txt").read_text(encoding="utf-8").split("\n")) - {""}
    vocabulary = set((SHIPPED / "vocabulary.txt").read_text(encoding="utf-8").split("\n")) - {""}
    assert len(vocabulary) > 600
    assert not vocabulary & held_out
    assert all(is_held_out(name) for name in held_out)
    assert set(json.loads((SHIPPED / "evaluation.json").read_text(encoding="utf-8"))) <= held_out
    assert set(json.loads((SHIPPED / "evaluation_named.json").read_text(encoding="utf-8"))) <= vocabulary


def test_its_tokenizer_keeps_values_apart() -> None:
    """Every nibble is one token, and the longest prompt in the planner's words fits the text window."""
    tokenizer = Tokenizer.from_file(str(SHIPPED / "tokenizer.json"))
    assert tokenizer.encode("#0f4c5c").tokens[-6:] == list("0f4c5c")
    prompt = (
        "Image 1 is the product, a bottle; image 2 is a style reference. The product from image 1 stands on the "
        "podium, a seamless studio backdrop with a smooth floor, soft morning light from the left, backdrop in warm "
        "sand (#e8d5b5), floor in warm sand (#e8d5b5), empty clean space on the left for text, product photography, "
        "eye level."
    )
    assert len(tokenizer.encode(prompt).ids) <= 96
