"""The program in three calls, on the shipped example with the procedural backend."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flux2flow import api, planning
from flux2flow.domain.plan import Plan
from flux2flow.errors import PluginError, SpecError
from flux2flow.interfaces import TextReader

EXAMPLE = Path(__file__).parents[1] / "examples" / "aurora"


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """Copy the example, with another backend, one format and two languages."""
    folder = tmp_path / "aurora"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("build", ".flux2flow"))
    path = folder / "campaign.yaml"
    text = path.read_text(encoding="utf-8").replace("model: nano", "model: procedural")
    text = text.replace("locales: [en, de, ar, ja]", "locales: [en, ar]")
    kept = ("iab/medium-rectangle", "iab/leaderboard", "linkedin/landscape", "meta/story")
    text = "\n".join(line for line in text.splitlines() if not line.strip().removeprefix("- ").startswith(kept)) + "\n"
    path.write_text(text, encoding="utf-8")
    return path


def test_load_plan_run(campaign: Path) -> None:
    """Three calls make pictures; the same three again make none."""
    loaded = api.load(campaign)
    plan = api.plan(loaded)
    assert len(plan.scenes) == 4
    report = api.run(loaded, plan)
    assert len(report.assets) == 4
    assert report.failures == ()
    for asset in report.assets:
        assert (Path(report.output) / str(asset.path)).is_file() == asset.released
    again = api.run(api.load(campaign))
    assert all(asset.reused for asset in again.assets)
    assert [asset.digest for asset in again.assets] == [asset.digest for asset in report.assets]


def test_a_part_leaves_the_rest_alone(campaign: Path) -> None:
    """`only` makes one language; the report then holds what was already there, too."""
    loaded = api.load(campaign)
    part = api.plan(loaded, api.Only(locale="ar"))
    assert {scene.locale for scene in part.scenes} == {"ar"}
    report = api.run(loaded, part)
    assert len(report.assets) == 2
    api.run(loaded)
    report = api.run(loaded, part)
    assert len(report.assets) == 4
    assert all(asset.reused for asset in report.assets)


def test_a_new_headline_costs_no_plate(campaign: Path) -> None:
    """Words are not in the plate: a changed copy deck paints nothing, and re-makes that language only."""
    api.run(api.load(campaign))
    deck = campaign.parent / "copy" / "en.yaml"
    text = deck.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.strip().startswith("headline:"))
    deck.write_text(text.replace(line, line.split(":")[0] + ': "Another light"', 1), encoding="utf-8")
    report = api.run(api.load(campaign))
    assert all(plate.reused for plate in report.plates)
    made = [asset.id for asset in report.assets if not asset.reused]
    assert len(made) == 1
    assert made[0].endswith("/en")


def test_validate_needs_no_pixels(campaign: Path) -> None:
    """Findings come without a plate, a canvas or a file on disk; a headline far too long is one."""
    before = {finding.check for finding in api.validate(api.load(campaign))}
    assert not (campaign.parent / ".flux2flow").exists()
    assert "copy-limits" not in before
    assert "contrast" not in before
    deck = campaign.parent / "copy" / "en.yaml"
    text = deck.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.strip().startswith("headline:"))
    long = " ".join(["endless"] * 20)
    deck.write_text(text.replace(line, line.split(":")[0] + f': "{long}"', 1), encoding="utf-8")
    assert "copy-limits" in {finding.check for finding in api.validate(api.load(campaign))}


def test_a_campaign_may_ask_for_reading_back(campaign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`checks: {ocr: true}` opens the reader as `ocr=True` does; a campaign that is silent does not."""

    def lacking() -> TextReader:
        raise PluginError("the extra [ocr] is not installed")

    monkeypatch.setattr("flux2flow.reading.open_reader", lacking)
    api.validate(api.load(campaign))  # control
    text = campaign.read_text(encoding="utf-8")
    campaign.write_text(text + "checks: {ocr: false}\n", encoding="utf-8")
    api.validate(api.load(campaign))
    with pytest.raises(PluginError, match="ocr"):
        api.validate(api.load(campaign), ocr=True)
    campaign.write_text(text + "checks: {ocr: true}\n", encoding="utf-8")
    for call in (api.validate, api.run):
        with pytest.raises(PluginError, match="ocr"):
            call(api.load(campaign))


def test_a_campaign_that_is_not_there_is_a_spec_error(tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(SpecError):
        api.load(tmp_path / "campaign.yaml")


def test_a_second_render_loads_no_drawing_library(campaign: Path) -> None:
    """With nothing to do, neither torch nor Skia nor numpy is needed; the first run needs the last two."""
    script = (
        "import sys\nfrom flux2flow import api\napi.run(api.load(sys.argv[1]))\n"
        "print(*[name for name in ('torch', 'skia', 'numpy', 'flux2flow.reporting.page') if name in sys.modules])"
    )
    loaded = [
        subprocess.run(
            [sys.executable, "-c", script, campaign], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    ]
    assert loaded == [["skia", "numpy", "flux2flow.reporting.page"], []]


def test_a_campaign_is_planned_once(campaign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planning and then running plans everything one time; another campaign is planned anew."""
    made: list[object] = []
    plan = planning.plan

    def counted(*arguments: object) -> Plan:
        made.append(arguments)
        return plan(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(planning, "plan", counted)
    loaded = api.load(campaign)
    api.run(loaded, api.plan(loaded))
    assert len(made) == 1
    api.plan(api.load(campaign))
    assert len(made) == 2
