"""Encoded file → a small data address for the page, marked REJECTED in its own pixels. Reads our own files only."""

from __future__ import annotations

import base64
import io
import math

from PIL import Image, ImageDraw, ImageFont

SIDE = 440
"""Pixels of the longer side: enough to see what is wrong, too little to use."""

WORD, INK = "REJECTED", (190, 24, 36, 150)


def rejected_thumbnail(data: bytes) -> str:
    """Shrink, fade and mark a picture; return it as a `data:` address."""
    with Image.open(io.BytesIO(data)) as opened:
        opened.thumbnail((SIDE, SIDE))
        picture = opened.convert("RGB")
    faded = Image.blend(picture.convert("L").convert("RGB"), picture, 0.35)
    stamp = _stamp(faded.size)
    faded.paste(stamp, (0, 0), stamp)
    stream = io.BytesIO()
    faded.save(stream, "WEBP", quality=72, method=4)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _stamp(size: tuple[int, int]) -> Image.Image:
    """Draw a slanted, see-through stamp: what was wrong with the picture must stay visible under it."""
    width, height = size
    letters = max(9, min(width // 7, height // 2))
    font = ImageFont.load_default(letters)
    left, top, right, bottom = (round(side) for side in font.getbbox(WORD))
    pad = round(letters * 0.4)
    label = Image.new("RGBA", (right - left + 2 * pad, bottom - top + 2 * pad))
    draw = ImageDraw.Draw(label)
    line = max(2, letters // 9)
    draw.rounded_rectangle((0, 0, label.width - 1, label.height - 1), radius=pad // 2, outline=INK, width=line)
    draw.text((pad - left, pad - top), WORD, font=font, fill=INK)
    slant = min(18.0, math.degrees(math.atan2(height, width)) * 0.8)
    label = label.rotate(slant, expand=True, resample=Image.Resampling.BICUBIC)
    label.thumbnail((width, height))
    stamp = Image.new("RGBA", size)
    stamp.paste(label, ((width - label.width) // 2, (height - label.height) // 2))
    return stamp
