"""Letterforms: kerning, joins, order, tracking, features, missing glyphs."""

from __future__ import annotations

import pytest

from flux2flow.typography.shaping import Paragraph, ShapedLine, script_of, scripts
from tests.typography.builder import ARABIC, JAPANESE, LATIN, paragraph, style, style_for


def whole(paragraph: Paragraph) -> ShapedLine:
    return paragraph.line(0, len(paragraph.text))


def ids(text: str, **changes: object) -> list[int]:
    language = str(changes.pop("language", "en"))
    line = whole(paragraph(text, style_for(language, **changes), language=language, rtl=language == "ar"))
    return [glyph.id for run in line.runs for glyph in run.glyphs]


def advance(text: str, **changes: object) -> float:
    return whole(paragraph(text, style(**changes))).advance


def test_kerning() -> None:
    """A and V stand closer together than apart; with kerning off they do not."""
    assert advance("AV") < advance("A") + advance("V")
    assert advance("AV", features=(("kern", 0),)) == pytest.approx(advance("A") + advance("V"))


def test_arabic_joins() -> None:
    """Letters take their joined forms: other glyphs than the same letters alone."""
    joined = set(ids("سلام", language="ar"))
    alone = {ids(letter, language="ar")[0] for letter in "سلام"}
    assert joined - alone
    assert 0 not in joined


def test_arabic_joins_across_a_run_of_another_colour_of_text() -> None:
    """Shaping sees the words around a line: the last letter of a line keeps its final form."""
    text = "سلام سلام"
    shaped = paragraph(text, style_for("ar"), language="ar", rtl=True)
    first, second = shaped.line(0, 5), shaped.line(5, 9)
    assert [glyph.id for run in first.runs for glyph in run.glyphs] == [
        glyph.id for run in second.runs for glyph in run.glyphs
    ]


def test_right_to_left_order() -> None:
    """The first Arabic letter stands rightmost; a Latin name inside keeps its order."""
    text = "ضوء Aurora دافئ"
    line = whole(paragraph(text, style_for("ar"), language="ar", rtl=True))
    clusters = [glyph.cluster for run in line.runs for glyph in run.glyphs]
    assert clusters[0] > clusters[-1] == 0
    latin = [glyph.cluster for run in line.runs if run.level == 2 for glyph in run.glyphs]
    assert latin == sorted(latin)
    assert text[latin[0] : latin[-1] + 1] == "Aurora"


def test_brackets_are_mirrored() -> None:
    """In a right-to-left line an opening bracket takes the glyph that opens to the left."""
    (opening,), (closing,) = ids("("), ids(")")
    line = whole(paragraph("(ضوء)", style(LATIN, ARABIC), language="ar", rtl=True))
    found = {glyph.cluster: glyph.id for run in line.runs for glyph in run.glyphs}
    assert (found[0], found[4]) == (closing, opening)


def test_tracking_stands_between_letters() -> None:
    """Tracking is added between clusters, not after the last."""
    assert advance("abc", tracking=0.1) == pytest.approx(advance("abc", features=(("liga", 0),)) + 0.2)


def test_tracking_spares_joined_scripts() -> None:
    """Arabic is never tracked; Latin in the same setting is."""
    plain, tracked = (
        whole(paragraph("سلام", style_for("ar", tracking=value), language="ar", rtl=True)).advance
        for value in (0.0, 0.2)
    )
    assert tracked == pytest.approx(plain)
    assert advance("abcd", tracking=0.2) > advance("abcd")


def test_tracking_keeps_marks_in_place() -> None:
    """A letter and its combining mark are one cluster: tracking does not part them."""
    assert advance("x\u0302y", tracking=0.1) == pytest.approx(advance("x\u0302y") + 0.1)


def test_features() -> None:
    """Tabular figures make all digits equally wide."""
    assert advance("111") != pytest.approx(advance("888"))
    tabular = (("tnum", 1),)
    assert advance("111", features=tabular) == pytest.approx(advance("888", features=tabular))


def test_language_reaches_the_font() -> None:
    """Romanian ş takes its comma, Turkish ş its cedilla, from the same character."""
    assert ids("ş", language="ro") != ids("ş", language="tr")
    assert ids("ş", language="de") == ids("ş", language="tr")


def test_missing_glyph_is_recorded_as_zero() -> None:
    """What no family has stays in the run, as glyph 0 of the first."""
    line = whole(paragraph("a\U00012000b"))
    found = {glyph.cluster: (glyph.id, run.fallback) for run in line.runs for glyph in run.glyphs}
    assert found[1] == (0, False)
    assert found[0][0] != 0


def test_fallback_is_recorded() -> None:
    """A run of a later family says so."""
    line = whole(paragraph("Aurora 光"))
    assert [(run.cut.reference.font.family, run.fallback) for run in line.runs] == [(LATIN, False), (JAPANESE, True)]


def test_marks_stand_on_their_letters() -> None:
    """A decomposed letter is as wide as the composed one and reaches as high."""
    composed, parts = whole(paragraph("é")), whole(paragraph("e\u0301"))
    assert composed.advance == pytest.approx(parts.advance)
    assert composed.ink is not None
    assert parts.ink is not None
    assert composed.ink.top == pytest.approx(parts.ink.top, abs=0.01)


def test_width_agrees_with_the_set_line() -> None:
    """The sums that fitting uses equal the ink of the exactly shaped line, for every stretch between spaces."""
    for text, language in [
        ("Overnight, your skin AVATAR", "en"),
        ("في الليل تستعيد بشرتك", "ar"),
        ("光と 影の 間", "ja"),
    ]:
        shaped = paragraph(text, style_for(language, tracking=0.02), language=language, rtl=language == "ar")
        marks = [0, *(index + 1 for index, letter in enumerate(text) if letter == " "), len(text)]
        for number, start in enumerate(marks):
            for stop in marks[number + 1 :]:
                ink = shaped.line(start, stop).ink
                assert ink is not None
                assert shaped.width(start, stop) == pytest.approx(ink.right - ink.left, abs=0.03)


def test_trailing_spaces_take_no_room() -> None:
    """Spaces at a line's end hang outside."""
    shaped = paragraph("word   next")
    assert shaped.width(0, 7) == shaped.width(0, 4)
    assert shaped.line(0, 7).stop == 4


def test_soft_hyphen_shows_at_a_lines_end_only() -> None:
    """A soft hyphen is invisible inside a line, and a hyphen at its end."""
    shaped = paragraph("Raum\u00adlicht")
    hyphen = ids("-")[0]
    broken, unbroken = shaped.line(0, 5), shaped.line(0, 10)
    assert [glyph.id for run in broken.runs for glyph in run.glyphs][-1] == hyphen
    assert hyphen not in [glyph.id for run in unbroken.runs for glyph in run.glyphs]
    assert broken.ink is not None
    assert shaped.width(0, 5) == pytest.approx(broken.ink.right - broken.ink.left, abs=0.08)


def test_scripts() -> None:
    """Common characters join the run before them; kana and kanji are one run."""
    assert script_of("光") == "Hani"
    assert scripts("光とa、b") == ["Hani", "Hani", "Latn", "Latn", "Latn"]
    assert scripts("«ضوء»")[0] == "Arab"
    assert scripts("12") == ["Latn", "Latn"]
