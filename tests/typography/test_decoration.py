"""Highlights, underlines with their gaps, strokes, shadows and small capitals, as the layout says them."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise

import pytest
from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from flux2flow.domain.campaign import FontFile
from flux2flow.domain.files import FileRef
from flux2flow.domain.fingerprint import digest
from flux2flow.domain.layout import PlacedText, TextMark
from flux2flow.domain.measures import Box, Color
from flux2flow.domain.scene import Decoration, FitRule, Highlight, Shadow, Stroke, TextSpan, Type, Underline
from flux2flow.typography import set_scene
from flux2flow.typography.decoration import crossing
from flux2flow.typography.fonts import stack
from tests.typography.builder import JAPANESE, LATIN, FontFiles, kit, scene, set_one, style, style_for, text_layer

BOX = Box(20, 20, 1000, 120)
MARIGOLD = Color(242, 165, 65)
SIZE = FitRule(1, 50, 50)


def decorated(text: str, type: Type | None = None, box: Box = BOX, **effects: object) -> PlacedText:
    """Set one line of 50 px with effects."""
    own = replace(type or style(), decoration=Decoration(**effects))  # type: ignore[arg-type]
    return set_one(text, box, own, fit=SIZE)


def reach(marks: tuple[TextMark, ...]) -> tuple[float, float]:
    """Give the left and right ends of marks."""
    return min(mark.box.x for mark in marks), max(mark.box.right for mark in marks)


def test_an_underline_without_descenders_is_one_piece_as_wide_as_the_ink() -> None:
    """At the place and in the thickness that the font states."""
    placed = decorated("Hamburn", underline=Underline())
    (line,) = placed.lines[0].underlines
    cut = stack((LATIN,), 600, 32, kit(), FontFiles()).primary
    offset, thickness = cut.underline()
    baseline = placed.lines[0].runs[0].glyphs[0].y
    assert line.box.y == pytest.approx(baseline + offset * 50)
    assert line.box.height == pytest.approx(thickness * 50)
    assert (line.box.x, line.box.right) == pytest.approx((placed.ink.x, placed.ink.right))
    assert line.color == placed.lines[0].runs[0].color


def test_an_underline_is_a_pixel_thick_at_least() -> None:
    """At eight pixels a font's own line would be a grey shade."""
    small = set_one("Hamburn", BOX, style(decoration=Decoration(underline=Underline())), fit=FitRule(1, 8, 8))
    assert [mark.box.height for mark in small.lines[0].underlines] == pytest.approx([1.0])


def test_letters_that_pass_through_an_underline_leave_gaps() -> None:
    """Between the pieces stands the letter's own stroke, and it touches none; without `skip_ink` there is one piece."""
    placed = decorated("manyone", underline=Underline(color=MARIGOLD))
    pieces = placed.lines[0].underlines
    assert len(pieces) == 2
    assert {piece.color for piece in pieces} == {MARIGOLD}
    y = next(glyph for run in placed.lines[0].runs for glyph in run.glyphs if placed.text[glyph.cluster] == "y")
    assert y.ink is not None
    gap = pieces[0].box.right, pieces[1].box.x
    assert y.ink.x < gap[1]
    assert gap[0] < y.ink.right
    whole = decorated("manyone", underline=Underline(color=MARIGOLD, skip_ink=False))
    assert len(whole.lines[0].underlines) == 1
    assert reach(whole.lines[0].underlines) == pytest.approx(reach(pieces))


def test_pieces_of_an_underline_never_overlap_and_none_is_a_speck() -> None:
    """Words of many descenders."""
    pieces = decorated("gypsy jiggly pyjamas", underline=Underline()).lines[0].underlines
    assert len(pieces) > 3
    assert all(first.box.right < second.box.x for first, second in pairwise(pieces))
    assert all(piece.box.width >= 1.4 * piece.box.height for piece in pieces)


