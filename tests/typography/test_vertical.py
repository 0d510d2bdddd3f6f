"""Columns: which characters stand and which lie, where their points are, and that fitting works along them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flux2flow.domain.layout import Glyph, GlyphRun, PlacedText
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import FitRule, TextSpan
from flux2flow.typography.fonts import Cut, stack
from flux2flow.typography.shaping import Paragraph, Setting
from flux2flow.typography.vertical import orientation, orientations, side_by_side
from tests.typography.builder import JAPANESE, LATIN, FontFiles, kit, lines, set_one, style

DATA = Path("/usr/share/unicode/VerticalOrientation.txt")
TYPE = style(JAPANESE, LATIN, weight=400, leading=1.3)
BOX = Box(100, 50, 400, 500)


def column(text: str, box: Box = BOX, *, size: float = 40, count: int = 6, **changes: object) -> PlacedText:
    """Set a text in columns at one size."""
    fit = FitRule(count, size, size)
    return set_one(text, box, TYPE, locale="ja", writing="vertical", fit=fit, **changes)


def glyph(placed: PlacedText, character: str) -> tuple[GlyphRun, Glyph]:
    """Give a character's glyph and its run."""
    index = placed.text.index(character)
    return next((run, one) for line in placed.lines for run in line.runs for one in run.glyphs if one.cluster == index)


def cut() -> Cut:
    """Give the Japanese face."""
    return stack((JAPANESE,), 400, 32, kit(), FontFiles()).primary


def test_orientations_are_unicodes_own() -> None:
    """Every character of UAX #50's data file, where this machine has the one of our version."""
    if not DATA.exists() or "15.0.0" not in DATA.read_text(encoding="utf-8").splitlines()[0]:
        pytest.skip("needs Unicode 15.0's VerticalOrientation.txt (Debian: unicode-data)")
    wanted: dict[int, str] = {}
    for line in DATA.read_text(encoding="utf-8").splitlines():
        if found := re.match(r"([0-9A-F]+)(?:\.\.([0-9A-F]+))?\s*;\s*(\w+)", line):
            first, last = int(found[1], 16), int(found[2] or found[1], 16)
            wanted |= dict.fromkeys(range(first, last + 1), found[3])
    assert len(wanted) > 100_000
    kinds = {"U": "U", "Tu": "U", "Tr": "Tr", "R": "R"}
    wrong = [code for code in range(0x110000) if orientation.__wrapped__(chr(code)) != kinds[wanted.get(code, "R")]]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "upright"),
    [("12月", "12月"), ("2026年", "年"), ("1,250円", "円"), ("A4判", "判"), ("3.5倍", "倍"),
     ("「五」ー。", "「五」ー。"),
     ("5と25", "5と25"), ("v2版", "版"), ("…——", "")],
)  # fmt: skip
def test_short_numbers_stand_and_words_lie(text: str, upright: str) -> None:
    """One or two digits alone; longer figures, decimals and words lie on their side."""
    kinds = orientations(text)
    assert "".join(letter for letter, kind in zip(text, kinds, strict=True) if kind != "R") == upright


def test_digits_side_by_side_know_where_their_number_begins() -> None:
    """Two numbers in one text are two."""
    assert side_by_side("12月5日") == [0, 0, -1, 3, -1]


def test_columns_run_from_right_to_left_and_down() -> None:
    """The first column at the box's right edge, each one a leading further left, every glyph lower than the last."""
    placed = column("いろはにほへとちりぬるをわかよたれそ", Box(100, 50, 400, 250))
    assert len(placed.lines) > 2
    assert all(line.vertical for line in placed.lines)
    rights = [line.box.x for line in placed.lines]
    assert rights == sorted(rights, reverse=True)
    assert rights[0] - rights[1] == pytest.approx(1.3 * 40)
    assert placed.lines[0].box.right == pytest.approx(500)
    for line in placed.lines:
        tops = [one.ink.y for run in line.runs for one in run.glyphs if one.ink]
        assert tops == sorted(tops)


