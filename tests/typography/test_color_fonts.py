"""Colour fonts of a kit: the letters they hold come from them, their ink is where the colours are painted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from flux2flow.compositing import compose
from flux2flow.domain.campaign import FontFile
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.files import FileRef
from flux2flow.domain.fingerprint import digest
from flux2flow.domain.layout import Layout
from flux2flow.domain.measures import Box, PixelSize
from flux2flow.domain.scene import FitRule
from flux2flow.typography import set_scene
from tests.compositing.color_font import EMOJI, TEXT_SUN, cbdt, colr_v1
from tests.typography.builder import LATIN, FontFiles, kit, scene, style, text_layer

SIZE = PixelSize(400, 120)
SUN = chr(EMOJI)


def sunny(text: str, data: bytes) -> tuple[Layout, FontFiles]:
    """Set a text in Inter with a colour font after it."""
    font = FontFile("Colours", FileRef("project", "colours.ttf", digest(data)), (), 400)
    files = FontFiles(**{"colours.ttf": data})
    layer = text_layer(text, Box(20, 20, 360, 80), style(LATIN, "Colours", weight=400), fit=FitRule(1, 60, 60))
    return set_scene(scene(layer, size=SIZE), (*kit(), font), files), files


@pytest.mark.parametrize("font", [colr_v1, cbdt])
def test_a_sign_comes_from_the_font_that_holds_it_and_stands_where_it_is_painted(font: Callable[[], bytes]) -> None:
    """The ink box of a coloured glyph is the box of its coloured pixels; the letters beside it stay black."""
    layout, files = sunny(f"Sun {SUN} day", font())
    (text,) = layout.texts()
    runs = {text.text[glyph.cluster]: (run, glyph) for line in text.lines for run in line.runs for glyph in run.glyphs}
    run, sun = runs[SUN]
    assert run.font.font.family == "Colours"
    assert runs["S"][0].font.font.family == LATIN
    assert sun.ink is not None
    ground = Canvas(SIZE, b"\xff" * (3 * SIZE.width * SIZE.height))
    pixels = np.frombuffer(compose(layout, ground, files).pixels, np.uint8).reshape(SIZE.height, SIZE.width, 3)
    spread = pixels.max(axis=2).astype(int) - pixels.min(axis=2)
    colored = spread > 60
    rows, columns = np.flatnonzero(colored.any(axis=1)), np.flatnonzero(colored.any(axis=0))
    found = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    assert found == pytest.approx((sun.ink.x, sun.ink.y, sun.ink.right, sun.ink.bottom), abs=2)


def test_without_the_colour_font_the_sign_is_missing() -> None:
    """The control: Inter has no sun."""
    layer = text_layer(f"Sun {SUN}", Box(20, 20, 360, 80), style(LATIN), fit=FitRule(1, 60, 60))
    (text,) = set_scene(scene(layer, size=SIZE), kit(), FontFiles()).texts()
    assert any(glyph.id == 0 for line in text.lines for run in line.runs for glyph in run.glyphs)


def test_a_sign_that_text_fonts_have_follows_its_selector() -> None:
    """☀ is a letter of Inter's, ☀ with U+FE0F an emoji; joined and selected signs stay in one font."""
    sun = chr(TEXT_SUN)

    def families(text: str) -> list[str]:
        layout, _ = sunny(text, colr_v1())
        runs = [run for line in layout.texts()[0].lines for run in line.runs]
        return [run.font.font.family for run in runs for glyph in run.glyphs if glyph.ink]

    assert families(sun) == [LATIN]
    assert families(f"{sun}\ufe0f") == ["Colours"]
    assert families(f"{SUN}\ufe0e") == ["Colours"]  # only it has the sign
    assert families(f"{SUN}\ufe0f\u200d{SUN}") == ["Colours", "Colours"]
