"""Check subjects built by hand from domain types: one picture of plain colour with what a test puts on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flux2flow.domain.asset import EncodedFile
from flux2flow.domain.campaign import FontFile
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.files import FileRef, PictureFile
from flux2flow.domain.format import Format, SafeArea
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
from flux2flow.domain.scene import FitRule, Gradient, Layer, PlateLayer, Scene, TextLayer, Type
from flux2flow.domain.standards import Standards
from flux2flow.interfaces import CheckSubject, FileSource

SIZE = PixelSize(300, 250)
STANDARDS = Standards()
BLACK, WHITE, GREY = Color(0, 0, 0), Color(255, 255, 255), Color(130, 130, 130)


def font(family: str = "Inter") -> FontInstance:
    return FontInstance(FontFile(family, FileRef("library", f"fonts/{family}.ttf", "0" * 64)))


def picture(*, alpha: bool = False, width: int = 100, height: int = 100) -> PictureFile:
    return PictureFile(FileRef("library", "picture.png", "1" * 64), width, height, "png", alpha)


def run_of(
    characters: str,
    *,
    x: float = 20,
    baseline: float = 60,
    size: float = 20,
    family: str = "Inter",
    fallback: bool = False,
    color: Color = BLACK,
    start: int = 0,
    ids: Sequence[int] | None = None,
) -> GlyphRun:
    """Build a run of square glyphs, 0.6 em wide on an 0.8 em advance, standing on the baseline; blanks have no ink."""
    glyphs = []
    for i, character in enumerate(characters):
        left = x + i * size * 0.8
        ink = None if character.isspace() else Box(left, baseline - 0.7 * size, 0.6 * size, 0.7 * size)
        glyphs.append(Glyph(ids[i] if ids else 40 + i, left, baseline, start + i, ink))
    return GlyphRun(font(family), size, color, tuple(glyphs), fallback)


def text(
    characters: str = "Calm light",
    *runs: GlyphRun,
    id: str = "headline",
    box: Box | None = None,
    size: float = 20,
    weight: int = 400,
    color: Color = BLACK,
    x: float = 20,
    baseline: float = 60,
    lines: int = 1,
    max_lines: int = 2,
    overflow: bool = False,
    at_floor: bool = False,
    minimum: float = 12,
    x_height: float | None = None,
    max_chars: int | None = None,
) -> PlacedText:
    """Build a text of one line; its ink is its glyphs' union, its box has room unless one is given."""
    placed = runs or (run_of(characters, x=x, baseline=baseline, size=size, color=color),)
    inks = [glyph.ink for run in placed for glyph in run.glyphs if glyph.ink is not None]
    ink = inks[0] if inks else Box(x, baseline, 0, 0)
    for other in inks[1:]:
        ink = ink.union(other)
    box = box or ink.grown(4)
    fit = FitReport(size, minimum, lines, max_lines, (), overflow, at_floor)
    line = (PlacedLine(characters, 0, box, tuple(placed)),) if inks else ()
    x_height = size * 0.5 if x_height is None else x_height
    return PlacedText(id, characters, box, ink, line, fit, x_height, weight, max_chars)


def column(
    *lines: str,
    id: str = "body",
    size: float = 20,
    leading: float = 1.2,
    x: float = 20,
    baseline: float = 60,
    joiner: str = " ",
    color: Color = BLACK,
    weight: int = 400,
    rightward: bool = True,
) -> PlacedText:
    """Build a text of several lines as `run_of` sets them; each line but the last ends in `joiner`."""
    whole = joiner.join(lines)
    placed, start = [], 0
    for number, line in enumerate(lines):
        y = baseline + number * leading * size
        run = run_of(line, x=x, baseline=y, size=size, start=start, color=color)
        if not rightward:
            run = replace(run, glyphs=tuple(_turned(glyph, x + len(line) * size * 0.8 + x) for glyph in run.glyphs))
        box = Box(x, y - size, len(line) * size * 0.8, size * 1.2)
        placed.append(PlacedLine(line + (joiner if number + 1 < len(lines) else ""), start, box, (run,)))
        start += len(line) + len(joiner)
    inks = [glyph.ink for line in placed for run in line.runs for glyph in run.glyphs if glyph.ink is not None]
    ink = inks[0]
    for other in inks[1:]:
        ink = ink.union(other)
    fit = FitReport(size, 12, len(lines), 9, (), False, False)
    return PlacedText(id, whole, ink.grown(4), ink, tuple(placed), fit, size * 0.5, weight)


