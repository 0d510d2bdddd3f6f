"""A plan: every plate to paint and every scene to set, complete. `render --plan` follows it without the YAML."""

from __future__ import annotations

from dataclasses import dataclass

from flux2flow.domain.campaign import FontFile
from flux2flow.domain.format import AspectClass, Format
from flux2flow.domain.plate import BackendLimits, CompositionSide, PlateRequest
from flux2flow.domain.scene import Scene
from flux2flow.domain.standards import NO_STANDARDS, Standards

PLAN_FORMAT_VERSION = 1
"""Raise when a field of the plan file changes its meaning; older files are then refused with advice."""


@dataclass(frozen=True, slots=True)
class PlanNote:
    """Something the planner decided and the user should see: a reference dropped, a row key chosen, an upscale."""

    code: str
    message: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class PlannedPlate:
    """One plate: its identity (entry, row, variant, aspect class, side), its request, and the scenes it serves."""

    id: str
    entry: str
    row: str
    variant: tuple[tuple[str, str], ...]
    aspect_class: AspectClass
    side: CompositionSide
    request: PlateRequest
    serves: tuple[str, ...]
    original_prompt: str | None = None
    """What planning wrote, where the campaign's prompt file puts another text in its place."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What `render` does, exactly."""

    format_version: int
    campaign: str
    title: str
    brand_kit: str
    brand_name: str
    backend: BackendLimits
    seed: int
    fonts: tuple[FontFile, ...]
    formats: tuple[Format, ...]
    plates: tuple[PlannedPlate, ...]
    scenes: tuple[Scene, ...]
    forbidden_words: tuple[str, ...] = ()
    notes: tuple[PlanNote, ...] = ()
    standards: Standards = NO_STANDARDS

    def format(self, id: str) -> Format:
        """Return the format with this id; raises KeyError."""
        for candidate in self.formats:
            if candidate.id == id:
                return candidate
        raise KeyError(id)
