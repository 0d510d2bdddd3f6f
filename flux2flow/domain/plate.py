"""A plate: the painted picture without words, what is asked of a backend, and what a backend can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flux2flow.domain.files import FileRef, PictureFile
from flux2flow.domain.measures import Box, Color, PixelSize

BACKDROP_PARTS = ("backdrop", "background", "wall", "paper", "sky")
"""The parts of a picture that stand behind everything else, most common name first."""

CompositionSide = Literal["start", "center", "end"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture handed to the model, in order; the prompt calls the first one 'image 1'."""

    picture: PictureFile
    role: str
    caption: str


@dataclass(frozen=True, slots=True)
class PaletteColor:
    """A colour the prompt asks for: the part of the picture, its value and its name in plain words."""

    part: str
    color: Color
    name: str


@dataclass(frozen=True, slots=True)
class Direction:
    """The brief in numbers, for backends and checks that read no prose. Boxes are fractions of the plate.

    `light_azimuth` is in degrees, negative from the left; `ground` is the y of the floor line a product stands on.
    """

    palette: tuple[PaletteColor, ...]
    quiet: tuple[Box, ...]
    focal: Box | None
    ground: float
    light_azimuth: float
    light_elevation: float

    @property
    def backdrop(self) -> Color | None:
        """The colour that is asked for behind everything else, if one is."""
        asked = {entry.part: entry.color for entry in reversed(self.palette)}
        return next((asked[part] for part in BACKDROP_PARTS if part in asked), None)


@dataclass(frozen=True, slots=True)
class PlateRequest:
    """Everything a backend needs to paint one plate. Free of locale and of words."""

    prompt: str
    size: PixelSize
    seed: int
    references: tuple[Reference, ...]
    direction: Direction
    base: FileRef | None = None
    steps: int | None = None
    guidance: float | None = None
    negative_prompt: str | None = None
    """What the picture should not hold, for models with classifier-free guidance; None means the empty prompt."""


@dataclass(frozen=True, slots=True)
class BackendIdentity:
    """What decides a plate's pixels besides its request; goes into the plate key and the manifest."""

    backend: str
    variant: str
    weights_digest: str
    dtype: str
    sampling_version: int
    threads: int


@dataclass(frozen=True, slots=True)
class WeightsLicence:
    """Under which terms a model's weights may be run. `summary` is a reading in plain words, not legal advice."""

    name: str
    url: str
    summary: str
    needs_acknowledgement: bool
    """Whether a project must name the licence in its flux2flow.yaml before anything is painted with the model."""


@dataclass(frozen=True, slots=True)
class BackendLimits:
    """What a backend can paint: planning sizes plates and caps references by it."""

    name: str
    max_references: int
    max_pixels: int
    min_side: int = 64
    multiple: int = 16
    max_ratio: float = 4.0
    prompt_forms: tuple[Literal["prose", "json"], ...] = ("prose", "json")
    max_prompt_tokens: int | None = None
    """How much of a prompt is read; None where no prompt is that long. Planning leaves clauses out to keep it."""
    licence: WeightsLicence | None = None
    negative_prompts: bool = False
    """Whether a negative prompt has an effect."""
    fixed_sampling: bool = False
    """Whether the model is distilled for its own steps and guidance, so that a campaign may not choose others."""
    nouns: frozenset[str] | None = None
    """The things it has a picture of, singular or plural, lower case; None where everything is known."""


@dataclass(frozen=True, slots=True)
class Plate:
    """A painted plate: the object that holds its PNG, its key, and who painted it."""

    id: str
    key: str
    digest: str
    size: PixelSize
    identity: BackendIdentity
    seconds: float
    reused: bool
