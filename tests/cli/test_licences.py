"""A model whose licence wants to be accepted: every verb says so, and nothing is painted before the project says yes.

The model is a plugin's: it comes in by the door that everybody's does.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flux2flow import api
from flux2flow.cli import main
from flux2flow.errors import SpecError
from flux2flow.generation.flux2 import library
from tests.engine.checkpoints import write_official, write_official_autoencoder, write_text_encoder

LINE = "accept_licences: [FLUX-Non-Commercial-2.0]"
MODULE = """
from dataclasses import replace
from flux2flow.generation.procedural import LIMITS, ProceduralBackend
from flux2flow.domain.plate import WeightsLicence
from flux2flow.interfaces import BackendEntry
TERMS = WeightsLicence("FLUX-Non-Commercial-2.0", "https://example.org/licence", "no production", True)
PAINTED = []
class Guarded(ProceduralBackend):
    limits = replace(LIMITS, name="guarded", licence=TERMS)
    def paint(self, requests, files):
        PAINTED.extend(requests)
        return super().paint(requests, files)
def entry():
    return BackendEntry("guarded", Guarded.limits, Guarded)
"""


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Install the plugin and write a project that names its model; the working folder is the project."""
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path / "no-models"))
    (tmp_path / "guarded_model.py").write_text(MODULE)
    folder = tmp_path / "guarded_model-1.5.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: guarded-model\nVersion: 1.5\n")
    (folder / "entry_points.txt").write_text("[flux2flow.image_backends]\nguarded = guarded_model:entry\n")
    importlib.invalidate_caches()
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("guarded_model", None)
    assert main(["init", str(tmp_path / "work")]) == 0
    monkeypatch.chdir(tmp_path / "work")
    path = Path("campaign.yaml")
    text = path.read_text().replace("model: nano", "model: guarded")
    path.write_text(text.replace("[iab/medium-rectangle, web/open-graph, meta/story]", "[iab/medium-rectangle]"))
    yield "campaign.yaml"
    importlib.invalidate_caches()


def painted() -> int:
    return len(importlib.import_module("guarded_model").PAINTED)


def accept() -> None:
    Path("flux2flow.yaml").write_text(f"flux2flow: 1\n{LINE}\n")


