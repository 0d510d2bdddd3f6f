"""Canvas → lossy WebP at the highest quality the budget allows. Its chroma is 4:2:0: `auto` weighs that."""

from __future__ import annotations

import io

from flux2flow.domain.asset import EncodedFile
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.format import Media
from flux2flow.export.color_profile import srgb_profile
from flux2flow.export.measuring import Attempt, best_quality, budget_of, picture_of
from flux2flow.export.provenance import xmp_packet

TARGET_QUALITY = 92
FLOOR_QUALITY = 70
_EFFORT = 4
"""libwebp's method: its default; above it, seconds buy one per cent."""


class WebpExporter:
    """Encodes WebP."""

    media: Media = "webp"

    def attempt(self, canvas: Canvas, max_bytes: int | None, metadata: dict[str, str]) -> Attempt:
        """Return the best WebP, or the smallest one above the floor."""
        picture = picture_of(canvas)
        packet = xmp_packet(metadata)

        def encoded(quality: int) -> bytes:
            out = io.BytesIO()
            picture.save(out, "WEBP", quality=quality, method=_EFFORT, icc_profile=srgb_profile(), xmp=packet)
            return out.getvalue()

        quality, data, fits, tried = best_quality(encoded, FLOOR_QUALITY, TARGET_QUALITY, budget_of(max_bytes))
        notes = (f"webp at quality {quality}: {len(data):,} bytes ({tried} encoded)",)
        return Attempt(EncodedFile("webp", data, quality, notes), fits)
