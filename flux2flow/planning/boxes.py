"""A template's layout for one format → boxes in canvas pixels: mirrored for right-to-left, kept inside the safe area.

The rules, in this order:

1. `%` refers to the canvas: x and w to its width, y and h to its height; `vmin` to its shorter side.
2. A standing picture is moved vertically until its bottom is the ground line.
3. Right-to-left languages mirror the box, unless its layer says `mirror: false`.
4. Type, buttons, logos and charts are moved by the least distance into the safe area, and shrunk where they are larger
   than it. Shapes and pictures may bleed: a scrim that stopped at a safe area would show its edge. The safe area is the
   platform's and is never mirrored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flux2flow.domain.format import AspectClass, Format
from flux2flow.domain.layout import kept_inside
from flux2flow.domain.measures import Box, Length, PixelSize
from flux2flow.domain.scene import Align, TextDirection
from flux2flow.domain.template import BoxSpec, LayerSpec, LogoSpec, PictureSpec, ShapeSpec, Template
from flux2flow.planning.problems import Place, Problems

_MIRRORED: dict[Align, Align] = {"start": "end", "center": "center", "end": "start"}


@dataclass(frozen=True)
class Frame:
    """The geometry of one template on one format in one direction. `ground` is a y in canvas pixels."""

    size: PixelSize
    boxes: Mapping[str, Box]
    ground: float
    moved: tuple[str, ...]
    """Layers that the safe area moved or shrank."""
    crowded: tuple[tuple[str, str], ...]
    """Layers that stood apart and overlap since the safe area moved them."""


def frame(template: Template, format: Format, kind: AspectClass, direction: TextDirection, problems: Problems) -> Frame:
    """Lay out the boxes of every layer that this aspect class has a box for."""
    spec, size = template.layout[kind], format.size
    document = f"template:{template.template}"
    ground = length(spec.ground, size.height, size, (document, ("layout", kind, "ground")), problems)
    safe = Box(0.0, 0.0, float(size.width), float(size.height)).inset(format.safe_area.insets)
    before: dict[str, Box] = {}
    after: dict[str, Box] = {}
    for layer in template.layers:
        if layer.id not in spec.boxes:
            continue
        box = _resolved(spec.boxes[layer.id], size, (document, ("layout", kind, "boxes", layer.id)), problems)
        if isinstance(layer, PictureSpec) and layer.stands:
            box = box.moved(0, ground - box.bottom)
        if direction == "rtl" and layer.mirror:
            box = box.mirrored(size.width)
        before[layer.id] = box
        kept = box if isinstance(layer, (ShapeSpec, PictureSpec)) else kept_inside(box, safe)
        after[layer.id] = Box(round(kept.x, 4), round(kept.y, 4), round(kept.width, 4), round(kept.height, 4))
    moved = tuple(
        id for id in before if not before[id].contains(after[id], 0.01) or not after[id].contains(before[id], 0.01)
    )
    return Frame(size, after, ground, moved, tuple(_newly_crowded(before, after, moved)))


def box_align(layer: LayerSpec, box: BoxSpec, direction: TextDirection) -> Align:
    """Give the logical alignment; a logo or picture that is not mirrored keeps its physical side."""
    if direction == "rtl" and not layer.mirror and isinstance(layer, (LogoSpec, PictureSpec)):
        return _MIRRORED[box.align]
    return box.align


def length(text: str, axis: float, size: PixelSize, place: Place, problems: Problems) -> float:
    """Give a length in pixels; 0 after noting what is wrong with it."""
    try:
        return Length.parse(text).resolve(axis, min(size.width, size.height))
    except ValueError as error:
        problems.add(place, "bad-length", str(error), length=len(text))
        return 0.0


def _resolved(spec: BoxSpec, size: PixelSize, place: Place, problems: Problems) -> Box:
    document, path = place
    sides = {"x": size.width, "y": size.height, "w": size.width, "h": size.height}
    x, y, width, height = (
        length(getattr(spec, key), axis, size, (document, (*path, key)), problems) for key, axis in sides.items()
    )
    if width <= 0 or height <= 0:
        problems.add(
            place, "empty-box", f"the box is {width:g} × {height:g} px on {size}: both sides must be greater than 0"
        )
        return Box(x, y, max(width, 1.0), max(height, 1.0))
    return Box(x, y, width, height)


def _newly_crowded(
    before: Mapping[str, Box], after: Mapping[str, Box], moved: tuple[str, ...]
) -> list[tuple[str, str]]:
    crowded = []
    for one in moved:
        for other in before:
            apart = before[one].intersection(before[other]).area == 0
            if (
                other != one
                and apart
                and after[one].intersection(after[other]).area > 1
                and (other, one) not in crowded
            ):
                crowded.append((one, other))
    return crowded
