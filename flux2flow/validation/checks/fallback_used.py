"""Scene and Layout → runs that were not set in the style's first font, and whether the kit meant it so."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.layout import GlyphRun, PlacedText
from flux2flow.domain.scene import Scene, styles
from flux2flow.interfaces import CheckSubject


class _FallbackUsed:
    id = "fallback-used"
    aliases = ("T02",)
    title = "Fallback font"
    rationale = (
        "A character set in another face than its neighbours looks like a mistake. The rule: a family the style does "
        "not list is a warning. A listed one is what the kit asked for (info), as when an Arabic font follows a Latin "
        "one; unless the first font sets other letters of the same script in this picture, which means that it lacks "
        "a letter and one word mixes two faces: a warning again. Digits and punctuation follow their run. T02."
    )
    level: Level = "warn"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per layer and family."""
        declared = _declared_families(subject.scene)
        texts = subject.layout.texts()
        primary = {s for text in texts for run in _runs(text) if not run.fallback for s in _scripts(text, run)}
        for text in texts:
            by_family: dict[str, list[GlyphRun]] = defaultdict(list)
            listed_here = declared.get(text.id.split("/")[0], ())
            for run in _runs(text):
                if run.fallback or (listed_here and run.font.font.family not in listed_here):
                    by_family[run.font.font.family].append(run)
            for family, runs in sorted(by_family.items()):
                listed = family in declared.get(text.id.split("/")[0], ())
                mixed = sorted({s for run in runs for s in _scripts(text, run)} & primary)
                characters = "".join(text.text[g.cluster] for run in runs for g in run.glyphs).strip()
                if not listed:
                    reason, remedy = "which the style does not list", "List the family in the style, or change it."
                elif mixed:
                    reason = f"although the first font sets other {mixed[0]} letters here"
                    remedy = "Use a first font that has these letters, or change the text."
                else:
                    reason, remedy = "as the style's families say", ""
                yield Finding(
                    check=self.id,
                    level="info" if listed and not mixed else self.level,
                    message=f"‘{characters[:40]}’ is set in {family}, {reason}",
                    asset=subject.scene.id,
                    layer=text.id,
                    box=text.ink,
                    measured=family,
                    limit=", ".join(declared.get(text.id.split("/")[0], ())),
                    remedy=remedy,
                )


def _declared_families(scene: Scene) -> Mapping[str, tuple[str, ...]]:
    return {
        layer.id: tuple(dict.fromkeys(f for type in styles(layer) for f in type.families)) for layer in scene.layers
    }


def _runs(text: PlacedText) -> Iterator[GlyphRun]:
    return (run for line in text.lines for run in line.runs)


def _scripts(text: PlacedText, run: GlyphRun) -> set[str]:
    """Scripts of the run's letters by their Unicode names; kanji and kana count as one."""
    letters = (text.text[glyph.cluster] for glyph in run.glyphs)
    words = {unicodedata.name(c, "?").split()[0] for c in letters if unicodedata.category(c).startswith("L")}
    return {"East Asian" if word in ("CJK", "HIRAGANA", "KATAKANA") else word.title() for word in words}


CHECK = _FallbackUsed()
