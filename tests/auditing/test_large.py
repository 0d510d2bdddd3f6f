"""Large pictures are searched small and measured whole: what is found is the same; small ones are left as they are."""

from __future__ import annotations

import numpy as np
import pytest
import skia

from flux2flow.auditing import areas, logos
from flux2flow.auditing.areas import plain_areas
from flux2flow.auditing.logos import Shape, find
from flux2flow.auditing.reduced import Pixels, Searched, factor, reduced

PAPER, INK, RED = 0xFFE9E2D0, 0xFF16202C, 0xFF9C2F3F
WIDE, HIGH = 103.0, 30.0


def mark(canvas: skia.Canvas, x: float, y: float, scale: float) -> None:
    """Draw a logo of 103 × 30: a moon and six bars."""
    ink, paper = (skia.Paint(Color=color, AntiAlias=True) for color in (INK, PAPER))
    canvas.save()
    canvas.translate(x, y)
    canvas.scale(scale, scale)
    canvas.drawCircle(15, 15, 15, ink)
    canvas.drawCircle(20, 12, 7, paper)
    for number, height in enumerate((24, 12, 30, 18, 8, 26)):
        canvas.drawRect(skia.Rect.MakeXYWH(36 + number * 12, 30 - height, 7, height), ink)
    canvas.restore()


def shape() -> Shape:
    surface = skia.Surface(420, 120)
    surface.getCanvas().clear(0)
    mark(surface.getCanvas(), 0, 0, 4)
    return Shape(surface.toarray(colorType=skia.kRGBA_8888_ColorType))


def drawn(x: float, y: float, scale: float) -> Pixels:
    """Draw a picture of 900 × 600 with a panel of 447 × 121 at 60.4, 419.7 and the logo."""
    surface = skia.Surface(900, 600)
    canvas = surface.getCanvas()
    canvas.clear(PAPER)
    canvas.drawRect(skia.Rect.MakeXYWH(60.4, 419.7, 447, 121), skia.Paint(Color=RED, AntiAlias=True))
    mark(canvas, x, y, scale)
    return np.ascontiguousarray(surface.toarray(colorType=skia.kRGBA_8888_ColorType)[:, :, :3])


def test_pictures_up_to_a_screen_are_looked_at_as_they_are() -> None:
    """Ground is added around them, and that is all; one row more, and every second pixel is enough."""
    screen = np.zeros((1080, 1920, 3), np.uint8)
    assert factor(screen) == factor(screen.transpose(1, 0, 2)) == 1
    assert factor(np.zeros((1081, 1920, 3), np.uint8)) == 2
    assert factor(np.broadcast_to(np.uint8(0), (6325, 9486, 3))) == 6
    small = drawn(500, 100, 2)
    ground = Searched.of(small, 1)
    around = ground.around
    assert np.array_equal(ground.picture[around:-around, around:-around] * 255, small)


def test_reducing_averages() -> None:
    """Not the first pixel of each square, and not a rounded-down mean."""
    pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    small = reduced(pixels, 2)
    assert small.shape == (2, 3, 3)
    exact = np.array([pixels[r : r + 2, c : c + 2].mean(axis=(0, 1)) for r in (0, 2) for c in (0, 2, 4)])
    assert np.abs(small.reshape(-1, 3) - exact).max() <= 0.5
    assert not np.array_equal(small, pixels[:4:2, :6:2])


def test_a_logo_is_measured_where_the_picture_is_whole() -> None:
    """To two pixels of the large picture, of which the searched one has a third; and bent as it is there."""
    (found,) = find(Searched.of(drawn(495, 120, 3), 3), shape())
    pose = found.pose
    assert found.score > 0.97
    assert abs(pose.x - (495 + 1.5 * WIDE)) < 2
    assert abs(pose.y - (120 + 1.5 * HIGH)) < 2
    assert abs(pose.width / (3 * WIDE) - 1) < 0.02
    assert abs(pose.width / pose.height * HIGH / WIDE - 1) < 0.03


def test_a_cut_of_the_whole_picture_lies_where_the_reduced_one_does() -> None:
    """Averaged, it is the reduced cut, over the picture's edge too, where the ground is what touches the edge."""
    ground = Searched.of(drawn(495, 120, 3), 3)
    high, wide = ground.picture.shape[:2]
    for left, top, right, bottom in ((180, 60, 260, 90), (0, 0, 60, 60), (wide - 50, high - 50, wide + 9, high + 9)):
        small = ground.cut(left, top, right, bottom, 1)
        whole = ground.cut(3 * left, 3 * top, 3 * right, 3 * bottom, 3)
        averaged = whole.reshape(small.shape[0], 3, small.shape[1], 3, 3).mean(axis=(1, 3))
        assert np.abs(averaged - small).max() < 0.01
    assert not np.allclose(ground.cut(180, 60, 260, 90, 1), ground.cut(183, 60, 263, 90, 1), atol=0.01), "the control"


def test_a_small_logo_of_a_middling_picture_is_looked_for_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of it is too little to be found by; without the last look there is none."""
    monkeypatch.setattr(logos, "PROPORTIONS", (1.0,))
    ground = Searched.of(drawn(495, 120, 0.52), 3)
    (found,) = find(ground, shape(), turned=False)
    assert abs(found.pose.x - (495 + 0.26 * WIDE)) < 2
    monkeypatch.setattr(logos, "LOOKED_AT_WHOLE", 900 * 600 - 1)
    assert find(ground, shape(), turned=False) == ()


def test_plain_areas_are_the_same_from_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours the same, boxes to a pixel, shares to a hundredth: sides are looked up in the whole picture."""
    pixels = drawn(495, 120, 3)
    whole = plain_areas(pixels)
    for step in (2, 3, 5):
        monkeypatch.setattr(areas, "factor", lambda _, step=step: step)
        sampled = plain_areas(pixels)
        assert [area.color for area in sampled] == [area.color for area in whole]
        for one, other in zip(sampled, whole, strict=True):
            sides = zip((one.box.x, one.box.y, one.box.right, one.box.bottom),
                        (other.box.x, other.box.y, other.box.right, other.box.bottom), strict=True)  # fmt: skip
            assert all(abs(a - b) <= 1 for a, b in sides), (step, one, other)
            assert abs(one.share - other.share) < 0.01
    monkeypatch.setattr(areas, "_sharp", lambda pixels, step, sampled, box, color: box)
    assert plain_areas(pixels)[1].box.width < whole[1].box.width / 4, "the control: samples are not pixels"


def test_fine_texture_is_no_plain_area_in_a_large_picture_either() -> None:
    """Averaged, it would be one: that is why pixels are sampled."""
    texture = np.random.default_rng(7).integers(100, 156, (1090, 1930, 3)).astype(np.uint8)
    assert factor(texture) == 2
    assert plain_areas(texture) == ()
    averaged = reduced(texture, 12)
    assert np.abs(averaged.astype(int) - 128).mean() < 3
