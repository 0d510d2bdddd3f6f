"""What a scene declares holds in its picture: colours, empty boxes, shadows, reflections, framings."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from coloraide import Color
from PIL import Image, ImageDraw

from flux2engine.training.colours import RGB
from flux2engine.training.data import ASPECTS, KINDS, SETS, Box, Kind, Scene, draw_scene
from flux2engine.training.painting import paint
from flux2engine.training.products import CutOut

Pixels = np.ndarray


@pytest.fixture(scope="session")
def cut_outs(tmp_path_factory: pytest.TempPathFactory) -> list[CutOut]:
    """Three shapes with alpha, as small stand-ins for the cut-outs, which the repository does not hold."""
    folder, found = tmp_path_factory.mktemp("cut-outs"), []
    for index, name in enumerate(("ball", "star", "crate")):
        picture = Image.new("RGBA", (96, 96))
        draw = ImageDraw.Draw(picture)
        if name == "ball":
            draw.ellipse((8, 8, 88, 88), (220, 60, 40, 255))
        elif name == "star":
            draw.polygon(
                [(48, 4), (62, 36), (92, 40), (68, 60), (76, 92), (48, 74), (20, 92), (28, 60), (4, 40), (34, 36)],
                "gold",
            )
        else:
            draw.rectangle((10, 24, 86, 88), (120, 84, 50, 255), (40, 26, 12, 255), 4)
        picture.save(folder / f"{index}.png")
        found.append(CutOut(name, folder / f"{index}.png"))
    return found


def size_of(scene: Scene, side: int = 160) -> tuple[int, int]:
    """Return a size whose shorter side is `side`."""
    return (round(side * scene.aspect), side) if scene.aspect >= 1 else (side, round(side / scene.aspect))


def draw_many(seed: int, count: int, cut_outs: list[CutOut], kind: Kind | None = None) -> list[Scene]:
    rng = random.Random(seed)
    return [draw_scene(rng, rng.choice(ASPECTS), cut_outs, rng.random() < 0.6, kind=kind) for _ in range(count)]


def delta_e(first: Pixels, second: RGB) -> float:
    one, other = (Color("srgb", [float(c) / 255 for c in colour]) for colour in (first, second))
    return float(one.delta_e(other, method="2000"))


def edges(pixels: Pixels, box: Box) -> tuple[float, float]:
    """Return the edge energy inside a box and outside it: steps between neighbours beyond a smooth gradient's 4/255."""
    values = pixels.astype(float)
    steps = np.zeros(pixels.shape[:2])
    steps[:, 1:] = np.abs(np.diff(values, axis=1)).max(-1)
    steps[1:] = np.maximum(steps[1:], np.abs(np.diff(values, axis=0)).max(-1))
    steps = np.maximum(steps - 4, 0)
    height, width = steps.shape
    left, top, right, bottom = (round(v * s) for v, s in zip(box, (width, height) * 2, strict=True))
    inside = np.zeros(steps.shape, bool)
    inside[top + 1 : bottom - 1, left + 1 : right - 1] = True
    return float(steps[inside].mean()), float(steps[~inside].mean())


def is_calm(inside: float, outside: float) -> bool:
    return inside <= max(outside / 4, 0.02)  # 0.02: one step of 5/255 in fifty pixels, where a bare floor has none


def test_the_declared_box_is_empty(cut_outs: list[CutOut]) -> None:
    """In 200 scenes (seed 20) the empty box holds a quarter of the rest's edges at most; a random box holds more."""
    rng = random.Random(20)
    found = [scene for scene in draw_many(20, 420, cut_outs) if scene.empty_box is not None][:200]
    assert len(found) == 200
    calm = random_calm = occupied = 0
    for scene in found:
        pixels = paint(scene, *size_of(scene, 128)).pixels
        box = scene.empty_box
        assert box is not None
        calm += is_calm(*edges(pixels, box))
        if scene.objects:
            width, height = box[2] - box[0], box[3] - box[1]
            left, top = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
            random_calm += is_calm(*edges(pixels, (left, top, left + width, top + height)))
            occupied += 1
    assert calm >= 0.97 * len(found)
    assert random_calm < 0.5 * occupied


def test_an_empty_box_is_declared_where_a_side_is(cut_outs: list[CutOut]) -> None:
    """The box lies at its side, is a fifth of the picture or more, and no product reaches into it."""
    scenes = draw_many(21, 200, cut_outs)
    assert all((scene.empty_box is None) == (scene.empty == "none") for scene in scenes)
    for scene in scenes:
        if scene.empty_box is None:
            continue
        left, top, right, bottom = scene.empty_box
        touched = {"left": left == 0, "right": right == 1, "top": top == 0, "bottom": bottom == 1}
        assert touched[scene.empty]
        assert max(right - left, bottom - top) >= 0.2
        for placed in scene.objects:
            box = placed.box
            assert box[0] >= right or box[2] <= left or box[1] >= bottom or box[3] <= top


