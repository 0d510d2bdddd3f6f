"""The first page of a specimen: the kit's name, its logos on light and dark, palette, typefaces, icons, pictures."""

from __future__ import annotations

from dataclasses import replace

from flux2flow.domain.layout import Layout
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import Type
from flux2flow.execution.specimen.samples import SAMPLES, Sample
from flux2flow.execution.specimen.sheet import CAPTION_STEP, GUTTER, MARGIN, RIGHT, WIDTH, Book, Sheet

_SECTION_GAP = 88.0
_COLUMNS = 4
_AXES = 2
"""Axes of a variable font on one line."""
_CELL = (RIGHT - MARGIN - (_COLUMNS - 1) * GUTTER) / _COLUMNS


def identity_page(book: Book) -> Layout:
    """Lay out the kit's first page."""
    sheet = Sheet(book, SAMPLES[0], "identity")
    _title(sheet)
    if book.kit.logos:
        _logos(sheet)
    _palette(sheet)
    _families(sheet)
    _drawings(sheet, "icon", "Icons", 72.0)
    _drawings(sheet, "reference", "References", 260.0)
    sheet.y += MARGIN - _SECTION_GAP
    return sheet.finished()


def _title(sheet: Sheet) -> None:
    book = sheet.book
    styles = book.kit.styles
    largest = "display" if "display" in styles else max(styles, key=lambda name: styles[name].weight)
    type = replace(book.types("en").of(largest, book.ink), decoration=None)
    if any(not _draws(book, type, character) for character in book.kit.name):
        type = book.caption(book.ink, strong=True)
    fitted = sheet.fitted(book.kit.name, type, RIGHT - MARGIN, 144.0, least=48.0)
    name = sheet.place("name", fitted, type, MARGIN, RIGHT - MARGIN)
    sheet.y = max(name.ink.bottom, name.lines[0].box.bottom) + 28
    counted = (("colour", book.kit.colors), ("typeface", _names(book)), ("style", styles))
    facts = "  ·  ".join(f"{len(things)} {word}{'' if len(things) == 1 else 's'}" for word, things in counted)
    sheet.caption("facts", facts, MARGIN, 760.0, book.ink)
    if book.kit.licence:
        sheet.caption("licence", book.kit.licence, RIGHT - 560, 560.0, book.ink, align="end")
    sheet.y += CAPTION_STEP + _SECTION_GAP


def _logos(sheet: Sheet) -> None:
    book = sheet.book
    _heading(sheet, "Logos")
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
    sheet.y += _SECTION_GAP - GUTTER


def _palette(sheet: Sheet) -> None:
    book = sheet.book
    _heading(sheet, "Palette")
    height = 152.0
    for number, (token, color) in enumerate(book.colors.items()):
        column = number % _COLUMNS
        if number and not column:
            sheet.y += height + 16 + 4 * CAPTION_STEP + 40
        x = MARGIN + column * (_CELL + GUTTER)
        swatch = Box(x, sheet.y, _CELL, height)
        sheet.fill(f"color/{token}", swatch, color)
        if color.contrast(book.paper) < 1.25 or color.alpha < 255:
            sheet.frame(f"color/{token}/frame", swatch, book.ink)
        named = book.kit.color(token).name
        contrast = f"{color.contrast(book.ink):.1f} to ink  ·  {color.contrast(book.paper):.1f} to paper"
        top = swatch.bottom + 16
        sheet.caption(f"color/{token}/token", token, x, _CELL, book.ink, top=top, strong=True)
        for line, text in enumerate(filter(None, (named, color.hex, contrast)), start=1):
            sheet.caption(f"color/{token}/{line}", text, x, _CELL, book.ink, top=top + line * CAPTION_STEP)
    sheet.y += height + 16 + 4 * CAPTION_STEP + _SECTION_GAP


