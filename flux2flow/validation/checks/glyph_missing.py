"""Layout → characters for which no font of the kit had a glyph. Reads glyph ids, never fonts."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from flux2flow.domain.finding import Finding, Level
from flux2flow.interfaces import CheckSubject

NOTDEF = 0
"""Glyph 0 of every font is .notdef: the empty box a reader sees."""


class _GlyphMissing:
    id = "glyph-missing"
    aliases = ("T01",)
    title = "Missing glyph"
    rationale = (
        "A missing glyph is drawn as an empty box. It is looked for after shaping, where the font has really been "
        "asked, so that ligatures, marks and joined scripts are covered too; and it needs no pixels, so that "
        "`validate` finds it for every row and language before anything is painted. T01 of the catalogue."
    )
    level: Level = "fail"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per layer, naming every character without a glyph."""
        for text in subject.layout.texts():
            missing = [glyph for line in text.lines for run in line.runs for glyph in run.glyphs if glyph.id == NOTDEF]
            if not missing:
                continue
            characters = sorted({text.text[glyph.cluster] for glyph in missing})
            families = ", ".join(sorted({run.font.font.family for line in text.lines for run in line.runs}))
            yield Finding(
                check=self.id,
                level=self.level,
                message=f"no font of the kit draws {', '.join(_named(character) for character in characters)}",
                asset=subject.scene.id,
                layer=text.id,
                box=next((glyph.ink for glyph in missing if glyph.ink is not None), text.ink),
                measured=f"{len(missing)} glyphs missing",
                limit="0",
                remedy=f"Add a font that covers it to the style's families (tried: {families}), or change the text.",
            )


def _named(character: str) -> str:
    name = unicodedata.name(character, "unnamed").lower()
    shown = f"‘{character}’ " if character.isprintable() else ""
    return f"{shown}(U+{ord(character):04X} {name})"


CHECK = _GlyphMissing()
