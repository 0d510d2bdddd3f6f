"""Text → how each character stands in a column: upright, turned by its font, or on its side (UAX #50).

Also finds the few digits that stand side by side in a column (tate-chu-yoko), and sets them. Knows no boxes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from uniseg.graphemecluster import grapheme_cluster_boundaries

from flux2flow.typography.fonts import Cut
from flux2flow.typography.runs import ShapedGlyph

Kind = Literal["U", "Tr", "R"]
"""Upright (with a form of its own where the font has one); turned by the font, else rotated; rotated."""
SIDE_BY_SIDE = 2
"""So many digits at most stand side by side; JLREQ allows three, which are hard to read in an em."""

# Unicode 15.0, VerticalOrientation.txt: Tr, then U, Tu and Tr together. Everything else is R.
_TURNED = "2329-232A 3008-3011 3014-301F 3030 30A0 30FC FE59-FE5E FF08-FF09 FF1A-FF1B FF3B FF3D FF3F FF5B-FF60 FFE3 "
_UPRIGHT = (
    "A7 A9 AE B1 BC-BE D7 F7 2EA-2EB 1100-11FF 1401-167F 18B0-18FF 2016 2020-2021 2030-2031 203B-203C 2042 "
    "2047-2049 2051 2065 20DD-20E0 20E2-20E4 2100-2101 2103-2109 210F 2113-2114 2116-2117 211E-2123 2125 2127 "
    "2129 212E 2135-213F 2145-214A 214C-214D 214F-2189 218C-218F 221E 2234-2235 2300-2307 230C-231F 2324-232B "
    "237D-239A 23BE-23CD 23CF 23D1-23DB 23E2-2422 2424-24FF 25A0-2619 2620-2767 2776-2793 2B12-2B2F 2B50-2B59 "
    "2B97 2BB8-2BD1 2BD3-2BEB 2BF0-2BFF 2E50-2E51 2E80-A4CF A960-A97F AC00-D7FF E000-FAFF FE10-FE1F FE30-FE48 "
    "FE50-FE57 FE59-FE62 FE67-FE6F FF01-FF0C FF0E-FF1B FF1F-FF60 FFE0-FFE7 FFF0-FFF8 FFFC-FFFD 10980-1099F "
    "11580-115FF 11A00-11ABF 13000-1345F 14400-1467F 16FE0-18D7F 1AFF0-1B2FF 1CF00-1CFCF 1D000-1D1FF 1D2E0-1D37F "
    "1D800-1DAAF 1F000-1F7FF 1F900-1FAFF 20000-2FFFD 30000-3FFFD F0000-FFFFD 100000-10FFFD "
)


def _edges(ranges: str) -> list[int]:
    """Give the first code of every range and the first one after it, in order."""
    edges = []
    for entry in ranges.split():
        first, _, last = entry.partition("-")
        edges += [int(first, 16), int(last or first, 16) + 1]
    return edges


_TURNED_EDGES, _UPRIGHT_EDGES = _edges(_TURNED), _edges(_UPRIGHT)


@lru_cache(maxsize=8192)
def orientation(character: str) -> Kind:
    """Give a character's orientation in a column by UAX #50."""
    code = ord(character)
    if bisect_right(_TURNED_EDGES, code) % 2:
        return "Tr"
    return "U" if bisect_right(_UPRIGHT_EDGES, code) % 2 or character == "\ufffc" else "R"


def orientations(text: str) -> list[Kind]:
    """Give every character's orientation; a grapheme cluster stands as its first one, short numbers upright."""
    kinds: list[Kind] = []
    for start, stop in pairwise(grapheme_cluster_boundaries(text)):
        kinds += [orientation(text[start])] * (stop - start)
    return ["U" if group >= 0 else kind for group, kind in zip(side_by_side(text), kinds, strict=True)]


def side_by_side(text: str) -> list[int]:
    """Give, for every digit of a number short enough to stand side by side, where the number begins; else -1."""
    groups = [-1] * len(text)
    place = 0
    while place < len(text):
        stop = place
        while stop < len(text) and text[stop].isascii() and text[stop].isalnum():
            stop += 1
        if 0 < stop - place <= SIDE_BY_SIDE and text[place:stop].isdecimal() and not _joined(text, place, stop):
            groups[place:stop] = [place] * (stop - place)
        place = max(stop, place + 1)
    return groups


def _joined(text: str, start: int, stop: int) -> bool:
    """Say whether digits are part of a longer figure or word: 1,250 and 3.5 and 5-a lie on their side whole."""
    before, after = text[max(start - 2, 0) : start], text[stop : stop + 2]
    return (before[-1:] in _JOINERS and before[:1].isalnum() and before[:1].isascii() and len(before) == 2) or (
        after[:1] in _JOINERS and after[1:].isalnum() and after[1:].isascii()
    )


_JOINERS = tuple(",.:-/'")


def grouped(glyphs: Sequence[ShapedGlyph], cut: Cut, scale: float) -> tuple[tuple[ShapedGlyph, ...], float]:
    """Stand shaped digits side by side in one em of a column, smaller where they are wider; gives their scale."""
    width = sum(glyph.advance for glyph in glyphs)
    size = scale * min(1.0, 1.0 / width) if width else scale
    base = 0.5 * scale + cut.metrics.cap_height * size / 2
    side, placed = -width * size / 2, []
    for number, glyph in enumerate(glyphs):
        advance = scale if number == 0 else 0.0
        back = scale if number else 0.0  # the first one's advance took the pen past all of them
        x, y = base - glyph.y_offset * size - back, side + glyph.x_offset * size
        placed.append(replace(glyph, advance=advance, x_offset=x, y_offset=y))
        side += glyph.advance * size
    return tuple(placed), size
