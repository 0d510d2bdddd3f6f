"""Canvas → JPEG: 4:4:4 chroma, so that coloured type keeps its edges, at the highest quality the budget allows."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from flux2flow.domain.asset import EncodedFile
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.format import Media
from flux2flow.export.color_profile import srgb_profile
from flux2flow.export.measuring import Attempt, best_quality, budget_of, picture_of
from flux2flow.export.provenance import xmp_packet

if TYPE_CHECKING:
    from PIL.Image import Image

TARGET_QUALITY = 92
"""Where more bytes show nothing more."""
FLOOR_QUALITY = 72
"""Below it, blocks show around type."""


class JpegExporter:
    """Encodes JPEG."""

    media: Media = "jpeg"

    def attempt(self, canvas: Canvas, max_bytes: int | None, metadata: dict[str, str]) -> Attempt:
        """Return the best JPEG, or the smallest one above the floor."""
        picture = picture_of(canvas)
        packet = xmp_packet(metadata)

        def encoded(quality: int) -> bytes:
            try:
                return _encoded(picture, quality, packet, optimize=True)
            except OSError:  # Pillow's buffer for optimised tables is too small for a picture that is all noise
                return _encoded(picture, quality, packet, optimize=False)

        quality, data, fits, tried = best_quality(encoded, FLOOR_QUALITY, TARGET_QUALITY, budget_of(max_bytes))
        notes = (f"jpeg 4:4:4 at quality {quality}: {len(data):,} bytes ({tried} encoded)",)
        return Attempt(EncodedFile("jpeg", data, quality, notes), fits)


def _encoded(picture: Image, quality: int, packet: bytes, *, optimize: bool) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, subsampling=0, optimize=optimize, icc_profile=srgb_profile(), xmp=packet)
    return out.getvalue()
