"""A file or a folder of shards becomes one table of tensors, and an index promises exactly what its files hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from flux2engine.errors import WeightsError
from flux2engine.weights.checkpoint import nonfinite, open_checkpoint
from flux2engine.weights.safetensors_file import write_tensors

INDEX = "model.safetensors.index.json"
ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a good folder of two shards."""
    write_tensors(tmp_path / ONE, {"a": torch.arange(4.0), "b": torch.ones(2, 2, dtype=torch.bfloat16)}, {"made": "1"})
    write_tensors(tmp_path / TWO, {"c": torch.full((3,), 7.0)}, {"by": "2"})
    write_index(tmp_path, {"a": ONE, "b": ONE, "c": TWO})
    return tmp_path


def write_index(folder: Path, weight_map: Any, **others: Any) -> None:
    """Write the index of a folder."""
    content = {"metadata": {"total_size": 36}, "weight_map": weight_map} | others
    (folder / INDEX).write_text(json.dumps(content), encoding="utf-8")


def test_shards_are_one_checkpoint(folder: Path) -> None:
    """The control of the refusals: every tensor is there with its form and its values."""
    checkpoint = open_checkpoint(folder)
    assert [path.name for path in checkpoint.files] == [ONE, TWO]
    assert {name: form.shape for name, form in checkpoint.forms.items()} == {"a": (4,), "b": (2, 2), "c": (3,)}
    assert checkpoint.forms["b"].dtype == torch.bfloat16
    assert checkpoint.forms["b"].nbytes == 8
    assert checkpoint.metadata == {"made": "1", "by": "2"}
    assert checkpoint.tensor("a").tolist() == [0, 1, 2, 3]
    assert checkpoint.tensor("c").tolist() == [7, 7, 7]
    assert nonfinite(checkpoint) == ()


def test_one_file_and_its_folder_are_the_same(tmp_path: Path) -> None:
    """A folder of one file needs no index; files of other kinds beside it do not matter."""
    path = tmp_path / "diffusion_pytorch_model.safetensors"
    write_tensors(path, {"a": torch.ones(2)})
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "._diffusion_pytorch_model.safetensors").write_bytes(b"\0\5\x16\7")
    assert open_checkpoint(path).forms == open_checkpoint(tmp_path).forms
    assert open_checkpoint(path).files == open_checkpoint(tmp_path).files == (path,)


def test_links_beside_the_index_are_followed(folder: Path, tmp_path: Path) -> None:
    """A cache that keeps bytes elsewhere and links to them is a folder like any other."""
    elsewhere = tmp_path / "blobs"
    elsewhere.mkdir()
    (folder / ONE).rename(elsewhere / "1f2e")
    (folder / ONE).symlink_to(elsewhere / "1f2e")
    assert open_checkpoint(folder).tensor("a").sum() == 6


def _without_a_shard(folder: Path) -> None:
    (folder / TWO).unlink()


def _outside(folder: Path) -> None:
    write_tensors(folder.parent / "x.safetensors", {"c": torch.ones(3)})
    write_index(folder, {"a": ONE, "b": ONE, "c": "../x.safetensors"})


def _in_two_files(folder: Path) -> None:
    write_tensors(folder / TWO, {"a": torch.ones(4), "c": torch.ones(3)})


def _swapped_files(folder: Path) -> None:
    (folder / ONE).rename(folder / "x")
    (folder / TWO).rename(folder / ONE)
    (folder / "x").rename(folder / TWO)


def _two_indices(folder: Path) -> None:
    (folder / "model.fp16.safetensors.index.json").write_text("{}", encoding="utf-8")


def _no_index(folder: Path) -> None:
    (folder / INDEX).unlink()


