"""Bidi: the cases a banner meets, and Unicode's own conformance data where the machine has it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from flux2flow.typography import bidi

UNICODE = Path("/usr/share/unicode")
SAMPLE, WHOLE = 61, 1
"""`make test` reads every 61st case of BidiTest.txt and every seventh of the smaller file; the long suite reads all."""


def needs(name: str) -> Path:
    path = UNICODE / name
    if not path.exists():
        pytest.skip(f"{path} is not here: Debian's package unicode-data brings it")
    return path


def lines_of(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            content = line.split("#")[0].strip()
            if content:
                yield content


def with_l1(classes: Sequence[str], levels: Sequence[int], base: int) -> list[int]:
    """Rule L1 on bare classes, written independently of `line_levels`."""
    result = list(levels)
    for index, kind in enumerate(classes):
        tail = list(classes[index:])
        ends = next((place for place, other in enumerate(tail) if other in ("B", "S")), len(tail))
        skipped = {"WS", "FSI", "LRI", "RLI", "PDI", "RLE", "LRE", "RLO", "LRO", "PDF", "BN"}
        if kind in ("B", "S") or set(tail[:ends]) <= skipped:
            result[index] = base
    return result


def check(expected: Sequence[str], levels: Sequence[int], order: Sequence[int]) -> bool:
    """Whether levels and order are as the data says; `x` marks a removed character."""
    kept = [index for index, level in enumerate(expected) if level != "x"]
    same = all(int(expected[index]) == levels[index] for index in kept)
    return same and [kept[place] for place in bidi.visual_order([levels[index] for index in kept])] == list(order)


def class_cases(path: Path, stride: int) -> Iterator[tuple[list[str], int, list[str], list[int]]]:
    levels: list[str] = []
    order: list[int] = []
    number = 0
    for line in lines_of(path):
        if line.startswith("@Levels:"):
            levels = line.split(":")[1].split()
        elif line.startswith("@Reorder:"):
            order = [int(place) for place in line.split(":")[1].split()]
        else:
            names, bits = line.split(";")
            for bit, base in ((1, -1), (2, 0), (4, 1)):
                if int(bits) & bit:
                    number += 1
                    if number % stride == 0:
                        yield names.split(), base, levels, order


def failures_in_bidi_test(stride: int) -> tuple[int, list[str]]:
    failed, count = [], 0
    for classes, base, expected, order in class_cases(needs("BidiTest.txt"), stride):
        count += 1
        used = base if base >= 0 else bidi.paragraph_level(classes) or 0
        levels = with_l1(classes, bidi.resolve(classes, used), used)
        if not check(expected, levels, order):
            failed.append(f"{classes} base {used}: {levels}, not {expected}")
    return count, failed


def failures_in_character_test(stride: int) -> tuple[int, list[str]]:
    failed, count = [], 0
    for number, line in enumerate(lines_of(needs("BidiCharacterTest.txt"))):
        if number % stride:
            continue
        codes, direction, paragraph, expected, order = line.split(";")
        text = "".join(chr(int(code, 16)) for code in codes.split())
        base = {"0": 0, "1": 1}.get(direction)
        if base is None:
            base = bidi.paragraph_level([bidi.bidi_class(character) for character in text]) or 0
        levels = bidi.line_levels(text, bidi.levels(text, base), 0, len(text), base)
        count += 1
        if base != int(paragraph) or not check(expected.split(), levels, [int(place) for place in order.split()]):
            failed.append(line)
    return count, failed


def test_bidi_test_sample() -> None:
    """Unicode's class-by-class cases hold without exception."""
    count, failed = failures_in_bidi_test(SAMPLE)
    assert count > 12_000
    assert failed == []


def test_bidi_character_test_sample() -> None:
    """Unicode's character cases, brackets included, hold without exception."""
    count, failed = failures_in_character_test(7)
    assert count > 13_000
    assert failed == []


@pytest.mark.long
def test_bidi_conformance_whole() -> None:
    """All 770,241 and 91,707 of them."""
    count, failed = failures_in_bidi_test(WHOLE)
    assert (count, failed) == (770_241, [])
    count, failed = failures_in_character_test(WHOLE)
    assert (count, failed) == (91_707, [])


