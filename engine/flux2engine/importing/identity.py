"""What a header, names, `model_index.json` and the caller say → which variant it is, and from what that was concluded.

Distilled, base and KV weights of one size have equal shapes: nothing here guesses, what cannot be known is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flux2engine.errors import LibraryError
from flux2engine.library import Shape, published_models
from flux2engine.variants import (
    AUTOENCODERS,
    TEXT_ENCODERS,
    VARIANTS,
    ModelVariant,
    PublishedAutoencoder,
    PublishedTextEncoder,
    TransformerConfig,
)
from flux2engine.weights.identify import Identified

_MAX_LINKS = 16
# What GGUF files add to a model's name: flux-2-klein-4b-Q4_K_M.
_BLOCK_TYPE = re.compile(r"[-_.](?:UD-)?(?:I?Q\d\w*|B?F16|F32)$", re.IGNORECASE | re.ASCII)
_STRUCTURAL = frozenset({"transformer", "vae", "text_encoder", "tokenizer", "snapshots", "blobs"})
"""Folders whose names say nothing about whose weights they hold."""
_PIPELINES = MappingProxyType({"Flux2Pipeline": "dev", "Flux2KleinPipeline": "klein", "Flux2KleinKVPipeline": "kv"})
"""What the name of a pipeline's class says of the weights. It is compared, never looked up."""


@dataclass(frozen=True)
class Assumed:
    """A variant, and in words what it was concluded from."""

    variant: ModelVariant
    source: str


def assume_variant(found: Identified, path: Path, index: Mapping[str, Any] | None, given: str | None) -> Assumed:
    """Settle which variant a transformer is; raise LibraryError that names the candidates where that stays open."""
    if given is not None:
        return Assumed(_given(found, path, given), "given with --variant")
    name = next(((normal, words) for normal, words in _names(path) if normal in _BY_NAME), None)
    if not found.published:
        hint = f"; {name[1]} suggests {_BY_NAME[name[0]].name}" if name else ""
        raise LibraryError(
            f"{path} is a FLUX.2 transformer of no published shape ({_size(found)}): say with --variant which model it"
            f" was made from: {_listed(_relatives(found))}{hint}"
        )
    rows = tuple(VARIANTS[row] for row in found.published)
    if name is not None:
        return Assumed(_named(_BY_NAME[name[0]], rows, path, index, name[1]), name[1])
    if index is not None:
        left = tuple(row for row in rows if _agrees(row, index))
        if len(left) == 1 < len(rows):
            return Assumed(left[0], f"model_index.json ({_said(index)})")
        rows = left or rows
    if len(rows) == 1:
        return Assumed(rows[0], "its shape, which no other model has")
    raise LibraryError(
        f"{path} is {' or '.join(row.name for row in rows)}: their shapes are equal and its name does not say which;"
        f" name it with --variant: {_listed(rows)}"
    )


def differences(shape: Shape, published: Shape) -> tuple[str, ...]:
    """Name the fields in which a shape is not the published one."""
    return tuple(
        f"{field.name} {getattr(shape, field.name)} instead of {getattr(published, field.name)}"
        for field in fields(published)
        if getattr(shape, field.name, None) != getattr(published, field.name)
    )


def usual_name(found: Identified, path: Path) -> str:
    """Name an autoencoder or text encoder: after its published shape, else its published file, else its own name."""
    if len(found.published) == 1:
        return found.published[0]
    rows: Mapping[str, PublishedAutoencoder] | Mapping[str, PublishedTextEncoder]
    rows = AUTOENCODERS if found.kind == "autoencoder" else TEXT_ENCODERS
    by_name = {normal: row.name for row in rows.values() for normal in _aliases(row.file_names, row.repositories)}
    if found.kind == "autoencoder":  # its repository is dev's
        by_name = {_normal(Path(file).stem): row.name for row in rows.values() for file in row.file_names}
    return next((by_name[normal] for normal, _ in _names(path) if normal in by_name), plain_name(path))


def plain_name(path: Path) -> str:
    """Make a component's name of a file's or folder's."""
    stem = path.name.removesuffix(".safetensors").removesuffix(".gguf")
    slug = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")
    return slug[:64].strip("-") or "component"


def variant_named(name: str) -> ModelVariant:
    """Return a variant whose weights a user can bring; raise LibraryError with those there are."""
    rows = {row.name: row for row in published_models()}
    if name not in rows:
        ships = " (nano ships with the program and is never imported)" if name == "nano" else ""
        raise LibraryError(f"there is no variant {name!r} to import{ships}; there are {_listed(rows.values())}")
    return rows[name]


