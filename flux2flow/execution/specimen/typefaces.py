"""The first page's part on typefaces: each family's letters, its axes from end to end, and what its features do.

Axes and features are those of the font files; what a style makes of them is on the pages of the scripts.
"""

from __future__ import annotations

from dataclasses import replace

from flux2flow.domain.scene import Type
from flux2flow.execution.specimen.samples import SAMPLES, Sample
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
    fall,
    rise,
)
from flux2flow.typography.fitting import Fitted

_LARGE, _AXIS, _FIGURES = 96.0, 56.0, 40.0
"""Sizes of a family's letters, of those on an axis, and of figures."""
_AXES = 2
"""Axes of a variable font on one line of facts."""
_STEPS = 5
_LINE = 38
"""Characters of a line of facts that a column has room for."""
_MORE = "hn"
"""Letters in which some axes of Latin faces differ most."""
_PRICES = ("1,117.10", "8,069.45")
"""A narrow and a wide number: in tabular figures they are as wide as each other."""
_FEATURES = (
    ("pnum", "proportional figures", _PRICES),
    ("tnum", "tabular figures", _PRICES),
    ("onum", "old-style figures", _PRICES),
    ("smcp", "small capitals", ("Good Things", "take time")),
)


def typefaces(sheet: Sheet) -> None:
    """Show every family, then what its axes and its features do."""
    sheet.heading("Typefaces")
    sheet.y += 16
    book = sheet.book
    families = {family: _facts(book, family) for family in names(book)}
    rows = [list(families)[start : start + COLUMNS] for start in range(0, len(families), COLUMNS)]
    for row in rows:
        sets = {family: _set(sheet, family) for family in row}
        baseline = sheet.y + max(_LARGE * 0.75, *(rise(fitted) for fitted, _ in sets.values()))
        bottom = max(_LARGE * 0.25, *(fall(fitted) for fitted, _ in sets.values())) + baseline
        for number, (family, (fitted, type)) in enumerate(sets.items()):
            x, top = MARGIN + number * (CELL + GUTTER), bottom + 24
            if fitted.paragraph.text:
                sheet.place(f"family/{family}", fitted, type, x, CELL, baseline=baseline, foreign=False)
            sheet.caption(f"family/{family}/name", family, x, CELL, book.ink, top=top, strong=True)
            for line, text in enumerate(families[family], start=1):
                sheet.caption(f"family/{family}/{line}", text, x, CELL, book.ink, top=top + line * CAPTION_STEP)
        sheet.y = bottom + 24 + CAPTION_STEP * (1 + max(len(families[family]) for family in row)) + 40
    sheet.y += SECTION_GAP - 40
    _axes(sheet)
    _features(sheet)


def _set(sheet: Sheet, family: str) -> tuple[Fitted, Type]:
    """Set the letters that show a family; none where it holds no script that is known here."""
    type = _plain(sheet.book, family, 500)
    return sheet.fitted(_letters(sheet.book, family), type, CELL, _LARGE, least=24.0, foreign=False), type


def names(book: Book) -> list[str]:
    """List the kit's families in the order of its files."""
    return list(dict.fromkeys(font.family for font in book.fonts))


def _axes(sheet: Sheet) -> None:
    """Set a family's letters at five places of every axis, from end to end."""
    book = sheet.book
    ranges = {(font.family, tag): (low, high) for font in book.fonts for tag, low, _, high in font.axes if low < high}
    found = {key: ends for key, ends in ranges.items() if _letters(book, key[0])}
    if not found:
        return
    sheet.heading("Axes")
    for (family, tag), ends in found.items():
        _axis(sheet, family, tag, *ends)
    sheet.y += SECTION_GAP - 24


