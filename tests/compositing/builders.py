"""Layouts, files and glyph runs for the compositing tests: tiny ones as letters, and one like a real banner."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable

import uharfbuzz
from PIL import Image

from flux2flow.domain.campaign import FontFile
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.files import FileRef, PictureFile, PictureMedia
from flux2flow.domain.layout import (
    FitReport,
    FontInstance,
    Glyph,
    GlyphRun,
    Layout,
    Placed,
    PlacedLine,
    PlacedLogo,
    PlacedPicture,
    PlacedPlate,
    PlacedShape,
    PlacedText,
)
from flux2flow.domain.measures import Box, Color, PixelSize
from flux2flow.domain.scene import ContactShadow, Gradient

LETTERS = {
    "R": (255, 0, 0),
    "G": (0, 255, 0),
    "B": (0, 0, 255),
    "Y": (255, 255, 0),
    "w": (255, 255, 255),
    "k": (0, 0, 0),
    ".": (128, 128, 128),
}


class Files:
    """Files in memory, by digest."""

    def __init__(self) -> None:
        self._bytes: dict[str, bytes] = {}

    def add(self, path: str, data: bytes) -> FileRef:
        digest = hashlib.sha256(data).hexdigest()
        self._bytes[digest] = data
        return FileRef("project", path, digest)

    def read(self, file: FileRef) -> bytes:
        return self._bytes[file.digest]

    def picture(self, path: str, data: bytes, width: int, height: int, media: PictureMedia = "png") -> PictureFile:
        return PictureFile(self.add(path, data), width, height, media, True)


def canvas(*rows: str) -> Canvas:
    """Return a canvas written as letters, a row a string."""
    size = PixelSize(len(rows[0]), len(rows))
    return Canvas(size, b"".join(bytes(LETTERS[letter]) for row in rows for letter in row))


def letters(painted: Canvas) -> tuple[str, ...]:
    """Return a canvas as letters; a colour without one is '?'."""
    names = {color: letter for letter, color in LETTERS.items()}
    width = painted.size.width
    found = [names.get(tuple(painted.pixels[at : at + 3]), "?") for at in range(0, len(painted.pixels), 3)]
    return tuple("".join(found[row : row + width]) for row in range(0, len(found), width))


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def layout(size: PixelSize, *placed: Placed) -> Layout:
    return Layout("test", size, "ltr", placed)


def plate(plate_canvas: Canvas, size: PixelSize, crop: Box | None = None, *, flip: bool = False) -> PlacedPlate:
    crop = crop or Box(0, 0, plate_canvas.size.width, plate_canvas.size.height)
    return PlacedPlate("plate", "plate", crop, flip, size.width / crop.width)


def fill(
    color: str, box: Box, *, to: str | None = None, angle: float = 90, radius: float = 0, shape: str = "rectangle"
) -> PlacedShape:
    gradient = Gradient(Color.from_hex(color), Color.from_hex(to or color), angle)
    return PlacedShape("shape", shape, box, gradient, radius)  # type: ignore[arg-type]


def picture(file: PictureFile, box: Box, clip: Box | None = None, shadow: ContactShadow | None = None) -> PlacedPicture:
    return PlacedPicture("picture", file, box, clip or box, shadow)


def logo(file: PictureFile, box: Box) -> PlacedLogo:
    return PlacedLogo("logo", "main", file, box, box, 10)


def font(files: Files, data: bytes, **axes: float) -> FontInstance:
    return FontInstance(FontFile("Test", files.add("font.ttf", data)), tuple(sorted(axes.items())))


def text(instance: FontInstance, data: bytes, words: str, x: float, y: float, size: float, color: str) -> PlacedText:
    """One line of text, shaped by HarfBuzz with its baseline at `y`."""
    run = GlyphRun(instance, size, Color.from_hex(color), tuple(_shaped(instance, data, words, x, y, size)))
    box = Box(x, y - size, size * len(words), size)
    fit = FitReport(size, size, 1, 1, (), False, False)
    return PlacedText("text", words, box, box, (PlacedLine(words, 0, box, (run,)),), fit, size / 2, 400)


def _shaped(instance: FontInstance, data: bytes, words: str, x: float, y: float, size: float) -> Iterable[Glyph]:
    face = uharfbuzz.Face(data)
    shaper = uharfbuzz.Font(face)
    shaper.set_variations(dict(instance.location))
    buffer = uharfbuzz.Buffer()
    buffer.add_str(words)
    buffer.guess_segment_properties()
    uharfbuzz.shape(shaper, buffer)
    scale = size / face.upem
    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        yield Glyph(info.codepoint, x + position.x_offset * scale, y - position.y_offset * scale, info.cluster, None)
        x += position.x_advance * scale
