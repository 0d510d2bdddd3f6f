"""Justified body text, text in an ellipse, and no single word on the last line of running text."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from flux2flow.domain.layout import PlacedText
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import FitRule
from flux2flow.typography.justification import LOOSEST, TIGHTEST
from tests.typography.builder import glyphs, lines, set_one, style

BODY = (
    "Aurora Night Cream works while the city sleeps. Five per cent squalane and the sap of northern birches hold the"
    " water that the day has taken, so that skin wakes rested, calm and ready for whatever light the morning brings."
)
ARABIC = (
    "يعمل كريم الليل بينما تنام المدينة. خمسة بالمئة من السكوالان وعصارة أشجار البتولا الشمالية تحفظ الماء الذي أخذه"
    " النهار لكي تستيقظ البشرة مرتاحة وهادئة ومستعدة لكل ضوء يحمله الصباح"
)
JAPANESE = (
    "街が眠るあいだに働くナイトクリーム。北国の白樺の樹液とスクワランが昼間に失われた水分を抱え込み、朝の光を迎える肌を静かに整えます。"
    "目覚めるたびに、肌は本来の光を思い出します。"
)


def justified(text: str, width: float, size: float = 18, **changes: object) -> PlacedText:
    changes = {"fit": FitRule(12, size - 2, size), "justify": True} | changes
    return set_one(text, Box(30, 20, width, 600), style(weight=400) if "locale" not in changes else None, **changes)  # type: ignore[arg-type]


def edges(text: PlacedText) -> list[tuple[float, float]]:
    inks = [[g.ink for run in line.runs for g in run.glyphs if g.ink] for line in text.lines]
    return [(min(ink.x for ink in line), max(ink.right for ink in line)) for line in inks]


@pytest.mark.parametrize("width", [420, 480, 560])
def test_every_line_but_the_last_fills_the_box(width: float) -> None:
    """Both edges are straight; the last line stands at the start; ragged text is the control."""
    text, ragged = justified(BODY, width), justified(BODY, width, justify=False)
    *full, last = edges(text)
    assert all(abs(left - 30) < 0.01 and abs(right - 30 - width) < 0.01 for left, right in full)
    assert abs(last[0] - 30) < 0.01
    assert last[1] < 30 + width - 5
    assert max(abs(right - 30 - width) for _, right in edges(ragged)[:-1]) > 2
    assert "justified" in text.fit.steps[-1]


def test_word_spaces_stay_within_bounds() -> None:
    """No space is narrower or wider than the bounds; within a line all are alike."""
    for width in (420, 480, 560):
        text = justified(BODY, width)
        size = text.fit.size
        own = set_one("a a", Box(0, 0, 300, 60), style(weight=400), fit=FitRule(1, size, size))
        natural = own.lines[0].runs[0].glyphs[2].x - own.lines[0].runs[0].glyphs[1].x
        for line in text.lines[:-1]:
            row = [glyph for run in line.runs for glyph in run.glyphs]
            spaces = [after.x - space.x for space, after in pairwise(row) if text.text[space.cluster] == " "]
            assert max(spaces) - min(spaces) < 0.25 * natural  # kerning beside a space is all that differs
            assert TIGHTEST * 0.95 * natural <= min(spaces) <= max(spaces) <= LOOSEST * natural * 1.05


def test_arabic_fills_its_lines_by_spaces() -> None:
    """Right-to-left text is straight on both sides, begins at the right, and its letters keep their advances."""
    text = justified(ARABIC, 460, locale="ar")
    *full, last = edges(text)
    assert len(full) >= 2
    assert all(abs(left - 30) < 0.01 and abs(right - 490) < 0.01 for left, right in full)
    assert abs(last[1] - 490) < 0.01
    assert last[0] > 32
    assert not any("ـ" in line for line in lines(text))


def test_japanese_fills_its_lines_by_gaps() -> None:
    """Ideographs move apart a little; none of the gaps is as wide as a space."""
    text = justified(JAPANESE, 480, locale="ja")
    full = edges(text)[:-1]
    assert all(abs(left - 30) < 0.01 and abs(right - 510) < 0.01 for left, right in full)


def test_headlines_and_narrow_columns_stay_ragged() -> None:
    """Few lines, short lines, or spaces beyond the bound: the text stands at the start as a whole, and says why."""
    short = justified("Overnight, your skin remembers its own light", 300)
    headline = justified(BODY, 560, fit=FitRule(12, 48, 48))
    long = "Feuchtigkeitsversorgungskomplex und Nachtpflegebehandlung mit Birkenwasserkonzentrat "
    narrow = justified(long * 3, 460)
    for text, said in ((short, "it takes 3"), (headline, "headline"), (narrow, "wider than")):
        assert any("not justified" in step and said in step for step in text.fit.steps), text.fit.steps
        assert len({round(right) for _, right in edges(text)}) > 1


def test_running_text_does_not_end_with_one_word() -> None:
    """At many widths, the last of five lines or more holds at least two words."""
    alone = []
    for width in range(240, 420, 5):
        text = set_one(BODY, Box(0, 0, width, 900), style(weight=400), fit=FitRule(20, 18, 18))
        assert len(text.lines) > 4
        if " " not in lines(text)[-1].strip():
            alone.append(width)
    assert len(alone) <= 1  # where the word before would not fit, nothing else can be done


def chord(text: PlacedText, top: float, bottom: float) -> float:
    high, middle = text.box.height / 2, text.box.y + text.box.height / 2
    far = max(abs(top - middle), abs(bottom - middle))
    return text.box.width * math.sqrt(max(1 - (far / high) ** 2, 0))


@pytest.mark.parametrize(("width", "height"), [(400, 400), (600, 300), (300, 460)])
def test_lines_follow_the_ellipse(width: float, height: float) -> None:
    """Every glyph's corners lie inside the ellipse; set in the rectangle, the same text leaves it."""
    words = "Light of the home, quiet and near, all through the night until the birds begin"
    rule = FitRule(9, 8, 90)
    inside = set_one(words, Box(50, 40, width, height), fit=rule, shape="ellipse")
    outside = set_one(words, Box(50, 40, width, height), fit=rule, align="center", vertical="middle")

    def beyond(text: PlacedText) -> float:
        middle = text.box.x + width / 2
        reach = [
            (max(abs(g.ink.x - middle), abs(g.ink.right - middle)), chord(text, g.ink.y, g.ink.bottom) / 2)
            for g in glyphs(text)
            if g.ink
        ]
        return max(far - room for far, room in reach)

    assert not inside.fit.overflow
    assert beyond(inside) <= 0.1
    assert beyond(outside) > 5
    assert len(inside.lines) >= 3
    widths = [right - left for left, right in edges(inside)]
    assert max(widths) not in (widths[0], widths[-1])


