"""A page of a specimen for one script: every style that can write it, on a ground that it can be read on.

A large line, a waterfall of sizes, running text at its own leading, columns where the script has them, and figures;
what the style is stands beside it.
"""

from __future__ import annotations

from flux2flow.domain.layout import Layout, PlacedText
from flux2flow.domain.measures import Box, Color
from flux2flow.domain.scene import TextSpan, Type
from flux2flow.execution.specimen.samples import Sample
from flux2flow.execution.specimen.sheet import (
    CAPTION_STEP,
    CONTENT,
    GUTTER,
    MARGIN,
    RAIL,
    RIGHT,
    WIDTH,
    Book,
    Sheet,
    fall,
    rise,
)
from flux2flow.typography.fitting import Fitted
from flux2flow.typography.runs import JOINED, scripts

WATERFALL = (72.0, 48.0, 32.0, 24.0, 16.0, 12.0)
_BAND = 72.0
_MEASURE = RIGHT - CONTENT
_COLUMNS = ((24.0, 640.0), (16.0, _MEASURE - 640.0 - 2 * GUTTER))
"""Size and width of the two settings of running text."""
_COLUMN, _COLUMN_SIZES = 480.0, (80.0, 32.0, 20.0)
"""The height of columns, and the sizes of a headline and of two settings of running text in them."""


def script_page(book: Book, sample: Sample) -> Layout | None:
    """Lay out a script's page; None where no style of the kit can write it."""
    types = {name: book.types(book.locale(sample)).of(name) for name in book.kit.styles}
    shown = {name: type for name, type in types.items() if book.shows(sample, type)}
    if not shown:
        return None
    if sample.once:
        shown = dict(list(shown.items())[:1])
    sheet = Sheet(book, sample, sample.script)
    sheet.caption("name", book.kit.name, MARGIN, RAIL, book.ink, size=20.0, strong=True)
    sheet.caption("script", sample.title, CONTENT, _MEASURE, book.ink, size=20.0, strong=True)
    sheet.y += 64
    last = book.paper
    for name, type in shown.items():
        last = _style(sheet, name, type, last)
    return sheet.finished()


def _style(sheet: Sheet, name: str, type: Type, above: Color) -> Color:
    """Show one style in a band of its own; returns the band's ground."""
    book = sheet.book
    accent = book.types(book.locale(sheet.sample)).accent(name, type)
    ground = book.ground(type.color, *((accent.color,) if accent else ()))
    captions, start, under = book.on(ground), sheet.y, len(sheet.placed)
    if ground == above:
        sheet.rule(f"style/{name}/rule", start, captions)
    sheet.y += _BAND
    _facts(sheet, name, type, accent, ground, captions)
    _headline(sheet, name, type)
    _waterfall(sheet, name, type, captions)
    _running_text(sheet, name, type, accent, captions)
    if sheet.sample.columns and book.has("vert", type):
        _upright(sheet, name, type, accent, captions)
    _figures(sheet, name, type, captions)
    sheet.y += _BAND
    if ground != book.paper:
        sheet.fill(f"style/{name}/ground", Box(0, round(start), WIDTH, round(sheet.y) - round(start)), ground, at=under)
    return ground


def _facts(sheet: Sheet, name: str, type: Type, accent: Type | None, ground: Color, color: Color) -> None:
    book, style = sheet.book, sheet.book.kit.styles[name]
    joined = type.tracking and JOINED & set(scripts(sheet.sample.letters))
    capitals = type.upper and sheet.sample.letters.upper() != sheet.sample.letters.lower()
    sheet.caption(f"style/{name}", name, MARGIN, RAIL, color, size=24.0, strong=True)
    lines = [
        book.family(sheet.sample, type),
        f"weight {type.weight}" + (", capitals" if capitals else ""),
        "tracking none: joined letters" if joined else f"tracking {type.tracking:g} em".replace("-", "−"),
        _leading(type, sheet.fitted(_accented(sheet.sample.text, None)[0], type, *_COLUMNS[0][::-1], lines=60)),
        f"{style.color}, {type.color.contrast(ground):.1f} : 1",
    ]
    if type.features:
        lines.append(", ".join(feature for feature, _ in type.features))
    if accent is not None:
        token = next((token for token, known in book.colors.items() if known == accent.color), "")
        lines.append(f"accent {book.kit.color(token).name or token}, weight {accent.weight}")
    for number, line in enumerate(lines):
        top = sheet.y + 40 + number * CAPTION_STEP
        sheet.caption(f"style/{name}/fact/{number}", line, MARGIN, RAIL, color, top=top)
    sheet.facts_end = sheet.y + 40 + len(lines) * CAPTION_STEP


