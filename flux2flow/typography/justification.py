"""Set lines → the same lines filling their width: word spaces grow, within bounds; the last line stays as it is.

Letters are never spaced and never stretched (no kashida); between ideographs, which have no spaces, the gaps grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flux2flow.typography.shaping import Paragraph, ShapedGlyph, ShapedLine, script_of

FEWEST_LINES = 3
"""A text of fewer lines is not justified."""
SHORTEST_LINE = 25
"""Characters a line on average: below it a text is a headline, or a column too narrow for even word spaces."""
LOOSEST, TIGHTEST = 1.8, 0.82
"""A word space may become so many times its own width. Text that would need more is left ragged as a whole."""
_GAP_BETWEEN_IDEOGRAPHS = 0.12  # em, at most
_SPACES = " \u00a0"


def justified(paragraph: Paragraph, lines: Sequence[ShapedLine], width: float) -> tuple[ShapedLine, ...] | None:
    """Fill every line that does not end a paragraph to a width in em; None where spaces would grow beyond bounds."""
    result = []
    for number, line in enumerate(lines):
        ends = number + 1 == len(lines) or "\n" in paragraph.text[line.stop : lines[number + 1].start]
        filled = line if ends else _filled(paragraph, line, width)
        if filled is None:
            return None
        result.append(filled)
    return tuple(result)


def _filled(paragraph: Paragraph, line: ShapedLine, width: float) -> ShapedLine | None:
    if line.ink is None:
        return line
    missing = width - (line.ink.right - line.ink.left)
    glyphs = [glyph for run in line.runs for glyph in run.glyphs]
    spaces = {number for number, glyph in enumerate(glyphs) if paragraph.text[glyph.cluster] in _SPACES}
    natural = sum(glyphs[number].advance for number in spaces)
    if spaces and (TIGHTEST - 1) * natural <= missing <= (LOOSEST - 1) * natural:
        return _grown(line, spaces, missing)
    gaps = {
        number
        for number, glyph in enumerate(glyphs[:-1])
        if glyphs[number + 1].cluster != glyph.cluster and _ideographic(paragraph.text[glyph.cluster])
    }
    if gaps and 0 <= missing <= _GAP_BETWEEN_IDEOGRAPHS * len(gaps):
        return _grown(line, gaps, missing)
    return None


def _grown(line: ShapedLine, places: set[int], missing: float) -> ShapedLine:
    """Share what is missing among some glyphs' advances, counted over the line's runs."""
    share, number, runs = missing / len(places), 0, []
    for run in line.runs:
        glyphs: list[ShapedGlyph] = []
        for glyph in run.glyphs:
            glyphs.append(replace(glyph, advance=glyph.advance + share) if number in places else glyph)
            number += 1
        runs.append(replace(run, glyphs=tuple(glyphs)))
    ink = replace(line.ink, right=line.ink.right + missing) if line.ink else None
    return replace(line, runs=tuple(runs), advance=line.advance + missing, ink=ink)


def _ideographic(character: str) -> bool:
    return script_of(character) in ("Hani", "Hira", "Kana", "Bopo") or character in "、。，．・：；？！」』）〕】"
