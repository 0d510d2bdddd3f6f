"""A small plan made by hand, and a backend that counts: execution is tested without a campaign, a kit or a font."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from flux2flow import execution, plugins
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.format import Format
from flux2flow.domain.measures import Box, Color, Insets, PixelSize
from flux2flow.domain.plan import PLAN_FORMAT_VERSION, Plan, PlannedPlate
from flux2flow.domain.plate import BackendIdentity, BackendLimits, Direction, PlateRequest
from flux2flow.domain.report import Report
from flux2flow.domain.scene import Gradient, PlateLayer, Scene, ShapeLayer
from flux2flow.errors import GenerationError
from flux2flow.interfaces import BackendEntry, CheckSubject, Event, FileSource, Painted, PaintStep
from flux2flow.project import Project

LIMITS = BackendLimits("counting", max_references=0, max_pixels=1 << 20)
CARD = Format(id="test/card", width=96, height=64)
STRIP = Format(id="test/strip", width=192, height=48)


@dataclass
class Counting:
    """A backend that fills a plate from its seed and notes every seed it painted; some seeds it refuses."""

    painted: list[int] = field(default_factory=list)
    refused: frozenset[int] = frozenset()
    version: int = 1
    limits: BackendLimits = LIMITS

    def identity(self) -> BackendIdentity:
        return BackendIdentity("counting", "flat", "0" * 64, "uint8", self.version, 1)

    def paint(self, requests: Sequence[PlateRequest], files: FileSource) -> Iterator[PaintStep | Painted]:
        for number, request in enumerate(requests):
            if request.seed in self.refused:
                raise GenerationError(f"seed {request.seed} is refused")
            yield PaintStep(number, 1, 1)
            self.painted.append(request.seed)
            color = hashlib.sha256(f"{self.version} {request.seed}".encode()).digest()[:3]
            yield Painted(number, Canvas(request.size, color * request.size.pixels), 0.25)


@dataclass
class Refusing:
    """A check that fails the scenes it names."""

    scenes: frozenset[str] = frozenset()
    id: str = "refusing"
    title: str = "Refusing"
    rationale: str = "A test needs a picture that must not leave."
    level: Level = "fail"
    needs_pixels: bool = True

    def run(self, subject: CheckSubject) -> Iterator[Finding]:
        assert subject.decoded is not None
        assert subject.decoded.size == subject.scene.size
        if subject.scene.id in self.scenes:
            yield Finding(self.id, "fail", "refused by the test", subject.scene.id)


def plate(name: str, seed: int, width: int = 192, height: int = 128) -> PlannedPlate:
    """Plan a plate that asks for nothing but a size and a seed."""
    direction = Direction((), (), None, 0.8, -45, 50)
    request = PlateRequest(f"plate {name}", PixelSize(width, height), seed, (), direction)
    return PlannedPlate(name, "card", name, (), "landscape", "end", request, ())


def scene(name: str, plate: PlannedPlate, format: Format = CARD, ink: str = "#204060") -> Scene:
    """Set a bar on a plate."""
    size, color = format.size, Color.from_hex(ink)
    bar = ShapeLayer("bar", "rectangle", Box(8, 8, size.width / 2, 8), Gradient(color, color))
    layers = (PlateLayer("plate", plate.id, Box(0, 0, size.width, size.height), flip=False), bar)
    return Scene(name, "card", "test/card", format.id, "landscape", "en", "ltr", name, (), size, Insets(), layers)


def plan(scenes: int = 4, ink: str = "#204060") -> Plan:
    """Two plates, each under half of the scenes."""
    plates = (plate("dawn", 1), plate("night", 2, height=96))
    made = tuple(
        scene(f"card-{n}", plates[n % 2], CARD if n % 3 else STRIP, ink if n == 0 else "#204060") for n in range(scenes)
    )
    return Plan(
        format_version=PLAN_FORMAT_VERSION,
        campaign="cards",
        title="Cards",
        brand_kit="none",
        brand_name="None",
        backend=LIMITS,
        seed=0,
        fonts=(),
        formats=(CARD, STRIP),
        plates=plates,
        scenes=made,
    )


@dataclass
class Bench:
    """A project in a folder, a backend, a check, and the events of the last run."""

    folder: Path
    backend: Counting = field(default_factory=Counting)
    check: Refusing = field(default_factory=Refusing)
    events: list[Event] = field(default_factory=list)

    @property
    def project(self) -> Project:
        """The project of a campaign in the folder."""
        return Project.of(self.folder / "campaign.yaml")

    @property
    def output(self) -> Path:
        """Where released files stand."""
        return self.folder / "build" / "cards"

    def registry(self) -> plugins.Registry:
        """Register the backend, the check and nothing else."""
        registration = plugins.Registration()
        registration.register_backend(BackendEntry("counting", LIMITS, lambda: self.backend))
        registration.register_check(self.check)
        return registration.registry()

    def run(self, plan: Plan, **options: object) -> Report:
        """Run a plan and keep its events."""
        self.events.clear()
        self.backend.painted.clear()
        return execution.run(plan, self.project, self.registry(), progress=self.events.append, **options)  # type: ignore[arg-type]

    def files(self) -> dict[str, bytes]:
        """Every picture in the output folder."""
        return {
            str(path.relative_to(self.output)): path.read_bytes()
            for path in sorted(self.output.rglob("*"))
            if path.is_file() and path.name not in ("manifest.json", "index.html")
        }

    def objects(self) -> dict[str, Path]:
        """Every stored object by digest."""
        return {path.name: path for path in (self.folder / ".flux2flow" / "objects").glob("*/*")}


def without(plan: Plan, name: str) -> Plan:
    """Take one scene out of a plan."""
    return replace(plan, scenes=tuple(scene for scene in plan.scenes if scene.id != name))
