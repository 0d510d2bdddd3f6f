"""A scene → its layout: every layer gets its used place and size in pixels, or is dropped for a stated reason.

The last decision about position and size is made here; compositing only paints. Regions come from planning, already
mirrored for right-to-left: here `start` is merely the side that the language reads from, and logos are never flipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flux2flow.domain.campaign import FontFile
from flux2flow.domain.files import PictureFile
from flux2flow.domain.layout import (
    Dropped,
    Layout,
    Placed,
    PlacedLogo,
    PlacedPicture,
    PlacedPlate,
    PlacedShape,
    PlacedText,
)
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import (
    ButtonLayer,
    ChartLayer,
    FigureLayer,
    Layer,
    LogoLayer,
    PictureLayer,
    PlateLayer,
    Scene,
    ShapeLayer,
    TableLayer,
    TextDirection,
    TextLayer,
    TimelineLayer,
)
from flux2flow.interfaces import FileSource
from flux2flow.typography.arrangement import arrange
from flux2flow.typography.button import set_button
from flux2flow.typography.charts import set_chart
from flux2flow.typography.figures import set_figures
from flux2flow.typography.ladder import set_by_ladder
from flux2flow.typography.set_text import Typesetter, inside
from flux2flow.typography.stacks import Bound
from flux2flow.typography.table import set_table
from flux2flow.typography.timeline import set_timeline

_NEVER_DROPPED = 1
_INK_ALPHA = 8  # of 255: what a cut-out leaves as dust is no ink


def set_scene(scene: Scene, fonts: Sequence[FontFile], files: FileSource) -> Layout:
    """Set every layer of a scene; raises TypographyError where the kit lacks a font that a style names.

    A layer with priority above 1 that does not fit even at its floor is dropped and reported, highest number first.
    """
    typesetter = Typesetter(fonts, files, scene.locale, scene.direction, scene.unbroken)
    arranged = arrange(scene.layers, scene.stacks, typesetter)
    placed: list[Placed] = []
    dropped: list[tuple[int, Dropped]] = list(arranged.dropped)
    gone = {entry.id for _, entry in dropped}
    for given in scene.layers:
        layer = arranged.layers.get(given.id, given)
        if layer.id in gone:
            continue
        if isinstance(layer, PlateLayer):
            enlargement = scene.size.width / layer.crop.width
            placed.append(PlacedPlate(layer.id, layer.plate, layer.crop, layer.flip, enlargement))
            continue
        parts, reason = _set_layer(layer, typesetter, files)
        if (bound := arranged.bounds.get(layer.id)) is not None:
            parts = tuple(_bounded(part, given, bound) for part in parts)
            reason = reason or (_no_room(layer.id, scene) if bound.overflow else "")
        if reason and (layer.priority > _NEVER_DROPPED or not parts):
            dropped.append((layer.priority, Dropped(layer.id, reason)))
        else:
            placed += parts
    dropped.sort(key=lambda entry: -entry[0])
    return Layout(scene.id, scene.size, scene.direction, tuple(placed), tuple(entry for _, entry in dropped))


def _set_layer(layer: Layer, typesetter: Typesetter, files: FileSource) -> tuple[tuple[Placed, ...], str]:
    """Place one layer; the text says why it would have to be dropped, and is empty where all is well."""
    match layer:
        case TextLayer():
            return _set_text(layer, typesetter)
        case ButtonLayer():
            return _set_button(layer, typesetter)
        case LogoLayer():
            return _set_logo(layer, typesetter.direction)
        case PictureLayer():
            return _set_picture(layer, typesetter.direction, files)
        case ShapeLayer():
            radius = min(layer.radius, layer.box.width / 2, layer.box.height / 2)
            return (PlacedShape(layer.id, layer.shape, layer.box, layer.fill, radius),), ""
        case ChartLayer():
            parts = set_chart(layer, typesetter)
            tight = next((part for part in parts if isinstance(part, PlacedText) and part.fit.overflow), None)
            return parts, _too_small(tight, layer.box) if tight else "" if parts else "the chart has nothing to show"
        case FigureLayer() | TimelineLayer() | TableLayer():
            return _set_infographic(layer, typesetter)
    raise TypeError(f"a scene holds no layer of the kind {type(layer).__name__}")


def _bounded(part: Placed, given: Layer, bound: Bound) -> Placed:
    """Say in a text's report what its stack or group decided, and judge it by the floor that the template gave."""
    if not isinstance(part, PlacedText) or not isinstance(given, TextLayer | ButtonLayer):
        return part
    fit = part.fit
    report = replace(
        fit,
        minimum=given.fit.minimum,
        steps=(bound.said, *fit.steps),
        overflow=fit.overflow or bound.overflow,
        at_floor=fit.at_floor or bound.at_floor,
        copy_step=fit.copy_step or bound.copy_step,
    )
    return replace(part, fit=report)


