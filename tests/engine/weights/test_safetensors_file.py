"""Weights are read strictly: what is not exactly right is refused, by name."""

from __future__ import annotations

import os
import random
import struct
from collections import Counter
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from flux2engine.errors import UnknownLayoutError, WeightsError
from flux2engine.transformer import Flux2Transformer
from flux2engine.weights import safetensors_file
from flux2engine.weights.digest import file_digest, files_digest
from flux2engine.weights.official import load_module, load_state, load_transformer, official_names
from flux2engine.weights.safetensors_file import (
    DTYPES,
    is_finite,
    read_header,
    read_tensor,
    read_tensors,
    write_tensors,
)
from tests.engine.parity.peer import transformer_config
from tests.engine.weights.malformed_files import SMALL, entry, file_bytes


def test_a_good_file_is_read(tmp_path: Path) -> None:
    """The control of the refusals: the same file without a fault is read."""
    path = tmp_path / "good.safetensors"
    path.write_bytes(file_bytes({"__metadata__": {"a": "b"}} | entry()))
    assert read_tensors(path)["a"].tolist() == [1.0]
    assert read_header(path).metadata == {"a": "b"}


@pytest.mark.parametrize("length", [640, 896, 1152, 1408, 640 + (1 << 16)])
def test_a_header_as_long_as_a_pickle_begins(length: int, tmp_path: Path) -> None:
    """A header's length may be, byte for byte, what a pickle begins with: the file is read all the same."""
    raw = file_bytes({"__metadata__": {"a": "b"}} | entry())
    old = int.from_bytes(raw[:8], "little")
    path = tmp_path / "good.safetensors"
    path.write_bytes(struct.pack("<Q", length) + raw[8 : 8 + old] + b" " * (length - old) + raw[8 + old :])
    assert path.read_bytes()[:1] == b"\x80"
    assert path.read_bytes()[1] in (2, 3, 4, 5)
    assert read_tensors(path)["a"].tolist() == [1.0]
    assert load_file(path)["a"].tolist() == [1.0]


@pytest.mark.parametrize("name", ["nan", "infinite", "hole"])
def test_reading_refuses(name: str, tmp_path: Path) -> None:
    """A folder's own weights are refused with the file's name; test_malformed has the whole table of headers."""
    path = tmp_path / "bad.safetensors"
    path.write_bytes(SMALL[name])
    with pytest.raises(WeightsError, match=r"bad\.safetensors"):
        read_tensors(path)


@pytest.mark.parametrize("name", ["float8_e5m2", "float16", "bfloat16", "float64"])
def test_a_value_that_is_not_finite_is_found_anywhere(name: str) -> None:
    """The last of many values counts as much as the first, in every float dtype; whole numbers are always finite."""
    values = torch.ones(9_000_000, dtype=getattr(torch, name))
    assert is_finite(values)
    values[-1] = float("inf")
    assert not is_finite(values)
    assert is_finite(torch.ones(3, dtype=torch.int64))


def test_a_file_that_shrinks_is_refused(tmp_path: Path) -> None:
    """A file cut after its header was read is an error, not a killed process."""
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": torch.ones(4096)})
    header = read_header(path)
    assert read_tensor(path, header, header.entries[0]).sum() == 4096
    os.truncate(path, 1000)
    with pytest.raises(WeightsError, match="has changed since it was opened"):
        read_tensor(path, header, header.entries[0])


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    """Something that is not a file is refused without being opened."""
    os.mkfifo(tmp_path / "pipe.safetensors")
    with pytest.raises(WeightsError, match="not a regular file"):
        read_header(tmp_path / "pipe.safetensors")


