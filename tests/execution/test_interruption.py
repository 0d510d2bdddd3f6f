"""Signals: no new work, what is finished stays, the exit code says which signal, the same command continues."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flux2flow.execution import Interrupted
from flux2flow.execution.identity import plate_key
from flux2flow.execution.interruption import Interruption
from flux2flow.store import Store, read_journal
from tests.execution.builder import Bench, plan

CHILD = """
import sys, time
from pathlib import Path
from flux2flow.execution import Interrupted
from flux2flow.interfaces import PaintStep
from tests.execution.builder import Bench, Counting, plan

class Slow(Counting):
    def paint(self, requests, files):
        for state in super().paint(requests, files):
            yield state
            if isinstance(state, PaintStep):  # by now the run has journalled that the plate is begun
                print("painting", flush=True)
            time.sleep(float(sys.argv[2]))

try:
    Bench(Path(sys.argv[1]), backend=Slow()).run(plan())
except Interrupted as stop:
    print(stop, flush=True)
    sys.exit(stop.exit_code)
print("done", flush=True)
"""


def child(folder: Path, seconds: float) -> subprocess.Popen[str]:
    """Run the test plan in a process of its own, so many seconds per step."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), str(seconds)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_and_the_same_command_continues(tmp_path: Path, number: signal.Signals) -> None:
    """Painting takes a minute; the process is gone in seconds with 128 + signal, and says how to go on."""
    with child(tmp_path, 60) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "painting\n"
        sent = time.monotonic()
        process.send_signal(number)
        out = process.communicate(timeout=30)[0]
        assert time.monotonic() - sent < 5
    assert process.returncode == 128 + number
    assert "the same command continues" in out
    records = read_journal(tmp_path / ".flux2flow" / "journal" / "0001.jsonl").records
    assert dict(records[-1].details) == {"outcome": "interrupted"}
    assert list((tmp_path / ".flux2flow" / "leases").iterdir()) == []
    bench = Bench(tmp_path)
    assert bench.run(plan()).exit_code == 0
    assert bench.backend.painted == [2, 1]


def test_finished_plates_survive_an_interruption(tmp_path: Path) -> None:
    """What was painted before the signal is not painted again."""
    bench = Bench(tmp_path)

    def stop_at_the_second(event: object) -> None:
        if len(bench.backend.painted) == 1:
            os.kill(os.getpid(), signal.SIGINT)

    from flux2flow import execution

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted):
        execution.run(plan(), bench.project, bench.registry(), progress=stop_at_the_second)
    assert signal.getsignal(signal.SIGINT) is before
    assert bench.backend.painted == [2]
    bench.run(plan())
    assert bench.backend.painted == [1]


def test_a_second_signal_ends_the_process_at_once(tmp_path: Path) -> None:
    """Whoever asks twice does not wait for the work under way."""
    script = (
        "import time\nfrom flux2flow.execution.interruption import Interruption\n"
        "with Interruption().listening():\n    print('ready', flush=True)\n    while True: time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        assert process.poll() is None  # the first one waits for the next safe point
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=5) == -signal.SIGINT


def test_writes_are_not_cut_in_two() -> None:
    """Outside `breakable`, a signal only shows at the next check."""
    interruption = Interruption()
    with interruption.listening():
        os.kill(os.getpid(), signal.SIGTERM)
        assert interruption.stopped
        with pytest.raises(Interrupted) as stop:
            interruption.check()
        assert stop.value.exit_code == 143
        with pytest.raises(Interrupted), interruption.breakable():
            pytest.fail("entered although a signal had come")


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    """A server that runs a plan in a thread keeps its own handlers."""
    before, seen = signal.getsignal(signal.SIGINT), []

    def listen() -> None:
        with Interruption().listening():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert seen == [before]


def test_two_processes_share_the_work(tmp_path: Path) -> None:
    """Started together on one project, both succeed, and each plate is painted by one of them."""
    with child(tmp_path, 0.3) as one, child(tmp_path, 0.3) as two:
        outputs = [process.communicate(timeout=60)[0].split() for process in (one, two)]
    assert (one.returncode, two.returncode) == (0, 0)
    assert sum(output.count("painting") for output in outputs) == 2
    assert [output[-1] for output in outputs] == ["done", "done"]
    alone = Bench(tmp_path / "alone")
    alone.folder.mkdir()
    alone.run(plan())
    assert Bench(tmp_path).files() == alone.files()


def test_a_killed_process_frees_its_plate(tmp_path: Path) -> None:
    """The other process waits for what is being painted, and paints it itself once its painter is dead."""
    with child(tmp_path, 60) as doomed:
        assert doomed.stdout is not None
        assert doomed.stdout.readline() == "painting\n"
        threading.Timer(1.0, doomed.kill).start()
        bench = Bench(tmp_path)
        began = time.monotonic()
        assert bench.run(plan()).exit_code == 0
        assert time.monotonic() - began > 0.5
    assert bench.backend.painted == [2, 1]
    assert list((tmp_path / ".flux2flow" / "leases").iterdir()) == []


def test_what_is_free_is_painted_before_anything_is_waited_for(tmp_path: Path) -> None:
    """A plate under somebody else's lease comes last; the control: without the lease it comes first."""
    bench = Bench(tmp_path)
    with Store(bench.project.state) as store:
        key = plate_key(plan().plates[1].request, bench.backend.identity())
        lease = store.leases.attempt(key)
        assert lease is not None
        threading.Timer(1.0, lease.release).start()
        bench.run(plan())
        assert bench.backend.painted == [1, 2]
    bench.run(plan(), force=True)
    assert bench.backend.painted == [2, 1]