def test_an_ellipse_too_small_overflows_and_says_so() -> None:
    """No size at or above the floor fits: the text is flagged."""
    assert set_one("Overnight light", Box(0, 0, 60, 30), fit=FitRule(3, 12, 30), shape="ellipse").fit.overflow


GERMAN = (
    "Die Feuchtigkeitsversorgung der Nachtpflege begleitet empfindliche Haut durch trockene Winternächte und"
    " hinterlässt ein geschmeidiges Wohlgefühl, das bis zum nächsten Abend vorhält und jede Reinigung übersteht."
)


def hyphens(text: PlacedText) -> list[bool]:
    """Say of every line whether it ends with a soft hyphen that shows."""
    return [line.endswith("\u00ad") for line in lines(text)]


def test_running_text_is_hyphenated_where_its_style_asks() -> None:
    """Words part at syllables; a style that does not ask, a headline, and a brand's name stay whole."""
    pytest.importorskip("pyphen", reason="pyphen is not here: pip install 'flux2flow[intl]'")
    asks, rule = style(weight=400, hyphenate=True), FitRule(20, 18, 18)
    box = Box(0, 0, 220, 500)
    made = set_one(GERMAN, box, asks, locale="de", fit=rule)
    assert any(hyphens(made))
    assert "".join(lines(made)).replace("\u00ad", "").replace(" ", "") == GERMAN.replace(" ", "")
    assert not any(hyphens(set_one(GERMAN, box, style(weight=400), locale="de", fit=rule)))
    assert not any(hyphens(set_one(GERMAN, box, asks, locale="de", fit=FitRule(2, 18, 18))))
    whole = set_one(GERMAN, box, asks, locale="de", fit=rule, unbroken=("Feuchtigkeitsversorgung",))
    assert any("Feuchtigkeitsversorgung" in line for line in lines(whole))


def test_no_more_than_two_hyphens_stand_above_each_other() -> None:
    """In columns of many widths, justified and ragged."""
    pytest.importorskip("pyphen", reason="pyphen is not here: pip install 'flux2flow[intl]'")
    seen = 0
    for width in range(180, 420, 12):
        for justify in (False, True):
            made = set_one(
                GERMAN * 2, Box(0, 0, width, 900), style(weight=400, hyphenate=True), locale="de",
                fit=FitRule(40, 15, 16), justify=justify,
            )  # fmt: skip
            row = "".join("-" if hyphen else "." for hyphen in hyphens(made))
            assert "---" not in row, (width, justify, row)
            seen += row.count("--")
    assert seen  # control: two in a row do occur


def test_spans_move_with_their_words() -> None:
    """An accent keeps its words where hyphens were inserted before and inside it."""
    pytest.importorskip("pyphen", reason="pyphen is not here: pip install 'flux2flow[intl]'")
    from flux2flow.domain.measures import Color
    from flux2flow.domain.scene import TextSpan

    start = GERMAN.index("empfindliche")
    red = style(weight=400, color=Color(200, 0, 0))
    made = set_one(
        GERMAN, Box(0, 0, 250, 500), style(weight=400, hyphenate=True), locale="de", fit=FitRule(20, 18, 18),
        spans=(TextSpan(start, start + len("empfindliche Haut"), red),),
    )  # fmt: skip
    colored = {
        glyph.cluster for line in made.lines for run in line.runs if run.color == red.color for glyph in run.glyphs
    }
    said = "".join(made.text[cluster] for cluster in sorted(colored)).replace("\u00ad", "").replace("-", "")
    assert said.replace(" ", "") == "empfindlicheHaut"
