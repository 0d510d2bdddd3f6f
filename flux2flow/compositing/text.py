"""Glyph runs → pixels, glyph by glyph where typography put them, with their strokes, shadows, boxes, lines and icons.

Shapes nothing, looks no font up by name, decides no place.
"""

from __future__ import annotations

import threading
from typing import Any

import skia

from flux2flow.compositing.pictures import paint_icon
from flux2flow.compositing.surface import Pixels, skia_canvas, skia_color
from flux2flow.domain.layout import FontInstance, GlyphRun, PlacedText, TextMark
from flux2flow.domain.scene import Shadow
from flux2flow.errors import CompositingError
from flux2flow.gates.fonts import as_sfnt
from flux2flow.interfaces import FileSource

_AXIS_TOLERANCE = 0.01
_QUARTER_TURN = 90.0
_TypefaceKey = tuple[str, tuple[tuple[str, float], ...]]
_typefaces: dict[_TypefaceKey, Any] = {}
_typefaces_lock = threading.Lock()


def paint_text(layer: PlacedText, pixels: Pixels, files: FileSource) -> None:
    """Draw a text from its back to its front: highlights, shadows, underlines, strokes, letters, icons.

    Each goes through all lines before the next, so that no line's box or shadow covers a neighbour's letters.
    """
    canvas = skia_canvas(pixels)
    runs = [run for line in layer.lines for run in line.runs if run.glyphs]
    for line in layer.lines:
        for mark in line.highlights:
            _paint_mark(mark, canvas)
    drawn = [(run, _blob(run, files)) for run in runs]
    for run, blob in drawn:
        if run.shadow is not None:
            _draw(run, blob, _shadow_paint(run, run.shadow), canvas, run.shadow.x, run.shadow.y)
    for line in layer.lines:
        for mark in line.underlines:
            _paint_mark(mark, canvas)
    for run, blob in drawn:
        if run.stroke is not None:
            _draw(run, blob, _stroke_paint(2 * run.stroke.width, skia_color(run.stroke.color)), canvas)
    for run, blob in drawn:
        _draw(run, blob, skia.Paint(AntiAlias=True, Color=skia_color(run.color)), canvas)
    for line in layer.lines:
        for icon in line.icons:
            paint_icon(icon, pixels, files)


def _paint_mark(mark: TextMark, canvas: Any) -> None:
    box = mark.box
    paint = skia.Paint(AntiAlias=True, Color=skia_color(mark.color))
    rectangle = skia.Rect.MakeXYWH(box.x, box.y, box.width, box.height)
    canvas.drawRoundRect(rectangle, mark.radius, mark.radius, paint)


def _draw(run: GlyphRun, blob: Any, paint: Any, canvas: Any, x: float = 0.0, y: float = 0.0) -> None:
    """Draw a run's letters; letters on their side are turned about their own points."""
    if not run.rotated:
        canvas.drawTextBlob(blob, x, y, paint)
        return
    origin = run.glyphs[0]
    canvas.save()
    canvas.translate(origin.x + x, origin.y + y)
    canvas.rotate(_QUARTER_TURN)
    canvas.drawTextBlob(blob, 0, 0, paint)
    canvas.restore()


def _blob(run: GlyphRun, files: FileSource) -> Any:
    """Give a run's glyphs at their places; a rotated run's lie along a line from its first glyph."""
    font = skia.Font(typeface(run.font, files), run.size)
    font.setEdging(skia.Font.Edging.kAntiAlias)
    font.setHinting(skia.FontHinting.kNone)
    font.setSubpixel(True)
    font.setLinearMetrics(True)
    font.setBaselineSnap(False)
    font.setEmbeddedBitmaps(True)  # CBDT colour glyphs are bitmaps
    points = [skia.Point(glyph.x, glyph.y) for glyph in run.glyphs]
    if run.rotated:
        origin = run.glyphs[0]
        points = [skia.Point(glyph.y - origin.y, origin.x - glyph.x) for glyph in run.glyphs]
    builder = skia.TextBlobBuilder()
    builder.allocRunPos(font, [glyph.id for glyph in run.glyphs], points)
    return builder.make()


def _stroke_paint(width: float, color: int) -> Any:
    """Give the paint of an outline: twice as wide as it shows, since the letters cover its inner half."""
    return skia.Paint(
        AntiAlias=True,
        Color=color,
        Style=skia.Paint.kStrokeAndFill_Style,
        StrokeWidth=width,
        StrokeJoin=skia.Paint.kRound_Join,
    )


def _shadow_paint(run: GlyphRun, shadow: Shadow) -> Any:
    """Give the paint of a shadow: as wide as the letters with their outline, and blurred."""
    color = skia_color(shadow.color)
    paint = (
        skia.Paint(AntiAlias=True, Color=color) if run.stroke is None else _stroke_paint(2 * run.stroke.width, color)
    )
    if shadow.blur > 0:
        paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, shadow.blur, False))
    return paint


def typeface(instance: FontInstance, files: FileSource) -> Any:
    """Return Skia's typeface for a font at its location, kept for the life of the process."""
    key = (instance.font.file.digest, instance.location)
    with _typefaces_lock:
        if key not in _typefaces:
            _typefaces[key] = _make_typeface(as_sfnt(files.read(instance.font.file)), instance)
        return _typefaces[key]


def _make_typeface(data: bytes, instance: FontInstance) -> Any:
    manager = skia.FontMgr.New_Custom_Empty()  # the default one reads the system's fonts
    made = manager.makeFromData(skia.Data.MakeWithCopy(data))
    if made is None or made.countGlyphs() == 0:  # Skia would go on and draw a default font
        raise CompositingError(f"the font {instance.font.file.path} cannot be drawn")
    if not instance.location:
        return made
    # Skia keeps no copy of these three: each must outlive makeClone, or the axes silently stay at their defaults.
    coordinates = skia.FontArguments.VariationPosition.Coordinates(
        [skia.FontArguments.VariationPosition.Coordinate(_tag(tag), value) for tag, value in instance.location]
    )
    position = skia.FontArguments.VariationPosition(coordinates)
    arguments = skia.FontArguments()
    arguments.setVariationDesignPosition(position)
    clone = made.makeClone(arguments)
    if clone is None or not _stands_at(clone, instance.location):
        raise CompositingError(f"the font {instance.font.file.path} does not take the axes {dict(instance.location)}")
    return clone


def _stands_at(clone: Any, location: tuple[tuple[str, float], ...]) -> bool:
    taken = {coordinate.axis: coordinate.value for coordinate in clone.getVariationDesignPosition()}
    return all(abs(taken.get(_tag(tag), float("nan")) - value) <= _AXIS_TOLERANCE for tag, value in location)


def _tag(tag: str) -> int:
    return int.from_bytes(tag.encode("ascii").ljust(4), "big")
