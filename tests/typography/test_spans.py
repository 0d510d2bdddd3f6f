"""Several types in one paragraph: what a span changes, what it must not change, and what kerning and bidi do."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flux2flow.domain.layout import PlacedText
from flux2flow.domain.measures import Box, Color
from flux2flow.domain.scene import Decoration, FitRule, Highlight, InlineIcon, Shadow, Stroke, TextSpan, Type, Underline
from flux2flow.typography.fonts import stack
from flux2flow.typography.shaping import ICON, Paragraph, Setting, Span
from flux2flow.typography.words import Words, WordSpan
from tests.typography.builder import ARABIC, FontFiles, glyphs, kit, lines, logo_file, set_one, style, style_for

RED = Color(200, 0, 0)
WIDE = Box(0, 0, 900, 200)


def shaped(text: str, *spans: Span, language: str = "en", rtl: bool = False, type: Type | None = None) -> Paragraph:
    """Shape a paragraph with spans."""
    own = type or style()
    return Paragraph(text, Setting(faces(own), language, int(rtl), own.tracking, own.features, spans))


def faces(type: Type) -> Any:
    """Give the cuts of a type."""
    return stack(type.families, type.weight, 32, kit(), FontFiles(), type.axes)


def span(start: int, stop: int, type: Type | None = None, **changes: Any) -> Span:
    """Make a span in a type's faces."""
    return Span(start, stop, faces(type or style()), **changes)


def spanned(text: str, words: str, type: Type, **changes: Any) -> PlacedText:
    """Set a text of which some words have a type of their own."""
    start = text.index(words)
    return set_one(text, WIDE, spans=(TextSpan(start, start + len(words), type),), **changes)


def test_a_heavier_span_is_wider_and_the_rest_keeps_its_width() -> None:
    """The control is the same text without the span."""
    plain, heavy = shaped("Four roasts a day"), shaped("Four roasts a day", span(5, 11, style(weight=900)))
    assert heavy.width(0, 17) > plain.width(0, 17) + 0.05
    assert heavy.width(0, 4) == plain.width(0, 4)
    assert heavy.width(12, 17) == plain.width(12, 17)


def test_a_span_of_the_same_type_changes_nothing_between_words() -> None:
    """Spaces do not kern here, so that the cut alone is seen."""
    plain, cut = shaped("Four roasts a day"), shaped("Four roasts a day", span(5, 11))
    assert cut.line(0, 17).advance == pytest.approx(plain.line(0, 17).advance, abs=1e-9)


def test_kerning_does_not_cross_a_span() -> None:
    """Two letters of two designs have no pair; inside the span, and without it, AV kerns."""
    plain, cut, whole = shaped("AVA"), shaped("AVA", span(1, 2)), shaped("AVA", span(0, 3))
    assert plain.line(0, 3).advance < cut.line(0, 3).advance - 0.02
    assert whole.line(0, 3).advance == pytest.approx(plain.line(0, 3).advance, abs=1e-9)


def test_arabic_letters_join_across_a_span() -> None:
    """The letters' forms are those of the whole word; the control parts them with a space."""
    plain = shaped("قهوة", language="ar", rtl=True, type=style_for("ar"))
    own = span(1, 2, style_for("ar", weight=600))
    cut = shaped("قهوة", own, language="ar", rtl=True, type=style_for("ar"))

    def ids(paragraph: Paragraph, stop: int) -> list[int]:
        return [glyph.id for run in paragraph.line(0, stop).runs for glyph in run.glyphs]

    assert ids(cut, 4) == ids(plain, 4)
    apart = shaped("ق هوة", language="ar", rtl=True, type=style_for("ar"))
    assert ids(apart, 5)[-1] != ids(plain, 4)[-1]


def test_a_span_takes_the_place_that_bidi_gives_it() -> None:
    """In a right-to-left line a span's words stand where its letters read, and a span may hold both directions."""
    text = "اطلب Night Shift الآن"
    start = text.index("Night")
    placed = spanned(text, "Night Shift الآن", style_for("ar", color=RED), locale="ar")
    own = [glyph for run in placed.lines[0].runs if run.color == RED for glyph in run.glyphs]
    rest = [glyph for run in placed.lines[0].runs if run.color != RED for glyph in run.glyphs if glyph.ink]
    assert {glyph.cluster for glyph in own} == set(range(start, len(text)))
    assert max(glyph.x for glyph in own) < min(glyph.x for glyph in rest)  # the first word stands at the right
    latin = [glyph for glyph in own if start <= glyph.cluster < start + 11]
    assert all(first.cluster < second.cluster for first, second in pairwise(sorted(latin, key=lambda glyph: glyph.x)))
    plain = set_one(text, WIDE, locale="ar")
    assert [glyph.cluster for glyph in glyphs(plain)] == [glyph.cluster for glyph in glyphs(placed)]


