"""A layer of key figures → numbers, their smaller units, captions and rules on a grid, placed.

All numbers share one size and one baseline a row, all captions another size. Knows nothing about where they came from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flux2flow.domain.measures import Box
from flux2flow.domain.scene import FigureLayer, FitRule, Type
from flux2flow.typography.bidi import levels
from flux2flow.typography.charts.drawing import Drawing, Part
from flux2flow.typography.charts.words import UNBOUNDED, fall, figures, height, rise, tallest, width
from flux2flow.typography.fitting import Fitted, Frame, largest
from flux2flow.typography.set_text import Typesetter

COLUMN_GAP = 0.055
"""Between columns, as a part of the layer's width."""
ROW_GAP = 0.055
"""Between rows, as a part of the layer's height."""
UNIT_GAP = 0.1
"""Between a number and its unit, in em of the number."""
CAPTION_GAP = 0.5
"""Between a number's baseline and the top of its caption, in em of the caption, beyond the caption's own size."""
CAPTION_SHARE = 0.5
"""At most this part of a cell's height goes to the caption."""
CAPTION_OF_NUMBER = 0.46
"""A caption's size is at most this part of its number's: the number is what is read first."""
SYMBOL = 1.0
"""A symbol's height in em of the number."""


@dataclass(frozen=True, slots=True)
class _Set:
    """Everything at its size, in cells of one width and height."""

    numbers: tuple[Fitted, ...]
    units: tuple[Fitted | None, ...]
    captions: tuple[Fitted | None, ...]
    columns: int
    cell: tuple[float, float]
    fits: bool

    @property
    def size(self) -> float:
        return self.numbers[0].size

    @property
    def rise(self) -> float:
        return max(map(rise, self.numbers))

    @property
    def caption_height(self) -> float:
        return tallest([caption for caption in self.captions if caption])


