"""Glyph runs → pixels, glyph by glyph where typography put them. Shapes nothing, looks no font up by name."""

from __future__ import annotations

import threading
from typing import Any

import skia

from flux2flow.compositing.surface import Pixels, skia_canvas, skia_color
from flux2flow.domain.layout import FontInstance, GlyphRun, PlacedText
from flux2flow.errors import CompositingError
from flux2flow.gates.fonts import as_sfnt
from flux2flow.interfaces import FileSource

_AXIS_TOLERANCE = 0.01
_TypefaceKey = tuple[str, tuple[tuple[str, float], ...]]
_typefaces: dict[_TypefaceKey, Any] = {}
_typefaces_lock = threading.Lock()


def paint_text(layer: PlacedText, pixels: Pixels, files: FileSource) -> None:
    """Draw every run of every line."""
    canvas = skia_canvas(pixels)
    for line in layer.lines:
        for run in line.runs:
            _paint_run(run, canvas, files)


def _paint_run(run: GlyphRun, canvas: Any, files: FileSource) -> None:
    if not run.glyphs:
        return
    font = skia.Font(typeface(run.font, files), run.size)
    font.setEdging(skia.Font.Edging.kAntiAlias)
    font.setHinting(skia.FontHinting.kNone)
    font.setSubpixel(True)
    font.setLinearMetrics(True)
    font.setBaselineSnap(False)
    font.setEmbeddedBitmaps(True)  # CBDT colour glyphs are bitmaps
    builder = skia.TextBlobBuilder()
    builder.allocRunPos(
        font, [glyph.id for glyph in run.glyphs], [skia.Point(glyph.x, glyph.y) for glyph in run.glyphs]
    )
    canvas.drawTextBlob(builder.make(), 0, 0, skia.Paint(AntiAlias=True, Color=skia_color(run.color)))


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
