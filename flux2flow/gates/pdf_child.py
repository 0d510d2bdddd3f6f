r"""PDF on standard input → confinement status and the first page's pixels on standard output. Run as a file, alone.

    python -I -S pdf_child.py <folder of pypdfium2> <width>

Answers `ok <status>\n<width> <height> <pages>\n<RGB bytes>` or `error <status>\n<message>`. Knows nothing of flux2flow.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

CPU_SECONDS = 10
MEMORY_BYTES = 1_500_000_000
MAX_PIXELS = 64_000_000
MAX_SIDE = 16_384


def _load(name: str, path: str) -> object:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _rendered(pdfium: object, data: bytes, width: int) -> bytes:
    document = pdfium.PdfDocument(data)  # type: ignore[attr-defined]
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
    source = bytes(bitmap.buffer)
    rows = []
    for y in range(bitmap.height):
        row = source[y * bitmap.stride : y * bitmap.stride + bitmap.width * bytes_a_pixel]
        if bytes_a_pixel == 4:
            plain = bytearray(bitmap.width * 3)
            plain[0::3], plain[1::3], plain[2::3] = row[0::4], row[1::4], row[2::4]
            row = bytes(plain)
        rows.append(row)
    return b"%d %d %d\n" % (bitmap.width, bitmap.height, pages) + b"".join(rows)


def main() -> None:
    """Import, confine, read, draw, answer."""
    folder, width = sys.argv[1], int(sys.argv[2])
    sys.path.append(folder)
    import pypdfium2

    confinement = _load("confinement", str(Path(__file__).with_name("confinement.py")))
    status = confinement.confine(cpu_seconds=CPU_SECONDS, memory_bytes=MEMORY_BYTES)  # type: ignore[attr-defined]
    source = sys.stdin.buffer.read()
    try:
        answer = b"ok %s\n%s" % (status.encode(), _rendered(pypdfium2, source, width))
    except (ValueError, MemoryError, RuntimeError) as error:  # PdfiumError is a RuntimeError
        answer = b"error %s\n%s" % (status.encode(), str(error).encode())
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    os._exit(0)  # nothing to tear down, and a confined interpreter cannot open what teardown may want


if __name__ == "__main__":
    main()
