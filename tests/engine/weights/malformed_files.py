"""Malformed weights files, made here: the kinds of the malformed corpus under its names, and larger ones.

Every kind is one fault in an otherwise good file, so that the refusal has one reason.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

GOOD = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
ONE = struct.pack("<f", 1.0)
GIB = 1 << 30


def file_bytes(header: Any, data: bytes = ONE, length: int | None = None) -> bytes:
    """Return a file of a header (JSON or raw bytes) and data; `length` is what the file says of the header."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def entry(**changes: Any) -> dict[str, Any]:
    """Return a header of one tensor with some fields changed."""
    return {"a": GOOD | changes}


class _Canary:
    """Run a command when unpickled; nothing here ever does."""

    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('a pickle was loaded')",)


def _zip() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(_Canary(), protocol=2))
    return held.getvalue()


_GOOD_JSON = json.dumps(GOOD).encode()

SMALL: dict[str, bytes] = {
    "array-hdr": file_bytes([1, 2], b""),
    "bad-dtype": file_bytes(entry(dtype="PICKLE")),
    "deep-json": file_bytes(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}", b""),
    "dup-key": file_bytes(b'{"a":%s,"a":%s}' % (_GOOD_JSON, _GOOD_JSON)),
    "empty-file": file_bytes(b"", b""),
    "fp4-odd": file_bytes(entry(dtype="F4", shape=[3], data_offsets=[0, 2]), b"\0\0"),
    "hdr-past-eof": file_bytes(entry(), length=5000),
    "hdr-too-large": file_bytes(entry(), length=2**63),
    "hole": file_bytes({"a": GOOD, "b": GOOD | {"data_offsets": [8, 12]}}, b"\0" * 12),
    "huge-shape0": file_bytes(entry(shape=[0, 2**62], data_offsets=[0, 0]), b""),
    "meta-nonstr": file_bytes({"__metadata__": {"a": 1}} | entry()),
    "name-ctrl": file_bytes({"a\x1b[31m\u202e": GOOD}),
    "name-traversal": file_bytes({"../../../etc/x": GOOD}),
    "nan": file_bytes(entry(), struct.pack("<f", float("nan"))),
    "neg-offset": file_bytes(entry(data_offsets=[-4, 0])),
    "neg-shape": file_bytes(entry(shape=[-1])),
    "not-json": file_bytes(b"{abc", b""),
    "not-utf8": file_bytes(b"\xff\xfe{}", b""),
    "null-hdr": file_bytes(None, b""),
    "oob": file_bytes(entry(data_offsets=[0, 4000])),
    "overlap": file_bytes(
        {"a": GOOD | {"shape": [2], "data_offsets": [0, 8]}, "b": GOOD | {"shape": [2], "data_offsets": [4, 12]}},
        b"\0" * 12,
    ),
    "pickle-renamed": pickle.dumps(_Canary(), protocol=4),
    "shape-overflow": file_bytes(entry(shape=[4194305, 4194305, 211106198978564], data_offsets=[0, 16]), b"\0" * 16),
    "short": b"\1\2\3",
    "swap-offset": file_bytes(entry(data_offsets=[4, 0])),
    "trailing": file_bytes(entry(), b"\0" * 400),
    "zero-size-reuse": file_bytes({"z": GOOD | {"shape": [0], "data_offsets": [0, 0]}} | entry()),
    "zero": b"",
    "zip-renamed": _zip(),
    # Not in the corpus.
    "pickle-protocol-2": pickle.dumps(_Canary(), protocol=2),
    "gguf-renamed": b"GGUF\x03\0\0\0" + b"\0" * 64,
    "text-renamed": b"These are the weights you asked for.\n" * 4,
    "lfs-pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7751100000\n",
    "web-page": b"<!DOCTYPE html><html><body>Sign in to download</body></html>",
    "infinite": file_bytes(entry(), struct.pack("<f", float("inf"))),
    "repeated-field": file_bytes(b'{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}'),
    "nan-in-header": file_bytes(b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}'),
    "extra-field": file_bytes(entry(extra=1)),
    "missing-field": file_bytes({"a": {"dtype": "F32", "shape": [1]}}),
    "dtype-number": file_bytes(entry(dtype=3)),
    "shape-true": file_bytes(entry(shape=[True])),
    "shape-float": file_bytes(entry(shape=[1.0])),
    "rank-9": file_bytes(entry(shape=[1] * 9)),
    "same-bytes-twice": file_bytes({"a": GOOD, "b": GOOD}),
    "long-name": file_bytes({"a" * 300: GOOD}),
    "two-metadata": file_bytes(b'{"__metadata__":{},"__metadata__":{},"a":%s}' % _GOOD_JSON),
    "half-surrogate": file_bytes(b'{"__metadata__":{"a":"\\ud800"},"a":%s}' % _GOOD_JSON),
    "two-objects": file_bytes(b'{"a":%s}{}' % _GOOD_JSON),
    "no-tensors": file_bytes({}, b""),
    "big-endian": struct.pack(">Q", len(_GOOD_JSON) + 6) + b'{"a":%s}' % _GOOD_JSON + ONE,
}