def test_render_refuses_before_anything_is_painted(campaign: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", campaign]) == 2
    error = capsys.readouterr().err
    assert error.startswith("flux2flow.yaml: nothing is painted: guarded is under FLUX-Non-Commercial-2.0")
    assert "read https://example.org/licence; in short: no production" in error
    assert LINE in error
    assert painted() == 0
    assert not Path(".flux2flow/objects").exists()
    accept()
    assert main(["render", campaign, "-q"]) == 0
    assert painted() == 2


def test_a_plan_file_meets_the_word_of_the_project_it_is_run_in(
    campaign: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Accepted where it was made does not count elsewhere; nor does a plan whose licence was cut out."""
    accept()
    plan = tmp_path / "plan.json"
    assert main(["plan", campaign, "-o", str(plan)]) == 0
    Path("flux2flow.yaml").unlink()
    capsys.readouterr()
    assert main(["render", campaign, "--plan", str(plan)]) == 2
    assert LINE in capsys.readouterr().err
    document = json.loads(plan.read_text())
    document["backend"]["licence"] = None
    plan.write_text(json.dumps(document))
    assert main(["render", campaign, "--plan", str(plan)]) == 2
    assert painted() == 0
    accept()
    assert main(["render", campaign, "--plan", str(plan), "-q"]) == 0


def test_a_plans_own_word_counts_too(campaign: str, tmp_path: Path) -> None:
    """Made with a licensed model of a name that something else has here."""
    plan = tmp_path / "plan.json"
    assert main(["plan", campaign, "-o", str(plan)]) == 0
    plan.write_text(plan.read_text().replace('"name": "guarded"', '"name": "procedural"'))
    assert main(["render", campaign, "--plan", str(plan)]) == 2
    plan.write_text(json.dumps(json.loads(plan.read_text()) | {"backend": {
        **json.loads(plan.read_text())["backend"], "licence": None}}))  # fmt: skip
    assert main(["render", campaign, "--plan", str(plan), "-q"]) == 0  # control


def test_plan_and_validate_say_what_render_will_do(campaign: str, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("plan", "validate"):
        assert main([verb, campaign]) == 0
        shown = capsys.readouterr().out
        assert "licence  FLUX-Non-Commercial-2.0: no production (https://example.org/licence)" in shown
        assert f"not accepted: render will refuse until flux2flow.yaml says {LINE}" in shown
        assert main([verb, campaign, "--json"]) == 0
        said = json.loads(capsys.readouterr().out)["licence"]
        assert (said["name"], said["needs_acknowledgement"], said["accepted"]) == (
            "FLUX-Non-Commercial-2.0",
            True,
            False,
        )
    accept()
    for verb in ("plan", "validate"):
        assert main([verb, campaign]) == 0
        shown = capsys.readouterr().out
        assert "accepted in flux2flow.yaml" in shown
        assert "render will refuse" not in shown
        assert main([verb, campaign, "--backend", "procedural"]) == 0
        assert "licence" not in capsys.readouterr().out


def test_doctor_says_how_every_model_stands_here(campaign: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "FLUX-Non-Commercial-2.0 (https://example.org/licence), not accepted in this project" in shown
    assert f"flux2flow.yaml must say {LINE}" in shown
    accept()
    assert main(["doctor"]) == 0
    assert "(https://example.org/licence), accepted in this project's flux2flow.yaml" in capsys.readouterr().out
    Path("flux2flow.yaml").write_text("flux2flow: 1\nplugins: [x]\n")
    assert main(["doctor"]) == 3
    assert "flux2flow.yaml:2:1: unknown key 'plugins'" in capsys.readouterr().out


def test_the_manifest_names_the_licence(campaign: str, capsys: pytest.CaptureFixture[str]) -> None:
    accept()
    assert main(["render", campaign, "--json"]) == 0
    model = json.loads(capsys.readouterr().out)["model"]
    assert (model["name"], model["licence"]["name"]) == ("guarded", "FLUX-Non-Commercial-2.0")
    assert model["licence"]["url"] == "https://example.org/licence"
    assert model["licence"]["acknowledgement"] == "given in flux2flow.yaml"


def test_the_api_refuses_as_the_command_line_does(campaign: str) -> None:
    loaded = api.load(campaign)
    state = api.licence(loaded)
    assert state is not None
    assert not state.allows
    with pytest.raises(SpecError, match="nothing is painted"):
        api.run(loaded)
    with pytest.raises(SpecError, match="nothing is painted"):
        api.follow(api.plan(loaded), loaded.project, loaded.registry)
    accept()
    state = api.licence(loaded)
    assert state is not None
    assert state.allows
    assert api.licence(api.load(campaign, backend="procedural")) is None


def test_a_campaign_can_be_looked_at_without_its_model(campaign: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A CI machine has no weights: another backend stands in, by name."""
    text = Path(campaign).read_text()
    Path(campaign).write_text(text.replace("model: guarded", "model: klein-base-9b"))
    assert main(["validate", campaign]) == 2
    error = capsys.readouterr().err
    assert "campaign.yaml:6:8: the model 'klein-base-9b' is not installed here" in error
    assert "flux-2-klein-base-9b.safetensors of black-forest-labs/FLUX.2-klein-base-9B" in error
    assert "Qwen/Qwen3-8B" in error
    assert "engine/MODELS.md" in error
    assert main(["validate", campaign, "--backend", "procedural"]) == 0
    capsys.readouterr()
    assert main(["plan", campaign, "--backend", "klein-4b"]) == 2
    assert "flux-2-klein-4b.safetensors" in capsys.readouterr().err


def test_a_model_that_is_here_under_another_name_and_a_sampling_it_fixes(
    campaign: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The weights are there, called otherwise; under that name, distilled as they are, they take no other steps."""
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path / "models"))
    library.import_path(write_official(tmp_path / "weights", "klein-4b"), name="mine", variant="klein-4b")
    text = Path(campaign).read_text()
    Path(campaign).write_text(text.replace("model: guarded", "model: klein-4b"))
    assert main(["plan", campaign]) == 2
    error = capsys.readouterr().err
    assert "the model 'klein-4b' is not installed here" in error
    assert "its weights are here under the name 'mine': write model: mine" in error
    Path(campaign).write_text(text.replace("model: guarded", "model: mine"))
    assert main(["plan", campaign]) == 2  # one part of three
    error = capsys.readouterr().err
    assert "campaign.yaml:6:8: the model 'mine' is not installed here" in error
    assert "parts of it were imported: autoencoder missing: import ae.safetensors" in error
    library.import_path(write_official_autoencoder(tmp_path / "weights"))
    write_text_encoder(tmp_path / "encoder", "klein-4b")
    library.import_path(tmp_path / "encoder")
    Path(campaign).write_text(text.replace("model: guarded", "model: mine") + "sampling: {steps: 20}\n")
    line = len(text.splitlines()) + 1
    assert main(["plan", campaign]) == 2
    error = capsys.readouterr().err
    assert f"campaign.yaml:{line}:19: mine is distilled for its own steps and guidance: steps cannot be 20" in error
    Path(campaign).write_text(text.replace("model: guarded", "model: mine"))
    assert main(["plan", campaign]) == 0  # control
    assert "licence  Apache-2.0" in capsys.readouterr().out
