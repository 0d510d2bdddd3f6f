"""Placed rectangles and ellipses → pixels: one colour, or a dithered linear gradient.

Straight edges fall on pixel edges. Knows no tokens, only colours.
"""

from __future__ import annotations

import math
from typing import Any

import skia

from flux2flow.compositing.surface import PixelBox, Pixels, skia_canvas, skia_color
from flux2flow.domain.layout import PlacedShape
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


def _gradient(fill: Gradient, box: Box) -> Any:
    """Build the gradient whose pure ends touch the box's corners, as in CSS: an angle never leaves a flat margin."""
    angle = math.radians(fill.angle)
    across, down = math.cos(angle), math.sin(angle)
    half = (abs(box.width * across) + abs(box.height * down)) / 2
    x, y = box.x + box.width / 2, box.y + box.height / 2
    ends = [skia.Point(x - across * half, y - down * half), skia.Point(x + across * half, y + down * half)]
    colors = [skia_color(fill.start), skia_color(fill.end)]
    return skia.GradientShader.MakeLinear(points=ends, colors=colors, flags=_PREMULTIPLIED)
