"""The check `no-break` over all languages: it finds what the shared words keep together, and never our own breaks.

What it says of single cases stands in `test_type_checks`.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from flux2flow.domain import kept_together
from flux2flow.domain.kept_together import WORDS, neighbour, words_of
from flux2flow.typography.breaking import breaks
from flux2flow.validation.checks import no_break
from tests.torture.corpus import SCRIPTS, texts

from .builder import column, subject
from .test_checks import found


def kinds(locale: str, *lines: str) -> list[str]:
    """Name what the check says was parted."""
    return [
        finding.message.split(" parted ")[0] for finding in found("no-break", subject(column(*lines), locale=locale))
    ]


@pytest.mark.parametrize(
    ("locale", "lines", "expected"),
    [
        ("es-MX", ("24", "de diciembre"), "a date is"),
        ("es", ("24 de", "diciembre"), "a date is"),
        ("hu", ("december", "24 napján"), "a date is"),
        ("cs", ("jen 24.", "ročník"), "a number and its word are"),
        ("de", ("ab S.", "5 im Heft"), "a word and its number are"),
        ("it", ("con il Sig.", "Rossi"), "a title and its name are"),
        ("el", ("μόνο 49", "ευρώ"), "a number and what it counts are"),
        ("ru", ("за 500", "руб. сейчас"), "a number and what it counts are"),
        ("ru", ("сказал", "бы раньше"), "a word and its particle are"),
        ("uk", ("світло у", "домі"), "a short word and the next are"),
        ("nl", ("zo is ’s", "avonds"), "a short word and the next are"),
        ("hi", ("यह अच्छा है", "।"), "a word and its mark are"),
        ("fr", ("il dit «", "Bonjour"), "a mark and its word are"),
        ("ar", ("كريم 50", "مل"), "a number and what it counts are"),
        ("nn-NO", ("berre 49", "kroner"), "a number and what it counts are"),
        ("en", ("only CHF", "12 now"), "a sign and its number are"),
    ],
)
def test_every_kind_in_its_language(locale: str, lines: tuple[str, ...], expected: str) -> None:
    """Each kind is named where its language has it; on one line, or in a language of no such words, there is none."""
    assert kinds(locale, *lines) == [expected]
    assert kinds(locale, " ".join(lines)) == []
    if expected not in ("a sign and its number are", "a date is"):
        assert kinds("ja", *lines) == []


@pytest.mark.parametrize(
    ("locale", "lines"),
    [
        ("de", ("Ruhe am 24.", "Sonst nichts")),  # a sentence's end
        ("ru", ("с 2025 г.", "Новая коллекция")),  # a year's, not a town's
        ("fr", ("pour elle et Me", "voici")),  # a name has a capital
        ("es", ("pan y", "agua")),  # had better not end a line, and may
        ("en", ("the Size", "chart")),
        ("en", ("We are No.", "one")),
    ],
)
def test_what_only_looks_like_it(locale: str, lines: tuple[str, ...]) -> None:
    """No finding where a full stop ends a sentence, a title names nobody, a word takes no number."""
    assert kinds(locale, *lines) == []


def test_every_language_finds_its_own_words() -> None:
    """Each word without marks of every list is found parted from its number, and held by its language alone."""
    seen = 0
    for language, words in WORDS.items():
        cases = [(("12", word), words.quantities) for word in words.quantities.split("|")]
        cases += [((word, "12"), words.numbered) for word in words.numbered.split("|")]
        cases += [((f"aa {word}", "bbb"), words.short) for word in words.short.split("|")]
        cases += [((f"12 {words.day_link}".strip(), word), words.months) for word in words.months.split("|")]
        for lines, every in cases:
            if every and all(part.isalnum() for part in " ".join(lines).split()):
                seen += 1
                assert kinds(language, *lines), (language, lines)
    assert seen > 600


def test_the_typesetter_never_sets_what_the_check_finds() -> None:
    """All strings of the torture suite, each broken wherever we permit: not one finding, in 12 languages and more."""
    seen, languages = 0, set()
    for text in (text for script in SCRIPTS for text in texts(script) if not text.recombined):
        if "\n" in text.text:
            continue
        for place in breaks(text.text, text.language)[:-1]:
            lines = text.text[: place.index].rstrip(" "), text.text[place.index :]
            if text.text[place.index - 1] == " " and all(lines):
                seen += 1
                languages.add(text.language)
                assert kinds(text.language, *lines) == [], (text.id, lines)
    assert seen > 1000
    assert len(languages) >= 12


def test_control_a_break_at_any_space_is_found() -> None:
    """Control: the same strings, broken at every space, hold dozens of faults, in many languages."""
    faults = [
        text.language
        for script in SCRIPTS
        for text in texts(script)
        if not text.recombined and "\n" not in text.text
        for space in re.finditer(r"(?<=\S) (?=\S)", text.text)
        if kinds(text.language, text.text[: space.start()], text.text[space.end() :])
    ]
    assert len(faults) >= 40
    assert len(set(faults)) >= 12


def test_words_are_shared_and_patterns_are_not() -> None:
    """The check reads the table of words, and nothing of typography: a slip in one's patterns is seen by the other."""
    source = ast.parse(Path(no_break.__file__).read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(source) if isinstance(node, ast.ImportFrom)}
    assert kept_together.__name__ in modules
    assert not any("typography" in (module or "") for module in modules)


def test_a_language_follows_its_neighbour() -> None:
    """Subtags are looked through, kin languages share their words, and what is not in the table has none."""
    assert neighbour("nn-NO") == "nb"
    assert words_of("de_AT") is WORDS["de"]
    assert words_of("be") is WORDS["ru"]
    assert words_of("tlh") == kept_together.Words()
