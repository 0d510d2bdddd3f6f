"""Untrusted picture bytes → what their numbers mean: colour model, bits a channel, and the profile's name.

Reads headers and the profile only; refuses what `pictures` refuses.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from flux2flow.gates.headers import RasterMedia
from flux2flow.gates.pictures import _admit, _translated, decode_rgba

_MODELS = {"L": "grey", "LA": "grey", "1": "grey", "I": "grey", "F": "grey", "CMYK": "CMYK", "LAB": "Lab"}


@dataclass(frozen=True, slots=True)
class ColorFacts:
    """A file's media type, colour model (`RGB`, `grey`, `CMYK`, `Lab`), bits a channel and profile ('': none)."""

    media: RasterMedia
    model: str
    bits: int
    profile: str


def resized_rgba(data: bytes, width: int, height: int) -> bytes:
    """Decode a picture and scale it: height × width × 4 bytes, straight-alpha sRGB. Raises GateError."""
    from PIL import Image

    size, pixels = (decoded := decode_rgba(data))[:2], decoded[2]
    with _translated("scale"):
        return Image.frombytes("RGBA", size, pixels).resize((width, height), Image.Resampling.LANCZOS).tobytes()


def color_facts(data: bytes) -> ColorFacts:
    """Read a picture's colour model and profile. Raises GateError."""
    media = _admit(data)
    from PIL import Image, ImageCms

    with _translated("read"):
        picture = Image.open(io.BytesIO(data), formats=[media.upper()])
        mode, icc = picture.mode, picture.info.get("icc_profile")
        name = ""
        if icc:
            try:
                name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc))).strip()
            except (ImageCms.PyCMSError, OSError):
                name = "unreadable"
    # The header of a PNG states its depth; Pillow says 8 for what it reduces while it reads.
    bits = data[24] if media == "png" and len(data) > 24 else 16 if mode.startswith("I;16") else 8
    return ColorFacts(
        media, _MODELS.get(mode.partition(";")[0], "RGB"), max(bits, 8), name or ("unnamed" if icc else "")
    )
