"""Untrusted font bytes → facts about a font that parses completely, and its plain OpenType form.

TrueType, OpenType and WOFF2; single faces only. Knows no styles and no text; fontTools is imported on first use.
"""

from __future__ import annotations

import functools
import io
import logging
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flux2flow.errors import GateError

if TYPE_CHECKING:
    from fontTools.ttLib import TTFont

MAX_BYTES = 32 * 1024 * 1024
MAX_GLYPHS = 65_535
SANITISER_SECONDS = 20.0

_MAGIC = {b"\x00\x01\x00\x00": "truetype", b"true": "truetype", b"OTTO": "opentype", b"wOF2": "woff2"}
_NEEDED = ("head", "hhea", "maxp", "hmtx", "cmap", "name", "OS/2")
_PARSED = (*_NEEDED, "post", "loca", "glyf", "CFF ", "CFF2", "fvar", "avar", "gvar", "GDEF", "GSUB", "GPOS")


@dataclass(frozen=True, slots=True)
class FontFacts:
    """A font that passed: its family, (tag, minimum, default, maximum) of its axes, weight class, glyph count."""

    family: str
    axes: tuple[tuple[str, float, float, float], ...]
    weight: int
    glyphs: int
    embedding: int = 0
    """OS/2.fsType."""


def inspect(data: bytes, name: str) -> FontFacts:
    """Sanitise and parse the font; `name` heads the message of a GateError."""
    try:
        sfnt = as_sfnt(data)
        _sanitise(sfnt)
        return _facts(sfnt)
    except GateError as error:
        raise GateError(f"{name}: {error}") from error


@functools.lru_cache(maxsize=16)
def as_sfnt(data: bytes) -> bytes:
    """Return the font as TrueType or OpenType bytes, which is what shapers and rasterisers read; WOFF2 is unpacked."""
    if len(data) > MAX_BYTES:
        raise GateError(f"the font has {len(data):,} bytes; {MAX_BYTES:,} pass")
    kind = _MAGIC.get(data[:4])
    if kind is None:
        raise GateError("not a TrueType, OpenType or WOFF2 font")
    if kind != "woff2":
        return data
    if int.from_bytes(data[16:20], "big") > MAX_BYTES:
        raise GateError(f"the font unpacks to more than {MAX_BYTES:,} bytes")
    from fontTools.ttLib.woff2 import decompress

    out = io.BytesIO()
    try:
        decompress(io.BytesIO(data), out)
    except Exception as error:  # fontTools raises a dozen unrelated classes on broken files
        raise GateError(f"the WOFF2 file cannot be unpacked: {error or type(error).__name__}") from error
    if out.tell() > MAX_BYTES:
        raise GateError(f"the font unpacks to more than {MAX_BYTES:,} bytes")
    return out.getvalue()


def _sanitise(sfnt: bytes) -> None:
    """Let the OpenType Sanitizer judge the font, where it is installed (it is a program: a crash is a refusal)."""
    try:
        import ots
    except ImportError:
        return
    with tempfile.TemporaryDirectory(prefix="flux2flow-") as folder:
        path = Path(folder) / "font"
        path.write_bytes(sfnt)
        try:
            verdict = subprocess.run(
                [ots.OTS_SANITIZE, path, path.with_suffix(".out")],
                capture_output=True,
                timeout=SANITISER_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise GateError(f"checking the font took more than {SANITISER_SECONDS:g} s") from error
        except OSError as error:
            raise GateError(f"the font sanitiser cannot run: {error}") from error
    if verdict.returncode != 0:
        lines = verdict.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = next((line for line in lines if line.startswith("ERROR")), "it crashed on this font")
        raise GateError(f"the font is malformed ({reason.removeprefix('ERROR: ')[:160]})")


def _facts(sfnt: bytes) -> FontFacts:
    from fontTools.ttLib import TTFont

    logging.getLogger("fontTools").addHandler(logging.NullHandler())  # it reports oddities of dates to stderr
    try:
        with TTFont(io.BytesIO(sfnt), lazy=True, checkChecksums=0) as font:
            missing = [tag for tag in _NEEDED if tag not in font]
            if missing:
                raise GateError(f"the font lacks the table {missing[0].strip()}")
            for tag in _PARSED:
                if tag in font:
                    font[tag]
            return _read(font)
    except GateError:
        raise
    except Exception as error:  # fontTools raises a dozen unrelated classes on broken files
        raise GateError(f"the font does not parse ({type(error).__name__}: {error})"[:200]) from error


def _read(font: TTFont) -> FontFacts:
    glyphs = font["maxp"].numGlyphs
    units = font["head"].unitsPerEm
    if not 1 <= glyphs <= MAX_GLYPHS or not 16 <= units <= 16_384:
        raise GateError(f"the font has {glyphs} glyphs at {units} units per em")
    if not font.getBestCmap():
        raise GateError("the font maps no characters")
    names = font["name"]
    family = names.getDebugName(16) or names.getDebugName(1)
    if not family:
        raise GateError("the font names no family")
    axes = tuple(
        (axis.axisTag, float(axis.minValue), float(axis.defaultValue), float(axis.maxValue))
        for axis in (font["fvar"].axes if "fvar" in font else ())
    )
    return FontFacts(family, axes, int(font["OS/2"].usWeightClass), glyphs, int(font["OS/2"].fsType))
