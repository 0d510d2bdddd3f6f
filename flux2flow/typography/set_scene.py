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
    Align,
    ButtonLayer,
    ChartLayer,
    Gradient,
    Layer,
    LogoLayer,
    PictureLayer,
    PlateLayer,
    Scene,
    ShapeLayer,
    TextDirection,
    TextLayer,
    Vertical,
)
from flux2flow.interfaces import FileSource
from flux2flow.typography.chart import set_chart
from flux2flow.typography.fitting import Frame
from flux2flow.typography.set_text import Typesetter

BUTTON_RISE = 0.8
"""A button's padding above the caps and below the baseline, as a part of its padding at the sides."""
_NEVER_DROPPED = 1
_INK_ALPHA = 8  # of 255: what a cut-out leaves as dust is no ink


def set_scene(scene: Scene, fonts: Sequence[FontFile], files: FileSource) -> Layout:
    """Set every layer of a scene; raises TypographyError where the kit lacks a font that a style names.

    A layer with priority above 1 that does not fit even at its floor is dropped and reported, highest number first.
    """
    typesetter = Typesetter(fonts, files, scene.locale, scene.direction, scene.unbroken)
    placed: list[Placed] = []
    dropped: list[tuple[int, Dropped]] = []
    for layer in scene.layers:
        if isinstance(layer, PlateLayer):
            enlargement = scene.size.width / layer.crop.width
            placed.append(PlacedPlate(layer.id, layer.plate, layer.crop, layer.flip, enlargement))
            continue
        parts, reason = _set_layer(layer, typesetter, files)
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
            return parts, _too_small(tight) if tight else "" if parts else "the chart has no bars"
    raise TypeError(f"a scene holds no layer of the kind {type(layer).__name__}")


def _too_small(text: PlacedText) -> str:
    return f"does not fit {text.box.width:.0f}×{text.box.height:.0f} px at its smallest size, {text.fit.minimum:g} px"


def _set_text(layer: TextLayer, typesetter: Typesetter) -> tuple[tuple[Placed, ...], str]:
    if not layer.text.strip():
        return (), "there is no text"
    text = typesetter.set(
        layer.id, layer.text, layer.type, layer.box, layer.align, layer.vertical, layer.fit, layer.max_chars
    )
    return (text,), _too_small(text) if text.fit.overflow else ""


def _set_button(layer: ButtonLayer, typesetter: Typesetter) -> tuple[tuple[Placed, ...], str]:
    """Set a button: its label's width and the padding make its width, its type size makes its height."""
    if not layer.text.strip():
        return (), "there is no text"
    words = typesetter.words(layer.text, layer.type)
    low, high = layer.fit.minimum, max(layer.fit.maximum, layer.fit.minimum)
    trial = typesetter.fit(words, layer.type, Frame(layer.box.width, layer.box.height, "middle"), layer.fit)
    for _ in range(64):  # the padding is in em: a smaller label needs less of it, so a few rounds settle
        size = trial.size
        sides, rise = 2 * layer.padding * size, 2 * BUTTON_RISE * layer.padding * size
        cap = trial.paragraph.setting.stack.primary.metrics.cap_height
        label_width = max((line.ink.right - line.ink.left for line in trial.lines if line.ink), default=0.0) * size
        block = ((len(trial.lines) - 1) * trial.leading + cap) * size
        width, height = label_width + sides, block + rise
        fits = width <= layer.box.width + 0.01 and height <= layer.box.height + 0.01
        if fits or size <= low:
            break
        shrink = min(layer.box.width / width, layer.box.height / height)
        high = max(low, min(size - 0.25, size * max(shrink, 0.5) + 0.25))
        rule = replace(layer.fit, maximum=high - high % 0.25 if high - high % 0.25 >= low else low)
        trial = typesetter.fit(words, layer.type, Frame(layer.box.width, layer.box.height, "middle"), rule)
    overflow = trial.report.overflow or not fits
    at_floor = size <= layer.fit.minimum < layer.fit.maximum
    steps = (*trial.report.steps, f"button {width:.1f}×{height:.1f} px around its label")
    report = replace(trial.report, steps=steps, overflow=overflow, at_floor=at_floor)
    box = _inside(layer.box, width, height, layer.align, layer.vertical, typesetter.direction)
    label = typesetter.place(
        f"{layer.id}/label", replace(trial, report=report), layer.type, box, "center", "middle", layer.max_chars
    )
    radius = min(layer.radius, width / 2, height / 2)
    shape = PlacedShape(layer.id, "rectangle", box, Gradient(layer.fill, layer.fill), radius)
    return (shape, label), _too_small(replace(label, box=layer.box)) if overflow else ""


