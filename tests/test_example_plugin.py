"""The example plugin, installed as pip leaves it: its check judges, its backend paints, `--no-plugins` drops both."""

from __future__ import annotations

import importlib
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from flux2flow import plugins
from flux2flow.cli import main

ROOT = Path(__file__).parents[1]
PLUGIN = ROOT / "examples/plugin"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the module and the metadata that its pyproject.toml declares on the path."""
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    site = tmp_path / "site"
    folder = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    folder.mkdir(parents=True)
    shutil.copy(PLUGIN / "flux2flow_house_style.py", site)
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8"
    )
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (folder / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.syspath_prepend(site)
    importlib.invalidate_caches()
    yield
    importlib.invalidate_caches()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Write a small project whose English headline shouts."""
    folder = tmp_path / "campaign"
    assert main(["init", str(folder)]) == 0
    deck = folder / "copy/en.yaml"
    deck.write_text(
        deck.read_text(encoding="utf-8").replace("Morning skin, any hour.", "Morning skin!! Any hour!"), "utf-8"
    )
    return folder


def test_the_check_judges_and_the_backend_paints(
    installed: None, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shouting headline is named with its count; the picture is made by the plugin's backend."""
    assert main(["validate", str(project)]) == 0
    shown = capsys.readouterr()
    assert "3 exclamation marks; the house style takes 1" in shown.out + shown.err
    assert main(["render", str(project), "--backend", "flat", "--only", "format=web/open-graph,locale=de", "-q"]) == 0
    manifest = next(project.glob("build/*/manifest.json")).read_text(encoding="utf-8")
    assert '"name": "flat"' in manifest
    assert "plugin flux2flow-house-style" in manifest


def test_without_plugins_neither_is_there(installed: None, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The control: the same project, bare."""
    assert main(["validate", str(project), "--no-plugins"]) == 0
    shown = capsys.readouterr()
    assert "exclamation" not in shown.out + shown.err
    assert main(["render", str(project), "--backend", "flat", "--no-plugins"]) == 2
    assert "no image backend 'flat'" in capsys.readouterr().err
    assert "flat" not in plugins.registry(plugins=False).backends
