"""The seams: what a backend, a check and a file source must offer. Plugins implement these."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from flux2flow.domain.asset import EncodedFile
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.files import FileRef
from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.format import Format
from flux2flow.domain.layout import Layout
from flux2flow.domain.measures import Box
from flux2flow.domain.plate import BackendIdentity, BackendLimits, PlateRequest
from flux2flow.domain.reading import ReadLine
from flux2flow.domain.scene import Scene
from flux2flow.domain.standards import NO_STANDARDS, Standards


class FileSource(Protocol):
    """Reads files by reference; the bytes always match the digest, else StoreError."""

    def read(self, file: FileRef) -> bytes:
        """Return the file's bytes."""
        ...


@dataclass(frozen=True, slots=True)
class PaintStep:
    """Progress of one plate: step `done` of `of`.

    A backend that says `done` 0 before it starts on a plate makes the journal exact: what a killed run was at is then
    known from the start, and not from the first step.
    """

    plate: int
    done: int
    of: int


@dataclass(frozen=True, slots=True)
class PaintPhase:
    """Progress outside any one plate, such as "encode prompts": `done` of `of` before what comes now."""

    name: str
    done: int
    of: int


@dataclass(frozen=True, slots=True)
class PaintFailed:
    """A plate that cannot be painted, and why; the backend goes on with the others."""

    plate: int
    reason: str


@dataclass(frozen=True, slots=True)
class Painted:
    """A finished plate: `plate` is its index in the batch."""

    plate: int
    canvas: Canvas
    seconds: float


@runtime_checkable
class ImageBackend(Protocol):
    """Paints plates. Loading weights happens on the first `paint`, never in `identity`."""

    limits: BackendLimits

    def identity(self) -> BackendIdentity:
        """Return what decides the pixels besides the request; cheap, no torch."""
        ...

    def paint(
        self, requests: Sequence[PlateRequest], files: FileSource
    ) -> Iterator[PaintStep | Painted | PaintFailed | PaintPhase]:
        """Paint requests, in any order; yields progress, and each plate as it is done.

        What goes wrong with one plate is a PaintFailed. A GenerationError ends the call: those that are left are then
        painted one by one, in calls of their own.
        """
        ...


@dataclass(frozen=True, slots=True)
class BackendEntry:
    """A backend as it is registered: planning needs its limits, only painting makes it."""

    name: str
    limits: BackendLimits
    create: Callable[[], ImageBackend]


class TextReader(Protocol):
    """Reads words off pixels. Safe to use from several threads; the same pixels always give the same words."""

    name: str
    """The reader with its version, as it enters keys and manifests."""

    def read(self, canvas: Canvas) -> tuple[ReadLine, ...]:
        """Find every line of a picture and read it, from top to bottom."""
        ...

    def read_line(self, canvas: Canvas, box: Box) -> ReadLine:
        """Read the one line that is known to stand in a box; empty where nothing is read."""
        ...

    def unreadable(self, text: str) -> str:
        """Return the letters of a text that this reader does not know, each once."""
        ...


@dataclass(frozen=True, slots=True)
class CheckSubject:
    """What a check sees. `encoded` and `decoded` are None where nothing was painted (`flux2flow validate`).

    `reader` is there only where reading was asked for; `plate` is then the painted plate before anything was set on it.
    """

    scene: Scene
    layout: Layout
    format: Format
    forbidden_words: tuple[str, ...] = ()
    encoded: EncodedFile | None = None
    decoded: Canvas | None = None
    standards: Standards = NO_STANDARDS
    files: FileSource | None = None
    """Reads what the scene names; None where a subject is built by hand."""
    reader: TextReader | None = None
    plate: Canvas | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Progress of a run, for whoever shows it. `done` of `of` counts steps (`plate-step`), plates or assets.

    Order: `start` · `phase`* (what a model does outside any one plate) · `plate-step`* and `plate` per plate, in any
    order · `asset` per asset · `failure` where something could not be made · `end`. `reused` marks what was not made
    again.
    """

    kind: Literal["start", "phase", "plate-step", "plate", "asset", "failure", "end"]
    subject: str
    done: int
    of: int
    reused: bool = False
    detail: str = ""


Progress = Callable[[Event], None]


class Check(Protocol):
    """One check, one file; `id` is the file's name in kebab-case."""

    id: str
    title: str
    rationale: str
    level: Level
    needs_pixels: bool

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """Return findings, worst first; nothing where all is well."""
        ...
