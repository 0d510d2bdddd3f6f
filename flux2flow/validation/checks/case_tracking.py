"""Set glyphs → letter-spacing where letters join, and capitals made by another language's rules."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.layout import Glyph, PlacedText
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import ButtonLayer, TextLayer
from flux2flow.interfaces import CheckSubject
from flux2flow.validation.subjects import about, excerpt, runs, script

GAPS = {"ARABIC": 0.03, "DEVANAGARI": 0.05, "BENGALI": 0.05, "GURMUKHI": 0.05}
"""Ems between the ink of two letters that join. Joined letters overlap; what fonts leave between them by design is
hardly a hundredth, and the smallest tracking that anybody sets to be seen is 0.05 em."""

OFTEN = 0.5
"""Of a text's joints: one alone may be a font's own habit, as nastaliq's steps are; tracking opens them all."""

# Right-joining letters and hamza: the next letter does not join them (Unicode's ArabicShaping.txt, joining types R, U).
_ARABIC_ENDS = frozenset("آأؤإءاةدذرزوىٱٲٳٵٶٷڈډڊڋڌڍڎڏڐڑڒړڔڕږڗژڙۀۃۄۅۆۇۈۉۊۋۏےۓەۮۯ") - {"ى"}
_GREEK_ACCENTED = frozenset("ΆΈΉΊΌΎΏ")
_DOTTED = ("tr", "az", "kk", "tt")


class _CaseTracking:
    id = "case-tracking"
    aliases = ("T16",)
    title = "Capitals and letter-spacing"
    rationale = (
        "Letter-spacing tears Arabic letters and the headline of Devanagari apart: to its readers the word falls to "
        "pieces. It is seen in the ink, where neighbours that join no longer touch. Capitals follow the language: "
        "Turkish i becomes İ, German ß becomes SS (or ẞ), Greek capitals carry no accent. Whoever gets that wrong has "
        "not asked anybody who reads the language. T16."
    )
    level: Level = "fail"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """At most one finding per text and rule."""
        language = subject.scene.locale.split("-")[0].lower()
        sources = {layer.id: layer for layer in subject.scene.layers if isinstance(layer, (TextLayer, ButtonLayer))}
        for text in subject.layout.texts():
            if (torn := _torn(text)) is not None:
                name, box, gap = torn
                yield about(
                    self, subject, text, f"{name} letters that join stand apart: there is letter-spacing", box=box,
                    measured=f"{gap:.2f} em", limit=f"{GAPS[name.upper()]:g} em",
                    remedy="Set the style's tracking to 0 for this language.",
                )  # fmt: skip
            source = sources.get(text.id.removesuffix("/label"))
            upper = source.text if source is not None and source.type.upper else None
            for word, rule in _wrong_capitals(text.text, language, upper, subject.scene.unbroken):
                yield about(
                    self, subject, text, f"‘{excerpt(word)}’: {rule}",
                    remedy="Let the style's case: upper make the capitals, or write them as the language does.",
                )  # fmt: skip


def _torn(text: PlacedText) -> tuple[str, Box, float] | None:
    joints = open_ = 0
    worst: tuple[str, Box, float] | None = None
    for run in runs(text):
        if run.rotated:
            continue
        inks = _joints(text, run.glyphs)
        for name, one, other in inks:
            gap = max(max(one.x, other.x) - min(one.right, other.right), 0) / run.size
            joints += 1
            if gap > GAPS[name]:
                open_ += 1
                if worst is None or gap > worst[2]:
                    worst = name.title(), one.union(other), gap
    return worst if worst is not None and open_ > OFTEN * joints else None


def _joints(text: PlacedText, glyphs: tuple[Glyph, ...]) -> Iterator[tuple[str, Box, Box]]:
    """Yield neighbouring letters that join: their script and their ink. Marks and what is no letter part nothing."""
    letters: dict[int, Box] = {}
    for glyph in glyphs:
        if glyph.ink is not None and unicodedata.category(text.text[glyph.cluster]) in ("Lo", "Lm"):
            known = letters.get(glyph.cluster)
            letters[glyph.cluster] = glyph.ink if known is None else known.union(glyph.ink)
    order = sorted(letters)
    for one, other in pairwise(order):
        between = text.text[one + 1 : other]
        if any(not unicodedata.category(character).startswith("M") and character != "\u200d" for character in between):
            continue
        name = script(text.text[one])
        joins = text.text[one] not in _ARABIC_ENDS and text.text[other] != "ء"
        if name in GAPS and script(text.text[other]) == name and joins:
            yield name, letters[one], letters[other]


def _wrong_capitals(text: str, language: str, source: str | None, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for word in re.findall(r"\w+", unicodedata.normalize("NFC", text)):
        if len(word) < 2 or any(character.islower() and character != "ß" for character in word):
            continue
        if language == "de" and "ß" in word and len(word) > 2:
            yield word, "in capitals ß is SS, or ẞ"
            return
        if language == "el" and _GREEK_ACCENTED.intersection(word):
            yield word, "Greek capitals carry no accent"
            return
    if language in _DOTTED and source is not None:
        for name in names:
            source = re.sub(re.escape(name), "", source, flags=re.IGNORECASE)
            text = re.sub(re.escape(name), "", text, flags=re.IGNORECASE)
        wanted = unicodedata.normalize("NFC", source).count("i") + unicodedata.normalize("NFC", source).count("İ")
        if unicodedata.normalize("NFC", text).count("İ") < wanted:
            yield text, "the capital of i is İ here"


CHECK = _CaseTracking()
