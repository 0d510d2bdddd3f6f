"""A table layer → stripes, rules and cells, placed: columns as wide as their words ask, rows as high as their cells.

Numbers of a decimal column stand with their decimal marks below each other. Knows nothing about where they came from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from flux2flow.domain.measures import Box
from flux2flow.domain.scene import Align, FitRule, TableColumn, TableLayer, Type
from flux2flow.typography.charts.drawing import Drawing, Part
from flux2flow.typography.charts.words import UNBOUNDED, fall, figures, height, rise, width
from flux2flow.typography.fitting import Fitted, Frame, largest
from flux2flow.typography.set_text import Typesetter

COLUMN_GAP = 1.4
"""Between columns at least, in em."""
PADDING = 0.5
"""Above and below a row's words at least, in em; up to MOST_PADDING where there is room."""
MOST_PADDING = 0.95
UNWRAPPED = 0.85
"""Cells stay on one line unless that makes the table smaller than this part of its size with wrapped ones."""
NARROWEST = 6.0
"""A column whose cells wrap is at least so wide, in em."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column set: its width, and for decimal ones where each cell's mark stands from the cell's ink."""

    header: Fitted | None
    cells: tuple[Fitted, ...]
    width: float
    marks: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class _Grid:
    columns: tuple[_Column, ...]
    size: float
    fits: bool

    def rise(self) -> float:
        """Measure the tallest letter of all cells: rows of one line are then equally high."""
        return max(rise(cell) for column in self.columns for cell in column.cells)

    def rows(self) -> list[float]:
        """Measure each row's words."""
        own = self.rise() + max(fall(cell) for column in self.columns for cell in column.cells)
        count = len(self.columns[0].cells)
        return [own + max(_inner(column.cells[row]) for column in self.columns) for row in range(count)]

    def head(self) -> float:
        """Measure the header's words; 0 without any."""
        return max((height(column.header) for column in self.columns if column.header), default=0.0)

    def lines(self) -> int:
        """Count the rows, the header's among them."""
        return len(self.columns[0].cells) + (1 if self.head() else 0)


