"""The summary: counts that add up, problems grouped, worst first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flux2flow.domain.finding import Finding
from flux2flow.domain.report import Report
from flux2flow.reporting.terminal import problems_of, summarise

from .builder import clean, failed, report


def reused(made: Report) -> Report:
    return replace(
        made,
        assets=tuple(replace(asset, reused=True) for asset in made.assets),
        plates=tuple(replace(plate, reused=True) for plate in made.plates),
    )


def test_a_run_with_a_picture_kept_back() -> None:
    summary = summarise(report(), "build/aurora/index.html")
    assert summary.headline == "1 picture kept back by a check (41.7 s)"
    assert summary.counts == ("40 pictures: 40 made, 0 reused; 1 kept back", "8 plates: 8 painted, 0 reused")
    assert [(p.level, p.check) for p in summary.problems] == [
        ("fail", "contrast"), ("warn", "file-weight"), ("warn", "fit-floor"),
    ]  # fmt: skip
    assert (summary.notes, summary.exit_code, summary.page) == (1, 1, "build/aurora/index.html")


@pytest.mark.parametrize(
    ("change", "headline", "code"),
    [
        (clean, "Done in 41.7 s", 0),
        (lambda made: reused(clean(made)), "Nothing to do: everything is up to date (41.7 s)", 0),
        (failed, "1 thing could not be made (41.7 s)", 3),
    ],
)
def test_the_headline_says_the_worst_first(change: object, headline: str, code: int) -> None:
    summary = summarise(change(report()), "")  # type: ignore[operator]
    assert (summary.headline, summary.exit_code) == (headline, code)


def test_findings_of_one_check_and_layer_are_one_problem_with_its_assets() -> None:
    def finding(asset: str, message: str = "too small", layer: str = "cta") -> Finding:
        return Finding("min-size", "fail", message, asset, layer)

    problems = problems_of([finding("a"), finding("b"), finding("a", "tiny"), finding("c", "tiny", "body")])
    assert [(p.layer, p.messages, p.assets) for p in problems] == [
        ("body", ("tiny",), ("c",)),
        ("cta", ("too small", "tiny"), ("a", "b")),
    ]


def test_notes_are_left_out_unless_asked_for() -> None:
    note = Finding("fallback-used", "info", "as the kit says", "a")
    assert problems_of([note]) == ()
    assert len(problems_of([note], least="info")) == 1