def _axis(sheet: Sheet, family: str, tag: str, low: float, high: float) -> None:
    """Set letters along one axis, all at the size at which the widest have room; a switch has two places."""
    book, room = sheet.book, (RIGHT - MARGIN - CELL - _STEPS * GUTTER) / _STEPS
    steps = 2 if (low, high) == (0, 1) else _STEPS
    letters = _letters(book, family)
    letters += _MORE if letters == SAMPLES[0].letters else ""
    values = [round(low + (high - low) * step / (steps - 1), 1) for step in range(steps)]
    types = [replace(_plain(book, family, 400), axes=((tag, value),)) for value in values]
    size = min(sheet.fitted(letters, type, room, _AXIS, least=16.0, foreign=False).size for type in types)
    baseline, said = sheet.y + _AXIS, f"axis/{family}/{tag}"
    above = baseline - CAPTION_STEP
    sheet.caption(f"{said}/family", family, MARGIN, CELL, book.ink, baseline=above, strong=True)
    sheet.caption(said, tag, MARGIN, CELL, book.ink, baseline=baseline)
    texts = []
    for step, type in enumerate(types):
        x = MARGIN + CELL + GUTTER + step * (room + GUTTER)
        fitted = sheet.fitted(letters, type, room, size, foreign=False)
        texts.append(sheet.place(f"{said}/{step}", fitted, type, x, room, baseline=baseline, foreign=False))
    under = max(baseline + 8, *(text.ink.bottom for text in texts)) + 10
    for text, value in zip(texts, values, strict=True):
        sheet.caption(f"{text.id}/value", f"{value:g}", text.box.x, room, book.ink, top=under)
    sheet.y = under + CAPTION_STEP + 24


def _features(sheet: Sheet) -> None:
    """Set the figures and small capitals of the families that set Latin, where the files have several kinds."""
    book = sheet.book
    latin = [family for family in names(book) if _letters(book, family) == SAMPLES[0].letters]
    found = {family: _plain(book, family, 400) for family in latin}
    shown = {family: [kind for kind in _FEATURES if book.has(kind[0], type)] for family, type in found.items()}
    if not any(shown.values()):
        return
    sheet.heading("Figures and capitals")
    for family, kinds in shown.items():
        for number, (tag, name, lines) in enumerate(kinds):
            x, baseline = MARGIN + number % COLUMNS * (CELL + GUTTER), sheet.y + _FIGURES
            for line, text in enumerate(lines):
                type = replace(found[family], features=((tag, 1),))
                fitted = sheet.fitted(text, type, CELL, _FIGURES, least=20.0, foreign=False)
                at = baseline + line * _FIGURES * 1.2
                sheet.place(f"feature/{family}/{tag}/{line}", fitted, type, x, CELL, baseline=at, foreign=False)
            top = baseline + _FIGURES * 1.2 + 32
            sheet.caption(f"feature/{family}/{tag}/family", family, x, CELL, book.ink, top=top, strong=True)
            said = f"{name}, {tag}"
            sheet.caption(f"feature/{family}/{tag}", said, x, CELL, book.ink, top=top + CAPTION_STEP)
        if kinds:
            sheet.y += _FIGURES * 2.2 + 32 + 2 * CAPTION_STEP + 40
    sheet.y += SECTION_GAP - 40


def _plain(book: Book, family: str, weight: int) -> Type:
    return replace(book.caption(book.ink), families=(family,), weight=weight, features=())


def _facts(book: Book, family: str) -> tuple[str, ...]:
    """Say what a family offers: its axes or weights, the scripts it holds, its licence."""
    files = [font for font in book.fonts if font.family == family]
    axes = [f"{tag} {low:g}–{high:g}" for font in files for tag, low, _, high in font.axes]
    weights = sorted(font.weight for font in files if font.weight is not None)
    cuts = [", ".join(axes[start : start + _AXES]) for start in range(0, len(axes), _AXES)]
    if weights:
        cuts.append(("weights " if len(weights) > 1 else "weight ") + ", ".join(map(str, weights)))
    return tuple(line for line in (*cuts, *_scripts(book, family), files[0].licence) if line)


def _scripts(book: Book, family: str) -> list[str]:
    """List the scripts that a family holds, in lines that a column has room for."""
    lines: list[str] = []
    for sample in SAMPLES:
        if not book.holds(family, sample):
            continue
        if lines and len(lines[-1]) + len(sample.title) < _LINE:
            lines[-1] += f", {sample.title}"
        else:
            lines.append(sample.title)
    return lines


def _letters(book: Book, family: str) -> str:
    """Choose what shows a family: letters of a script whose texts the kit sets in it first, else of one it holds."""
    held = [sample for sample in SAMPLES if book.holds(family, sample)]
    for sample in held:
        if any(book.family(sample, type) == family for type in _types(book, sample)):
            return sample.letters
    return held[-1].letters if held else ""


def _types(book: Book, sample: Sample) -> list[Type]:
    types = book.types(book.locale(sample))
    return [types.of(name) for name in book.kit.styles]
