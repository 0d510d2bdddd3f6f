"""Small records of imported components in a folder ↔ the models they make together. The weights stay where they are.

Plain data without torch, so that a plan can list models. Knows no header and no tensor: `importing` reads those.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from flux2engine.errors import LibraryError
from flux2engine.variants import (
    AUTOENCODERS,
    TEXT_ENCODERS,
    VARIANTS,
    AutoencoderConfig,
    ModelVariant,
    TextEncoderConfig,
    TransformerConfig,
)

Kind = Literal["transformer", "autoencoder", "text_encoder"]
Shape = TransformerConfig | AutoencoderConfig | TextEncoderConfig

WORDS: Mapping[Kind, str] = MappingProxyType(
    {"transformer": "transformer", "autoencoder": "autoencoder", "text_encoder": "text encoder"}
)
"""The kinds as people read them."""

NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"
MAX_RECORD_BYTES = 2**20
_FOLDERS: Mapping[Kind, str] = MappingProxyType(
    {"transformer": "transformers", "autoencoder": "autoencoders", "text_encoder": "text_encoders"}
)
_SHAPES: Mapping[Kind, type[Shape]] = MappingProxyType(
    {"transformer": TransformerConfig, "autoencoder": AutoencoderConfig, "text_encoder": TextEncoderConfig}
)
_TEMPORARY = ".importing-"
_PRIVATE_FOLDER, _PRIVATE_FILE = 0o700, 0o600

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileState = Literal["same", "changed", "missing"]


class FileFacts(BaseModel):
    """Remember one file: where it is, what its bytes were, and how to notice cheaply that they may be others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str  # absolute
    size: int = Field(ge=0)
    mtime_ns: int
    inode: int
    sha256: Sha256

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: str) -> str:
        if not Path(path).is_absolute() or "\0" in path:
            raise ValueError("not an absolute path")
        return path

    def state(self) -> FileState:
        """Say whether the file still looks as it did, without reading it."""
        try:
            found = Path(self.path).stat()
        except OSError:
            return "missing"
        same = (found.st_size, found.st_mtime_ns, found.st_ino) == (self.size, self.mtime_ns, self.inode)
        return "same" if same else "changed"


class Component(BaseModel):
    """Record one imported part of a model: what it is, where its files lie and what their bytes were."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[1] = 1
    kind: Kind
    name: str = Field(pattern=NAME)
    layout: Literal["official", "diffusers", "transformers"]
    prefix: str  # before every key of the file
    published: tuple[str, ...]  # rows of the tables with exactly this shape; empty for a custom one
    shape: dict[str, Any]
    source: str  # what `open_weights` takes: a file, or a folder of shards
    files: tuple[FileFacts, ...] = Field(min_length=1)
    tokenizer: FileFacts | None = None
    config: dict[str, Any] = {}  # config.json, where there was one
    dtype: str
    parameters: int = Field(ge=0)
    # Of a transformer only:
    variant: str | None = None
    variant_source: str = ""  # how the variant was known, for people
    autoencoder: str | None = None  # names of components; None takes the one that fits
    text_encoder: str | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Component:
        shape_of(self.kind, self.shape)
        if (self.variant is not None) != (self.kind == "transformer"):
            raise ValueError("a transformer, and nothing else, has a variant")
        if self.variant is not None and self.variant not in VARIANTS:
            raise ValueError(f"the variant {self.variant!r} is unknown here")
        if (self.tokenizer is not None) != (self.kind == "text_encoder"):
            raise ValueError("a text encoder, and nothing else, has a tokenizer")
        return self

    @property
    def configuration(self) -> Shape:
        """Return the shape as the modules take it."""
        return shape_of(self.kind, self.shape)

    @property
    def digest(self) -> str:
        """Name the bytes and how they are read; where they lie and what they are called does not count."""
        facts = (
            self.kind,
            json.dumps(self.shape, sort_keys=True),
            *sorted(file.sha256 for file in self.files),
            self.tokenizer.sha256 if self.tokenizer else "",
        )
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()

    @property
    def all_files(self) -> tuple[FileFacts, ...]:
        """Return the weights and the tokenizer."""
        return (*self.files, *((self.tokenizer,) if self.tokenizer else ()))

    @property
    def size(self) -> int:
        """Return the bytes of all its files."""
        return sum(file.size for file in self.all_files)


@dataclass(frozen=True)
class InstalledModel:
    """Join a transformer with what it needs; `variant` has the shapes of the files in place of the table's."""

    name: str
    variant: ModelVariant
    transformer: Component
    autoencoder: Component | None
    text_encoder: Component | None
    missing: tuple[str, ...]  # which parts it lacks, each with what to do; empty for a complete model

    @property
    def parts(self) -> tuple[Component, ...]:
        """Return the components that are there."""
        return tuple(part for part in (self.transformer, self.autoencoder, self.text_encoder) if part is not None)

    def unsound(self) -> tuple[str, ...]:
        """Say which files no longer look as they did on import, now; a plan does not need them, painting does."""
        return tuple(sentence for part in self.parts for sentence in unsound(part))

    @property
    def digest(self) -> str:
        """Name everything of the files that decides pixels; raise LibraryError for an incomplete model."""
        if self.missing:
            raise LibraryError(f"the model {self.name!r} is not complete: {'; '.join(self.missing)}")
        facts = (self.variant.name, *(part.digest for part in self.parts))
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()


