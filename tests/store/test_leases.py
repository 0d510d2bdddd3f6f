"""Leases: one holder at a time among threads and processes, and none after a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flux2flow.store import Leases

HOLDER = """
import sys, pathlib
from flux2flow.store import Leases
lease = Leases(pathlib.Path(sys.argv[1])).attempt("k")
print("held" if lease else "busy", flush=True)
sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """Another process that tries to take the lease and keeps it until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    """A second attempt in the same process fails too; another key is free; released is free again."""
    leases = Leases(tmp_path)
    first = leases.attempt("k")
    assert first is not None
    assert leases.attempt("k") is None
    other = leases.attempt("other")
    assert other is not None
    first.release()
    with leases.wait("k") or pytest.fail("not free") as again:
        assert again is not None
    other.release()


def test_another_process_is_kept_out_and_a_kill_frees(tmp_path: Path) -> None:
    """`kill -9` of the holder frees the lease, with the lock file still there."""
    with holder(tmp_path) as first:
        assert first.stdout is not None
        assert first.stdin is not None
        assert first.stdout.readline() == "held\n"
        assert Leases(tmp_path).attempt("k") is None
        with holder(tmp_path) as second:
            assert second.communicate("")[0] == "busy\n"
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert (tmp_path / "k").exists()
        lease = Leases(tmp_path).wait("k")
        assert lease is not None
        lease.release()


def test_waiting_ends_when_stopped(tmp_path: Path) -> None:
    """A run that was interrupted does not wait for somebody else's work."""
    leases = Leases(tmp_path)
    stop = threading.Event()
    with leases.attempt("k") or pytest.fail("not free"):
        threading.Timer(0.1, stop.set).start()
        assert leases.wait("k", stopped=stop.is_set) is None
