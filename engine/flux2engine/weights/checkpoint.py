"""A .safetensors file, or a folder of shards, → named tensors that are mapped from disk one by one when asked for.

Opening reads headers only. Knows no layout, follows no path that an index names, and never leaves its folder.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import torch
from torch import Tensor

from flux2engine.errors import WeightsError
from flux2engine.weights.bounded_json import MalformedError, flat_object, members, table_of_strings
from flux2engine.weights.safetensors_file import (
    MAX_TENSORS,
    Header,
    TensorEntry,
    is_finite,
    read_header,
    read_tensor,
)

INDEX_ENDING = ".safetensors.index.json"
MAX_INDEX_BYTES = 10_000_000
MAX_SHARDS = 1000
_PICKLED = (".bin", ".pt", ".pth", ".ckpt")
_SHARD_NAME = re.compile(r"[\w.\-]+\.safetensors", re.ASCII)


@dataclass(frozen=True)
class TensorForm:
    """Give one tensor's dtype and shape."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Return the size on disk."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class PackedForm:
    """Say how a weight is packed in its file: the format's name, and its bytes with all scales."""

    format: str
    nbytes: int


class WeightSource(Protocol):
    """Hand out the tensors of a file by name: as they stand there, or unpacked from a quantised format."""

    @property
    def name(self) -> str:
        """Return what messages call it."""
        ...

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the files that hold the tensors."""
        ...

    @property
    def forms(self) -> Mapping[str, TensorForm]:
        """Return the dtype and shape of every tensor that `tensor` hands out."""
        ...

    @property
    def packed(self) -> Mapping[str, PackedForm]:
        """Return how those of the tensors are packed that are."""
        ...

    @property
    def metadata(self) -> Mapping[str, str]:
        """Return what the header says beside its tensors."""
        ...

    def tensor(self, name: str) -> Tensor:
        """Return one tensor on the CPU."""
        ...


@dataclass(frozen=True)
class Checkpoint:
    """Hold checked headers, and hand out tensors as they stand in the file."""

    files: tuple[Path, ...]
    forms: Mapping[str, TensorForm]
    metadata: Mapping[str, str]
    _places: Mapping[str, tuple[Path, Header, TensorEntry]] = field(repr=False, compare=False)

    @property
    def packed(self) -> Mapping[str, PackedForm]:
        """Return nothing: tensors are handed out as they stand."""
        return MappingProxyType({})

    @property
    def name(self) -> str:
        """Return what messages call it."""
        return self.files[0].name if len(self.files) == 1 else self.files[0].parent.name

    def tensor(self, name: str) -> Tensor:
        """Return one tensor on the CPU: a private map of its bytes, read from disk as they are used.

        Writing to it never reaches the file. WeightsError if the file has changed its size since it was opened.
        """
        return read_tensor(*self._places[name])


def open_checkpoint(path: Path) -> Checkpoint:
    """Read the headers of a .safetensors file, of the one in a folder, or of the shards that the folder's index names.

    WeightsError for anything else, and for shards and an index that do not promise each other exactly.
    """
    if not path.is_dir():
        return _joined((path,))
    indices = _beside(path, INDEX_ENDING)
    if len(indices) > 1:
        raise WeightsError(f"{path.name} holds {len(indices)} indices: {_names(indices)}; name one file")
    if indices:
        return _indexed(path, indices[0])
    files = _beside(path, ".safetensors")
    if len(files) == 1:
        return _joined(tuple(files))
    if files:
        raise WeightsError(f"{path.name} holds {len(files)} safetensors files and no index: {_names(files)}; name one")
    if (path / "model_index.json").is_file():
        raise WeightsError(f"{path.name} is a whole diffusers folder; weights stand in its transformer, vae and others")
    pickled = [name for ending in _PICKLED for name in _beside(path, ending)]
    instead = f", only pickled weights, which are never read: {_names(pickled)}" if pickled else ""
    raise WeightsError(f"{path.name} holds no safetensors file{instead}")


def nonfinite(checkpoint: WeightSource, told: Callable[[int, int], None] | None = None) -> tuple[str, ...]:
    """Return the names of tensors that hold NaN or infinite values, reading every byte, one tensor at a time.

    `told` is called after each tensor with the bytes read so far and all there are.
    """
    done, total, bad = 0, sum(form.nbytes for form in checkpoint.forms.values()), []
    for name, form in checkpoint.forms.items():
        if not is_finite(checkpoint.tensor(name)):
            bad.append(name)
        done += form.nbytes
        if told is not None:
            told(done, total)
    return tuple(bad)


def _indexed(folder: Path, index: Path) -> Checkpoint:
    promised = _weight_map(index)
    names = sorted(set(promised.values()))
    if len(names) > MAX_SHARDS:
        raise WeightsError(f"{index.name} names {len(names)} files, more than {MAX_SHARDS}")
    absent = [name for name in names if not (folder / name).is_file()]
    if absent:
        raise WeightsError(f"{folder.name} lacks files that {index.name} names", missing=absent)
    checkpoint = _joined(tuple(folder / name for name in names))
    held = {name: place[0].name for name, place in checkpoint._places.items()}
    missing = [f"{name} in {file}" for name, file in promised.items() if held.get(name) != file]
    unexpected = [f"{name} in {file}" for name, file in held.items() if promised.get(name) != file]
    if missing or unexpected:
        raise WeightsError(
            f"{index.name} and its files disagree about the tensors", missing=missing, unexpected=unexpected
        )
    return checkpoint


def _weight_map(index: Path) -> dict[str, str]:
    def refused(reason: str) -> WeightsError:
        return WeightsError(f"{index.name} is not a usable index: {reason}")

    try:
        with index.open("rb") as file:
            raw = file.read(MAX_INDEX_BYTES + 1)
    except OSError as error:
        raise WeightsError(f"{index.name} cannot be read: {error.strerror}") from error
    if len(raw) > MAX_INDEX_BYTES:
        raise refused(f"it is larger than {MAX_INDEX_BYTES} bytes")
    try:
        table = dict(members(raw.decode("utf-8"), _index_value)).get("weight_map")
    except UnicodeDecodeError as error:
        raise refused("it is not UTF-8") from error
    except MalformedError as malformed:
        raise refused(str(malformed)) from malformed
    if not table:
        raise refused("it has no weight_map from tensors to files")
    outside = sorted({name for name in table.values() if not _SHARD_NAME.fullmatch(name)})
    if outside:
        raise refused(f"{ascii(outside[0])[:80]} is not the name of a safetensors file beside it")
    return dict(table)


def _index_value(text: str, position: int, name: str) -> tuple[Any, int]:
    if name == "weight_map":
        return table_of_strings(text, position, MAX_TENSORS, "weight_map is not a table of strings")
    return flat_object(text, position, "it holds more than metadata and a weight_map")


def _joined(files: tuple[Path, ...]) -> Checkpoint:
    places: dict[str, tuple[Path, Header, TensorEntry]] = {}
    metadata: dict[str, str] = {}
    for path in files:
        header = read_header(path)
        metadata |= header.metadata
        for entry in header.entries:
            if entry.name in places:
                raise WeightsError(f"{entry.name} is in two files: {places[entry.name][0].name} and {path.name}")
            places[entry.name] = path, header, entry
        if len(places) > MAX_TENSORS:
            raise WeightsError(f"{path.parent.name} holds more than {MAX_TENSORS} tensors")
    forms = {name: TensorForm(entry.dtype, entry.shape) for name, (_, _, entry) in places.items()}
    return Checkpoint(files, MappingProxyType(forms), MappingProxyType(metadata), MappingProxyType(places))


def _beside(folder: Path, ending: str) -> list[Path]:
    # Files that begin with a dot are some system's notes about the real ones.
    return sorted(path for path in folder.glob(f"*{ending}") if not path.name.startswith("."))


def _names(paths: list[Path]) -> str:
    return ", ".join(path.name for path in paths[:5]) + (" …" if len(paths) > 5 else "")
