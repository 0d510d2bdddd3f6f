"""Rows and a template's chart, figure, timeline or table → the layer that typography sets: values, words, colours.

What cannot be drawn honestly (text for a number, a negative part of a whole) is noted as a problem, at its row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from flux2flow.domain import scales
from flux2flow.domain.campaign import Row
from flux2flow.domain.files import PictureFile
from flux2flow.domain.measures import Box, Color
from flux2flow.domain.scene import (
    Align,
    Bar,
    ChartLayer,
    Figure,
    FigureLayer,
    FitRule,
    Mark,
    Milestone,
    Series,
    TableColumn,
    TableLayer,
    TimelineLayer,
    Type,
    Vertical,
)
from flux2flow.domain.template import ChartSpec, FigureSpec, Fit, TableSpec, TimelineSpec
from flux2flow.expressions import decimal_mark
from flux2flow.planning.expansion import Target
from flux2flow.planning.problems import Place, Problems
from flux2flow.planning.series_colors import ordered, shades
from flux2flow.planning.values import Values, parse_number

OFF = frozenset({"", "false", "0", "none"})
OF_SERIES = frozenset(
    {"stacked-bar", "stacked-column", "grouped-bar", "grouped-column", "line", "area", "dot", "slope"}
)
OF_A_WHOLE = frozenset({"donut", "waffle", "pictogram", "progress"})
"""Kinds in which a negative value has no picture."""
_ONE_COLOR = frozenset({"line", "slope"})
"""Kinds whose series stand apart anyway: without colours of their own all but the highlighted share one."""
Item = TypeVar("Item")
_PAPER = Color(255, 255, 255)


class _Styled(Protocol):
    def __call__(self, style: str, color: str | None, key: str) -> Type: ...


@dataclass(frozen=True)
class Making:
    """What a layer being made takes from its target: rows, and how the template's words, colours and sizes read."""

    target: Target
    values: Values
    problems: Problems
    place: Callable[..., Place]
    type: _Styled
    color: Callable[[str, str], Color]
    fit: Callable[[Fit], FitRule]
    picture: Callable[[str, str], PictureFile | None]

    def text(self, key: str, source: str, row: Row | None = None, **extra: object) -> str:
        """Render a string, over a row where one is given; empty after noting what is wrong with it."""
        context = self.values.for_row(row) if row is not None else self.values.context
        return (self.problems.render(self.place(key), source, {**context, **extra}) or "").strip()

    def rows(self, where: str) -> tuple[Row, ...]:
        """Choose the rows of a layer; an asset made for one row has that row."""
        rows = (self.target.row,) if self.target.row is not None else self.target.rows
        return tuple(row for row in rows if not where or self.on("where", where, row))

    def on(self, key: str, source: str, row: Row) -> bool:
        """Whether a string renders to anything but nothing, 'false', '0' or 'none'."""
        return bool(source) and self.text(key, source, row).casefold() not in OFF

    def optional_color(self, key: str, source: str | None) -> Color | None:
        """Give a colour, or None where the template names none."""
        return self.color(key, source) if source else None

    def no_rows(self, id: str, key: str) -> None:
        """Note that a layer has nothing to draw."""
        message = f"{key} {id!r} has no rows to draw"
        remedy = "name a data file under 'rows:' in the campaign, or let 'where:' leave some"
        self.problems.add(self.place(key), "no-rows", message, remedy=remedy)


@dataclass(frozen=True)
class _Datum:
    """One row of a chart, read."""

    row: Row
    label: str
    category: str
    series: str
    value: float | None
    written: str
    accent: bool


def chart_layer(making: Making, spec: ChartSpec, box: Box) -> ChartLayer | None:
    """Make a chart; None after noting that there are no rows."""
    rows = making.target.rows if not spec.where else making.rows(spec.where)
    data = [datum for row in rows if (datum := _datum(making, spec, row)) is not None]
    if not rows:
        making.no_rows(spec.id, "chart")
        return None
    type = making.type(spec.style, spec.text_color, "text_color")
    color, accent = making.color("color", spec.color), making.color("accent", spec.accent)
    fit = making.fit(spec.fit) if spec.fit else FitRule(1, 1.0, max(1.0, box.height))
    layer = ChartLayer(
        spec.id, spec.chart, (), type, color, accent, box, fit, spec.priority,
        ground=making.optional_color("ground", spec.ground),
        percent=spec.stack == "percent",
        missing=making.text("missing", spec.missing),
        middle=making.text("middle", spec.middle) if spec.middle else "",
        whole=_whole(making, spec),
        symbol=making.picture("symbol", making.text("symbol", spec.symbol)) if spec.symbol else None,
    )  # fmt: skip
    if spec.chart == "pictogram" and layer.symbol is None:
        message = f"pictogram {spec.id!r} needs a picture for its symbols"
        making.problems.add(making.place("chart"), "missing-picture", message, remedy="name it under 'symbol:'")
    return _many(making, spec, layer, data) if spec.chart in OF_SERIES else _single(making, spec, layer, data)


