"""Objects and keys: what was stored comes back whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest

from flux2flow.errors import StoreError
from flux2flow.store import KeyEntry, Keys, LocalDisk, Objects, publish
from tests.store.crash_disk import Counting


def flip(path: Path, offset: int = 3) -> None:
    """Flip one bit and keep the file's times, as bit rot does."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_an_object_comes_back_under_its_digest(tmp_path: Path) -> None:
    """The name is the SHA-256 of the bytes, the file is read-only."""
    objects = Objects(tmp_path / "objects", LocalDisk())
    digest = objects.put(b"a plate")
    assert digest == hashlib.sha256(b"a plate").hexdigest()
    assert objects.path(digest) == tmp_path / "objects" / digest[:2] / digest
    assert objects.get(digest) == b"a plate"
    assert stat.S_IMODE(objects.path(digest).stat().st_mode) == 0o444
    assert objects.get("0" * 64) is None


def test_storing_twice_writes_once(tmp_path: Path) -> None:
    """The second put of the same bytes only reads."""
    disk = Counting()
    objects = Objects(tmp_path / "objects", disk)
    objects.put(b"x" * 1000)
    disk.calls.clear()
    objects.put(b"x" * 1000)
    assert [call for call, _ in disk.calls] == ["read"]


def test_rot_is_found_removed_and_reported(tmp_path: Path) -> None:
    """A flipped bit with the old time stamp is never handed out, and storing again heals."""
    objects = Objects(tmp_path / "objects", LocalDisk())
    good, other = objects.put(b"good bytes"), objects.put(b"other bytes")
    flip(objects.path(good))
    assert objects.get(good) is None
    assert objects.damaged == [good]
    assert not objects.path(good).exists()
    assert objects.get(other) == b"other bytes"
    assert objects.put(b"good bytes") == good
    assert objects.get(good) == b"good bytes"


def test_a_put_replaces_a_rotten_object(tmp_path: Path) -> None:
    """Storing does not trust that the name is taken."""
    objects = Objects(tmp_path / "objects", LocalDisk())
    digest = objects.put(b"good bytes")
    flip(objects.path(digest))
    objects.put(b"good bytes")
    assert objects.path(digest).read_bytes() == b"good bytes"


def test_a_key_leads_to_its_entry(tmp_path: Path) -> None:
    """Digest and facts come back; an unknown key leads nowhere."""
    keys = Keys(tmp_path / "keys", LocalDisk())
    entry = KeyEntry("ab" * 32, {"seconds": 1.25, "name": "Größe", "list": [1, None]})
    keys.put("k1", entry)
    assert keys.get("k1") == entry
    assert keys.get("k2") is None


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"sum": 1}', b"\xff\xfe", b"null"])
def test_a_damaged_key_counts_as_absent(tmp_path: Path, damage: bytes) -> None:
    """Whatever stands in the file, it is reported and removed, not raised."""
    keys = Keys(tmp_path / "keys", LocalDisk())
    keys.put("k1", KeyEntry("ab" * 32, {}))
    keys.path("k1").write_bytes(damage)
    assert keys.get("k1") is None
    assert keys.damaged == ["k1"]
    assert not keys.path("k1").exists()


def test_one_changed_character_damages_a_key(tmp_path: Path) -> None:
    """Sound JSON with another digest is refused by the checksum, and so is an entry under another's name."""
    keys = Keys(tmp_path / "keys", LocalDisk())
    keys.put("k1", KeyEntry("ab" * 32, {}))
    text = keys.path("k1").read_text()
    keys.path("k2").write_text(text)
    assert keys.get("k2") is None
    keys.path("k1").write_text(text.replace("abab", "abac", 1))
    assert keys.get("k1") is None


@pytest.mark.parametrize("key", ["", "../x", "a/b", ".hidden", "A", "x" * 101, "k\n"])
def test_a_key_is_a_plain_name(tmp_path: Path, key: str) -> None:
    """A key never leaves its folder."""
    with pytest.raises(ValueError, match="is no key"):
        Keys(tmp_path, LocalDisk()).get(key)


def test_a_file_is_synced_before_its_name_and_its_name_before_returning(tmp_path: Path) -> None:
    """The order of calls is the guarantee: write, sync, rename, sync the folder."""
    disk = Counting()
    publish(disk, tmp_path / "file", b"bytes")
    assert [call for call, _ in disk.calls] == ["create", "write", "sync", "replace", "sync_folder"]
    assert disk.calls[-1] == ("sync_folder", str(tmp_path))


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_every_failing_call_leaves_all_or_nothing(tmp_path: Path, error: int) -> None:
    """Fail the n-th operation for every n: StoreError, no wrong bytes, no debris, and the next attempt succeeds."""
    old, new = b"old" * 100, b"new" * 100
    messages: list[str] = []
    for n in range(1, 100):
        folder = tmp_path / f"{error}-{n}"
        target = folder / "sub" / "file"
        disk = Counting(fail_at=n, error=error)
        try:
            publish(disk, target, old)
            publish(disk, target, new)
        except StoreError as problem:
            messages.append(str(problem))
        else:
            break
        if target.exists():
            assert target.read_bytes() in (old, new)
        assert [path.name for path in folder.rglob("*.tmp")] == []
        publish(LocalDisk(), target, new)
        assert target.read_bytes() == new
    assert all("file: made to fail" in message for message in messages)
    assert all(("bytes are needed" in message) == (error == errno.ENOSPC) for message in messages)
    assert len(messages) == 14  # two folders of two calls each, then twice five calls


def test_a_temporary_that_cannot_be_removed_does_not_hide_the_first_error(tmp_path: Path) -> None:
    """The reported error is the one that happened first."""

    class Broken(Counting):
        def remove(self, path: Path) -> None:
            raise OSError(errno.EROFS, "read-only now")

    with pytest.raises(StoreError, match="made to fail"):
        publish(Broken(fail_at=3), tmp_path / "file", b"x")
