"""Our type agrees with headless Chromium's, string by string; what does not is listed with its reason, and no more.

A sample in the ordinary run; `make torture` (`-m long`) compares all of 15 × 300 strings.
"""

from __future__ import annotations

from functools import cache

import pytest

from tests.torture.compare import Agreement, Mutation, compare, compare_all, goldens, listed, share
from tests.torture.corpus import SCRIPTS, Text, texts
from tests.torture.triage import UNEXPLAINED

SAMPLE = (0, 5, 10, 15)
BREAKS, ADVANCES, ORDERS = 0.98, 0.999, 1.0
"""What must agree over the hand-written strings: line breaks, advances within half a pixel, visual order."""
ALL_BREAKS, TOLD_BREAKS = 0.97, 0.999
"""Line breaks over all strings: with Chromium as it is, and told the four rules of ours that it lacks."""


def sample(script: str) -> list[Text]:
    """Take four hand-written strings of a script."""
    return [texts(script)[number] for number in SAMPLE]


def compared(chosen: list[Text], mutation: Mutation | None = None) -> Agreement:
    """Compare some strings."""
    total = Agreement()
    for text in chosen:
        total.add(compare(text, mutation) if mutation else compare(text))
    return total


@cache
def everything() -> dict[str, Agreement]:
    """Compare all strings, once a run."""
    return compare_all()


def of(case: str) -> str:
    """Give the string's id that a case belongs to."""
    return case.split("@")[0].split("#")[0].split(" ")[0]


def differences(chosen: list[Text], known: dict[str, str]) -> list[str]:
    """Say what the list lacks or has too much for some strings."""
    ids = {text.id for text in chosen}
    expected = {(case, name) for case, name in known.items() if of(case) in ids}
    found = set(compared(chosen).reasons.items())
    new = [f"new: {case} ({name})" for case, name in sorted(found - expected)]
    return new + [f"gone: {case} ({name})" for case, name in sorted(expected - found)]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_sample_deviates_where_the_list_says(script: str) -> None:
    """Every deviation of the sample is listed with its reason, and every listed one is still there."""
    assert differences(sample(script), listed()) == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_goldens_hold_every_string(script: str) -> None:
    """Three hundred strings a script, as they stand in the files, measured with the fonts as they stand there."""
    rows = goldens(script)["rows"]
    assert len(texts(script)) >= 300
    assert {text.id: text.text for text in texts(script)} == {key: row["text"] for key, row in rows.items()}


def test_no_deviation_is_unexplained() -> None:
    """`listed` refuses reasons without words; none is the one that triage gives to what no rule knows."""
    assert UNEXPLAINED not in listed().values()


# Each control with what must suffer: a comparison that cannot tell these apart would tell nothing.
CONTROLS = {
    "no kerning": ("latin", Mutation(features=(("kern", 0),)), "advances"),
    "another font": ("cyrillic", Mutation(families=("Noto Sans",)), "advances"),
    "no ligatures or conjuncts": ("devanagari", Mutation(features=(("akhn", 0), ("half", 0), ("rphf", 0))), "advances"),
    "Japanese called English": ("japanese", Mutation(language="en"), "advances"),
    "Chinese called English": ("chinese", Mutation(language="en"), "advances"),
}


@pytest.mark.parametrize("name", CONTROLS)
def test_controls_fail(name: str) -> None:
    """A wrong language, a wrong font, a feature switched off: each shows at once as deviations that are not listed."""
    script, mutation, _ = CONTROLS[name]
    chosen = list(texts(script)[:22])
    agreement = compared(chosen, mutation)
    assert share(agreement.advances) < ADVANCES
    assert set(agreement.deviations) - set(listed())


def test_the_list_is_held_to_both_ways() -> None:
    """Control: a case that the list lacks is new, one that it has too many is gone, another reason is both."""
    chosen = sample("khmer")
    known = listed()
    first = next(case for case in known if of(case) in {text.id for text in chosen})
    assert differences(chosen, {case: name for case, name in known.items() if case != first})[0].startswith("new: ")
    assert differences(chosen, known | {"khmer-01@220 order": "slash"})[-1] == "gone: khmer-01@220 order (slash)"
    assert len(differences(chosen, known | {first: "another"})) == 2


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("script", SCRIPTS)
def test_all_strings_deviate_where_the_list_says(script: str) -> None:
    """All 300 strings of a script."""
    expected = {case: name for case, name in listed().items() if case.startswith(f"{script}-")}
    assert everything()[script].reasons == expected


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_hand_written_strings_agree() -> None:
    """Breaks in 97 of 100 boxes, advances in 99 of 100 clusters and lines, and every string in Chromium's order."""
    total = compared([text for script in SCRIPTS for text in texts(script) if not text.recombined])
    assert total.orders[1] >= 300
    assert share(total.breaks) >= BREAKS
    assert share(total.advances) >= ADVANCES
    assert share(total.orders) >= ORDERS


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_all_strings_agree() -> None:
    """Breaks and advances over all 4,500 strings, and nearly every break once Chromium is told why it differs."""
    total = Agreement()
    for agreement in everything().values():
        total.add(agreement)
    assert total.breaks[1] >= 4200 * 3
    assert share(total.breaks) >= ALL_BREAKS
    assert share(total.advances) >= ADVANCES
    assert share(total.told) >= TOLD_BREAKS


TOLD = {
    "khmer": "khmer-dictionary", "hebrew": "hebrew-hyphen", "greek": "number-hyphen", "korean": "korean-particles",
}  # fmt: skip


@pytest.mark.parametrize("script", TOLD)
def test_listed_reasons_are_the_reasons(script: str) -> None:
    """Told one rule, Chromium breaks its deviations as we do; as it is (the control) it breaks none of them so."""
    cases = [case for case, name in listed().items() if name == TOLD[script] and of(case).startswith(f"{script}-")]
    chosen = {of(case) for case in cases[::6]}
    agreement = compared([text for text in texts(script) if text.id in chosen])
    mended = agreement.told[0] - agreement.breaks[0]
    listed_here = [case for case in cases if of(case) in chosen]
    assert len(listed_here) >= 3
    assert mended >= 0.9 * len(listed_here)
    assert set(listed_here) <= set(agreement.deviations)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_string_stands_in_the_same_order() -> None:
    """Bidi and reordering: all 4,500 strings, left to right, cluster by cluster."""
    assert all(share(agreement.orders) >= ORDERS for agreement in everything().values())
