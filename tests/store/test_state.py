"""The state folder: private, ignored by git, swept only when nobody else is at work."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from flux2flow.errors import StoreError
from flux2flow.store import Store, read_journal
from tests.store.test_objects import flip


def test_the_folder_is_private_and_marked(tmp_path: Path) -> None:
    """Mode 0700, its own .gitignore, and the tag that backup tools know."""
    with Store(tmp_path / ".flux2flow"):
        pass
    root = tmp_path / ".flux2flow"
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert (root / ".gitignore").read_text() == "*\n"
    assert (root / "CACHEDIR.TAG").read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55")


def test_a_folder_that_stood_open_is_closed(tmp_path: Path) -> None:
    """The state may hold unreleased pictures, whoever made its folder."""
    (tmp_path / "s").mkdir(mode=0o755)
    with Store(tmp_path / "s"):
        assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o700


def test_a_key_without_its_object_is_forgotten(tmp_path: Path) -> None:
    """Found only while the object stands and matches."""
    with Store(tmp_path / "s") as store:
        digest = store.keep("k", b"bytes", {"n": 1})
        found = store.find("k")
        assert found is not None
        assert found.digest == digest
        assert found.facts == {"n": 1}
        flip(store.objects.path(digest))
        assert store.find("k") is None
        assert store.objects.damaged == [digest]
        assert store.keys.get("k") is None


def test_runs_are_numbered_and_never_shared(tmp_path: Path) -> None:
    """Two openers get two numbers, each with its own journal."""
    with Store(tmp_path / "s") as one, Store(tmp_path / "s") as two:
        first, journal = one.new_run(lambda: 0.0)
        second, other = two.new_run(lambda: 0.0)
        journal.append("run-start", "x")
        journal.close()
        other.close()
    assert (first, second) == ("0001", "0002")
    assert len(read_journal(tmp_path / "s" / "journal" / "0001.jsonl").records) == 1


def test_leftovers_are_swept_when_alone(tmp_path: Path) -> None:
    """Temporaries and lock files of dead processes go; a user's file stays."""
    state, output = tmp_path / "s", tmp_path / "build" / "c"
    output.mkdir(parents=True)
    with Store(state, outputs=[output]):
        pass
    leftovers = [state / "objects" / ".flux2flow-1.tmp", state / "leases" / "k", output / ".flux2flow-2.tmp"]
    kept = [output / "mine.tmp", output / "picture.png"]
    for path in leftovers + kept:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    with Store(state, outputs=[output]):
        assert [path for path in leftovers if path.exists()] == []
    assert all(path.exists() for path in kept)


def test_nothing_is_swept_while_somebody_is_at_work(tmp_path: Path) -> None:
    """Neither opening nor closing beside another process removes its files; the last to leave cleans up."""
    state = tmp_path / "s"
    with Store(state) as busy:
        lease = busy.leases.attempt("k")
        assert lease is not None
        temporary = state / "objects" / ".flux2flow-1.tmp"
        temporary.parent.mkdir()
        temporary.write_bytes(b"half")
        with Store(state) as other:
            assert other.leases.attempt("k") is None
        assert temporary.exists()
        assert (state / "leases" / "k").exists()
        lease.release()
    assert not temporary.exists()
    assert list((state / "leases").iterdir()) == []


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A file in the way is a StoreError with the path, not a traceback."""
    (tmp_path / "s").write_text("not a folder")
    with pytest.raises(StoreError, match=r"making .*s"), Store(tmp_path / "s"):
        pass