def _nothing(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _pickled(folder: Path) -> None:
    _nothing(folder)
    (folder / "pytorch_model.bin").write_bytes(b"PK")


def _whole_model(folder: Path) -> None:
    _nothing(folder)
    (folder / "model_index.json").write_text("{}", encoding="utf-8")


def _hostile(folder: Path) -> None:
    (folder / INDEX).write_bytes(b'{"weight_map":{"a":[' + b"[]," * 3_000_000 + b"[]]}}")


def _indexed(content: Any) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        (folder / INDEX).write_bytes(raw)

    return write


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a shard is missing": (_without_a_shard, rf"lacks files that {INDEX} names.*{TWO}"),
    "a file outside": (_outside, r"'\.\./x\.safetensors' is not the name of a safetensors file beside it"),
    "an absolute file": (
        _indexed({"weight_map": {"a": "/etc/x.safetensors"}}),
        r"'/etc/x\.safetensors' is not the name",
    ),
    "a file of another kind": (_indexed({"weight_map": {"a": "model.bin"}}), r"'model\.bin' is not the name"),
    "a promised key is missing": (
        lambda folder: write_index(folder, {"a": ONE, "b": ONE, "c": TWO, "d": TWO}),
        rf"disagree.*missing \(1\): d in {TWO}",
    ),
    "a key is not promised": (
        lambda folder: write_index(folder, {"a": ONE, "c": TWO}),
        rf"disagree.*unexpected \(1\): b in {ONE}",
    ),
    "a key in two files": (_in_two_files, rf"a is in two files: {ONE} and {TWO}"),
    "keys in each other's file": (_swapped_files, rf"disagree.*c in {TWO}"),
    "two indices": (_two_indices, "holds 2 indices"),
    "files without an index": (_no_index, "holds 2 safetensors files and no index"),
    "nothing": (_nothing, "holds no safetensors file"),
    "pickled weights": (_pickled, r"holds no safetensors file, only pickled weights.*pytorch_model\.bin"),
    "a whole diffusers folder": (_whole_model, "is a whole diffusers folder"),
    "an index that is not JSON": (_indexed(b"{"), "is not a usable index: it is not JSON"),
    "an index that is not UTF-8": (_indexed(b"\xff"), "is not a usable index: it is not UTF-8"),
    "an index that is a list": (_indexed([]), "is not a usable index: the JSON is not an object"),
    "an index without a map": (_indexed({"metadata": {}}), "has no weight_map"),
    "an empty map": (_indexed({"weight_map": {}}), "has no weight_map"),
    "a map of numbers": (_indexed({"weight_map": {"a": 1}}), "weight_map is not a table of strings"),
    "a map of nine megabytes": (_hostile, "weight_map is not a table of strings"),
    "an index of eleven megabytes": (_indexed(b" " * 11_000_000), "larger than 10000000 bytes"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_folder_is_refused(fault: str, folder: Path) -> None:
    """Each fault of a folder is one sentence that names it."""
    spoil, message = FAULTS[fault]
    spoil(folder)
    with pytest.raises(WeightsError, match=message):
        open_checkpoint(folder)


def test_a_missing_path(tmp_path: Path) -> None:
    """A path that is not there is a WeightsError."""
    with pytest.raises(WeightsError, match="cannot be read"):
        open_checkpoint(tmp_path / "nowhere")


def test_values_that_are_not_finite_are_named(tmp_path: Path) -> None:
    """Opening looks at no value; asking names every tensor that is not finite."""
    bad = torch.ones(5)
    bad[3] = float("nan")
    write_tensors(tmp_path / "x.safetensors", {"good": torch.ones(2), "bad": bad, "count": torch.tensor(3)})
    checkpoint = open_checkpoint(tmp_path)
    assert nonfinite(checkpoint) == ("bad",)


def test_writing_to_a_tensor_leaves_the_file(folder: Path) -> None:
    """Maps are private: two reads of one tensor do not see each other."""
    checkpoint = open_checkpoint(folder)
    before = (folder / ONE).read_bytes()
    checkpoint.tensor("a").fill_(9)
    assert checkpoint.tensor("a").tolist() == [0, 1, 2, 3]
    assert (folder / ONE).read_bytes() == before
