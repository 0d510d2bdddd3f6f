"""A shaped line in em → placed glyphs, icons, highlights and underlines in canvas pixels.

Decides nothing: where the line lies is given. Knows nothing about boxes and fitting.
"""

from __future__ import annotations

from dataclasses import replace

from flux2flow.domain.layout import Glyph, GlyphRun, PlacedIcon, PlacedLine
from flux2flow.domain.measures import Box, Color
from flux2flow.domain.scene import Shadow, Stroke, TextSpan, Type
from flux2flow.typography.decoration import Axis, Look, highlights, underlines
from flux2flow.typography.fonts import InkBox
from flux2flow.typography.shaping import Paragraph, ShapedLine, ShapedRun

_LETTERS = "dlgpy"
"""What shows how high and how low a face's letters go, for the box behind them."""


def place_line(paragraph: Paragraph, line: ShapedLine, axis: Axis, type: Type) -> PlacedLine:
    """Place a line along an axis; spans bring their own colours and decoration."""
    sources = [paragraph.setting.of(run.span).source if run.span else None for run in line.runs]
    types = [source.type if source is not None else type for source in sources]
    pen = axis.y if axis.vertical else axis.x
    runs: list[GlyphRun] = []
    icons: list[PlacedIcon] = []
    for run, source, own in zip(line.runs, sources, types, strict=True):
        if run.icon is not None and source is not None and source.icon is not None:
            icons += _icons(run, run.icon, source, axis, pen)
            for glyph in run.glyphs:
                pen += glyph.advance * axis.size
            continue
        glyphs, pen = _glyphs(run, axis, pen)
        runs.append(_glyph_run(run, glyphs, own, axis, synthetic=_synthetic(paragraph, run)))
    length = pen - (axis.y if axis.vertical else axis.x)
    looks = [_look(own) for own in types]
    decorated = any(look.highlight or look.underline for look in looks)
    letters = _letters(paragraph) if decorated else (0.0, 0.0)
    return PlacedLine(
        paragraph.text[line.start : line.stop],
        line.start,
        _advance_box(paragraph, axis, length),
        tuple(runs),
        highlights(line.runs, looks, axis, letters) if decorated else (),
        underlines(line.runs, looks, axis, paragraph.zone) if decorated else (),
        tuple(icons),
        axis.vertical,
    )


def _glyphs(run: ShapedRun, axis: Axis, pen: float) -> tuple[tuple[Glyph, ...], float]:
    """Place a run's glyphs from the pen on; gives the pen after them."""
    size, glyphs = axis.size, []
    for glyph in run.glyphs:
        along = pen + glyph.x_offset * size
        if axis.vertical:
            x, y = axis.x + glyph.y_offset * size, along
        else:
            x, y = along, axis.y - glyph.y_offset * size
        ink = (replace(run, grow=0.0) if run.grow else run).ink(glyph)
        glyphs.append(Glyph(glyph.id, x, y, glyph.cluster, None if ink is None else _ink_box(ink, x, y, axis)))
        pen += glyph.advance * size
    return tuple(glyphs), pen


def _ink_box(ink: InkBox, x: float, y: float, axis: Axis) -> Box:
    size = axis.size
    if axis.vertical:
        return Box(
            x + ink.bottom * size, y + ink.left * size, (ink.top - ink.bottom) * size, (ink.right - ink.left) * size
        )
    return Box(x + ink.left * size, y - ink.top * size, (ink.right - ink.left) * size, (ink.top - ink.bottom) * size)


def _glyph_run(run: ShapedRun, glyphs: tuple[Glyph, ...], type: Type, axis: Axis, *, synthetic: bool) -> GlyphRun:
    size = axis.size if run.scale == 1.0 else axis.size * run.scale
    stroke = shadow = None
    if type.decoration is not None:
        given = type.decoration
        stroke = Stroke(given.stroke.width * size, given.stroke.color) if given.stroke else None
        if given.shadow:
            own = given.shadow
            shadow = Shadow(own.x * size, own.y * size, own.blur * size, own.color)
    rotated = run.orientation == "rotated"
    return GlyphRun(run.cut.reference, size, type.color, glyphs, run.fallback, rotated, synthetic, stroke, shadow)


def _icons(run: ShapedRun, ink: InkBox, source: TextSpan, axis: Axis, pen: float) -> list[PlacedIcon]:
    icon = source.icon
    if icon is None:
        return []
    placed = []
    for glyph in run.glyphs:
        at = Axis(axis.x, pen, axis.size, True) if axis.vertical else Axis(pen, axis.y, axis.size, False)
        box = at.box(ink.left, ink.bottom, ink.right, ink.top)
        placed.append(PlacedIcon(icon.name, icon.picture, box, source.type.color, glyph.cluster))
        pen += glyph.advance * axis.size
    return placed


def _synthetic(paragraph: Paragraph, run: ShapedRun) -> bool:
    return bool(run.span) and paragraph.setting.of(run.span).synthetic


def _look(type: Type) -> Look:
    color: Color = type.color
    if type.decoration is None:
        return Look(None, None, color)
    return Look(type.decoration.highlight, type.decoration.underline, color)


def _letters(paragraph: Paragraph) -> tuple[float, float]:
    """Give how high and how low letters of the text's kind go, in em, whichever of them it uses."""
    top, bottom = paragraph.zone
    if not paragraph.latin_like(0, len(paragraph.text)):
        return top, bottom
    cut = paragraph.setting.stack.primary
    glyphs = [cut.font.get_nominal_glyph(ord(letter)) for letter in _LETTERS]
    inks = [ink for glyph in glyphs if glyph and (ink := cut.ink(glyph))]
    return max([top, *(ink.top for ink in inks)]), min([bottom, *(ink.bottom for ink in inks)])


def _advance_box(paragraph: Paragraph, axis: Axis, length: float) -> Box:
    if axis.vertical:
        return Box(axis.x - axis.size / 2, axis.y, axis.size, length)
    metrics = paragraph.setting.stack.primary.metrics
    height = (metrics.ascender - metrics.descender) * axis.size
    return Box(axis.x, axis.y - metrics.ascender * axis.size, length, height)
