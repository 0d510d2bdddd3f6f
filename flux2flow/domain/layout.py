"""Pure geometry: aspect classes, plate sizes and crops, mirroring — and the Layout, where every layer got its place.

Planning resolves regions with this module, typography sets type inside them, compositing only paints what stands here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from flux2flow.domain.campaign import FontFile
from flux2flow.domain.files import PictureFile
from flux2flow.domain.format import AspectClass, Format
from flux2flow.domain.measures import Box, Color, PixelSize
from flux2flow.domain.scene import ContactShadow, Gradient, Shadow, Stroke, TextDirection


def aspect_class(format: Format) -> AspectClass:
    """Give the class of a format, by its width over height unless its file says otherwise."""
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


def plate_size(
    sizes: Iterable[PixelSize], *, max_pixels: int, multiple: int, min_side: int, max_ratio: float
) -> PixelSize:
    """Give the smallest plate, in multiples, from which every size can be cut pixel for pixel.

    It is as wide as the widest and as tall as the tallest, its ratio capped (a leaderboard is cut from a taller plate).
    Where that needs more than `max_pixels`, it is the plate whose crops are enlarged least. Raises ValueError where no
    plate exists.
    """
    wanted = list(sizes)
    width, height = max(size.width for size in wanted), max(size.height for size in wanted)
    needed_width, needed_height = max(width, height / max_ratio), max(height, width / max_ratio)

    def up(value: float) -> int:
        return max(math.ceil(round(value / multiple, 6)), math.ceil(min_side / multiple)) * multiple

    best: tuple[float, int, int] | None = None  # (worst scale, minus area, minus height): the greatest wins
    best_size: PixelSize | None = None
    for plate_height in range(up(min_side), up(needed_height) + multiple, multiple):
        widest = min(
            up(needed_width), int(min(max_pixels / plate_height, plate_height * max_ratio)) // multiple * multiple
        )
        tightest = max(up(needed_width * min(1.0, plate_height / needed_height)), up(plate_height / max_ratio))
        plate_width = min(tightest, widest)
        if plate_width < min_side or plate_width * max_ratio < plate_height:
            continue
        scale = min(1.0, plate_width / needed_width, plate_height / needed_height)
        rank = (round(scale, 9), -plate_width * plate_height, -plate_height)
        if best is None or rank > best:
            best, best_size = rank, PixelSize(plate_width, plate_height)
    if best_size is None:
        raise ValueError(
            f"no plate of at most {max_pixels} px has sides of {min_side} px or more and a ratio up to {max_ratio:g}"
        )
    return best_size


def crop_size(plate: PixelSize, target: PixelSize) -> tuple[float, float]:
    """Width and height, in plate pixels, of the largest crop with the target's ratio."""
    width = min(float(plate.width), plate.height * target.ratio)
    return width, width / target.ratio


def crop_for(
    plate: PixelSize, target: PixelSize, *, canvas_point: tuple[float, float], plate_point: tuple[float, float]
) -> Box:
    """Give the largest crop with the target's ratio that lays one point of the canvas on one point of the plate.

    Both points are fractions of their picture. Where the crop would leave the plate it stops at the edge.
    """
    width, height = crop_size(plate, target)
    left = plate_point[0] * plate.width - canvas_point[0] * width
    top = plate_point[1] * plate.height - canvas_point[1] * height
    return Box(min(max(left, 0.0), plate.width - width), min(max(top, 0.0), plate.height - height), width, height)


