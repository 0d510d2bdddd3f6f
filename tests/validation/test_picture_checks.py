"""Checks of grounds, logos, products, charts and fonts: each with a picture that passes and one that fails."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from PIL import Image

from flux2flow.domain.asset import EncodedFile
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.color_vision import DEFICIENCIES
from flux2flow.domain.files import FileRef
from flux2flow.domain.finding import Finding
from flux2flow.domain.layout import PlacedText
from flux2flow.domain.measures import Box, Color
from flux2flow.domain.scene import Bar, ChartLayer, FitRule, Type
from flux2flow.interfaces import CheckSubject
from flux2flow.validation.checks import colour_blind
from flux2flow.validation.checks.colour_blind import difference
from flux2flow.validation.checks.contrast_apca import lightness_contrast

from .builder import BLACK, SIZE, WHITE, column, font, logo, painted, placed_picture, subject, text
from .test_checks import found, levels

# contrast-apca


@pytest.mark.parametrize(
    ("ink", "ground", "expected"),
    [(0x88, 0xFF, 63.06), (0xFF, 0x88, -68.54), (0x00, 0xAA, 58.15), (0xAA, 0x00, -56.24), (0x77, 0x77, 0.0)],
)
def test_lightness_contrast_gives_the_published_values(ink: int, ground: int, expected: float) -> None:
    """The test pairs that stand in APCA's own documentation."""
    assert lightness_contrast((ink,) * 3, (ground,) * 3) == pytest.approx(expected, abs=0.02)


def test_the_advisory_only_notes_and_claims_no_standard() -> None:
    assert found("contrast-apca", subject(text())) == []
    (note,) = found("contrast-apca", subject(text(color=Color(0x99, 0x99, 0x99))))
    assert (note.level, note.limit) == ("info", "Lc 60")
    assert found("contrast-apca", subject(text(color=Color(0x88, 0x88, 0x88)))) == []
    (note,) = found("contrast-apca", subject(column("calm", "light", color=Color(0x88, 0x88, 0x88))))
    assert (note.measured, note.limit) == ("Lc 63.1", "Lc 75")
    from flux2flow.validation.checks.contrast_apca import CHECK

    assert "WCAG 3" not in CHECK.rationale + CHECK.title + note.message + note.remedy


# busy-background


