"""Checks of words: names, spelling, what the law wants. Each with a subject that passes and one that fails."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from flux2flow.domain.files import FileRef
from flux2flow.domain.layout import Dropped
from flux2flow.domain.standards import Disclaimer, SpellingDictionary, Standards

from .builder import format_of, subject, text, text_layer
from .test_checks import found, levels

NAMES = Standards(names=("Aurora", "Dew Serum"), marks=(("Dew Serum", "®"),))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Aurora is calm", []), ("aurora is calm", ["warn"]), ("AURORA is calm", ["warn"]), ("auroral calm", []),
        ("see aurora.com", []), ("#aurora", []), ("mail@aurora.com", []), ("the dew\nserum®", ["warn"]),
    ],
)  # fmt: skip
def test_names_are_written_as_they_are(words: str, expected: list[str]) -> None:
    assert levels("brand-names", subject(text(words), standards=NAMES)) == expected


def test_an_allowed_spelling_and_no_names_say_nothing() -> None:
    assert levels("brand-names", subject(text("aurora"), standards=replace(NAMES, allowed=("aurora",)))) == []
    assert levels("brand-names", subject(text("aurora"))) == []


def test_the_first_mention_carries_its_sign() -> None:
    both = text("Dew Serum®"), text("Dew Serum again", id="body", baseline=120)
    assert levels("brand-names", subject(*both, standards=NAMES)) == []
    (finding,) = found("brand-names", subject(*reversed(both), standards=NAMES))
    assert finding.limit == "Dew Serum®"


AFF = b"SET UTF-8\nTRY esianrt\nSFX S Y 1\nSFX S 0 s .\n"
DIC = "4\nlight/S\ncalm\nmorning\nstraße\n".encode()


@dataclass
class Files:
    """A file source that holds its files."""

    contents: dict[str, bytes]
    read_: list[str] = field(default_factory=list)

    def read(self, file: FileRef) -> bytes:
        self.read_.append(file.path)
        return self.contents[file.path]


FILES = Files({"en.aff": AFF, "en.dic": DIC})
SPELT = Standards(
    names=("Dew Serum",),
    allowed=("ivory",),
    dictionaries=(SpellingDictionary("en", FileRef("p", "en.aff", "a"), FileRef("p", "en.dic", "b")),),
)


def test_spelling_by_the_kits_own_dictionary() -> None:
    pytest.importorskip("spylls")

    def wrong(words: str, locale: str = "en") -> list[str]:
        return [
            f.measured for f in found("spelling", subject(text(words), standards=SPELT, files=FILES, locale=locale))
        ]

    assert wrong("Calm morning lights") == []
    assert wrong("Calm mornign light") == ["mornign"]
    assert wrong("Calm mornign light", "en-GB") == ["mornign"]
    assert wrong("CALM MORNING") == []
    assert wrong("Dew Serum ivory serum") == [], "names and allowed words are never mistakes"
    assert wrong("calm www.xyzzy.com, 5kgx, mail@xyzzy.org #xyzzy GmbH8 LTD") == []
    assert wrong("calm-morning straße") == []
    assert wrong("calm-mornign") == ["calm-mornign"]
    assert wrong("xyzzy", "de") == [], "no dictionary, no finding"
    (finding,) = found("spelling", subject(text("mornign"), standards=SPELT, files=FILES))
    assert (finding.level, "‘morning’" in finding.message) == ("warn", True)


@pytest.mark.parametrize(("aff", "dic"), [(b"SET UTF-8\nSFX S Y x\n", DIC), (b"SET klingon\n", DIC)])
def test_a_broken_dictionary_is_told_and_is_no_crash(aff: bytes, dic: bytes) -> None:
    pytest.importorskip("spylls")
    broken = Files({"en.aff": aff, "en.dic": dic})
    files = SpellingDictionary("en", FileRef("p", "en.aff", str(aff)), FileRef("p", "en.dic", str(dic)))
    held = replace(SPELT, dictionaries=(files,))
    (finding,) = found("spelling", subject(text("calm"), standards=held, files=broken))
    assert (finding.level, "cannot be read" in finding.message) == ("fail", True)


def test_without_the_package_the_named_dictionary_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    real = importlib.import_module

    def absent(name: str, package: str | None = None) -> object:
        if name.startswith("spylls"):
            raise ModuleNotFoundError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", absent)
    (note,) = found("spelling", subject(text("mornign"), standards=SPELT, files=FILES))
    assert (note.level, "[intl]" in note.remedy) == ("info", True)


LEGAL = Disclaimer(text={"en": "Drink  responsibly.", "de": "Verantwortungsvoll genießen."}, min_size=12)


def legal(words: str, *, size: float = 20, locale: str = "en", disclaimer: Disclaimer = LEGAL) -> list[str]:
    held = Standards(disclaimers=(disclaimer,))
    return [f.message for f in found("legal-present", subject(text(words, size=size), locale=locale, standards=held))]


def test_required_words_are_there_whole_and_large_enough() -> None:
    assert legal("New. Drink\nresponsibly.") == []
    assert legal("DRINK RESPONSIBLY.") == []
    (missing,) = legal("Drink responsible.")
    assert "are not on the picture" in missing
    (small,) = legal("Drink responsibly.", size=11)
    assert "11.0 px; 12 px are demanded" in small
    assert legal("Drink responsibly.", size=12) == []


def test_required_words_are_those_of_the_language() -> None:
    assert legal("Verantwortungsvoll genießen.", locale="de-AT") == []
    assert "are not on the picture" in legal("Drink responsibly.", locale="de")[0]
    assert "has no words in fr" in legal("Drink responsibly.", locale="fr")[0]


def test_required_words_hold_where_they_are_asked_for() -> None:
    for other in ({"assets": "other/*"}, {"formats": "meta/*"}):
        assert legal("Nothing", disclaimer=LEGAL.model_copy(update=other)) == []
    assert legal("Nothing", disclaimer=LEGAL.model_copy(update={"formats": "iab/*"})) != []


def test_a_dropped_layer_is_named() -> None:
    checked = subject(
        text(), layers=[text_layer(), text_layer("legal", "Drink responsibly.")],
        standards=Standards(disclaimers=(LEGAL,)), format=format_of(),
    )  # fmt: skip
    layout = replace(checked.layout, dropped=(Dropped("legal", "no room"),))
    (finding,) = found("legal-present", replace(checked, layout=layout))
    assert "the layer ‘legal’ was dropped" in finding.message