def shared_point(shares: Sequence[tuple[float, float]]) -> float:
    """Where on one axis of the plate a point stands that each crop shows at its own place.

    `shares` holds, per crop, the part of the axis it covers and the point's place on its canvas, both 0 to 1. A crop
    can show the point only between `place * part` and `1 - (1 - place) * part`; the result is the value all crops reach
    that is nearest to the median place, or the nearest compromise where they contradict each other.
    """
    places = sorted(place for _, place in shares)
    median = (places[(len(places) - 1) // 2] + places[len(places) // 2]) / 2
    low = max(part * place for part, place in shares)
    high = min(1 - (1 - place) * part for part, place in shares)
    return min(max(median, low), high) if low <= high else (low + high) / 2


def seen_through(box: Box, crop: Box, plate: PixelSize) -> Box:
    """Give a box given in fractions of a canvas, in fractions of the plate that the canvas is cropped from."""
    return Box(
        (crop.x + box.x * crop.width) / plate.width,
        (crop.y + box.y * crop.height) / plate.height,
        box.width * crop.width / plate.width,
        box.height * crop.height / plate.height,
    )


def kept_inside(box: Box, frame: Box) -> Box:
    """Give the box moved into a frame by the least distance, and shrunk where it is larger than the frame."""
    width, height = min(box.width, frame.width), min(box.height, frame.height)
    x = min(max(box.x, frame.x), frame.right - width)
    return Box(x, min(max(box.y, frame.y), frame.bottom - height), width, height)


@dataclass(frozen=True, slots=True)
class Busyness:
    """How restless a stretch of a picture is: mean edge energy (0 is flat) and the spread of its luminance, 0 to 1."""

    edges: float
    spread: float


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
    """Glyphs of one font at one size, in visual order.

    `rotated` glyphs lie a quarter turn clockwise about their points; `synthetic` says that the font lacks what the
    style asks for (small capitals), and that it was made from something else. Stroke and shadow are in pixels.
    """

    font: FontInstance
    size: float
    color: Color
    glyphs: tuple[Glyph, ...]
    fallback: bool = False
    rotated: bool = False
    synthetic: bool = False
    stroke: Stroke | None = None
    shadow: Shadow | None = None


@dataclass(frozen=True, slots=True)
class TextMark:
    """A coloured box that belongs to a line: a highlight behind its letters, or a piece of an underline."""

    box: Box
    color: Color
    radius: float = 0.0


@dataclass(frozen=True, slots=True)
class PlacedIcon:
    """An icon that stands in a line, drawn in its text's colour; `cluster` is its character in the layer's text."""

    name: str
    picture: PictureFile
    box: Box
    color: Color
    cluster: int


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """One set line: its text (logical order), where its first character stands in the layer's text, its advance box.

    A `vertical` line is a column, read downwards. Highlights are painted first, icons last.
    """

    text: str
    start: int
    box: Box
    runs: tuple[GlyphRun, ...]
    highlights: tuple[TextMark, ...] = ()
    underlines: tuple[TextMark, ...] = ()
    icons: tuple[PlacedIcon, ...] = ()
    vertical: bool = False


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
    tracking: float = 0.0
    """What was taken off the style's tracking, in em."""
    width_axis: float | None = None
    """The width axis's value, where it was narrowed."""
    copy_step: int = 0
    """Which copy was set: 0 is the longest."""
    unhyphenated: bool = False
    """Whether its style asks for hyphenation and the language's patterns are not installed."""


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
    color: Color | None = None
    """What an SVG draws its `currentColor` in: icons take their figure's colour."""


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


@dataclass(frozen=True, slots=True)
class PathStep:
    """One step of an outline: its verb, and the points that the verb takes (1, 1, 3 or none), in canvas pixels."""

    verb: Literal["move", "line", "curve", "close"]
    points: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class PlacedPath:
    """An outline that is filled, drawn as a line of `width` pixels, or both; `box` holds its points and the line.

    Curves are cubic Béziers. A `dash` alternates lengths of line and gap in pixels.
    """

    id: str
    steps: tuple[PathStep, ...]
    box: Box
    fill: Color | None = None
    stroke: Color | None = None
    width: float = 0.0
    dash: tuple[float, ...] = ()
    kind: Literal["path"] = "path"


Placed = PlacedPath | PlacedPlate | PlacedText | PlacedShape | PlacedPicture | PlacedLogo


@dataclass(frozen=True, slots=True)
class Dropped:
    """A layer that was left out, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Used values in pixels: everything compositing needs, in painting order.

    A button becomes a shape `<id>` and a text `<id>/label`; a chart becomes shapes `<id>/bar-N`, paths and texts.
    """

    scene: str
    size: PixelSize
    direction: TextDirection
    placed: tuple[Placed, ...]
    dropped: tuple[Dropped, ...] = ()
    repairs: tuple[str, ...] = ()
    """What was changed after a check failed, as the template allows it, in words."""
    relaid: str = ""
    """Why the layout stands on the other side than the template says; empty where it does not."""

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
