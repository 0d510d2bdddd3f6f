"""Copyfitting: the largest size, the floor, the lines and how they balance, and the report."""

from __future__ import annotations

import pytest

from flux2flow.domain.layout import PlacedText
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import FitRule
from flux2flow.typography.fitting import QUANTUM, largest
from tests.typography.builder import lines, paragraph, set_one, style

HEADLINE = "Overnight, your skin remembers its own light"


def fitted(text: str, width: float, height: float, rule: FitRule, **changes: object) -> PlacedText:
    return set_one(text, Box(10, 20, width, height), fit=rule, **changes)


def line_widths(text: PlacedText) -> list[float]:
    inks = [[glyph.ink for run in line.runs for glyph in run.glyphs if glyph.ink] for line in text.lines]
    return [max(ink.right for ink in line) - min(ink.x for ink in line) for line in inks]


@pytest.mark.parametrize(("width", "height"), [(500, 200), (300, 300), (700, 80), (180, 400), (1000, 60)])
def test_largest_size_that_fits(width: float, height: float) -> None:
    """At the size found the text fits; a quarter pixel above, set as a fixed size, it overflows."""
    text = fitted(HEADLINE, width, height, FitRule(3, 8, 300))
    assert not text.fit.overflow
    assert text.box.contains(text.ink, 0.05)
    assert text.fit.size % QUANTUM == 0
    above = text.fit.size + 2 * QUANTUM
    assert fitted(HEADLINE, width, height, FitRule(3, above, above)).fit.overflow


def test_ceiling() -> None:
    """A short text takes the ceiling, rounded down to the quantum."""
    assert fitted("Hi", 500, 300, FitRule(1, 10, 40.6)).fit.size == 40.5


def test_a_fixed_size_is_taken_exactly() -> None:
    """Where floor and ceiling agree, that is the size, and it is no forced floor."""
    text = fitted("Hi", 500, 300, FitRule(1, 17.3, 17.3))
    assert (text.fit.size, text.fit.at_floor, text.fit.overflow) == (17.3, False, False)


def test_floor_reached() -> None:
    """A text that just fits at its floor says so."""
    rule = FitRule(1, 20, 60)
    wide = fitted(HEADLINE, 2000, 100, FitRule(1, 20, 20)).ink.width
    text = fitted(HEADLINE, wide + 0.5, 100, rule)
    assert (text.fit.at_floor, text.fit.overflow) == (True, False)
    assert text.fit.size < 20 + 2 * QUANTUM
    assert not fitted(HEADLINE, wide * 2, 100, rule).fit.at_floor


def test_overflow_is_set_at_the_floor_and_reported() -> None:
    """What does not fit is set at the floor, with all its words, and says overflow."""
    text = fitted(HEADLINE, 120, 30, FitRule(1, 14, 60))
    assert (text.fit.size, text.fit.overflow, text.fit.at_floor) == (14, True, True)
    assert text.fit.lines > text.fit.max_lines
    assert " ".join(lines(text)) == HEADLINE
    assert "floor" in text.fit.steps[-1]


def test_long_words_are_never_broken_inside() -> None:
    """A German compound shrinks the text, and overflows at the floor in one piece."""
    word = "Feuchtigkeitsversorgungskomplex"
    text = fitted(f"Der {word}", 200, 200, FitRule(3, 8, 60))
    assert word in lines(text)
    assert fitted(word, 100, 100, FitRule(3, 12, 60)).fit.overflow


def test_a_soft_hyphen_lets_a_long_word_part() -> None:
    """Hyphenation only where the copy asks for it."""
    text = fitted("Feuchtigkeits\u00adversorgung", 200, 200, FitRule(2, 8, 60))
    assert lines(text) == ["Feuchtigkeits\u00ad", "versorgung"]


@pytest.mark.parametrize("width", [330, 380, 420, 460, 520, 600])
def test_headlines_are_balanced(width: float) -> None:
    """Two lines at a fixed size differ by less than their longest word; greedy filling would leave a stub."""
    text = fitted(HEADLINE, width, 400, FitRule(4, 30, 30))
    widths = line_widths(text)
    longest = max(paragraph(word).width(0, len(word)) for word in HEADLINE.split()) * 30
    assert max(widths) - min(widths) <= longest
    assert len(widths) >= 2


def test_balance_moves_words_down() -> None:
    """Control against greedy filling: the first line gives words to the second although it has room for them."""
    text = fitted("The quiet light of home is back again", 340, 300, FitRule(3, 20, 20))
    first, last = line_widths(text)
    assert first + 20 < 340
    assert last > 0.7 * first


def test_a_headline_breaks_where_its_sentence_ends() -> None:
    """A full stop inside a line is avoided where lines may move; an abbreviation is no sentence."""
    assert lines(fitted("Sleep. We'll do the rest.", 260, 300, FitRule(2, 30, 30))) == ["Sleep.", "We'll do the rest."]
    assert lines(fitted("Sleep, we'll do the rest.", 260, 300, FitRule(2, 30, 30))) == ["Sleep, we'll", "do the rest."]


def test_no_orphan_in_running_text() -> None:
    """Seven lines of text do not end with one short word where a word can come down."""
    words = "A cream that works while you sleep and leaves the skin calm and soft with oil of rose and a hint of sun to"
    text = fitted(words, 150, 600, FitRule(12, 16, 16))
    assert len(text.lines) > 4
    assert len(lines(text)[-1]) > 2


def test_single_japanese_character_does_not_end_a_headline() -> None:
    """No last line of one character, at any width that allows better."""
    for width in range(150, 420, 15):
        last = lines(fitted("眠るあいだに、肌は本来の光を思い出す", width, 500, FitRule(4, 30, 30), locale="ja"))[-1]
        assert len(last) > 1


