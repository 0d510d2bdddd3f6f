"""A campaign with one picture whose headline cannot be read: waived, repaired, kept back, and told in every format."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree

from flux2flow import api
from flux2flow.cli import main
from flux2flow.domain.report import Report
from flux2flow.errors import SpecError

ROOT = Path(__file__).parents[2]
TEMPLATE = "banner/product-hero"
HEADLINE = "style: display, fit: {lines: 3"


def project(folder: Path, *, repair: str = "", checks: str = "") -> Path:
    """Lay out the example with one format, language and row; its headline is ivory on a light ground."""
    folder.mkdir()
    shutil.copytree(ROOT / "examples" / "aurora" / "photos", folder / "photos")
    shutil.copytree(ROOT / "examples" / "aurora" / "copy", folder / "copy")
    shutil.copy(ROOT / "examples" / "aurora" / "products.csv", folder)
    campaign = (ROOT / "examples" / "aurora" / "campaign.yaml").read_text(encoding="utf-8")
    campaign = campaign.replace("model: nano", "model: procedural").replace(
        "locales: [en, de, ar, ja]", "locales: [en]"
    )
    left_out = ("iab/leaderboard", "web/", "linkedin/", "meta/")
    lines = [line for line in campaign.splitlines() if not line.strip().removeprefix("- ").startswith(left_out)]
    text = "\n".join(lines).replace("    formats:", "    rows: [dew-serum]\n    formats:") + "\n" + checks
    (folder / "campaign.yaml").write_text(text, encoding="utf-8")
    template = (ROOT / "templates" / TEMPLATE / "template.yaml").read_text(encoding="utf-8")
    assert HEADLINE in template
    faulty = f"style: display, color: paper, repair: [{repair}], fit: {{lines: 3"
    place = folder / "templates" / TEMPLATE
    place.mkdir(parents=True)
    (place / "template.yaml").write_text(template.replace(HEADLINE, faulty, 1), encoding="utf-8")
    return folder / "campaign.yaml"


def waiver(check: str = "contrast", until: str = "2999-12-31") -> str:
    entry = f"{{check: {check}, asset: 'hero/*', reason: the artist wants it, by: Mia Example, until: {until}}}"
    return f"checks: {{profile: web, waivers: [{entry}]}}\n"


def made(campaign: Path) -> tuple[Report, dict[str, Any]]:
    report = api.run(api.load(campaign, plugins=False))
    return report, json.loads((Path(report.output) / "manifest.json").read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "aurora"


def test_unread_type_is_kept_back_with_numbers_to_act_on(folder: Path) -> None:
    """The control of the others."""
    report, manifest = made(project(folder))
    (asset,) = report.assets
    assert not asset.released
    assert report.exit_code == 1
    (finding,) = (finding for finding in asset.findings if finding.blocking)
    assert (finding.check, finding.layer) == ("contrast", "headline")
    assert "‘ink’ reaches " in finding.remedy
    assert "‘paper’ stays at 1." in finding.remedy
    assert manifest["assets"][0]["repairs"] == []


def test_a_waived_finding_passes_and_stays_visible_everywhere(folder: Path) -> None:
    report, manifest = made(project(folder, checks=waiver()))
    (asset,) = report.assets
    assert asset.released
    assert report.exit_code == 0
    (entry,) = (f for f in manifest["assets"][0]["findings"] if f["check"] == "contrast")
    assert entry["waiver"]["by"] == "Mia Example"
    assert manifest["counts"]["waived"] == 1
    assert manifest["counts"]["failed"] == 0
    page = (Path(report.output) / "index.html").read_text(encoding="utf-8")
    assert "waived by Mia Example until 2999-12-31: the artist wants it" in page
    again, _ = made(folder / "campaign.yaml")
    assert again.assets[0].reused


def test_an_ended_waiver_counts_no_more_and_makes_nothing_anew(folder: Path) -> None:
    campaign = project(folder, checks=waiver())
    assert made(campaign)[0].assets[0].released
    text = campaign.read_text(encoding="utf-8")
    campaign.write_text(text.replace("2999-12-31", "2020-01-01"), encoding="utf-8")
    report, manifest = made(campaign)
    (asset,) = report.assets
    assert (asset.reused, asset.released, report.exit_code) == (True, False, 1)
    (notice,) = manifest["notices"]
    assert "ended on 2020-01-01" in notice["message"]
    findings = api.validate(api.load(campaign, plugins=False), on=dt.date(2019, 12, 31))
    assert "waiver" not in {finding.check for finding in findings}
    findings = api.validate(api.load(campaign, plugins=False), on=dt.date(2020, 1, 2))
    assert "waiver" in {finding.check for finding in findings}


def test_a_waiver_of_nothing_is_told_and_one_of_no_check_is_refused(folder: Path) -> None:
    _, manifest = made(project(folder, checks=waiver("T10")))
    assert "covers nothing" in manifest["notices"][0]["message"]
    wrong = project(folder.with_name("wrong"), checks=waiver("contrats"))
    with pytest.raises(SpecError) as raised:
        api.load(wrong, plugins=False)
    (diagnostic,) = raised.value.diagnostics
    assert (diagnostic.code, diagnostic.suggestions[:1]) == ("unknown-check", ("contrast",))
    assert diagnostic.position.line > 0


@pytest.mark.parametrize(("allowed", "kind"), [("pair", "pair"), ("scrim", "scrim"), ("scrim, pair", "scrim")])
def test_what_the_template_allows_is_repaired_in_its_order_and_told(folder: Path, allowed: str, kind: str) -> None:
    report, manifest = made(project(folder, repair=allowed))
    (asset,) = report.assets
    assert asset.released, asset.findings
    (line,) = manifest["assets"][0]["repairs"]
    assert line.startswith(f"headline: {kind}, ")
    assert "contrast" not in {finding.check for finding in asset.findings if finding.blocking}
    if kind != "pair":
        return  # what follows costs two more runs, and is the same for every kind
    again, _ = made(project(folder.with_name("again"), repair=allowed))
    assert again.assets[0].digest == asset.digest, "the same repair, byte for byte"
    assert again.assets[0].key == asset.key
    untouched, _ = made(project(folder.with_name("untouched")))
    assert untouched.assets[0].key != asset.key, "what may be repaired is part of the key"


def test_every_format_points_at_the_headlines_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def told(*arguments: str) -> str:
        assert main(["render", str(campaign), "-q", "--no-plugins", *arguments]) == 1
        return capsys.readouterr().out

    campaign = project(folder)
    lines = campaign.read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "headline:" in text)
    (run,) = json.loads(told("--format", "sarif"))["runs"]
    (failure,) = (entry for entry in run["results"] if entry["ruleId"] == "contrast")
    place = failure["locations"][0]["physicalLocation"]
    assert place["region"]["startLine"] == line
    assert place["artifactLocation"]["uri"].endswith("campaign.yaml")
    root = ElementTree.fromstring(told("--format", "junit").encode())
    assert [case.get("name") for case in root.iter("testcase") if list(case.iter("failure"))] == ["contrast"]
    assert f"campaign.yaml,line={line},col=" in told("--format", "github")
    assert json.loads(told("--format", "json"))["exit_code"] == 1
    assert "FAIL  contrast · headline" in told()


def test_checks_that_did_not_run_are_not_told_as_passed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(project(folder)), "--no-plugins", "--format", "junit"]) == 0
    root = ElementTree.fromstring(capsys.readouterr().out.encode())
    cases = {case.get("name") for case in root.iter("testcase")}
    assert "overflow" in cases
    assert not cases & {"contrast", "file-weight", "contrast-apca", "hierarchy"}


def test_validate_counts_what_is_waived_apart(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A forbidden word fails before anything is painted, and passes with a waiver, which the last line tells."""
    campaign = project(folder)
    deck = folder / "copy" / "en.yaml"
    deck.write_text(deck.read_text(encoding="utf-8").replace("cta:", "cta: miracle #", 1), encoding="utf-8")
    assert main(["validate", str(campaign), "--no-plugins"]) == 1
    assert "1 failed, 0 warnings" in capsys.readouterr().out
    text = campaign.read_text(encoding="utf-8")
    campaign.write_text(text + waiver("forbidden-words"), encoding="utf-8")
    assert main(["validate", str(campaign), "--no-plugins"]) == 0
    out = capsys.readouterr().out
    assert "0 failed, 0 warnings, 0 notes, 1 waived" in out
    assert "waived by Mia Example until 2999-12-31: the artist wants it" in out
