"""A scene: the resolved layers of one asset, with regions in canvas pixels (already mirrored for right-to-left)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flux2flow.domain.files import PictureFile
from flux2flow.domain.format import AspectClass
from flux2flow.domain.measures import Box, Color, Insets, PixelSize

Align = Literal["start", "center", "end"]
Vertical = Literal["top", "middle", "bottom"]
TextDirection = Literal["ltr", "rtl"]
RepairKind = Literal["move", "pair", "scrim"]
Writing = Literal["horizontal", "vertical"]
SmallCaps = Literal["none", "small", "all"]


@dataclass(frozen=True, slots=True)
class Stroke:
    """An outline around letters, outside of them."""

    width: float
    color: Color


@dataclass(frozen=True, slots=True)
class Shadow:
    """A shadow of letters: its offset to the right and downwards, and the standard deviation of its blur."""

    x: float
    y: float
    blur: float
    color: Color


@dataclass(frozen=True, slots=True)
class Highlight:
    """A coloured box behind a run: what it adds around the letters, and the radius of its corners."""

    color: Color
    padding: float
    radius: float


@dataclass(frozen=True, slots=True)
class Underline:
    """A line under a run; None takes the text's colour, and the font's own thickness and offset below the baseline."""

    color: Color | None = None
    thickness: float | None = None
    offset: float | None = None
    skip_ink: bool = True


@dataclass(frozen=True, slots=True)
class Decoration:
    """What a style draws around its letters: in em in a scene, in pixels in a layout."""

    stroke: Stroke | None = None
    shadow: Shadow | None = None
    highlight: Highlight | None = None
    underline: Underline | None = None


@dataclass(frozen=True, slots=True)
class Type:
    """A text style, resolved: families in fallback order, weight, tracking in em, leading as a multiple.

    `scale` (of the paragraph's size) and `shift` (of the baseline, upwards, in em of the paragraph) are a span's.
    """

    style: str
    families: tuple[str, ...]
    weight: int
    tracking: float
    leading: float
    color: Color
    upper: bool = False
    features: tuple[tuple[str, int], ...] = ()
    scale: float = 1.0
    shift: float = 0.0
    axes: tuple[tuple[str, float], ...] = ()
    small_caps: SmallCaps = "none"
    decoration: Decoration | None = None
    hyphenate: bool = False


@dataclass(frozen=True, slots=True)
class InlineIcon:
    """An icon of the kit that stands in a line of text, in the place of one character (U+FFFC)."""

    name: str
    picture: PictureFile


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A stretch of a layer's text that is set in a type of its own. Spans never overlap, and stand in order."""

    start: int
    stop: int
    type: Type
    icon: InlineIcon | None = None


@dataclass(frozen=True, slots=True)
class FitRule:
    """Copyfitting bounds in pixels.

    `tracking` (em, negative) and `width` (the narrowest value of a width axis) are how far the style lets letters be
    squeezed before the size falls. Under `prefer` a shorter copy is tried first. Texts of one `group` share their size.
    """

    lines: int
    minimum: float
    maximum: float
    tracking: float = 0.0
    width: float | None = None
    prefer: float | None = None
    group: str = ""


@dataclass(frozen=True, slots=True)
class Gradient:
    """A linear gradient from `start` to `end`; 0 degrees runs to the right, 90 downwards. Equal colours are a fill."""

    start: Color
    end: Color
    angle: float = 90


@dataclass(frozen=True, slots=True)
class PlateLayer:
    """The plate under everything: `crop` in plate pixels is scaled to the whole canvas, flipped where asked."""

    id: str
    plate: str
    crop: Box
    flip: bool
    kind: Literal["plate"] = "plate"


@dataclass(frozen=True, slots=True)
class ShorterCopy:
    """A shorter way to say what a text says, with the stretches of it that have a type of their own."""

    text: str
    spans: tuple[TextSpan, ...] = ()


@dataclass(frozen=True, slots=True)
class TextLayer:
    """Text in a box."""

    id: str
    text: str
    type: Type
    box: Box
    align: Align
    vertical: Vertical
    fit: FitRule
    priority: int = 1
    max_chars: int | None = None
    kind: Literal["text"] = "text"
    spans: tuple[TextSpan, ...] = ()
    writing: Writing = "horizontal"
    repair: tuple[RepairKind, ...] = ()
    """What may be changed where the picture under the text leaves too little contrast, in order."""
    alternatives: tuple[ShorterCopy, ...] = ()
    """Shorter copy, longest first."""
    justify: bool = False
    shape: Literal["rectangle", "ellipse"] = "rectangle"
    """What the lines fill: the box, or the ellipse inside it."""


@dataclass(frozen=True, slots=True)
class ButtonLayer:
    """A button whose label sets its width, inside the box."""

    id: str
    text: str
    type: Type
    fill: Color
    radius: float
    padding: float
    box: Box
    align: Align
    vertical: Vertical
    fit: FitRule
    priority: int = 1
    max_chars: int | None = None
    kind: Literal["button"] = "button"
    spans: tuple[TextSpan, ...] = ()
    alternatives: tuple[ShorterCopy, ...] = ()
    """Shorter labels, longest first."""


@dataclass(frozen=True, slots=True)
class LogoLayer:
    """A logo, never distorted: fitted inside the box. Clear space is a fraction of its drawn height."""

    id: str
    logo: str
    picture: PictureFile
    box: Box
    align: Align
    vertical: Vertical
    clear_space: float
    min_width: float
    priority: int = 1
    kind: Literal["logo"] = "logo"


@dataclass(frozen=True, slots=True)
class ShapeLayer:
    """A filled rectangle or ellipse."""

    id: str
    shape: Literal["rectangle", "ellipse"]
    box: Box
    fill: Gradient
    radius: float = 0
    priority: int = 1
    kind: Literal["shape"] = "shape"


@dataclass(frozen=True, slots=True)
class ContactShadow:
    """What a standing product throws: the light's azimuth (negative from the left) and elevation in degrees."""

    azimuth: float
    elevation: float


@dataclass(frozen=True, slots=True)
class PictureLayer:
    """A picture in a box; with a contact shadow it stands on the box's bottom edge."""

    id: str
    picture: PictureFile
    box: Box
    align: Align
    vertical: Vertical
    fit: Literal["contain", "cover"]
    shadow: ContactShadow | None = None
    priority: int = 1
    kind: Literal["picture"] = "picture"


@dataclass(frozen=True, slots=True)
class Bar:
    """One entry of a chart that has one value for each: None where the value is missing."""

    label: str
    value: float | None
    shown: str
    accent: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """One value and how it is written; None where it is missing."""

    value: float | None
    shown: str


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or one colour of a stack: a mark for each of the chart's categories."""

    label: str
    marks: tuple[Mark, ...]
    color: Color
    accent: bool = False


ChartKind = Literal[
    "bar", "column", "stacked-bar", "stacked-column", "grouped-bar", "grouped-column", "line", "area", "donut",
    "waffle", "dot", "slope", "progress", "pictogram",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChartLayer:
    """A chart with direct labels. `bars` hold the data of kinds with one value an entry, `series` that of the others.

    `ground` is the colour it stands on, `ticks` are the values an axis may mark, and `missing` says that a value is.
    """

    id: str
    chart: ChartKind
    bars: tuple[Bar, ...]
    type: Type
    color: Color
    accent: Color
    box: Box
    fit: FitRule
    priority: int = 1
    kind: Literal["chart"] = "chart"
    categories: tuple[str, ...] = ()
    series: tuple[Series, ...] = ()
    colors: tuple[Color, ...] = ()
    """One for each bar, where parts of a whole need colours of their own."""
    ground: Color | None = None
    percent: bool = False
    """Whether every stack is the same whole."""
    ticks: tuple[Mark, ...] = ()
    missing: str = ""
    middle: str = ""
    """A donut's middle."""
    whole: float | None = None
    """What a progress bar counts up to, or what one symbol of a pictogram stands for."""
    symbol: PictureFile | None = None

    @property
    def words(self) -> str:
        """The chart's data in words, in reading order: what an alternative text says."""
        entries = [(bar.label, bar.shown or self.missing) for bar in self.bars]
        for series in self.series:
            named = f"{series.label}, " if series.label else ""
            pairs = zip(self.categories, series.marks, strict=True)
            entries += [(f"{named}{category}", mark.shown or self.missing) for category, mark in pairs]
        return "; ".join(f"{name}: {shown}" for name, shown in entries)


@dataclass(frozen=True, slots=True)
class Figure:
    """One key figure: a number, its unit set smaller, and what it counts."""

    number: str
    unit: str
    caption: str
    accent: bool = False
    symbol: PictureFile | None = None


@dataclass(frozen=True, slots=True)
class FigureLayer:
    """Key figures on a grid: one size for all numbers, one for all captions. `columns` 0 follows the box's shape."""

    id: str
    figures: tuple[Figure, ...]
    type: Type
    caption_type: Type
    accent: Color
    rule: Color | None
    box: Box
    align: Align
    vertical: Vertical
    fit: FitRule
    caption_fit: FitRule
    columns: int = 0
    unit_scale: float = 0.5
    priority: int = 1
    kind: Literal["figure"] = "figure"

    @property
    def words(self) -> str:
        """The figures in words."""
        return "; ".join(f"{figure.caption}: {figure.number}{figure.unit}" for figure in self.figures)


@dataclass(frozen=True, slots=True)
class Milestone:
    """One entry of a timeline."""

    time: str
    title: str
    note: str
    accent: bool = False


@dataclass(frozen=True, slots=True)
class TimelineLayer:
    """Milestones on a line: from start to end in a wide box, from top to bottom in a high one."""

    id: str
    milestones: tuple[Milestone, ...]
    time_type: Type
    title_type: Type
    note_type: Type
    color: Color
    accent: Color
    box: Box
    fit: FitRule
    priority: int = 1
    kind: Literal["timeline"] = "timeline"

    @property
    def words(self) -> str:
        """The timeline in words."""
        entries = (" ".join(filter(None, (m.time, m.title, m.note))) for m in self.milestones)
        return "; ".join(entries)


ColumnAlign = Literal["start", "center", "end", "decimal"]


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column: its header, its cells, how they stand, and whether they may wrap."""

    header: str
    cells: tuple[str, ...]
    align: ColumnAlign = "start"


@dataclass(frozen=True, slots=True)
class TableLayer:
    """A table: columns as wide as their words ask, rows as high as their cells."""

    id: str
    columns: tuple[TableColumn, ...]
    accents: tuple[bool, ...]
    type: Type
    header_type: Type
    accent: Color
    rule: Color | None
    stripe: Color | None
    box: Box
    fit: FitRule
    decimal: str = "."
    """The locale's decimal separator."""
    priority: int = 1
    kind: Literal["table"] = "table"

    @property
    def words(self) -> str:
        """The table in words, row by row."""
        rows = zip(*(column.cells for column in self.columns), strict=True)
        headers = [column.header for column in self.columns]
        return "; ".join(
            ", ".join(f"{header}: {cell}" if header else cell for header, cell in zip(headers, row, strict=True))
            for row in rows
        )


Layer = (
    PlateLayer
    | TextLayer
    | ButtonLayer
    | LogoLayer
    | ShapeLayer
    | PictureLayer
    | ChartLayer
    | FigureLayer
    | TimelineLayer
    | TableLayer
)


def styles(layer: Layer) -> tuple[Type, ...]:
    """Give every text style that a layer sets words in."""
    match layer:
        case TextLayer() | ButtonLayer() | ChartLayer():
            return (layer.type,)
        case FigureLayer():
            return layer.type, layer.caption_type
        case TimelineLayer():
            return layer.time_type, layer.title_type, layer.note_type
        case TableLayer():
            return layer.type, layer.header_type
    return ()


@dataclass(frozen=True, slots=True)
class Stack:
    """Layers, or other stacks, set one after another, or on a grid of `columns` (0: none), by what they measure.

    Lengths are in pixels. `sizes` bound single children along the direction; a stack without a box stands in another
    one. `baseline` puts the first lines of neighbours on one line.
    """

    id: str
    children: tuple[str, ...]
    direction: Literal["down", "across"]
    gap: float
    align: Align
    vertical: Vertical
    box: Box | None = None
    columns: int = 0
    row_gap: float = 0.0
    spread: bool = False
    """Whether spare room goes between the children."""
    baseline: bool = False
    sizes: tuple[tuple[str, float], ...] = ()
    against: bool = False
    """Whether neighbours stand against the reading direction."""


@dataclass(frozen=True, slots=True)
class OtherSide:
    """A scene's layers (but for the plate) and stacks as they stand on the other side, and what asks for quiet."""

    layers: tuple[Layer, ...]
    stacks: tuple[Stack, ...]
    quiet: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """One asset to be made. `id` is unique in its plan; `layers` are painted in order, the plate first."""

    id: str
    entry: str
    template: str
    format: str
    aspect_class: AspectClass
    locale: str
    direction: TextDirection
    row: str
    variant: tuple[tuple[str, str], ...]
    size: PixelSize
    safe_area: Insets
    layers: tuple[Layer, ...]
    unbroken: tuple[str, ...] = ()
    """Words that are never broken across lines: the brand's names."""
    stacks: tuple[Stack, ...] = ()
    other_side: OtherSide | None = None
    """Given where the template lets the layout change sides over a busy plate."""

    @property
    def plate(self) -> PlateLayer:
        """The scene's plate layer."""
        first = self.layers[0]
        if not isinstance(first, PlateLayer):
            raise TypeError(f"scene {self.id} does not begin with its plate")
        return first
