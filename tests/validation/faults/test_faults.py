"""Seeded defects are caught by the right check, and good pictures raise no alarm.

By default a sample; `FLUX2FLOW_TORTURE=1` makes every picture: 20 of each kind, and 500 good ones. The last full run is
told in `LOG.md`, with its command.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

import pytest

from flux2flow.domain.finding import Finding
from flux2flow.validation import built_in, validate

from .good import Picture, good
from .kinds import KINDS, stray_word

FULL = os.environ.get("FLUX2FLOW_TORTURE") == "1"
EACH, GOOD = (20, 500) if FULL else (2, 50)
CAUGHT, ALARMS = 0.98, 0.02
CHECKS = built_in()


def alarms(picture: Picture) -> list[Finding]:
    """Everything that somebody would be called for."""
    return [finding for finding in validate(picture.subject, CHECKS) if finding.level != "info"]


def test_there_are_at_least_twenty_five_kinds_for_as_many_checks_as_can_be_seeded() -> None:
    assert len(KINDS) >= 25
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    by_extra = {"stray-text", "ocr-readback", "dictionary-missing"}  # need a reader, or a missing package
    opinions = {"contrast-apca", "hierarchy"}
    assert {kind.check for kind in KINDS} == {check.id for check in CHECKS} - by_extra - opinions


@pytest.mark.timeout(1800 if FULL else 240)
def test_defects_are_caught_by_the_right_check() -> None:
    """At least 98 of 100, and none of the kinds below nine of ten."""
    missed: Counter[str] = Counter()
    for kind in KINDS:
        for number in range(EACH):
            if kind.check not in {finding.check for finding in alarms(kind.picture(number))}:
                missed[kind.name] += 1
    made = EACH * len(KINDS)
    print(f"\n{made - missed.total()} of {made} defects caught; missed: {dict(missed)}")
    assert 1 - missed.total() / made >= CAUGHT, missed
    assert max(missed.values(), default=0) <= EACH * 0.1, missed


@pytest.mark.timeout(900)
def test_a_stray_word_in_the_plate_is_caught() -> None:
    """The 35th kind needs a reader: words that a model might have painted, at the size and place a seed chooses."""
    pytest.importorskip("rapidocr")
    from flux2flow.reading import open_reader

    reader, missed = open_reader(), []
    for number in range(EACH):
        picture, words = stray_word(f"stray/{number}")
        base = good(f"stray/{number}", format="iab/medium-rectangle")
        clean = replace(base.subject, reader=reader, plate=base.plate)
        held = replace(picture.subject, reader=reader, plate=picture.plate)
        read = {finding.check for finding in validate(held, CHECKS)}
        if "stray-text" not in read:
            missed.append((number, words))
        assert "stray-text" not in {finding.check for finding in validate(clean, CHECKS)}, "the control: a clean plate"
    print(f"\n{EACH - len(missed)} of {EACH} stray words caught; missed: {missed}")
    assert len(missed) <= EACH * 0.1, missed


@pytest.mark.timeout(1800 if FULL else 240)
def test_good_pictures_raise_no_alarm() -> None:
    false: Counter[str] = Counter()
    for number in range(GOOD):
        found = alarms(good(f"good/{number}"))
        false.update({finding.check for finding in found})
        false["pictures"] += bool(found)
    print(f"\n{false['pictures']} false alarms in {GOOD} good pictures: {dict(false)}")
    assert false["pictures"] <= GOOD * ALARMS, false