@dataclass(frozen=True)
class DamagedRecord:
    """Name a file of the library that is no record, and why."""

    kind: Kind
    path: Path
    reason: str


class Library:
    """The records below one folder, one file each: `<kind>s/<name>.json`. Absent until the first `add`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self) -> tuple[tuple[Component, ...], tuple[DamagedRecord, ...]]:
        """Return the records by kind and name, and the files that are none: those never stop the others."""
        components: list[Component] = []
        damaged: list[DamagedRecord] = []
        for kind, path in self._files():
            try:
                components.append(_record(kind, path))
            except LibraryError as error:
                damaged.append(DamagedRecord(kind, path, str(error)))
        return tuple(components), tuple(damaged)

    def components(self) -> tuple[Component, ...]:
        """Return every record that can be read."""
        return self.read()[0]

    def damaged(self) -> tuple[DamagedRecord, ...]:
        """Return every file that should be a record and is none."""
        return self.read()[1]

    def component(self, name: str) -> Component | None:
        """Return the component of this name; names are unique across the kinds."""
        return next((component for component in self.components() if component.name == name), None)

    def models(self) -> tuple[InstalledModel, ...]:
        """Return every model, complete or not, by name."""
        return assembled(self.components())

    def model(self, name: str) -> InstalledModel:
        """Return one model; raise LibraryError with the names there are."""
        models = {model.name: model for model in self.models()}
        try:
            return models[name]
        except KeyError:
            raise LibraryError(f"no model {name!r} is installed; installed: {', '.join(models) or 'none'}") from None

    def add(self, component: Component) -> None:
        """Write a record, over the one of its name: its file holds the old or the new one, never a part."""
        folder = self.root / _FOLDERS[component.kind]
        path = folder / f"{component.name}.json"
        temporary = folder / f"{_TEMPORARY}{secrets.token_hex(8)}"
        try:
            _make_private(self.root)
            _make_private(folder)
            _write_private(temporary, component.model_dump_json(indent=2).encode() + b"\n")
            temporary.replace(path)
            _sync_folder(folder)
        except OSError as error:
            raise LibraryError(f"the record {path} cannot be written: {error.strerror or error}") from error
        finally:
            with contextlib.suppress(OSError):  # renamed already, or never made
                temporary.unlink()

    def remove(self, kind: Kind, name: str) -> None:
        """Forget a component, damaged or not; its weights stay. Raise LibraryError where there is no such record."""
        path = self.root / _FOLDERS[kind] / f"{name}.json"
        try:
            path.unlink()
            _sync_folder(path.parent)
        except OSError as error:
            raise LibraryError(f"the record {path} cannot be removed: {error.strerror or error}") from error

    def _files(self) -> Iterator[tuple[Kind, Path]]:
        for kind, folder in _FOLDERS.items():
            try:
                names = sorted(os.listdir(self.root / folder))  # noqa: PTH208 (names decide, before any path is made)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise LibraryError(f"{self.root / folder} cannot be read: {error.strerror}") from error
            yield from ((kind, self.root / folder / name) for name in names if not name.startswith(_TEMPORARY))


def assembled(components: Iterable[Component]) -> tuple[InstalledModel, ...]:
    """Return the models that these components make, by name."""
    given = tuple(components)
    models = (_model(part, given) for part in given if part.kind == "transformer")
    return tuple(sorted(models, key=lambda model: model.name))


def shape_of(kind: Kind, shape: Mapping[str, Any]) -> Shape:
    """Turn a record's shape into the configuration of its kind; raise ValueError naming what is wrong."""
    target = _SHAPES[kind]
    names = {field.name for field in fields(target)}
    if unknown := shape.keys() - names:
        raise ValueError(f"shape: unknown {', '.join(sorted(unknown))}")
    made: Shape = _ADAPTERS[kind].validate_python(dict(shape))
    return made