def test_a_crossing_is_where_the_outline_is() -> None:
    """The stem of p crosses a band under the baseline, its bowl does not; n crosses none."""
    cut = stack((LATIN,), 400, 32, kit(), FontFiles()).primary
    p, n = (cut.font.get_nominal_glyph(ord(letter)) for letter in "pn")
    assert p is not None
    assert n is not None
    assert crossing(cut, n, -0.15, -0.1) is None
    ((left, right),) = crossing(cut, p, -0.15, -0.1) or [(0, 0)]
    ink = cut.ink(p)
    assert ink is not None
    assert left == pytest.approx(ink.left, abs=0.01)
    assert right - left < 0.2


def test_an_underline_of_ideographs_stands_clear_of_them() -> None:
    """They reach below the baseline, where a Latin font's own place would cut through them."""
    placed = decorated("豆を注文", style(JAPANESE, LATIN, weight=400), underline=Underline())
    (line,) = placed.lines[0].underlines
    assert line.box.y > placed.ink.bottom


def test_a_highlight_stands_behind_its_words_with_its_padding() -> None:
    """In em of the words; corners too. It holds letters that reach further than most."""
    highlight = Decoration(highlight=Highlight(MARIGOLD, 0.1, 0.2))
    text = "Roasted dark today"
    placed = set_one(text, BOX, fit=SIZE, spans=(TextSpan(8, 12, style(decoration=highlight)),))
    (mark,) = placed.lines[0].highlights
    inks = [glyph.ink for run in placed.lines[0].runs for glyph in run.glyphs if 8 <= glyph.cluster < 12 and glyph.ink]
    assert mark.box.x == pytest.approx(min(ink.x for ink in inks) - 5)
    assert mark.box.right == pytest.approx(max(ink.right for ink in inks) + 5)
    assert mark.radius == pytest.approx(10)
    tall = set_one("Roasted Ắg", BOX, fit=SIZE, spans=(TextSpan(8, 10, style(decoration=highlight)),))
    (box,) = [mark.box for mark in tall.lines[0].highlights]
    inks = [glyph.ink for run in tall.lines[0].runs for glyph in run.glyphs if glyph.cluster >= 8 and glyph.ink]
    assert box.y <= min(ink.y for ink in inks) - 5 + 1e-6
    assert box.bottom >= max(ink.bottom for ink in inks) + 5 - 1e-6


@pytest.mark.parametrize(
    ("text", "locale", "words"),
    [
        ("全五杯の珈琲", "ja", "五杯"),
        ("un-dark-ly", "en", "dark"),
        ("و(خمسة)و", "ar", "خمسة"),
        ("a dark b", "en", "dark"),
    ],
)
def test_a_highlight_covers_no_letter_beside_it(text: str, locale: str, words: str) -> None:
    """Whatever the direction, with or without word spaces; the control is the same span without its box."""
    start = text.index(words)

    def placed(decoration: Decoration) -> PlacedText:
        own = style_for(locale, decoration=decoration)
        return set_one(text, BOX, locale=locale, fit=SIZE, spans=(TextSpan(start, start + len(words), own),))

    marked, bare = (
        placed(Decoration(highlight=Highlight(MARIGOLD, 0.3, 0))),
        placed(Decoration(shadow=Shadow(0, 0, 0, MARIGOLD))),
    )
    (mark,) = marked.lines[0].highlights
    for run in marked.lines[0].runs:
        for glyph in run.glyphs:
            if glyph.ink and not start <= glyph.cluster < start + len(words):
                assert mark.box.intersection(glyph.ink).width == 0
    assert marked.ink.width > bare.ink.width


def test_a_highlight_goes_on_over_spans_inside_it() -> None:
    """Two types under one box leave no gap between them."""
    highlight = Decoration(highlight=Highlight(MARIGOLD, 0.3, 0))
    whole = set_one("darkest", BOX, fit=SIZE, spans=(TextSpan(0, 7, style(decoration=highlight)),))
    parts = (TextSpan(0, 4, style(decoration=highlight)), TextSpan(4, 7, style(decoration=highlight, color=MARIGOLD)))
    parted = set_one("darkest", BOX, fit=SIZE, spans=parts)
    assert len(parted.lines[0].highlights) == 1
    assert parted.ink.width == pytest.approx(whole.ink.width, abs=3)  # a pair of letters kerns no longer