def test_too_many_tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of tensors is bounded."""
    path = tmp_path / "many.safetensors"
    write_tensors(path, {f"t{index}": torch.zeros(1) for index in range(5)})
    assert len(read_tensors(path)) == 5
    monkeypatch.setattr(safetensors_file, "MAX_TENSORS", 4)
    with pytest.raises(WeightsError, match="more than 4 tensors"):
        read_tensors(path)


def test_a_missing_file() -> None:
    """A file that is not there is a WeightsError, not an OSError."""
    with pytest.raises(WeightsError, match="cannot be read"):
        read_tensors(Path("nowhere.safetensors"))


def test_every_dtype_survives(tmp_path: Path) -> None:
    """What is written is read back, by us and by the safetensors library, and so is what the library writes."""
    tensors = {
        f"t.{name.lower()}": torch.arange(6).reshape(2, 3).remainder(2).to(dtype) for name, dtype in DTYPES.items()
    } | {"scalar": torch.tensor(3.5)}
    ours, theirs = tmp_path / "ours.safetensors", tmp_path / "theirs.safetensors"
    write_tensors(ours, tensors, {"made": "here"})
    save_file(tensors, theirs)
    for again in (read_tensors(ours), read_tensors(theirs), load_file(ours)):
        assert again.keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert again[name].dtype == tensor.dtype
            assert torch.equal(again[name].float(), tensor.float()), name


def test_equal_tensors_give_equal_bytes(tmp_path: Path) -> None:
    """Writing does not depend on the order of the names."""
    tensors = {"b": torch.ones(3), "a": torch.zeros(2)}
    for name, given in (("one", tensors), ("two", dict(reversed(tensors.items())))):
        write_tensors(tmp_path / name, given)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_changing_a_tensor_leaves_the_file(tmp_path: Path) -> None:
    """Tensors are mapped privately."""
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": torch.zeros(4)})
    before = path.read_bytes()
    read_tensors(path)["a"].fill_(7)
    assert path.read_bytes() == before


def test_missing_unexpected_and_mismatched_are_named() -> None:
    """One error names all three, in full on the exception and shortened in the message."""
    module = nn.Linear(2, 3)
    with pytest.raises(WeightsError) as caught:
        load_state(module, {"weight": torch.zeros(3, 5), "extra": torch.zeros(1)}, "x.safetensors")
    assert caught.value.missing == ("bias",)
    assert caught.value.unexpected == ("extra",)
    assert caught.value.mismatched == ("weight (3, 5) instead of (3, 2)",)
    for word in ("x.safetensors", "bias", "extra", "(3, 5) instead of (3, 2)"):
        assert word in str(caught.value)


def test_whole_numbers_are_not_cast() -> None:
    """Packed weights of the right shape are refused; halves of the right shape are cast."""
    module = nn.Linear(2, 3, bias=False)
    load_state(module, {"weight": torch.ones(3, 2, dtype=torch.float16)}, "x")
    assert module.weight.dtype == torch.float32
    with pytest.raises(WeightsError, match=r"weight \(3, 2\) of torch.uint8 instead of \(3, 2\)"):
        load_state(module, {"weight": torch.ones(3, 2, dtype=torch.uint8)}, "x")


def test_nothing_is_loaded_when_something_is_wrong() -> None:
    """A refused load leaves the module as it was."""
    module = nn.Linear(2, 3)
    before = module.weight.clone()
    with pytest.raises(WeightsError):
        load_state(module, {"weight": torch.zeros(3, 2)}, "x")
    assert torch.equal(module.weight, before)


def test_long_lists_are_shortened() -> None:
    """The message stays readable."""
    with pytest.raises(WeightsError, match="and 10 more"):
        load_state(nn.Linear(1, 1, bias=False), {f"k{index}": torch.zeros(1) for index in range(20)}, "x")


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model.", "diffusion_model."])
@pytest.mark.parametrize("suffix", ["scale", "weight"])
def test_official_spellings_load(prefix: str, suffix: str, tmp_path: Path) -> None:
    """Files with the known prefixes and norm suffixes give the same transformer."""
    source, target = Flux2Transformer(transformer_config(True)), Flux2Transformer(transformer_config(True))
    path = tmp_path / "flux2.safetensors"
    spelled = {
        prefix + (name.removesuffix("scale") + suffix if name.endswith("_norm.scale") else name): tensor
        for name, tensor in source.state_dict().items()
    }
    write_tensors(path, spelled)
    load_transformer(target, path)
    assert all(torch.equal(a, b) for a, b in zip(source.parameters(), target.parameters(), strict=True))


def test_another_prefix_does_not() -> None:
    """The control: an unknown prefix is an unknown layout, and so are diffusers' names, said in so many words."""
    name = "double_stream_modulation_img.lin.weight"
    with pytest.raises(UnknownLayoutError, match=r"no FLUX\.2 transformer"):
        official_names({"other." + name: torch.zeros(1)})
    with pytest.raises(UnknownLayoutError, match="diffusers layout"):
        official_names({"transformer_blocks.0.attn.to_q.weight": torch.zeros(1)})


