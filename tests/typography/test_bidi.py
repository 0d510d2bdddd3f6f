"""Bidi: the cases a banner meets, and its tables beside Unicode's where the machine has them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from flux2flow.typography import bidi

UNICODE = Path("/usr/share/unicode")


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
