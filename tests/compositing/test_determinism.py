"""The same layout gives the same bytes: five fresh processes, hash seeds, folders and locales."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.compositing.whole_banner import banner

ROOT = Path(__file__).parents[2]


def test_five_fresh_processes_make_the_same_bytes(tmp_path: Path) -> None:
    outputs = set()
    for run in range(5):
        folder = tmp_path / f"run {run}"
        folder.mkdir()
        environment = os.environ | {
            "PYTHONHASHSEED": str(run * 1013),
            "PYTHONPATH": str(ROOT),
            "TZ": ("UTC", "Asia/Tokyo")[run % 2],
            "HOME": str(folder),
            "OMP_NUM_THREADS": str(1 + run % 2),
        }
        command = [sys.executable, str(ROOT / "tests" / "compositing" / "whole_banner.py")]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        outputs.add(done.stdout)
        assert list(folder.iterdir()) == []
    assert len(outputs) == 1
    assert len(set(outputs.pop().split())) == 4  # canvas and three different files


def test_composing_twice_in_one_process_is_the_same() -> None:
    """Remembered pictures and typefaces change nothing."""
    assert banner() == banner()
