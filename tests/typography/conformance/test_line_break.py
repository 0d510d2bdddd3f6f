"""Line breaking against Unicode 15's LineBreakTest: UAX #14 untailored, and what our tailoring changes there.

Every deviation stands in `deviations/`, with its reason; one that is not listed fails, and so does a listed one that
vanished. `python -m tests.typography.conformance.test_line_break` writes the lists anew; look at the difference.
"""

from __future__ import annotations

import random
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

import pytest
from uniseg.linebreak import line_break, line_break_breakables

from flux2flow.typography import breaking
from flux2flow.typography import line_break as line_break_rules
from flux2flow.typography.breaking import breaks, hindrance
from flux2flow.typography.line_break import opportunities
from tests.typography.conformance.data_file import BreakCase, break_cases

LISTS = Path(__file__).parent / "deviations"
CASES = 7_654
# The rules of UAX #14 that changed between Unicode 15.0, whose test this is, and 16.0, whose rules are followed here.
NEWER_RULES = {
    "LB20a": "16.0: no break after a hyphen that begins a word",
    "LB25": "16.0: no break between a comma or a full stop and the digit after it",
    "LB15a": "15.1: which quotation marks hold what follows after spaces depends on their being opening or closing",
    "LB15c": "15.1: a break before a decimal point that follows a space",
    "LB21a": "15.1: after a Hebrew letter and a hyphen there may be a break, before another Hebrew letter only",
}


def untailored(text: str) -> frozenset[int]:
    """Break by UAX #14 alone."""
    return frozenset([*opportunities(text), len(text)])


def by_uniseg(text: str) -> frozenset[int]:
    """Break by UAX #14 alone, as another implementation has it."""
    return frozenset([*(at for at, mark in enumerate(line_break_breakables(text)) if mark and at), len(text)])


def tailored(text: str) -> frozenset[int]:
    """Break as English type is set here."""
    return frozenset(place.index for place in breaks(text, "en"))


@cache
def cases() -> tuple[BreakCase, ...]:
    """Read the cases."""
    return tuple(break_cases("LineBreakTest"))


def newer_rule(case: BreakCase, at: int) -> str:
    """Name the rule that decides differently since Unicode 15.0, by what stands around the place."""
    before, after = case.text[:at].replace("\u0308", ""), case.text[at:]
    if before[-1:] in ",." and after[:1].isdigit():
        return "LB25"
    if after[:1] == "." and before[-1:] == " ":
        return "LB15c"
    if before[-1:] == "-":
        return "LB21a" if "\u05d0" <= before[-2:-1] <= "\u05ea" else "LB20a"
    return "LB15a" if any(mark in case.text for mark in '"«»') else ""


def described(changes: Iterable[tuple[BreakCase, int, bool, str]]) -> str:
    """Write deviations as lines: the line in Unicode's file, the place, more or less than expected, the reason."""
    return "".join(f"{case.line}\t{at}\t{'+' if more else '-'}\t{reason}\n" for case, at, more, reason in changes)


def deviations(
    expected: Callable[[BreakCase], frozenset[int]],
    found: Callable[[str], frozenset[int]],
    reason: Callable[[BreakCase, int, bool], str],
    chosen: Sequence[BreakCase] | None = None,
) -> tuple[int, str]:
    """Compare every case, or the chosen ones: how many agree, and the list of the deviations."""
    agreeing, changes = 0, []
    for case in chosen or cases():
        wanted, got = expected(case), found(case.text)
        agreeing += wanted == got
        changes += [(case, at, at in got, reason(case, at, at in got)) for at in sorted(wanted ^ got)]
    return agreeing, described(changes)


@cache
def of_version() -> tuple[int, str]:
    """Compare UAX #14 alone with the data."""
    return deviations(lambda case: case.breaks, untailored, lambda case, at, more: newer_rule(case, at))


@cache
def of_tailoring() -> tuple[int, str]:
    """Compare our breaks with UAX #14 alone, on the same strings."""
    return tailoring_in(cases())


def tailoring_in(chosen: Sequence[BreakCase]) -> tuple[int, str]:
    """Compare our breaks with UAX #14 alone, on these strings."""
    return deviations(lambda case: untailored(case.text), tailored, rule_of_ours, chosen)


def rule_of_ours(case: BreakCase, at: int, more: bool) -> str:
    """Name the rule that took a break away; nothing here may add one."""
    return "" if more else hindrance(case.text, at, "en")


LISTED = {"version": of_version, "tailoring": of_tailoring}


def committed(name: str) -> str:
    """Read a list without its heading."""
    lines = (LISTS / f"line_break_{name}.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#"))


