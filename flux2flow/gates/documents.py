"""Untrusted PDF bytes → the pixels of the first page, drawn by PDFium in a confined child (extra `[pdf]`).

Fonts that the file does not hold are PDFium's own; forms and scripts are not run. Every failure is a GateError.
"""

from __future__ import annotations

from dataclasses import dataclass

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.measures import PixelSize
from flux2flow.errors import GateError
from flux2flow.gates import confined
from flux2flow.gates.pictures import MAX_BYTES, MAX_PIXELS

_PDFIUM = confined.Renderer(
    "pdf_renderer", "pypdfium2", "PDF", "the extra [pdf]: pip install 'flux2flow[pdf]', or export the page as PNG"
)


_TOLD = {
    "Incorrect password": "the PDF asks for a password: save it again without one",
    "Data format error": "the PDF cannot be drawn: it is damaged or has no pages; export it again",
}
"""PDFium's reasons for refusing a document → what to do about it."""


@dataclass(frozen=True, slots=True)
class FirstPage:
    """A document's first page as a picture, and how many pages there are."""

    canvas: Canvas
    pages: int


def is_document(data: bytes) -> bool:
    """Whether the bytes call themselves a PDF."""
    return data.startswith(b"%PDF-")


def first_page(data: bytes, width: int) -> FirstPage:
    """Draw the first page `width` pixels wide, on white. Raises GateError."""
    if len(data) > MAX_BYTES:
        raise GateError(f"the file has {len(data):,} bytes; documents may have {MAX_BYTES:,}")
    try:
        _, body = confined.drawn(_PDFIUM, data, width, limit=MAX_PIXELS * 3)
    except GateError as error:
        told = next((words for reason, words in _TOLD.items() if reason in str(error)), "")
        if not told:
            raise
        raise GateError(told) from error
    line, _, pixels = body.partition(b"\n")
    try:
        drawn_width, drawn_height, pages = (int(number) for number in line.split())
        return FirstPage(Canvas(PixelSize(drawn_width, drawn_height), pixels), pages)
    except ValueError as error:
        raise GateError(f"the PDF cannot be drawn: its renderer's answer cannot be read ({error})") from error
