"""Checks of set lines: each has a text that passes and texts that fail, off by one property."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flux2flow.domain.layout import PlacedText
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import TextLayer
from flux2flow.domain.standards import Standards
from flux2flow.validation import STRICT, validate

from .builder import column, run_of, subject, text, text_layer, unpainted
from .test_checks import CHECKS, found, levels

NAMES = Standards(names=("Dew Serum",))
SHY, LRI, PDI, RLM = "\u00ad", "\u2066", "\u2069", "\u200f"

# widow


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("calm morning light for", "skin"), ["warn"]),
        (("calm morning light for", "beautiful skin"), []),
        (("calm light", "skin"), []),  # lines of two words: a narrow headline's rhythm
        (("calm morning light", "magnificence"), []),  # long enough to be no leftover
        (("everything for only 49", "€"), ["warn"]),
        (("朝の光のような", "肌"), ["warn"]),
        (("朝の光のような", "肌へ"), []),
    ],
)
def test_a_last_line_must_hold_something(lines: tuple[str, ...], expected: list[str]) -> None:
    assert levels("widow", subject(column(*lines))) == expected


def test_a_last_line_that_the_copy_asks_for_is_no_widow() -> None:
    assert levels("widow", subject(column("calm morning light for", "skin", joiner="\n"))) == []
    assert levels("widow", subject(column("calm morning light for", "skin"))) == ["warn"]


# hyphenation


def parted(before: str, after: str, **options: object) -> PlacedText:
    return column(before, after, joiner=SHY, **options)  # type: ignore[arg-type]


def test_a_hyphen_in_a_headline_a_name_or_an_address_is_found() -> None:
    assert levels("hyphenation", subject(parted("the morning feu", "chtigkeit"))) == []
    (headline,) = found("hyphenation", subject(parted("the morning feu", "chtigkeit", id="headline")))
    assert "‘feu-chtigkeit’" in headline.message
    (name,) = found("hyphenation", subject(parted("with Dew Se", "rum today"), standards=NAMES))
    assert "name" in name.message
    assert levels("hyphenation", subject(parted("with Dew Se", "rum today"))) == []
    (address,) = found("hyphenation", subject(parted("see www.aurora", "skin.com")))
    assert "address" in address.message


def test_fragments_and_ladders_are_found() -> None:
    assert levels("hyphenation", subject(parted("calm e", "vening"))) == ["warn"]
    assert levels("hyphenation", subject(parted("calm even", "ed"))) == ["warn"]
    two = column("feuch", "tigkeit mor", "genlicht ist da", joiner=SHY)
    assert levels("hyphenation", subject(two)) == []
    three = column("feuch", "tigkeit mor", "genlicht feuch", "tigkeit", joiner=SHY)
    assert [f.message for f in found("hyphenation", subject(three))] == ["more than 2 lines in a row end in a hyphen"]


def test_lines_that_end_between_words_ideographs_or_at_a_hyphen_are_no_hyphenation() -> None:
    for lines, joiner in ((("calm", "light"), " "), (("朝の光", "の肌"), ""), (("anti-", "aging e"), "")):
        assert levels("hyphenation", subject(column(*lines, id="headline", joiner=joiner))) == []
    assert levels("hyphenation", subject(column("morn", "ing", id="headline", joiner=""))) == ["warn"]


# no-break


@pytest.mark.parametrize(
    ("locale", "lines", "expected"),
    [
        ("en", ("only 5", "kg of light"), 1),
        ("en", ("only five", "kg of light"), 0),
        ("en", ("now for €", "49 only"), 1),
        ("en", ("from 12", "000 people"), 1),
        ("en", ("on 24", "December"), 1),
        ("en", ("on 12", "May we open"), 1),
        ("en", ("ON 12", "MAY WE OPEN"), 1),
        ("en", ("of these 12", "may go"), 0),  # a verb
        ("fr", ("le 24", "mai"), 1),
        ("de", ("am 24.", "Dezember"), 1),
        ("de", ("um 24.", "Sonst nichts"), 0),
        ("en", ("meet Dr.", "Smith"), 1),
        ("fr", ("Quelle lumière", "!"), 1),
        ("en", ("What a light", "!"), 0),
        ("pl", ("światło w", "domu"), 1),
        ("cs", ("světlo v", "domě"), 1),
        ("en", ("I am a", "house"), 0),
        ("en", ("love Dew", "Serum now"), 1),
        ("en", ("love", "Dew Serum now"), 0),
    ],
)
def test_what_belongs_together_is_not_parted(locale: str, lines: tuple[str, ...], expected: int) -> None:
    assert len(found("no-break", subject(column(*lines), locale=locale, standards=NAMES))) == expected


def test_a_line_end_of_the_copy_parts_what_it_wants() -> None:
    assert levels("no-break", subject(column("only 5", "kg of light", joiner="\n"))) == []


# bidi


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (f"see {LRI}calm{PDI} light", 0),
        (f"see {LRI}calm light", 1),
        (f"see calm{PDI} light", 1),
        (f"see {RLM}calm light", 1),
        (f"ضوء{RLM} calm", 0),
        (f"ضوء{RLM}{RLM} calm", 1),
        ("اكتشفي →", 1),
        ("اكتشفي ←", 0),
        ("Discover →", 0),
    ],
)
def test_isolates_pair_and_marks_do_something(words: str, expected: int) -> None:
    assert len(found("bidi", subject(text(words)))) == expected


def test_a_full_stop_stands_where_its_line_ends() -> None:
    good = column("Calm light", "for skin.")
    assert levels("bidi", subject(good)) == []
    line = good.lines[1]
    run = line.runs[0]
    stop = run.glyphs[-1]
    assert stop.ink is not None
    moved = replace(stop, x=0.0, ink=stop.ink.moved(-stop.ink.x, 0))
    bad = replace(good, lines=(good.lines[0], replace(line, runs=(replace(run, glyphs=(*run.glyphs[:-1], moved)),))))
    (finding,) = found("bidi", subject(bad))
    assert "‘.’ stands on the wrong side of ‘for skin.’" in finding.message
    arabic = ("ضوء هادئ.", "لبشرتك.")
    assert levels("bidi", subject(column(*arabic, rightward=False))) == []
    assert len(found("bidi", subject(column(*arabic, rightward=True)))) == 2


# leading, line-length


def test_lines_that_touch_are_found_with_both_letters() -> None:
    assert levels("leading", subject(column("calm", "light"))) == []
    (finding,) = found("leading", subject(column("calm", "light", leading=0.6)))
    assert "‘c’ touches ‘l’" in finding.message


def test_scripts_with_tall_marks_need_more_distance_than_latin() -> None:
    assert levels("leading", subject(column("calm", "light", leading=1.0))) == []
    assert levels("leading", subject(column("แสงเช้า", "เพื่อผิว", leading=1.0))) == ["warn"]
    assert levels("leading", subject(column("แสงเช้า", "เพื่อผิว", leading=1.25))) == []


def test_long_lines_count_only_where_there_is_a_next_one() -> None:
    long = "calm light " * 8
    assert len(long.strip()) > 80
    assert levels("line-length", subject(column(long.strip(), "light", size=3))) == ["warn"]
    assert levels("line-length", subject(column(long.strip(), size=3))) == []
    assert levels("line-length", subject(column(long[:79], "light", size=3))) == []
    assert levels("line-length", subject(column("光" * 41, "light", size=3))) == ["warn"]
    assert levels("line-length", subject(column("光" * 40, "light", size=3))) == []


# hierarchy


def test_a_headline_is_clearly_larger_than_what_follows() -> None:
    assert found("hierarchy", subject(text(size=40), text(id="body", size=20, baseline=120))) == []
    (note,) = found("hierarchy", subject(text(size=22), text(id="body", size=20, baseline=120)))
    assert (note.level, note.measured) == ("info", "1.10")


def test_sizes_and_weights_are_counted() -> None:
    def many(number: int, *, weight: int = 400) -> list[str]:
        texts = [text(id=f"t{i}", size=20 + 3 * i, weight=400 + weight * i, baseline=20 * i) for i in range(number)]
        return [f.message.split(":")[0] for f in found("hierarchy", subject(*texts))]

    assert many(4, weight=0) == []
    assert many(5, weight=0) == ["5 sizes"]
    assert many(4, weight=100) == ["4 weights"]


# case-tracking


def spaced(words: str, gap: float) -> PlacedText:
    """Set joined letters with `gap` ems between their ink, from right to left."""
    run, size = run_of(words, size=20), 20
    glyphs = tuple(
        replace(glyph, ink=Box(200 - i * (0.6 + gap) * size, 40, 0.6 * size, 14))
        for i, glyph in enumerate(run.glyphs)
        if glyph.ink is not None
    )
    return text(words, replace(run, glyphs=glyphs))


def test_letter_spacing_tears_what_joins() -> None:
    assert levels("case-tracking", subject(spaced("بشتسيم", 0.0), locale="ar")) == []
    (finding,) = found("case-tracking", subject(spaced("بشتسيم", 0.1), locale="ar"))
    assert (finding.level, finding.measured) == ("fail", "0.10 em")
    assert levels("case-tracking", subject(spaced("دار", 0.1), locale="ar")) == [], "these letters never join"
    assert levels("case-tracking", subject(spaced("calm", 0.1))) == []


@pytest.mark.parametrize(
    ("locale", "words", "expected"),
    [
        ("de", "GROßE STRAßE", 1), ("de", "GROSSE STRASSE", 0), ("de", "Große Straße", 0),
        ("el", "ΚΑΛΗΜΈΡΑ", 1), ("el", "ΚΑΛΗΜΕΡΑ", 0), ("el", "Έλα", 0), ("en", "ΚΑΛΗΜΈΡΑ", 0),
    ],
)  # fmt: skip
def test_capitals_follow_the_language(locale: str, words: str, expected: int) -> None:
    assert len(found("case-tracking", subject(text(words), locale=locale))) == expected


def test_turkish_capitals_keep_their_dots() -> None:
    def upper(set_: str) -> list[str]:
        layer = text_layer(words="iyi ışık")
        layer = TextLayer(
            **{**{f: getattr(layer, f) for f in layer.__slots__}, "type": replace(layer.type, upper=True)}
        )
        return [str(level) for level in levels("case-tracking", subject(text(set_), layers=[layer], locale="tr"))]

    assert upper("İYİ IŞIK") == []
    assert upper("IYI IŞIK") == ["fail"]


# dictionary-missing


def test_thai_without_a_dictionary_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    thai, latin = column("แสงเช้า", "เพื่อผิว", leading=1.4), column("calm", "light")
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "icu4py" else find(name))
    assert levels("dictionary-missing", subject(thai, locale="th")) == ["warn"]
    assert levels("dictionary-missing", subject(latin)) == []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: find("json"))
    assert levels("dictionary-missing", subject(thai, locale="th")) == []


def test_hyphenation_without_patterns_is_told() -> None:
    """Whoever set the lines knows; a text that fits on its only line needs no hyphens."""
    body = column("yötyölentokone", "tulee")
    (finding,) = found("dictionary-missing", subject(unhyphenated(body), locale="fi"))
    assert (finding.level, "‘fi’" in finding.message) == ("warn", True)
    assert levels("dictionary-missing", subject(body, locale="fi")) == []
    assert levels("dictionary-missing", subject(unhyphenated(text("yötyö", max_lines=1)), locale="fi")) == []


def unhyphenated(placed: PlacedText) -> PlacedText:
    return replace(placed, fit=replace(placed.fit, unhyphenated=True))


CHARACTERS = st.text(
    st.one_of(
        st.characters(exclude_categories=("Cs",)),
        st.sampled_from("aé 5€.!-\u00ad\u00a0\u200b\u200e\u2066\u2069\u0301بشةแสन्काি光「」iİßÉ→👩🏽\u200d🚀ﬁ"),
    ),
    min_size=1,
    max_size=24,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    lines=st.lists(CHARACTERS, min_size=1, max_size=4),
    joiner=st.sampled_from(["", " ", "\n", SHY]),
    locale=st.sampled_from(["en", "de", "fr", "ar", "tr", "el", "ja", "th", "pl", "cs", "hi", "zh-Hant"]),
)
def test_no_text_makes_a_check_crash(lines: list[str], joiner: str, locale: str) -> None:
    """A crash keeps a file back; whatever copy may hold, each check of the layout comes to an end."""
    assume(any(not character.isspace() for line in lines for character in line))
    checked = unpainted(subject(column(*lines, joiner=joiner), locale=locale, standards=NAMES, unbroken=("Dew Serum",)))
    assert [f for f in validate(checked, tuple(CHECKS.values()), STRICT) if f.level == "error"] == []