def plain_shape(shape: Shape) -> dict[str, Any]:
    """Turn a configuration into what a record holds."""
    made: dict[str, Any] = json.loads(json.dumps(asdict(shape)))  # tuples as JSON gives them back
    return made


def needs(variant: ModelVariant) -> Mapping[Kind, str]:
    """Say which file or folder gives each part of a published model."""
    autoencoder, text_encoder = AUTOENCODERS["flux2"], TEXT_ENCODERS[variant.text_encoder_name]
    return {
        "transformer": f"{variant.file_names[0]} of {variant.repositories[0]}",
        "autoencoder": f"{autoencoder.file_names[0]} of {autoencoder.repositories[0]}",
        "text_encoder": f"the folder {text_encoder.repositories[0]}",
    }


def published_models() -> tuple[ModelVariant, ...]:
    """Return the variants whose weights a user brings."""
    return tuple(variant for variant in VARIANTS.values() if variant.text_encoder_name)


_ADAPTERS: Mapping[Kind, TypeAdapter[Any]] = MappingProxyType(
    {kind: TypeAdapter(target) for kind, target in _SHAPES.items()}
)
Config = TypeVar("Config", TransformerConfig, AutoencoderConfig, TextEncoderConfig)


def _model(transformer: Component, components: tuple[Component, ...]) -> InstalledModel:
    assert transformer.variant is not None  # the record's validator
    variant = replace(VARIANTS[transformer.variant], transformer=_as(TransformerConfig, transformer))
    missing: list[str] = []
    autoencoder = _partner("autoencoder", transformer, variant, components, missing)
    text_encoder = _partner("text_encoder", transformer, variant, components, missing)
    if autoencoder:
        variant = replace(variant, autoencoder=_as(AutoencoderConfig, autoencoder))
    if text_encoder:
        variant = replace(variant, text_encoder=_as(TextEncoderConfig, text_encoder))
    return InstalledModel(transformer.name, variant, transformer, autoencoder, text_encoder, tuple(missing))


def _partner(
    kind: Literal["autoencoder", "text_encoder"],
    transformer: Component,
    variant: ModelVariant,
    components: tuple[Component, ...],
    missing: list[str],
) -> Component | None:
    """Find the component a transformer is bound to, else the published one, else the only one that fits."""
    there = {part.name: part for part in components if part.kind == kind}
    bound = transformer.autoencoder if kind == "autoencoder" else transformer.text_encoder
    shape = transformer.configuration
    if bound is not None:
        chosen = there.get(bound)
        if chosen is None:
            option = f"--{kind.replace('_', '-')}"
            missing.append(
                f"{WORDS[kind]} {bound!r} missing: import it again, or the transformer with {option} and another"
            )
    else:
        fitting = {name: part for name, part in there.items() if misfit(transformer.name, shape, part) is None}
        usual = "flux2" if kind == "autoencoder" else variant.text_encoder_name
        only = next(iter(fitting.values())) if len(fitting) == 1 else None
        chosen = fitting.get(usual, only)
        if chosen is None:
            missing.append(_absent(kind, variant, tuple(fitting)))
    if chosen is not None and (reason := misfit(transformer.name, shape, chosen)) is not None:
        missing.append(reason)
    return chosen


