"""What the documents say is true: commands exist, examples load, code runs, links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flux2flow.domain.campaign import Campaign

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "engine/README.md",
    "engine/MODELS.md",
    "engine/flux2engine/training/README.md",
]
PROGRAM = [sys.executable, "-m", "flux2flow"]


def blocks(document: str, language: str) -> list[str]:
    """Return the fenced code blocks of one language."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def test_readme_is_short_and_opens_with_a_picture_of_this_repository() -> None:
    """Under 150 lines; the first thing after the title is a picture that exists."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 150
    picture = re.match(r"!\[.+\]\((.+)\)", lines[2])
    assert picture is not None
    assert (ROOT / picture.group(1)).stat().st_size > 20_000


def test_readme_campaign_is_a_valid_campaign() -> None:
    """The YAML of the README passes the model that real campaigns pass."""
    campaigns = [yaml.safe_load(block) for block in blocks("README.md", "yaml")]
    assert [Campaign.model_validate(value).campaign for value in campaigns] == ["aurora-launch"]


def test_readme_python_runs() -> None:
    """Every Python block runs from the repository's root."""
    for block in blocks("README.md", "python"):
        result = subprocess.run([sys.executable, "-c", block], cwd=ROOT, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        assert re.search(r"\d+ plates for 40 assets", result.stdout)


def test_readme_commands_run_in_order(tmp_path: Path) -> None:
    """The 60-second example, as written: init, plan, validate, render (on the procedural backend, for speed)."""
    commands = [line.split("#")[0].split() for line in blocks("README.md", "")[1].splitlines()]
    assert [command[1] for command in commands] == ["init", "plan", "validate", "render"]
    for command in commands:
        arguments = [*command[1:], *(["--backend", "procedural"] if command[1] == "render" else [])]
        result = subprocess.run([*PROGRAM, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    assert list(tmp_path.glob("my-campaign/build/*/index.html"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_make_targets_that_documents_name_exist(document: str) -> None:
    """`make x` in a document is a target of the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", (ROOT / document).read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files(document: str) -> None:
    """Every relative link and picture exists."""
    text = (ROOT / document).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    missing = [link for link in links if not ((ROOT / document).parent / link).exists()]
    assert not missing


def test_architecture_names_what_exists() -> None:
    """Every path in ARCHITECTURE.md's tree exists, and every package of flux2flow stands in it."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    tree = text.split("## The tree")[1].split("## Who may import whom")[0]
    for cell in re.findall(r"^\| ([^|]+) \|", tree, flags=re.MULTILINE):
        for path in re.findall(r"`([^`]+)`", cell):
            assert (ROOT / path).exists(), path
    for package in (ROOT / "flux2flow").iterdir():
        if package.is_dir() and (package / "__init__.py").exists():
            assert f"`flux2flow/{package.name}/`" in tree


def test_nothing_names_a_path_of_the_authors_machine() -> None:
    """No file under version control holds an absolute path of the machine it was written on."""
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    here = str(ROOT.resolve()) + "/"
    texts = {".py", ".md", ".yaml", ".toml", ".json", ".txt", ".log", ".lock"}
    files = [ROOT / name for name in listing.stdout.splitlines() if Path(name).suffix in texts]
    guilty = [file for file in files if file.exists() and here in file.read_text(encoding="utf-8", errors="replace")]
    assert len(files) > 100
    assert not guilty