def _no_room(id: str, scene: Scene) -> str:
    stack = next((stack.id for stack in scene.stacks if id in stack.children), "?")
    return f"the stack ‘{stack}’ has no room for it"


def _set_infographic(
    layer: FigureLayer | TimelineLayer | TableLayer, typesetter: Typesetter
) -> tuple[tuple[Placed, ...], str]:
    match layer:
        case FigureLayer():
            parts = set_figures(layer, typesetter)
        case TimelineLayer():
            parts = set_timeline(layer, typesetter)
        case TableLayer():
            parts = set_table(layer, typesetter)
    tight = next((part for part in parts if isinstance(part, PlacedText) and part.fit.overflow), None)
    return parts, _too_small(tight, layer.box) if tight else ""


def _too_small(text: PlacedText, box: Box) -> str:
    return f"does not fit {box.width:.0f}×{box.height:.0f} px at its smallest size, {text.fit.minimum:g} px"


def _set_text(layer: TextLayer, typesetter: Typesetter) -> tuple[tuple[Placed, ...], str]:
    if not layer.text.strip():
        return (), "there is no text"
    text = set_by_ladder(layer, typesetter)
    return (text,), _too_small(text, layer.box) if text.fit.overflow else ""


def _set_button(layer: ButtonLayer, typesetter: Typesetter) -> tuple[tuple[Placed, ...], str]:
    if not layer.text.strip():
        return (), "there is no text"
    shape, label = set_button(layer, typesetter)
    return (shape, label), _too_small(label, layer.box) if label.fit.overflow else ""


def _set_logo(layer: LogoLayer, direction: TextDirection) -> tuple[tuple[Placed, ...], str]:
    picture, box = layer.picture, layer.box
    scale = min(box.width / picture.width, box.height / picture.height)
    width, height = picture.width * scale, picture.height * scale
    place = inside(box, width, height, layer.align, layer.vertical, direction)
    logo = PlacedLogo(layer.id, layer.logo, picture, place, place.grown(layer.clear_space * height), layer.min_width)
    small = width < layer.min_width - 0.01
    return (logo,), f"{width:.0f} px wide, below the logo's smallest width of {layer.min_width:g} px" if small else ""


def _set_picture(layer: PictureLayer, direction: TextDirection, files: FileSource) -> tuple[tuple[Placed, ...], str]:
    picture, box = layer.picture, layer.box
    if layer.shadow is not None:
        return (_standing(layer, direction, files),), ""
    choose = min if layer.fit == "contain" else max
    scale = choose(box.width / picture.width, box.height / picture.height)
    place = inside(box, picture.width * scale, picture.height * scale, layer.align, layer.vertical, direction)
    return (PlacedPicture(layer.id, picture, place, place.intersection(box)),), ""


def _standing(layer: PictureLayer, direction: TextDirection, files: FileSource) -> PlacedPicture:
    """Stand a cut-out on its box's bottom edge: its ink, not its transparent margin, fills the box and touches it."""
    picture, box = layer.picture, layer.box
    ink = _alpha_ink(picture, files)
    scale = min(box.width / ink.width, box.height / ink.height)
    standing = inside(box, ink.width * scale, ink.height * scale, layer.align, "bottom", direction)
    place = Box(standing.x - ink.x * scale, standing.y - ink.y * scale, picture.width * scale, picture.height * scale)
    return PlacedPicture(layer.id, picture, place, place, layer.shadow)


def _alpha_ink(picture: PictureFile, files: FileSource) -> Box:
    """Give the box of a picture's opaque part, in its own pixels; the whole picture where it has no transparency."""
    whole = Box(0, 0, picture.width, picture.height)
    if not picture.alpha or picture.media == "svg":
        return whole
    digest = picture.file.digest
    if digest not in _INK_BOXES:  # a product is decoded once per process, not once per scene
        _INK_BOXES[digest] = _measure_ink(files.read(picture.file))
    return _INK_BOXES[digest] or whole


_INK_BOXES: dict[str, Box | None] = {}


def _measure_ink(data: bytes) -> Box | None:
    from flux2flow.gates import pictures  # Pillow loads only where a product stands on its ground

    width, height, rgba = pictures.decode_rgba(data)
    alpha = rgba[3::4]
    rows = [y for y in range(height) if max(alpha[y * width : (y + 1) * width]) > _INK_ALPHA]
    if not rows:
        return None
    columns = [x for x in range(width) if max(alpha[x::width]) > _INK_ALPHA]
    return Box(columns[0], rows[0], columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0])
