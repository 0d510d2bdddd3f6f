"""GGUF headers: what the `gguf` package writes is read, malformed ones are refused for their reason, at little cost."""

from __future__ import annotations

import os
import struct
import time
import tracemalloc
from pathlib import Path

import gguf
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flux2engine.errors import WeightsError
from flux2engine.weights.formats import open_weights
from flux2engine.weights.gguf_file import BLOCKS, is_gguf, read_gguf_header
from flux2engine.weights.safetensors_file import MAX_TENSORS
from tests.engine.weights.gguf_files import NUMBERS, Packed, file_bytes, pack, pair, tensor_header, text, write_gguf

MOST = 2_000_000  # bytes that refusing a file may take
STRING, LIST, U8, U32, U64 = 8, 9, 0, 4, 10
NESTED = struct.pack("<IQ", LIST, 1) + struct.pack("<IQ", U8, 1) + b"\0"


def listed(kind: int, count: int, body: bytes = b"") -> bytes:
    """Return a list that says it has so many members."""
    return struct.pack("<IQ", kind, count) + body


def two(second_start: int, data: int = 64) -> bytes:
    """Return a file of two tensors of 32 bytes."""
    return file_bytes([tensor_header(b"a"), tensor_header(b"b", start=second_start)], data=b"\0" * data)


def test_types_are_ggmls() -> None:
    """Numbers, names and block sizes are those of the package."""
    for number, block in BLOCKS.items():
        theirs = gguf.GGMLQuantizationType(number)
        assert (block.name, (block.values, block.nbytes)) == (theirs.name, gguf.GGML_QUANT_SIZES[theirs])