def _families(sheet: Sheet) -> None:
    book, size = sheet.book, 96.0
    _heading(sheet, "Typefaces")
    sheet.y += 16
    families = {family: _facts(book, family) for family in _names(book)}
    height = size + 24 + CAPTION_STEP * (1 + max(len(facts) for facts in families.values()))
    for number, (family, facts) in enumerate(families.items()):
        column = number % _COLUMNS
        if number and not column:
            sheet.y += height + 40
        x = MARGIN + column * (_CELL + GUTTER)
        type = replace(book.caption(book.ink), families=(family,), weight=500, features=())
        if letters := _letters(book, family):
            fitted = sheet.fitted(letters, type, _CELL, size, least=24.0, foreign=False)
            sheet.place(f"family/{family}", fitted, type, x, _CELL, baseline=sheet.y + size * 0.75, foreign=False)
        top = sheet.y + size + 24
        sheet.caption(f"family/{family}/name", family, x, _CELL, book.ink, top=top, strong=True)
        for line, text in enumerate(facts, start=1):
            sheet.caption(f"family/{family}/{line}", text, x, _CELL, book.ink, top=top + line * CAPTION_STEP)
    sheet.y += height + _SECTION_GAP


def _facts(book: Book, family: str) -> tuple[str, ...]:
    """Say what a family offers: its axes or weights, the scripts it holds, its licence."""
    files = [font for font in book.fonts if font.family == family]
    axes = [f"{tag} {low:g}–{high:g}" for font in files for tag, low, _, high in font.axes]
    weights = sorted(font.weight for font in files if font.weight is not None)
    cuts = [", ".join(axes[start : start + _AXES]) for start in range(0, len(axes), _AXES)]
    if weights:
        cuts.append(("weights " if len(weights) > 1 else "weight ") + ", ".join(map(str, weights)))
    scripts = ", ".join(sample.title for sample in SAMPLES if _holds(book, family, sample))
    return tuple(line for line in (*cuts, scripts, files[0].licence) if line)


def _letters(book: Book, family: str) -> str:
    """Choose what shows a family: letters of a script whose texts the kit sets in it first, else of one it holds."""
    held = [sample for sample in SAMPLES if _holds(book, family, sample)]
    for sample in held:
        types = book.types(sample.locale)
        if any(types.of(name).families[0] == family for name in book.kit.styles):
            return sample.letters
    return held[-1].letters if held else ""


def _drawings(sheet: Sheet, kind: str, title: str, height: float) -> None:
    """Show the kit's pictures of a kind in rows, each with its name; an icon in ink."""
    book = sheet.book
    found = {key.partition(":")[2]: picture for key, picture in book.pictures.items() if key.startswith(f"{kind}:")}
    if not found:
        return
    _heading(sheet, title)
    row = 24 + CAPTION_STEP * (3 if kind == "reference" else 1)
    for number, (name, picture) in enumerate(found.items()):
        column = number % _COLUMNS
        if number and not column:
            sheet.y += height + row + 40
        x = MARGIN + column * (_CELL + GUTTER)
        room = Box(x, sheet.y, _CELL, height)
        ratio = picture.width / picture.height
        width = min(_CELL, height * ratio)  # left on the column's edge, as the words under it
        sheet.picture(f"{kind}/{name}", picture, Box(x, room.y, width, height), book.ink if kind == "icon" else None)
        top = room.bottom + 24
        sheet.caption(f"{kind}/{name}/caption", name, x, _CELL, book.ink, top=top, strong=True)
        if kind == "reference":
            words = book.kit.references[name].caption
            down = top + CAPTION_STEP
            sheet.caption(f"{kind}/{name}/words", words, x, _CELL - GUTTER, book.ink, top=down, lines=2)
    sheet.y += height + row + _SECTION_GAP


def _heading(sheet: Sheet, title: str) -> None:
    """Begin a section: a hairline over its name."""
    ink = sheet.book.ink
    sheet.rule(f"section/{title}/rule", sheet.y, ink)
    sheet.caption(f"section/{title}", title, MARGIN, WIDTH / 2, ink, top=sheet.y + 20, size=20.0, strong=True)
    sheet.y += 72


def _names(book: Book) -> list[str]:
    return list(dict.fromkeys(font.family for font in book.fonts))


def _draws(book: Book, type: Type, character: str) -> bool:
    return book.drawn(character, type) == character


def _holds(book: Book, family: str, sample: Sample) -> bool:
    """Say whether a family has all letters of a sample; its full stop may come from another one."""
    type = replace(book.caption(book.ink), families=(family,))
    return all(_draws(book, type, letter) for letter in sorted(set(sample.probe)) if letter.isalpha())
