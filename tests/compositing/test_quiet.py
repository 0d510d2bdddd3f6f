"""How busy a plate is under a box, seen through crop and flip; and a run that changes sides over a busy plate."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from flux2flow.compositing.quiet import busyness
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.layout import Busyness
from flux2flow.domain.measures import Box, Color, PixelSize
from flux2flow.domain.plate import PlateRequest
from flux2flow.domain.scene import Gradient, OtherSide, PlateLayer, Scene, ShapeLayer
from flux2flow.interfaces import FileSource, Painted, PaintStep
from flux2flow.typography.quiet import CLEARLY, on_other_side, why_other_side
from tests.execution.builder import CARD, Bench, Counting, plan

SIZE = PixelSize(200, 100)
LEFT, RIGHT = Box(10, 10, 80, 80), Box(110, 10, 80, 80)


def picture(size: PixelSize, shade: Callable[[int, int], int]) -> Canvas:
    """Paint a grey picture pixel by pixel."""
    rows = (bytes(shade(x, y) for x in range(size.width) for _ in "rgb") for y in range(size.height))
    return Canvas(size, b"".join(rows))


def busy_left(size: PixelSize) -> Canvas:
    """Paint a checkerboard of small fields on the left half, an even grey on the right."""
    return picture(size, lambda x, y: (40, 220)[(x // 4 + y // 4) % 2] if x < size.width / 2 else 130)


def layer(crop: Box, flip: bool = False) -> PlateLayer:
    return PlateLayer("plate", "p", crop, flip)


WHOLE = Box(0, 0, 200, 100)


def test_a_pattern_is_busier_than_an_even_ground() -> None:
    """The checkerboard has edges and spread, the even half has neither."""
    left, right = busyness(busy_left(SIZE), layer(WHOLE), SIZE, (LEFT, RIGHT))
    assert left.edges > 0.1
    assert left.spread > 0.2
    assert right == Busyness(0.0, 0.0)


def test_a_soft_gradient_is_quiet() -> None:
    """A studio backdrop's fall of light is no reason to move."""
    soft = picture(SIZE, lambda x, y: 180 + y // 4)
    (measured,) = busyness(soft, layer(WHOLE), SIZE, (LEFT,))
    assert measured.edges < 0.01
    assert why_other_side((measured,), (Busyness(0, 0),)) == ""


def test_grain_is_noise_and_no_pattern() -> None:
    """A large canvas with fine grain measures as quiet; the same contrast in larger fields does not."""
    size = PixelSize(1200, 600)
    source = random.Random(7)
    grain = [source.randint(110, 150) for _ in range(4096)]
    noisy = picture(size, lambda x, y: grain[(x * 31 + y * 977) % 4096])
    fields = picture(size, lambda x, y: (110, 150)[(x // 12 + y // 12) % 2])
    box = (Box(60, 60, 480, 480),)
    fine, coarse = (busyness(made, layer(Box(0, 0, 1200, 600)), size, box)[0] for made in (noisy, fields))
    assert coarse.spread > 1.8 * fine.spread


def test_crop_and_flip_are_looked_through() -> None:
    """A flipped plate is busy on the other side; a crop of the quiet half is quiet all over."""
    plate = busy_left(SIZE)
    left, right = busyness(plate, layer(WHOLE, flip=True), SIZE, (LEFT, RIGHT))
    assert left == Busyness(0.0, 0.0)
    assert right.edges > 0.1
    for measured in busyness(plate, layer(Box(120, 0, 80, 40)), SIZE, (LEFT, RIGHT)):
        assert measured.spread < 0.001


def test_a_box_off_the_canvas_has_nothing_under_it() -> None:
    """Neither error nor noise."""
    assert busyness(busy_left(SIZE), layer(WHOLE), SIZE, (Box(300, 0, 50, 50),)) == (Busyness(0.0, 0.0),)


BUSY, CALM = Busyness(0.1, 0.2), Busyness(0.005, 0.03)


@pytest.mark.parametrize(
    ("here", "there", "moves"),
    [
        ((BUSY,), (CALM,), True),
        ((CALM, BUSY), (CALM, CALM), True),  # the worst of the layers counts
        ((BUSY,), (BUSY,), False),
        ((CALM,), (CALM,), False),
        ((CALM,), (BUSY,), False),
        ((Busyness(0.0149, 0.0749),), (Busyness(0, 0),), False),  # quiet enough already
        ((Busyness(0.0151, 0.0),), (Busyness(0, 0),), True),  # and just not
        ((Busyness(0.0, 0.0751),), (Busyness(0, 0),), True),
        ((), (), False),
    ],
)
def test_the_decision(here: Sequence[Busyness], there: Sequence[Busyness], moves: bool) -> None:
    """A layout moves where its ground is busy and the other side clearly quieter, and says so."""
    assert bool(why_other_side(here, there)) == moves


def test_a_small_gain_is_not_worth_another_composition() -> None:
    """Just below and just above the part that counts as clearly quieter."""
    there = Busyness(0.1 * CLEARLY, 0.0)
    assert why_other_side((Busyness(0.1, 0.0),), (there,))
    assert not why_other_side((Busyness(0.1, 0.0),), (replace(there, edges=there.edges + 0.001),))


@dataclass
class BusyOnTheLeft(Counting):
    """A backend that paints a checkerboard on the left of every plate, or nowhere."""

    busy: bool = True

    def paint(self, requests: Sequence[PlateRequest], files: FileSource) -> Iterator[PaintStep | Painted]:
        for number, request in enumerate(requests):
            even = Canvas(request.size, b"\x82" * request.size.pixels * 3)
            yield Painted(number, busy_left(request.size) if self.busy else even, 0.1)


def sided(scene: Scene) -> Scene:
    """Let a scene's bar stand on either side of the plate, and look at the whole plate."""
    ink = Color(32, 64, 96)

    def bar(x: float) -> ShapeLayer:
        return ShapeLayer("bar", "rectangle", Box(x, 8, 36, 40), Gradient(ink, ink))

    plate = replace(scene.plate, crop=Box(0, 0, 144, 96))
    return replace(scene, layers=(plate, bar(6)), other_side=OtherSide((bar(54),), (), ("bar",)))


def run(folder: Path, busy: bool, allowed: bool = True) -> tuple[dict[str, object], bytes]:
    """Run one scene and give its manifest's entry and its picture."""
    folder.mkdir()
    bench = Bench(folder, BusyOnTheLeft(busy=busy))
    made = plan(2)
    scene = sided(next(scene for scene in made.scenes if scene.format == CARD.id))
    scene = scene if allowed else replace(scene, other_side=None)
    report = bench.run(replace(made, scenes=(scene,)))
    entry = json.loads((bench.output / "manifest.json").read_text(encoding="utf-8"))["assets"][0]
    again = bench.run(replace(made, scenes=(scene,)))
    assert again.assets[0].reused
    assert again.assets[0].relaid == report.assets[0].relaid
    return entry, next(iter(bench.files().values()))


def test_a_busy_plate_moves_the_layout_and_the_manifest_says_so(tmp_path: Path) -> None:
    """With a quiet plate, or a template that does not allow it, everything stays where it is."""
    moved, picture = run(tmp_path / "busy", True)
    stays, _ = run(tmp_path / "quiet", False)
    forbidden, same_side = run(tmp_path / "forbidden", True, allowed=False)
    assert str(moved["relaid"]).startswith("set on the other side")
    assert (stays["relaid"], forbidden["relaid"]) == ("", "")
    assert picture != same_side
    assert moved["key"] != forbidden["key"]


def test_the_other_side_replaces_layers_and_stacks() -> None:
    """The plate stays; a scene without another side has none to go to."""
    scene = sided(plan(2).scenes[1])
    moved = on_other_side(scene)
    assert moved.layers[0] == scene.layers[0]
    assert moved.layers[1].id == "bar"
    assert moved.layers[1] != scene.layers[1]
    with pytest.raises(ValueError, match="no other side"):
        on_other_side(moved)
