"""What stays together on a line, language by language, with controls in languages that have no such rule."""

from __future__ import annotations

import random

import pytest

from flux2flow.domain.kept_together import WORDS, Words
from flux2flow.typography import no_break
from flux2flow.typography.breaking import breaks, hindrance
from flux2flow.typography.no_break import avoided, held
from flux2flow.typography.no_break_table import PATTERNS

LANGUAGES = sorted({*WORDS, *PATTERNS})


def marked(text: str, language: str) -> str:
    """Write the text with ~ for the spaces that hold and ^ for the other places that do."""
    found = held(text, language)
    result = ""
    for index, letter in enumerate(text):
        space = letter == " " and index + 1 in found
        result += "~" if space else ("^" if index in found and text[index - 1] != " " else "") + letter
    return result


# Language, text with ~ where a space holds; nothing else in it may hold.
CASES = [
    ("en", "Meet J.~R.~R.~Tolkien on 24~December at 8~p.m. with Mr.~Smith"),
    ("en", "From December~24 only, No.~5 in Fig.~2 for $5~million"),
    ("en", "Vitamin C. Now new, for Louis~XIV and H~&~M"),
    ("en", "Only 49~€ or $~49 or CHF~49 for 10~×~15~cm and 5~% at 20~°C"),
    ("en", "12~000 pieces, 2~+~1 free, 330~ml at 3.5~V"),
    ("en", "we may go, 12 may go and Part of it, a cat"),
    ("de", "Dr.~Mustermann, z.~B. am 24.~Dezember um 8~Uhr, ca.~20~% auf S.~5"),
    ("de", "AM 24.~DEZEMBER UM 8~UHR MIT DR.~NAGY, 5~KG, am 24.~12. neu"),
    ("de", "Prof.~Dr.~Erika von Stein zahlt 5~Mio.~€ laut DIN~5008, §~5 Abs.~2"),
    ("fr", "M.~Dupont dit~: «~Bonjour~!~» le 24~décembre à 8~h~30"),
    ("fr", "12~000~€ au XXIe~siècle~; n°~5, le 1er~mai, 50~% de p.~ex. ceci"),
    ("fr", "Me voici, Mme~Durand"),
    ("es", "el 24~de~diciembre, Sr.~López, siglo~XXI, n.º~5, p.~ej. 20~€"),
    ("pt", "em 24~de~dezembro, Sr.~Silva, R$~49, 5~milhões, n.º~5"),
    ("it", "il 24~dicembre, Sig.~Rossi, 5~milioni, n.~5, p.~es. oggi"),
    ("nl", "op 24~december, dhr.~Jansen, ’s~avonds om 8~uur, 5~stuks"),
    ("sv", "den 24~december kl.~8, 49~kr, 5~miljoner"),
    ("da", "den 24.~december kl.~8, kr.~49, 5~mio.~kr."),
    ("nb", "24.~desember kl.~8, kr~49, 5~mill."),
    ("fi", "24.~joulukuuta klo~8, 49~euroa, s.~5"),
    ("pl", "w~domu i~z~tobą o~8 rano, 24~grudnia, 5~tys.~zł, św.~Anna, W~lesie"),
    ("cs", "v~domě k~tobě s~láskou 24.~prosince, 100~Kč, č.~5, Ing.~Novák"),
    ("sk", "v~dome k~tebe s~láskou 24.~decembra, 100~ks"),
    ("hu", "december~24.~napján, 5~db, 49~Ft, dr.~Nagy"),
    ("tr", "24~Aralık günü 49~TL, Dr.~Yılmaz, güzel~mi? güzel~misiniz? Mimar geldi"),
    ("ru", "в~дом и~к~тебе, т.~е. он~бы сказал~же, 24~декабря 2025~г. за 500~руб., XX~в."),
    ("uk", "у~дім і~до тебе, 24~грудня 2025~р., 5~тис.~грн"),
    ("bg", "в~дома и~с~теб, 24~декември, 49~лв."),
    ("el", "στις 24~Δεκεμβρίου, 49~ευρώ, κ.~Παπάς, σελ.~5"),
    ("ar", "كريم 50~مل و~٢٥٠~غرام بسعر 49~ر.س في 24~ديسمبر"),
    ("fa", "24~مهر، 50~تومان، کتاب~ها و می~خوانم"),
    ("he", "ב־24~בדצמבר, 50~מ\"ל, 49~ש\"ח, ד\"ר~כהן"),
    ("hi", "24~दिसंबर को 500~रुपये में, ₹~500, डॉ.~शर्मा~।"),
    ("th", "ทุก~ๆ คืน 500~บาท วันที่ 24~ธันวาคม"),
    ("ko", "5~개 12월~24일, 3~시간"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "expected"), CASES, ids=[f"{case[0]}-{case[1][:18]}" for case in CASES])
def test_spaces_that_hold(language: str, expected: str) -> None:
    """Just the marked spaces hold; all the others part."""
    assert marked(expected.replace("~", " "), language) == expected