def test_scale_and_shift_move_and_shrink_one_run() -> None:
    """A raised small price: half the size, its baseline higher by a third of the paragraph's em."""
    placed = spanned("12.90", ".90", style(scale=0.5, shift=0.3))
    base, small = placed.lines[0].runs
    assert small.size == base.size / 2
    assert base.glyphs[0].y - small.glyphs[0].y == pytest.approx(0.3 * base.size)
    whole = set_one("12.90", WIDE)
    assert placed.fit.size > whole.fit.size or placed.lines[0].box.width < whole.lines[0].box.width


def test_larger_words_do_not_touch_the_line_above() -> None:
    """Latin lines keep the style's leading; a span twice as large takes what its letters need."""
    text = "Roasted dark and deep every day"
    start = text.index("deep")
    rule, box = FitRule(3, 40, 40), Box(0, 0, 360, 600)
    placed = set_one(text, box, style(leading=1.0), fit=rule, spans=(TextSpan(start, start + 4, style(scale=2.0)),))
    assert len(placed.lines) > 1
    inks = [[glyph.ink for run in line.runs for glyph in run.glyphs if glyph.ink] for line in placed.lines]
    for above, below in pairwise(inks):
        assert max(ink.bottom for ink in above) < min(ink.y for ink in below)
    plain = set_one(text, box, style(leading=1.0), fit=rule)
    pitch = [line.box.y for line in plain.lines]
    assert pitch[1] - pitch[0] == pytest.approx(40)


def test_colour_travels_with_its_letters() -> None:
    """Over a line's end, too."""
    placed = spanned("For people who start at five", "who start at", style(color=RED), fit=FitRule(3, 60, 90))
    assert len(placed.lines) > 1
    red = {glyph.cluster for line in placed.lines for run in line.runs if run.color == RED for glyph in run.glyphs}
    assert {placed.text[index] for index in red} - {" "} == set("whostartat")
    assert red <= set(range(11, 23))


def test_a_paragraph_with_spans_breaks_as_its_whole_text_does() -> None:
    """A span's edge is no opportunity, and takes none away."""
    text = "Overnight, your skin remembers its own light"
    box = Box(0, 0, 500, 300)
    plain = set_one(text, box)
    marked = set_one(text, box, spans=(TextSpan(3, 20, style()), TextSpan(22, 30, style(color=RED))))
    assert lines(plain) == lines(marked)


def test_capitals_keep_spans_over_their_words() -> None:
    """ß becomes two letters before the span and inside it; white space is tidied around it."""
    text = "  Große   Straße  heiß "
    start = text.index("Straße")
    type = style(upper=True)
    placed = set_one(text, WIDE, type, locale="de", spans=(TextSpan(start, start + 6, replace(type, color=RED)),))
    assert placed.text == "GROSSE STRASSE HEISS"
    runs = [run for line in placed.lines for run in line.runs if run.color == RED]
    red = "".join(placed.text[glyph.cluster] for run in runs for glyph in run.glyphs)
    assert red == "STRASSE"


def test_a_span_alone_may_be_in_capitals() -> None:
    """The words around it stay as they are."""
    assert spanned("Die Straße heute", "Straße", style(upper=True)).text == "Die STRASSE heute"


def test_an_icon_stands_in_its_line_beside_the_letters() -> None:
    """It takes room, is no glyph, and stands about the middle of the capitals."""
    picture = logo_file(200, 100)
    icon = TextSpan(5, 6, style(color=RED), InlineIcon("bean", picture))
    placed = set_one(f"Fresh{ICON}beans", WIDE, spans=(icon,))
    (set_icon,) = placed.lines[0].icons
    assert (set_icon.name, set_icon.picture, set_icon.color, set_icon.cluster) == ("bean", picture, RED, 5)
    assert set_icon.box.width == pytest.approx(2 * set_icon.box.height)
    assert all(glyph.cluster != 5 for glyph in glyphs(placed))
    inks = {glyph.cluster: glyph.ink for glyph in glyphs(placed) if glyph.ink}
    assert inks[4].right < set_icon.box.x < set_icon.box.right < inks[6].x
    capital = inks[0]
    middle = capital.y + capital.height / 2
    assert set_icon.box.y + set_icon.box.height / 2 == pytest.approx(middle, abs=0.03 * placed.fit.size)


