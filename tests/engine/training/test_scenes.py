"""Scenes, products and captions: what the picture shows is what the words say."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import numpy as np
import pytest

from flux2engine.training.colours import NAMED, describe, parse_hex
from flux2engine.training.data import Scene, draw_scene, scene_from_record
from flux2engine.training.painting import paint
from flux2engine.training.products import PACKAGES, Identity, is_held_out, paint_identity


def scenes(count: int, aspect: float = 1.0, with_object: bool = False) -> list[Scene]:
    rng = random.Random(7)
    return [draw_scene(rng, aspect, [], with_object, kind="studio") for _ in range(count)]


def roughness(picture: np.ndarray, columns: slice) -> float:
    """Return the steepest step between neighbours: an edge of anything that is not backdrop."""
    part = picture[:, columns].astype(float)
    return float(max(np.abs(np.diff(part, axis=1)).max(), 0.0))


@pytest.mark.parametrize(
    ("empty", "columns", "other"), [("left", slice(0, 48), slice(96, 192)), ("right", slice(144, 192), slice(0, 96))]
)
def test_an_empty_side_holds_nothing_but_backdrop(empty: str, columns: slice, other: slice) -> None:
    """No vertical edge stands in a side declared empty; the other side has the podium's."""
    found = [
        s
        for s in scenes(2000)
        if s.empty == empty
        and s.stand == "round podium"
        and s.set == "seamless"
        and not s.spheres
        and s.decor == "none"
    ][:12]
    assert len(found) >= 5
    for scene in found:
        contrasting = replace(scene, stand_colour=(255, 255, 255) if sum(scene.backdrop) < 380 else (10, 10, 10))
        picture = paint(contrasting, 192, 192).pixels
        assert roughness(picture, columns) < 12 < roughness(picture, other)


def test_the_asked_colour_is_the_wall() -> None:
    """A neutral seamless wall is its asked colour on average, whatever the light's side."""
    for scene in scenes(60):
        plain = replace(scene, set="seamless", mood="neutral", stand="none", spheres=0)
        wall = paint(plain, 96, 96).pixels[:48].reshape(-1, 3).astype(float).mean(0)
        assert np.abs(wall - np.array(scene.backdrop)).max() < 26, scene


def test_a_scene_is_the_same_picture_every_time_and_at_every_size() -> None:
    """Painting is a function of the scene; a larger picture shrinks to the smaller one."""
    scene = scenes(4, with_object=True)[3]
    small, large = paint(scene, 128, 128).pixels, paint(scene, 256, 256).pixels
    assert np.array_equal(small, paint(scene, 128, 128).pixels)
    shrunk = large.reshape(128, 2, 128, 2, 3).mean((1, 3))
    assert np.abs(shrunk - small).mean() < 3
    other = paint(scenes(3, with_object=True)[2], 128, 128).pixels
    assert np.abs(shrunk - other).mean() > 10


def test_a_scene_survives_its_record() -> None:
    """What the cache stores is the scene itself."""
    for scene in scenes(20, with_object=True):
        assert scene_from_record(json.loads(json.dumps(scene.record()))) == scene


@pytest.mark.parametrize("name", PACKAGES)
def test_packages_are_painted_and_differ(name: str) -> None:
    """Each package fills its box, and another seed is another product."""
    first, second = (np.asarray(paint_identity(Identity(name, seed), 64).resize((64, 64)), float) for seed in (1, 2))
    assert first[..., 3].mean() > 100
    assert np.abs(first - second).mean() > 3


def test_names_are_near_their_colours() -> None:
    """A named colour is usually called by its own name; an opposite one never is."""
    rng = random.Random(4)
    own = [describe(parse_hex(value), rng) == name for name, value in NAMED.items() for _ in range(5)]
    assert sum(own) > 0.4 * len(own)
    assert all("black" not in describe((250, 250, 245), rng) for _ in range(50))


def test_objects_are_held_out_by_name() -> None:
    """About one name in ten is held out, always the same ones."""
    names = [f"object {index}" for index in range(2000)]
    held_out = [name for name in names if is_held_out(name)]
    assert 0.07 < len(held_out) / len(names) < 0.13
    assert held_out == [name for name in names if is_held_out(name)]