def test_upright_letters_stand_an_em_apart_in_the_middle_of_their_column() -> None:
    """Ideographs fill their em boxes: the ink's middle is the column's, to a twentieth of an em."""
    placed = column("国国国")
    inks = [one.ink for run in placed.lines[0].runs for one in run.glyphs if one.ink]
    assert [inks[1].y - inks[0].y, inks[2].y - inks[1].y] == pytest.approx([40, 40])
    middle = placed.lines[0].box.x + 20
    assert all(abs(ink.x + ink.width / 2 - middle) < 2 for ink in inks)
    assert inks[0].y == pytest.approx(BOX.y)


def test_punctuation_takes_its_vertical_form_and_corner() -> None:
    """A full stop stands in the upper right of its em; in a line it stands in the lower left."""
    placed = column("国。国")
    _, stop = glyph(placed, "。")
    kanji = glyph(placed, "国")[1]
    assert stop.ink is not None
    assert kanji.ink is not None
    em_top = kanji.ink.y + kanji.ink.height / 2 + 20  # the foot of the kanji's em box
    middle = placed.lines[0].box.x + 20
    assert stop.ink.x > middle
    assert stop.ink.y + stop.ink.height / 2 < em_top + 20
    flat = set_one("国。国", BOX, TYPE, locale="ja", fit=FitRule(1, 40, 40))
    flat_stop = glyph(flat, "。")[1]
    assert flat_stop.id != stop.id
    assert flat_stop.ink is not None
    assert flat_stop.ink.x + flat_stop.ink.width / 2 < glyph(flat, "国")[1].x + 60


def test_brackets_and_the_long_vowel_turn_with_the_font() -> None:
    """By its vertical forms; nothing is rotated."""
    placed = column("「国ー」")
    assert not any(run.rotated for line in placed.lines for run in line.runs)
    nominal = [cut().font.get_nominal_glyph(ord(letter)) for letter in "「ー」"]
    assert all(glyph(placed, letter)[1].id != id for letter, id in zip("「ー」", nominal, strict=True))
    assert glyph(placed, "国")[1].id == cut().font.get_nominal_glyph(ord("国"))
    ink = glyph(placed, "ー")[1].ink
    assert ink is not None
    assert ink.height > ink.width


def test_latin_words_lie_on_their_side() -> None:
    """Clockwise: letters go down the page, their tops to the right; capitals about the column's middle."""
    placed = column("新HALO新")
    run, first = glyph(placed, "H")
    assert run.rotated
    assert [one.y for one in run.glyphs] == sorted(one.y for one in run.glyphs)
    assert first.ink is not None
    middle = placed.lines[0].box.x + 20
    assert first.ink.x == pytest.approx(first.x)  # the baseline is at the left
    assert first.ink.x + first.ink.width / 2 == pytest.approx(middle, abs=0.5)
    assert first.ink.width == pytest.approx(cut().metrics.cap_height * 40, abs=1)


def test_two_digits_stand_side_by_side_in_one_em() -> None:
    """Beside each other at one height, inside the column's em; the next letter follows an em lower."""
    placed = column("月25日")
    (run, two), (_, five) = glyph(placed, "2"), glyph(placed, "5")
    assert not run.rotated
    assert two.y == five.y
    assert two.ink is not None
    assert five.ink is not None
    assert two.ink.right <= five.ink.x
    left = placed.lines[0].box.x
    assert left <= two.ink.x < five.ink.right <= left + 40
    above, below = glyph(placed, "月")[1].y, glyph(placed, "日")[1].y
    assert below - above == pytest.approx(80)


def test_kinsoku_holds_at_the_foot_of_a_column() -> None:
    """No column begins with a full stop or a small letter, none ends with an opening bracket."""
    for height in range(130, 420, 20):
        placed = column("珈琲、「ナイトシフト」。五月まで、ゆっくりと。", Box(0, 0, 600, height), count=12)
        columns = lines(placed)
        assert not any(line[0] in "、。」ッャュョー" for line in columns)
        assert not any(line[-1] in "「（" for line in columns)


