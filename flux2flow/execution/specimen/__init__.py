"""A brand kit → its specimen: a page of its identity, and one for every script that its fonts can write.

Planning's styles, typography and compositing meet here. Pages are PNG bytes; only `writing` makes files of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flux2flow.domain.brand_kit import BrandKit
from flux2flow.domain.campaign import FontFile
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.files import PictureFile
from flux2flow.domain.layout import Layout
from flux2flow.domain.measures import PixelSize
from flux2flow.execution.specimen.identity import identity_page
from flux2flow.execution.specimen.samples import SAMPLES
from flux2flow.execution.specimen.script_page import script_page
from flux2flow.execution.specimen.sheet import Book
from flux2flow.execution.specimen.writing import write_pages
from flux2flow.interfaces import FileSource

__all__ = ["SpecimenPage", "layouts", "painted", "specimen", "write_pages"]

_NO_PLATE = Canvas(PixelSize(1, 1), b"\xff\xff\xff")
_EFFORT = 6


@dataclass(frozen=True, slots=True)
class SpecimenPage:
    """One finished page: `name` is identity or a script, `data` a PNG."""

    name: str
    layout: Layout
    data: bytes


def layouts(
    kit: BrandKit, fonts: Sequence[FontFile], pictures: Mapping[str, PictureFile], files: FileSource
) -> Iterator[tuple[str, Layout]]:
    """Lay out a kit's pages: its identity, then each script that one of its styles can write."""
    book = Book(kit, fonts, pictures, files)
    yield "identity", identity_page(book)
    for sample in SAMPLES:
        if (page := script_page(book, sample)) is not None:
            yield sample.script, page


def specimen(
    kit: BrandKit, fonts: Sequence[FontFile], pictures: Mapping[str, PictureFile], files: FileSource
) -> tuple[SpecimenPage, ...]:
    """Lay out and paint a kit's pages; the same kit gives the same bytes."""
    pages = layouts(kit, fonts, pictures, files)
    return tuple(SpecimenPage(name, layout, painted(layout, files)) for name, layout in pages)


def painted(layout: Layout, files: FileSource) -> bytes:
    """Paint one page as a PNG."""
    from flux2flow.compositing import compose
    from flux2flow.gates.pictures import encode_png

    return encode_png(compose(layout, _NO_PLATE, files), _EFFORT)
