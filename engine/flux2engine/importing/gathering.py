"""A path → the checkpoints that lie there, opened, with the plain JSON beside them. Says not what they are."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flux2engine.errors import LibraryError, WeightsError
from flux2engine.library import Kind
from flux2engine.weights.checkpoint import WeightSource
from flux2engine.weights.formats import open_weights

MAX_JSON_BYTES = 256 * 1024
MODEL_INDEX, CONFIG, TOKENIZER = "model_index.json", "config.json", "tokenizer.json"
_FOLDERS: Mapping[str, Kind] = MappingProxyType(
    {"transformer": "transformer", "vae": "autoencoder", "text_encoder": "text_encoder"}
)
"""The subfolders of a diffusers folder."""
_HUB_NAMES = {"model.safetensors", "diffusion_pytorch_model.safetensors"}
"""Files of these names belong to the config.json beside them; others do if they are alone there."""
_PICKLED = {".bin", ".ckpt", ".pt", ".pth", ".pkl"}
_READ = ("*.safetensors", "*.gguf")


@dataclass(frozen=True)
class Part:
    """One checkpoint with what lies beside it."""

    source: Path  # what `open_weights` takes
    checkpoint: WeightSource
    config: Mapping[str, Any]  # empty where there is none
    tokenizer: Path | None
    expected: Kind | None  # what the folder's name promises


@dataclass(frozen=True)
class Delivery:
    """Everything that lies at one path."""

    path: Path  # absolute; links are not resolved, because names are evidence
    parts: tuple[Part, ...]
    model_index: Mapping[str, Any] | None  # of a diffusers folder
    absent: tuple[str, ...]  # subfolders that a diffusers folder lacks


def gather(path: Path, tokenizer: Path | None = None) -> Delivery:
    """Open what lies at `path`; raise WeightsError or LibraryError with what would be read instead."""
    path = absolute(path)
    if not path.exists():
        raise LibraryError(f"there is nothing at {path}")
    given = _tokenizer_file(tokenizer) if tokenizer else None
    if path.is_file():
        return Delivery(path, (_file(path, given),), None, ())
    path = _snapshot(path)
    if (path / MODEL_INDEX).exists() or any(_has_weights(path / name) for name in _FOLDERS):
        return _diffusers(path, given)
    _refuse_empty(path)
    return Delivery(path, (_folder(path, given, None),), None, ())


def absolute(path: Path) -> Path:
    """Make a path absolute without following links."""
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 (Path.resolve would follow links)


def read_json(path: Path) -> Mapping[str, Any]:
    """Read a small JSON object as plain data; raise WeightsError."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_JSON_BYTES + 1)
        if len(raw) > MAX_JSON_BYTES:
            raise WeightsError(f"{path} is larger than {MAX_JSON_BYTES} bytes; no {path.name} is")
        value = json.loads(raw.decode("utf-8"))
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise WeightsError(f"{path} does not hold a JSON object")
    return value


def dtypes_of(checkpoint: WeightSource) -> tuple[str, ...]:
    """Name formats, and dtypes as torch does, those of the most bytes first; counters do not count."""
    bytes_of: dict[str, int] = {}
    forms = checkpoint.forms
    for name in [name for name in forms if forms[name].dtype.is_floating_point] or forms:
        packed, form = checkpoint.packed.get(name), forms[name]
        called = packed.format if packed else str(form.dtype).removeprefix("torch.")
        bytes_of[called] = bytes_of.get(called, 0) + (packed or form).nbytes
    return tuple(sorted(bytes_of, key=lambda name: (-bytes_of[name], name)))


def _file(path: Path, tokenizer: Path | None) -> Part:
    beside = path.parent / CONFIG
    checkpoint = open_weights(path)
    config: Mapping[str, Any] = {}
    if beside.is_file() and (path.name in _HUB_NAMES or _weights_in(path.parent) == [path.name]):
        config = read_json(beside)
    return Part(path, checkpoint, config, tokenizer or _tokenizer_near(path.parent), None)


def _folder(folder: Path, tokenizer: Path | None, expected: Kind | None) -> Part:
    config = read_json(folder / CONFIG) if (folder / CONFIG).is_file() else {}
    return Part(folder, open_weights(folder), config, tokenizer or _tokenizer_near(folder), expected)


def _diffusers(path: Path, tokenizer: Path | None) -> Delivery:
    index = read_json(path / MODEL_INDEX) if (path / MODEL_INDEX).exists() else {}
    parts = tuple(_folder(path / name, tokenizer, kind) for name, kind in _FOLDERS.items() if _has_weights(path / name))
    if not parts:
        single = _weights_in(path)
        hint = f"; name the file that lies there: {', '.join(single[:3])}" if single else ""
        raise LibraryError(f"{path} is a diffusers folder, and none of {', '.join(_FOLDERS)} holds weights{hint}")
    return Delivery(path, parts, index, tuple(name for name in _FOLDERS if not _has_weights(path / name)))


def _snapshot(path: Path) -> Path:
    """Step from a repository's folder in a Hugging Face cache to what its main branch held when it was fetched."""
    snapshots = path / "snapshots"
    if not path.name.startswith("models--") or not snapshots.is_dir():
        return path
    main = path / "refs" / "main"
    named = snapshots / main.read_text(encoding="utf-8").strip() if main.is_file() else None
    if named is not None and named.parent == snapshots and named.is_dir():
        return named
    found = sorted(folder for folder in snapshots.iterdir() if folder.is_dir())
    if len(found) == 1:
        return found[0]
    raise LibraryError(f"{snapshots} holds {len(found)} snapshots: name one of these folders")


def _tokenizer_file(path: Path) -> Path:
    path = absolute(path)
    file = path / TOKENIZER if path.is_dir() else path
    if not file.is_file():
        raise LibraryError(f"there is no tokenizer at {file}")
    return file


def _tokenizer_near(folder: Path) -> Path | None:
    """Find tokenizer.json in the folder, or where a diffusers folder has it."""
    near = (folder / TOKENIZER, folder / "tokenizer" / TOKENIZER, folder.parent / "tokenizer" / TOKENIZER)
    return next((path for path in near if path.is_file()), None)


def _has_weights(folder: Path) -> bool:
    return folder.is_dir() and (any(folder.glob("*.safetensors*")) or any(folder.glob("*.gguf")))


def _weights_in(folder: Path) -> list[str]:
    return sorted(file.name for pattern in _READ for file in folder.glob(pattern))


def _refuse_empty(folder: Path) -> None:
    if _has_weights(folder):
        return
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLED)
    if pickled:
        raise LibraryError(
            f"{folder} holds pickled weights only ({', '.join(pickled[:3])}), which can run code when they are read:"
            " only safetensors and GGUF are taken"
        )
    raise LibraryError(
        f"there are no weights in {folder}: name a .safetensors or .gguf file, a folder with one (or with an index and"
        f" its shards), or a diffusers folder with {MODEL_INDEX}"
    )
