"""A failing disk under a whole run: it stops with StoreError, leaves nothing wrong, and the same command finishes."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from flux2flow.domain.report import Report
from flux2flow.errors import StoreError
from tests.execution.builder import Bench, plan
from tests.store.crash_disk import Counting


def bench_at(folder: Path) -> Bench:
    """Make a project in a folder of its own."""
    folder.mkdir()
    return Bench(folder)


def attempt(bench: Bench, disk: Counting) -> Report | StoreError:
    """Run on a disk, one thread so that the n-th call is the same each time."""
    try:
        return bench.run(plan(2), workers=1, disk=disk)
    except StoreError as error:
        return error


def failing(tmp_path: Path, every: int, error: int) -> tuple[int, int]:
    """Fail every so-manieth call of a run, one per run; return (runs that failed, runs tried)."""
    whole = bench_at(tmp_path / "whole")
    counting = Counting()
    assert isinstance(attempt(whole, counting), Report)
    truth, failed, tried = whole.files(), 0, range(1, len(counting.calls) + 1, every)
    for n in tried:
        bench = bench_at(tmp_path / f"{n:04d}")
        result = attempt(bench, Counting(fail_at=n, error=error))
        failed += isinstance(result, StoreError)
        if isinstance(result, Report):
            assert result.exit_code == 0
            assert len(result.assets) == 2
        left = {name: data for name, data in bench.files().items() if not name.endswith(".tmp")}
        assert left.items() <= truth.items()
        assert bench.run(plan(2)).exit_code == 0
        assert bench.files() == truth
    return failed, len(tried)


def test_a_sample_of_failing_calls(tmp_path: Path) -> None:
    """Every 9th call fails once, as on a full disk."""
    failed, tried = failing(tmp_path, 9, errno.ENOSPC)
    assert tried >= 15
    assert failed >= 0.8 * tried  # a failed removal in the sweep, or a read that is tried again, may pass unnoticed


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_every_failing_call(tmp_path: Path, error: int) -> None:
    """Each call of a run fails once."""
    failed, tried = failing(tmp_path, 1, error)
    assert tried > 120
    assert failed >= 0.8 * tried


def test_a_full_disk_says_how_much_is_needed(tmp_path: Path) -> None:
    """The message names the path and the bytes, and promises that the same command continues."""
    bench = bench_at(tmp_path / "p")
    reference = Counting()
    attempt(bench_at(tmp_path / "q"), reference)
    number = next(n for n, (call, path) in enumerate(reference.calls, 1) if call == "write" and "objects" in path)
    error = attempt(bench, Counting(fail_at=number, error=errno.ENOSPC))
    assert isinstance(error, StoreError)
    assert "objects" in str(error)
    assert "bytes are needed" in str(error)
    assert "the same command then continues" in str(error)
    assert error.exit_code == 74