def _turned(glyph: Glyph, width: float) -> Glyph:
    ink = glyph.ink.mirrored(width) if glyph.ink is not None else None
    return replace(glyph, x=width - glyph.x, ink=ink)


LOGO, NO_MARGIN = Box(200, 200, 60, 20), SafeArea()


def logo(box: Box = LOGO, *, clear: float = 5, min_width: float = 24, id: str = "logo") -> PlacedLogo:
    drawn = picture(alpha=True, width=round(box.width * 10), height=round(box.height * 10))
    return PlacedLogo(id, "primary", drawn, box, box.grown(clear), min_width)


def shape(id: str, box: Box, *, to: Color | None = None) -> PlacedShape:
    return PlacedShape(id, "rectangle", box, Gradient(GREY, to or GREY))


def placed_picture(box: Box, *, alpha: bool) -> PlacedPicture:
    return PlacedPicture("product", picture(alpha=alpha), box, box)


def text_layer(id: str = "headline", words: str = "Calm light", families: tuple[str, ...] = ("Inter",)) -> TextLayer:
    style = Type("display" if id == "headline" else "body", families, 400, 0, 1.1, BLACK)
    return TextLayer(id, words, style, Box(10, 10, 280, 100), "start", "top", FitRule(2, 12, 60))


def format_of(
    *,
    size: PixelSize = SIZE,
    max_bytes: int | None = 150_000,
    safe: SafeArea = NO_MARGIN,
    min_text: float = 10,
    min_x_height: float = 5,
    headline_limit: int | None = None,
) -> Format:
    return Format(
        id="iab/medium-rectangle",
        width=size.width,
        height=size.height,
        max_bytes=max_bytes,
        safe_area=safe,
        min_text=min_text,
        min_x_height=min_x_height,
        headline_limit=headline_limit,
    )


def painted(layout: Layout, ground: Color = WHITE, *, ink: Color | None = None, size: PixelSize = SIZE) -> Canvas:
    """Paint the layout's glyphs as filled boxes on plain ground: in their own colour, or all in `ink`."""
    rows = [bytearray(bytes((ground.red, ground.green, ground.blue)) * size.width) for _ in range(size.height)]
    for placed in layout.texts():
        for run in (run for line in placed.lines for run in line.runs):
            color = ink or run.color
            for glyph in run.glyphs:
                if glyph.ink is None:
                    continue
                left, right = max(round(glyph.ink.x), 0), min(round(glyph.ink.right), size.width)
                for y in range(max(round(glyph.ink.y), 0), min(round(glyph.ink.bottom), size.height)):
                    rows[y][left * 3 : right * 3] = bytes((color.red, color.green, color.blue)) * (right - left)
    return Canvas(size, b"".join(bytes(row) for row in rows))


def subject(
    *placed: Placed,
    layers: Sequence[Layer] = (),
    format: Format | None = None,
    decoded: Canvas | None = None,
    data: bytes | None = b"x" * 1000,
    ground: Color = WHITE,
    locale: str = "en",
    forbidden_words: tuple[str, ...] = (),
    standards: Standards = STANDARDS,
    files: FileSource | None = None,
    unbroken: tuple[str, ...] = (),
) -> CheckSubject:
    """Build a subject whose decoded file is the layout painted on `ground`, unless another canvas is given."""
    form = format or format_of()
    plate = PlacedPlate("plate", "plate-1", Box(0, 0, SIZE.width, SIZE.height), False, 1.0)
    layout = Layout("hero-en", form.size, "ltr", (plate, *placed))
    base = PlateLayer("plate", "plate-1", plate.crop, False)
    scene = Scene(
        "hero-en", "hero", "banner/product-hero", form.id, "square", locale, "ltr", "row-1", (), form.size,
        form.safe_area.insets, (base, *(layers or [text_layer(t.id, t.text) for t in layout.texts()])), unbroken,
    )  # fmt: skip
    canvas = decoded or painted(layout, ground, size=form.size)
    encoded = None if data is None else EncodedFile("png", data, None)
    return CheckSubject(scene, layout, form, forbidden_words, encoded, canvas, standards, files)


def unpainted(checked: CheckSubject) -> CheckSubject:
    """Return the same subject as `flux2flow validate` sees it."""
    return replace(checked, encoded=None, decoded=None)
