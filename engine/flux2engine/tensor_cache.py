"""Tensors ↔ entries of a cache, on disk or in memory, named by digest keys, the longest unused thrown away first.

An entry carries a digest over its key and its bytes, checked on every read: what disagrees is removed and is a miss.
Writers never wait for each other. Knows nothing of what the tensors mean.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import tempfile
import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

ENTRY_SUFFIX = ".tensors"
_PARTIAL_SUFFIX = ".partial"
# A partial file this old belongs to a writer that was killed; a live one needs seconds.
_ABANDONED_SECONDS = 3600
_MAGIC = b"flux2 tensors 1\n"
_KEY = re.compile(r"[0-9a-f]{64}")
_DIGEST_BYTES = 32

_log = logging.getLogger(__name__)


class TensorCache:
    """Keep small sets of tensors under SHA-256 keys, within a limit of bytes."""

    def __init__(self, folder: Path | None, limit_bytes: int) -> None:
        if limit_bytes < 0:
            raise ValueError(f"limit_bytes is {limit_bytes}; 0 keeps nothing")
        self.folder = folder
        self.limit_bytes = limit_bytes
        self._memory: OrderedDict[str, bytes] = OrderedDict()

    def get(self, key: str) -> dict[str, Tensor] | None:
        """Return the tensors under `key` on the CPU, bit for bit as they were put, or None."""
        _check_key(key)
        sealed = self._memory.get(key) if self.folder is None else _read(self._path(key))
        if sealed is None:
            return None
        tensors = _opened(key, sealed)
        if tensors is None:
            _log.warning("cache entry %s was damaged and is made again", key)
            self._remove(key)
        else:
            self._touch(key)
        return tensors

    def put(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        """Keep `tensors` under `key`; an entry larger than the whole limit is not kept.

        A folder that cannot be written is said in the log and costs time later, never the work in hand.
        """
        _check_key(key)
        sealed = _sealed(key, tensors)
        if len(sealed) > self.limit_bytes:
            return
        if self.folder is None:
            self._memory[key] = sealed
            self._memory.move_to_end(key)
            while sum(map(len, self._memory.values())) > self.limit_bytes:
                self._memory.popitem(last=False)
            return
        try:
            self._write(self._path(key), sealed)
            self._evict()
        except OSError as error:
            _log.warning("the cache in %s cannot be written: %s", self.folder, error)

    def _path(self, key: str) -> Path:
        assert self.folder is not None
        return self.folder / key[:2] / f"{key[2:]}{ENTRY_SUFFIX}"

    def _remove(self, key: str) -> None:
        if self.folder is None:
            del self._memory[key]
        else:
            self._path(key).unlink(missing_ok=True)

    def _touch(self, key: str) -> None:
        if self.folder is None:
            self._memory.move_to_end(key)
            return
        now = time.time_ns()  # orders uses; never part of a key or a value
        try:
            os.utime(self._path(key), ns=(now, now))
        except OSError as error:  # evicted meanwhile, or a cache that may only be read; the tensors are good
            _log.debug("cache entry %s keeps its old time: %s", key, error)

    def _write(self, path: Path, sealed: bytes) -> None:
        """Write under a name nobody reads, then rename: a reader sees all of an entry or none of it.

        No fsync: after a power loss the digest shows what is missing, and the entry is made again.
        """
        assert self.folder is not None
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor, partial = tempfile.mkstemp(suffix=_PARTIAL_SUFFIX, dir=path.parent)  # for its owner only
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(sealed)
            now = time.time_ns()
            os.utime(partial, ns=(now, now))
            Path(partial).replace(path)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise

    def _evict(self) -> None:
        """Remove the longest unused entries until the rest fits, and what killed writers left."""
        assert self.folder is not None
        entries: list[tuple[int, str, int]] = []
        for path in self.folder.glob(f"??/*{ENTRY_SUFFIX}"):
            state = _state(path)
            if state is not None:
                entries.append((state.st_mtime_ns, str(path), state.st_size))
        total = sum(size for _, _, size in entries)
        for _, name, size in sorted(entries):
            if total <= self.limit_bytes:
                break
            Path(name).unlink(missing_ok=True)
            total -= size
        for path in self.folder.glob(f"??/*{_PARTIAL_SUFFIX}"):
            state = _state(path)
            if state is not None and time.time() - state.st_mtime > _ABANDONED_SECONDS:
                path.unlink(missing_ok=True)


def _check_key(key: str) -> None:
    if not _KEY.fullmatch(key):  # it becomes a file name
        raise ValueError(f"a key is 64 hexadecimal digits, not {key[:80]!r}")


def _sealed(key: str, tensors: Mapping[str, Tensor]) -> bytes:
    # Clones, because the format refuses tensors that share memory.
    payload = save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()})
    return _MAGIC + _digest(key, payload) + payload


def _opened(key: str, sealed: bytes) -> dict[str, Tensor] | None:
    head, payload = sealed[: len(_MAGIC) + _DIGEST_BYTES], sealed[len(_MAGIC) + _DIGEST_BYTES :]
    if head != _MAGIC + _digest(key, payload):
        return None
    try:
        return dict(load(payload))
    except SafetensorError:  # digested as it was written, by a library that wrote another format
        return None


def _digest(key: str, payload: bytes) -> bytes:
    # The key is part of it, so that a good file under another entry's name is refused.
    digest = hashlib.sha256(key.encode())
    digest.update(payload)
    return digest.digest()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        _log.warning("the cache entry %s cannot be read: %s", path, error)
        return None


def _state(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:  # another process was faster
        return None
