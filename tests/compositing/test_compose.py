"""Composed canvases: tiny ones by letters, the rest by relations."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flux2flow.compositing import compose
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.layout import FontInstance
from flux2flow.domain.measures import Box, PixelSize
from flux2flow.errors import CompositingError
from tests.compositing import builders as make
from tests.compositing.builders import Files, canvas, letters

INTER = (Path(__file__).parents[2] / "brand_kits" / "aurora" / "fonts" / "Inter-Variable.ttf").read_bytes()
GREY = Canvas(PixelSize(64, 64), bytes((128, 128, 128)) * 4096)


def array(painted: Canvas) -> np.ndarray:
    shape = (painted.size.height, painted.size.width, 3)
    return np.frombuffer(painted.pixels, np.uint8).reshape(shape).astype(int)


def on_grey(*placed: make.Placed, files: Files | None = None) -> Canvas:
    plate = make.plate(GREY, GREY.size)
    return compose(make.layout(GREY.size, plate, *placed), GREY, files or Files())


# The plate


def test_a_plate_of_the_canvas_size_arrives_untouched() -> None:
    plate = canvas("RGB", "Ywk")
    assert compose(make.layout(plate.size, make.plate(plate, plate.size)), plate, Files()) == plate


def test_the_crop_is_what_fills_the_canvas() -> None:
    plate = canvas("....", ".RG.", ".BY.")
    size = PixelSize(2, 2)
    layer = make.plate(plate, size, Box(1, 1, 2, 2))
    assert letters(compose(make.layout(size, layer), plate, Files())) == ("RG", "BY")


def test_a_flipped_plate_is_the_mirrored_picture_after_its_crop() -> None:
    plate = canvas("RGB.", "Ywk.")
    size = PixelSize(3, 2)
    crop = Box(0, 0, 3, 2)
    flipped = compose(make.layout(size, make.plate(plate, size, crop, flip=True)), plate, Files())
    assert letters(flipped) == ("BGR", "kwY")


def test_flipping_mirrors_an_enlarged_plate_exactly() -> None:
    rng = np.random.default_rng(5)
    plate = Canvas(PixelSize(16, 12), rng.integers(0, 255, 16 * 12 * 3, np.uint8).tobytes())
    size = PixelSize(37, 29)
    crop = Box(1.3, 0.7, 11.1, 9.2)
    plain = array(compose(make.layout(size, make.plate(plate, size, crop)), plate, Files()))
    flipped = array(compose(make.layout(size, make.plate(plate, size, crop, flip=True)), plate, Files()))
    assert (flipped == plain[:, ::-1]).all()
    assert (flipped != plain).any()


def test_a_crop_outside_the_plate_is_refused_by_name() -> None:
    layer = make.plate(GREY, GREY.size, Box(1, 0, 64, 64))
    with pytest.raises(CompositingError, match=r"test: layer 'plate': the crop .* reaches outside"):
        compose(make.layout(GREY.size, layer), GREY, Files())


# Shapes


def test_rectangles_cover_whole_pixels_in_painting_order() -> None:
    plate = canvas("....", "....", "....")
    size = plate.size
    layers = (make.fill("#ff0000", Box(0, 0, 3, 2)), make.fill("#0000ff", Box(1.2, 0.8, 2.1, 2.2)))
    painted = compose(make.layout(size, make.plate(plate, size), *layers), plate, Files())
    assert letters(painted) == ("RRR.", "RBB.", ".BB.")


def test_opacity_mixes_with_what_lies_below() -> None:
    painted = array(on_grey(make.fill("#ffffff80", Box(0, 0, 64, 64))))
    assert np.abs(painted - (128 + 127 * 128 / 255)).max() <= 1


def test_a_radius_frees_the_corner_and_nothing_else() -> None:
    painted = array(on_grey(make.fill("#ff0000", Box(8, 8, 48, 48), radius=16)))
    assert tuple(painted[8, 8]) == (128, 128, 128)
    assert tuple(painted[8, 32]) == (255, 0, 0)
    assert np.abs(painted - painted[:, ::-1]).max() <= 16  # Skia rounds coverage of curves from the left
    square = array(on_grey(make.fill("#ff0000", Box(8, 8, 48, 48))))
    assert tuple(square[8, 8]) == (255, 0, 0)


def test_an_ellipse_is_round_both_ways() -> None:
    painted = array(on_grey(make.fill("#ff0000", Box(8, 16, 48, 32), shape="ellipse")))
    red = painted[:, :, 1] < 64
    assert abs(red.sum() - np.pi * 24 * 16) < 40
    assert (red == red[:, ::-1]).all()
    assert (red == red[::-1]).all()


@pytest.mark.parametrize(
    ("angle", "first", "last"), [(0, (32, 0), (32, 63)), (90, (0, 32), (63, 32)), (180, (32, 63), (32, 0))]
)
def test_a_gradient_runs_from_its_start_to_its_end(angle: float, first: tuple[int, int], last: tuple[int, int]) -> None:
    painted = array(on_grey(make.fill("#000000", Box(0, 0, 64, 64), to="#ffffff", angle=angle)))
    assert painted[first].max() <= 6
    assert painted[last].min() >= 249
    assert np.abs(painted[32, 32] - 128).max() <= 6


def test_a_shallow_gradient_is_dithered_and_true_on_average() -> None:
    """Eight steps over 64 rows: each row mixes two values, and its mean follows the ramp."""
    painted = array(on_grey(make.fill("#808080", Box(0, 0, 64, 64), to="#888888")))[:, :, 0]
    assert sum(len(set(row)) > 1 for row in painted.tolist()) >= 40
    ideal = 128 + 8 * (np.arange(64) + 0.5) / 64
    assert np.abs(painted.mean(axis=1) - ideal).max() <= 0.5


def test_a_scrim_to_transparency_keeps_its_hue() -> None:
    painted = array(on_grey(make.fill("#ff0000", Box(0, 0, 64, 64), to="#ff000000")))
    assert (painted[:, :, 0] >= 127).all()
    assert (np.abs(painted[:, :, 1] - painted[:, :, 2]) <= 1).all()


# Pictures and logos


def test_a_picture_is_laid_over_by_its_alpha() -> None:
    picture = Image.new("RGBA", (3, 1), (255, 0, 0, 255))
    picture.putpixel((1, 0), (0, 0, 255, 0))
    files = Files()
    file = files.picture("p.png", make.png(picture), 3, 1)
    plate = canvas("....", "....")
    layer = make.picture(file, Box(1, 1, 3, 1))
    painted = compose(make.layout(plate.size, make.plate(plate, plate.size), layer), plate, files)
    assert letters(painted) == ("....", ".R.R")


def test_a_picture_is_clipped_and_may_reach_beyond_the_canvas() -> None:
    files = Files()
    file = files.picture("p.png", make.png(Image.new("RGB", (6, 6), "red")), 6, 6)
    plate = canvas("....", "....", "....")
    layer = make.picture(file, Box(-1, -1, 6, 6), Box(1, 1, 2, 9))
    painted = compose(make.layout(plate.size, make.plate(plate, plate.size), layer), plate, files)
    assert letters(painted) == ("....", ".RR.", ".RR.")


@pytest.mark.parametrize("hidden", [0, 255])
def test_a_shrunk_cut_out_gets_no_fringe(hidden: int) -> None:
    """Grey ink on the same grey, among transparent black or white: any fringe shows. Scaling straight alpha has one."""
    picture = Image.new("RGBA", (64, 64), (hidden, hidden, hidden, 0))
    picture.paste((128, 128, 128, 255), (11, 11, 53, 53))
    files = Files()
    file = files.picture("p.png", make.png(picture), 64, 64)
    painted = array(on_grey(make.picture(file, Box(0, 0, 20, 20)), files=files))
    assert np.abs(painted - 128).max() <= 1

    channels = [channel.resize((20, 20), Image.Resampling.LANCZOS) for channel in picture.split()]
    ground = Image.new("RGBA", (20, 20), (128, 128, 128, 255))
    naive = np.asarray(Image.alpha_composite(ground, Image.merge("RGBA", channels))).astype(int)
    assert np.abs(naive[:, :, :3] - 128).max() > 12


def test_shrinking_averages_light_not_numbers() -> None:
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 255
    files = Files()
    file = files.picture("p.png", make.png(Image.fromarray(checks.astype(np.uint8))), 64, 64)
    painted = array(on_grey(make.picture(file, Box(16, 16, 32, 32)), files=files))
    assert abs(int(painted[32, 32, 0]) - 188) <= 2  # half the light of white; half its number would be 128


def test_an_svg_logo_is_drawn_at_its_exact_size() -> None:
    source = (
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><rect width="40" height="20" fill="#0f0"/></svg>'
    )
    files = Files()
    file = files.picture("l.svg", source, 40, 20, "svg")
    painted = array(on_grey(make.logo(file, Box(10, 20, 30, 15)), files=files))
    green = (painted == (0, 255, 0)).all(axis=2)
    assert (np.flatnonzero(green.any(axis=0))[[0, -1]] == (10, 39)).all()
    assert (np.flatnonzero(green.any(axis=1))[[0, -1]] == (20, 34)).all()


def test_a_bad_file_names_its_layer() -> None:
    files = Files()
    file = files.picture("l.svg", b"<svg onload='x'/>", 40, 20, "svg")
    with pytest.raises(CompositingError, match="layer 'logo': not an SVG"):
        on_grey(make.logo(file, Box(10, 20, 30, 15)), files=files)


# Text


def text_on_grey(words: str, **axes: float) -> np.ndarray:
    files = Files()
    instance = make.font(files, INTER, **axes)
    return array(on_grey(make.text(instance, INTER, words, 4, 44, 32, "#000000"), files=files))


def test_glyphs_stand_on_their_baseline() -> None:
    inked = (text_on_grey("H") < 100).all(axis=2)
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    assert rows[-1] == 43
    assert abs((rows[-1] - rows[0] + 1) - 0.727 * 32) <= 1  # Inter's cap height
    assert 4 <= columns[0] <= 9


def test_the_weight_axis_takes_effect() -> None:
    """Skia forgets axes whose arguments died too early and draws at 400 without a word."""
    thin, regular, black = ((128 - text_on_grey("Ham", wght=weight)).sum() for weight in (100.0, 400.0, 900.0))
    assert thin < regular * 0.9
    assert black > regular * 1.15


def test_an_axis_outside_the_font_is_refused() -> None:
    with pytest.raises(CompositingError, match="does not take the axes"):
        text_on_grey("H", wght=2000.0)


@pytest.mark.parametrize("data", [b"no font at all", b"\x00\x01\x00\x00" + bytes(200)])
def test_a_font_that_does_not_load_is_refused_never_replaced(data: bytes) -> None:
    files = Files()
    good = make.font(files, INTER)
    placed = make.text(good, INTER, "H", 4, 44, 32, "#000000")
    bad = FontInstance(make.font(files, data).font)
    run = placed.lines[0].runs[0]
    broken = type(run)(bad, run.size, run.color, run.glyphs)
    line = placed.lines[0]
    layer = type(placed)(
        "text", "H", placed.box, placed.ink, (type(line)("H", 0, line.box, (broken,)),), placed.fit, 16, 400
    )
    with pytest.raises(CompositingError, match="layer 'text'"):
        on_grey(layer, files=files)


def test_positions_are_finer_than_a_pixel() -> None:
    files = Files()
    instance = make.font(files, INTER)
    here, beyond = (
        array(on_grey(make.text(instance, INTER, "l", 10 + shift, 44, 32, "#000000"), files=files))
        for shift in (0.0, 0.5)
    )
    assert (here != beyond).any()
    centre = [((255 - picture[:, :, 0]).sum(axis=0) - (255 - 128) * 64) for picture in (here, beyond)]
    middles = [float((weight * np.arange(64)).sum() / weight.sum()) for weight in centre]
    assert middles[1] - middles[0] == pytest.approx(0.5, abs=0.1)


def test_woff2_fonts_are_drawn_from_their_unpacked_form() -> None:
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    options = Options(notdef_outline=True, retain_gids=False)
    with TTFont(io.BytesIO(INTER)) as font:
        subsetter = Subsetter(options)
        subsetter.populate(text="H")
        subsetter.subset(font)
        plain, packed = io.BytesIO(), io.BytesIO()
        font.save(plain)
        font.flavor = "woff2"
        font.save(packed)
    painted = []
    for data in (plain.getvalue(), packed.getvalue()):
        files = Files()
        layer = make.text(make.font(files, data), plain.getvalue(), "H", 4, 44, 32, "#000000")
        painted.append(on_grey(layer, files=files))
    assert painted[0] == painted[1]
    assert painted[0] != GREY
