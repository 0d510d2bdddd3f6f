"""Builds tiny colour fonts with fontTools: one letter (COLR v1 with a gradient), or one picture (CBDT)."""

from __future__ import annotations

import io
import struct
from functools import cache

from fontTools.colorLib.builder import buildCOLR, buildCPAL
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables import otTables
from fontTools.ttLib.tables.DefaultTable import DefaultTable

EMOJI = 0x1F31E
"""SUN WITH FACE: what the fonts' only letter stands for."""
TEXT_SUN = 0x2600
"""BLACK SUN WITH RAYS, which text fonts have too: it takes the colour font where an emoji is asked for (U+FE0F)."""


def _square(side: int) -> object:
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((0, side))
    pen.lineTo((side, side))
    pen.lineTo((side, 0))
    pen.closePath()
    return pen.glyph()


def _plain() -> FontBuilder:
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "sun", "square"])
    builder.setupCharacterMap({EMOJI: "sun", TEXT_SUN: "sun"})
    builder.setupGlyf({".notdef": _square(0), "sun": _square(800), "square": _square(800)})
    builder.setupHorizontalMetrics({".notdef": (500, 0), "sun": (1000, 0), "square": (1000, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Colour Test", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200, sCapHeight=800, sxHeight=500)
    builder.setupPost()
    return builder


def _bytes(font: TTFont) -> bytes:
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()


@cache
def colr_v1() -> bytes:
    """Make a sun that is red at its left and blue at its right, whatever the text's colour."""
    builder = _plain()
    stops = [{"StopOffset": 0.0, "PaletteIndex": 0}, {"StopOffset": 1.0, "PaletteIndex": 1}]
    gradient = {
        "Format": otTables.PaintFormat.PaintLinearGradient, "ColorLine": {"Extend": "pad", "ColorStop": stops},
        "x0": 0, "y0": 0, "x1": 800, "y1": 0, "x2": 0, "y2": 800,
    }  # fmt: skip
    sun = {"Format": otTables.PaintFormat.PaintGlyph, "Glyph": "square", "Paint": gradient}
    builder.font["COLR"] = buildCOLR({"sun": sun}, version=1, glyphMap=builder.font.getReverseGlyphMap())
    builder.font["CPAL"] = buildCPAL([[(1, 0, 0, 1), (0, 0, 1, 1)]])
    return _bytes(builder.font)


@cache
def cbdt(side: int = 32) -> bytes:
    """Make a sun that is a bitmap: a green square."""
    from PIL import Image

    picture = Image.new("RGBA", (side, side), (0, 160, 0, 255))
    data = io.BytesIO()
    picture.save(data, "PNG")
    builder = _plain()
    font = builder.font
    metrics = struct.pack(">BBbbB", side, side, 0, side * 4 // 5, side)  # height, width, bearings, advance
    glyph = metrics + struct.pack(">I", len(data.getvalue())) + data.getvalue()
    font["CBDT"] = _raw("CBDT", struct.pack(">HH", 3, 0) + glyph)
    offsets = struct.pack(">II", 0, len(glyph))
    subtable = struct.pack(">HHI", 1, 17, 4) + offsets  # index format 1, image format 17 (PNG), after CBDT's header
    array = struct.pack(">HHI", 1, 1, 8)
    line = struct.pack(">bbBbbbbbbbbb", side * 4 // 5, -side // 5, side, *([0] * 9))
    size = struct.pack(">IIII", 8 + 48, len(array) + len(subtable), 1, 0) + line + line
    size += struct.pack(">HHBBBb", 1, 1, side, side, 32, 1)
    font["CBLC"] = _raw("CBLC", struct.pack(">HHI", 3, 0, 1) + size + array + subtable)
    return _bytes(font)


def _raw(tag: str, data: bytes) -> DefaultTable:
    table = DefaultTable(tag)
    table.data = data
    return table
