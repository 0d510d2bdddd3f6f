"""Untrusted PDF bytes → the pixels of the first page, drawn by PDFium in a confined child (extra `[pdf]`).

Fonts that the file does not hold are PDFium's own; forms and scripts are not run. Every failure is a GateError.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.measures import PixelSize
from flux2flow.errors import GateError
from flux2flow.gates.pictures import MAX_BYTES, MAX_PIXELS
from flux2flow.gates.vectors import _child_environment, _converse


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
    spec = importlib.util.find_spec("pypdfium2")
    if spec is None or spec.origin is None:
        raise GateError("PDF files need the extra [pdf]: pip install 'flux2flow[pdf]', or export the page as PNG")
    program = str(Path(__file__).resolve().with_name("pdf_child.py"))
    folder = str(Path(spec.origin).resolve().parent.parent)
    try:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", program, folder, str(width)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_child_environment(),
            cwd=Path(sys.executable).anchor,
            close_fds=True,
        )
    except OSError as error:
        raise GateError(f"the process that draws PDF files cannot be started: {error}") from error
    answer = _converse(child, data, limit=MAX_PIXELS * 3 + 1_000_000)
    head, _, body = answer.partition(b"\n")
    verdict = head.decode("utf-8", "replace").partition(" ")[0]
    if verdict == "error":
        raise GateError(f"the PDF cannot be drawn: {body.decode('utf-8', 'replace')[:200]}")
    if verdict != "ok":
        raise GateError(f"the PDF cannot be drawn: its renderer ended without a picture (exit {child.returncode})")
    line, _, pixels = body.partition(b"\n")
    try:
        drawn_width, drawn_height, pages = (int(number) for number in line.split())
        return FirstPage(Canvas(PixelSize(drawn_width, drawn_height), pixels), pages)
    except ValueError as error:
        raise GateError(f"the PDF cannot be drawn: its renderer's answer cannot be read ({error})") from error