def test_an_icon_at_the_edge_stands_on_the_edge() -> None:
    """Ink is ink: the box's edge meets the drawing."""
    icon = TextSpan(0, 1, style(), InlineIcon("bean", logo_file(100, 100)))
    placed = set_one(f"{ICON} beans", Box(40, 0, 900, 100), spans=(icon,))
    assert placed.lines[0].icons[0].box.x == pytest.approx(40)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_spans_over_any_words_keep_all_glyphs_in_the_box(data: st.DataObject) -> None:
    """Whatever is heavier, larger or raised: what fits stands inside, what does not is reported."""
    text = data.draw(
        st.sampled_from(["Night Shift is back until May", "نايت شيفت يعود حتى مايو", "五月まで、ナイトシフト。"])
    )
    edges = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6, unique=True)))
    types = st.builds(
        lambda weight, scale, shift: style(weight=weight, scale=scale, shift=shift),
        st.sampled_from([100, 400, 900]), st.sampled_from([0.5, 1.0, 1.5]), st.sampled_from([-0.2, 0.0, 0.4]),
    )  # fmt: skip
    spans = tuple(TextSpan(start, stop, data.draw(types)) for start, stop in list(pairwise(edges))[::2])
    locale = "ar" if text[0] == "ن" else "en"
    box = Box(20, 30, data.draw(st.integers(150, 700)), data.draw(st.integers(60, 300)))
    placed = set_one(text, box, locale=locale, spans=spans, fit=FitRule(4, 10, 80))
    assert sum(len(line) for line in lines(placed)) >= len(text) - len(placed.lines)
    if not placed.fit.overflow:
        assert placed.ink.x >= box.x - 0.02
        assert placed.ink.right <= box.right + 0.02
        assert placed.ink.y >= box.y - 0.02
        assert placed.ink.bottom <= box.bottom + 0.02


def test_words_without_spans_are_a_plain_string() -> None:
    """The two ways into a paragraph give the same one."""
    assert WordSpan(0, 1, TextSpan(0, 1, style())).synthetic is False
    assert Words("a").spans == ()
    assert set_one("Order a bag", WIDE) == set_one("Order a bag", WIDE, spans=())


def test_the_arabic_family_is_the_first_one_of_its_style() -> None:
    """What the tests above lean on."""
    assert style_for("ar").families[0] == ARABIC


def test_whatever_is_put_together_stays_in_its_box() -> None:
    """200 texts by seed 5: scales, shifts, capitals, effects, icons, both directions, lines and columns."""
    draw = random.Random(5)
    effects = [
        None, Decoration(Stroke(0.05, RED)), Decoration(highlight=Highlight(RED, 0.1, 0.1)),
        Decoration(Stroke(0.1, RED), Shadow(0.1, 0.1, 0.1, RED), underline=Underline(RED, 0.1, 0.1, skip_ink=False)),
    ]  # fmt: skip
    letters = {
        "en": "Hamburg gypsy, 5 kg ßéÅ. -",
        "ar": "قهوة السلام 12 Night ، شَدّة",
        "ja": "国語あいッー、。「」25kg（）…",
    }
    fitting = 0
    for _ in range(200):
        locale = draw.choice(list(letters))
        text = "x" + "".join(draw.choice(letters[locale]) for _ in range(draw.randint(1, 40)))
        spans, place = [], 0
        while (start := place + draw.randint(0, 6)) < len(text):
            stop = min(start + draw.randint(1, 8), len(text))
            own = style_for(
                locale, weight=draw.choice([100, 900]), scale=draw.choice([0.5, 1, 2]),
                shift=draw.choice([0, 0.3, -0.2]),
                upper=draw.random() < 0.2, small_caps=draw.choice(["none", "small", "all"]),
                tracking=draw.choice([0, 0.1]), decoration=draw.choice(effects),
            )  # fmt: skip
            icon = InlineIcon("x", logo_file(draw.randint(10, 60), 20)) if draw.random() < 0.2 else None
            if icon:
                text, stop = text[:start] + ICON + text[stop:], start + 1
            spans.append(TextSpan(start, stop, own, icon))
            place = stop
        box = Box(10, 10, draw.randint(60, 700), draw.randint(30, 500))
        placed = set_one(
            text, box, style_for(locale, decoration=draw.choice(effects)), locale=locale, spans=tuple(spans),
            writing=draw.choice(["horizontal", "vertical"]), fit=FitRule(draw.randint(1, 6), 8, 90),
        )  # fmt: skip
        if not placed.fit.overflow:
            fitting += 1
            assert placed.ink.x > box.x - 0.05
            assert placed.ink.right < box.right + 0.05
            assert placed.ink.y > box.y - 0.05
            assert placed.ink.bottom < box.bottom + 0.05
    assert fitting > 150
