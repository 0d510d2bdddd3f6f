"""A template as its `template.yaml` states it: slots, the plate's brief, layers, and one layout per aspect class.

Strings marked *Jinja* hold expressions over `slots`, `copy`, `row`, `variant`, `brand`, `locale` and `format`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from flux2flow.domain.format import AspectClass
from flux2flow.domain.scene import ChartKind, RepairKind

_CLOSED = ConfigDict(frozen=True, extra="forbid")

LAYER_KINDS = ("text", "button", "logo", "shape", "picture", "chart", "figure", "timeline", "table")


class Slot(BaseModel):
    """One thing a campaign fills in."""

    model_config = _CLOSED

    type: Literal["text", "image", "number", "color"]
    role: Literal["product", "style", "prop", "subject"] | None = Field(None, description="of an image")
    caption: str = Field(
        "", description="Jinja: what an image shows, in plain words, for prompts; no words in the picture"
    )
    max_chars: int | None = Field(None, ge=1, description="double-width characters count twice")
    optional: bool = False
    default: str | None = None
    description: str = ""
    markup: bool | None = Field(
        None, description="of a text: false sets *, [ ] and : as they are; true reads them in values of rows as well"
    )


class Light(BaseModel):
    """Where the key light stands, for the prompt and for the contact shadow alike."""

    model_config = _CLOSED

    azimuth: float = Field(
        -45, ge=-180, le=180, description="degrees; negative is from the left, in the ltr composition"
    )
    elevation: float = Field(50, ge=5, le=90, description="degrees above the floor")
    description: str = Field("soft light", description="Jinja: its character in words")


class PlateSpec(BaseModel):
    """The brief of the painted picture. All prose is Jinja; no negatives ('no people') are accepted in it."""

    model_config = _CLOSED

    scene: str
    subjects: tuple[str, ...] = ()
    style: str = ""
    palette: dict[str, str] = Field(default_factory=dict, description="part of the picture: colour token or '#rrggbb'")
    lighting: Light = Light()
    composition: str = ""
    camera: str = ""
    references: tuple[str, ...] = Field((), description="slots.<image slot> or brand.references.<name>, in order")
    quiet: tuple[str, ...] = Field((), description="layers under which the picture must stay empty")
    words: str = Field("", description="words that must be inside the picture; almost always empty")
    negative: str = Field(
        "",
        description="Jinja: things the picture should not hold, named plainly and with commas (text, watermark);"
        " read by models with classifier-free guidance only",
    )
    form: Literal["prose", "json"] = "prose"


class Fit(BaseModel):
    """Copyfitting: the largest size that fits the box in so many lines, between two sizes."""

    model_config = _CLOSED

    lines: int = Field(1, ge=1, le=40)
    min: str = Field("10px", description="length; the floor")
    max: str = Field("40vmin", description="length; the ceiling")
    prefer: str | None = Field(
        None, description="length; under this size letters are squeezed as the style allows, then shorter copy is tried"
    )
    group: str = Field("", description="texts of one group take one size, so that sibling cards match")


class _LayerSpec(BaseModel):
    model_config = _CLOSED

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    priority: int = Field(1, ge=1, le=9, description="1 is never dropped; 9 is dropped first")
    mirror: bool = Field(True, description="whether right-to-left languages mirror its position")
    when: str = Field("", description="Jinja; the layer is left out where it renders to nothing, 'false' or '0'")


class TextSpec(_LayerSpec):
    """Text in a brand style."""

    text: str
    style: str
    fit: Fit = Fit()
    color: str | None = Field(None, description="colour token; overrides the style's")
    markup: bool | None = Field(
        None, description="false sets *, [ ] and : as they are; true reads them in values of rows as well"
    )
    writing: Literal["horizontal", "vertical"] = Field(
        "horizontal", description="vertical: columns from right to left, for Japanese and Chinese"
    )
    repair: tuple[RepairKind, ...] = Field(
        (), description="what may be changed where the picture under the text leaves too little contrast, in order"
    )
    shorter: tuple[str, ...] = Field(
        (), description="Jinja: shorter copy, longest first, for where the text would not fit; empty ones are skipped"
    )


class ButtonSpec(_LayerSpec):
    """A button: its label sets its width, inside the box."""

    button: str
    style: str
    fill: str
    color: str | None = None
    radius: str = "50%"
    padding: str = "0.9"  # em of the label, horizontally
    fit: Fit = Fit()
    shorter: tuple[str, ...] = Field((), description="Jinja: shorter labels, longest first, as a text's")
    markup: bool | None = Field(
        None, description="false sets *, [ ] and : as they are; true reads them in values of rows as well"
    )


class LogoSpec(_LayerSpec):
    """A logo from the kit."""

    logo: str
    tone: Literal["normal", "reversed"] = "normal"


class ShapeSpec(_LayerSpec):
    """A rectangle or ellipse filled with one colour or a linear gradient between two (a scrim)."""

    shape: Literal["rectangle", "ellipse"]
    fill: str
    to: str | None = Field(None, description="colour token at the far end of a gradient")
    opacity: float = Field(1, ge=0, le=1)
    to_opacity: float | None = Field(None, ge=0, le=1)
    angle: float = Field(90, description="degrees of the gradient: 0 runs to the right, 90 downwards")
    radius: str = "0px"


class PictureSpec(_LayerSpec):
    """A picture. `stands: true` sets it exactly on the plate's ground, with a contact shadow; it needs alpha."""

    picture: str
    fit: Literal["contain", "cover"] = "contain"
    stands: bool = False


