"""Our UAX #9 against BidiTest and BidiCharacterTest: no deviation at all.

The ordinary run reads a seeded tenth of both, the long suite every case.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest

from flux2flow.typography import bidi
from tests.typography.conformance.data_file import lines_of

SEED, SHARE = 15, 0.1
ALL = 1.0
CLASS_CASES, CHARACTER_CASES = 770_241, 91_707
_SKIPPED = frozenset({"WS", "FSI", "LRI", "RLI", "PDI", "RLE", "LRE", "RLO", "LRO", "PDF", "BN"})
_PARAGRAPHS = ((1, -1), (2, 0), (4, 1))  # a bit of BidiTest's set → the paragraph's level, -1 by rules P2 and P3


def with_l1(classes: Sequence[str], levels: Sequence[int], base: int) -> list[int]:
    """Apply rule L1 to bare classes, written independently of `line_levels`."""
    result, trailing = list(levels), True
    for index in range(len(classes) - 1, -1, -1):
        if classes[index] in ("B", "S"):
            trailing = True
        elif classes[index] not in _SKIPPED:
            trailing = False
        if trailing:
            result[index] = base
    return result


def agrees(expected: Sequence[str], levels: Sequence[int], order: Sequence[int]) -> bool:
    """Say whether levels and order are as the data has them; `x` marks a removed character."""
    kept = [index for index, level in enumerate(expected) if level != "x"]
    if any(int(expected[index]) != levels[index] for index in kept):
        return False
    return [kept[place] for place in bidi.visual_order([levels[index] for index in kept])] == list(order)


def class_cases() -> Iterator[tuple[list[str], int, list[str], list[int]]]:
    """Read BidiTest: classes, the paragraph's level, the levels and the order that must come of them."""
    levels: list[str] = []
    order: list[int] = []
    for _, line in lines_of("BidiTest"):
        if line.startswith("@Levels:"):
            levels = line.split(":")[1].split()
        elif line.startswith("@Reorder:"):
            order = [int(place) for place in line.split(":")[1].split()]
        else:
            names, bits = line.split(";")
            for bit, base in _PARAGRAPHS:
                if int(bits) & bit:
                    yield names.split(), base, levels, order


def in_class_test(share: float) -> tuple[int, list[str]]:
    """Run that share of BidiTest: how many cases there were, and which failed."""
    source, count, failed = random.Random(SEED), 0, []
    for classes, base, expected, order in class_cases():
        if source.random() >= share:
            continue
        count += 1
        used = base if base >= 0 else bidi.paragraph_level(classes) or 0
        levels = with_l1(classes, bidi.resolve(classes, used), used)
        if not agrees(expected, levels, order):
            failed.append(f"{classes} base {used}: {levels}, not {expected}")
    return count, failed


def in_character_test(share: float) -> tuple[int, list[str]]:
    """Run that share of BidiCharacterTest: how many cases there were, and which failed."""
    source, count, failed = random.Random(SEED), 0, []
    for number, line in lines_of("BidiCharacterTest"):
        if source.random() >= share:
            continue
        count += 1
        codes, direction, paragraph, expected, order = line.split(";")
        text = "".join(chr(int(code, 16)) for code in codes.split())
        base = {"0": 0, "1": 1}.get(direction)
        if base is None:
            base = bidi.paragraph_level([bidi.bidi_class(character) for character in text]) or 0
        levels = bidi.line_levels(text, bidi.levels(text, base), 0, len(text), base)
        if base != int(paragraph) or not agrees(expected.split(), levels, [int(place) for place in order.split()]):
            failed.append(f"line {number}: {line}")
    return count, failed


def test_a_tenth_of_the_class_cases() -> None:
    """Classes resolve to Unicode's levels and order without exception."""
    count, failed = in_class_test(SHARE)
    assert 0.09 * CLASS_CASES < count < 0.11 * CLASS_CASES
    assert failed == []


def test_a_tenth_of_the_character_cases() -> None:
    """Characters, brackets among them, resolve to Unicode's levels and order without exception."""
    count, failed = in_character_test(SHARE)
    assert 0.09 * CHARACTER_CASES < count < 0.11 * CHARACTER_CASES
    assert failed == []


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_case() -> None:
    """All 770,241 class cases and 91,707 character cases hold."""
    assert in_class_test(ALL) == (CLASS_CASES, [])
    assert in_character_test(ALL) == (CHARACTER_CASES, [])


@pytest.mark.parametrize("rule", ["_brackets", "_weak", "_neutral"])
def test_without_one_group_of_rules_cases_fail(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: the same comparison finds fault as soon as N0, W1 to W7, or N1 and N2 are missing."""
    monkeypatch.setattr(bidi, rule, lambda *arguments: None)
    assert in_character_test(SHARE)[1]


def test_a_wrong_order_is_noticed() -> None:
    """Control: right levels in a wrong visual order do not pass."""
    assert agrees(["1", "1"], [1, 1], [1, 0])
    assert not agrees(["1", "1"], [1, 1], [0, 1])