def _datum(making: Making, spec: ChartSpec, row: Row) -> _Datum | None:
    written = making.text("value", spec.value, row)
    value = parse_number(written)
    if value is None and written:
        message = f"chart {spec.id!r} needs a number, and row {row.key!r} gives {written!r}"
        expected = "digits, such as 1250 or 1,250.5; or nothing, where the number is missing"
        making.problems.add(making.place("value"), "not-a-number", message, position=row.position, expected=expected)
        return None
    if value is not None and value < 0 and (spec.chart in OF_A_WHOLE or spec.stack == "percent"):
        message = f"row {row.key!r} gives {written!r}: a part of a whole cannot be negative"
        making.problems.add(
            making.place("value"), "negative-share", message, position=row.position, remedy="draw it as bars"
        )
        return None
    label = making.text("label", spec.label, row)
    return _Datum(
        row, label,
        making.text("category", spec.category, row) if spec.category else label,
        making.text("series", spec.series, row) if spec.series else "",
        value, written, making.on("highlight", spec.highlight, row),
    )  # fmt: skip


def _single(making: Making, spec: ChartSpec, layer: ChartLayer, data: Sequence[_Datum]) -> ChartLayer:
    if spec.sort != "none":
        data = _sorted(data, [datum.value for datum in data], spec.sort)
    whole = layer.whole if spec.chart == "progress" else sum(abs(datum.value or 0.0) for datum in data)
    bars = tuple(Bar(d.label, d.value, _shown(making, spec, d, whole), d.accent) for d in data)
    made = replace(layer, bars=bars)
    if spec.chart in ("donut", "waffle"):
        return replace(made, colors=_colors(making, spec, layer, [bar.accent for bar in bars]))
    return made


def _many(making: Making, spec: ChartSpec, layer: ChartLayer, data: Sequence[_Datum]) -> ChartLayer:
    labels = {datum.category: datum.label for datum in reversed(data)}
    keys = list(dict.fromkeys(datum.category for datum in data))
    names = list(dict.fromkeys(datum.series for datum in data))
    cells: dict[tuple[str, str], _Datum] = {}
    for datum in data:
        if (datum.series, datum.category) in cells:
            named = f"{datum.category!r} of series {datum.series!r}" if datum.series else f"{datum.category!r}"
            message = f"chart {spec.id!r} has two values for {named}"
            making.problems.add(
                making.place("series" if spec.series else "value"), "duplicate-value", message,
                position=datum.row.position, remedy="tell them apart by 'series:' or 'category:', or leave one out",
            )  # fmt: skip
        cells.setdefault((datum.series, datum.category), datum)
    if spec.chart == "slope" and len(keys) != 2:
        message = f"slope {spec.id!r} compares two categories, and the rows give {len(keys)}"
        making.problems.add(making.place("chart"), "not-two", message, remedy="let 'where:' choose two, or draw a line")
        return layer
    wholes = {key: sum(abs(cells[n, key].value or 0.0) for n in names if (n, key) in cells) for key in keys}
    if spec.sort != "none":
        keys = _sorted(keys, [wholes[key] for key in keys], spec.sort)
    accents = [any(datum.accent for (series, _), datum in cells.items() if series == name) for name in names]
    colors = _colors(making, spec, layer, accents)

    def mark(name: str, key: str) -> Mark:
        datum = cells.get((name, key))
        return Mark(datum.value, _shown(making, spec, datum, wholes[key])) if datum else Mark(None, "")

    made = [
        Series(name, tuple(mark(name, key) for key in keys), color, accent)
        for name, accent, color in zip(names, accents, colors, strict=True)
    ]
    values = [[mark.value for mark in series.marks] for series in made]
    low, high = scales.value_range(spec.chart, values, layer.percent)
    marked = scales.ticks(low, high) if spec.tick else ()
    ticks = tuple(Mark(value, making.text("tick", spec.tick, value=_plain(value))) for value in marked)
    return replace(layer, categories=tuple(labels[key] for key in keys), series=tuple(made), ticks=ticks)


def _shown(making: Making, spec: ChartSpec, datum: _Datum, whole: float | None) -> str:
    if datum.value is None:
        return ""
    if not spec.show:
        return datum.written
    share = datum.value / whole if whole else 0.0
    return making.text("show", spec.show, datum.row, value=_plain(datum.value), share=share)


def _plain(value: float) -> int | float:
    return int(value) if value == int(value) else value


def _sorted(items: Sequence[Item], values: Sequence[float | None], sort: str) -> list[Item]:
    """Sort by values, missing ones last; equal ones keep their order."""
    sign = -1 if sort == "descending" else 1
    order = sorted(range(len(items)), key=lambda index: (values[index] is None, sign * (values[index] or 0.0)))
    return [items[index] for index in order]


