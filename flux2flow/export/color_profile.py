"""The sRGB colour profile as ICC bytes, built from its definition: the same bytes with every library version.

An ICC version 4 matrix profile (ICC.1:2010) of about 500 bytes, with a fixed date. Converts nothing.
"""

from __future__ import annotations

import functools
import struct

_D50 = (0.9642, 1.0, 0.8249)
# IEC 61966-2-1 primaries, adapted to D50 by Bradford, as the profile connection space asks for.
_PRIMARIES = {
    b"rXYZ": (0.4360747, 0.2225045, 0.0139322),
    b"gXYZ": (0.3850649, 0.7168786, 0.0971045),
    b"bXYZ": (0.1430804, 0.0606169, 0.7141733),
}
# The parametric curve Y = (aX + b)^g for X ≥ d, else cX.
_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


@functools.cache
def srgb_profile() -> bytes:
    """Return the profile."""
    text = {b"desc": _text("sRGB"), b"cprt": _text("CC0")}
    points = {b"wtpt": _xyz(_D50)} | {tag: _xyz(value) for tag, value in _PRIMARIES.items()}
    curve = b"para" + struct.pack(">4xHxx", 3) + b"".join(map(_fixed, _CURVE))
    bodies = text | points | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, data, places = struct.pack(">I", len(bodies)), b"", dict[bytes, int]()
    start = 128 + 4 + 12 * len(bodies)
    for tag, body in bodies.items():
        if body not in places:  # the three curves are one
            places[body] = start + len(data)
            data += body + b"\0" * (-len(body) % 4)
        table += tag + struct.pack(">II", places[body], len(body))
    return _header(start + len(data)) + table + data


def _header(size: int) -> bytes:
    date = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    illuminant = b"".join(map(_fixed, _D50))
    head = struct.pack(">I4xI", size, 0x04200000) + b"mntrRGB XYZ " + date + b"acsp"
    return (head + bytes(28) + illuminant).ljust(128, b"\0")


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, values))


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(encoded), 28) + encoded
