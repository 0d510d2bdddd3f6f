"""Profiles and waivers: what they raise, lower and let pass, and what is told of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from pydantic import ValidationError

from flux2flow.domain.finding import Finding, Level, Waiver
from flux2flow.domain.standards import Standards
from flux2flow.validation import PROFILES, aliases, built_in, notices, validate, waived

from .builder import Color, subject, text
from .test_validator import Scripted

TODAY = dt.date(2026, 11, 23)
NAMES = aliases(built_in())


def waiver(**changes: str) -> Waiver:
    given = {"check": "contrast", "asset": "hero/*", "reason": "art", "by": "Mia", "until": "2026-11-23"}
    return Waiver(**(given | changes))


def finding(check: str = "contrast", level: Level = "fail", asset: str = "hero/en") -> Finding:
    return Finding(check, level, "as written", asset)


@pytest.mark.parametrize(
    ("changes", "found", "passes"),
    [
        ({}, finding(), True),
        ({"check": "T07"}, finding(), True),
        ({"check": "T05"}, finding(), False),
        ({"asset": "story/*"}, finding(), False),
        ({"asset": "*"}, finding(), True),
        ({"until": "2026-11-22"}, finding(), False),
        ({}, finding(level="error"), False),
        ({}, finding(check="overflow"), False),
    ],
)
def test_a_waiver_covers_its_check_its_assets_and_its_days(
    changes: dict[str, str], found: Finding, passes: bool
) -> None:
    (judged,) = waived([found], [waiver(**changes)], TODAY, NAMES)
    assert (judged.waiver is not None) == passes
    assert judged.blocking == (not passes)
    assert replace(judged, waiver=None) == found, "what was found stays as it was"


def test_the_last_day_still_holds() -> None:
    """The same waiver holds on its last day and not on the next."""
    for day, passes in ((TODAY, True), (TODAY + dt.timedelta(1), False)):
        (judged,) = waived([finding()], [waiver()], day, NAMES)
        assert (judged.waiver is not None) == passes


def test_ended_and_unused_waivers_are_told() -> None:
    ended, unused, used = waiver(until="2026-01-01"), waiver(asset="other/*"), waiver()
    judged = waived([finding()], [ended, unused, used], TODAY, NAMES)
    told = notices(judged, [ended, unused, used], TODAY, complete=True)
    assert [(f.check, f.level, f.asset) for f in told] == [("waiver", "warn", "")] * 2
    assert [f.layer for f in told] == ["waivers/0", "waivers/1"], "the place in the campaign's list"
    assert "ended on 2026-01-01" in told[0].message
    assert "covers nothing" in told[1].message
    assert [f.message for f in notices(judged, [ended, unused, used], TODAY, complete=False)] == [told[0].message]


@pytest.mark.parametrize("until", ["tomorrow", "2026-13-01", "31.12.2026", ""])
def test_a_waiver_needs_a_date_a_reason_and_a_name(until: str) -> None:
    with pytest.raises(ValidationError):
        waiver(until=until)
    with pytest.raises(ValidationError):
        waiver(reason="")
    assert waiver(until="2026-12-31").until == "2026-12-31"


def test_every_name_of_a_profile_is_a_check() -> None:
    known = {check.id for check in built_in()}
    for profile in PROFILES.values():
        assert {*profile.left_out, *profile.ceilings, *profile.floors} <= known
    assert set(PROFILES) == {"web", "social", "print", "strict"}


def test_a_floor_raises_warnings_and_leaves_notes() -> None:
    held = replace(subject(text()), standards=Standards(profile="strict"))
    checks = [Scripted("widow", ("warn", "info", "fail")), Scripted("file-weight", ("warn",))]
    assert [(f.check, f.level) for f in validate(held, checks)] == [
        ("widow", "fail"), ("widow", "fail"), ("file-weight", "warn"), ("widow", "info"),
    ]  # fmt: skip
    assert [f.level for f in validate(subject(text()), checks)] == ["fail", "warn", "warn", "info"]


def test_opinions_are_asked_for_only_by_the_strict_profile() -> None:
    pale = subject(text(color=Color(110, 110, 110)), ground=Color(225, 225, 225))

    def ids(profile: str) -> set[str]:
        held = replace(pale, standards=Standards(profile=profile))  # type: ignore[arg-type]
        return {f.check for f in validate(held, built_in())}

    assert "contrast-apca" in ids("strict")
    for profile in ("web", "social", "print"):
        assert "contrast-apca" not in ids(profile)
