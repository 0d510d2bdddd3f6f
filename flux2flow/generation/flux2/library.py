"""The engine's library of imported weights as plain data: what is installed, what a file is, and how that changes.

Listing loads no torch. Every error of the engine becomes a GenerationError here; one about what was asked for (a name,
a variant that must be told) ends with the code of a wrong command line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flux2flow.domain.plate import BackendLimits, WeightsLicence
from flux2flow.errors import EXIT_USAGE, GenerationError
from flux2flow.generation.flux2.licences import weights_licence

if TYPE_CHECKING:
    from flux2engine.importing import Import, Shown
    from flux2engine.library import Component, DamagedRecord, Library
    from flux2engine.library import InstalledModel as EngineModel
    from flux2engine.variants import ModelVariant

FOLDER_VARIABLE = "FLUX2FLOW_MODELS"
RESERVED = ("nano", "procedural")
"""Names that a campaign's `model` has for what ships."""

# An upper bound of what the chat templates add to a prompt (chat_templates.py), in tokens of 512.
_TEMPLATE_TOKENS: Mapping[str, int] = {"qwen3": 16, "mistral3": 48}
_INSTALL = "install the engine: pip install 'flux2flow[engine]'"

Progress = Callable[[Path, int, int], None]


@dataclass(frozen=True, slots=True)
class InstalledPart:
    """A component in the library. Names and paths come from files: make them visible before they are shown."""

    kind: str  # in words
    name: str
    source: str
    size: int  # bytes on disk, its tokenizer included
    dtype: str
    parameters: int
    published: tuple[str, ...]  # empty for a custom shape


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model in the library: what planning and the command line need of it."""

    name: str
    variant: str
    variant_source: str  # from what that was concluded
    limits: BackendLimits
    parts: tuple[InstalledPart, ...]
    missing: tuple[str, ...]  # which parts it lacks, each with what to do
    unsound: tuple[str, ...]  # which files moved or changed since the import, each with what to do
    digest: str  # of everything that decides pixels; empty where something is missing

    @property
    def complete(self) -> bool:
        """Whether all its parts were imported; a plan needs no more."""
        return not self.missing

    @property
    def faults(self) -> tuple[str, ...]:
        """Everything that keeps it from painting."""
        return (*self.missing, *self.unsound)

    @property
    def licence(self) -> WeightsLicence:
        """The licence its weights are run under."""
        assert self.limits.licence is not None  # every row of the table has one
        return self.limits.licence

    @property
    def size(self) -> int:
        """Bytes on disk of all its parts; parts may be shared with other models."""
        return sum(part.size for part in self.parts)

    @property
    def dtype(self) -> str:
        """The dtype of the transformer's file."""
        return self.parts[0].dtype


