"""The same campaign gives the same bytes, run to run and folder to folder, with any threads; rot never gets out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fault.checker import pictures
from tests.store.test_objects import flip

EXAMPLE = Path(__file__).parents[2] / "examples" / "aurora"
RENDER = """
import sys
from flux2flow import api
report = api.run(api.load(sys.argv[1]), workers=int(sys.argv[2]))
assert not report.failures, report.failures
print(report.output)
"""


def project(folder: Path, *, formats: int = 5, title: str = "") -> Path:
    """Copy the example with the procedural backend, so many of its formats, and perhaps another title."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("build", ".flux2flow"))
    path = folder / "campaign.yaml"
    lines = path.read_text(encoding="utf-8").replace("model: nano", "model: procedural").splitlines()
    listed = [line for line in lines if line.strip().startswith("- ") and "/" in line and ":" not in line]
    assert len(listed) == 5
    if title:
        lines = [f"title: {title}" if line.startswith("title:") else line for line in lines]
    path.write_text("\n".join(line for line in lines if line not in listed[formats:]) + "\n", encoding="utf-8")
    return path


def render(campaign: Path, workers: int = 2, **environment: str) -> dict[str, str]:
    """Render in a process of its own; digest everything stored, released or not, by its name."""
    command = [sys.executable, "-c", RENDER, str(campaign), str(workers)]
    output = subprocess.check_output(command, text=True, env={**os.environ, **environment}).strip()
    rejected = pictures(campaign.parent / ".flux2flow" / "runs")
    return pictures(Path(output)) | {f"rejected/{name.split('/', 2)[-1]}": digest for name, digest in rejected.items()}


SURROUNDINGS = (
    {"workers": 2},
    {"workers": 1, "PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo"},
    {"workers": 3, "PYTHONHASHSEED": "2", "LC_ALL": "C", "HOME": "/nonexistent"},
    {"workers": 2, "PYTHONHASHSEED": "3", "LANG": "ar_EG.UTF-8"},
    {"workers": 4, "PYTHONHASHSEED": "4", "TZ": "America/Lima"},
)


def same_everywhere(folder: Path, runs: int, formats: int) -> dict[str, str]:
    """Render in so many fresh folders and surroundings; return the digests, the same everywhere."""
    found = []
    for number in range(runs):
        around = dict(SURROUNDINGS[number])
        workers = int(around.pop("workers"))
        place = folder / ("one" if number % 2 else "another place, with a longer name") / str(number) / "aurora"
        found.append(render(project(place, formats=formats), workers, **{name: str(v) for name, v in around.items()}))
    assert found[0]
    assert all(one == found[0] for one in found[1:])
    return found[0]


def test_two_runs_in_two_folders_give_the_same_bytes(tmp_path: Path) -> None:
    """A sample of the long test: one format, four languages, two rows. The control: another title shows in each."""
    one = same_everywhere(tmp_path, runs=2, formats=1)
    assert len(one) == 8
    other = render(project(tmp_path / "other" / "aurora", formats=1, title="Another title"))
    assert one.keys() == other.keys()
    assert all(one[name] != other[name] for name in one)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_five_runs_in_two_folders_give_the_same_bytes(tmp_path: Path) -> None:
    """The whole example, five times: other threads, hash seeds, time zones, languages, homes, folders."""
    assert len(same_everywhere(tmp_path, runs=5, formats=5)) == 40


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_rot_in_every_object_of_a_campaign(tmp_path: Path) -> None:
    """Flip a bit in every stored object and every released file, times kept: all is made again, nothing wrong left."""
    campaign = project(tmp_path / "aurora")
    before = render(campaign)
    objects = [path for path in (tmp_path / "aurora" / ".flux2flow" / "objects").rglob("*") if path.is_file()]
    assert len(objects) > 40
    released = [path for path in (tmp_path / "aurora" / "build").rglob("*.*") if path.suffix not in (".json", ".html")]
    for path in objects + released:
        flip(path, offset=path.stat().st_size // 2)
    assert render(campaign) == before
    assert all(path.name == digest for path, digest in zip(objects, map(digest_of, objects), strict=True))


def digest_of(path: Path) -> str:
    """Digest a file."""
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()