def set_figures(layer: FigureLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    """Place key figures; what does not fit at the floor reports an overflow."""
    count = len(layer.figures)
    choices = [layer.columns] if layer.columns else _choices(count)
    trials = [_fitted(layer, typesetter, min(columns, count)) for columns in choices]
    best = max(trials, key=lambda made: (made.fits, round(made.size, 2), made.columns))
    drawing = Drawing(layer.id, layer.box, typesetter)
    rows = math.ceil(count / best.columns)
    used = _height(layer, best)
    across, down = best.cell
    row_gap = ROW_GAP * layer.box.height
    block = rows * used + (rows - 1) * row_gap
    if rows > 1 and layer.vertical == "top":
        row_gap = min(down - used + ROW_GAP * layer.box.height, 2.5 * row_gap)
    spare = {"top": 0.0, "middle": 0.5, "bottom": 1.0}[layer.vertical] * max(layer.box.height - block, 0.0)
    for number in range(count):
        row, column = divmod(number, best.columns)
        x = layer.box.x + column * (across + COLUMN_GAP * layer.box.width)
        _draw(drawing, layer, best, number, Box(x, layer.box.y + spare + row * (used + row_gap), across, used))
    return tuple(drawing.parts)


def _choices(count: int) -> Sequence[int]:
    """List the numbers of columns that leave no row with a single figure below fuller ones."""
    return [columns for columns in range(1, count + 1) if count % columns == 0 or count % columns > 1 or columns == 1]


def _fitted(layer: FigureLayer, typesetter: Typesetter, columns: int) -> _Set:
    count = len(layer.figures)
    rows = math.ceil(count / columns)
    across = (layer.box.width - (columns - 1) * COLUMN_GAP * layer.box.width) / columns
    down = (layer.box.height - (rows - 1) * ROW_GAP * layer.box.height) / rows
    ceiling = layer.caption_fit.maximum
    for _ in range(3):  # smaller captions leave the numbers more room, so that both settle within a few rounds
        made = _with_captions(layer, typesetter, columns, (across, down), ceiling)
        ceiling = max(CAPTION_OF_NUMBER * made.size, layer.caption_fit.minimum)
        if all(caption is None or caption.size <= ceiling for caption in made.captions):
            break
    return made


def _with_captions(
    layer: FigureLayer, typesetter: Typesetter, columns: int, cell: tuple[float, float], ceiling: float
) -> _Set:
    """Set captions up to a size, then the numbers at the largest size that the rest of the cell allows."""
    across, down = cell
    captions, captions_fit = _captions(layer, typesetter, across, CAPTION_SHARE * down, ceiling)

    def make(size: float) -> _Set:
        numbers = tuple(_line(typesetter, f.number, layer.type, size) for f in layer.figures)
        units = tuple(
            _line(typesetter, f.unit, layer.type, size * layer.unit_scale) if f.unit.strip() else None
            for f in layer.figures
        )
        made = _Set(numbers, units, captions, columns, (across, down), True)
        wide = all(_across(n, u) <= across + 0.01 for n, u in zip(numbers, units, strict=True))
        return replace(made, fits=wide and _height(layer, made) <= down + 0.01)

    made, at_floor = largest(layer.fit, make, lambda trial: trial.fits)
    steps = (f"ceiling {layer.fit.maximum:g} px", f"one size for all figures: {made.size:g} px in {columns} columns")

    def reported(word: Fitted) -> Fitted:
        report = replace(
            word.report, minimum=layer.fit.minimum * (word.size / made.size), steps=steps,
            overflow=not made.fits, at_floor=at_floor,
        )  # fmt: skip
        return replace(word, report=report)

    numbers = tuple(map(reported, made.numbers))
    units = tuple(unit and reported(unit) for unit in made.units)
    return replace(made, numbers=numbers, units=units, fits=made.fits and captions_fit)


def _captions(
    layer: FigureLayer, typesetter: Typesetter, across: float, down: float, ceiling: float
) -> tuple[tuple[Fitted | None, ...], bool]:
    """Set all captions at the one largest size that fits a cell's width and its part of the height."""

    def make(size: float) -> tuple[Fitted | None, ...]:
        rule = FitRule(layer.caption_fit.lines, size, size)
        return tuple(
            typesetter.fit(
                typesetter.words(f.caption, layer.caption_type), layer.caption_type, Frame(across, UNBOUNDED), rule
            )
            if f.caption.strip() else None
            for f in layer.figures
        )  # fmt: skip

    def fits(made: tuple[Fitted | None, ...]) -> bool:
        return all(word is None or (not word.report.overflow and height(word) <= down) for word in made)

    rule = replace(layer.caption_fit, maximum=max(min(ceiling, layer.caption_fit.maximum), layer.caption_fit.minimum))
    made, at_floor = largest(rule, make, fits)
    good = fits(made)
    steps = (f"one size for all captions: {next((word.size for word in made if word), 0.0):g} px",)

    def reported(word: Fitted) -> Fitted:
        report = replace(
            word.report, minimum=layer.caption_fit.minimum, steps=steps, overflow=not good, at_floor=at_floor
        )
        return replace(word, report=report)

    return tuple(word and reported(word) for word in made), good


def _line(typesetter: Typesetter, text: str, type: Type, size: float) -> Fitted:
    words = typesetter.words(text, type).replace("\n", " ")
    return typesetter.fit(words, figures(type), Frame(UNBOUNDED, UNBOUNDED, "middle"), FitRule(1, size, size))


def _across(number: Fitted, unit: Fitted | None) -> float:
    return width(number) + (UNIT_GAP * number.size + width(unit) if unit else 0.0)


def _joined(number: str, unit: str) -> bool:
    """Tell whether a number and its unit are read from the left in a text that is not: 38% is, 4.8 من 5 is not."""
    return min(levels(f"{number}{unit.strip()}", 1)) > 1


def _height(layer: FigureLayer, made: _Set) -> float:
    """Measure a cell from its rule to the foot of the tallest caption."""
    symbol = (SYMBOL + 0.35) * made.size if any(figure.symbol for figure in layer.figures) else 0.0
    above = (0.45 * made.size if layer.rule else 0.0) + symbol + made.rise
    captions = [caption for caption in made.captions if caption]
    if not captions:
        return above + max(map(fall, made.numbers))
    return above + _caption_gap(made) + made.caption_height


def _caption_gap(made: _Set) -> float:
    """Give the room between the numbers' baseline and the captions' top: clear of what hangs below the baseline."""
    caption = next((word for word in made.captions if word), None)
    own = (CAPTION_GAP * caption.size) if caption else 0.0
    hanging = max(max(map(fall, made.numbers)), max((fall(unit) for unit in made.units if unit), default=0.0))
    return max(own + 0.12 * made.size, hanging + 0.6 * own)


def _draw(drawing: Drawing, layer: FigureLayer, made: _Set, number: int, cell: Box) -> None:
    figure, y = layer.figures[number], cell.y
    color = layer.accent if figure.accent else layer.type.color
    if layer.rule:
        thick = max(2.0, round(made.size / 24)) if figure.accent else drawing.hair
        shade = layer.accent if figure.accent else layer.rule
        drawing.shape(f"rule-{number}", Box(cell.x, round(y), cell.width, thick), shade)
        y += 0.45 * made.size
    fitted, unit = made.numbers[number], made.units[number]
    across = _across(fitted, unit)
    start = cell.x + {"start": 0.0, "center": 0.5, "end": 1.0}[layer.align] * (cell.width - across)
    if any(other.symbol for other in layer.figures):
        if figure.symbol:
            tall = SYMBOL * made.size
            wide = min(tall * figure.symbol.width / figure.symbol.height, cell.width)
            left = cell.x + {"start": 0.0, "center": 0.5, "end": 1.0}[layer.align] * (cell.width - wide)
            drawing.picture(f"symbol-{number}", figure.symbol, Box(left, y, wide, tall), color)
        y += (SYMBOL + 0.35) * made.size
    baseline = y + made.rise
    number_at, unit_at = start, start + width(fitted) + UNIT_GAP * made.size
    if unit and drawing.mirrored and _joined(figure.number, figure.unit):
        number_at, unit_at = start + across - width(fitted), start
    place = Box(number_at, y, width(fitted), made.rise)
    drawing.words(f"number-{number}", fitted, figures(layer.type), place, color=color, baseline=baseline)
    if unit:
        beside = Box(unit_at, y, width(unit), made.rise)
        drawing.words(f"unit-{number}", unit, figures(layer.type), beside, color=color, baseline=baseline)
    caption = made.captions[number]
    if caption:
        area = Box(cell.x, baseline + _caption_gap(made), cell.width, made.caption_height)
        tops = max(rise(word) for word in made.captions if word)
        drawing.words(
            f"caption-{number}", caption, layer.caption_type, area, layer.align, "top", baseline=area.y + tops
        )
