"""What was seen → a Scene and a Layout as if it had been set here, so that the checks of rendering judge it too.

Nothing is invented: where an estimate could fail a good picture by its own error, the estimate gives way.
"""

from __future__ import annotations

from flux2flow.auditing.seen import SeenLogo, SeenPicture, SeenText
from flux2flow.domain.campaign import FontFile
from flux2flow.domain.files import FileRef, PictureFile
from flux2flow.domain.format import Format
from flux2flow.domain.layout import (
    FitReport,
    FontInstance,
    Glyph,
    GlyphRun,
    Layout,
    Placed,
    PlacedLine,
    PlacedLogo,
    PlacedPlate,
    PlacedText,
    aspect_class,
)
from flux2flow.domain.measures import Box, PixelSize
from flux2flow.domain.scene import PlateLayer, Scene

_FONT = FontInstance(FontFile("seen", FileRef("project", "", "")))
_TOLERANCE = 0.9
"""Of a logo's clear space and smallest width: what measuring edges may miss."""
_MEASURED_SHORT = 1.2
"""Letters measured on pixels come out smaller than their outlines, and fonts differ in their proportions."""


def as_layout(seen: SeenPicture, size: PixelSize, file: str) -> Layout:
    """Place what was seen."""
    whole = Box(0, 0, size.width, size.height)
    placed: list[Placed] = [PlacedPlate("picture", "picture", whole, False, 1.0)]
    placed += [_text(text, f"line {number}") for number, text in enumerate(seen.texts, 1)]
    placed += [_logo(logo) for logo in seen.logos]
    return Layout(file, size, "ltr", tuple(placed))


def as_scene(format: Format, size: PixelSize, file: str) -> Scene:
    """Give the scene that such a layout would have come from: a picture, and nothing known of its layers."""
    whole = Box(0, 0, size.width, size.height)
    return Scene(
        id=file,
        entry=file,
        template="",
        format=format.id,
        aspect_class=aspect_class(format),
        locale="und",
        direction="ltr",
        row="",
        variant=(),
        size=size,
        safe_area=format.safe_area.insets,
        layers=(PlateLayer("picture", "picture", whole, False),),
    )


def _text(text: SeenText, id: str) -> PlacedText:
    """Give each mark of ink the character that stands as far along the line."""
    letters = [index for index, character in enumerate(text.text) if not character.isspace()] or [0]
    glyphs = tuple(
        Glyph(1, mark.x, mark.bottom, letters[min(number * len(letters) // len(text.ink), len(letters) - 1)], mark)
        for number, mark in enumerate(text.ink)
    )
    size = _MEASURED_SHORT * text.size
    ink = text.ink[0]
    for mark in text.ink[1:]:
        ink = ink.union(mark)
    run = GlyphRun(_FONT, size, text.fill, glyphs)
    fit = FitReport(size, 0, 1, 1, (), False, False)
    line = PlacedLine(text.text, 0, text.box, (run,))
    return PlacedText(id, text.text, text.box, ink, (line,), fit, _MEASURED_SHORT * text.x_height, 400)


def _logo(logo: SeenLogo) -> PlacedLogo:
    picture = PictureFile(FileRef("project", "", ""), round(logo.pose.width), round(logo.pose.height), "svg", True)
    clear = logo.box.grown(max(_TOLERANCE * logo.clear_space * logo.full_height - 1, 0))
    return PlacedLogo(logo.name, logo.name, picture, logo.box, clear, _TOLERANCE * logo.min_width)
