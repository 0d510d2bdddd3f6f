"""Canvas and format → the one file to deliver: which media type, at which quality.

The rule, in order, among the media types the format takes and within 98 % of its bytes:

1. A graphic (flat areas: many neighbours equal) becomes a lossless PNG, else one of 256 colours.
2. A picture becomes JPEG or WebP, each at the highest quality up to its target. Both in the budget: the smaller file
   wins if it is not visibly further from the canvas: within half a decibel of the other, or above 43 dB anyway.
3. Where neither is taken or fits, PNG: lossless, else 256 colours above a floor.
4. Otherwise the smallest file above its floor, over the budget: the file-weight check then keeps it out of the output.
   Nothing is ever encoded below its floor to fit.
"""

from __future__ import annotations

from collections.abc import Mapping

from flux2flow.domain.asset import EncodedFile
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.format import Format
from flux2flow.export.jpeg import JpegExporter
from flux2flow.export.measuring import Attempt, psnr
from flux2flow.export.png import PngExporter
from flux2flow.export.webp import WebpExporter

GRAPHIC_SHARE = 0.6
"""Share of pixels equal to their left neighbour from which a canvas counts as a graphic."""
EQUAL_DECIBELS = 0.5
INVISIBLE_DECIBELS = 43.0
"""From here on a difference is not seen in a flicker test, and bytes decide."""


def encode(canvas: Canvas, format: Format, metadata: Mapping[str, str]) -> EncodedFile:
    """Encode for a format by the rule above; a file over the format's budget carries a note that says so."""
    properties = dict(metadata)
    failed: list[Attempt] = []
    graphic_first = "png" in format.media and _is_graphic(canvas)
    if graphic_first:
        attempt = PngExporter().attempt(canvas, format.max_bytes, properties)
        if attempt.fits:
            return attempt.file
        failed.append(attempt)
    lossy = [
        exporter.attempt(canvas, format.max_bytes, properties)
        for exporter in (JpegExporter(), WebpExporter())
        if exporter.media in format.media
    ]
    fitting = [attempt.file for attempt in lossy if attempt.fits]
    if fitting:
        return _smallest_of_equals(canvas, fitting)
    failed += lossy
    if "png" in format.media and not graphic_first:
        attempt = PngExporter().attempt(canvas, format.max_bytes, properties)
        if attempt.fits:
            return attempt.file
        failed.append(attempt)
    return _too_large(format, failed)


def _is_graphic(canvas: Canvas) -> bool:
    import numpy as np

    pixels = np.frombuffer(canvas.pixels, dtype=np.uint8).reshape(canvas.size.height, canvas.size.width, 3)
    return bool((pixels[:, 1:] == pixels[:, :-1]).all(axis=2).mean() >= GRAPHIC_SHARE)


def _smallest_of_equals(canvas: Canvas, files: list[EncodedFile]) -> EncodedFile:
    if len(files) == 1:
        return files[0]
    small, large = sorted(files, key=lambda file: len(file.data))
    near, far = psnr(canvas, large.data), psnr(canvas, small.data)
    chosen = small if far >= min(near - EQUAL_DECIBELS, INVISIBLE_DECIBELS) else large
    note = f"{small.media} at {far:.1f} dB against {large.media} at {near:.1f} dB"
    return EncodedFile(chosen.media, chosen.data, chosen.quality, (*files[0].notes, *files[1].notes, note))


def _too_large(format: Format, failed: list[Attempt]) -> EncodedFile:
    smallest = min((attempt.file for attempt in failed), key=lambda file: len(file.data))
    tried = tuple(note for attempt in failed for note in attempt.file.notes)
    note = f"no file fits {format.id}'s {format.max_bytes or 0:,} bytes; this is the smallest above the quality floor"
    return EncodedFile(smallest.media, smallest.data, smallest.quality, (*tried, note))
