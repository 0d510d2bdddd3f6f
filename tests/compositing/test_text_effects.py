"""What stands around letters, in pixels: strokes, shadows, boxes, lines, turned letters, colour fonts, tinted icons."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from flux2flow.compositing.painter import paint
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.fingerprint import digest
from flux2flow.domain.layout import Glyph, PlacedIcon, PlacedText, TextMark
from flux2flow.domain.measures import Box, Color, PixelSize
from flux2flow.domain.scene import Shadow, Stroke
from tests.compositing import color_font
from tests.compositing.builders import Files, font, layout, plate, text

SIZE = PixelSize(120, 120)
WHITE, RED, BLUE = (255, 255, 255), (255, 0, 0), (0, 0, 255)
STROKE_RED, STROKE_BLUE = Color(*RED), Color(*BLUE)
ROOT = Path(__file__).parents[2]
INTER = ROOT / "brand_kits" / "aurora" / "fonts" / "Inter-Variable.ttf"


@cache
def inter() -> bytes:
    """Read the kit's font."""
    return INTER.read_bytes()


def letter(files: Files, words: str = "I", x: float = 50, y: float = 90, **changes: Any) -> PlacedText:
    """Set black words of 80 px, their only run changed."""
    placed = text(font(files, inter(), opsz=32.0, wght=700.0), inter(), words, x, y, 80, "#000000")
    (line,) = placed.lines
    return replace(placed, lines=(replace(line, runs=(replace(line.runs[0], **changes),)),))


def lined(placed: PlacedText, **changes: Any) -> PlacedText:
    """Change a text's only line."""
    return replace(placed, lines=(replace(placed.lines[0], **changes),))


def painted(placed: PlacedText, files: Files) -> npt.NDArray[np.uint8]:
    """Paint a text on white."""
    ground = Canvas(SIZE, bytes(WHITE) * (SIZE.width * SIZE.height))
    made = paint(layout(SIZE, plate(ground, SIZE), placed), ground, files)
    return np.frombuffer(made.pixels, np.uint8).reshape(SIZE.height, SIZE.width, 3)


def where(pixels: npt.NDArray[np.uint8], color: tuple[int, int, int], near: int = 40) -> npt.NDArray[np.bool_]:
    """Find the pixels of a colour."""
    return (np.abs(pixels.astype(int) - color) <= near).all(axis=2)


