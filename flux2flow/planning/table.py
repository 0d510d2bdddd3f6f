"""A Plan → the numbers of its printed table: one row per plate, and totals. Draws nothing."""

from __future__ import annotations

from dataclasses import dataclass

from flux2flow.domain.format import AspectClass
from flux2flow.domain.measures import Box, PixelSize
from flux2flow.domain.plan import Plan, PlannedPlate
from flux2flow.domain.plate import CompositionSide


@dataclass(frozen=True, slots=True)
class CropRow:
    """How one format is cut from a plate; `enlargement` is delivered pixels per plate pixel."""

    format: str
    size: PixelSize
    crop: Box
    enlargement: float
    scenes: int
    flipped: int


@dataclass(frozen=True, slots=True)
class PlateRow:
    """One plate of the table; `megapixels` are painted ones."""

    id: str
    aspect_class: AspectClass
    side: CompositionSide
    size: PixelSize
    megapixels: float
    serves: int
    references: tuple[str, ...]
    crops: tuple[CropRow, ...]


@dataclass(frozen=True, slots=True)
class PlanTotals:
    """Counts of a plan; `reuse` is scenes per plate, `flips` scenes that take their plate mirrored.

    `upsampled` counts the plates whose prompt a language model wrote.
    """

    plates: int
    scenes: int
    reuse: float
    megapixels: float
    flips: int
    upsampled: int = 0


@dataclass(frozen=True, slots=True)
class PlanTable:
    """What `flux2flow plan` prints."""

    rows: tuple[PlateRow, ...]
    totals: PlanTotals


def table(plan: Plan) -> PlanTable:
    """Give the table of a plan."""
    rows = tuple(_row(plan, plate) for plate in plan.plates)
    scenes = len(plan.scenes)
    totals = PlanTotals(
        plates=len(rows),
        scenes=scenes,
        reuse=scenes / len(rows) if rows else 0.0,
        megapixels=sum(row.megapixels for row in rows),
        flips=sum(scene.plate.flip for scene in plan.scenes),
        upsampled=sum(plate.original_prompt is not None for plate in plan.plates),
    )
    return PlanTable(rows, totals)


def _row(plan: Plan, plate: PlannedPlate) -> PlateRow:
    served = [scene for scene in plan.scenes if scene.plate.plate == plate.id]
    crops = []
    for format in dict.fromkeys(scene.format for scene in served):
        scenes = [scene for scene in served if scene.format == format]
        size, crop = scenes[0].size, scenes[0].plate.crop
        flipped = sum(scene.plate.flip for scene in scenes)
        crops.append(CropRow(format, size, crop, size.width / crop.width, len(scenes), flipped))
    size = plate.request.size
    references = tuple(f"{reference.role}: {reference.picture.file.path}" for reference in plate.request.references)
    return PlateRow(
        plate.id, plate.aspect_class, plate.side, size, size.pixels / 1e6, len(plate.serves), references, tuple(crops)
    )
