"""First bytes of a picture → its media type and its size, before any decoder sees it.

Reads headers only; refuses to decode, and to guess where a header is unclear.
"""

from __future__ import annotations

import struct
from typing import Literal

from flux2flow.errors import GateError

RasterMedia = Literal["png", "jpeg", "webp"]

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG_SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE_MARKERS = frozenset(range(0xD0, 0xD8)) | {0x01}


def sniff(data: bytes) -> RasterMedia | None:
    """Return the media type that the first bytes state, or None for anything but PNG, JPEG and WebP."""
    if data.startswith(_PNG):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return None


def dimensions(data: bytes, media: RasterMedia) -> tuple[int, int]:
    """Width and height from the header; raises GateError where it is cut off or malformed."""
    read = {"png": _png_size, "jpeg": _jpeg_size, "webp": _webp_size}[media]
    try:
        return read(data)
    except (struct.error, IndexError) as error:
        raise GateError(f"the {media.upper()} header is cut off") from error


def _png_size(data: bytes) -> tuple[int, int]:
    if data[12:16] != b"IHDR":
        raise GateError("the PNG does not begin with its header chunk")
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        at = data.find(b"\xff", at)  # stray bytes between segments are passed over, as libjpeg does
        if at < 0:
            raise IndexError
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte before a marker
            at += 1
        elif marker in _JPEG_BARE_MARKERS:
            at += 2
        elif marker in (0xD9, 0xDA):
            raise GateError("the JPEG states no size before its picture data")
        elif marker in _JPEG_SIZE_MARKERS:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise GateError("the WebP begins with an unknown chunk")