def _header_of(size: int, body: bytes) -> bytes:
    return struct.pack("<Q", size) + body + b" " * (size - len(body))


def _huge_sparse(path: Path) -> None:
    """Write 5 GiB of nothing whose header promises one tensor of 4 GiB."""
    header = json.dumps(entry(shape=[GIB], data_offsets=[0, 4 * GIB])).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(5 * GIB)


def _many_tensors(path: Path) -> None:
    """Write a header of 9.9 MB that names one tensor more than is allowed, tiled as it should be."""
    spans = (
        f'"{index:0240}":{{"dtype":"U8","shape":[1],"data_offsets":[{index},{index + 1}]}}' for index in range(20_001)
    )
    path.write_bytes(_header_of(9_900_000, ("{" + ",".join(spans) + "}").encode()) + b"\0" * 20_001)


def _many_lists(path: Path) -> None:
    """Write a header of 9.9 MB that a JSON library turns into 3.3 million lists."""
    path.write_bytes(_header_of(9_900_000, b'{"a":[' + b"[]," * 3_299_990 + b"[]]}"))


def _many_names(path: Path) -> None:
    """Write a header of 9.9 MB that holds two thirds of a million empty entries."""
    body = ",".join(f'"{index:x}":{{}}' for index in range(850_000)).encode()
    path.write_bytes(_header_of(9_900_000, b"{" + body[:9_899_000] + b"}"))


def _much_metadata(path: Path) -> None:
    """Write a header of 9.9 MB whose metadata holds three quarters of a million strings."""
    body = ",".join(f'"{index:x}":""' for index in range(750_000)).encode()
    path.write_bytes(_header_of(9_900_000, b'{"__metadata__":{' + body[:9_800_000] + b"}}"))


LARGE: dict[str, Callable[[Path], None]] = {
    "huge-sparse": _huge_sparse,
    "many-tensors": _many_tensors,
    "many-lists": _many_lists,
    "many-names": _many_names,
    "much-metadata": _much_metadata,
}


def write_all(folder: Path) -> None:
    """Write every malformed file into `folder`."""
    for name, data in SMALL.items():
        (folder / f"{name}.safetensors").write_bytes(data)
    for name, write in LARGE.items():
        write(folder / f"{name}.safetensors")


def write_good(folder: Path) -> None:
    """Write the controls: a small good file, and one of 5 GiB (sparse) whose header tells the truth."""
    (folder / "good.safetensors").write_bytes(file_bytes({"__metadata__": {"a": "b"}} | entry()))
    header = json.dumps(entry(shape=[GIB + GIB // 4], data_offsets=[0, 5 * GIB])).encode()
    with (folder / "good-huge.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + 5 * GIB)