@pytest.mark.parametrize("name", LISTED)
def test_deviations_are_those_listed(name: str) -> None:
    """No deviation that is not listed, none listed that vanished, and each has a reason."""
    _, found = LISTED[name]()
    assert found == committed(name)
    assert all(line.split("\t")[3] for line in found.splitlines())


def test_how_many_cases_agree() -> None:
    """7,623 of 7,654 by UAX #14 alone; the others by rules that changed since Unicode 15.0, each of them known."""
    agreeing, found = of_version()
    assert (len(cases()), agreeing) == (CASES, 7_623)
    assert {line.split("\t")[3] for line in found.splitlines()} == set(NEWER_RULES)


def test_another_implementation_agrees() -> None:
    """The rules of uniseg break every case as ours do, and 700 random strings of all classes (seed 3)."""
    assert [case.line for case in cases() if by_uniseg(case.text) != untailored(case.text)] == []
    source, seen = random.Random(3), 0
    classes = by_class()
    for _ in range(700):
        text = "".join(source.choice(classes[source.choice(sorted(classes))]) for _ in range(source.randint(2, 10)))
        seen += len(untailored(text))
        assert untailored(text) == by_uniseg(text), [hex(ord(letter)) for letter in text]
    assert seen > 2000


def by_class() -> dict[str, list[str]]:
    """Sort the assigned characters of the first two planes by their class."""
    classes: dict[str, list[str]] = {}
    for letter in map(chr, [*range(0xD800), *range(0xE000, 0x20000, 3)]):
        if unicodedata.category(letter) != "Cn":
            classes.setdefault(line_break(letter).name, []).append(letter)
    assert len(classes) > 44
    return classes


@pytest.mark.parametrize("rule", ["_held_over_spaces", "_quoted", "_hyphenated", "_numeric", "_joined"])
def test_without_one_group_of_rules_cases_fail(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: the data notices the lack of every group of rules."""
    monkeypatch.setattr(line_break_rules._Rules, rule, lambda *arguments: False)
    assert of_version.__wrapped__()[0] < 7_623


def test_syllables_of_brahmic_scripts_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """LB28a is newer than this data: a Balinese conjunct holds, and without the rule it would not."""
    text = "\u1b13\u1b44\u1b13"
    assert untailored(text) == by_uniseg(text) == {3}
    monkeypatch.setattr(line_break_rules._Rules, "_aksara", lambda *arguments: False)
    assert untailored(text) != {3}


def test_tailoring_only_ever_forbids() -> None:
    """Our rules take breaks away; they add none but those after a line end, which the data has, too."""
    _, found = of_tailoring()
    assert {line.split("\t")[2] for line in found.splitlines()} == {"-"}


def test_a_new_deviation_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: one character more or fewer that begins no line, and the same comparison finds another list."""
    first = cases()[:1500]
    listed = "".join(
        line for line in committed("tailoring").splitlines(True) if int(line.split("\t")[0]) <= first[-1].line
    )
    assert tailoring_in(first)[1] == listed
    for changed in (breaking.NOT_AT_START | {"\u00b4"}, breaking.NOT_AT_START - {")"}):
        monkeypatch.setattr(breaking, "NOT_AT_START", changed)
        breaks.cache_clear()
        assert tailoring_in(first)[1] != listed
    monkeypatch.undo()
    breaks.cache_clear()


HEADINGS = {
    "version": [
        "UAX #14 as of Unicode 16.0 (ours, and uniseg 0.10.1) against LineBreakTest-15.0.0.txt, untailored:",
        "line in that file, place, + a break more or - one fewer than there, the rule that changed since.",
        *(f"{rule}: {reason}" for rule, reason in NEWER_RULES.items()),
    ],
    "tailoring": [
        "What flux2flow's rules change in the same strings, set as English, against UAX #14 alone:",
        "line in LineBreakTest-15.0.0.txt, place, + or - a break, the rule (see `breaking.hindrance`).",
    ],
}


if __name__ == "__main__":
    LISTS.mkdir(exist_ok=True)
    for list_name, make in LISTED.items():
        number, content = make()
        counts = ", ".join(
            f"{rule} {count}" for rule, count in Counter(x.split("\t")[3] for x in content.splitlines()).items()
        )
        heading = [*HEADINGS[list_name], f"{number} of {CASES} cases agree; places: {counts}."]
        written = "".join(f"# {line}\n" for line in heading) + content
        (LISTS / f"line_break_{list_name}.tsv").write_text(written, encoding="utf-8")