class _RowsSpec(_LayerSpec):
    where: str = Field("", description="Jinja over `row`: rows are left out where it gives nothing, 'false' or '0'")


class ChartSpec(_RowsSpec):
    """A chart drawn from the rows, with direct labels."""

    chart: ChartKind
    label: str = Field(description="Jinja over `row`: one bar's name, or one category's")
    value: str = Field(description="Jinja over `row`: one bar's number; empty where the number is missing")
    show: str = Field(
        "", description="Jinja over `row`, `value` and `share` (of its whole, 0 to 1): the label; empty: the number"
    )
    highlight: str = Field("", description="Jinja over `row`: non-empty and not 'false' takes the accent colour")
    style: str = Field(description="text style of the labels")
    color: str
    accent: str
    text_color: str | None = None
    series: str = Field("", description="Jinja over `row`: the series a row's value belongs to, for kinds with several")
    category: str = Field(
        "", description="Jinja over `row`: what rows of one category share; empty: the label, which may then not repeat"
    )
    sort: Literal["none", "ascending", "descending"] = Field(
        "none", description="of bars by value, or of categories by their sum; missing values come last"
    )
    stack: Literal["sum", "percent"] = Field("sum", description="percent: every stack is the same whole")
    colors: tuple[str, ...] = Field(
        (), description="colour tokens of the series; those most alike to colour-blind eyes are used last"
    )
    ground: str | None = Field(None, description="colour token of what the chart stands on: labels inside fills use it")
    tick: str = Field("", description="Jinja over `value`: how an axis writes a number; empty: it has no axis")
    missing: str = Field("–", description="Jinja: what stands where a value is missing")
    middle: str = Field("", description="Jinja: what stands in a donut's middle")
    whole: str = Field("", description="a number: what a progress bar counts up to; of a pictogram, one symbol's worth")
    symbol: str = Field("", description="Jinja: a pictogram's symbol: brand.icons.<name>, or a picture")
    fit: Fit | None = Field(None, description="of all the chart's words, which share one size")


class FigureSpec(_RowsSpec):
    """Key figures: one for each row (of an asset made from all rows), or one (of an asset made for one row)."""

    figure: str = Field(description="Jinja over `row`: the number")
    unit: str = Field("", description="Jinja over `row`: set smaller, after the number")
    caption: str = Field("", description="Jinja over `row`: what is counted")
    highlight: str = Field("", description="Jinja over `row`: non-empty and not 'false' takes the accent colour")
    symbol: str = Field("", description="Jinja over `row`: above the number: brand.icons.<name>, or a picture")
    style: str
    caption_style: str
    fit: Fit = Fit()
    caption_fit: Fit = Fit()
    color: str | None = None
    caption_color: str | None = None
    accent: str | None = None
    rule: str | None = Field(None, description="colour token of a thin line above each figure")
    columns: int = Field(0, ge=0, le=12, description="0 follows the box's shape")
    unit_scale: float = Field(0.5, gt=0, le=1, description="the unit's size as a part of the number's")
    limit: int = Field(12, ge=1, le=24, description="the first so many rows")


class TimelineSpec(_RowsSpec):
    """Milestones on a line, one for each row."""

    timeline: str = Field(description="Jinja over `row`: when")
    title: str = Field(description="Jinja over `row`: what")
    note: str = Field("", description="Jinja over `row`: more about it")
    highlight: str = Field("", description="Jinja over `row`: non-empty and not 'false' takes the accent colour")
    style: str = Field(description="text style of the titles")
    time_style: str | None = Field(None, description="default: the titles'")
    note_style: str | None = Field(None, description="default: the titles'")
    color: str = Field(description="colour token of the line")
    accent: str
    text_color: str | None = None
    fit: Fit = Fit()


class ColumnSpec(BaseModel):
    """One column of a table."""

    model_config = _CLOSED

    cell: str = Field(description="Jinja over `row`")
    header: str = Field("", description="Jinja")
    align: Literal["start", "center", "end", "decimal"] = Field(
        "start", description="decimal: numbers stand with their decimal separators below each other"
    )


class TableSpec(_RowsSpec):
    """A table, one line for each row."""

    table: tuple[ColumnSpec, ...] = Field(min_length=1, max_length=12)
    highlight: str = Field("", description="Jinja over `row`: non-empty and not 'false' takes the accent colour")
    style: str
    header_style: str | None = None
    header_color: str | None = None
    text_color: str | None = None
    accent: str | None = None
    rule: str | None = Field(None, description="colour token of thin lines between the rows")
    stripe: str | None = Field(None, description="colour token of every second row's ground")
    fit: Fit = Fit()