def misfit(name: str, takes: Shape, part: Component) -> str | None:
    """Say why a transformer of this name and shape cannot be run with a part; None where it can."""
    gives = part.configuration
    assert isinstance(takes, TransformerConfig)
    if isinstance(gives, TextEncoderConfig) and gives.context_dim != takes.context_dim:
        return (
            f"the text encoder {part.name!r} gives {gives.context_dim} values a token and the transformer {name!r}"
            f" takes {takes.context_dim}: choose another with --text-encoder"
        )
    if isinstance(gives, AutoencoderConfig) and 4 * gives.latent_channels != takes.in_channels:
        return (
            f"the autoencoder {part.name!r} gives {4 * gives.latent_channels} values a token and the transformer"
            f" {name!r} takes {takes.in_channels}: choose another with --autoencoder"
        )
    return None


def _absent(kind: Literal["autoencoder", "text_encoder"], variant: ModelVariant, fitting: tuple[str, ...]) -> str:
    if fitting:
        option = f"--{kind.replace('_', '-')}"
        return f"{WORDS[kind]} not chosen: import the transformer again with {option}, one of {', '.join(fitting)}"
    if kind == "text_encoder" and variant.transformer.context_dim != VARIANTS[variant.name].text_encoder.context_dim:
        return f"text encoder missing: import one that gives {variant.transformer.context_dim} values a token"
    return f"{WORDS[kind]} missing: import {needs(variant)[kind]}"


def unsound(part: Component) -> Iterator[str]:
    """Say, in a sentence or two, which files no longer look as they did on import; looks at sizes and times only."""
    states: dict[FileState, list[str]] = {"same": [], "changed": [], "missing": []}
    for file in part.all_files:
        states[file.state()].append(file.path)
    word = WORDS[part.kind]
    if gone := states["missing"]:
        be, them = ("is", "it") if len(gone) == 1 else ("are", "them")
        where = "from where it is"
        yield f"{_one_of(gone)} {be} gone: put {them} back, or import the {word} again {where}"
    if changed := states["changed"]:
        have, them = ("has", "it") if len(changed) == 1 else ("have", "them")
        yield f"{_one_of(changed)} {have} changed since the import: verify {them}, or import the {word} again"


def _one_of(paths: list[str]) -> str:
    rest = len(paths) - 1
    return paths[0] + (f" and {rest} more file{'s' if rest > 1 else ''}" if rest else "")


def _as(target: type[Config], part: Component) -> Config:
    made = part.configuration
    assert isinstance(made, target)
    return made


def _record(kind: Kind, path: Path) -> Component:
    try:
        if not path.is_file() or path.suffix != ".json":
            raise LibraryError("not a record; move it out of the library's folder")
        if path.stat().st_size > MAX_RECORD_BYTES:
            raise LibraryError(f"larger than {MAX_RECORD_BYTES} bytes; no record is")
        component = Component.model_validate_json(path.read_bytes())
    except OSError as error:
        raise LibraryError(f"cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise LibraryError(_reasons(error)) from error
    if (component.kind, component.name) != (kind, path.stem):
        raise LibraryError(f"holds the {WORDS[component.kind]} {component.name!r}: it was renamed or moved by hand")
    return component


def _reasons(error: ValidationError) -> str:
    """Name the first faults; a foreign file could have hundreds."""
    faults = [f"{'.'.join(map(str, item['loc'])) or 'document'}: {item['msg']}" for item in error.errors()]
    more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
    return "; ".join(faults[:3]) + more


def _make_private(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(_PRIVATE_FOLDER)


def _write_private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
