"""What can be seen in a finished picture of unknown making: words, logos, plain areas. Holds it; measures nothing."""

from __future__ import annotations

from dataclasses import dataclass

from flux2flow.auditing.logos import Pose
from flux2flow.domain.measures import Box, Color


@dataclass(frozen=True, slots=True)
class SeenText:
    """A line of words: where, its marks of ink from left to right, and the two colours it is made of.

    Every measure is an estimate from pixels. `cap_height` is that of the tallest letters, `x_height` that of the
    middling ones; for capitals and figures it is what their lower case would have.
    """

    text: str
    box: Box
    confidence: float
    ink: tuple[Box, ...]
    fill: Color
    ground: Color
    cap_height: float
    x_height: float

    @property
    def size(self) -> float:
        """The type size that letters of this height usually have."""
        return max(self.cap_height / 0.72, self.x_height / 0.52)


@dataclass(frozen=True, slots=True)
class PartColor:
    """One colour of a logo's drawing, and what stands in its place in the picture."""

    expected: Color
    seen: Color
    difference: float
    """ΔE2000."""


@dataclass(frozen=True, slots=True)
class SeenLogo:
    """A logo of the kit: where it stands, and its colours against the nearest of the kit's own drawings of it."""

    name: str
    pose: Pose
    score: float
    box: Box
    """The upright box around its ink."""
    proportion: float
    """Its height as a multiple of the true height at this width."""
    full_height: float
    """The height of its drawing with the blank margins the file has; clear space is a fraction of it."""
    clear_space: float
    min_width: float
    colors: tuple[PartColor, ...]
    cluttered: float
    """The share of its clear space that differs strongly from the ground around the logo."""

    @property
    def clear(self) -> Box:
        """The box that must stay free."""
        return self.box.grown(self.clear_space * self.full_height)


@dataclass(frozen=True, slots=True)
class PlainArea:
    """An area of one exact colour: a panel, a button, a bar, a plain ground. `share` is of the picture."""

    color: Color
    share: float
    box: Box
    filled: float
    """How much of its box it fills: near 1 for a rectangle."""


@dataclass(frozen=True, slots=True)
class SeenPicture:
    """Everything found. `read` says whether words were looked for at all."""

    texts: tuple[SeenText, ...]
    logos: tuple[SeenLogo, ...]
    products: tuple[Box, ...]
    areas: tuple[PlainArea, ...]
    read: bool
