"""A brand kit or a format by its name or path, without a campaign → what checking a single picture needs of it.

Raises SpecError with every problem, as loading a campaign does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flux2flow.domain.brand_kit import BrandKit
from flux2flow.domain.campaign import FontFile
from flux2flow.domain.files import PictureFile
from flux2flow.domain.format import Format
from flux2flow.domain.standards import SpellingDictionary
from flux2flow.errors import Diagnostic, Position, SpecError
from flux2flow.expressions import suggest
from flux2flow.loading import formats as _formats
from flux2flow.loading.kits import FILE, check_kit
from flux2flow.loading.models import validate
from flux2flow.loading.standards import read_dictionaries
from flux2flow.loading.workspace import Place, Workspace
from flux2flow.project import Project


@dataclass(frozen=True, slots=True)
class LoadedKit:
    """A kit with its fonts, and its pictures by the keys that a CampaignBundle has them under."""

    kit: BrandKit
    fonts: tuple[FontFile, ...]
    pictures: Mapping[str, PictureFile]
    project: Project
    dictionaries: tuple[SpellingDictionary, ...] = ()


def load_kit(named: str, project: Project, *, asked: str = "--kit") -> LoadedKit:
    """Read the kit of a name, of the project or the library, or of a folder's path; `asked` is where it was named."""
    workspace = Workspace(project, Place("project", ""))
    place = workspace.search(f"brand_kits/{named}/{FILE}") if "/" not in named else None
    folder = Path(named).resolve()
    if place is None and (folder / FILE).is_file():
        project = Project(folder.parent, project.library, project.plugins)
        workspace, place = Workspace(project, Place("project", "")), Place("project", f"{folder.name}/{FILE}")
    if place is None:
        known = workspace.names("brand_kits", FILE)
        raise SpecError(
            (
                Diagnostic(
                    "unknown-brand-kit", f"there is no brand kit {named!r}", Position(asked),
                    expected="one of " + ", ".join(known), suggestions=suggest(named, known),
                ),
            )
        )  # fmt: skip
    dictionaries: tuple[SpellingDictionary, ...] = ()
    document = workspace.read(place)
    kit = validate(document, BrandKit, workspace.problems) if document is not None else None
    if document is not None:
        check_kit(workspace, document, place)
        dictionaries = read_dictionaries(workspace, document, place.folder)
    workspace.problems.raise_any()
    if kit is None:
        raise AssertionError("a kit failed without a diagnostic")
    return LoadedKit(kit, tuple(workspace.fonts), workspace.pictures, project, dictionaries)


def load_format(id: str, project: Project) -> Format:
    """Find a format of the project or of those that ship."""
    workspace = Workspace(project, Place("project", ""))
    own = _formats.read_project_formats(workspace)
    workspace.problems.raise_any()
    found = own.get(id) or _formats.shipped([id]).get(id)
    if found is None:
        known = sorted({*own, *_formats.shipped()})
        raise SpecError(
            (
                Diagnostic(
                    "unknown-format", f"there is no format {id!r}", Position("--format"),
                    suggestions=suggest(id, known), remedy="flux2flow formats lists them all",
                ),
            )
        )  # fmt: skip
    return found
