"""A picture and its findings → the picture with numbered frames, and a list beside or below it that says what they are.

Small pictures are enlarged by whole factors so that frames and words can be read. Judges nothing, sorts nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import skia

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.finding import Finding
from flux2flow.domain.measures import Box, PixelSize

_COLORS = {"error": 0xFFC0272D, "fail": 0xFFC0272D, "warn": 0xFFB45F06, "info": 0xFF2B6CB0}
_WORDS = {"error": "ERROR", "fail": "FAIL", "warn": "WARN", "info": "NOTE"}
_PAPER, _TEXT, _QUIET = 0xFFFFFFFF, 0xFF1F2328, 0xFF59636E
_READABLE = 1100
"""Pixels of the longer side that a picture is brought near to, by a whole factor, before it is drawn on."""
_LIST_WIDTH = 420
_SIZE, _SMALL = 15.0, 13.0
_MARGIN = 20.0


@dataclass(frozen=True, slots=True)
class _Entry:
    """A finding in the list: its number, its lines of words, and its height."""

    number: int
    finding: Finding
    message: tuple[str, ...]
    detail: tuple[str, ...]

    @property
    def height(self) -> float:
        return 26.0 + 20.0 * len(self.message) + 18.0 * len(self.detail) + 10.0


def annotate(canvas: Canvas, findings: Sequence[Finding], fonts: Sequence[bytes], title: str) -> Canvas:
    """Draw findings on a picture. `fonts` are font files: the first one that has a character draws it."""
    manager = skia.FontMgr.New_Custom_Empty()  # the default one reads the system's fonts
    faces = [face for data in fonts if (face := manager.makeFromData(skia.Data.MakeWithCopy(data))) is not None]
    if not faces:
        raise ValueError("annotating needs a font")
    pen = _Pen(faces)
    scale = max(1, round(_READABLE / max(canvas.size.width, canvas.size.height)))
    width, height = canvas.size.width * scale, canvas.size.height * scale
    beside = width <= 1.6 * height
    column = _LIST_WIDTH if beside else max(width - 2 * _MARGIN, 400)
    entries = [_entry(pen, number, finding, column - 34) for number, finding in enumerate(findings, 1)]
    listed = 62.0 + (sum(entry.height for entry in entries) if entries else 30.0)
    total_width = width + _LIST_WIDTH + 3 * _MARGIN if beside else max(width + 2 * _MARGIN, column + 2 * _MARGIN)
    total_height = max(height + 2 * _MARGIN, listed + 2 * _MARGIN) if beside else height + listed + 3 * _MARGIN
    surface = skia.Surface(math.ceil(total_width), math.ceil(total_height))
    target = surface.getCanvas()
    target.clear(_PAPER)
    _picture(target, canvas, scale)
    marked = [(number, finding) for number, finding in enumerate(findings, 1) if finding.box is not None]
    for number, finding in reversed(marked):  # the worst come first in the list, and on top here
        assert finding.box is not None
        _frame(target, pen, number, finding, finding.box.scaled(scale), Box(0, 0, width, height))
    left, top = (width + 2 * _MARGIN, _MARGIN) if beside else (_MARGIN, height + 2 * _MARGIN)
    _list(target, pen, entries, title, left, top)
    array = surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)
    return Canvas(PixelSize(array.shape[1], array.shape[0]), np.ascontiguousarray(array[:, :, :3]).tobytes())


class _Pen:
    """Draws words with the first face that has each character; what none has becomes a box."""

    def __init__(self, faces: Sequence[skia.Typeface]) -> None:
        self._faces = faces

    def write(self, canvas: skia.Canvas, text: str, x: float, y: float, size: float, color: int) -> float:
        """Draw one line; return where it ends."""
        paint = skia.Paint(Color=color, AntiAlias=True)
        for piece, font in self._pieces(text, size):
            canvas.drawString(piece, x, y, font, paint)
            x += font.measureText(piece)
        return x

    def width(self, text: str, size: float) -> float:
        """Measure one line."""
        return float(sum(font.measureText(piece) for piece, font in self._pieces(text, size)))

    def wrapped(self, text: str, size: float, width: float) -> tuple[str, ...]:
        """Break a text at blanks; a word that is too long by itself is cut."""
        lines, line = [], ""
        for word in text.split():
            while self.width(word, size) > width:
                cut = next(n for n in range(len(word) - 1, 0, -1) if n == 1 or self.width(word[:n], size) <= width)
                lines += [line, word[:cut]] if line else [word[:cut]]
                line, word = "", word[cut:]
            tried = f"{line} {word}".strip()
            if self.width(tried, size) > width:
                lines.append(line)
                tried = word
            line = tried
        return (*lines, line) if line else tuple(lines)

    def _pieces(self, text: str, size: float) -> list[tuple[str, skia.Font]]:
        pieces: list[tuple[str, int]] = []
        for character in text:
            shown = character if character.isprintable() else "\N{WHITE SQUARE}"
            face = next((i for i, face in enumerate(self._faces) if face.unicharToGlyph(ord(shown))), 0)
            if pieces and pieces[-1][1] == face:
                pieces[-1] = (pieces[-1][0] + shown, face)
            else:
                pieces.append((shown, face))
        return [(piece, self._font(face, size)) for piece, face in pieces]

    def _font(self, face: int, size: float) -> skia.Font:
        font = skia.Font(self._faces[face], size)
        font.setSubpixel(True)
        font.setEdging(skia.Font.Edging.kAntiAlias)
        return font


def _entry(pen: _Pen, number: int, finding: Finding, width: float) -> _Entry:
    measured = f"{finding.measured} (limit {finding.limit})" if finding.measured and finding.limit else finding.measured
    return _Entry(
        number, finding, pen.wrapped(finding.message, _SIZE, width),
        (*pen.wrapped(measured, _SMALL, width), *pen.wrapped(finding.remedy, _SMALL, width)),
    )  # fmt: skip


def _picture(target: skia.Canvas, canvas: Canvas, scale: int) -> None:
    pixels = np.frombuffer(canvas.pixels, np.uint8).reshape(canvas.size.height, canvas.size.width, 3)
    opaque = np.concatenate([pixels, np.full((*pixels.shape[:2], 1), 255, np.uint8)], axis=2)
    image = skia.Image.fromarray(np.ascontiguousarray(opaque), colorType=skia.kRGBA_8888_ColorType, copy=True)
    place = skia.Rect.MakeXYWH(_MARGIN, _MARGIN, canvas.size.width * scale, canvas.size.height * scale)
    target.drawImageRect(image, place, skia.SamplingOptions(skia.FilterMode.kNearest))
    edge = skia.Paint(Color=0xFFD1D9E0, Style=skia.Paint.kStroke_Style, StrokeWidth=1, AntiAlias=True)
    target.drawRect(place.makeOutset(0.5, 0.5), edge)


def _frame(target: skia.Canvas, pen: _Pen, number: int, finding: Finding, box: Box, picture: Box) -> None:
    """Draw a frame a little outside what it is about, with its number on a tab that stays inside the picture."""
    seen = box.grown(3).intersection(picture)
    color = _COLORS[finding.level]
    rect = skia.Rect.MakeXYWH(seen.x + _MARGIN, seen.y + _MARGIN, max(seen.width, 4), max(seen.height, 4))
    halo = skia.Paint(Color=_PAPER, Style=skia.Paint.kStroke_Style, StrokeWidth=5, AntiAlias=True)
    line = skia.Paint(Color=color, Style=skia.Paint.kStroke_Style, StrokeWidth=2.5, AntiAlias=True)
    target.drawRoundRect(rect, 3, 3, halo)
    target.drawRoundRect(rect, 3, 3, line)
    label = f"{number} {finding.check}"
    width = pen.width(label, _SMALL) + 12
    x = min(max(rect.left() - 1, _MARGIN), max(picture.right + _MARGIN - width, _MARGIN))
    y = rect.top() - 20 if rect.top() - 20 >= _MARGIN else min(rect.bottom() + 1, picture.bottom + _MARGIN - 20)
    tab = skia.Rect.MakeXYWH(x, y, width, 19)
    target.drawRoundRect(tab.makeOutset(1, 1), 4, 4, skia.Paint(Color=_PAPER, AntiAlias=True))
    target.drawRoundRect(tab, 3, 3, skia.Paint(Color=color, AntiAlias=True))
    pen.write(target, label, x + 6, y + 14, _SMALL, _PAPER)


def _list(target: skia.Canvas, pen: _Pen, entries: Sequence[_Entry], title: str, left: float, top: float) -> None:
    pen.write(target, title, left, top + 18, 18, _TEXT)
    if not entries:
        pen.write(target, "No findings.", left, top + 50, _SIZE, _QUIET)
    y = top + 42
    for entry in entries:
        color = _COLORS[entry.finding.level]
        badge = skia.Rect.MakeXYWH(left, y, 24, 20)
        target.drawRoundRect(badge, 4, 4, skia.Paint(Color=color, AntiAlias=True))
        digits = str(entry.number)
        pen.write(target, digits, left + 12 - pen.width(digits, _SMALL) / 2, y + 15, _SMALL, _PAPER)
        end = pen.write(target, _WORDS[entry.finding.level], left + 34, y + 15, _SMALL, color)
        layer = f" · {entry.finding.layer}" if entry.finding.layer else ""
        pen.write(target, f"{entry.finding.check}{layer}", end + 8, y + 15, _SMALL, _QUIET)
        y += 26
        for words in entry.message:
            pen.write(target, words, left + 34, y + 15, _SIZE, _TEXT)
            y += 20
        for words in entry.detail:
            pen.write(target, words, left + 34, y + 13, _SMALL, _QUIET)
            y += 18
        y += 10
