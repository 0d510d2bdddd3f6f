"""Format files → formats by id: the shipped placements by platform, and a project's own. Knows nothing of campaigns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources

from pydantic import BaseModel, ConfigDict, Field

from flux2flow.domain.format import Format, SafeArea
from flux2flow.expressions import suggest
from flux2flow.loading import yaml_composer
from flux2flow.loading.collector import Collector
from flux2flow.loading.models import validate
from flux2flow.loading.workspace import Place, Workspace
from flux2flow.loading.yaml_document import Document, KeyPath

FOLDER = "formats"
_SAME_SHAPE = 0.005  # of width over height: a pixel's rounding is no other shape


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
    places: dict[str, tuple[Document, KeyPath]] = {}
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
            if document is not None:
                places[format.id] = document, ("formats", index)
    return {
        id: _serving(workspace, format, found, *places[id]) if format.serves else format for id, format in found.items()
    }


def united(master: Format, served: Iterable[Format]) -> Format:
    """Give a master that keeps every limit of the formats it is delivered to, whose sizes are multiples of its own.

    Safe areas are scaled and united; sizes of type, bytes and characters are the strictest; media those that all take.
    """
    result = master
    for other in served:
        scale = master.width / other.width
        sides = {
            side: max(getattr(result.safe_area, side), round(getattr(other.safe_area, side) * scale, 4))
            for side in ("top", "right", "bottom", "left")
        }
        result = result.model_copy(
            update={
                "safe_area": SafeArea(**sides),
                "media": tuple(media for media in result.media if media in other.media),
                "max_bytes": _least(result.max_bytes, other.max_bytes),
                "headline_limit": _least(result.headline_limit, other.headline_limit),
                "min_text": max(result.min_text, round(other.min_text * scale, 4)),
                "min_x_height": max(result.min_x_height, round(other.min_x_height * scale, 4)),
            }
        )
    return result


def _least(one: int | None, other: int | None) -> int | None:
    return min((value for value in (one, other) if value is not None), default=None)


def _serving(
    workspace: Workspace, format: Format, own: Mapping[str, Format], document: Document, path: KeyPath
) -> Format:
    """Unite a master with what it serves; note what it cannot serve."""
    known = {**shipped(format.serves), **own}
    served = []
    for number, id in enumerate(format.serves):
        place = (*path, "serves", number)
        other = known.get(id)
        if other is None:
            names = [*own, *shipped()]
            workspace.problems.at_value(
                document, place, "unknown-format", f"there is no format {id!r}",
                suggestions=suggest(id, names), remedy="list them with: flux2flow formats",
            )  # fmt: skip
        elif abs(other.width / other.height - format.width / format.height) > _SAME_SHAPE:
            message = f"{format.id} ({format.size}) cannot serve {id} ({other.size}): their shapes differ"
            remedy = "serve formats of one ratio from one master, the others from their own"
            workspace.problems.at_value(document, place, "other-shape", message, remedy=remedy)
        elif other.serves:
            message = f"{id} serves others itself"
            workspace.problems.at_value(document, place, "nested-master", message, remedy="name what it serves instead")
        else:
            served.append(other)
    made = united(format, served)
    if not made.media:
        message = f"no file type suits {format.id} and all it serves"
        workspace.problems.at_value(document, (*path, "serves"), "no-media", message, remedy="serve fewer formats")
        return format
    return made
