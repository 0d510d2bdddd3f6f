"""SVG source → a PNG, by resvg. Loaded by `confined_child` alone; knows nothing of flux2flow."""

from __future__ import annotations

import resvg_py

CPU_SECONDS = 10
MEMORY_BYTES = 1_000_000_000
FAILURES = (ValueError, MemoryError)


def draw(source: bytes, width: int, height: int) -> bytes:
    """Draw the SVG as it is, `width` × `height` pixels large, without any font of the system."""
    text = source.decode("utf-8")
    return bytes(resvg_py.svg_to_bytes(svg_string=text, skip_system_fonts=True, width=width, height=height))
