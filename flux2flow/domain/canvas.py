"""Pixels: what compositing paints, exporters encode and checks decode."""

from __future__ import annotations

from dataclasses import dataclass

from flux2flow.domain.measures import PixelSize


@dataclass(frozen=True, slots=True)
class Canvas:
    """An sRGB picture: `pixels` holds height × width × 3 bytes, row by row, RGB, no alpha."""

    size: PixelSize
    pixels: bytes

    def __post_init__(self) -> None:
        """Refuse a buffer of the wrong length."""
        if len(self.pixels) != self.size.pixels * 3:
            raise ValueError(f"a {self.size} canvas holds {self.size.pixels * 3} bytes, not {len(self.pixels)}")
