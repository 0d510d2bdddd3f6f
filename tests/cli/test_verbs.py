"""The verbs on a real project, made by `init` and painted by the procedural backend."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flux2flow.cli import main
from flux2flow.cli.verbs.doctor import examine
from flux2flow.cli.verbs.schema import KINDS
from flux2flow.loading import schemas
from flux2flow.planning import plan_from_json

PART = ("--only", "format=iab/medium-rectangle,locale=de", "--backend", "procedural")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a project; the tests below leave it as it is, but for its state and output."""
    folder = tmp_path_factory.mktemp("work") / "Spring Campaign"
    assert main(["init", str(folder)]) == 0
    return folder


@pytest.fixture
def campaign(project: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(project)
    return "campaign.yaml"


def test_init_writes_a_project_that_validates(campaign: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert Path("photos").is_dir()
    assert "campaign: spring-campaign" in Path(campaign).read_text()
    assert main(["validate", campaign]) == 0
    assert "0 failed" in capsys.readouterr().out


def test_the_modeline_names_a_schema_that_is_there(campaign: str) -> None:
    first = Path(campaign).read_text().splitlines()[0]
    schema = json.loads(Path(first.partition("$schema=")[2]).read_text())
    assert "draft-07" in schema["$schema"]
    assert "brand_kit" in schema["properties"]


def test_init_never_writes_over_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["init", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_plan_counts_what_render_will_make(campaign: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", campaign]) == 0
    shown = capsys.readouterr().out
    assert "12 pictures from 6 plates" in shown  # 2 rows × 3 classes; languages share
    assert "iab/medium-rectangle 300×250" in shown
    assert main(["plan", campaign, "--only", "locale=de", "--only", "format=meta/story"]) == 0
    assert "8 pictures from 6 plates" in capsys.readouterr().out  # 6 German ones and the 2 other stories


def test_the_plans_json_is_a_plan_file_with_its_table(campaign: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", campaign, "--json"]) == 0
    text = capsys.readouterr().out
    totals = json.loads(text)["table"]["totals"]
    plan = plan_from_json(text)
    assert (totals["scenes"], totals["plates"]) == (len(plan.scenes), len(plan.plates)) == (12, 6)


def test_an_unknown_part_names_what_there_is(campaign: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", campaign, "--only", "format=meta/storey"]) == 2
    assert "did you mean 'meta/story'" in capsys.readouterr().err


def test_render_makes_checks_and_reports_then_has_nothing_to_do(
    campaign: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["render", campaign, *PART, "--json"])
    report = json.loads(capsys.readouterr().out)
    assert code == report["exit_code"]
    assert report["counts"]["assets"] == 2
    assert {plate["backend"]["name"] for plate in report["plates"]} == {"procedural"}
    output = Path("build/spring-campaign")
    assert (output / "index.html").is_file()
    for asset in report["assets"]:
        assert asset["released"] == (asset["path"] is not None)
        if asset["path"]:
            assert (output / asset["path"]).stat().st_size == asset["bytes"]
    assert main(["render", campaign, *PART]) == code
    captured = capsys.readouterr()
    assert "0 made, 2 reused" in captured.out
    assert "build/spring-campaign/index.html" in captured.out
    assert captured.err == ""  # nothing was made, so nothing is shown to wait for


def test_a_plan_file_is_followed_without_the_campaigns_words(
    campaign: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.json"
    assert main(["plan", campaign, *PART, "-o", str(plan)]) == 0
    capsys.readouterr()
    code = main(["render", campaign, "--plan", str(plan), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert code == report["exit_code"]
    assert len(report["assets"]) == 2
    plan.write_text(plan.read_text()[:-20])
    assert main(["render", campaign, "--plan", str(plan)]) == 2
    assert "not JSON" in capsys.readouterr().err


def test_a_backend_that_is_not_there_is_named_with_those_that_are(
    campaign: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["render", campaign, "--backend", "paintbrush"]) == 2
    assert "procedural" in capsys.readouterr().err


def test_broken_files_give_every_problem_with_its_place_and_no_traceback(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (project / "campaign.yaml").read_text()
    broken = tmp_path / "campaign.yaml"
    broken.write_text(text.replace("brand_kit: aurora", "brand_kitt: aurora").replace("seed: 1", "seed: one"))
    assert main(["validate", str(broken)]) == 2
    error = capsys.readouterr().err
    assert "campaign.yaml:5:1: " in error
    assert "campaign.yaml:7:7: " in error
    assert "brand_kit" in error
    assert "^" in error
    assert "Traceback" not in error


def test_schemas_are_printed_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for kind in KINDS:
        assert main(["schema", kind]) == 0
        assert "draft-07" in json.loads(capsys.readouterr().out)["$schema"]
    assert main(["schema", "--write"]) == 0
    assert sorted(path.name for path in Path(".flux2flow/schema").iterdir()) == sorted(f"{kind}.json" for kind in KINDS)
    assert main(["schema", "campain"]) == 2


def test_formats_are_listed_and_searched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["formats"]) == 0
    everything = capsys.readouterr().out
    assert main(["formats", "LEADERBOARD"]) == 0
    found = capsys.readouterr().out
    assert "iab/leaderboard" in found
    assert "728×90" in found
    assert "meta/story" in everything
    assert "meta/story" not in found
    assert main(["formats", "zeppelin"]) == 2


def test_the_kinds_offered_are_those_that_loading_knows() -> None:
    assert schemas.KINDS == KINDS


def test_doctor_finds_what_is_here() -> None:
    found = {examined.name: examined for examined in examine(plugins=False)}
    assert found["skia"].verdict == "ok"
    assert found["fonts gate"].verdict == "ok"
    assert (found["backend procedural"].verdict, found["backend procedural"].found) == (
        "ok",
        "studio, no weights needed",
    )
    assert found["backend nano"].verdict in ("ok", "note")
    assert found["checks"].found == "33"
    assert found["confinement"].found.startswith(("landlock", "unconfined"))


def test_doctor_names_a_lack_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Control: with Skia's system libraries out of reach, it says so and fails."""
    from flux2flow.cli.verbs import doctor

    assert doctor._shared_library("libEGL.so.1", "libegl1").verdict == "ok"
    lack = doctor._shared_library("libNoSuchThing.so.1", "libegl1")
    monkeypatch.setattr(doctor, "examine", lambda plugins: iter([lack]))
    assert main(["doctor"]) == 3
    assert "apt-get install libegl1" in capsys.readouterr().out


def test_a_folder_stands_for_its_campaign(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(project)]) == 0
    assert "12 pictures from 6 plates" in capsys.readouterr().out
    assert main(["plan", str(project / "copy")]) == 2
    assert "holds no campaign.yaml" in capsys.readouterr().err


def test_errors_name_files_as_they_are_reached_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my project"
    folder.mkdir()
    (folder / "campaign.yaml").write_text("flux2flow: 1\ncampaignn: x\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["validate", "my project"]) == 2
    assert f"{Path('my project', 'campaign.yaml')}:2:1: unknown key" in capsys.readouterr().err
    monkeypatch.chdir(folder)
    assert main(["validate"]) == 2
    assert "\ncampaign.yaml:2:1: unknown key" in capsys.readouterr().err


@pytest.mark.parametrize(("folder", "id"), [("ünï codé", "uni-code"), ("حملة", "campaign"), ("-rf", "rf")])
def test_a_folders_name_becomes_the_campaigns_id(
    folder: str, id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path / folder)]) == 0
    assert f"campaign: {id}\n" in (tmp_path / folder / "campaign.yaml").read_text(encoding="utf-8")
    assert main(["plan", str(tmp_path / folder)]) == 0
    capsys.readouterr()
