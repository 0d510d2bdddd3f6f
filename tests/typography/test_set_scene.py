"""Layers to places: alignment, right-to-left, buttons, logos, pictures, drops, order."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from flux2flow.domain.layout import PlacedLogo, PlacedPicture, PlacedShape
from flux2flow.domain.measures import Box, Color, PixelSize
from flux2flow.domain.scene import (
    Align,
    ButtonLayer,
    ContactShadow,
    FitRule,
    Gradient,
    LogoLayer,
    PictureLayer,
    ShapeLayer,
    Vertical,
)
from flux2flow.errors import TypographyError
from flux2flow.typography import set_scene
from tests.typography.builder import (
    FontFiles,
    cut_out,
    glyphs,
    kit,
    layout,
    lines,
    logo_file,
    paragraph,
    picture_file,
    scene,
    set_one,
    style,
    style_for,
    text_layer,
)

BOX = Box(100, 50, 400, 200)
COPY = {
    "en": "Your skin remembers its own light",
    "de": "Über Nacht zum eigenen Leuchten",
    "ar": "في الليل تستعيد بشرتكِ إشراقتها",
    "ja": "肌は本来の光を思い出す。",
}


def logo_layer(box: Box = BOX, **changes: object) -> LogoLayer:
    values: dict = {"align": "start", "vertical": "top", "clear_space": 0.25, "min_width": 24} | changes
    return LogoLayer("logo", "primary", logo_file(), box, **values)


def button_layer(text: str = "Shop now", box: Box = BOX, **changes: object) -> ButtonLayer:
    values: dict = {"align": "start", "vertical": "top", "fit": FitRule(1, 10, 24), "priority": 1} | changes
    return ButtonLayer("cta", text, style(), Color(200, 60, 40), 999, 1.0, box, **values)


@pytest.mark.parametrize("locale", COPY)
@pytest.mark.parametrize("align", ["start", "center", "end"])
@pytest.mark.parametrize("vertical", ["top", "middle", "bottom"])
def test_ink_stands_on_the_edge(locale: str, align: Align, vertical: Vertical) -> None:
    """Ink, not side bearing, touches the logical edge; it never leaves the box; the middle is the middle."""
    text = set_one(COPY[locale], BOX, locale=locale, align=align, vertical=vertical, fit=FitRule(3, 8, 40))
    ink = text.ink
    assert BOX.contains(ink, 0.01)
    left = {"start": locale != "ar", "end": locale == "ar"}.get(align)
    if left is None:
        assert ink.x - BOX.x == pytest.approx(BOX.right - ink.right, abs=0.01)
    else:
        assert (ink.x - BOX.x if left else BOX.right - ink.right) == pytest.approx(0, abs=0.01)
    if vertical == "bottom":
        assert ink.bottom == pytest.approx(BOX.bottom, abs=0.01)
    elif vertical == "top":
        assert ink.y - BOX.y < 0.12 * text.fit.size
    else:
        assert abs((ink.y + ink.bottom) - (BOX.y + BOX.bottom)) / 2 < 0.2 * text.fit.size


def test_caps_stand_in_the_middle() -> None:
    """A single line's capitals are centred exactly, with or without a descender."""
    for word in ("HELLO", "Happy"):
        text = set_one(word, BOX, vertical="middle", fit=FitRule(1, 40, 40))
        cap = glyphs(text)[0].ink
        assert cap is not None
        assert (cap.y + cap.bottom) / 2 == pytest.approx(BOX.y + BOX.height / 2, abs=0.01)


def test_lines_stand_on_a_grid() -> None:
    """Baselines are leading × size apart."""
    text = set_one("one\ntwo\nthree", BOX, style(leading=1.5), fit=FitRule(3, 20, 20))
    tops = [line.box.y for line in text.lines]
    assert [b - a for a, b in itertools.pairwise(tops)] == pytest.approx([30, 30])


def test_right_to_left_is_the_mirror() -> None:
    """Boxes and logo places of `ar` equal those of `en` mirrored, within a pixel; ink starts right."""
    size = PixelSize(1200, 630)
    text, mark = Box(70, 100, 500, 220), Box(900, 60, 200, 80)
    english = layout(text_layer(COPY["en"], text), logo_layer(mark), size=size)
    arabic = layout(
        text_layer(COPY["ar"], text.mirrored(1200), style_for("ar")), logo_layer(mark.mirrored(1200)),
        locale="ar", size=size,
    )  # fmt: skip
    for there, here in [
        (english.texts()[0].box, arabic.texts()[0].box),
        (english.logos()[0].box, arabic.logos()[0].box),
        (english.logos()[0].clear, arabic.logos()[0].clear),
    ]:
        mirrored = there.mirrored(1200)
        assert (here.x, here.y, here.width, here.height) == pytest.approx(
            (mirrored.x, mirrored.y, mirrored.width, mirrored.height), abs=1
        )
    assert arabic.texts()[0].ink.right == pytest.approx(1200 - english.texts()[0].ink.x, abs=1)


