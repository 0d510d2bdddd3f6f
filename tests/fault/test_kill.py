"""A sample of the kill suite, and the proof that its checker sees what it is there to see."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fault import worker
from tests.fault.kill import SEED, Range, check

KILLS = 6


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the plan without interruption."""
    folder = tmp_path_factory.mktemp("done")
    assert worker.main(folder, folder / "calls") == 0
    (folder / "whole.out").write_text("asset card-0-0\nend 0\n")
    return folder


def test_kills_lose_and_corrupt_nothing(tmp_path: Path) -> None:
    """Six kills spread over the journal, one during start-up: the same command finishes, nothing is painted twice."""
    place = Range(tmp_path, step=0.02, campaign=None)
    place.run_reference()
    chance = random.Random(SEED)
    trials = [place.trial(number, KILLS, chance) for number in (*range(KILLS - 1), 9)]
    assert [trial.violations for trial in trials] == [[]] * KILLS
    assert sum(trial.kills for trial in trials) >= KILLS - 1  # a run may end before its kill comes
    assert sum(trial.inside for trial in trials) >= KILLS - 2


def test_two_processes_of_which_one_is_killed(tmp_path: Path) -> None:
    """The survivor takes over what the dead one had leased."""
    place = Range(tmp_path, step=0.02, campaign=None)
    place.run_reference()
    trial = place.trial(7, 16, random.Random(SEED))
    assert trial.processes == 2
    assert trial.violations == []


def test_the_checker_passes_an_uninterrupted_run(done: Path) -> None:
    """No false alarm."""
    assert judge(done, done) == []


def one_bit(project: Path) -> None:
    path = next((project / "build").rglob("card-0-0.*"))
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")


def gone(project: Path) -> None:
    next((project / "build").rglob("card-0-0.*")).unlink()


def cut_object(project: Path) -> None:
    path = next(path for path in (project / ".flux2flow" / "objects").rglob("*") if path.is_file())
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:10])


def temporary(project: Path) -> None:
    (project / "build" / "cards" / ".flux2flow-00.tmp").write_bytes(b"half")


def lock(project: Path) -> None:
    (project / ".flux2flow" / "leases" / "abc").write_bytes(b"")


def paint_again(project: Path) -> None:
    calls = project / "calls"
    calls.write_text(calls.read_text() + calls.read_text().splitlines()[0] + "\n")


def lost_object(project: Path) -> None:
    next(path for path in (project / ".flux2flow" / "objects").rglob("*") if path.is_file()).unlink()


def other_words(project: Path) -> None:
    path = project / "build" / "cards" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["campaign"]["title"] = "Other"
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("damage", "invariants"),
    [
        (one_bit, {"I1", "I2", "I6"}),
        (gone, {"I1", "I6"}),
        (cut_object, {"I2"}),
        (temporary, {"I5"}),
        (lock, {"I5"}),
        (paint_again, {"I3"}),
        (lost_object, {"I6"}),
        (other_words, {"I6"}),
    ],
)
def test_the_checker_sees(done: Path, tmp_path: Path, damage, invariants: set[str]) -> None:  # type: ignore[no-untyped-def]
    """Each way to be wrong is found, under the invariants it breaks and no other."""
    project = tmp_path / "project"
    shutil.copytree(done, project)
    damage(project)
    assert {violation.split()[0] for violation in judge(project, done)} == invariants


def test_the_checker_imports_nothing_of_the_program() -> None:
    """It is independent: isolated Python without the repository on its path can run it."""
    script = "import runpy, sys; sys.argv = ['checker', '--help']; runpy.run_path(sys.path.pop(), run_name='__main__')"
    checker = Path(__file__).with_name("checker.py")
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append({str(checker)!r}); {script}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert result.returncode == 0, result.stderr
    assert "flux2flow" not in {line.split()[1] for line in checker.read_text().splitlines() if line.startswith("from ")}


def judge(project: Path, reference: Path) -> list[str]:
    """Ask the checker about a finished run."""
    return check("finished", project, reference, [project / "whole.out"])