def _colors(making: Making, spec: ChartSpec, layer: ChartLayer, accents: Iterable[bool]) -> tuple[Color, ...]:
    """Give every series its colour: the template's own, or steps of one colour; the accent for what is highlighted."""
    marked = list(accents)
    plain = marked.count(False)
    if spec.colors:
        own = ordered([making.color("colors", token) for token in spec.colors], layer.ground)
        own = tuple(color for color in own if color != layer.accent) if any(marked) else own
        if len(own) < plain:
            message = f"chart {spec.id!r} has {plain} series, and 'colors:' names {len(own)}"
            making.problems.add(making.place("colors"), "too-few-colors", message, remedy="name one for each series")
            own = (*own, *shades(layer.color, layer.ground or _PAPER, plain - len(own)))
    elif spec.chart in _ONE_COLOR:
        own = (layer.color,) * plain
    else:
        own = shades(layer.color, layer.ground or _PAPER, plain)
    left = iter(own)
    return tuple(layer.accent if accent else next(left) for accent in marked)


def _whole(making: Making, spec: ChartSpec) -> float | None:
    if not spec.whole:
        return 100.0 if spec.chart == "progress" else None
    written = making.text("whole", spec.whole)
    value = parse_number(written)
    if value is None or value <= 0:
        message = f"{written!r} is no whole: a number above 0 is expected"
        making.problems.add(making.place("whole"), "not-a-number", message)
        return None
    return value


def figure_layer(making: Making, spec: FigureSpec, box: Box, align: Align, vertical: Vertical) -> FigureLayer | None:
    """Make key figures: one for each row, or one where the campaign has no rows."""
    rows: Sequence[Row | None] = making.rows(spec.where)[: spec.limit]
    if not rows and making.target.rows:
        making.no_rows(spec.id, "figure")
        return None
    figures = tuple(figure for row in rows or [None] if (figure := _figure(making, spec, row)).number)
    if not figures:
        return None
    type = making.type(spec.style, spec.color, "color")
    accent = making.optional_color("accent", spec.accent) or type.color
    return FigureLayer(
        spec.id, figures, type, making.type(spec.caption_style, spec.caption_color, "caption_color"), accent,
        making.optional_color("rule", spec.rule), box, align, vertical, making.fit(spec.fit),
        making.fit(spec.caption_fit), spec.columns, spec.unit_scale, spec.priority,
    )  # fmt: skip


def _figure(making: Making, spec: FigureSpec, row: Row | None) -> Figure:
    def text(key: str, source: str) -> str:
        return making.text(key, source, row) if source else ""

    return Figure(
        text("figure", spec.figure), text("unit", spec.unit), text("caption", spec.caption),
        row is not None and making.on("highlight", spec.highlight, row),
        making.picture("symbol", name) if (name := text("symbol", spec.symbol)) else None,
    )  # fmt: skip


def timeline_layer(making: Making, spec: TimelineSpec, box: Box) -> TimelineLayer | None:
    """Make a timeline; None after noting that there are no rows."""
    rows = making.rows(spec.where)
    if not rows:
        making.no_rows(spec.id, "timeline")
        return None
    milestones = tuple(
        Milestone(
            making.text("timeline", spec.timeline, row), making.text("title", spec.title, row),
            making.text("note", spec.note, row) if spec.note else "", making.on("highlight", spec.highlight, row),
        )
        for row in rows
    )  # fmt: skip
    time, title, note = (
        making.type(style or spec.style, spec.text_color, "text_color")
        for style in (spec.time_style, spec.style, spec.note_style)
    )
    colors = making.color("color", spec.color), making.color("accent", spec.accent)
    return TimelineLayer(spec.id, milestones, time, title, note, *colors, box, making.fit(spec.fit), spec.priority)


def table_layer(making: Making, spec: TableSpec, box: Box) -> TableLayer | None:
    """Make a table; None after noting that there are no rows."""
    rows = making.rows(spec.where)
    if not rows:
        making.no_rows(spec.id, "table")
        return None
    columns = tuple(
        TableColumn(
            making.text("table", column.header) if column.header else "",
            tuple(making.text("table", column.cell, row) for row in rows), column.align,
        )
        for column in spec.table
    )  # fmt: skip
    type = making.type(spec.style, spec.text_color, "text_color")
    header = making.type(spec.header_style or spec.style, spec.header_color or spec.text_color, "header_color")
    return TableLayer(
        spec.id, columns, tuple(making.on("highlight", spec.highlight, row) for row in rows), type, header,
        making.optional_color("accent", spec.accent) or type.color, making.optional_color("rule", spec.rule),
        making.optional_color("stripe", spec.stripe), box, making.fit(spec.fit), decimal_mark(making.target.locale),
        spec.priority,
    )  # fmt: skip
