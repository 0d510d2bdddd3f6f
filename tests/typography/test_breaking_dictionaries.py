"""Thai, Lao, Khmer and Burmese: words by ICU's dictionaries, spaces only without them, and a way to tell."""

from __future__ import annotations

import random
import subprocess
import sys
import unicodedata
from collections.abc import Iterator

import pytest
from uniseg.graphemecluster import grapheme_cluster_boundaries

from flux2flow.typography import dictionaries
from flux2flow.typography.breaking import breaks
from flux2flow.typography.dictionaries import dictionary_available, needs_dictionary, word_starts

ICU = pytest.mark.skipif(not dictionary_available(), reason="ICU is not here: pip install 'flux2flow[intl]'")
# Words parted by | as ICU 78.3 has them; the words were looked through: each is one, or a compound of the dictionary.
TEXTS = [
    ("th", "แสง|สว่าง|สำหรับ|บ้าน|ของ|คุณ"),
    ("th", "สวัสดี|ชาว|โลก"),
    ("lo", "ແສງສະຫວ່າງ|ສຳລັບ|ເຮືອນ|ຂອງ|ທ່ານ"),
    ("km", "ពន្លឺ|សម្រាប់|ផ្ទះ|របស់|អ្នក"),
    ("my", "သင့်|အိမ်|အတွက်|အလင်းရောင်"),
]


@pytest.fixture
def without_icu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide ICU."""
    monkeypatch.setattr(dictionaries, "find_spec", lambda name: None)
    breaks.cache_clear()
    yield
    breaks.cache_clear()


def segments(text: str, language: str) -> str:
    ends = [place.index for place in breaks(text, language)]
    return "|".join(text[start:stop] for start, stop in zip([0, *ends[:-1]], ends, strict=True))


@ICU
@pytest.mark.parametrize(("language", "expected"), TEXTS)
def test_words_by_dictionary(language: str, expected: str) -> None:
    """Lines may end between words, whatever language the page is in."""
    text = expected.replace("|", "")
    assert segments(text, language) == expected
    assert segments(text, "en") == expected


@pytest.mark.parametrize(("language", "expected"), TEXTS)
@pytest.mark.usefixtures("without_icu")
def test_without_dictionaries_only_spaces_part(language: str, expected: str) -> None:
    """Control: with ICU hidden a text without spaces is one word, and the two functions say that it lacks something."""
    text = expected.replace("|", "")
    assert segments(text, language) == text
    assert segments(f"{text} {text}", language) == f"{text} |{text}"
    assert needs_dictionary(text, language)
    assert not dictionary_available()


@ICU
def test_other_scripts_inside_do_not_shift_the_words() -> None:
    """Emoji (two UTF-16 units each), Latin words and figures beside Thai leave its words where they are."""
    assert segments("😀😀สวัสดีชาวโลก Aurora 5 ชาวโลก", "th") == "😀|😀|สวัสดี|ชาว|โลก |Aurora |5 |ชาว|โลก"


@ICU
def test_places_are_between_clusters() -> None:
    """No word begins inside a cluster, with a vowel sign or a tone mark."""
    for language, expected in TEXTS:
        text = expected.replace("|", "") * 3
        assert {place.index for place in breaks(text, language)} <= set(grapheme_cluster_boundaries(text))


@ICU
def test_names_units_and_repetition_marks_hold() -> None:
    """A brand's name, a number's unit and ๆ stay where they belong."""
    name = "แสงสว่าง"
    assert segments(f"{name}ทุก ๆ คืน 500 บาท", "th") == "แสง|สว่าง|ทุก ๆ |คืน |500 บาท"
    ends = [place.index for place in breaks(f"{name}ทุก", "th", (name,))]
    assert ends == [len(name), len(name) + 3]


@ICU
def test_a_space_is_liked_better_than_a_words_end() -> None:
    """Thai sets spaces between clauses: a line had better end there."""
    penalty = {place.index: place.penalty for place in breaks("สวัสดีชาวโลก สวัสดี", "th")}
    assert penalty[13] < penalty[6]


@pytest.mark.parametrize(
    ("text", "language", "needed"),
    [
        ("สวัสดี", "th", True),
        ("Aurora เปิดแล้ว", "en", True),
        ("Hello 5 €", "th", False),
        ("静かな光", "ja", False),
        ("ก", "th", False),
        ("๑๒๓", "th", False),
        ("မင်္ဂလာပါ", "my", True),
        ("မႂ်ႇသုင်ၶႃႈ", "shn", False),
    ],
)
def test_which_texts_need_a_dictionary(text: str, language: str, needed: bool) -> None:
    """Two letters or more of a script without spaces, in a language that ICU has words of."""
    assert needs_dictionary(text, language) is needed
    assert bool(word_starts(text, language)) <= needed


# Words parted by | as they are here, and as ICU alone has them.
MENDED = [
    ("km", "ក្តៅៗ|ណាស់", "ក្តៅ|ៗ|ណាស់"),  # the mark of repetition closes its word
    ("lo", "ຖືກໆ|ຫຼາຍ", "ຖືກ|ໆ|ຫຼາຍ"),
    ("km", "តាម|អនឡាញ", "តាម|អន|ឡាញ"),  # online
    ("km", "តាម|អ៊ីម៉ែល|ថ្មី", "តាម|អ៊ី|ម៉ែ|ល|ថ្មី"),  # e-mail
    ("km", "តាម|តាប្លេត|ថ្មី", "តា|មតា|ប្លេ|ត|ថ្មី"),  # tablet
    ("km", "ស៊ីម", "ស៊ី|ម"),  # SIM: a bare consonant closes its syllable
]


@ICU
@pytest.mark.parametrize(("language", "expected", "by_icu"), MENDED)
def test_what_icu_does_not_know_is_not_torn(language: str, expected: str, by_icu: str) -> None:
    """No mark and no bare consonant begins a line, and loans stay whole; control: ICU alone tears them."""
    from icu4py.breakers import LineBreaker

    text = expected.replace("|", "")
    assert segments(text, language) == expected
    assert "|".join(LineBreaker(text, language)) == by_icu


@ICU
def test_no_line_begins_under_the_letter_before_it() -> None:
    """Khmer's coeng puts a letter under another, and signs stand on theirs: 2,000 random strings part neither."""
    draw, seen = random.Random(7), 0
    letters = "កខគងចតនបពមយរលសហអ" + "\u17d2" * 6 + "\u17b6\u17b8\u17bb\u17c1\u17c6\u17cb" + "ៗ"
    for _ in range(2000):
        text = "ថ្មី" + "".join(draw.choice(letters) for _ in range(12))
        for start in word_starts(text, "km"):
            seen += 1
            assert unicodedata.category(text[start])[0] == "L"
            assert text[start] != "ៗ"
            assert text[start - 1] != "\u17d2"
    assert seen > 2000