def _inside(box: Box, width: float, height: float, align: Align, vertical: Vertical, direction: TextDirection) -> Box:
    """Place a rectangle in a box by its logical alignment."""
    free, below = box.width - width, box.height - height
    if align == "center":
        x = box.x + free / 2
    else:
        x = box.x if (align == "start") == (direction == "ltr") else box.x + free
    y = box.y + {"top": 0.0, "middle": below / 2, "bottom": below}[vertical]
    return Box(x, y, width, height)


def _set_logo(layer: LogoLayer, direction: TextDirection) -> tuple[tuple[Placed, ...], str]:
    picture, box = layer.picture, layer.box
    scale = min(box.width / picture.width, box.height / picture.height)
    width, height = picture.width * scale, picture.height * scale
    place = _inside(box, width, height, layer.align, layer.vertical, direction)
    logo = PlacedLogo(layer.id, layer.logo, picture, place, place.grown(layer.clear_space * height), layer.min_width)
    small = width < layer.min_width - 0.01
    return (logo,), f"{width:.0f} px wide, below the logo's smallest width of {layer.min_width:g} px" if small else ""


def _set_picture(layer: PictureLayer, direction: TextDirection, files: FileSource) -> tuple[tuple[Placed, ...], str]:
    picture, box = layer.picture, layer.box
    if layer.shadow is not None:
        return (_standing(layer, direction, files),), ""
    choose = min if layer.fit == "contain" else max
    scale = choose(box.width / picture.width, box.height / picture.height)
    place = _inside(box, picture.width * scale, picture.height * scale, layer.align, layer.vertical, direction)
    return (PlacedPicture(layer.id, picture, place, place.intersection(box)),), ""


def _standing(layer: PictureLayer, direction: TextDirection, files: FileSource) -> PlacedPicture:
    """Stand a cut-out on its box's bottom edge: its ink, not its transparent margin, fills the box and touches it."""
    picture, box = layer.picture, layer.box
    ink = _alpha_ink(picture, files)
    scale = min(box.width / ink.width, box.height / ink.height)
    standing = _inside(box, ink.width * scale, ink.height * scale, layer.align, "bottom", direction)
    place = Box(standing.x - ink.x * scale, standing.y - ink.y * scale, picture.width * scale, picture.height * scale)
    return PlacedPicture(layer.id, picture, place, place, layer.shadow)


def _alpha_ink(picture: PictureFile, files: FileSource) -> Box:
    """Give the box of a picture's opaque part, in its own pixels; the whole picture where it has no transparency."""
    whole = Box(0, 0, picture.width, picture.height)
    if not picture.alpha or picture.media == "svg":
        return whole
    return _CachedInk(files).of(picture) or whole


class _CachedInk:
    """Reads ink boxes by digest, so that a product is decoded once per process and not once per scene."""

    def __init__(self, files: FileSource) -> None:
        self.files = files

    def of(self, picture: PictureFile) -> Box | None:
        digest = picture.file.digest
        if digest not in _INK_BOXES:
            _INK_BOXES[digest] = _measure_ink(self.files.read(picture.file))
        return _INK_BOXES[digest]


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
