"""Hyphenation where it is asked for: places by Liang's patterns, and all the words that stay whole."""

from __future__ import annotations

import sys
from itertools import pairwise

import pytest

from flux2flow.domain.measures import Box
from flux2flow.domain.scene import FitRule
from flux2flow.typography import hyphenation
from flux2flow.typography.breaking import HYPHENATED, HYPHENS_IN_A_ROW, SOFT_HYPHEN, breaks
from flux2flow.typography.hyphenation import hyphen_places, hyphenation_available, patterns_missing
from tests.typography.builder import paragraph, set_one

pytest.importorskip("pyphen", reason="pyphen is not here: pip install 'flux2flow[intl]'")
RUNNING = 6  # lines


def hyphenated(text: str, language: str, lines: int, unbroken: tuple[str, ...] = ()) -> str:
    """Insert soft hyphens, as the ladder does."""
    edges = (0, *hyphen_places(text, language, lines, unbroken), len(text))
    return SOFT_HYPHEN.join(text[start:stop] for start, stop in pairwise(edges))


def parted(text: str, language: str, lines: int = RUNNING, unbroken: tuple[str, ...] = ()) -> str:
    return hyphenated(text, language, lines, unbroken).replace(SOFT_HYPHEN, "|")


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "Feuchtigkeitsversorgung der Haut", "Feuch|tig|keits|ver|sor|gung der Haut"),
        ("en", "It remembers light", "It re|mem|bers light"),
        ("fr", "Une hydratation rare", "Une hy|dra|ta|tion rare"),
        ("ru", "восстановление кожи", "вос|ста|нов|ле|ние кожи"),
        ("pl", "naturalne piękno", "na|tu|ralne piękno"),
        ("nb", "fuktighetskrem hver kveld", "fuk|tig|hets|krem hver kveld"),
    ],
)
def test_words_part_by_their_languages_patterns(language: str, text: str, expected: str) -> None:
    """Soft hyphens stand at syllables, at least two letters before and three after; the words stay the same."""
    assert parted(text, language) == expected
    assert hyphenated(text, language, RUNNING).replace(SOFT_HYPHEN, "") == text
    places = hyphen_places(text, language, RUNNING)  # in the text as it was: what spans count from
    assert [text[place] for place in places] == [part[0] for part in expected.split("|")[1:]]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("We met Elizabeth today", "a proper name"),
        ("the NATIONAL gallery here", "an acronym"),
        ("see www.hydration.com/beautiful for more", "an address"),
        ("ask hydration@beautiful.com for more", "an address of mail"),
        ("with #beautifulhydration for more", "a tag"),
        ("a well-remembering skin here", "a word with a hyphen"),
        ("light up your skin here", "short words"),
        ("don’t overnight’s remembering’s light", "words with apostrophes"),
        ("so it is beautifully", "the last word"),
        ("No hydra\u00adtion here", "a word that says itself where it parts"),
        ("about 1000000000 pieces here", "a figure"),
    ],
)
def test_what_stays_whole(text: str, why: str) -> None:
    """Names, acronyms, addresses, figures, short words and the last word are never parted."""
    assert hyphenated(text, "en", RUNNING) == text, why


def test_the_same_words_part_where_nothing_hinders() -> None:
    """Control: the words of the cases above are ones that do part."""
    assert parted("national hydration beautifully remembering it", "en").count("|") >= 6


def test_brand_names_stay_whole() -> None:
    """A name of the brand is kept; without the list its word parts."""
    assert (
        parted("Neu: Feuchtigkeitscreme hier", "de", unbroken=("Feuchtigkeitscreme",)) == "Neu: Feuchtigkeitscreme hier"
    )
    assert "|" in parted("Neu: Feuchtigkeitscreme hier", "de")


@pytest.mark.parametrize("lines", [1, 2])
def test_headlines_are_not_hyphenated(lines: int) -> None:
    """A text of one or two lines comes back as it is; of three, it parts."""
    text = "Feuchtigkeitsversorgung über Nacht"
    assert hyphenated(text, "de", lines) == text
    assert hyphenated(text, "de", 3) != text


def test_german_nouns_part_inside_a_sentence_and_english_names_do_not() -> None:
    """A capital means a name in English, only a noun in German; at a sentence's start it means nothing."""
    assert "|" in parted("die neue Feuchtigkeit bleibt", "de")
    assert "|" not in parted("the new Hydration stays", "en")
    assert "|" in parted("Stay. Hydration helps it", "en")


def test_places_that_change_the_spelling_are_left_out() -> None:
    """Hungarian ‘asszony’ would part as asz-szony: the text's letters are never changed, so it stays whole."""
    assert "|" not in parted("asszonnyal együtt", "hu")
    assert "|" in parted("megbeszélések együtt", "hu")


