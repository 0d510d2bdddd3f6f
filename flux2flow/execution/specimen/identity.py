"""The first page of a specimen: the kit's name, its logos on light and dark, palette, typefaces, icons, pictures."""

from __future__ import annotations

from dataclasses import replace

from flux2flow.domain.layout import Layout
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import Type
from flux2flow.execution.specimen.samples import SAMPLES
from flux2flow.execution.specimen.sheet import (
    CAPTION_STEP,
    CELL,
    COLUMNS,
    GUTTER,
    MARGIN,
    RIGHT,
    SECTION_GAP,
    Book,
    Sheet,
)
from flux2flow.execution.specimen.typefaces import names, typefaces


def identity_page(book: Book) -> Layout:
    """Lay out the kit's first page."""
    sheet = Sheet(book, SAMPLES[0], "identity")
    _title(sheet)
    if book.kit.logos:
        _logos(sheet)
    _palette(sheet)
    typefaces(sheet)
    _drawings(sheet, "icon", "Icons", 72.0)
    _drawings(sheet, "reference", "References", 260.0)
    sheet.y += MARGIN - SECTION_GAP
    return sheet.finished()


def _title(sheet: Sheet) -> None:
    book = sheet.book
    styles = book.kit.styles
    largest = "display" if "display" in styles else max(styles, key=lambda name: styles[name].weight)
    type = replace(book.types("en").of(largest, book.ink), decoration=None)
    if any(not _draws(book, type, character) for character in book.kit.name):
        type = book.caption(book.ink, strong=True)
    if said := book.said(book.kit.name, type):
        fitted = sheet.fitted(said, type, RIGHT - MARGIN, 144.0, least=48.0)
        name = sheet.place("name", fitted, type, MARGIN, RIGHT - MARGIN)
        sheet.y = max(name.ink.bottom, name.lines[0].box.bottom) + 28
    counted = (("colour", book.kit.colors), ("typeface", names(book)), ("style", styles))
    facts = "  ·  ".join(f"{len(things)} {word}{'' if len(things) == 1 else 's'}" for word, things in counted)
    sheet.caption("facts", facts, MARGIN, 760.0, book.ink)
    if book.kit.licence:
        sheet.caption("licence", book.kit.licence, RIGHT - 560, 560.0, book.ink, align="end")
    sheet.y += CAPTION_STEP + SECTION_GAP


def _logos(sheet: Sheet) -> None:
    book = sheet.book
    sheet.heading("Logos")
    half, height = (RIGHT - MARGIN - GUTTER) / 2, 300.0
    for name, logo in book.kit.logos.items():
        x = MARGIN
        for tone, ground in (("normal", book.paper), ("reversed", book.dark)):
            picture = book.pictures.get(f"logo:{name}:{tone}")
            if picture is None:
                continue
            panel = Box(x, sheet.y, half, height)
            if tone == "normal":
                sheet.frame(f"logo/{name}/{tone}/panel", panel, book.ink)
            else:
                sheet.fill(f"logo/{name}/{tone}/panel", panel, ground)
            room = Box(x + half * 0.24, sheet.y + height * 0.27, half * 0.52, height * 0.46)
            sheet.logo(f"logo/{name}/{tone}", name, picture, room)
            limits = f"clear space {logo.clear_space:g} of its height  ·  {logo.min_width:g} px or wider"
            line = f"{name}, {tone}  ·  {limits}"
            sheet.caption(f"logo/{name}/{tone}/caption", line, x, half, book.ink, top=panel.bottom + 16)
            x += half + GUTTER
        sheet.y += height + 16 + CAPTION_STEP + GUTTER
    sheet.y += SECTION_GAP - GUTTER


def _palette(sheet: Sheet) -> None:
    book = sheet.book
    sheet.heading("Palette")
    height = 152.0
    for number, (token, color) in enumerate(book.colors.items()):
        column = number % COLUMNS
        if number and not column:
            sheet.y += height + 16 + 4 * CAPTION_STEP + 40
        x = MARGIN + column * (CELL + GUTTER)
        swatch = Box(x, sheet.y, CELL, height)
        sheet.fill(f"color/{token}", swatch, color)
        if color.contrast(book.paper) < 1.25 or color.alpha < 255:
            sheet.frame(f"color/{token}/frame", swatch, book.ink)
        named = book.kit.color(token).name
        contrast = f"{color.contrast(book.ink):.1f} to ink  ·  {color.contrast(book.paper):.1f} to paper"
        top = swatch.bottom + 16
        sheet.caption(f"color/{token}/token", token, x, CELL, book.ink, top=top, strong=True)
        for line, text in enumerate(filter(None, (named, color.hex, contrast)), start=1):
            sheet.caption(f"color/{token}/{line}", text, x, CELL, book.ink, top=top + line * CAPTION_STEP)
    sheet.y += height + 16 + 4 * CAPTION_STEP + SECTION_GAP


def _drawings(sheet: Sheet, kind: str, title: str, height: float) -> None:
    """Show the kit's pictures of a kind in rows, each with its name; an icon in ink."""
    book = sheet.book
    found = {key.partition(":")[2]: picture for key, picture in book.pictures.items() if key.startswith(f"{kind}:")}
    if not found:
        return
    sheet.heading(title)
    row = 24 + CAPTION_STEP * (3 if kind == "reference" else 1)
    for number, (name, picture) in enumerate(found.items()):
        column = number % COLUMNS
        if number and not column:
            sheet.y += height + row + 40
        x = MARGIN + column * (CELL + GUTTER)
        room = Box(x, sheet.y, CELL, height)
        ratio = picture.width / picture.height
        width = min(CELL, height * ratio)  # left on the column's edge, as the words under it
        sheet.picture(f"{kind}/{name}", picture, Box(x, room.y, width, height), book.ink if kind == "icon" else None)
        top = room.bottom + 24
        sheet.caption(f"{kind}/{name}/caption", name, x, CELL, book.ink, top=top, strong=True)
        if kind == "reference":
            words = book.kit.references[name].caption
            down = top + CAPTION_STEP
            sheet.caption(f"{kind}/{name}/words", words, x, CELL - GUTTER, book.ink, top=down, lines=2)
    sheet.y += height + row + SECTION_GAP


def _draws(book: Book, type: Type, character: str) -> bool:
    return book.drawn(character, type) == character
