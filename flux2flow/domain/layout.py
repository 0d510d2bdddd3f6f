"""Pure geometry: aspect classes, plate sizes and crops, mirroring — and the Layout, where every layer got its place.

Planning resolves regions with this module, typography sets type inside them, compositing only paints what stands here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from flux2flow.domain.campaign import FontFile
from flux2flow.domain.files import PictureFile
from flux2flow.domain.format import AspectClass, Format
from flux2flow.domain.measures import Box, Color, PixelSize
from flux2flow.domain.scene import ContactShadow, Gradient, TextDirection


def aspect_class(format: Format) -> AspectClass:
    """The class of a format, by its width over height unless its file says otherwise."""
    if format.aspect_class is not None:
        return format.aspect_class
    ratio = format.width / format.height
    if ratio >= 3:
        return "banner"
    if ratio >= 1.25:
        return "landscape"
    if ratio >= 0.8:
        return "square"
    return "portrait" if ratio >= 0.6 else "tall"


def plate_size(sizes: Iterable[PixelSize], *, max_pixels: int, multiple: int, min_side: int, max_ratio: float) -> PixelSize:
    """The smallest plate, in multiples, from which every size can be cut; shrunk to the backend's pixels, ratio capped.

    The plate is as tall as the tallest format and as wide as the widest: each format is then a crop of it. Where
    that needs more pixels than the backend has, both sides shrink alike, and the crops are enlarged afterwards.
    """
    wanted = list(sizes)
    width = float(max(size.width for size in wanted))
    height = float(max(size.height for size in wanted))
    height = max(height, width / max_ratio)
    width = max(width, height / max_ratio)
    shrink = min(1.0, math.sqrt(max_pixels / (width * height)))
    grow = max(1.0, min_side / (min(width, height) * shrink))

    def snapped(value: float) -> int:
        return max(multiple, math.ceil(round(value * shrink * grow / multiple, 6)) * multiple)

    size = PixelSize(snapped(width), snapped(height))
    while size.pixels > max_pixels and size.width > multiple and size.height > multiple:
        size = PixelSize(size.width - multiple, size.height) if size.ratio >= 1 else PixelSize(size.width, size.height - multiple)
    return size


def crop_for(plate: PixelSize, target: PixelSize, *, anchor_y: float = 0.5, anchor_x: float = 0.5) -> Box:
    """The largest crop of a plate with the target's ratio, in plate pixels; anchors say which part is kept (0 to 1)."""
    width = min(float(plate.width), plate.height * target.ratio)
    height = width / target.ratio
    return Box((plate.width - width) * anchor_x, (plate.height - height) * anchor_y, width, height)


@dataclass(frozen=True, slots=True)
class FontInstance:
    """A font file at a point of its design space. `weight` is what the style asked for; `location` pins its axes."""

    font: FontFile
    location: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Glyph:
    """One glyph: its id, the baseline point in canvas pixels, and the index of its first character in the layer's text.

    `ink` is its ink box in canvas pixels; None for a glyph without ink (a space).
    """

    id: int
    x: float
    y: float
    cluster: int
    ink: Box | None


@dataclass(frozen=True, slots=True)
class GlyphRun:
    """Glyphs of one font at one size, in visual order."""

    font: FontInstance
    size: float
    color: Color
    glyphs: tuple[Glyph, ...]
    fallback: bool = False


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """One set line: its text (logical order), where its first character stands in the layer's text, its advance box."""

    text: str
    start: int
    box: Box
    runs: tuple[GlyphRun, ...]


@dataclass(frozen=True, slots=True)
class FitReport:
    """What copyfitting did: the size it took, the floor, the lines, and whether the text still stands outside."""

    size: float
    minimum: float
    lines: int
    max_lines: int
    steps: tuple[str, ...]
    overflow: bool
    at_floor: bool


@dataclass(frozen=True, slots=True)
class PlacedText:
    """Set text. `box` is the box it was given, `ink` the union of its glyphs' ink, `x_height` in pixels."""

    id: str
    text: str
    box: Box
    ink: Box
    lines: tuple[PlacedLine, ...]
    fit: FitReport
    x_height: float
    weight: int
    max_chars: int | None = None
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class PlacedPlate:
    """The plate's crop (plate pixels) that fills the canvas; `enlargement` is canvas pixels per plate pixel."""

    id: str
    plate: str
    crop: Box
    flip: bool
    enlargement: float
    kind: Literal["plate"] = "plate"


@dataclass(frozen=True, slots=True)
class PlacedShape:
    """A filled shape."""

    id: str
    shape: Literal["rectangle", "ellipse"]
    box: Box
    fill: Gradient
    radius: float = 0
    kind: Literal["shape"] = "shape"


@dataclass(frozen=True, slots=True)
class PlacedPicture:
    """A picture scaled to `box` (its own ratio kept), clipped to `clip`."""

    id: str
    picture: PictureFile
    box: Box
    clip: Box
    shadow: ContactShadow | None = None
    kind: Literal["picture"] = "picture"


@dataclass(frozen=True, slots=True)
class PlacedLogo:
    """A logo at its final place, and the box its clear space takes."""

    id: str
    logo: str
    picture: PictureFile
    box: Box
    clear: Box
    min_width: float
    kind: Literal["logo"] = "logo"


Placed = PlacedPlate | PlacedText | PlacedShape | PlacedPicture | PlacedLogo


@dataclass(frozen=True, slots=True)
class Dropped:
    """A layer that was left out, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Used values in pixels: everything compositing needs, in painting order.

    A button becomes a shape `<id>` and a text `<id>/label`; a chart becomes shapes `<id>/bar-N` and texts.
    """

    scene: str
    size: PixelSize
    direction: TextDirection
    placed: tuple[Placed, ...]
    dropped: tuple[Dropped, ...] = ()

    def texts(self) -> tuple[PlacedText, ...]:
        """Every set text."""
        return tuple(layer for layer in self.placed if isinstance(layer, PlacedText))

    def logos(self) -> tuple[PlacedLogo, ...]:
        """Every logo."""
        return tuple(layer for layer in self.placed if isinstance(layer, PlacedLogo))

    @property
    def plate(self) -> PlacedPlate:
        """The plate under everything."""
        for layer in self.placed:
            if isinstance(layer, PlacedPlate):
                return layer
        raise LookupError(f"layout of {self.scene} has no plate")
