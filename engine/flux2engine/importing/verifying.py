"""Records → whether the files are still those that were imported: every byte is read again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flux2engine.errors import LibraryError, WeightsError
from flux2engine.importing.hashing import Hasher, Progress, silent
from flux2engine.library import Component, FileFacts, Library


@dataclass(frozen=True)
class FileVerdict:
    """Say of one recorded file whether its bytes are the same; `unreadable` says why nobody could know."""

    component: Component
    file: FileFacts
    state: Literal["same", "changed", "missing", "unreadable"]
    reason: str = ""


def verify(library: Library, name: str | None = None, progress: Progress | None = None) -> tuple[FileVerdict, ...]:
    """Hash the files of one model or component, or of all, against their records.

    Where only a file's time or inode is another, the record is brought up to date. Raises LibraryError.
    """
    components = _chosen(library, name)
    present = [Path(file.path) for part in components for file in part.all_files if file.state() != "missing"]
    hasher = Hasher(present, (), progress or silent)
    verdicts: list[FileVerdict] = []
    for part in components:
        judged, fresh = zip(*(_judged(part, file, hasher) for file in part.all_files), strict=True)
        verdicts.extend(judged)
        if all(verdict.state == "same" for verdict in judged) and fresh != part.all_files:
            weights = fresh[: len(part.files)]
            library.add(part.model_copy(update={"files": weights, "tokenizer": (*fresh[len(weights) :], None)[0]}))
    return tuple(verdicts)


def _judged(part: Component, file: FileFacts, hasher: Hasher) -> tuple[FileVerdict, FileFacts]:
    if file.state() == "missing":
        return FileVerdict(part, file, "missing"), file
    try:
        found = hasher.facts(Path(file.path))
    except WeightsError as error:
        return FileVerdict(part, file, "unreadable", str(error)), file
    return FileVerdict(part, file, "same" if found.sha256 == file.sha256 else "changed"), found


def _chosen(library: Library, name: str | None) -> tuple[Component, ...]:
    components = library.components()
    if name is None:
        return components
    models = {model.name: model for model in library.models()}
    if name in models:
        return models[name].parts
    chosen = tuple(part for part in components if part.name == name)
    if not chosen:
        known = ", ".join(part.name for part in components) or "none"
        raise LibraryError(f"nothing is installed under the name {name!r}; installed: {known}")
    return chosen
