"""Where lines may break, and which breaks are liked: kinsoku, names, quantities, phrases."""

from __future__ import annotations

import random

import pytest

from flux2flow.domain.measures import Box
from flux2flow.domain.scene import FitRule
from flux2flow.typography import breaking
from flux2flow.typography.breaking import NOT_AT_END, NOT_AT_START, SEVERE, breaks
from tests.typography.builder import lines, set_one

SENTENCES = [
    "静かな光を、あなたの部屋へ。オーロラのランプ",
    "眠るあいだに、肌は本来の光を思い出す",
    "「ナイトクリーム」で、すっきりとした朝を。",
    "スクワラン5％と白樺樹液を配合した、オーロラのナイトクリーム。",
    "もっと、きれいに。ずっと、わたしらしく。",
    "ちょっとしたご褒美に、シャンパーニュ・ゴールドのケース（限定品）を！",
    "値段は￥4,900、送料は無料です…。",
    "パーティーのあとは、ゆっくり休みましょう。",
    "これって、ほんとうに？ええ、ほんとうです！",
    "時々、人々は『光』を忘れてしまう。",
    "しっとり、でもべたつかない――新しいジェル。",
    "キャンペーン期間は12月1日～12月24日まで。",
    "「えっ、もう朝？」と言わせるマットレス。",
    "ぎゅっと詰まった、ビタミンＣ。",
]


def segments(text: str, language: str = "ja", unbroken: tuple[str, ...] = ()) -> list[str]:
    ends = [place.index for place in breaks(text, language, unbroken)]
    return [text[start:stop] for start, stop in zip([0, *ends[:-1]], ends, strict=True)]


@pytest.mark.parametrize("text", SENTENCES)
@pytest.mark.parametrize("width", [90, 120, 170, 260, 400])
def test_kinsoku_in_set_lines(text: str, width: int) -> None:
    """No set line begins with 、。」ー ゃ and their like, and none ends with an opening bracket, at any measure."""
    for size in (14, 22):
        placed = set_one(text, Box(0, 0, width, 2000), locale="ja", fit=_rule(size))
        for number, line in enumerate(lines(placed)):
            assert number == 0 or line[0] not in NOT_AT_START, line
            assert line == lines(placed)[-1] or line[-1] not in NOT_AT_END, line


def _rule(size: float) -> FitRule:
    return FitRule(40, size, size)


def test_kinsoku_on_random_strings() -> None:
    """Seed 7: 400 strings of kana, kanji and marks; no permitted break puts a forbidden character at a line's edge."""
    source = random.Random(7)
    letters = "光静部屋のをはがにでとアイウオラランゃっょー、。」「（）！？・…％ー々"
    seen = 0
    for _ in range(400):
        text = "".join(source.choice(letters) for _ in range(30))
        for place in breaks(text, "ja")[:-1]:
            seen += 1
            assert text[place.index] not in NOT_AT_START
            assert text[place.index - 1] not in NOT_AT_END
    assert seen > 2000


def test_kinsoku_is_what_forbids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: UAX #14 alone would begin a line with a ‰ after a space; the list here is what keeps it."""
    breaks.cache_clear()
    assert 2 not in [place.index for place in breaks("a °b", "en")]
    monkeypatch.setattr(breaking, "NOT_AT_START", frozenset())
    breaks.cache_clear()
    assert 2 in [place.index for place in breaks("a °b", "en")]
    monkeypatch.undo()
    breaks.cache_clear()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Meet the Aurora Night Cream today", "Aurora Night Cream"),
        ("新しいAurora Night Creamです", "Aurora Night Cream"),
        ("これはナイトクリームです", "ナイトクリーム"),
        ("an all-new Dew-Serum", "Dew-Serum"),
    ],
)
def test_names_stay_whole(text: str, name: str) -> None:
    """No break inside a brand's name; without the list there would be one."""
    start, stop = text.index(name), text.index(name) + len(name)
    assert not [place for place in breaks(text, "ja", (name,)) if start < place.index < stop]
    assert [place for place in breaks(text, "ja", ()) if start < place.index < stop]


