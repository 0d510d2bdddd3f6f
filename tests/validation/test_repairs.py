"""The repair ladder: what it proposes passes when it is made, and nothing is proposed where nothing would."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.measures import Box, Color
from flux2flow.domain.scene import ShapeLayer, TextLayer
from flux2flow.domain.standards import Standards
from flux2flow.interfaces import CheckSubject
from flux2flow.validation.repairs import Repair, applied, repairs, shifted

from .builder import SIZE, painted, placed_picture, subject, text, text_layer
from .test_checks import found

INK, PAPER, ROSE, SAND = Color(18, 52, 59), Color(253, 248, 240), Color(220, 120, 130), Color(236, 217, 194)
KIT = Standards(
    colors=(("ink", INK), ("paper", PAPER), ("rose", ROSE), ("sand", SAND)), text_colors=("ink", "paper", "rose")
)


def half(dark_until: int) -> Canvas:
    """Paint a dark upper part over the builder's white ground, and type on top of it."""
    canvas = painted(subject(text(color=INK)).layout)
    rows = []
    for y in range(SIZE.height):
        row = canvas.pixels[y * SIZE.width * 3 : (y + 1) * SIZE.width * 3]
        dark = bytes((40, 50, 60)) * SIZE.width
        rows.append(
            b"".join(dark[i : i + 3] if row[i] == 255 else row[i : i + 3] for i in range(0, len(row), 3))
            if y < dark_until
            else row
        )
    return Canvas(SIZE, b"".join(rows))


def proposed(checked: CheckSubject) -> dict[str, Repair]:
    assert checked.decoded is not None
    failing = found("contrast", checked)
    assert failing, "the control: it fails as it is"
    return {r.kind: r for r in repairs(failing, checked.layout, checked.decoded, checked.standards)}


def dark() -> CheckSubject:
    return subject(text(color=INK), decoded=half(110), standards=KIT)


def test_the_ladder_has_its_order_and_its_numbers() -> None:
    ladder = proposed(dark())
    assert list(ladder) == ["move", "pair", "scrim", "repaint"]
    assert ladder["pair"].color == PAPER
    assert ladder["pair"].words.startswith("‘paper’ reaches ")
    assert "‘ink’ stays at 1." in ladder["pair"].words
    assert ladder["move"].move[1] > 0
    assert "px further down" in ladder["move"].words
    (finding,) = found("contrast", dark())
    assert [part.split(" ")[0] for part in finding.remedy.split(". ")][-1] == "Repaint"
    assert "‘paper’ reaches" in finding.remedy


def test_what_is_proposed_passes_when_it_is_made() -> None:
    """Each proposal, painted by hand, ends the finding that it was made for."""
    checked, ladder = dark(), proposed(dark())
    moved = shifted(checked.layout.texts()[0], *ladder["move"].move)
    again = replace(checked, layout=replace(checked.layout, placed=(checked.layout.placed[0], moved)))
    lower = half(110)
    fresh = painted(again.layout)
    rows = [
        (fresh if y >= 110 else lower).pixels[y * SIZE.width * 3 : (y + 1) * SIZE.width * 3] for y in range(SIZE.height)
    ]
    assert found("contrast", replace(again, decoded=Canvas(SIZE, b"".join(rows)))) == []
    paper = subject(text(color=PAPER), ground=Color(40, 50, 60), standards=KIT)
    assert found("contrast", paper) == []
    scrim = ladder["scrim"]
    assert scrim.color is not None
    under = [
        round(a * (1 - scrim.opacity) + b * scrim.opacity)
        for a, b in zip((40, 50, 60), (scrim.color.red, scrim.color.green, scrim.color.blue), strict=True)
    ]
    assert found("contrast", subject(text(color=INK), ground=Color(*under), standards=KIT)) == []
    fainter = [
        round(a * (1 - scrim.opacity + 0.1) + b * (scrim.opacity - 0.1))
        for a, b in zip((40, 50, 60), (scrim.color.red, scrim.color.green, scrim.color.blue), strict=True)
    ]
    assert found("contrast", subject(text(color=INK), ground=Color(*fainter), standards=KIT)) != [], (
        "it is the faintest"
    )


def test_nothing_is_proposed_that_would_not_pass() -> None:
    grey = subject(text(color=INK), ground=Color(30, 60, 66), standards=replace(KIT, colors=KIT.colors[:1]))
    assert list(proposed(grey)) == ["repaint"]


def test_a_moved_text_meets_nothing() -> None:
    wall = placed_picture(Box(0, 100, 300, 150), alpha=True)
    free, walled = dark(), subject(wall, text(color=INK), decoded=half(110), standards=KIT)
    assert "move" in proposed(free)
    assert "move" not in proposed(walled)


@pytest.mark.parametrize("kind", ["move", "pair", "scrim"])
def test_a_repair_is_made_only_where_the_template_allows_it(kind: str) -> None:
    checked = dark()
    repair = proposed(checked)[kind]
    assert applied(checked.scene, repair) is None
    layer = replace(text_layer(), repair=(kind,))  # type: ignore[arg-type]
    changed = applied(replace(checked.scene, layers=(checked.scene.layers[0], layer)), repair)
    assert changed is not None
    words = next(found for found in changed.layers if isinstance(found, TextLayer))
    if kind == "move":
        assert words.box == layer.box.moved(*repair.move)
    elif kind == "pair":
        assert words.type.color == PAPER
    else:
        scrim = changed.layers[1]
        assert isinstance(scrim, ShapeLayer)
        assert changed.layers[2] is words, "the scrim lies right under its text"
        assert scrim.fill.start.alpha == round(255 * repair.opacity)
    assert replace(words, box=layer.box, type=layer.type) == layer, "nothing else changes"


def test_a_busy_ground_is_ended_by_a_scrim_and_not_by_another_colour() -> None:
    """Contrast is fine there: only fewer edges help."""
    words = text(color=INK)
    canvas = painted(subject(words).layout)
    pixels = bytearray(canvas.pixels)
    for y in range(SIZE.height):
        for x in range(SIZE.width):
            at = (y * SIZE.width + x) * 3
            if pixels[at] == 255 and (x // 4 + y // 4) % 2:
                pixels[at : at + 3] = bytes((205, 205, 205))
    checked = subject(words, decoded=Canvas(SIZE, bytes(pixels)), standards=KIT)
    assert found("contrast", checked) == []
    (finding,) = found("busy-background", checked)
    assert checked.decoded is not None
    ladder = repairs([finding], checked.layout, checked.decoded, KIT)
    assert [repair.kind for repair in ladder] == ["scrim", "repaint"]
    assert "a scrim of ‘" in finding.remedy.lower()
