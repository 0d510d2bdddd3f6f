"""Format files → formats by id: the shipped placements by platform, and a project's own. Knows nothing of campaigns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources

from pydantic import BaseModel, ConfigDict, Field

from flux2flow.domain.format import Format
from flux2flow.loading import yaml_composer
from flux2flow.loading.collector import Collector
from flux2flow.loading.models import validate
from flux2flow.loading.workspace import Place, Workspace

FOLDER = "formats"


class FormatFile(BaseModel):
    """Placements of one platform."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flux2flow: int
    formats: tuple[Format, ...] = Field(min_length=1)


def platforms() -> tuple[str, ...]:
    """List the shipped platforms."""
    shipped = resources.files("flux2flow.loading") / "formats"
    return tuple(
        sorted(entry.name.removesuffix(".yaml") for entry in shipped.iterdir() if entry.name.endswith(".yaml"))
    )


@lru_cache(maxsize=32)
def platform(name: str) -> Mapping[str, Format]:
    """Read one shipped platform's formats."""
    file = resources.files("flux2flow.loading") / "formats" / f"{name}.yaml"
    problems = Collector()
    made = validate(yaml_composer.read(f"formats/{name}.yaml", file.read_bytes()), FormatFile, problems)
    problems.raise_any()
    return {format.id: format for format in made.formats} if made is not None else {}


def shipped(ids: Iterable[str] | None = None) -> dict[str, Format]:
    """Read the shipped formats: those of the platforms that the ids name, or all."""
    known = platforms()
    wanted = known if ids is None else sorted({id.partition("/")[0] for id in ids} & set(known))
    return {id: format for name in wanted for id, format in platform(name).items()}


def read_project_formats(workspace: Workspace) -> dict[str, Format]:
    """Read the project's own format files; they win over the shipped ones."""
    found: dict[str, Format] = {}
    for name in workspace.project.entries("project", FOLDER):
        if not name.endswith((".yaml", ".yml")):
            continue
        document = workspace.read(Place("project", f"{FOLDER}/{name}"))
        made = validate(document, FormatFile, workspace.problems) if document is not None else None
        for index, format in enumerate(made.formats if made is not None else ()):
            if format.id in found and document is not None:
                path = ("formats", index, "id")
                workspace.problems.at_value(document, path, "duplicate-format", f"{format.id!r} is defined twice")
            found[format.id] = format
    return found