def _layer_kind(value: Any) -> str | None:
    keys = value if isinstance(value, dict) else getattr(value, "__dict__", {})
    found = [kind for kind in LAYER_KINDS if kind in keys]
    return found[0] if len(found) == 1 else None


LayerSpec = Annotated[
    Annotated[TextSpec, Tag("text")]
    | Annotated[ButtonSpec, Tag("button")]
    | Annotated[LogoSpec, Tag("logo")]
    | Annotated[ShapeSpec, Tag("shape")]
    | Annotated[PictureSpec, Tag("picture")]
    | Annotated[ChartSpec, Tag("chart")]
    | Annotated[FigureSpec, Tag("figure")]
    | Annotated[TimelineSpec, Tag("timeline")]
    | Annotated[TableSpec, Tag("table")],
    Discriminator(
        _layer_kind,
        custom_error_type="layer_kind",
        custom_error_message="a layer holds exactly one of " + ", ".join(LAYER_KINDS),
    ),
]


class BoxSpec(BaseModel):
    """Where a layer stands, in lengths; `%` refers to the axis, `vmin` to the shorter side."""

    model_config = _CLOSED

    x: str
    y: str
    w: str
    h: str
    align: Literal["start", "center", "end", "justify"] = Field(
        "start", description="justify: for running text of three lines or more; short lines stay at the start"
    )
    vertical: Literal["top", "middle", "bottom"] = "top"
    shape: Literal["rectangle", "ellipse"] = Field(
        "rectangle", description="of a text: its lines fill the box, or the ellipse inside it"
    )


class _ArrangedSpec(BaseModel):
    model_config = _CLOSED

    x: str | None = Field(None, description="x, y, w and h: left out in a stack or grid that stands in another one")
    y: str | None = None
    w: str | None = None
    h: str | None = None
    gap: str = Field("0px", description="length between neighbours")
    align: Literal["start", "center", "end"] = "start"
    vertical: Literal["top", "middle", "bottom"] = "top"
    baseline: bool = Field(False, description="put the first lines of neighbours on one line")
    mirror: bool = Field(True, description="whether right-to-left languages mirror it and the order of neighbours")
    sizes: dict[str, str] = Field(
        default_factory=dict,
        description="child: length along the direction (in a grid: height); a shape, a chart and the like need one,"
        " to a logo or picture it is the most",
    )


class StackSpec(_ArrangedSpec):
    """Layers one after another, each as large as it measures. What does not fit is dropped by priority."""

    stack: tuple[str, ...] = Field(min_length=1, description="ids of layers, or of other stacks and grids, in order")
    direction: Literal["down", "across"] = "down"
    spread: bool = Field(False, description="spare room goes between the children instead of around them")


class GridSpec(_ArrangedSpec):
    """Layers in rows of equal columns; a row is as high as its highest cell."""

    grid: tuple[str, ...] = Field(min_length=1, description="ids of layers, or of stacks, row by row")
    columns: int = Field(ge=1, le=12)
    row_gap: str | None = Field(None, description="length; default: the gap")


def _place_kind(value: Any) -> str:
    keys = value if isinstance(value, dict) else getattr(value, "__dict__", {})
    return "stack entry" if "stack" in keys else "grid entry" if "grid" in keys else "box entry"


PlaceSpec = Annotated[
    Annotated[BoxSpec, Tag("box entry")]
    | Annotated[StackSpec, Tag("stack entry")]
    | Annotated[GridSpec, Tag("grid entry")],
    Discriminator(_place_kind),
]
"""What stands under a name in `boxes`; a layer's box carries the layer's id, a stack or grid a name of its own."""


class LayoutSpec(BaseModel):
    """One aspect class: boxes by layer id, and where the product and the ground are.

    A layer without a box is left out on this class.
    """

    model_config = _CLOSED

    boxes: dict[str, PlaceSpec]
    flip_when_busy: bool = Field(
        False, description="set everything on the other side where the picture is clearly quieter there"
    )
    side: Literal["start", "center", "end"] = Field("end", description="where the focal subject stands, left to right")
    ground: str = Field("80%", description="y of the line a standing product touches")
    focal: str | None = Field(
        None, description="layer whose box the picture's subject occupies; default: the standing picture"
    )


class Template(BaseModel):
    """One template."""

    model_config = _CLOSED

    flux2flow: int
    template: str = Field(description="family/name")
    title: str = ""
    description: str = ""
    kind: Literal["banner", "scene", "infographic", "social"] = "banner"
    per: Literal["row", "campaign"] = Field("row", description="one asset per row, or one from all rows together")
    slots: dict[str, Slot] = Field(default_factory=dict)
    variants: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="axis: values a campaign may choose from"
    )
    plate: PlateSpec
    layers: tuple[LayerSpec, ...]
    layout: dict[AspectClass, LayoutSpec] = Field(min_length=1)