@pytest.mark.parametrize(
    "text", ["5 % off", "20 €", "8 h", "12 km", "3,5 kg", "€ 49", "100 ml", "bonjour !", "a\u00a0b", "5 W"]
)
def test_what_belongs_together(text: str) -> None:
    """A number keeps its unit and its sign, a no-break space holds."""
    assert next(place.index for place in breaks(text, "fr")) >= len(text.split(" off")[0])


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "das „neue“ Haus", ["das ", "„neue“ ", "Haus"]),
        ("de", "das »neue« Haus", ["das ", "»neue« ", "Haus"]),
        ("fr", "un « mot » neuf", ["un ", "« mot » ", "neuf"]),
        ("en", "a “new” home", ["a ", "“new” ", "home"]),
        ("sv", "ett ”nytt” hem", ["ett ", "”nytt” ", "hem"]),
        ("de", "49 € sparen", ["49 € ", "sparen"]),
        ("fr", "12 000 € offerts", ["12 000 € ", "offerts"]),
        ("de", "am 24. Dezember ruht es", ["am ", "24. Dezember ", "ruht ", "es"]),
        ("en", "the 24. December", ["the ", "24. ", "December"]),
    ],
)
def test_quotes_prices_and_dates(language: str, text: str, expected: list[str]) -> None:
    """What opens in one language closes in the next; sums and dates hold where the language writes them so."""
    assert segments(text, language) == expected


def test_ordinary_words_do_break() -> None:
    """Control: two words part, and so do a number and a noun."""
    assert segments("two words 5 boxes", "en") == ["two ", "words ", "5 ", "boxes"]


def test_a_short_part_of_a_compound_does_not_like_to_be_parted() -> None:
    """All-in-one parts at its hyphens less gladly than a compound of two long words."""
    penalty = {place.index: place.penalty for place in breaks("all-in-one, night-cream", "en")}
    assert penalty[4] == penalty[7] > penalty[18] > 0
    assert penalty[12] < penalty[18]


def test_korean_breaks_between_words_only() -> None:
    """Hangul words stay whole; spaces part them."""
    assert segments("조용한 빛을 당신에게", "ko") == ["조용한 ", "빛을 ", "당신에게"]
    assert segments("12월 31일까지 English가 (Android)에서 50%할인 漢字와 빛(光)을 25,800원", "ko") == [
        "12월 31일까지 ", "English가 ", "(Android)에서 ", "50%할인 ", "漢字와 ", "빛", "(光)을 ", "25,800원",
    ]  # fmt: skip
    assert segments("漢字", "ja") == ["漢", "字"]  # control: another language's ideographs part


def test_korean_lines_may_begin_with_a_bracket() -> None:
    """Before an opening bracket a word parts, as by `keep-all`; what follows a closing one, a particle, it keeps."""
    assert segments("25,800원(정가 아님)으로 『빛』과", "ko") == ["25,800원", "(정가 ", "아님)으로 ", "『빛』과"]
    assert segments("25,800원정가 Android(앱)", "ko") == ["25,800원정가 ", "Android(앱)"]  # control: UAX #14's LB30


def test_equal_signs_in_a_row_stay_together() -> None:
    """A+++ is one word; two different signs part, and so do two equal emoji."""
    assert segments("κλάση A+++ σύμφωνα", "el") == ["κλάση ", "A+++ ", "σύμφωνα"]
    assert "A+++" in segments("A+++", "ja")
    assert segments("A+±", "en") == ["A+", "±"]  # control
    assert segments("🎉🎉", "en") == ["🎉", "🎉"]  # control


def test_mandatory_breaks() -> None:
    """A line end in the copy ends the line."""
    places = breaks("a b\nc", "en")
    assert [place.index for place in places if place.mandatory] == [4, 5]


def test_japanese_phrases_are_liked() -> None:
    """A break after a particle or a comma is good; inside a katakana word or before an ending it is severe."""
    text = "静かな光を、オーロラのランプで"
    penalty = {place.index: place.penalty for place in breaks(text, "ja")}
    assert penalty[text.index("オ")] < 0.05
    assert penalty[text.index("ランプ")] < 0.1
    assert penalty[text.index("ンプ")] >= SEVERE
    assert penalty[text.index("かな")] >= SEVERE
    assert all(place.penalty < SEVERE for place in breaks("静光部屋", "zh"))


def test_an_article_does_not_like_to_end_a_line() -> None:
    """A short word at a line's end costs, a comma pays."""
    text = "Light, for the home"
    penalty = {place.index: place.penalty for place in breaks(text, "en")}
    assert penalty[text.index("for")] < 0 < penalty[text.index("home")]
