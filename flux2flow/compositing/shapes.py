"""Placed rectangles, ellipses and paths → pixels: one colour, or a dithered linear gradient.

A rectangle's edges fall on pixel edges; paths are antialiased where they stand. Knows no tokens, only colours.
"""

from __future__ import annotations

import math
from typing import Any

import skia

from flux2flow.compositing.surface import PixelBox, Pixels, skia_canvas, skia_color
from flux2flow.domain.layout import PlacedPath, PlacedShape
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import Gradient

_PREMULTIPLIED = 1  # SkGradientShader::kInterpolateColorsInPremul_Flag: no grey veil between a colour and transparency


def paint_shape(layer: PlacedShape, pixels: Pixels) -> None:
    """Fill the shape."""
    paint = skia.Paint(AntiAlias=True)
    if layer.fill.start == layer.fill.end:
        paint.setColor(skia_color(layer.fill.start))
    else:
        paint.setShader(_gradient(layer.fill, layer.box))
        paint.setDither(True)
    canvas = skia_canvas(pixels)
    if layer.shape == "ellipse":
        canvas.drawOval(skia.Rect.MakeXYWH(layer.box.x, layer.box.y, layer.box.width, layer.box.height), paint)
        return
    box = PixelBox.nearest(layer.box)
    rectangle = skia.Rect.MakeLTRB(box.left, box.top, box.right, box.bottom)
    radius = min(layer.radius, box.width / 2, box.height / 2)
    if radius > 0:
        canvas.drawRoundRect(rectangle, radius, radius, paint)
    else:
        canvas.drawRect(rectangle, paint)


def paint_path(layer: PlacedPath, pixels: Pixels) -> None:
    """Fill the outline, draw it as a line, or both, the line on top."""
    path = skia.Path()
    for step in layer.steps:
        coordinates = [value for point in step.points for value in point]
        match step.verb:
            case "move":
                path.moveTo(*coordinates)
            case "line":
                path.lineTo(*coordinates)
            case "curve":
                path.cubicTo(*coordinates)
            case "close":
                path.close()
    canvas = skia_canvas(pixels)
    if layer.fill is not None:
        canvas.drawPath(path, skia.Paint(AntiAlias=True, Color=skia_color(layer.fill)))
    if layer.stroke is not None and layer.width > 0:
        paint = skia.Paint(AntiAlias=True, Color=skia_color(layer.stroke), Style=skia.Paint.kStroke_Style)
        paint.setStrokeWidth(layer.width)
        paint.setStrokeJoin(skia.Paint.kRound_Join)
        paint.setStrokeCap(skia.Paint.kRound_Cap if not layer.dash else skia.Paint.kButt_Cap)
        if layer.dash:
            paint.setPathEffect(skia.DashPathEffect.Make(list(layer.dash), 0.0))
        canvas.drawPath(path, paint)


def _gradient(fill: Gradient, box: Box) -> Any:
    """Build the gradient whose pure ends touch the box's corners, as in CSS: an angle never leaves a flat margin."""
    angle = math.radians(fill.angle)
    across, down = math.cos(angle), math.sin(angle)
    half = (abs(box.width * across) + abs(box.height * down)) / 2
    x, y = box.x + box.width / 2, box.y + box.height / 2
    ends = [skia.Point(x - across * half, y - down * half), skia.Point(x + across * half, y + down * half)]
    colors = [skia_color(fill.start), skia_color(fill.end)]
    return skia.GradientShader.MakeLinear(points=ends, colors=colors, flags=_PREMULTIPLIED)
