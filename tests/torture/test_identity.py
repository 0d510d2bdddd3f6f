"""One scene gives the same bytes: run after run, whatever the threads, the folder, the hash seed and the locale."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SURROUNDINGS = (
    (1, {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}),
    (4, {"OMP_NUM_THREADS": "4", "PYTHONHASHSEED": "1", "LANG": "ar_EG.UTF-8", "TZ": "Asia/Tokyo"}),
    (2, {"OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "2", "LC_ALL": "C", "TZ": "America/Lima"}),
)


def digested(folder: Path, number: int, code: str = "") -> list[str]:
    """Set and paint the scene in a process of its own; give the lines that it prints, one per different result."""
    threads, around = SURROUNDINGS[number % len(SURROUNDINGS)]
    place = folder / f"{number} of a folder with a longer name" if number % 2 else folder
    place.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join((str(ROOT), str(ROOT / "engine")))
    program = ["-c", f"{code}\nfrom tests.torture import scene\nimport sys\nsys.exit(scene.main())", str(threads)]
    output = subprocess.check_output(
        [sys.executable, *program], text=True, cwd=place, env={**os.environ, "PYTHONPATH": path, **around}
    )
    return output.splitlines()


def same(folder: Path, runs: int) -> str:
    """Run so many times and give the one line that came every time."""
    found = [digested(folder, number) for number in range(runs)]
    assert all(lines == found[0] and len(lines) == 1 for lines in found), found
    return found[0][0]


def test_three_runs_give_the_same_bytes(tmp_path: Path) -> None:
    """A sample of the long test, with its control: another word gives another layout and other pixels."""
    one = same(tmp_path, runs=3)
    other = "from tests.torture import scene\nfirst, *rest = scene.TEXTS\n"
    other += "scene.TEXTS = ((first[0], 'New this autumn', *first[2:]), *rest)"
    changed = digested(tmp_path, 0, other)[0]
    assert all(mine != theirs for mine, theirs in zip(one.split(), changed.split(), strict=True))


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_twenty_runs_give_the_same_bytes(tmp_path: Path) -> None:
    """Twenty processes."""
    same(tmp_path, runs=20)
