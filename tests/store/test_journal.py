"""The journal: every line durable and checked; a torn end is ignored, other damage is named."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from flux2flow.errors import StoreError
from flux2flow.store import Journal, LocalDisk, read_journal
from tests.store.crash_disk import Counting


def written(path: Path, lines: int = 3) -> list[bytes]:
    """Write a journal with so many lines."""
    journal = Journal(path, LocalDisk(), lambda: 12.3456)
    for n in range(lines):
        journal.append("plate-stored", f"plate {n}", object="ab", seconds=n)
    journal.close()
    return path.read_bytes().splitlines(keepends=True)


def test_lines_come_back_in_order(tmp_path: Path) -> None:
    """Each line is JSON; number, kind, subject, time and details return."""
    lines = written(tmp_path / "j.jsonl")
    assert all(set(json.loads(line)) == {"sum", "record"} for line in lines)
    contents = read_journal(tmp_path / "j.jsonl")
    assert [record.number for record in contents.records] == [1, 2, 3]
    last = contents.records[2]
    assert (last.kind, last.subject, last.at) == ("plate-stored", "plate 2", 12.346)
    assert dict(last.details) == {"object": "ab", "seconds": 2}
    assert not contents.torn
    assert not contents.damaged


def test_every_cut_of_the_last_line_is_ignored(tmp_path: Path) -> None:
    """Whatever byte the crash stopped at, the lines before stand and nothing is reported as damage."""
    path = tmp_path / "j.jsonl"
    lines = written(path)
    whole = b"".join(lines)
    for length in range(len(whole) - len(lines[-1]), len(whole)):
        path.write_bytes(whole[:length])
        contents = read_journal(path)
        assert len(contents.records) == 2
        assert contents.torn == (length > len(whole) - len(lines[-1]))
        assert contents.damaged == ()


def test_damage_in_the_middle_is_named(tmp_path: Path) -> None:
    """A changed digit, a lost line and a repeated line are each reported, and not believed."""
    path = tmp_path / "j.jsonl"
    first, second, third = written(path)
    path.write_bytes(first + second.replace(b"plate 1", b"plate 7") + third)
    assert read_journal(path).damaged == (2,)
    path.write_bytes(first + third + third)
    assert [record.number for record in read_journal(path).records] == [1, 3]
    path.write_bytes(first + first + third)
    assert read_journal(path).damaged == (2,)


def test_a_journal_belongs_to_one_run(tmp_path: Path) -> None:
    """Opening it a second time is refused."""
    written(tmp_path / "j.jsonl")
    with pytest.raises(StoreError, match=r"creating .*j\.jsonl"):
        Journal(tmp_path / "j.jsonl", LocalDisk(), lambda: 0.0)


def test_each_line_is_durable_before_append_returns(tmp_path: Path) -> None:
    """One write and one sync per line."""
    disk = Counting()
    journal = Journal(tmp_path / "j.jsonl", disk, lambda: 0.0)
    disk.calls.clear()
    journal.append("run-start", "x")
    assert [call for call, _ in disk.calls] == ["write", "sync"]
    journal.close()


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    """Numbers stay in file order with several writers in the process."""
    journal = Journal(tmp_path / "j.jsonl", LocalDisk(), lambda: 0.0)
    threads = [threading.Thread(target=lambda: [journal.append("damage", "x") for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    contents = read_journal(tmp_path / "j.jsonl")
    assert [record.number for record in contents.records] == list(range(1, 81))