def checkered(placed: PlacedText, cell: int, low: int, high: int) -> Canvas:
    """Paint the text over squares of two greys."""
    canvas = painted(subject(placed).layout)
    rows = []
    for y in range(SIZE.height):
        row = bytearray(canvas.pixels[y * SIZE.width * 3 : (y + 1) * SIZE.width * 3])
        for x in range(SIZE.width):
            if row[x * 3] == 255:
                value = high if (x // cell + y // cell) % 2 else low
                row[x * 3 : x * 3 + 3] = bytes((value,) * 3)
        rows.append(bytes(row))
    return Canvas(SIZE, b"".join(rows))


def test_a_ground_full_of_edges_warns_and_a_calm_one_does_not() -> None:
    placed = column("calm light", "for skin")
    assert levels("busy-background", subject(placed)) == []
    busy = subject(placed, decoded=checkered(placed, 4, 170, 255))
    assert levels("busy-background", busy) == ["warn"]
    assert levels("busy-background", subject(placed, decoded=checkered(placed, 4, 250, 255))) == [], "grain"
    assert levels("busy-background", subject(placed, decoded=checkered(placed, 60, 170, 255))) == [], "one edge"


# logo-distortion


@pytest.mark.parametrize(("stretch", "expected"), [(1.0, []), (1.009, []), (1.02, ["fail"]), (0.97, ["fail"])])
def test_a_bent_logo_fails(stretch: float, expected: list[str]) -> None:
    placed = logo()
    bent = replace(placed, box=Box(placed.box.x, placed.box.y, placed.box.width * stretch, placed.box.height))
    assert levels("logo-distortion", subject(text(), bent)) == expected


# text-over-product


@dataclass(frozen=True)
class CutOut:
    """A file source with one picture: opaque in its left half, clear in its right one."""

    def read(self, file: FileRef) -> bytes:
        picture = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
        picture.paste((200, 0, 0, 255), (0, 0, 50, 100))
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        return stream.getvalue()


def over(x: float, *, alpha: bool = True) -> list[Finding]:
    words = text("Calm", x=20, baseline=60)
    checked = subject(placed_picture(Box(x, 0, 120, 120), alpha=alpha), words, files=CutOut())
    return found("text-over-product", checked)


def test_letters_on_opaque_pixels_warn_and_letters_in_the_air_do_not() -> None:
    (finding,) = over(20)
    assert (finding.level, finding.layer) == ("warn", "headline")
    assert over(-61) == [], "the clear half of the cut-out lies there"
    assert over(20, alpha=False) == [], "a photograph is a ground"
    assert found("text-over-product", subject(text("Calm"), placed_picture(Box(20, 0, 120, 120), alpha=True))) == []


# colour-blind

RED, GREEN, TEAL, SAND = Color(200, 60, 50), Color(110, 130, 40), Color(18, 52, 59), Color(236, 217, 194)


def chart(one: Color, other: Color, *, accents: tuple[bool, ...] = (True, False)) -> CheckSubject:
    style = Type("label", ("Inter",), 400, 0, 1.1, BLACK)
    bars = tuple(Bar(f"b{i}", i + 1, str(i + 1), accent) for i, accent in enumerate(accents))
    layer = ChartLayer("chart", "bar", bars, style, one, other, Box(10, 100, 200, 100), FitRule(1, 8, 20))
    return subject(text(), layers=[layer])


def test_red_and_green_are_alike_to_some_and_teal_and_sand_to_nobody() -> None:
    (finding,) = found("colour-blind", chart(RED, GREEN))
    assert (finding.level, finding.layer) == ("warn", "chart")
    assert "protanopia" in finding.message or "deuteranopia" in finding.message
    assert found("colour-blind", chart(TEAL, SAND)) == []
    assert found("colour-blind", chart(RED, GREEN, accents=(False, False))) == [], "one colour says nothing"


def test_the_parts_of_a_chart_are_compared_by_pairs() -> None:
    checked = chart(TEAL, SAND)
    layer = replace(cast(ChartLayer, checked.scene.layers[1]), colors=(TEAL, SAND, RED, GREEN))
    (finding,) = found(
        "colour-blind", replace(checked, scene=replace(checked.scene, layers=(checked.scene.layers[0], layer)))
    )
    assert RED.hex in finding.message
    assert GREEN.hex in finding.message


def test_the_simulation_keeps_greys_and_brings_red_and_green_together() -> None:
    """Rows of Machado's matrices sum to one, so that greys stay; hues fall together."""
    for matrix in DEFICIENCIES.values():
        assert all(sum(row) == pytest.approx(1, abs=1e-5) for row in matrix)
        assert colour_blind.seen(Color(120, 120, 120), matrix) == Color(120, 120, 120)
    seen = [colour_blind.seen(color, DEFICIENCIES["deuteranopia"]) for color in (RED, GREEN)]
    assert difference(*seen) < difference(RED, GREEN) / 3


# font-embedding


@pytest.mark.parametrize(
    ("media", "embedding", "fails"),
    [
        ("png", 2, False), ("jpeg", 0x302, False), ("pdf", 0, False), ("pdf", 4, False), ("pdf", 2, True),
        ("svg", 4, True), ("svg", 8, False), ("pdf", 0x200, True), ("pdf", 1, True), ("psd", 0x108, False),
    ],
)  # fmt: skip
def test_only_files_that_hold_fonts_ask_for_the_right(media: str, embedding: int, fails: bool) -> None:
    placed = text()
    face = font()
    held = replace(face, font=replace(face.font, embedding=embedding))
    lines = tuple(replace(line, runs=tuple(replace(run, font=held) for run in line.runs)) for line in placed.lines)
    checked = subject(replace(placed, lines=lines))
    checked = replace(checked, encoded=EncodedFile(cast(Any, media), b"x", None))
    assert bool(found("font-embedding", checked)) == fails


def test_white_on_white_is_no_ground_for_the_tests_above() -> None:
    """The control of this file's grounds: they are what the builder paints."""
    assert painted(subject(text()).layout, WHITE).pixels[:3] == b"\xff\xff\xff"