def _given(found: Identified, path: Path, given: str) -> ModelVariant:
    row = variant_named(given)
    if found.published and given not in found.published:
        raise LibraryError(
            f"{path} cannot be {given}: its shape is exactly that of {' and '.join(found.published)} ({_size(found)})"
        )
    if row not in _relatives(found):
        takes = "takes" if row.transformer.guidance_embedding else "takes no"
        raise LibraryError(f"{path} cannot be made from {given}: {given} {takes} guidance as an input, this does not")
    return row


def _named(
    row: ModelVariant, rows: tuple[ModelVariant, ...], path: Path, index: Mapping[str, Any] | None, words: str
) -> ModelVariant:
    if row not in rows:
        raise LibraryError(
            f"{words} says that {path} is {row.name}, and its shape is that of"
            f" {' and '.join(other.name for other in rows)}: say with --variant which it is"
        )
    if index is not None and not _agrees(row, index):
        raise LibraryError(
            f"{words} says that {path} is {row.name}, and model_index.json says otherwise ({_said(index)}): say with"
            f" --variant which it is: {_listed(rows)}"
        )
    return row


def _relatives(found: Identified) -> tuple[ModelVariant, ...]:
    """Return the variants that a transformer of this shape could have been made from: inputs cannot be grown."""
    shape = found.shape
    assert isinstance(shape, TransformerConfig)
    rows = published_models()
    return tuple(row for row in rows if row.transformer.guidance_embedding == shape.guidance_embedding)


def _agrees(row: ModelVariant, index: Mapping[str, Any]) -> bool:
    """Whether model_index.json allows a variant; what it leaves out contradicts nothing."""
    pipeline, distilled = _pipeline(index), index.get("is_distilled")
    family = "dev" if row.guidance_kind == "embedded" else "kv" if row.cached_references else "klein"
    if pipeline is not None and pipeline != family:
        return False
    return not isinstance(distilled, bool) or family == "dev" or distilled == row.fixed_sampling


def _pipeline(index: Mapping[str, Any]) -> str | None:
    name = index.get("_class_name")
    return _PIPELINES.get(name) if isinstance(name, str) else None


def _said(index: Mapping[str, Any]) -> str:
    facts = [str(index["_class_name"])] if _pipeline(index) else []
    if isinstance(index.get("is_distilled"), bool):
        facts.append(f"is_distilled: {str(index['is_distilled']).lower()}")
    return ", ".join(facts)


def _size(found: Identified) -> str:
    shape = found.shape
    assert isinstance(shape, TransformerConfig)
    blocks = f"{shape.double_blocks} + {shape.single_blocks} blocks"
    return f"width {shape.hidden_size}, {blocks}, context {shape.context_dim}"


def _listed(rows: Any) -> str:
    return ", ".join(row.name for row in rows)


def _normal(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _aliases(files: tuple[str, ...], repositories: tuple[str, ...]) -> set[str]:
    return {_normal(Path(file).stem) for file in files} | {_normal(name.rpartition("/")[2]) for name in repositories}


_BY_NAME: Mapping[str, ModelVariant] = MappingProxyType(
    {normal: row for row in published_models() for normal in _aliases(row.file_names, row.repositories)}
)


def _names(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the names a path goes by, nearest first: its own, its folders', its repository's; then where links lead."""
    for place in _hops(path):
        if place.suffix in (".safetensors", ".gguf"):
            stem = _BLOCK_TYPE.sub("", place.stem) if place.suffix == ".gguf" else place.stem
            yield _normal(stem), f"the file's name {place.name}"
            folder = place.parent
        else:
            folder = place
        if folder.name in _STRUCTURAL:
            folder = folder.parent
        yield _normal(folder.name), f"the folder's name {folder.name}"
        for part in reversed(place.parts):
            if part.startswith("models--"):  # a Hugging Face cache
                repository = part.removeprefix("models--").replace("--", "/")
                yield _normal(repository.rpartition("/")[2]), f"the repository's name {repository}"
                break


def _hops(path: Path) -> Iterator[Path]:
    place = path
    for _ in range(_MAX_LINKS):
        yield place
        if not place.is_symlink():
            break
        place = place.parent / place.readlink()
    yield path.resolve()