def test_japanese_phrases_stay_whole() -> None:
    """A katakana word is not parted although that would allow a larger size, and the report says so."""
    text = fitted("白樺樹液のナイトクリームで眠る", 220, 200, FitRule(3, 8, 80), locale="ja")
    assert any("ナイトクリーム" in line for line in lines(text))
    assert any("phrases stay whole" in step for step in text.fit.steps)


def test_phrases_part_where_the_size_would_suffer() -> None:
    """One long katakana word in a narrow box is parted rather than set tiny."""
    text = fitted("インターナショナルコレクション", 100, 200, FitRule(4, 8, 40), locale="ja")
    assert len(text.lines) > 1
    assert any("phrases are parted" in step for step in text.fit.steps)


def test_names_stay_whole_in_lines() -> None:
    """A brand's name stands on one line at every width that holds it."""
    name = "Aurora Night Cream"
    for width in range(190, 500, 30):
        text = fitted(f"Meet the {name} of winter", width, 300, FitRule(5, 20, 20), unbroken=(name,))
        assert any(name in line for line in lines(text)), lines(text)


def test_line_ends_in_the_copy_are_kept() -> None:
    """The copy's own line ends are lines."""
    assert lines(fitted("One\nand two", 500, 200, FitRule(3, 10, 30))) == ["One", "and two"]
    assert fitted("a\nb\nc", 500, 200, FitRule(2, 10, 30)).fit.overflow


def test_tall_scripts_get_their_leading() -> None:
    """Arabic lines stand far enough apart for their marks, whatever the style says; Latin keeps the style's."""
    tight = {"type": style("Noto Sans Arabic", "Inter", leading=0.8), "locale": "ar"}
    text = fitted("ضوءٌ هادئٌ\nلبيتِكِ الجميلِ", 400, 300, FitRule(2, 40, 40), **tight)
    boxes = [[glyph.ink for run in line.runs for glyph in run.glyphs if glyph.ink] for line in text.lines]
    assert max(ink.bottom for ink in boxes[0]) <= min(ink.y for ink in boxes[1])
    latin = fitted("Light\nhome", 400, 300, FitRule(2, 40, 40), type=style(leading=0.8))
    first, second = (line.box.y for line in latin.lines)
    assert second - first == pytest.approx(0.8 * 40)


@pytest.mark.parametrize("copy", ["Mỗi ngày\nĐẾN ruộng", "Mo\u0302\u0303i ngày\nĐE\u0302\u0301N ruo\u0323\u0302ng"])
def test_letters_with_stacked_marks_get_their_leading(copy: str) -> None:
    """Vietnamese lines do not touch at a leading chosen for English; one mark a letter keeps the style's."""

    def step(text: str, leading: float) -> tuple[float, float]:
        made = fitted(text, 900, 300, FitRule(2, 40, 40), type=style(leading=leading))
        inks = [[glyph.ink for run in line.runs for glyph in run.glyphs if glyph.ink] for line in made.lines]
        first, second = (line.box.y for line in made.lines)
        return second - first, min(ink.y for ink in inks[1]) - max(ink.bottom for ink in inks[0])

    raised, gap = step(copy, 1.02)
    assert 0.05 * 40 - 0.02 <= gap < 0.15 * 40, "a dot below, on the last line, counts too"
    assert gap - (raised - 1.02 * 40) < -0.1 * 40, "the control: at the style's own leading the lines would meet"
    assert step(copy, 1.6)[0] == pytest.approx(1.6 * 40), "what is enough stays"
    for plain in ("Moi ngày\nĐÊN ruông", "Äpfel für\nÅland Ödön", "Moi ngay\nDEN ruong"):
        assert step(plain, 1.02)[0] == pytest.approx(1.02 * 40), plain


def test_size_does_not_depend_on_descenders() -> None:
    """Words with and without descenders take one size in boxes of one height; capitals alone may be larger."""
    sizes = {fitted(word, 900, 60, FitRule(1, 8, 200)).fit.size for word in ("Hello", "Helpg", "scum", "Typo")}
    assert len(sizes) == 1
    assert fitted("HELLO", 900, 60, FitRule(1, 8, 200)).fit.size > sizes.pop()


def test_optical_size_follows_the_size() -> None:
    """Large type is set at the display end of the optical axis, small type at the text end."""
    large, small = (
        dict(fitted("Light", 900, 300, FitRule(1, size, size)).lines[0].runs[0].font.location)["opsz"]
        for size in (60, 14)
    )
    assert (large, small) == (32, 14)


def test_report_tells_the_story() -> None:
    """Ceiling, what limited the size, and the result, in words."""
    steps = fitted(HEADLINE, 400, 100, FitRule(2, 8, 90)).fit.steps
    assert steps[0] == "ceiling 90 px, 2 lines at most"
    assert any(step.startswith("the box's width allows") for step in steps)
    assert steps[-1].startswith("set at")
    tall = fitted("Hi", 400, 20, FitRule(2, 8, 90)).fit.steps
    assert any(step.startswith("the box's height allows") for step in tall)


@pytest.mark.parametrize(
    ("floor", "ceiling", "limit", "expected"),
    [
        (10, 50, 33.3, (33.25, False)),
        (10, 50, 80, (50, False)),
        (10.1, 50, 10.2, (10.1, True)),
        (10, 50, 5, (10, True)),
    ],
)
def test_largest(floor: float, ceiling: float, limit: float, expected: tuple[float, bool]) -> None:
    """Bisection finds the largest quarter pixel under a limit, and says when the floor stopped it."""
    assert largest(FitRule(1, floor, ceiling), lambda size: size, lambda size: size <= limit) == expected