def test_a_written_file_is_read(tmp_path: Path) -> None:
    """Names, shapes, types and the bytes of every tensor come back; lists and long text are stepped over."""
    values = torch.arange(3 * 64, dtype=torch.float32).reshape(3, 64) / 100
    tensors = {name: pack(values, name) for name in ("F32", "F16", "BF16", "Q8_0", "Q4_0")}
    tensors["cube"] = Packed("F32", values.reshape(3, 4, 16).numpy(), (3, 4, 16))
    vocabulary = {"tokenizer.ggml.tokens": [f"token {index}" for index in range(1000)], "tokenizer.ggml.scores": [1, 2]}
    long_text = {"tokenizer.chat_template": "x" * 20_000, "general.name": "FLUX.2 klein – 4B", "flux.heads": 24}
    path = write_gguf(tmp_path / "a.gguf", tensors, metadata=vocabulary | long_text)
    header = read_gguf_header(path)
    kept = {"general.architecture": "flux", "general.name": "FLUX.2 klein – 4B", "flux.heads": "24"}
    assert header.metadata == kept
    theirs = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    assert set(header.tensors) == set(theirs) == set(tensors)
    data = path.read_bytes()
    for name, tensor in header.tensors.items():
        assert tensor.block.name == tensors[name].type == theirs[name].tensor_type.name
        assert tensor.shape == tensors[name].shape == tuple(reversed(theirs[name].shape.tolist()))
        start, end = (header.stored.data_start + offset for offset in (tensor.stored.start, tensor.stored.end))
        assert (start, end - start) == (theirs[name].data_offset, theirs[name].n_bytes)
        assert data[start:end] == tensors[name].data.tobytes()


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("alignment", [None, 8, 64])
def test_versions_and_alignments(version: int, alignment: int | None, tmp_path: Path) -> None:
    """Versions 2 and 3 are one layout; the data starts, and tensors follow each other, at the alignment's multiples."""
    pairs = [] if alignment is None else [pair(b"general.alignment", U32, struct.pack("<I", alignment))]
    step = alignment or 32
    tensor_headers = [tensor_header(b"a", (3,)), tensor_header(b"b", (1,), start=-(-12 // step) * step)]
    data = struct.pack("<3f", 1, 2, 3) + b"\0" * (-12 % step) + struct.pack("<f", 4)
    (tmp_path / "a.gguf").write_bytes(file_bytes(tensor_headers, pairs, data, version=version, alignment=step))
    source = open_weights(tmp_path / "a.gguf")
    assert source.tensor("a").tolist() == [1, 2, 3]
    assert source.tensor("b").tolist() == [4]


ONE_TENSOR = file_bytes()
MALFORMED: dict[str, tuple[bytes, str]] = {
    "only-magic": (b"GGUF", "the version ends after the file does"),
    "version-1": (file_bytes(version=1), "it is of version 1; versions 2 and 3, little-endian, are read"),
    "version-4": (file_bytes(version=4), "it is of version 4;"),
    "big-endian": (file_bytes(version=3 << 24), "it is of version 3 in big-endian order"),
    "no-tensors": (file_bytes([], data=b""), "it claims 0 tensors"),
    "tensors-2^63": (file_bytes(tensors=1 << 63), f"there must be 1 to {MAX_TENSORS}"),
    "tensors-more-than-there-are": (file_bytes(tensors=2, data=b""), "a tensor's name ends after the file does"),
    "metadata-2^64": (file_bytes(metadata=(1 << 64) - 1), "metadata, more than 10000"),
    "string-2^60": (file_bytes(pairs=[pair(b"k", STRING, struct.pack("<Q", 1 << 60))]), "k ends after the file does"),
    "key-2^60": (file_bytes(pairs=[text(b"k", 1 << 60)]), "the key of metadata 1 claims 1152921504606846976 bytes"),
    "name-2^60": (file_bytes([text(b"a", 1 << 60)]), "a tensor's name claims 1152921504606846976 bytes"),
    "list-2^60": (file_bytes(pairs=[pair(b"k", LIST, listed(U64, 1 << 60))]), "the list k ends after the file does"),
    "list-of-2^60-strings": (file_bytes(pairs=[pair(b"k", LIST, listed(STRING, 1 << 60))]), "strings"),
    "string-2^60-in-a-list": (
        file_bytes(pairs=[pair(b"k", LIST, listed(STRING, 1, struct.pack("<Q", 1 << 60)))]),
        "the list k ends after the file does",
    ),
    "nested-lists": (file_bytes(pairs=[pair(b"k", LIST, NESTED)]), "the list k holds lists"),
    "list-of-unknown": (file_bytes(pairs=[pair(b"k", LIST, listed(77, 1))]), "the list k holds the unknown type 77"),
    "unknown-metadata": (file_bytes(pairs=[pair(b"k", 13, b"\0" * 8)]), "the metadata k is of the unknown type 13"),
    "key-twice": (file_bytes(pairs=[pair(b"k", U8, b"\1")] * 2), "the metadata k is in it twice"),
    "key-with-control": (file_bytes(pairs=[pair(b"k\x1b[31m", U8, b"\1")]), "is not a key of metadata"),
    "empty-key": (file_bytes(pairs=[pair(b"", U8, b"\1")]), "is not a key of metadata"),
    "text-not-utf-8": (file_bytes(pairs=[pair(b"k", STRING, text(b"\xff\xfe"))]), "the metadata k is not UTF-8"),
    "alignment-0": (file_bytes(pairs=[pair(b"general.alignment", U32, b"\0" * 4)]), "general.alignment is 0;"),
    "alignment-24": (file_bytes(pairs=[pair(b"general.alignment", U8, b"\x18")]), "general.alignment is 24;"),
    "alignment-4": (file_bytes(pairs=[pair(b"general.alignment", U8, b"\4")]), "general.alignment is 4;"),
    "alignment-2^17": (
        file_bytes(pairs=[pair(b"general.alignment", U32, struct.pack("<I", 1 << 17))]),
        "general.alignment is 131072;",
    ),
    "alignment-2^31": (
        file_bytes(pairs=[pair(b"general.alignment", U32, struct.pack("<I", 1 << 31))]),
        "it must be a power of two from 8 to 65536",
    ),
    "alignment-text": (
        file_bytes(pairs=[pair(b"general.alignment", STRING, text(b"9" * 4096))]),
        "it must be a power of two",
    ),
    "one-of-parts": (file_bytes(pairs=[pair(b"split.count", U8, b"\3")]), "one of 3 parts; join them first"),
    "split-text": (file_bytes(pairs=[pair(b"split.count", STRING, text(b"many"))]), "one of many parts"),
    "name-traversal": (file_bytes([tensor_header(b"../../etc/x")]), "is not a tensor name"),
    "name-control": (file_bytes([tensor_header(b"a\x1b[31m")]), "is not a tensor name"),
    "name-long": (file_bytes([tensor_header(b"a" * 300)]), "a tensor's name claims 300 bytes"),
    "name-twice": (file_bytes([tensor_header(), tensor_header(start=32)], data=b"\0" * 64), "a is in it twice"),
    "rank-0": (file_bytes([tensor_header(sizes=())]), "a has 0 dimensions"),
    "rank-5": (file_bytes([tensor_header(sizes=[1] * 5)]), "a has 5 dimensions"),
    "rank-2^32": (file_bytes([text(b"a") + b"\xff" * 4]), "a has 4294967295 dimensions"),
    "size-0": (file_bytes([tensor_header(sizes=[8, 0])]), "a has rows of 8 values"),
    "sizes-overflow": (file_bytes([tensor_header(sizes=[1 << 62, 1 << 62, 8])]), "the data has 32"),
    "iq2": (
        file_bytes([tensor_header(sizes=[256], number=16)]),
        "a is of the type IQ2_XXS, which is not read; F32, F16",
    ),
    "type-unknown": (file_bytes([tensor_header(number=999)]), "a is of the unknown type 999"),
    "row-not-whole-blocks": (
        file_bytes([tensor_header(sizes=[48, 2], number=NUMBERS["Q8_0"])], data=b"\0" * 128),
        "a has rows of 48 values in Q8_0, which packs 32 at a time",
    ),
    "offset-unaligned": (two(36, 68), "b starts at 36, expected 32"),
    "overlap": (two(0), "b starts at 0, expected 32"),
    "hole": (two(64, 96), "b starts at 64, expected 32 (a hole or an overlap)"),
    "offset-2^64": (two((1 << 64) - 32), "b starts at 18446744073709551584, expected 32"),
    "truncated-data": (ONE_TENSOR[:-1], "the tensors take 32 bytes and the data has 31"),
    "truncated-header": (file_bytes([tensor_header(b"long-name")])[:40], "ends after the file does"),
    "no-data": (file_bytes(data=b""), "the tensors take 32 bytes and the data has 0"),
    "tail": (ONE_TENSOR + b"\0", "the tensors take 32 bytes and the data has 33"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_files_are_refused_at_little_cost(name: str, tmp_path: Path) -> None:
    """Each is refused by its name, for its own reason, before 2 MB are allocated."""
    raw, words = MALFORMED[name]
    path = tmp_path / "model.gguf"
    path.write_bytes(raw)
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError) as refused:
            open_weights(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(refused.value).startswith("model.gguf is not a usable GGUF file: ")
    assert words in str(refused.value)
    assert peak < MOST


def test_the_control_opens(tmp_path: Path) -> None:
    """The file that every malformed one differs from by one fault is good."""
    path = tmp_path / "model.gguf"
    path.write_bytes(ONE_TENSOR)
    assert open_weights(path).tensor("a").tolist() == [0.0] * 8
    path.write_bytes(two(32))
    assert list(open_weights(path).forms) == ["a", "b"]


LARGE = {
    # A GiB of real file, all of it claimed by one thing or very many.
    "string": (pair(b"k", STRING, struct.pack("<Q", 1 << 29)), "the header takes more than 64000000 bytes"),
    "list": (pair(b"k", LIST, listed(U64, 1 << 26)), "the header takes more than 64000000 bytes"),
    "empty-strings": (pair(b"k", LIST, listed(STRING, 1 << 26)), "its lists claim more than 2000000 strings"),
    "key": (text(b"", 1 << 29), "the key of metadata 1 claims"),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_file_cannot_make_the_header_large(name: str, tmp_path: Path) -> None:
    """What a header claims is refused although the file is large enough for it; a careless reader shows the measure."""
    raw, words = LARGE[name]
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + raw)
    os.truncate(path, 1 << 30)
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match=words):
            read_gguf_header(path)
        _, peak = tracemalloc.get_traced_memory()
        with path.open("rb") as file:
            file.read(4 * MOST)
        _, careless = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST < careless


def test_a_vocabulary_is_stepped_over(tmp_path: Path) -> None:
    """The half million strings of a language model take seconds, and no memory however many they are."""
    path = tmp_path / "model.gguf"
    path.write_bytes(file_bytes(pairs=[pair(b"k", LIST, listed(STRING, 500_000, text(b"abc") * 500_000))]))
    start = time.process_time()
    read_gguf_header(path)
    assert time.process_time() - start < 10  # 0.23 s where it was measured
    path.write_bytes(file_bytes(pairs=[pair(b"k", LIST, listed(STRING, 20_000, text(b"abc" * 100) * 20_000))]))
    assert path.stat().st_size > 2 * MOST
    tracemalloc.start()
    try:
        read_gguf_header(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe is refused without being opened, and a file that is not there by its name."""
    os.mkfifo(tmp_path / "pipe.gguf")
    assert not is_gguf(tmp_path / "pipe.gguf")
    with pytest.raises(WeightsError, match=r"pipe\.gguf .*not a regular file"):
        open_weights(tmp_path / "pipe.gguf")
    with pytest.raises(WeightsError, match=r"absent\.gguf cannot be read"):
        open_weights(tmp_path / "absent.gguf")
    with pytest.raises(WeightsError, match=r"absent\.gguf cannot be read"):
        read_gguf_header(tmp_path / "absent.gguf")


def test_a_file_that_shrinks_is_refused(tmp_path: Path) -> None:
    """Reading beyond the end would kill the process: a tensor of a file that changed is refused."""
    path = tmp_path / "model.gguf"
    path.write_bytes(ONE_TENSOR)
    source = open_weights(path)
    os.truncate(path, len(ONE_TENSOR) - 8)
    with pytest.raises(WeightsError, match="has changed since it was opened"):
        source.tensor("a")


FUZZED = file_bytes(
    [
        tensor_header(b"a", (32, 2), NUMBERS["Q8_0"]),
        tensor_header(b"blk.0.attn_q.weight", (4, 4), NUMBERS["F16"], start=96),
    ],
    [
        pair(b"general.architecture", STRING, text(b"llama")),
        pair(b"llama.attention.head_count", U32, struct.pack("<I", 2)),
        pair(b"tokens", LIST, listed(STRING, 2, text(b"x") + text(b"yz"))),
        pair(b"general.alignment", U32, struct.pack("<I", 32)),
    ],
    b"\0" * 128,
)
_SEEN: set[str] = set()


@settings(max_examples=250, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    edits=st.lists(st.tuples(st.integers(0, len(FUZZED) - 1), st.integers(0, 255)), max_size=4),
    length=st.one_of(st.just(len(FUZZED)), st.integers(0, len(FUZZED))),
    inserted=st.binary(max_size=4),
    at=st.integers(0, len(FUZZED)),
)
def _fuzz(path: Path, edits: list[tuple[int, int]], length: int, inserted: bytes, at: int) -> None:
    raw = bytearray(FUZZED)
    for position, value in edits:
        raw[position] = value
    path.write_bytes(bytes(raw[:at] + inserted + raw[at:])[:length])
    try:
        source = open_weights(path)
    except WeightsError as error:
        _SEEN.add("refused" if path.name in str(error) else str(error))
        return
    for name, form in source.forms.items():
        assert source.tensor(name).shape == form.shape
    _SEEN.add("opened")


def test_only_weights_errors_come_out(tmp_path: Path) -> None:
    """Bytes changed, put in or cut off give a file that is refused by name, or one whose every tensor can be read."""
    _SEEN.clear()
    _fuzz(tmp_path / "model.gguf")
    assert sorted(_SEEN) == ["opened", "refused"]