@pytest.mark.parametrize("rule", ["_brackets", "_weak", "_neutral"])
def test_the_conformance_check_can_fail(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: without one group of rules the same data finds fault."""
    monkeypatch.setattr(bidi, rule, lambda *arguments: None)
    assert failures_in_character_test(41)[1]


def test_bracket_pairs_are_unicodes() -> None:
    """The table of bracket pairs equals BidiBrackets.txt."""
    pairs = {}
    for line in lines_of(needs("BidiBrackets.txt")):
        code, other, kind = (part.strip() for part in line.split(";"))
        if kind == "o":
            pairs[chr(int(code, 16))] = chr(int(other, 16))
    assert pairs == bidi.CLOSING_OF


def test_classes_differ_from_the_data_only_where_python_is_older() -> None:
    """Every assigned character has its class; what this Python does not know is a rare symbol or mark."""
    wrong = []
    for line in lines_of(needs("extracted/DerivedBidiClass.txt")):
        codes, name = (part.strip() for part in line.split(";"))
        first, *last = codes.split("..")
        for code in range(int(first, 16), int(last[0] if last else first, 16) + 1):
            found = bidi.bidi_class(chr(code))
            if found != name and unicodedata.category(chr(code)) != "Cn":
                wrong.append((hex(code), name, found))
            elif found != name:
                assert (found, name) in {("L", "ON"), ("R", "NSM"), ("AL", "NSM"), ("L", "NSM"), ("R", "ON")}, hex(code)
    assert wrong == []


@pytest.mark.parametrize(
    ("code", "expected"), [(0x05FF, "R"), (0x074B, "AL"), (0x20CF, "ET"), (0xFFFE, "BN"), (0x1ECFF, "R"), (0x0378, "L")]
)
def test_unassigned_code_points_take_their_blocks_class(code: int, expected: str) -> None:
    """Newer Unicode than Python's: the default of the standard."""
    assert bidi.bidi_class(chr(code)) == expected


_CONTROLS = "\u202c\u202e\u2066\u2069"


def visual(text: str, base: int) -> str:
    levels = bidi.line_levels(text, bidi.levels(text, base), 0, len(text), base)
    return "".join(text[index] for index in bidi.visual_order(levels) if text[index] not in _CONTROLS)


# Capitals of the comments: what the eye meets, from left to right. Hebrew letters stand for any right-to-left script.
SAMPLES = [
    ("plain Latin stays", "abc 123", 0, "abc 123"),
    ("Hebrew turns", "אבג", 1, "גבא"),
    ("numbers keep their order inside Hebrew", "אב 123 ג", 1, "ג 123 בא"),
    ("a Latin name inside Hebrew keeps its order", "אב Aurora ג", 1, "ג Aurora בא"),
    ("Hebrew inside a Latin line", "ab אבג cd", 0, "ab גבא cd"),
    ("a full stop ends at the left in a right-to-left line", "אב.", 1, ".בא"),
    ("an exclamation mark after a Latin name does too", "אב Aurora!", 1, "!Aurora בא"),
    ("brackets around Latin in Hebrew belong to the Hebrew line", "א (b)", 1, ")b( א"),
    ("a price keeps its sign: euro after the number", "א 49€", 1, "49€ א"),
    ("a range with a hyphen between Hebrew is read from the right", "א 1-2 ב", 1, "ב 1-2 א"),
    ("an isolate keeps its inside together", "א \u2066b!\u2069 ג", 1, "ג b! א"),
    ("an override turns Latin around", "\u202eabc\u202c", 0, "cba"),
    ("trailing spaces go to the line's own end", "אב  ", 0, "בא  "),
    ("… and in a right-to-left line to the left", "ab  ", 1, "  ab"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "base", "expected"), SAMPLES, ids=[sample[0] for sample in SAMPLES])
def test_own_sample(name: str, text: str, base: int, expected: str) -> None:
    """The cases of the trade, each with what must be seen from left to right."""
    assert visual(text, base) == expected


def test_arabic_numbers_take_a_level_of_their_own() -> None:
    """European digits after Arabic letters become Arabic numbers (W2): level 2 in a right-to-left line."""
    assert bidi.levels("ع 12", 1) == (1, 1, 2, 2)


def test_no_level_above_the_limit() -> None:
    """Two hundred nested embeddings overflow quietly (X1 to X8)."""
    text = "\u202b" * 200 + "a" + "\u202c" * 200
    assert max(bidi.levels(text, 0)) <= bidi.MAX_DEPTH + 1
