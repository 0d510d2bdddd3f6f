"""A template's layout for one format → boxes in canvas pixels: mirrored for right-to-left, kept inside the safe area.

The rules, in this order:

1. `%` refers to the canvas: x and w to its width, y and h to its height; `vmin` to its shorter side.
2. A standing picture is moved vertically until its bottom is the ground line.
3. Right-to-left languages mirror the box, unless its layer says `mirror: false`.
4. The other side, where a busy plate asks for it, is the same layout mirrored once more.
5. Type, buttons, logos and charts are moved by the least distance into the safe area, and shrunk where they are larger
   than it. Shapes and pictures may bleed: a scrim that stopped at a safe area would show its edge. The safe area is the
   platform's and is never mirrored.
6. What stands in a stack or grid has that one's box until typography has measured it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flux2flow.domain.format import AspectClass, Format
from flux2flow.domain.layout import kept_inside
from flux2flow.domain.measures import Box, Length, PixelSize
from flux2flow.domain.scene import Align, Stack, TextDirection, Vertical
from flux2flow.domain.template import (
    BoxSpec,
    GridSpec,
    LayerSpec,
    LayoutSpec,
    LogoSpec,
    PictureSpec,
    ShapeSpec,
    StackSpec,
    Template,
)
from flux2flow.planning.problems import Place, Problems

_MIRRORED: dict[Align, Align] = {"start": "end", "center": "center", "end": "start"}


@dataclass(frozen=True)
class Placing:
    """How a layer stands in its box, as the language reads; `justify` and `ellipse` are of texts."""

    align: Align
    vertical: Vertical
    justify: bool = False
    ellipse: bool = False


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
    places: Mapping[str, Placing]
    stacks: tuple[Stack, ...] = ()


def frame(
    template: Template,
    format: Format,
    kind: AspectClass,
    direction: TextDirection,
    problems: Problems,
    other_side: bool = False,
) -> Frame:
    """Lay out the boxes of every layer that this aspect class has a box for."""
    spec, size = template.layout[kind], format.size
    document = f"template:{template.template}"
    ground = length(spec.ground, size.height, size, (document, ("layout", kind, "ground")), problems)
    safe = Box(0.0, 0.0, float(size.width), float(size.height)).inset(format.safe_area.insets)
    before: dict[str, Box] = {}
    after: dict[str, Box] = {}
    places: dict[str, Placing] = {}
    for layer in template.layers:
        placed = spec.boxes.get(layer.id)
        if not isinstance(placed, BoxSpec):
            continue
        box = _resolved(placed, size, (document, ("layout", kind, "boxes", layer.id)), problems)
        places[layer.id] = _placing(layer, placed, direction, other_side)
        if isinstance(layer, PictureSpec) and layer.stands:
            box = box.moved(0, ground - box.bottom)
        if (direction == "rtl") != other_side and layer.mirror:
            box = box.mirrored(size.width)
        before[layer.id] = box
        kept = box if isinstance(layer, (ShapeSpec, PictureSpec)) else kept_inside(box, safe)
        after[layer.id] = _rounded(kept)
    stacks = _Stacks(template, spec, kind, size, direction, other_side, problems)
    for id, box in stacks.boxes().items():
        before[id], after[id] = box, _rounded(kept_inside(box, safe))
    moved = tuple(
        id for id in before if not before[id].contains(after[id], 0.01) or not after[id].contains(before[id], 0.01)
    )
    crowded = tuple(_newly_crowded(before, after, moved))
    made = tuple(stacks.made(after))
    inside, held = stacks.children()
    boxes = {**after, **{id: after[outer] for id, outer in held.items()}}
    return Frame(size, boxes, ground, moved, crowded, {**places, **inside}, made)


def _rounded(box: Box) -> Box:
    return Box(round(box.x, 4), round(box.y, 4), round(box.width, 4), round(box.height, 4))


def _placing(layer: LayerSpec, box: BoxSpec, direction: TextDirection, other_side: bool) -> Placing:
    """Give the logical alignment; a logo or picture that is not mirrored keeps its physical side."""
    align: Align = "start" if box.align == "justify" else box.align
    if direction == "rtl" and not layer.mirror and isinstance(layer, (LogoSpec, PictureSpec)):
        align = _MIRRORED[align]
    if other_side and layer.mirror:
        align = _MIRRORED[align]
    return Placing(align, box.vertical, box.align == "justify", box.shape == "ellipse")


@dataclass(frozen=True)
class _Stacks:
    """The stacks and grids of one layout."""

    template: Template
    spec: LayoutSpec
    kind: AspectClass
    size: PixelSize
    direction: TextDirection
    other_side: bool
    problems: Problems

    @property
    def specs(self) -> dict[str, StackSpec | GridSpec]:
        """Stacks and grids by their names, in the template's order."""
        return {id: spec for id, spec in self.spec.boxes.items() if not isinstance(spec, BoxSpec)}

    def boxes(self) -> dict[str, Box]:
        """Give the box of every stack that does not stand in another one, mirrored where it must be."""
        held = {child for spec in self.specs.values() for child in _children(spec)}
        found = {}
        for id, spec in self.specs.items():
            if id in held:
                continue
            missing = [side for side in "xywh" if getattr(spec, side) is None]
            if missing:
                message = f"{id!r} stands in no other stack, and has no {' and no '.join(missing)}"
                remedy = "give it x, y, w and h"
                self.problems.add(self._place(id), "stack-without-box", message, remedy=remedy)
                continue
            sides = {side: getattr(spec, side) for side in "xywh"}
            box = _resolved(BoxSpec(**sides), self.size, self._place(id), self.problems)
            if spec.mirror and (self.direction == "rtl") != self.other_side:
                box = box.mirrored(self.size.width)
            found[id] = box
        return found

    def made(self, boxes: Mapping[str, Box]) -> list[Stack]:
        """Resolve every stack; its box is the one that the safe area left it."""
        return [self._made(id, spec, boxes.get(id)) for id, spec in self.specs.items()]

    def _made(self, id: str, spec: StackSpec | GridSpec, box: Box | None) -> Stack:
        down = isinstance(spec, StackSpec) and spec.direction == "down"
        height = self.size.height if down or isinstance(spec, GridSpec) else self.size.width
        axis = (box.height if down or isinstance(spec, GridSpec) else box.width) if box else height
        gap = self._length(id, "gap", spec.gap, axis)
        grid = spec if isinstance(spec, GridSpec) else None
        return Stack(
            id=id,
            children=_children(spec),
            direction="down" if down else "across",
            gap=gap,
            align=self._align(spec) if down or grid else spec.align,
            vertical=spec.vertical,
            box=box,
            columns=grid.columns if grid else 0,
            row_gap=self._length(id, "row_gap", grid.row_gap, axis) if grid and grid.row_gap else gap,
            spread=isinstance(spec, StackSpec) and spec.spread,
            baseline=spec.baseline,
            sizes=tuple((child, self._length(id, ("sizes", child), text, axis)) for child, text in spec.sizes.items()),
            against=(self.direction == "rtl" and not spec.mirror) != (self.other_side and spec.mirror),
        )

    def children(self) -> tuple[dict[str, Placing], dict[str, str]]:
        """Say how every layer in a stack stands there, and in which outermost stack it stands."""
        parents = {child: id for id, spec in self.specs.items() for child in _children(spec)}
        places: dict[str, Placing] = {}
        held: dict[str, str] = {}
        for layer in self.template.layers:
            if (parent := parents.get(layer.id)) is None:
                continue
            outer, seen = parent, {parent}
            while outer in parents and parents[outer] not in seen:
                outer = parents[outer]
                seen.add(outer)
            spec, top = self.specs[parent], self.spec.boxes[outer]
            if any(getattr(top, side) is None for side in "xywh"):
                continue  # told where boxes are resolved
            across = isinstance(spec, StackSpec) and spec.direction == "across"
            vertical = spec.vertical if across else "top"
            places[layer.id], held[layer.id] = Placing("start" if across else self._align(spec), vertical), outer
        return places, held

    def _align(self, spec: StackSpec | GridSpec) -> Align:
        turned = (self.other_side and spec.mirror) != (self.direction == "rtl" and not spec.mirror)
        return _MIRRORED[spec.align] if turned else spec.align

    def _length(self, id: str, key: str | tuple[str, ...], text: str, axis: float) -> float:
        path = (key,) if isinstance(key, str) else key
        document, own = self._place(id)
        return round(length(text, axis, self.size, (document, (*own, *path)), self.problems), 4)

    def _place(self, id: str) -> Place:
        return f"template:{self.template.template}", ("layout", self.kind, "boxes", id)


def _children(spec: StackSpec | GridSpec) -> tuple[str, ...]:
    return spec.stack if isinstance(spec, StackSpec) else spec.grid


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
