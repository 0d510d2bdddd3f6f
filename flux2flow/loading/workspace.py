"""What one load has read so far: documents, tables and where they stand.

Finds and reads files; checks nothing in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from flux2flow.domain.campaign import FontFile
from flux2flow.domain.files import PictureFile
from flux2flow.domain.format import Format
from flux2flow.errors import Diagnostic, Position
from flux2flow.expressions import suggest
from flux2flow.loading import yaml_composer
from flux2flow.loading.collector import Collector
from flux2flow.loading.rows import Table
from flux2flow.loading.yaml_document import Document, KeyPath
from flux2flow.project import FileRefusedError, Project


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder below one of the project's roots."""

    root: str
    path: str

    @property
    def label(self) -> str:
        """Name it for messages: the library's files say so."""
        return self.path if self.root == "project" else f"{self.root}/{self.path}"

    def inside(self, relative: str) -> Place:
        """Name something below this folder; './a//b' is 'a/b', so that a file has one name."""
        parts = [part for part in f"{self.path}/{relative}".split("/") if part not in ("", ".")]
        return Place(self.root, "/".join(parts))

    @property
    def folder(self) -> Place:
        """Name the folder that holds this file."""
        return Place(self.root, self.path.rpartition("/")[0])


@dataclass
class Workspace:
    """Everything one load has found. A document that could not be read is absent, its problems are in `problems`."""

    project: Project
    folder: Place
    """The campaign's folder."""
    problems: Collector = field(default_factory=Collector)
    campaign: Document | None = None
    kit: Document | None = None
    kit_place: Place | None = None
    templates: dict[str, Document] = field(default_factory=dict)
    template_places: dict[str, Place] = field(default_factory=dict)
    decks: dict[str, Document] = field(default_factory=dict)
    missing_decks: set[str] = field(default_factory=set)
    formats: dict[str, Format] = field(default_factory=dict)
    table: Table | None = None
    pictures: dict[str, PictureFile] = field(default_factory=dict)
    fonts: list[FontFile] = field(default_factory=list)

    def read(self, place: Place) -> Document | None:
        """Read a YAML document; note why where it cannot be opened."""
        try:
            data = self.project.open(place.root, place.path, yaml_composer.MAX_BYTES)
        except FileRefusedError as error:
            self.problems.add(Diagnostic(error.code, error.message, Position(place.label), remedy=error.remedy))
            return None
        return yaml_composer.read(place.label, data)

    def search(self, relative: str) -> Place | None:
        """Find a file by its path in the first root that has it."""
        for root in self.project.roots:
            if self.project.exists(root, relative):
                return Place(root, relative)
        return None

    def beside(self, reference: str) -> Place:
        """Resolve a path the campaign names: in the campaign's folder, else in the project's root."""
        near = self.folder.inside(reference)
        if (
            self.folder.path
            and not self.project.exists(near.root, near.path)
            and self.project.exists("project", reference)
        ):
            return Place("project", "").inside(reference)
        return near

    def names(self, folder: str, marker: str, depth: int = 1) -> tuple[str, ...]:
        """List what stands in a folder of any root, such as every kit: paths `depth` parts long that hold `marker`."""
        found: set[str] = set()
        for root in self.project.roots:
            level = [""]
            for _ in range(depth):
                level = [
                    f"{path}/{name}" if path else name
                    for path in level
                    for name in self.project.entries(root, f"{folder}/{path}")
                    if not name.startswith(".")
                ]
            found |= {path for path in level if self.project.exists(root, f"{folder}/{path}/{marker}")}
        return tuple(sorted(found))

    def nearby(self, folder: Place, relative: str) -> tuple[str, ...]:
        """Find files with a similar name where a missing one should stand."""
        parent, _, name = relative.rpartition("/")
        place = folder.inside(parent) if parent else folder
        present = self.project.entries(place.root, place.path)
        return tuple(f"{parent}/{found}" if parent else found for found in suggest(name, present))

    def refused(
        self, document: Document, path: KeyPath, error: FileRefusedError, suggestions: tuple[str, ...] = ()
    ) -> None:
        """Note that a file named in a document cannot be used."""
        self.problems.at_value(document, path, error.code, error.message, remedy=error.remedy, suggestions=suggestions)


def sound_kit(workspace: Workspace) -> bool:
    """Say whether the kit could be read far enough to look names up in it."""
    return bool(mapping(workspace.kit, "colors") and mapping(workspace.kit, "styles"))


def select(data: object, *pattern: str) -> Iterator[tuple[KeyPath, object]]:
    """Find the values a pattern of keys leads to, with their paths; `*` stands for every key or index.

    Whatever has another shape is passed over: its own check speaks of it.
    """
    if not pattern:
        yield (), data
        return
    head, rest = pattern[0], pattern[1:]
    keys: list[str | int] = []
    if isinstance(data, Mapping):
        keys = [*data] if head == "*" else [head] if head in data else []
    elif isinstance(data, list) and head == "*":
        keys = [*range(len(data))]
    for key in keys:
        for path, value in select(data[key], *rest):  # type: ignore[index]  # the key came from the data
            yield (key, *path), value


def texts(document: Document | None, *pattern: str) -> Iterator[tuple[KeyPath, str]]:
    """Find the strings a pattern leads to."""
    if document is not None:
        for path, value in select(document.data, *pattern):
            if isinstance(value, str):
                yield path, value


def mapping(document: Document | None, *keys: str) -> Mapping[str, object]:
    """Get a mapping of a document, or an empty one."""
    if document is not None:
        for _, value in select(document.data, *keys):
            if isinstance(value, dict):
                return value
    return {}