def test_stretches_are_unicodes_class() -> None:
    """The letters listed are exactly those of Line_Break=SA in the four scripts' blocks."""
    from uniseg.linebreak import LineBreak, line_break

    blocks = {"th": (0x0E00, 0x0E7F), "lo": (0x0E80, 0x0EFF), "km": (0x1780, 0x17FF)}
    for script, (first, last) in blocks.items():
        listed = {code for code in range(first, last + 1) if dictionaries._STRETCHES[script].fullmatch(chr(code))}
        unicodes = {code for code in range(first, last + 1) if line_break(chr(code)) == LineBreak.SA}
        assert unicodes <= listed
    burmese = {*range(0x1000, 0x10A0), *range(0xA9E0, 0xAA00), *range(0xAA60, 0xAA80)}
    for code in burmese:
        assert (line_break(chr(code)) == LineBreak.SA) <= bool(dictionaries._STRETCHES["my"].fullmatch(chr(code))), hex(
            code
        )


def test_nobody_else_pays_for_the_libraries() -> None:
    """Breaking English loads neither ICU nor BudouX nor pyphen."""
    program = (
        "import sys; from flux2flow.typography.breaking import breaks; breaks('two words', 'en');"
        "print(sorted({'icu4py', 'budoux', 'pyphen'} & set(sys.modules)));"
        "breaks('静かな光を', 'ja'); print(sorted({'icu4py', 'budoux', 'pyphen'} & set(sys.modules)))"
    )
    made = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert made.stdout.split("\n")[:2] == ["[]", "['budoux']"]