def set_table(layer: TableLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    """Place a table; what does not fit at the floor reports an overflow."""
    grid, at_floor = largest(layer.fit, lambda size: _grid(layer, typesetter, size), lambda made: made.fits)
    if layer.fit.lines > 1 and any(len(word.lines) > 1 for word in _words(grid)):
        flat = replace(layer, fit=replace(layer.fit, lines=1))
        whole, floor = largest(flat.fit, lambda size: _grid(flat, typesetter, size), lambda made: made.fits)
        if whole.fits and whole.size >= UNWRAPPED * grid.size:
            grid, at_floor = whole, floor
    grid = _reported(layer, grid, at_floor)
    drawing, box = Drawing(layer.id, layer.box, typesetter), layer.box
    spare = box.height - sum(grid.rows()) - grid.head()
    padding = min(max(spare / (2 * grid.lines()), 0.0), MOST_PADDING * grid.size)
    lefts = _lefts(layer, grid)
    y = box.y
    if grid.head():
        base = y + 1.4 * padding + max(rise(column.header) for column in grid.columns if column.header)
        base -= 0.4 * padding
        for number, column in enumerate(grid.columns):
            if column.header:
                place = Box(lefts[number], y, column.width, grid.head())
                align: Align = _align(layer.columns[number])
                drawing.words(f"header-{number}", column.header, layer.header_type, place, align, baseline=base)
        y += grid.head() + 2 * padding
        if layer.rule:
            drawing.shape("rule-header", Box(box.x, round(y), box.width, 2 * drawing.hair), layer.rule)
    for row, tall in enumerate(grid.rows()):
        place = Box(box.x, y, box.width, tall + 2 * padding)
        if layer.stripe and row % 2 == 0:
            drawing.shape(f"stripe-{row}", place, layer.stripe)
        if layer.rule and row:
            drawing.rule(f"rule-{row}", (box.x, y), (box.right, y), layer.rule)
        _row(drawing, layer, grid, row, lefts, y + padding)
        y = place.bottom
    return tuple(drawing.parts)


def _row(drawing: Drawing, layer: TableLayer, grid: _Grid, row: int, lefts: list[float], top: float) -> None:
    base = top + grid.rise()
    color = layer.accent if layer.accents[row] else layer.type.color
    for number, column in enumerate(grid.columns):
        cell, asked = column.cells[row], layer.columns[number]
        type = _type(layer, asked)
        place = Box(lefts[number], top, column.width, height(cell))
        if asked.align != "decimal":
            drawing.words(f"cell-{row}-{number}", cell, type, place, _align(asked), baseline=base, color=color)
            continue
        # Numbers run from left to right in every language: the mark's distance counts from the left, mirrored or not.
        before, area = max(column.marks), drawing.sided(place)
        tail = max(width(other) - mark for other, mark in zip(column.cells, column.marks, strict=True))
        left = area.right - tail - before if not drawing.mirrored else area.x
        exact = Box(left + before - column.marks[row], top, width(cell), height(cell))
        drawing.words(f"cell-{row}-{number}", cell, type, drawing.sided(exact), baseline=base, color=color)


def _inner(cell: Fitted) -> float:
    return (len(cell.lines) - 1) * cell.leading * cell.size


def _type(layer: TableLayer, column: TableColumn) -> Type:
    """Give a column's style: figures are tabular, and not kerned where their marks stand below each other."""
    if column.align == "start":
        return layer.type
    tabular = figures(layer.type)
    return replace(tabular, features=(*tabular.features, ("kern", 0))) if column.align == "decimal" else tabular


def _align(column: TableColumn) -> Align:
    return "end" if column.align == "decimal" else column.align


def _lefts(layer: TableLayer, grid: _Grid) -> list[float]:
    """Give each column's start: what width remains goes between the columns."""
    count = len(grid.columns)
    spare = layer.box.width - sum(column.width for column in grid.columns) - _sides(layer, grid.size) * 2
    gap = max(spare / (count - 1), 0.0) if count > 1 else 0.0
    lefts, x = [], layer.box.x + _sides(layer, grid.size)
    for column in grid.columns:
        lefts.append(x)
        x += column.width + gap
    return lefts


def _sides(layer: TableLayer, size: float) -> float:
    """Give the room beside the outermost columns: stripes reach beyond the words, rules do not."""
    return PADDING * size if layer.stripe else 0.0


def _grid(layer: TableLayer, typesetter: Typesetter, size: float) -> _Grid:
    natural = [_column(layer, typesetter, column, size, UNBOUNDED) for column in layer.columns]
    room = layer.box.width - 2 * _sides(layer, size) - COLUMN_GAP * size * (len(natural) - 1)
    wraps = [n for n, column in enumerate(layer.columns) if column.align == "start" and layer.fit.lines > 1]
    over = sum(column.width for column in natural) - room
    columns = list(natural)
    if over > 0 and wraps:
        widths = _narrowed({n: natural[n].width for n in wraps}, over, NARROWEST * size)
        for number, wide in widths.items():
            if wide < natural[number].width:
                columns[number] = _column(layer, typesetter, layer.columns[number], size, wide)
    made = _Grid(tuple(columns), size, True)
    wide = sum(column.width for column in columns) <= room + 0.01
    high = sum(made.rows()) + made.head() + 2 * PADDING * size * made.lines() <= layer.box.height
    return replace(made, fits=wide and high and not any(w.report.overflow for w in _words(made)))


def _narrowed(widths: dict[int, float], over: float, least: float) -> dict[int, float]:
    """Take the width that is too much from the widest columns, down to a least width."""
    level = max(widths.values())
    for _ in range(40):
        if sum(max(wide - max(level, least), 0.0) for wide in widths.values()) >= over or level <= least:
            break
        level -= max(over / 20, 1.0)
    return {number: min(wide, max(level, least)) for number, wide in widths.items()}


def _column(layer: TableLayer, typesetter: Typesetter, column: TableColumn, size: float, room: float) -> _Column:
    type = _type(layer, column)

    def fitted(text: str, style: Type) -> Fitted:
        lines = layer.fit.lines if room < UNBOUNDED else 1
        words = typesetter.words(text, style).replace("\n", " ")
        return typesetter.fit(words, style, Frame(room, UNBOUNDED), FitRule(lines, size, size))

    header = fitted(column.header, layer.header_type) if column.header else None
    cells = tuple(fitted(cell, type) for cell in column.cells)
    widest = max((width(word) for word in (*cells, *([header] if header else []))), default=0.0)
    if column.align != "decimal":
        return _Column(header, cells, widest)
    marks = tuple(_mark(cell, layer.decimal) for cell in cells)
    after = max(width(cell) - mark for cell, mark in zip(cells, marks, strict=True))
    return _Column(header, cells, max(widest, max(marks) + after), marks)


def _mark(cell: Fitted, decimal: str) -> float:
    """Measure from a number's ink to its decimal mark, or to the end of its last digit without one."""
    text = cell.paragraph.text
    place = text.rfind(decimal)
    after = place < 0 or not text[place + 1 : place + 2].isdigit()
    if after:
        place = max((index for index, character in enumerate(text) if character.isdigit()), default=len(text) - 1)
    line = cell.lines[0] if cell.lines else None
    if line is None or line.ink is None:
        return 0.0
    pen = -line.ink.left
    for glyph in (glyph for run in line.runs for glyph in run.glyphs):  # from left to right, as numbers run
        if glyph.cluster == place:
            return (pen + (glyph.advance if after else 0.0)) * cell.size
        pen += glyph.advance
    return pen * cell.size


def _words(grid: _Grid) -> list[Fitted]:
    return [w for column in grid.columns for w in (*column.cells, *([column.header] if column.header else []))]


def _reported(layer: TableLayer, grid: _Grid, at_floor: bool) -> _Grid:
    steps = (f"ceiling {layer.fit.maximum:g} px", f"one size for the whole table: {grid.size:g} px")

    def reported(word: Fitted) -> Fitted:
        floor = layer.fit.minimum * word.size / grid.size
        report = replace(word.report, minimum=floor, steps=steps, overflow=not grid.fits, at_floor=at_floor)
        return replace(word, report=report)

    columns = tuple(
        replace(c, header=c.header and reported(c.header), cells=tuple(map(reported, c.cells))) for c in grid.columns
    )
    return replace(grid, columns=columns)
