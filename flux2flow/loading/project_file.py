"""`flux2flow.yaml` → ProjectFile, and whether it accepts the licence of a model. Knows no model and paints nothing.

Whoever renders asks `require_licence` last of all: the file is read anew then, so that a plan file carried to another
project meets that project's own word.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from flux2flow.domain.plate import WeightsLicence
from flux2flow.domain.project_file import ProjectFile
from flux2flow.errors import Diagnostic, Position, SpecError
from flux2flow.expressions import suggest
from flux2flow.loading import yaml_composer
from flux2flow.loading.collector import Collector
from flux2flow.loading.models import validate
from flux2flow.loading.workspace import texts
from flux2flow.loading.yaml_document import Document
from flux2flow.project import MARKER, FileRefusedError, Project

EMPTY = ProjectFile(flux2flow=1)


def read_project_file(project: Project, licences: Collection[str], problems: Collector) -> ProjectFile:
    """Read a project's file; note a licence whose name is not among those in use. Absent or empty says nothing."""
    document = _document(project, problems)
    if document is None:
        return EMPTY
    made = validate(document, ProjectFile, problems)
    accepted = [name for _, name in texts(document, "accept_licences", "*")]
    for path, name in texts(document, "accept_licences", "*"):
        if name not in licences:
            problems.at_value(
                document, path, "unknown-licence", f"no model here has a licence called {name!r}",
                expected="one of " + ", ".join(sorted(licences)), suggestions=suggest(name, sorted(licences)),
            )  # fmt: skip
        elif accepted.index(name) != path[-1]:
            problems.at_value(document, path, "duplicate-licence", f"{name!r} is here twice")
    return made or EMPTY


def accepted_licences(project: Project, licences: Collection[str]) -> tuple[str, ...]:
    """Give the licences a project accepts; raise SpecError with every problem of its file."""
    problems = Collector()
    found = read_project_file(project, licences, problems)
    problems.raise_any()
    return found.accept_licences


def require_licence(project: Project, model: str, licence: WeightsLicence | None, licences: Collection[str]) -> None:
    """Raise SpecError where a model's licence wants to be accepted and the project's file does not name it."""
    if licence is None or not licence.needs_acknowledgement:
        return
    accepted = accepted_licences(project, {*licences, licence.name})
    if licence.name not in accepted:
        raise SpecError((_refusal(project, model, licence, accepted),))


def _refusal(project: Project, model: str, licence: WeightsLicence, accepted: Sequence[str]) -> Diagnostic:
    """Say what the licence is, and the line that accepts it: in the file's own list, or where that should stand."""
    document = _document(project, Collector())
    line = f"accept_licences: [{', '.join((*accepted, licence.name))}]"
    message = f"nothing is painted: {model} is under {licence.name}, which this project does not accept"
    read = f"read {licence.url}; in short: {licence.summary}. If you accept it,"
    if document is not None and isinstance(document.data, dict) and "accept_licences" in document.data:
        start, length = document.key_span(("accept_licences",))
        return document.source.diagnostic(
            "licence-not-accepted", message, start, length=length, path="accept_licences",
            remedy=f"{read} write here: {line}",
        )  # fmt: skip
    lines = f"the line: {line}" if document is not None else f"two lines: flux2flow: 1 and {line}"
    there = project.exists("project", MARKER)
    remedy = f"{read} {'add to' if there else 'write'} {MARKER}, in the project's folder, {lines}"
    return Diagnostic("licence-not-accepted", message, Position(MARKER), remedy=remedy)


def _document(project: Project, problems: Collector) -> Document | None:
    """Read the file; None where there is none, it holds nothing, or it cannot be opened, which is noted."""
    try:
        data = project.open("project", MARKER, yaml_composer.MAX_BYTES)
    except FileRefusedError as error:
        if error.code != "missing-file":
            problems.add(Diagnostic(error.code, error.message, Position(MARKER), remedy=error.remedy))
        return None
    document = yaml_composer.read(MARKER, data)
    return None if document.data is None and not document.problems else document