def _headline(sheet: Sheet, name: str, type: Type) -> None:
    text = _longest(sheet, sheet.sample.headlines, type, 112.0, 84.0)
    fitted = sheet.fitted(text, type, _MEASURE, 112.0, least=40.0)
    line = sheet.place(f"style/{name}/headline", fitted, type, CONTENT, _MEASURE)
    sheet.y = max(line.ink.bottom, sheet.facts_end) + 56


def _waterfall(sheet: Sheet, name: str, type: Type, color: Color) -> None:
    for size in WATERFALL:
        text = _longest(sheet, sheet.sample.lines, type, size)
        fitted = sheet.fitted(text, type, _MEASURE, size)
        baseline = sheet.y + rise(fitted)
        sheet.place(f"style/{name}/waterfall/{size:g}", fitted, type, CONTENT, _MEASURE, baseline=baseline)
        sheet.caption(f"style/{name}/size/{size:g}", f"{size:g} px", MARGIN, RAIL, color, baseline=baseline)
        sheet.y = baseline + max((type.leading - 0.75) * size, 0.35 * size, fall(fitted)) + 14
    sheet.y += 42


def _running_text(sheet: Sheet, name: str, type: Type, accent: Type | None, color: Color) -> None:
    text, spans = _accented(sheet.sample.text + sheet.book.drawn(sheet.sample.more, type), accent)
    rtl = sheet.sample.direction == "rtl"
    left, right = CONTENT, CONTENT
    if rtl:  # the first column stands where reading begins
        left, right = RIGHT - _COLUMNS[0][1], CONTENT
    else:
        right = CONTENT + _COLUMNS[0][1] + 2 * GUTTER
    bottom, baseline = sheet.y, 0.0
    for number, ((size, width), x) in enumerate(zip(_COLUMNS, (left, right), strict=True)):
        fitted = sheet.fitted(text, type, width, size, lines=60, spans=spans)
        baseline = baseline or sheet.y + rise(fitted)
        placed = sheet.place(f"style/{name}/text/{number}", fitted, type, x, width, baseline=baseline)
        bottom = max(bottom, placed.ink.bottom)
    sizes = " and ".join(f"{size:g}" for size, _ in _COLUMNS)
    sheet.caption(f"style/{name}/text/caption", f"{sizes} px", MARGIN, RAIL, color, baseline=baseline)
    sheet.y = bottom + 56


def _upright(sheet: Sheet, name: str, type: Type, accent: Type | None, color: Color) -> None:
    """Show a style in columns: a headline at the right, where reading begins, and running text beside it."""
    sizes = ", ".join(f"{size:g}" for size in _COLUMN_SIZES)
    sheet.caption(f"style/{name}/columns/caption", f"in columns, {sizes} px", MARGIN, RAIL, color)
    text, spans = _accented(sheet.sample.text, accent)
    words = ((sheet.sample.headlines[1], ()), (text, spans), (text, spans))
    placed: list[PlacedText] = []
    for number, ((copy, own), size) in enumerate(zip(words, _COLUMN_SIZES, strict=True)):
        right = placed[-1].ink.x - 3 * GUTTER if placed else RIGHT
        fitted = sheet.fitted(copy, type, _COLUMN, size, lines=60, spans=own, writing="vertical")
        placed.append(sheet.column(f"style/{name}/columns/{number}", fitted, type, right, _COLUMN))
    sheet.y = max(text.ink.bottom for text in placed) + 56


def _figures(sheet: Sheet, name: str, type: Type, color: Color) -> None:
    text = sheet.book.drawn(sheet.sample.figures, type)
    if not text:
        return
    fitted = sheet.fitted(text.replace("  ", "\u2003"), type, _MEASURE, 40.0, least=20.0)
    placed = sheet.place(f"style/{name}/figures", fitted, type, CONTENT, _MEASURE)
    baseline = sheet.y + rise(fitted)
    sheet.caption(f"style/{name}/figures/caption", "figures", MARGIN, RAIL, color, baseline=baseline)
    sheet.y = placed.ink.bottom


def _leading(type: Type, fitted: Fitted) -> str:
    """Say a style's leading, and what it became where a script's letters need more."""
    raised = fitted.leading > type.leading + 0.005
    return f"leading {type.leading:g}" + (f", raised to {fitted.leading:.2f}" if raised else "")


def _longest(sheet: Sheet, texts: tuple[str, ...], type: Type, size: float, least: float = 0.0) -> str:
    """Choose the longest wording that stands in one line at a size."""
    fits = (text for text in texts if not sheet.fitted(text, type, _MEASURE, size, least=least).report.overflow)
    return next(fits, texts[-1])


def _accented(text: str, accent: Type | None) -> tuple[str, tuple[TextSpan, ...]]:
    """Take the stars out of a sample; what stood between them is set in the accent, where there is one."""
    before, words, after = text.split("*")
    span = TextSpan(len(before), len(before) + len(words), accent) if accent is not None else None
    return before + words + after, (span,) if span else ()