def span(found: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Give left, top, right, bottom of what was found."""
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def test_a_stroke_stands_outside_the_letter() -> None:
    """Six pixels all round; the letter keeps its own shape and colour."""
    files = Files()
    plain, stroked = painted(letter(files), files), painted(letter(files, stroke=Stroke(6, STROKE_RED)), files)
    left, top, right, bottom = span(where(plain, (0, 0, 0)))
    around = span(where(stroked, RED))
    assert around == pytest.approx((left - 6, top - 6, right + 6, bottom + 6), abs=1)
    inner = where(plain, (0, 0, 0), 5)
    assert (stroked[inner] == plain[inner]).all()
    assert not where(plain, RED).any()


def test_a_shadow_falls_under_the_letter_to_its_side() -> None:
    """Hard without blur; soft with it, its weight about the same place."""
    files = Files()
    hard = painted(letter(files, shadow=Shadow(10, 14, 0, STROKE_BLUE)), files)
    plain = where(painted(letter(files), files), (0, 0, 0), 5)
    moved = np.roll(np.roll(plain, 14, axis=0), 10, axis=1)
    assert where(hard, BLUE)[moved & ~plain].mean() > 0.9
    assert where(hard, (0, 0, 0), 5)[plain].all()
    soft = painted(letter(files, shadow=Shadow(10, 14, 4, STROKE_BLUE)), files)
    assert not where(soft, BLUE, 5).any()
    shade = 255 - soft[:, :, 0].astype(float)
    shade[where(painted(letter(files), files), WHITE, 5) == 0] = 0
    assert shade[60:, 66:].sum() > 3 * shade[:60, :50].sum()


def test_marks_lie_under_the_letters_and_icons_over_nothing_else() -> None:
    """A highlight, then the underline, then the letter: each is covered by what follows it."""
    files = Files()
    box, line = TextMark(Box(30, 20, 60, 80), STROKE_RED), TextMark(Box(30, 60, 60, 10), STROKE_BLUE)
    pixels = painted(lined(letter(files), highlights=(box,), underlines=(line,)), files)
    assert tuple(pixels[25, 35]) == RED
    assert tuple(pixels[65, 35]) == BLUE
    ink = where(painted(letter(files), files), (0, 0, 0), 5)
    assert where(pixels, (0, 0, 0), 5)[ink].all()
    assert tuple(pixels[10, 10]) == WHITE


def test_a_highlight_may_have_round_corners() -> None:
    """The corner is free, the edge's middle is not."""
    files = Files()
    round_box = TextMark(Box(30, 20, 60, 80), STROKE_RED, 20)
    pixels = painted(lined(letter(files, x=500), highlights=(round_box,)), files)
    assert tuple(pixels[21, 31]) == WHITE
    assert tuple(pixels[21, 60]) == RED


def test_marks_of_one_line_never_cover_letters_of_another() -> None:
    """A second line's box is painted before the first line's letters."""
    files = Files()
    one = letter(files)
    box = TextMark(Box(0, 0, 120, 120), STROKE_RED)
    second = replace(one.lines[0], runs=(), highlights=(box,))
    pixels = painted(replace(one, lines=(*one.lines, second)), files)
    assert where(pixels, (0, 0, 0), 5).sum() == where(painted(one, files), (0, 0, 0), 5).sum()


def test_rotated_letters_lie_clockwise_about_their_points() -> None:
    """An upright L has its foot at the right of its stem; on its side, the foot goes down from the stem's left end."""
    files = Files()
    upright = where(painted(letter(files, "L", 40, 90), files), (0, 0, 0), 60)
    lying = where(painted(letter(files, "L", 40, 30, rotated=True), files), (0, 0, 0), 60)
    left, top, right, bottom = span(upright)
    turned = np.rot90(upright[top : bottom + 1, left : right + 1], -1)
    at = span(lying)
    found = lying[at[1] : at[3] + 1, at[0] : at[2] + 1]
    assert abs(found.shape[0] - turned.shape[0]) <= 1
    assert abs(found.shape[1] - turned.shape[1]) <= 1
    height, width = min(found.shape[0], turned.shape[0]), min(found.shape[1], turned.shape[1])
    assert (found[:height, :width] == turned[:height, :width]).mean() > 0.97
    assert (found[:height, :width] == upright[top:, left:][:height, :width]).mean() < 0.9


@pytest.mark.parametrize("color", ["#00ff00", "#123456"])
def test_colr_v1_letters_bring_their_own_colours(color: str) -> None:
    """A gradient from red to blue, whatever the text's colour; the same font's plain square would take it."""
    files, data = Files(), color_font.colr_v1()
    pixels = painted(text(font(files, data), data, chr(color_font.EMOJI), 10, 100, 100, color), files)
    left, right = pixels[60, 14], pixels[60, 85]
    assert left[0] > 230 > 40 > left[2]
    assert right[2] > 230 > 40 > right[0]
    plain = letter(files, glyphs=())
    run = replace(plain.lines[0].runs[0], font=font(files, data), size=100, color=Color.from_hex(color))
    square = Glyph(2, 10, 100, 0, None)  # the same outline without colours of its own
    pixels = painted(lined(plain, runs=(replace(run, glyphs=(square,)),)), files)
    own = Color.from_hex(color)
    assert tuple(pixels[60, 50]) == (own.red, own.green, own.blue)


def test_bitmap_letters_are_scaled_to_the_size() -> None:
    """CBDT: a green picture of 32 pixels set 64 pixels large."""
    files, data = Files(), color_font.cbdt()
    placed = text(font(files, data), data, chr(color_font.EMOJI), 20, 90, 64, "#ff0000")
    green = where(painted(placed, files), (0, 160, 0), 30)
    left, top, right, bottom = span(green)
    assert (right - left, bottom - top) == pytest.approx((64, 64), abs=3)


ICON = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10">
<rect width="5" height="10" fill="currentColor"/><rect x="5" width="5" height="10" fill="#0000ff"/></svg>"""


@pytest.mark.parametrize(("color", "wanted"), [(STROKE_RED, RED), (Color(0, 128, 0), (0, 128, 0))])
def test_an_icon_takes_its_text_s_colour_where_it_says_so(color: Color, wanted: tuple[int, int, int]) -> None:
    """`currentColor` is tinted, a colour of its own stays; two tints of one file are two pictures."""
    files = Files()
    picture = files.picture("icon.svg", ICON, 10, 10, "svg")
    icon = PlacedIcon("bean", picture, Box(20, 20, 40, 40), color, 0)
    pixels = painted(lined(letter(files, x=500), icons=(icon,)), files)
    assert tuple(pixels[40, 25]) == wanted
    assert tuple(pixels[40, 55]) == BLUE
    assert tuple(pixels[40, 70]) == WHITE


def test_effects_are_the_same_bytes_every_time() -> None:
    """Blurred shadows too."""
    files = Files()
    placed = letter(files, "Ag", 10, shadow=Shadow(3, 4, 5, STROKE_BLUE), stroke=Stroke(2, STROKE_RED))
    first = painted(placed, files).tobytes()
    assert all(painted(placed, files).tobytes() == first for _ in range(5))
    assert painted(letter(files, "Ag", 10), files).tobytes() != first


def everything() -> str:
    """Digest one picture with every effect in it."""
    files, data = Files(), color_font.colr_v1()
    mark = TextMark(Box(8.3, 30.2, 70.5, 70.1), STROKE_BLUE, 9.7)
    icon = PlacedIcon("bean", files.picture("icon.svg", ICON, 10, 10, "svg"), Box(70, 10, 30, 30), STROKE_RED, 0)
    placed = letter(files, "Ag", 10, shadow=Shadow(3, 4, 5, STROKE_BLUE), stroke=Stroke(2, STROKE_RED))
    first = painted(lined(placed, highlights=(mark,), underlines=(mark,), icons=(icon,)), files)
    second = painted(letter(files, "Ag", 40, 20, rotated=True), files)
    sun = painted(text(font(files, data), data, chr(color_font.EMOJI), 10, 100, 77, "#000000"), files)
    return digest(first.tobytes() + second.tobytes() + sun.tobytes())


def test_fresh_processes_paint_the_same_bytes(tmp_path: Path) -> None:
    """Whatever the hash seed, the thread count and the folder."""
    program = "from tests.compositing.test_text_effects import everything; print(everything())"
    found = set()
    for seed in ("0", "1013", "4242"):
        environment = os.environ | {
            "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "engine"))),
            "OMP_NUM_THREADS": seed[0].replace("0", "1"),
        }  # fmt: skip
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout.strip())
    assert found == {everything()}
