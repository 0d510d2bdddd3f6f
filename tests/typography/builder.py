"""Scenes for typography's tests, set in the shipped kit's own fonts (Latin, Arabic, Japanese)."""

from __future__ import annotations

import hashlib
import io
from functools import cache
from pathlib import Path
from typing import Any

import uharfbuzz as hb

from flux2flow.domain.campaign import FontFile
from flux2flow.domain.files import FileRef, PictureFile
from flux2flow.domain.layout import Glyph, Layout, PlacedText
from flux2flow.domain.measures import Box, Color, Insets, PixelSize
from flux2flow.domain.scene import FitRule, Layer, PlateLayer, Scene, TextDirection, TextLayer, Type
from flux2flow.typography import set_scene
from flux2flow.typography.fonts import stack
from flux2flow.typography.shaping import Paragraph, Setting

FONTS = Path(__file__).parents[2] / "brand_kits" / "aurora" / "fonts"
INK = Color(20, 20, 30)
OPEN_GRAPH = PixelSize(1200, 630)
LATIN, ARABIC, JAPANESE = "Inter", "Noto Sans Arabic", "Noto Sans JP"


class FontFiles:
    """Reads the kit's fonts, and whatever pictures a test added by their names."""

    def __init__(self, **pictures: bytes) -> None:
        self.pictures = pictures
        self.reads = 0

    def read(self, file: FileRef) -> bytes:
        """Give the file's bytes."""
        self.reads += 1
        return self.pictures[file.path] if file.path in self.pictures else (FONTS / file.path).read_bytes()


@cache
def font(family: str, name: str, weight: int | None = None) -> FontFile:
    """Describe a font of the kit, as loading would describe it."""
    data = (FONTS / name).read_bytes()
    axes = hb.Face(hb.Blob(data)).axis_infos if weight is None else []
    described = tuple((axis.tag, axis.min_value, axis.default_value, axis.max_value) for axis in axes)
    return FontFile(family, FileRef("library", name, hashlib.sha256(data).hexdigest()), described, weight)


def kit() -> tuple[FontFile, ...]:
    """Describe the kit's fonts."""
    return (
        font(LATIN, "Inter-Variable.ttf"),
        font(ARABIC, "NotoSansArabic-Variable.ttf"),
        font(JAPANESE, "NotoSansJP-Regular.ttf", 400),
        font(JAPANESE, "NotoSansJP-Bold.ttf", 700),
    )


def style(*families: str, **changes: Any) -> Type:
    """Make a text style; Latin first unless told."""
    values: dict[str, Any] = {"weight": 600, "tracking": 0.0, "leading": 1.2, "color": INK} | changes
    return Type("test", families or (LATIN, ARABIC, JAPANESE), **values)


def style_for(locale: str, **changes: Any) -> Type:
    """Make the style a kit would use for a language."""
    order = {"ar": (ARABIC, LATIN), "ja": (JAPANESE, LATIN)}.get(locale, ())
    return style(*order, **changes)


def paragraph(text: str, type: Type | None = None, *, language: str = "en", rtl: bool = False) -> Paragraph:
    """Shape a paragraph."""
    type = type or style()
    faces = stack(type.families, type.weight, 32, kit(), FontFiles())
    return Paragraph(text, Setting(faces, language, int(rtl), type.tracking, type.features))


def text_layer(text: str, box: Box, type: Type | None = None, **changes: Any) -> TextLayer:
    """Make a text layer that starts at the top, at most three lines between 10 and 200 px."""
    values: dict[str, Any] = {"align": "start", "vertical": "top", "fit": FitRule(3, 10, 200)} | changes
    return TextLayer(values.pop("id", "headline"), text, type or style(), box, **values)


def scene(*layers: Layer, locale: str = "en", size: PixelSize = OPEN_GRAPH, **changes: Any) -> Scene:
    """Make a scene on an empty plate."""
    direction: TextDirection = "rtl" if locale in ("ar", "he") else "ltr"
    plate = PlateLayer("plate", "plate-1", Box(0, 0, size.width, size.height), False)
    values: dict[str, Any] = {"id": f"test-{locale}", "unbroken": (), "layers": (plate, *layers)} | changes
    return Scene(
        entry="test", template="test/test", format="test/test", aspect_class="landscape", locale=locale,
        direction=direction, row="", variant=(), size=size, safe_area=Insets(), **values,
    )  # fmt: skip


def layout(*layers: Layer, files: FontFiles | None = None, **changes: Any) -> Layout:
    """Set a scene of these layers."""
    return set_scene(scene(*layers, **changes), kit(), files or FontFiles())


def set_one(text: str, box: Box, type: Type | None = None, *, locale: str = "en", **changes: Any) -> PlacedText:
    """One text, set alone."""
    unbroken = changes.pop("unbroken", ())
    placed = layout(text_layer(text, box, type or style_for(locale), **changes), locale=locale, unbroken=unbroken)
    return placed.texts()[0]


def lines(text: PlacedText) -> list[str]:
    """List the set lines."""
    return [line.text for line in text.lines]


def glyphs(text: PlacedText) -> list[Glyph]:
    """All glyphs, line by line, from left to right."""
    return [glyph for line in text.lines for run in line.runs for glyph in run.glyphs]


def cut_out(width: int = 100, height: int = 200, ink: tuple[int, int, int, int] = (20, 30, 80, 170)) -> bytes:
    """Encode a PNG with one opaque rectangle (left, top, right, bottom) on nothing."""
    from PIL import Image

    picture = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    picture.paste((200, 60, 40, 255), ink)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def picture_file(name: str, data: bytes, width: int, height: int, *, alpha: bool = True) -> PictureFile:
    """Describe a picture as loading would describe it."""
    reference = FileRef("project", name, hashlib.sha256(data).hexdigest())
    return PictureFile(reference, width, height, "png", alpha)


def logo_file(width: int = 960, height: int = 256) -> PictureFile:
    """Describe an SVG logo that nobody reads here."""
    return PictureFile(FileRef("library", "logo.svg", "0" * 64), width, height, "svg", True)