@pytest.mark.parametrize("set_", SETS)
def test_the_bare_backdrop_is_the_asked_colour(set_: str) -> None:
    """Under neutral light the backdrop's mean is within ΔE2000 3 of the asked colour, on every set; not of another."""
    rng = random.Random(22)
    asked: list[tuple[Pixels, RGB]] = []
    for scene in (draw_scene(rng, 1.0, [], False, kind="studio") for _ in range(12)):
        plain = replace(scene, set=set_, mood="neutral", empty="none", empty_box=None)
        picture = paint(plain, 96, 96)
        assert picture.backdrop.sum() > 100
        mean = (picture.pixels * picture.backdrop[..., None]).sum((0, 1)) / picture.backdrop.sum()
        asked.append((mean, scene.backdrop))
    assert max(delta_e(mean, colour) for mean, colour in asked) <= 3
    assert np.median([delta_e(mean, asked[(i + 1) % 12][1]) for i, (mean, _) in enumerate(asked)]) > 10


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_alike_at_every_size(kind: Kind, cut_outs: list[CutOut]) -> None:
    """A larger picture shrinks to the smaller one, whatever the kind; another scene's does not."""
    rng = random.Random(23)
    scenes = [draw_scene(rng, 1.0, cut_outs, kind in ("studio", "flat-lay"), kind=kind) for _ in range(6)]
    small = [paint(scene, 128, 128).pixels.astype(float) for scene in scenes]
    large = [paint(scene, 256, 256).pixels.reshape(128, 2, 128, 2, 3).mean((1, 3)) for scene in scenes]
    assert np.median([np.abs(a - b).mean() for a, b in zip(small, large, strict=True)]) < 3
    assert max(np.abs(a - b).mean() for a, b in zip(small, large, strict=True)) < 6
    assert np.median([np.abs(small[i] - large[(i + 1) % 6]).mean() for i in range(6)]) > 15


def test_floors_hold_nothing_but_floor_and_backdrop(cut_outs: list[CutOut]) -> None:
    """No product, stand or decor stands on a floor plate, and there is a floor to set one on."""
    for scene in draw_many(24, 60, cut_outs, kind="floor"):
        assert (scene.objects, scene.stand, scene.spheres) == ((), "none", 0)
        assert paint(scene, 32, 32).weight.max() == 0
        assert 0.4 < scene.horizon < scene.ground < 1


def test_flat_lays_hold_three_to_nine_products_apart(cut_outs: list[CutOut]) -> None:
    """Products lie inside the picture, none on another."""
    for scene in draw_many(25, 60, cut_outs, kind="flat-lay"):
        boxes = [placed.box for placed in scene.objects]
        assert scene.main is None
        assert 3 <= len(boxes) <= 9
        assert all(min(box) > -0.01 and max(box) < 1.01 for box in boxes)
        for index, one in enumerate(boxes):
            for other in boxes[index + 1 :]:
                across = min(one[2], other[2]) - max(one[0], other[0])
                down = min(one[3], other[3]) - max(one[1], other[1])
                assert min(across, down) < 0.03, (one, other)


def test_a_shadow_touches_the_product(cut_outs: list[CutOut]) -> None:
    """The floor just before a product's foot is darker than without it; far from it, it is the very same."""
    rng, darker = random.Random(26), 0
    for _ in range(20):
        scene = draw_scene(rng, 1.0, cut_outs, True, kind="studio", package_share=1.0)
        scene = replace(
            scene,
            set="seamless",
            stand="none",
            decor="none",
            extra=None,
            props=(),
            backdrop=(190, 180, 170),
            reflection=0.0,
        )
        assert scene.main is not None
        left, _, right, bottom = scene.main.box
        with_it, without = (paint(s, 128, 128).pixels.astype(int) for s in (scene, replace(scene, main=None)))
        foot = with_it[:, round((left + right) / 2 * 128)].sum(-1) - without[:, round((left + right) / 2 * 128)].sum(-1)
        below = min(126, round(bottom * 128))
        darker += foot[below : below + 2].min() < -30
        assert np.array_equal(with_it[:4], without[:4])
    assert darker >= 18


def test_glossy_floors_mirror_and_matte_ones_do_not(cut_outs: list[CutOut]) -> None:
    """Under a red product a glossy floor is redder; a matte one is not."""
    rng = random.Random(27)
    scene = draw_scene(rng, 1.0, cut_outs[:1], True, package_share=0.0, kind="studio")
    assert scene.main is not None
    main = replace(scene.main, identity=replace(scene.main.identity, seed=3), box=(0.3, 0.3, 0.7, 0.7), angle=0.0)
    scene = replace(
        scene, main=main, set="seamless", stand="none", decor="none", mood="neutral", backdrop=(200, 200, 200)
    )
    scene = replace(scene, extra=None, props=(), horizon=0.5, ground=0.7, empty="none", empty_box=None, rim=False)

    def colourfulness(floor: str, amount: float) -> float:
        pixels = paint(replace(scene, floor=floor, reflection=amount), 128, 128).pixels
        under = pixels[93:100, 58:70].astype(float)
        return float((under.max(-1) - under.min(-1)).mean())

    assert colourfulness("glossy", 0.5) > colourfulness("matte", 0.0) + 15


def test_a_part_of_a_set_is_that_part(cut_outs: list[CutOut], tmp_path: Path) -> None:
    """A cropped scene is the same pixels as the whole one's part, and differs from another part."""
    scene = draw_scene(random.Random(28), 2.0, cut_outs, True, kind="studio")
    whole = paint(scene, 256, 128).pixels
    part = paint(replace(scene, crop=(0.25, 0.0, 0.75, 1.0), aspect=1.0), 128, 128).pixels
    assert np.array_equal(part, whole[:, 64:192])
    assert not np.array_equal(part, whole[:, 0:128])