@pytest.mark.parametrize(
    ("language", "text", "elsewhere"),
    [
        ("pl", "w domu", "en"),
        ("cs", "s láskou", "de"),
        ("ru", "он бы", "bg"),
        ("fr", "« Bonjour", "de"),
        ("de", "24. Dezember", "en"),
        ("es", "24 de diciembre", "en"),
        ("nl", "’s avonds", "en"),
        ("en", "December 24", "de"),
        ("th", "ต่าง ๆ", "en"),
        ("fa", "کتاب ها", "ar"),
    ],
)
def test_rules_belong_to_their_language(language: str, text: str, elsewhere: str) -> None:
    """Control: the same words in another language hold nothing."""
    assert held(text, language)
    assert not held(text, elsewhere)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "your T-^Shirt, E-^Mail, word^—word, 2025–^2026"),
        ("fr", "a-^t-^il dit"),
        ("es", "esto —^inciso^— sigue"),
        ("ru", "1-2 ^дня, 5^-^й день"),
        ("hu", "a 24^-^é^n este"),
        ("en", "the 2^-^i^n^-^1 pan"),
        ("ja", "1^2^月^2^4^日から8^時^間、第^5^回"),
        ("ja", "十^二^席、第^一^号店、唯一無二の店は1^月〜^3^月"),
        ("zh", "第^一^次的十^二^个统一标准"),
        ("zh", "6^月^1^8^日仅售9^9^元，第^5^届"),
        ("en", "a^b^c^@^d^-^e^.^c^o^m or d^-^e^.^c^o^m/shop"),
        ("en", "at https://^example.限时"),
        ("fr", "au 0^1^ ^2^3^ ^4^5^ ^6^7^ ^8^9 ou"),
    ],
)
def test_other_places_that_hold(language: str, expected: str) -> None:
    """Hyphens, dashes, figures with what counts them, addresses and telephone numbers."""
    text = expected.replace("^", "")
    found = held(text, language)
    assert "".join(("^" if index in found else "") + letter for index, letter in enumerate(text)) == expected


@pytest.mark.parametrize(
    "number", ["+49 30 123 456 78", "030 1234567", "(555) 123-4567", "555-123-4567", "1-800-555-0100", "01.23.45.67.89"]
)
def test_telephone_numbers_stay_whole(number: str) -> None:
    """No line ends inside a telephone number, and one does before and after it."""
    text = f"call {number} today"
    places = [place.index for place in breaks(text, "en")]
    start, stop = text.index(number), text.index("today")
    assert [place for place in places if start <= place <= stop] == [start, stop]


def test_without_the_table_everything_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: it is the table that holds; without it a Polish preposition ends a line."""
    text = "Światło w domu"
    assert [place.index for place in breaks(text, "pl")] == [8, 14]
    assert hindrance(text, 10, "pl") == "no-break"
    monkeypatch.setattr(no_break, "words_of", lambda language: Words())
    for cached in (no_break.held, no_break._compiled, breaks):
        cached.cache_clear()
    assert [place.index for place in breaks(text, "pl")] == [8, 10, 14]
    monkeypatch.undo()
    for cached in (no_break.held, no_break._compiled, breaks):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("language", "text", "index"),
    [("es", "pan y agua", 6), ("it", "mare e sole", 7), ("pt", "mar e sol", 6), ("fr", "prêt à porter", 7)],
)
def test_short_words_that_had_better_not_end_a_line(language: str, text: str, index: int) -> None:
    """A break after them is possible and costs more than one before them."""
    assert avoided(text, language) == {index}
    penalty = {place.index: place.penalty for place in breaks(text, language)}
    assert penalty[index] == no_break.AVOIDED > penalty[index - 2]
    assert not avoided(text, "de")  # control


def test_every_language_compiles_and_holds_its_own_words() -> None:
    """Every list of the table is a valid pattern, and every word that takes a number holds one."""
    for language, rules in WORDS.items():
        assert held("5 kg", language) == {2}
        for words in (rules.months, rules.quantities):
            link = f"{rules.day_link} " if rules.day_link and words == rules.months else ""
            for word in filter(str.isalpha, words.split("|")):
                assert 3 in held(f"12 {link}{word} x", language), (language, word)
        for word in filter(str.isalpha, rules.short.split("|")):
            assert len(word) + 4 in held(f"aa {word} bbb", language), (language, word)


def test_lists_hold_no_word_twice() -> None:
    """A word that stands twice in a list is a slip."""
    for language, rules in WORDS.items():
        for words in (rules.months, rules.numbered, rules.titles, rules.quantities, rules.short, rules.avoided):
            listed = words.split("|")
            assert len(listed) == len(set(listed)), (language, sorted(listed))


def test_random_texts_hold_inside_only() -> None:
    """Seed 11: 2,000 random strings in all languages; held places lie inside, and the text's end is always a break."""
    source = random.Random(11)
    letters = "aàwvB 5.,-–—:;!?«»%€kgMr12 월日時 в ๆ'’@/+()"
    seen = 0
    for number in range(2000):
        text = "".join(source.choice(letters) for _ in range(24))
        language = LANGUAGES[number % len(LANGUAGES)]
        places = held(text, language) | avoided(text, language)
        seen += len(places)
        assert all(0 < place <= len(text) for place in places)
        assert len(text) in [place.index for place in breaks(text, language)]
    assert seen > 1000