def test_clusters_and_lines_point_into_the_text() -> None:
    """Every glyph's cluster and every line's start index the text that was set, capitals included."""
    text = set_one("Straße zum Glück", BOX, style(upper=True), locale="de", fit=FitRule(2, 40, 60))
    assert text.text == "STRASSE ZUM GLÜCK"
    for line in text.lines:
        assert text.text[line.start : line.start + len(line.text)] == line.text
        for run in line.runs:
            for glyph in run.glyphs:
                assert line.start <= glyph.cluster < line.start + len(line.text)


def test_every_visible_character_is_set_once() -> None:
    """Lines hold the whole copy; no character gets lost at a break."""
    for locale, copy in COPY.items():
        text = set_one(copy, Box(0, 0, 160, 400), locale=locale, fit=FitRule(8, 20, 20))
        joined = "".join(lines(text))
        assert joined.replace(" ", "") == copy.replace(" ", "")


def test_colour_and_weight_are_the_styles() -> None:
    """Runs carry the style's colour, the text its weight, the instance its axis."""
    text = set_one("Hi", BOX, style(color=Color(1, 2, 3), weight=720))
    assert {run.color for line in text.lines for run in line.runs} == {Color(1, 2, 3)}
    assert text.weight == 720
    assert dict(text.lines[0].runs[0].font.location)["wght"] == 720


def test_x_height_is_the_letters() -> None:
    """The x-height equals the ink height of an x, within its overshoot."""
    text = set_one("x", BOX, fit=FitRule(1, 50, 50))
    ink = glyphs(text)[0].ink
    assert ink is not None
    assert text.x_height == pytest.approx(ink.height, rel=0.03)


def test_button_is_its_label_and_its_padding() -> None:
    """Width = label + 2 × padding × size; the label stands in the middle; the radius is at most half the height."""
    placed = layout(button_layer())
    shape, label = placed.placed[1:]
    assert isinstance(shape, PlacedShape)
    assert (shape.id, label.id) == ("cta", "cta/label")
    text = placed.texts()[0]
    assert shape.box.width == pytest.approx(text.ink.width + 2 * text.fit.size, abs=0.01)
    assert shape.radius == pytest.approx(shape.box.height / 2)
    cap = glyphs(text)[0].ink
    assert cap is not None
    assert (cap.y + cap.bottom) / 2 == pytest.approx(shape.box.y + shape.box.height / 2, abs=0.02 * text.fit.size)
    assert 1.5 < shape.box.height / text.fit.size < 3


def test_button_shrinks_with_its_box_and_starts_where_reading_starts() -> None:
    """A narrow box gives a smaller label; a right-to-left button stands at the right."""
    narrow = layout(button_layer("Discover the collection", Box(0, 0, 180, 60)))
    assert narrow.texts()[0].fit.size < 24
    assert Box(0, 0, 180, 60).contains(narrow.placed[1].box, 0.02)
    arabic = layout(replace(button_layer("تسوّق الآن"), type=style_for("ar")), locale="ar")
    assert arabic.placed[1].box.right == pytest.approx(BOX.right)


def test_button_that_does_not_fit_drops_whole() -> None:
    """Shape and label go together, with the reason; at priority 1 they stay and overflow."""
    tight = Box(0, 0, 40, 12)
    dropped = layout(button_layer(box=tight, priority=2))
    assert len(dropped.placed) == 1
    assert dropped.dropped[0].id == "cta"
    assert "40×12 px" in dropped.dropped[0].reason
    kept = layout(button_layer(box=tight))
    assert kept.texts()[0].fit.overflow
    assert kept.dropped == ()


def test_logo_keeps_its_ratio_and_its_space() -> None:
    """A logo fits its box undistorted, and its clear box is a fraction of its drawn height wider all round."""
    logo = layout(logo_layer(Box(0, 0, 300, 300), vertical="middle", align="end")).logos()[0]
    assert logo.box.width / logo.box.height == pytest.approx(960 / 256)
    assert logo.box.right == pytest.approx(300)
    assert logo.box.y == pytest.approx(150 - logo.box.height / 2)
    assert logo.box.x - logo.clear.x == pytest.approx(0.25 * logo.box.height)
    assert logo.clear.bottom - logo.box.bottom == pytest.approx(0.25 * logo.box.height)


def test_logo_below_its_smallest_width() -> None:
    """It drops where it may, and stays for the check where it may not."""
    small = Box(0, 0, 30, 30)
    assert layout(logo_layer(small, min_width=40, priority=2)).dropped[0].reason.startswith("30 px wide")
    kept = layout(logo_layer(small, min_width=40))
    assert isinstance(kept.placed[1], PlacedLogo)
    assert kept.dropped == ()