@dataclass(frozen=True, slots=True)
class KnownVariant:
    """A published model, and which file or folder gives each of its parts."""

    name: str
    licence: WeightsLicence
    transformer: str
    text_encoder: str
    text_encoder_name: str
    autoencoder: str

    @property
    def remedy(self) -> str:
        """What to do to have it, in one line."""
        return f"flux2flow models import FILE, with {self.transformer}"


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything in the library, and what else could be."""

    folder: str
    models: tuple[InstalledModel, ...]
    unused: tuple[InstalledPart, ...]
    not_installed: tuple[KnownVariant, ...]
    damaged: tuple[tuple[str, str], ...]  # path and reason


@dataclass(frozen=True, slots=True)
class ShownFile:
    """What one checkpoint is, as its header says."""

    source: str
    kind: str  # in words; empty for an unknown layout,
    refusal: str  # which this describes
    layout: str
    prefix: str
    shape: tuple[tuple[str, str], ...]
    published: tuple[str, ...]
    assumed: str  # the variant that importing it would take it for,
    assumed_from: str  # and why;
    doubt: str  # or why that has to be said
    parameters: int
    size: int
    files: int
    tensors: int
    dtypes: tuple[str, ...]
    metadata: tuple[tuple[str, str], ...]
    tokenizer: str
    not_finite: tuple[str, ...] | None  # names of tensors; None where nobody looked


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """What became of one component of an import."""

    part: InstalledPart
    outcome: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, and how the models stand that it touches."""

    files: tuple[ImportedFile, ...]
    absent: tuple[str, ...]  # subfolders that a diffusers folder lacks
    models: tuple[InstalledModel, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one file still holds the bytes that were imported: same, changed, missing or unreadable."""

    name: str
    path: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What a removal forgot; the weights stay where they are."""

    kind: str
    name: str
    files: tuple[str, ...]
    incomplete: tuple[str, ...]  # models that now lack it


def models_folder() -> Path:
    """Return the folder of the records: FLUX2FLOW_MODELS, else a folder of the user's own."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_data_dir("flux2flow", appauthor=False)) / "models"


def installed() -> tuple[InstalledModel, ...]:
    """Return every model of the library, complete or not, by name; loads no torch."""
    with translated():
        return tuple(_model(model) for model in _library().models())


def known_variants() -> tuple[KnownVariant, ...]:
    """Return the published models whose weights a user can bring."""
    from flux2engine.library import published_models

    return tuple(_known(row) for row in published_models())


def inventory() -> Inventory:
    """Return everything at once; one damaged record never hides the others."""
    with translated():
        from flux2engine.library import assembled

        library = _library()
        components, damaged = library.read()
        models = assembled(components)
        used = {part.name for model in models for part in model.parts}
        variants = {model.variant.name for model in models}
        return Inventory(
            str(library.root),
            tuple(_model(model) for model in models),
            tuple(_part(part) for part in components if part.name not in used),
            tuple(known for known in known_variants() if known.name not in variants),
            tuple((str(record.path), record.reason) for record in damaged),
        )


def show(path: Path, *, check: bool = False, progress: Progress | None = None) -> tuple[ShownFile, ...]:
    """Describe what lies at a path; raises GenerationError."""
    with translated():
        from flux2engine.importing import show as look

        return tuple(_shown(shown) for shown in look(path, check=check, progress=progress))


def import_path(
    path: Path,
    *,
    name: str | None = None,
    variant: str | None = None,
    autoencoder: str | None = None,
    text_encoder: str | None = None,
    tokenizer: Path | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> Imported:
    """Record what lies at a path; raises GenerationError, and then nothing was written."""
    with translated():
        from flux2engine.errors import LibraryError
        from flux2engine.importing import import_path as record

        if name in RESERVED:
            raise LibraryError(f"{name!r} is the name of a model that ships: choose another with --name")
        done = record(
            _library(),
            path,
            name=name,
            variant=variant,
            autoencoder=autoencoder,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            replace=replace,
            progress=progress,
        )
        return _imported(done)


def verify(name: str | None = None, progress: Progress | None = None) -> tuple[Verdict, ...]:
    """Read every recorded file again; raises GenerationError for an unknown name."""
    with translated():
        from flux2engine.importing import verify as read

        return tuple(
            Verdict(verdict.component.name, verdict.file.path, verdict.state, verdict.reason)
            for verdict in read(_library(), name, progress)
        )


def remove(name: str) -> Forgotten:
    """Forget a model's transformer, or another component, damaged records included; raises GenerationError."""
    with translated():
        from flux2engine.errors import LibraryError
        from flux2engine.library import WORDS

        library = _library()
        part = library.component(name)
        if part is None:
            record = _damaged(library, name)
            if record is not None:
                library.remove(record.kind, name)
                return Forgotten("damaged record", name, (), ())
            known = ", ".join(found.name for found in library.components()) or "none"
            raise LibraryError(f"nothing is installed under the name {name!r}; installed: {known}")
        before = {model.name for model in library.models() if not model.missing}
        library.remove(part.kind, part.name)
        lost = tuple(model.name for model in library.models() if model.name in before and model.missing)
        return Forgotten(WORDS[part.kind], name, tuple(file.path for file in part.all_files), lost)


@contextmanager
def translated() -> Iterator[None]:
    """Turn the engine's errors, and the absence of torch, into GenerationError."""
    from flux2engine.errors import EngineError, LibraryError

    try:
        yield
    except EngineError as error:
        raised = GenerationError(str(error))
        if isinstance(error, LibraryError):
            raised.exit_code = EXIT_USAGE  # what was asked for is at fault, not the weights
        raise raised from error
    except ImportError as error:
        if (error.name or "").startswith(("flux2engine", "flux2flow")):
            raise  # ours to mend, not the user's
        raise GenerationError(f"reading weights needs PyTorch, which cannot be loaded ({error}); {_INSTALL}") from error


def limits_of(name: str, variant: ModelVariant) -> BackendLimits:
    """Say what a FLUX.2 model can paint."""
    text = variant.text_encoder
    return BackendLimits(
        name,
        max_references=variant.max_references,
        max_pixels=variant.max_pixels,
        min_side=64,
        multiple=16,
        max_ratio=8.0,
        prompt_forms=("prose", "json"),
        max_prompt_tokens=text.tokens - _TEMPLATE_TOKENS[text.kind],
        licence=weights_licence(variant.licence),
        negative_prompts=variant.guidance_kind == "classifier-free",
        fixed_sampling=variant.fixed_sampling,
    )


def _library() -> Library:
    from flux2engine.library import Library

    return Library(models_folder())


def _model(model: EngineModel) -> InstalledModel:
    return InstalledModel(
        name=model.name,
        variant=model.variant.name,
        variant_source=model.transformer.variant_source,
        limits=limits_of(model.name, model.variant),
        parts=tuple(_part(part) for part in model.parts),
        missing=model.missing,
        unsound=model.unsound(),
        digest="" if model.missing else model.digest,
    )


def _part(part: Component) -> InstalledPart:
    from flux2engine.library import WORDS

    return InstalledPart(
        WORDS[part.kind], part.name, part.source, part.size, part.dtype, part.parameters, part.published
    )


def _known(row: ModelVariant) -> KnownVariant:
    from flux2engine.library import needs

    where = needs(row)
    return KnownVariant(
        row.name,
        weights_licence(row.licence),
        where["transformer"],
        where["text_encoder"],
        row.text_encoder_name,
        where["autoencoder"],
    )


def _shown(shown: Shown) -> ShownFile:
    from dataclasses import asdict

    from flux2engine.library import WORDS

    found = shown.found
    shape = asdict(found.shape) if found else {}
    return ShownFile(
        source=str(shown.source),
        kind=WORDS[found.kind] if found else "",
        refusal=shown.refusal,
        layout=found.layout if found else "",
        prefix=found.prefix if found else "",
        shape=tuple((field, str(value)) for field, value in shape.items()),
        published=found.published if found else (),
        assumed=shown.assumed.variant.name if shown.assumed else "",
        assumed_from=shown.assumed.source if shown.assumed else "",
        doubt=shown.doubt,
        parameters=found.parameters if found else 0,
        size=shown.size,
        files=len(shown.files),
        tensors=shown.tensors,
        dtypes=shown.dtypes,
        metadata=tuple(sorted(shown.metadata.items())),
        tokenizer=str(shown.tokenizer or ""),
        not_finite=shown.not_finite,
    )


def _imported(done: Import) -> Imported:
    return Imported(
        tuple(ImportedFile(_part(one.component), one.outcome, one.notes) for one in done.parts),
        done.absent,
        tuple(_model(model) for model in done.models),
    )


def _damaged(library: Library, name: str) -> DamagedRecord | None:
    return next((record for record in library.damaged() if record.path.name == f"{name}.json"), None)
