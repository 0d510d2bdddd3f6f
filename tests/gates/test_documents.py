"""PDFs that cannot be drawn say what to do about it."""

from __future__ import annotations

import pytest

from flux2flow.errors import GateError
from flux2flow.gates import documents

pytest.importorskip("pypdfium2", reason="the extra [pdf] is not installed")

_LOCK = b"<</Filter/Standard/V 1/R 2/O<" + b"ab" * 32 + b">/U<" + b"cd" * 32 + b">/P -4>>"


def _document(*, pages: int = 1, locked: bool = False) -> bytes:
    """Write a PDF of empty pages; a locked one asks for a password that nobody knows."""
    kids = b" ".join(b"%d 0 R" % (number + 3) for number in range(pages))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 30 30]>>"
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[%b]/Count %d>>" % (kids, pages)]
    objects += [page] * pages + [_LOCK]
    body, places = b"%PDF-1.4\n", []
    for number, text in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj%bendobj\n" % (number, text)
    count, start = len(objects) + 1, len(body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    lock = b"/Encrypt %d 0 R/ID[<00><00>]" % len(objects) if locked else b""
    trailer = b"trailer<</Size %d/Root 1 0 R%b>>\nstartxref\n%d\n%%%%EOF" % (count, lock, start)
    return body + b"xref\n0 %d\n0000000000 65535 f \n" % count + table + trailer


def test_a_sound_document_is_drawn() -> None:
    page = documents.first_page(_document(pages=2), 60)
    assert (page.canvas.size.width, page.canvas.size.height, page.pages) == (60, 60, 2)


def test_a_locked_document_is_said_to_be_locked() -> None:
    with pytest.raises(GateError, match="asks for a password: save it again without one"):
        documents.first_page(_document(locked=True), 60)


def test_a_torn_document_is_said_to_be_damaged() -> None:
    with pytest.raises(GateError, match="cannot be drawn: it is damaged or has no pages"):
        documents.first_page(b"%PDF-1.7\n%broken", 60)