def test_regions_are_the_languages_own() -> None:
    """A bare `de` is Germany's dictionary, not Austria's, which is the first by the alphabet."""
    pyphen = pytest.importorskip("pyphen")
    assert pyphen.LANGUAGES[pyphen.language_fallback("de")].name == "hyph_de_AT.dic"  # the trap
    for language, region in hyphenation._REGIONS.items():
        found = hyphenation._dictionary(language)
        assert found is not None
        assert found.hd is pyphen.Pyphen(lang=region).hd


def test_a_language_without_patterns_comes_back_untouched() -> None:
    """Finnish and Chinese have no dictionary here, and say so."""
    assert not hyphenation_available("fi")
    assert hyphenated("yötyölentokone tulee taas", "fi", RUNNING) == "yötyölentokone tulee taas"
    assert hyphenation_available("de-CH")


@pytest.mark.parametrize(
    ("text", "language", "lines", "expected"),
    [
        ("yötyölentokone tulee taas", "fi", RUNNING, True),
        ("yötyölentokone tulee taas", "fi", 2, False),  # a headline
        ("yö tulee taas", "fi", RUNNING, False),  # no long word
        ("yötyö\u00adlentokone tulee taas", "fi", RUNNING, False),  # its hyphens stand there
        ("Feuchtigkeitsversorgung der Haut", "de", RUNNING, False),
        ("بشرة كأول الضوء والاستمرار مع Hydration", "ar", RUNNING, False),  # Arabic has no hyphens
        ("朝の光のような肌へ Hydration", "ja", RUNNING, False),
    ],
)
def test_missing_patterns_are_noticed_where_they_would_be_used(
    text: str, language: str, lines: int, expected: bool
) -> None:
    assert patterns_missing(text, language, lines) is expected


def test_without_the_extra_nothing_is_hyphenated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control of the lazy import: with pyphen hidden the text comes back, and it is not imported to find out."""
    monkeypatch.setattr(hyphenation, "find_spec", lambda name: None)
    hyphenation._dictionary.cache_clear()
    assert not hyphenation_available("de")
    assert hyphenated("Feuchtigkeitsversorgung der Haut", "de", RUNNING) == "Feuchtigkeitsversorgung der Haut"
    monkeypatch.undo()
    hyphenation._dictionary.cache_clear()
    assert hyphenation_available("de")
    assert "pyphen" in sys.modules


def test_breaks_are_priced_and_marked() -> None:
    """A soft hyphen is a break with a penalty and a hyphen that will show; a space is neither."""
    text = hyphenated("Die Feuchtigkeit bleibt da", "de", RUNNING)
    found = breaks(text, "de")
    marked = [place for place in found if place.hyphen]
    assert [text[place.index - 1] for place in marked] == [SOFT_HYPHEN] * 2
    assert {place.penalty for place in marked} == {HYPHENATED}
    assert [place for place in found if not place.hyphen and place.penalty < HYPHENATED]


def test_a_set_line_shows_its_hyphen_and_no_other() -> None:
    """A line that ends at a soft hyphen is as much wider as a hyphen is; one inside takes no room."""
    soft, plain = paragraph(f"Feuch{SOFT_HYPHEN}tigkeit", language="de"), paragraph("Feuchtigkeit", language="de")
    hyphen = paragraph("-").line(0, 1)
    ended = soft.line(0, 6)
    glyphs = [glyph.id for run in ended.runs for glyph in run.glyphs]
    assert glyphs[-1] == hyphen.runs[0].glyphs[0].id
    assert ended.advance == pytest.approx(paragraph("Feuch-").line(0, 6).advance, abs=1e-6)
    assert soft.line(0, 13).advance == pytest.approx(plain.line(0, 12).advance, abs=1e-6)


def test_at_most_two_hyphens_in_a_row() -> None:
    """Set at many measures, no text has three lines one after another that end with a hyphen; one after two may."""
    text = hyphenated(
        "Feuchtigkeitsversorgung unterstützt Wiederherstellung der Hautschutzbarriere während Verträglichkeit bleibt",
        "de", RUNNING,
    )  # fmt: skip
    longest = 0
    for width in range(120, 300, 6):
        placed = set_one(text, Box(0, 0, width, 900), locale="de", fit=FitRule(30, 16, 16))
        row = 0
        for line in placed.lines:
            row = row + 1 if line.text.endswith(SOFT_HYPHEN) else 0
            longest = max(longest, row)
    assert longest == HYPHENS_IN_A_ROW
