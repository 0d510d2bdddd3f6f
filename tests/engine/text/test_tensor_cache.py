"""The cache gives back the bits it was given, or nothing, whatever happens to its folder."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import stat
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from flux2engine import tensor_cache
from flux2engine.tensor_cache import ENTRY_SUFFIX, TensorCache

MEGABYTE = 2**20
KEYS = [f"{index:064x}" for index in range(0x1000, 0x1010)]


def _tensors(seed: int = 0) -> dict[str, Tensor]:
    values = torch.randn(16, 32, generator=torch.Generator().manual_seed(seed))
    odd = torch.tensor([0.0, -0.0, float("inf"), float("nan"), 1e-40])
    return {"states": values.to(torch.bfloat16), "view": values[:4], "token_count": torch.tensor(7), "odd": odd}


def _same(left: dict[str, Tensor] | None, right: dict[str, Tensor]) -> bool:
    if left is None or left.keys() != right.keys():
        return False
    pairs = [(left[name], right[name].contiguous()) for name in right]
    return all(
        a.dtype == b.dtype and a.shape == b.shape and a.numpy(force=True).tobytes() == b.numpy(force=True).tobytes()
        if a.dtype != torch.bfloat16
        else torch.equal(a.view(torch.int16), b.view(torch.int16))
        for a, b in pairs
    )


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture(params=["disk", "memory"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> TensorCache:
    """Return an empty cache of either kind."""
    return TensorCache(tmp_path / "cache" if request.param == "disk" else None, MEGABYTE)


def test_bits_come_back(cache: TensorCache) -> None:
    """Every dtype, shape and odd value returns as it was, views and shared memory included; another key is a miss."""
    cache.put(KEYS[0], _tensors())
    assert _same(cache.get(KEYS[0]), _tensors())
    assert not _same(cache.get(KEYS[0]), _tensors(seed=1))
    assert cache.get(KEYS[1]) is None


def test_later_process_reads_it(tmp_path: Path) -> None:
    """The folder is the cache: a second object finds what the first wrote. Only its owner may look in."""
    TensorCache(tmp_path / "a" / "cache", MEGABYTE).put(KEYS[0], _tensors())
    assert _same(TensorCache(tmp_path / "a" / "cache", MEGABYTE).get(KEYS[0]), _tensors())
    assert stat.S_IMODE((tmp_path / "a" / "cache").stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in _entries(tmp_path)] == [0o600]


def test_every_flipped_byte_is_a_miss(tmp_path: Path) -> None:
    """A changed byte anywhere in the file, a cut and a tail are each a miss; the entry goes and can be made again."""
    cache = TensorCache(tmp_path, MEGABYTE)
    cache.put(KEYS[0], {"states": torch.arange(6.0)})
    [path] = _entries(tmp_path)
    good = path.read_bytes()
    damaged = [good[:index] + bytes([good[index] ^ 0x10]) + good[index + 1 :] for index in range(len(good))]
    for bad in [*damaged, good[:-1], good + b"\0", b""]:
        path.write_bytes(bad)
        assert cache.get(KEYS[0]) is None
        assert not path.exists()
    path.write_bytes(good)  # the control: undamaged, the same file is a hit
    assert cache.get(KEYS[0]) is not None
    cache.put(KEYS[0], _tensors())
    assert _same(cache.get(KEYS[0]), _tensors())


def test_a_file_under_anothers_name_is_a_miss(tmp_path: Path) -> None:
    """A good entry copied to another key's place is not that key's value."""
    cache = TensorCache(tmp_path, MEGABYTE)
    cache.put(KEYS[0], _tensors())
    [path] = _entries(tmp_path)
    shutil.copy(path, path.with_name(f"{KEYS[1][2:]}{ENTRY_SUFFIX}"))
    assert cache.get(KEYS[1]) is None
    assert _same(cache.get(KEYS[0]), _tensors())


def test_longest_unused_goes_first(tmp_path: Path) -> None:
    """With room for three, the one that was neither written nor read lately goes; reading keeps an entry."""
    for folder in (tmp_path, None):
        size = _entry_size(tmp_path / "measure")
        cache = TensorCache(folder, 3 * size)
        for index in range(3):
            cache.put(KEYS[index], _tensors(index))
        assert cache.get(KEYS[0]) is not None
        cache.put(KEYS[3], _tensors(3))
        assert [cache.get(key) is not None for key in KEYS[:4]] == [True, False, True, True]


def test_an_entry_larger_than_the_limit_is_not_kept(tmp_path: Path) -> None:
    """It displaces nothing either; one byte more of room keeps it."""
    size = _entry_size(tmp_path / "measure")
    tight = TensorCache(tmp_path / "tight", size - 1)
    tight.put(KEYS[0], _tensors())
    assert tight.get(KEYS[0]) is None
    fitting = TensorCache(tmp_path / "fitting", size)
    fitting.put(KEYS[0], _tensors())
    assert fitting.get(KEYS[0]) is not None


@pytest.mark.parametrize("moment", ["while writing", "before the rename"])
def test_a_crash_shows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """Killed at either moment, a writer leaves no entry; what it left is not counted and goes after an hour."""
    cache = TensorCache(tmp_path, MEGABYTE)

    class Killed(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", die)  # a killed process cleans nothing
        if moment == "before the rename":
            patch.setattr(Path, "replace", die)
        else:
            patch.setattr(tensor_cache.os, "fdopen", die)
        with pytest.raises(Killed):
            cache.put(KEYS[0], _tensors())
    [left] = _entries(tmp_path)
    assert cache.get(KEYS[0]) is None
    cache.put(KEYS[1], _tensors())
    assert left.exists()  # it might be a live writer's
    old = time.time() - 7200
    os.utime(left, (old, old))
    cache.put(KEYS[0], _tensors())
    assert not left.exists()
    assert _same(cache.get(KEYS[0]), _tensors())


def test_a_folder_that_cannot_be_written_costs_no_work(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Putting says so in the log and goes on; getting is a miss."""
    (tmp_path / "cache").write_text("a file where the folder should be")
    cache = TensorCache(tmp_path / "cache", MEGABYTE)
    cache.put(KEYS[0], _tensors())
    assert "cannot be written" in caplog.text
    assert cache.get(KEYS[0]) is None


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_only_digests_are_keys(cache: TensorCache, key: str) -> None:
    """A key becomes a file name, so nothing else is taken for one."""
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        cache.get(key)
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        cache.put(key, _tensors())


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    """Writers and readers of the same keys, in a cache too small for all, see whole values or none."""
    limit = 5 * _entry_size(tmp_path / "measure")
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    writers = [context.Process(target=_churn, args=(tmp_path / "cache", limit, seed, results)) for seed in range(2)]
    for writer in writers:
        writer.start()
    outcomes = [results.get() for _ in writers]
    for writer in writers:
        writer.join()
    assert [wrong for wrong, _ in outcomes] == [0, 0]
    assert all(hits > 0 for _, hits in outcomes)
    assert sum(path.stat().st_size for path in _entries(tmp_path / "cache")) <= limit + MEGABYTE // 64
    assert all(path.suffix == ENTRY_SUFFIX for path in _entries(tmp_path / "cache"))


def _churn(folder: Path, limit: int, seed: int, results: Any) -> None:
    cache = TensorCache(folder, limit)
    order = torch.randint(len(KEYS), (120,), generator=torch.Generator().manual_seed(seed)).tolist()
    wrong = hits = 0
    for index in order:
        found = cache.get(KEYS[index])
        if found is None:
            cache.put(KEYS[index], _tensors(index))
        else:
            hits += 1
            wrong += not _same(found, _tensors(index))
    results.put((wrong, hits))


def _entry_size(folder: Path) -> int:
    TensorCache(folder, MEGABYTE).put(KEYS[0], _tensors())
    return _entries(folder)[0].stat().st_size
