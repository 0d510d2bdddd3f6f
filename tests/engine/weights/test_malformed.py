"""A table of malformed files and what becomes of each: refused for its reason, cheaply, and with nothing run."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import SHARED
from tests.engine.weights import malformed_files, measured_child

CORPUS = SHARED / "corpus" / "safetensors-malformed"
ROOT = Path(__file__).parents[3]
TABLE = {
    line.split("\t")[0]: line.split("\t")[1:]
    for line in Path(__file__).with_name("malformed.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
}

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured through /proc")


@dataclass(frozen=True)
class Run:
    """Hold what one child process said."""

    results: dict[str, dict[str, Any]]
    events: dict[str, int]
    heard: dict[str, int]


def run(reader: str, *folders: Path) -> Run:
    """Measure a reader over folders, in a child process."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.engine.weights.measured_child", reader, *map(str, folders)],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'engine'}", "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr[-3000:]
    *lines, last = map(json.loads, child.stdout.splitlines())
    return Run({line["file"]: line for line in lines}, last["events"], last["heard"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of every malformed file and the good ones."""
    made = tmp_path_factory.mktemp("malformed")
    malformed_files.write_all(made)
    malformed_files.write_good(made)
    return made


@pytest.fixture(scope="module")
def ours(folder: Path) -> Run:
    """Return what our reader says of the files made here."""
    return run("ours", folder)


@linux
@pytest.mark.parametrize("name", TABLE)
def test_made_here(name: str, ours: Run) -> None:
    """Each file meets the outcome in the table, for the reason in the table, within 64 MB."""
    _judge(name, ours)


@linux
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of malformed files is not here")
def test_the_corpus(folder: Path, tmp_path: Path) -> None:
    """The 29 files of the corpus meet the same table."""
    malformed_files.write_good(tmp_path)
    said = run("ours", tmp_path, CORPUS)
    names = [path.stem for path in CORPUS.glob("*.safetensors")]
    assert len(names) == 29
    for name in names:
        _judge(name, said)
    assert not said.events


@linux
def test_good_files_pass_and_nothing_runs(ours: Run) -> None:
    """The control: good files, of 80 bytes and of 5 GiB, open within the same limit.

    No file made anything be unpickled, executed, imported or started; the same hook hears it when something is.
    """
    for name in ("good", "good-huge"):
        assert (ours.results[name]["outcome"], ours.results[name]["message"]) == ("opened", "")
    assert ours.events == {}
    assert ours.heard["exec"] >= 1
    assert ours.heard["pickle.find_class"] >= 1


@linux
def test_a_greedy_reader_fails(folder: Path) -> None:
    """The measurement can fail: a reader that takes whole files and headers runs out of its 64 MB."""
    said = run("greedy", folder).results
    assert said["good"]["outcome"] == "opened"
    greedy = {name for name, result in said.items() if result["outcome"] == "out of memory"}
    assert {"huge-sparse", "many-lists", "many-names", "much-metadata", "good-huge"} <= greedy


def test_the_table_is_complete() -> None:
    """Every file made here stands in the table, and the table names nothing else."""
    assert set(TABLE) == set(malformed_files.SMALL) | set(malformed_files.LARGE)


def _judge(name: str, said: Run) -> None:
    outcome, message = TABLE[name]
    result = said.results[name]
    assert result["outcome"] == outcome
    assert message == result["message"] if outcome == "warned" else message in result["message"]
    assert f"{name}.safetensors" in result["message"] or outcome == "warned"
    assert result["rose"] < measured_child.LIMIT, f"{name} took {result['rose']} bytes"