def test_a_highlight_over_two_lines_is_two_boxes_without_their_ends_spaces() -> None:
    """Each line's own words."""
    highlight = Decoration(highlight=Highlight(MARIGOLD, 0, 0))
    box = Box(0, 0, 330, 300)
    placed = set_one("dark and very dark", box, style(decoration=highlight), fit=FitRule(3, 50, 50))
    assert len(placed.lines) == 2
    for line in placed.lines:
        (mark,) = line.highlights
        inks = [glyph.ink for run in line.runs for glyph in run.glyphs if glyph.ink]
        assert (mark.box.x, mark.box.right) == pytest.approx((inks[0].x, inks[-1].right))


def test_a_stroke_is_ink_to_the_box_and_not_to_the_letters() -> None:
    """The edge of the outline stands on the box's edge; the glyphs' own boxes are those of the letters."""
    plain, placed = set_one("Hot", BOX, fit=SIZE), decorated("Hot", stroke=Stroke(0.1, MARIGOLD))
    assert placed.ink.x == pytest.approx(BOX.x)
    first, bare = placed.lines[0].runs[0].glyphs[0], plain.lines[0].runs[0].glyphs[0]
    assert first.ink is not None
    assert bare.ink is not None
    assert first.ink.x == pytest.approx(BOX.x + 5)
    assert first.ink.width == pytest.approx(bare.ink.width)
    assert placed.lines[0].runs[0].stroke == Stroke(5, MARIGOLD)


def test_a_stroke_makes_a_text_that_just_fitted_smaller() -> None:
    """Fitting sees the outline."""
    box, rule = Box(0, 0, 300, 60), FitRule(1, 10, 200)
    plain = set_one("Hamburgefonts", box, style(), fit=rule)
    stroked = set_one("Hamburgefonts", box, style(decoration=Decoration(Stroke(0.2, MARIGOLD))), fit=rule)
    assert stroked.fit.size < plain.fit.size
    assert stroked.ink.right <= 300.02


def test_a_shadow_is_in_pixels_of_its_run() -> None:
    """A smaller span throws a smaller one."""
    shadow = Decoration(shadow=Shadow(0.02, 0.1, 0.05, MARIGOLD))
    text = "One two"
    small = TextSpan(4, 7, style(scale=0.5, decoration=shadow))
    placed = set_one(text, BOX, style(decoration=shadow), fit=SIZE, spans=(small,))
    shadows = [run.shadow for run in placed.lines[0].runs]
    assert shadows == [Shadow(1, 5, 2.5, MARIGOLD), Shadow(0.5, 2.5, 1.25, MARIGOLD)]


def test_made_small_capitals_say_so() -> None:
    """Inter has none: smaller, heavier capitals stand for them; capitals and figures stay as they are."""
    placed = set_one("Halfmoon 25 é", BOX, style(small_caps="small"), fit=SIZE)
    assert placed.text == "Halfmoon 25 é"  # as with a font's own: the words stay what they are
    capital = set_one("A", BOX, fit=SIZE).lines[0].runs[0].glyphs[0].id
    shown = {glyph.cluster: glyph.id for run in placed.lines[0].runs for glyph in run.glyphs}
    assert shown[1] == capital
    by_letter = {glyph.cluster: run for run in placed.lines[0].runs for glyph in run.glyphs}
    assert not by_letter[0].synthetic
    assert by_letter[1].synthetic
    assert not by_letter[9].synthetic
    assert by_letter[1].size < by_letter[0].size
    assert dict(by_letter[1].font.location)["wght"] > dict(by_letter[0].font.location)["wght"]
    heights = {index: glyph.ink.height for run in placed.lines[0].runs for glyph in run.glyphs
               if glyph.ink and (index := glyph.cluster) in (0, 2)}  # fmt: skip
    assert heights[2] < 0.85 * heights[0]
    assert not any(run.synthetic for run in set_one("Halfmoon", BOX, style(), fit=SIZE).lines[0].runs)


