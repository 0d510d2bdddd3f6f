"""Products and their reference pictures: other views are of the same product, swatches hold the asked colours."""

from __future__ import annotations

import random

import numpy as np
import pytest

from flux2engine.training.data import draw_scene, scene_from_record
from flux2engine.training.packages import PACKAGES
from flux2engine.training.products import (
    Identity,
    other_view,
    package_look,
    paint_identity,
    reference_picture,
    shape_of,
    swatch_picture,
)


def coloured(pixels: np.ndarray) -> np.ndarray:
    """Return a histogram of what is not the white or grey ground, in 4 × 4 × 4 colours."""
    values = pixels.reshape(-1, 3).astype(int)
    values = values[values.max(1) - values.min(1) > 40] // 64
    counts = np.bincount(values @ np.array([16, 4, 1]), minlength=64).astype(float)
    return counts / max(counts.sum(), 1)


def test_another_view_is_of_the_same_product() -> None:
    """Its colours are nearer to the plain reference's than another product's are; its pixels are not the same."""
    nearer = 0
    for seed in range(40):
        first, second = (Identity("can", seed + shift) for shift in (0, 100))
        rng = random.Random(seed)
        plain, view, other = reference_picture(first, 96, rng), other_view(first, 96, rng), other_view(second, 96, rng)
        assert plain.size == view.size == (96, 96)
        assert np.abs(np.asarray(plain, int) - np.asarray(view, int)).mean() > 5
        own, seen, wrong = (coloured(np.asarray(picture)) for picture in (plain, view, other))
        nearer += np.minimum(own, seen).sum() > np.minimum(own, wrong).sum()
    assert nearer >= 28


def test_a_swatch_shows_its_colours_in_order() -> None:
    """Every band is exactly its colour; as many bands as colours."""
    colours = [(10, 200, 30), (255, 255, 255), (90, 20, 60)]
    pixels = np.asarray(swatch_picture(colours, 66))
    assert [tuple(int(v) for v in pixels[33, x]) for x in (5, 33, 60)] == colours
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) == 3


@pytest.mark.parametrize("name", [name for name in PACKAGES if name != "phone"])  # of a phone, only the frame
def test_a_package_shows_the_colours_of_its_look(name: str) -> None:
    """Of the body's colour, as words say it, a picture holds far more than of another package's."""
    own = others = 0.0
    for seed in range(30):
        look, other = package_look(Identity(name, seed)), package_look(Identity(name, seed + 500))
        assert look is not None
        assert other is not None
        pixels = np.asarray(paint_identity(Identity(name, seed), 96))
        opaque = pixels[pixels[..., 3] > 200][:, :3].astype(float)
        # Direction in colour space: light and shade scale a colour, they do not turn it.
        directions = opaque / np.maximum(np.linalg.norm(opaque, axis=1, keepdims=True), 1)
        near = [
            float((directions @ (np.array(c, float) + 1) / np.linalg.norm(np.array(c, float) + 1) > 0.985).mean())
            for c in (look.body, other.body)
        ]
        own, others = own + near[0], others + near[1]
    assert own > 1.4 * others


def test_shapes_are_the_pictures_shapes() -> None:
    """The longer side is 1, and the picture has the same proportions at any size."""
    for seed in range(10):
        identity = Identity("jar", seed)
        width, height = shape_of(identity)
        picture = paint_identity(identity, 200)
        assert max(width, height) == 1
        assert abs(width / height - picture.width / picture.height) < 0.05


def test_records_of_the_first_version_are_still_read() -> None:
    """A record without the newer fields is the same scene with their defaults."""
    scene = draw_scene(random.Random(1), 1.0, [], True, kind="studio")
    newer = ("kind", "props", "empty_box", "rim", "reflection", "floor", "decor", "pattern", "crop")
    old = scene_from_record({key: value for key, value in scene.record().items() if key not in newer})
    assert (old.kind, old.props, old.empty_box, old.decor, old.crop) == ("studio", (), None, "none", None)
    assert (old.main, old.seed, old.set) == (scene.main, scene.seed, scene.set)
    with pytest.raises(KeyError):
        scene_from_record({"main": None})
