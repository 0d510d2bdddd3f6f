"""Untrusted SVG → a sanitised SVG that refers to nothing outside itself, and straight RGBA pixels of it.

The file is parsed without DTD, rebuilt from an allow-list and drawn in a confined child.
Knows no fonts: text is refused.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from flux2flow.errors import GateError
from flux2flow.gates import confined

MAX_SIDE = 16_384
MAX_PIXELS = 64_000_000
_RESVG = confined.Renderer("svg_renderer", "resvg_py", "SVG", "the package resvg-py: install flux2flow again")
_CACHED_DRAWINGS = 64


@dataclass(frozen=True, slots=True)
class VectorFacts:
    """An SVG that passed: the size of its viewBox, rounded to whole units."""

    width: int
    height: int


def inspect(data: bytes, name: str) -> VectorFacts:
    """Sanitise the SVG and say its size; `name` heads the message of a GateError."""
    from flux2flow.gates.svg_sanitiser import sanitised

    try:
        _, _, width, height = sanitised(data).view_box
    except GateError as error:
        raise GateError(f"{name}: {error}") from error
    return VectorFacts(max(round(width), 1), max(round(height), 1))


@functools.lru_cache(maxsize=_CACHED_DRAWINGS)
def rasterise(data: bytes, width: int, height: int, color: str = "") -> bytes:
    """Draw the SVG in a confined child: height × width × 4 bytes, straight-alpha sRGB.

    `color` ('#rrggbb') is what `currentColor` stands for; without it, what the file says.
    """
    from flux2flow.gates import pictures
    from flux2flow.gates.svg_sanitiser import sanitised

    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE) or width * height > MAX_PIXELS:
        raise GateError(f"an SVG cannot be drawn {width}×{height} pixels large")
    _, png = draw_confined(sanitised(data).sized(width, height, color), width, height)
    drawn_width, drawn_height, pixels = pictures.decode_rgba(png)
    if (drawn_width, drawn_height) != (width, height):
        raise GateError(f"the SVG was drawn {drawn_width}×{drawn_height} instead of {width}×{height}")
    return pixels


def draw_confined(source: bytes, width: int, height: int) -> tuple[str, bytes]:
    """Draw SVG source as it is in a confined child; returns the child's confinement status and a PNG."""
    return confined.drawn(_RESVG, source, width, height, limit=width * height * 4)