def test_made_small_capitals_follow_the_language() -> None:
    """Turkish i keeps its dot, German ß its one letter."""

    def ids(text: str, locale: str, **changes: object) -> list[int]:
        placed = set_one(text, BOX, style(**changes), locale=locale, fit=SIZE)
        return [glyph.id for run in placed.lines[0].runs for glyph in run.glyphs]

    assert ids("iz", "tr", small_caps="small") == ids("İZ", "tr")
    assert ids("iz", "en", small_caps="small") == ids("IZ", "en")
    assert ids("aß", "de", small_caps="small") == ids("Aẞ", "de")


def test_all_small_capitals_make_capitals_small_too() -> None:
    """Everything has one height."""
    placed = set_one("Halfmoon", BOX, style(small_caps="all"), fit=FitRule(1, 50, 50))
    (run,) = placed.lines[0].runs
    assert run.synthetic
    assert run.size < 50


def test_scripts_without_case_have_no_small_capitals() -> None:
    """Japanese stays as it is."""
    placed = set_one("珈琲", BOX, style(JAPANESE, LATIN, small_caps="small"), fit=SIZE)
    assert [run.size for run in placed.lines[0].runs] == [50]


def test_axes_of_a_style_reach_the_font() -> None:
    """Within the font's range; the control is the default."""

    def location(**changes: object) -> dict[str, float]:
        placed = set_one("Hot", BOX, style(**changes), fit=SIZE)
        return dict(placed.lines[0].runs[0].font.location)

    assert location()["opsz"] == 32
    assert location(axes=(("opsz", 14.0),))["opsz"] == 14
    assert location(axes=(("opsz", 1.0),))["opsz"] == 14


def _with_small_capitals() -> bytes:
    """Make a font of A, a and a drawn small capital that `smcp` puts in a's place, `c2sc` in A's."""
    builder = FontBuilder(1000, isTTF=True)
    names = [".notdef", "A", "a", "a.sc"]
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord("A"): "A", ord("a"): "a"})
    shapes = {}
    for name, height in zip(names, (0, 700, 480, 520), strict=True):
        pen = TTGlyphPen(None)
        pen.moveTo((50, 0))
        for point in ((50, height), (450, height), (450, 0)):
            pen.lineTo(point)
        pen.closePath()
        shapes[name] = pen.glyph()
    builder.setupGlyf(shapes)
    builder.setupHorizontalMetrics(dict.fromkeys(names, (500, 50)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Drawn", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200, sCapHeight=700, sxHeight=480)
    builder.setupPost()
    features = "feature smcp { sub a by a.sc; } smcp; feature c2sc { sub A by a.sc; } c2sc;"
    addOpenTypeFeaturesFromString(builder.font, features)
    out = io.BytesIO()
    builder.font.save(out)
    return out.getvalue()


@pytest.mark.parametrize(("caps", "glyphs"), [("none", [1, 2]), ("small", [1, 3]), ("all", [3, 3])])
def test_a_font_s_own_small_capitals_are_taken(caps: str, glyphs: list[int]) -> None:
    """At full size and not called synthetic."""
    data = _with_small_capitals()
    font = FontFile("Drawn", FileRef("project", "drawn.ttf", digest(data)), (), 400)
    layer = text_layer("Aa", BOX, style("Drawn", small_caps=caps, weight=400), fit=SIZE)
    placed = set_scene(scene(layer), (font,), FontFiles(**{"drawn.ttf": data})).texts()[0]
    runs = placed.lines[0].runs
    assert [glyph.id for run in runs for glyph in run.glyphs] == glyphs
    assert {(run.size, run.synthetic) for run in runs} == {(50, False)}