@pytest.mark.parametrize(("fit", "expected"), [("contain", 2.0), ("cover", 4.0)])
def test_picture_is_scaled_not_bent(fit: str, expected: float) -> None:
    """Contain shows all of it, cover fills the box and is clipped to it."""
    data = cut_out()
    layer = PictureLayer("photo", picture_file("p.png", data, 100, 50), Box(10, 10, 200, 200), "center", "middle", fit)  # type: ignore[arg-type]
    placed = layout(layer).placed[1]
    assert isinstance(placed, PlacedPicture)
    assert placed.box.width / 100 == placed.box.height / 50 == expected
    assert layer.box.contains(placed.clip)
    assert placed.box.contains(placed.clip)


def test_product_stands_on_its_ground() -> None:
    """The lowest opaque row, not the file's margin, touches the box's bottom; the ink fits the box."""
    data = cut_out(100, 200, (20, 30, 80, 170))
    box = Box(300, 100, 300, 420)
    layer = PictureLayer(
        "product",
        picture_file("bottle.png", data, 100, 200),
        box,
        "center",
        "bottom",
        "contain",
        ContactShadow(-40, 50),
    )
    placed = layout(layer, files=FontFiles(**{"bottle.png": data})).placed[1]
    assert isinstance(placed, PlacedPicture)
    scale = placed.box.width / 100
    assert scale == pytest.approx(420 / 140)
    assert placed.box.y + 170 * scale == pytest.approx(box.bottom)
    assert placed.box.x + 50 * scale == pytest.approx(box.x + box.width / 2)
    assert placed.shadow == ContactShadow(-40, 50)


def test_an_empty_cut_out_stands_as_a_whole() -> None:
    """A picture without any opaque pixel is placed by its file's edges."""
    data = cut_out(ink=(0, 0, 0, 0))
    layer = PictureLayer(
        "ghost", picture_file("ghost.png", data, 100, 200), BOX, "center", "bottom", "contain", ContactShadow(0, 50)
    )
    placed = layout(layer, files=FontFiles(**{"ghost.png": data})).placed[1]
    assert placed.box.bottom == pytest.approx(BOX.bottom)


def test_shapes_pass_through() -> None:
    """A shape keeps its box and fill; its radius never exceeds half its shorter side."""
    fill = Gradient(Color(0, 0, 0), Color(0, 0, 0, 0), 0)
    placed = layout(ShapeLayer("scrim", "rectangle", Box(0, 0, 100, 40), fill, radius=99)).placed[1]
    assert isinstance(placed, PlacedShape)
    assert (placed.box, placed.fill, placed.radius) == (Box(0, 0, 100, 40), fill, 20)


def test_painting_order_is_the_scenes() -> None:
    """The plate first, then the layers in their order, a button's label after its shape."""
    placed = layout(button_layer(), text_layer("Hi", BOX), logo_layer())
    assert [layer.id for layer in placed.placed] == ["plate", "cta", "cta/label", "headline", "logo"]
    assert placed.plate.enlargement == 1


def test_drops_come_highest_number_first() -> None:
    """Layers that do not fit go by priority; the first priority never goes."""
    tiny = Box(0, 0, 20, 8)
    placed = layout(
        text_layer("does not fit", tiny, id="a", priority=2),
        text_layer("does not fit", tiny, id="b", priority=5),
        text_layer("does not fit", tiny, id="c", priority=1),
        text_layer("fits", BOX, id="d", priority=9),
    )
    assert [dropped.id for dropped in placed.dropped] == ["b", "a"]
    assert [text.id for text in placed.texts()] == ["c", "d"]
    assert placed.texts()[0].fit.overflow


def test_empty_text_is_left_out_and_said() -> None:
    """A slot without words takes no place."""
    placed = layout(text_layer(" \n ", BOX))
    assert placed.texts() == ()
    assert placed.dropped[0].reason == "there is no text"


def test_a_missing_family_is_an_error() -> None:
    """A style that names a font the kit lacks cannot be set."""
    with pytest.raises(TypographyError, match="Comic"):
        layout(text_layer("Hi", BOX, style("Comic")))


def test_two_runs_are_equal() -> None:
    """The same scene gives the same layout, with cold caches and with warm ones."""
    from flux2flow.typography import breaking, fonts, runs, shaping

    made = scene(
        *(text_layer(copy, BOX, style_for(locale), id=locale) for locale, copy in COPY.items()), button_layer()
    )
    first = set_scene(made, kit(), FontFiles())
    for cache in (breaking.breaks, runs.shape, shaping._paragraph):
        cache.cache_clear()
    fonts.CACHE.__init__()  # type: ignore[misc]
    assert set_scene(made, kit(), FontFiles()) == first
    moved = replace(made, layers=(*made.layers[:-1], button_layer("Shop later")))
    assert set_scene(moved, kit(), FontFiles()) != first


def test_shaping_is_not_repeated_per_size() -> None:
    """Fitting the same words into another box shapes no run of the whole text again."""
    from flux2flow.typography.shaping import Paragraph

    shaped = Paragraph.of(*_key("A headline that is fitted twice"))
    assert Paragraph.of(*_key("A headline that is fitted twice")) is shaped


def _key(text: str):
    return text, paragraph("x").setting
