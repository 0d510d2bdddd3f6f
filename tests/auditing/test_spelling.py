"""Spelling in `flux2flow check`: a slip of the writer is told, one of the reader is a note, silence has a reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from flux2flow import api, reading
from flux2flow.auditing.seen import SeenPicture, SeenText
from flux2flow.auditing.slips import weighed
from flux2flow.cli import main
from flux2flow.domain.finding import Finding
from flux2flow.domain.measures import Box, Color
from flux2flow.errors import PlanError
from flux2flow.execution.audit import why_not_spelt
from tests.auditing.pictures import RECTANGLE, ROOT, picture

COPY = "new this autumn morning skin any hour three drops of hold water in your for a whole day find yours"
installed = pytest.mark.skipif(bool(reading.missing()), reason="the extra [ocr] is not installed")
PLACEMENT = "iab/medium-rectangle"


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """Copy a kit and give it a dictionary of its own copy."""
    pytest.importorskip("spylls")
    folder = tmp_path / "brand_kits" / "aurora"
    shutil.copytree(ROOT / "brand_kits" / "aurora", folder)
    sheet = folder / "brand_kit.yaml"
    text = sheet.read_text(encoding="utf-8")
    assert text.count("\nwords:\n") == 1
    named = "\nwords:\n  dictionaries: {en: words/en, ru: words/ru}\n"
    sheet.write_text(text.replace("\nwords:\n", named), encoding="utf-8")
    (folder / "words").mkdir()
    for locale, words in (("en", COPY.split()), ("ru", ("свет", "утро"))):
        (folder / "words" / f"{locale}.aff").write_text("SET UTF-8\nTRY esianrtolcdugmphbyfvkwz\n", encoding="utf-8")
        listed = "\n".join((str(len(words)), *words))
        (folder / "words" / f"{locale}.dic").write_text(listed + "\n", encoding="utf-8")
    return folder


def spelling(file: Path, kit: Path, **given: str) -> list[tuple[str, str, str]]:
    audit = api.check_file(file, kit=str(kit), format=PLACEMENT, plugins=False, **given)
    return [(it.level, it.measured, it.message) for it in audit.findings if it.check == "spelling"]


def banner(folder: Path, *replaced: str) -> Path:
    file = folder / "banner.jpg"
    file.write_bytes(picture(*RECTANGLE, replaced=(replaced[0], replaced[1]) if replaced else None).data)
    return file


@installed
def test_a_misspelt_word_is_told_and_good_copy_is_not(kit: Path, tmp_path: Path) -> None:
    """The same picture with and without the slip; names and allowed words are the kit's, not the dictionary's."""
    good = spelling(banner(tmp_path), kit, locale="en-GB")
    assert [it for it in good if it[0] != "info"] == []
    bad = spelling(banner(tmp_path, "Morning", "Mornign"), kit, locale="en-GB")
    ((_, word, message),) = [it for it in bad if it[0] == "warn"]
    assert word == "Mornign"
    assert "perhaps ‘Morning’" in message


@installed
def test_the_command_takes_the_language_and_silence_has_a_reason(
    kit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A warning does not fail the file. No language, no dictionary of it, none at all, strange letters: a note."""
    file = banner(tmp_path, "Morning", "Mornign")
    given = ("check", str(file), "--kit", str(kit), "--format", PLACEMENT, "--json", "--no-plugins")
    assert main([*given, "--locale", "en"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert {it["level"] for it in findings if it["check"] == "spelling"} == {"warn"}
    audit = api.check_file(file, kit=str(kit), format=PLACEMENT, plugins=False)
    ((level, message),) = [(it.level, it.message) for it in audit.findings if it.check == "spelling"]
    assert (level, "name the picture's language (--locale)" in message) == ("info", True)
    reader = reading.open_reader()
    for locale, why in (("de", "no dictionary for de"), ("ru", "does not know ‘св"), ("en-GB", "")):
        assert why in why_not_spelt(replace(audit.standard, locale=locale), reader)
    assert why_not_spelt(replace(audit.standard, locale="en-GB"), reader) == ""
    assert "names no dictionary" in why_not_spelt(picture(*RECTANGLE).standard, reader)


def test_a_campaigns_picture_has_a_language_of_its_own(tmp_path: Path) -> None:
    made = tmp_path / "build/aurora-launch/hero/iab_medium-rectangle/en/dew-serum.jpg"
    made.parent.mkdir(parents=True)
    made.write_bytes(picture(*RECTANGLE).data)
    campaign = ROOT / "examples/aurora/campaign.yaml"
    with pytest.raises(PlanError, match="made for en, not for de"):
        api.check_file(made, campaign=campaign, plugins=False, ocr=False, locale="de")
    assert api.check_file(made, campaign=campaign, plugins=False, ocr=False, locale="en").standard.locale == "en"


@dataclass
class Lexicon:
    """Words that are right, and what is guessed for any other."""

    right: Sequence[str]
    meant: Sequence[str] = ()

    def holds(self, word: str) -> bool:
        return word.lower() in self.right

    def guesses(self, word: str) -> Sequence[str]:
        return self.meant


def line(text: str, y: float = 0, confidence: float = 0.99) -> SeenText:
    box = Box(10, y, 200, 20)
    return SeenText(text, box, confidence, (box,), Color(0, 0, 0), Color(255, 255, 255), 14, 10)


def level(word: str, right: str, *, read: str = "", meant: str = "", trust: float = 0.99, below: str = "") -> str:
    """Weigh one word at the end of a line that is read the same again, or as `read`."""
    lines = (line(f"calm {word}", confidence=trust), *((line(below, 24),) if below else ()))
    seen = SeenPicture(lines, (), (), (), True)
    finding = Finding("spelling", "warn", "unknown", "a.png", "line 1", lines[0].box, word.rstrip("-"))
    again = {lines[0].box: (f"calm {word}", read or f"calm {word}")}
    (found,) = weighed([finding], seen, again, Lexicon(right.split(), meant.split(",") if meant else ()))
    return found.level


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"word": "mornign", "right": "morning", "meant": "morning"}, "warn"),
        ({"word": "mornign", "right": "morning", "read": "calm morning"}, "info"),
        ({"word": "ive", "right": "five", "read": "calm five."}, "info"),  # a part of what was read again
        ({"word": "mornign", "right": "morning", "trust": 0.7}, "info"),
        ({"word": "modem", "right": "modern"}, "info"),
        ({"word": "Forpeople", "right": "for people", "meant": "For people,Anchorpeople"}, "info"),
        ({"word": "Ayear", "right": "a year", "meant": "Year"}, "info"),
        ({"word": "Monring", "right": "mon ring morning", "meant": "Mon ring,Morning"}, "warn"),
        ({"word": "reair", "right": "re air repair", "meant": "repair"}, "warn"),
        ({"word": "schon", "right": "schön", "meant": "schön"}, "info"),
        ({"word": "exam-", "right": "example", "below": "ple of"}, "info"),
        ({"word": "exam-", "right": "example", "below": "plee of"}, "warn"),
    ],
    ids=lambda it: it["word"] + it.get("read", "") + it.get("below", "") if isinstance(it, dict) else it,
)
def test_what_may_be_the_readers_slip_is_a_note(given: dict[str, str], expected: str) -> None:
    assert level(**given) == expected  # type: ignore[arg-type]


def test_a_broken_dictionary_is_no_slip_of_the_reader() -> None:
    """What is about no line passes as it is."""
    finding = Finding("spelling", "fail", "the kit's dictionary cannot be read", "a.png")
    assert list(weighed([finding], SeenPicture((), (), (), (), True), {}, Lexicon(()))) == [finding]
