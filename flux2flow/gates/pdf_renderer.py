"""PDF → the first page's pixels, by PDFium. Loaded by `confined_child` alone; knows nothing of flux2flow."""

from __future__ import annotations

import pypdfium2

CPU_SECONDS = 10
MEMORY_BYTES = 1_500_000_000
FAILURES = (ValueError, MemoryError, RuntimeError)  # PdfiumError is a RuntimeError
MAX_PIXELS = 64_000_000
MAX_SIDE = 16_384


def draw(source: bytes, width: int) -> bytes:
    r"""Draw the first page `width` pixels wide: `<width> <height> <pages>\n`, then its RGB bytes, row by row."""
    document = pypdfium2.PdfDocument(source)
    pages = len(document)
    if not pages:
        raise ValueError("the document has no page")
    page = document[0]
    across, down = page.get_size()
    scale = width / across if across > 0 else 0
    height = round(down * scale)
    if not (0 < height <= MAX_SIDE) or width * height > MAX_PIXELS:
        raise ValueError(f"the first page would be {width}×{height} pixels")
    bitmap = page.render(scale=scale, rev_byteorder=True, may_draw_forms=False)
    bytes_a_pixel = bitmap.n_channels
    if bytes_a_pixel not in (3, 4):
        raise ValueError("the page came in an unknown kind of pixels")
    pixels = bytes(bitmap.buffer)
    rows = []
    for y in range(bitmap.height):
        row = pixels[y * bitmap.stride : y * bitmap.stride + bitmap.width * bytes_a_pixel]
        if bytes_a_pixel == 4:
            plain = bytearray(bitmap.width * 3)
            plain[0::3], plain[1::3], plain[2::3] = row[0::4], row[1::4], row[2::4]
            row = bytes(plain)
        rows.append(row)
    return b"%d %d %d\n" % (bitmap.width, bitmap.height, pages) + b"".join(rows)