def test_the_batch_counter_is_ignored(tmp_path: Path) -> None:
    """Official autoencoder files may carry a counter that nothing uses; any other stranger is refused."""

    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bn = nn.Module()
            self.bn.register_buffer("running_mean", torch.zeros(2))

    path = tmp_path / "ae.safetensors"
    write_tensors(path, {"bn.running_mean": torch.ones(2), "bn.num_batches_tracked": torch.tensor(3)})
    module = Holder()
    load_module(module, path)
    assert module.bn.running_mean.tolist() == [1.0, 1.0]
    write_tensors(path, {"bn.running_mean": torch.ones(2), "bn.other": torch.tensor(3)})
    with pytest.raises(WeightsError, match=r"bn\.other"):
        load_module(module, path)


def test_digests(tmp_path: Path) -> None:
    """A digest follows bytes and names, not order."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"abc")
    two.write_bytes(b"def")
    assert file_digest(one) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    both = files_digest([one, two])
    assert both == files_digest([two, one])
    two.write_bytes(b"deg")
    assert files_digest([one, two]) != both


def _mutated(draw: random.Random, good: bytes) -> bytes:
    """Change, drop, double or insert a few bytes, mostly in the header, and mostly with the length put right."""
    data = bytearray(good)
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(8, len(data))
        change = draw.randrange(4)
        if change == 0:
            data[at] = draw.choice(b'{}[]",:0123456789-eE.\\ \x00\xffatrue')
        elif change == 1:
            del data[at : at + draw.randint(1, 6)]
        elif change == 2:
            data[at:at] = data[at : at + draw.randint(1, 30)]
        else:
            data[at:at] = draw.choice([b"null", b"NaN", b"1e400", b"-1", b"9" * 30, b'"\\u0000"', b"[[", b"}}", b","])
    if draw.random() < 0.8:
        data[:8] = struct.pack("<Q", max(0, len(data) - 8 - 8))
    return bytes(data)


def test_random_damage_is_refused_or_harmless(tmp_path: Path) -> None:
    """Of 1500 damaged files (seed 1) each is refused by a WeightsError or opens as the safetensors library opens it."""
    good = file_bytes(
        {
            "__metadata__": {"format": "pt", "made": "here"},
            "a.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
            "b": {"dtype": "BF16", "shape": [1, 2], "data_offsets": [4, 8]},
        },
        b"\0\0\x80?" * 2,
    )
    draw = random.Random(1)
    path = tmp_path / "x.safetensors"
    outcomes: Counter[str] = Counter()
    for _ in range(1500):
        path.write_bytes(_mutated(draw, good))
        try:
            header = read_header(path)
        except WeightsError:
            outcomes["refused"] += 1
            continue
        outcomes["opened"] += 1
        with safe_open(path, "pt") as theirs:
            assert {entry.name: entry.shape for entry in header.entries} == {
                name: tuple(theirs.get_slice(name).get_shape())
                for name in theirs.keys()  # noqa: SIM118 (not a dict)
            }
    assert outcomes["refused"] > 1000
    assert outcomes["opened"] > 30, outcomes