def test_text_is_fitted_into_the_height_of_its_box() -> None:
    """A taller box takes a larger size; no ink leaves the box."""
    text = "朝五時に始める、あなたへ。"
    low, high = (
        set_one(text, Box(0, 0, 300, height), TYPE, locale="ja", writing="vertical", fit=FitRule(3, 8, 200))
        for height in (200, 400)
    )
    assert high.fit.size > 1.3 * low.fit.size
    for placed, height in ((low, 200), (high, 400)):
        assert not placed.fit.overflow
        assert placed.ink.y >= -0.01
        assert placed.ink.bottom <= height + 0.01
        assert placed.ink.x >= -0.01
        assert placed.ink.right <= 300.01


def test_alignment_is_along_and_across_the_columns() -> None:
    """`vertical` moves columns up and down, `align` their block from the right to the left."""

    def placed(align: str, vertical: str) -> PlacedText:
        return column("国国", align=align, vertical=vertical)

    tops = [placed("start", vertical).ink.y for vertical in ("top", "middle", "bottom")]
    assert tops[0] == pytest.approx(BOX.y)
    assert tops[1] == pytest.approx(BOX.y + (500 - placed("start", "middle").ink.height) / 2)
    assert placed("start", "bottom").ink.bottom == pytest.approx(BOX.bottom)
    lefts = [placed(align, "top").lines[0].box.x for align in ("start", "center", "end")]
    assert lefts == pytest.approx([460, 280, 100])


def test_a_span_is_set_in_its_own_type_in_a_column() -> None:
    """Colour and weight travel as in a line."""
    heavy = style(JAPANESE, LATIN, weight=700)
    placed = column("朝五時に", spans=(TextSpan(1, 3, heavy),))
    fonts = {placed.text[one.cluster]: run.font for line in placed.lines for run in line.runs for one in run.glyphs}
    assert fonts["五"] == fonts["時"] != fonts["朝"] == fonts["に"]


def test_a_font_without_vertical_forms_has_its_brackets_rotated() -> None:
    """Better a turned bracket than one that opens sideways."""
    latin = stack((LATIN,), 400, 32, kit(), FontFiles())
    assert not latin.primary.has("vert")
    paragraph = Paragraph("〈a〉", Setting(latin, "ja", 0, 0.0, vertical=True))
    assert {run.orientation for run in paragraph.line(0, 3).runs} == {"rotated"}
    japanese = stack((JAPANESE,), 400, 32, kit(), FontFiles())
    upright = Paragraph("〈国〉", Setting(japanese, "ja", 0, 0.0, vertical=True))
    assert {run.orientation for run in upright.line(0, 3).runs} == {"upright"}


def test_a_line_is_no_column() -> None:
    """The control: without `writing` nothing turns."""
    placed = set_one("国25HALO", BOX, TYPE, locale="ja", fit=FitRule(1, 40, 40))
    assert not placed.lines[0].vertical
    assert not any(run.rotated for run in placed.lines[0].runs)
    assert len({one.y for run in placed.lines[0].runs for one in run.glyphs}) == 1


@settings(max_examples=50, deadline=None)
@given(
    st.text("あいうえおッャー。、「」（）国語25kgA ・—…", min_size=1, max_size=40).filter(str.strip),
    st.integers(80, 500), st.integers(80, 500),
    st.sampled_from(["start", "center", "end"]), st.sampled_from(["top", "middle", "bottom"]),
)  # fmt: skip
def test_any_column_stays_in_its_box_or_says_so(text: str, width: int, height: int, align: str, vertical: str) -> None:
    """Kana, marks, figures and Latin, however aligned; every character is set once."""
    box = Box(30, 40, width, height)
    placed = set_one(
        text, box, TYPE, locale="ja", writing="vertical", fit=FitRule(8, 8, 90), align=align, vertical=vertical
    )
    clusters = {one.cluster for line in placed.lines for run in line.runs for one in run.glyphs}
    # Two dashes or leaders may become one glyph.
    visible = {
        index
        for index, letter in enumerate(placed.text)
        if not letter.isspace() and not (letter in "—…" and placed.text[index - 1 : index] == letter)
    }
    assert visible <= clusters
    if not placed.fit.overflow:
        assert placed.ink.x >= box.x - 0.02
        assert placed.ink.right <= box.right + 0.02
        assert placed.ink.y >= box.y - 0.02
        assert placed.ink.bottom <= box.bottom + 0.02
