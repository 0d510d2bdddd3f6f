"""What is said of a waiver stands at its own line, on the terminal as for code scanning."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

from flux2flow import api
from flux2flow.cli.report_formats import with_places, written
from flux2flow.domain.finding import Finding
from flux2flow.reporting.terminal import problems_of
from flux2flow.validation import notices

EXAMPLE = Path(__file__).parents[2] / "examples" / "halfmoon"
WAIVERS = """
checks:
  waivers:
    - {check: widow, asset: "*", reason: the artist insists, by: Mia, until: 2026-12-31}
    - {check: contrast, asset: "*", reason: dusk, by: Noor, until: 2026-01-31}
"""


def test_a_waiver_is_told_by_its_line(tmp_path: Path) -> None:
    """The second one has ended and stands a line below the first, which covers nothing. Others stay as they are."""
    folder = tmp_path / "halfmoon"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("build"))
    campaign = folder / "campaign.yaml"
    before = campaign.read_text(encoding="utf-8")
    campaign.write_text(before + WAIVERS, encoding="utf-8")
    first = before.count("\n") + WAIVERS[: WAIVERS.index("- {check: widow")].count("\n") + 1
    loaded = api.load(campaign, plugins=False, backend="procedural", prompts=False)
    plan = api.plan(loaded)
    told = notices([], plan.standards.waivers, dt.date(2026, 11, 23), complete=True)
    other = Finding("overflow", "fail", "too long", plan.scenes[0].id, "headline")
    shown = with_places((*told, other), plan, campaign, loaded)
    assert [found.message.split()[3] for found in shown[:2]] == ["widow", "contrast"]
    places = [found.asset.rpartition("campaign.yaml:")[2].split(":") for found in shown[:2]]
    assert [int(line) for line, _ in places] == [first, first + 1]
    assert shown[2] == other
    printed = next(problem for problem in problems_of(shown) if problem.check == "waiver")
    assert printed.assets == (shown[0].asset, shown[1].asset)
    scanned = written("github", told, plan, loaded.registry, campaign, loaded, painted=False).splitlines()
    assert [f",line={number}," in line for number, line in zip((first, first + 1), scanned, strict=True)] == [
        True,
        True,
    ]
    assert with_places(told, plan, campaign, None) == told, "without the campaign's text no line is known"
