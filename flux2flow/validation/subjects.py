"""A CheckSubject's parts as checks ask for them: running text, styles, scripts, and a finding about a text.

Knows no rule and no level.
"""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter
from collections.abc import Iterator

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.layout import GlyphRun, PlacedLine, PlacedText
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import ButtonLayer, TextLayer, Type
from flux2flow.interfaces import Check, CheckSubject

HEADLINES = frozenset({"headline", "title"})
"""Layers that are headlines, whatever their size."""

UNSPACED = frozenset({"CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR"})
"""Scripts that set no space between words."""


def running_texts(subject: CheckSubject) -> Iterator[PlacedText]:
    """Yield texts that stand for themselves: neither a button's label nor part of a chart."""
    return (text for text in subject.layout.texts() if "/" not in text.id and text.lines)


def type_of(subject: CheckSubject, text: PlacedText) -> Type | None:
    """Find the type a text was asked to be set in."""
    wanted = text.id.removesuffix("/label")
    for layer in subject.scene.layers:
        if isinstance(layer, (TextLayer, ButtonLayer)) and layer.id == wanted:
            return layer.type
    return None


def is_headline(subject: CheckSubject, text: PlacedText) -> bool:
    """Say whether a text is the picture's headline: by its name, or its style's."""
    style = type_of(subject, text)
    return text.id in HEADLINES or (style is not None and style.style in ("display", "headline", "title"))


def runs(text: PlacedText) -> Iterator[GlyphRun]:
    """Yield a text's runs, line by line."""
    return (run for line in text.lines for run in line.runs)


def stop(text: PlacedText, number: int) -> int:
    """Give the index, in the text, of the first character after a line."""
    return text.lines[number + 1].start if number + 1 < len(text.lines) else len(text.text)


def line_ink(line: PlacedLine) -> Box | None:
    """Give the union of a line's ink."""
    inks = [glyph.ink for run in line.runs for glyph in run.glyphs if glyph.ink is not None]
    return functools.reduce(Box.union, inks) if inks else None


@functools.lru_cache(maxsize=8192)
def script(character: str) -> str:
    """Name a letter's script by its Unicode name (LATIN, ARABIC, CJK …); empty for what is no letter."""
    if not unicodedata.category(character).startswith(("L", "M")):
        return ""
    return unicodedata.name(character, "").split(" ")[0].split("-")[0]


def main_script(text: str) -> str:
    """Name the script of most letters; empty where there are none."""
    counted = Counter(found for character in text if (found := script(character)))
    return counted.most_common(1)[0][0] if counted else ""


def about(
    check: Check,
    subject: CheckSubject,
    text: PlacedText,
    message: str,
    *,
    level: Level | None = None,
    box: Box | None = None,
    measured: str = "",
    limit: str = "",
    remedy: str = "",
) -> Finding:
    """Make a finding about a text, at the check's own level unless another is given."""
    where = box or text.ink
    return Finding(check.id, level or check.level, message, subject.scene.id, text.id, where, measured, limit, remedy)


def excerpt(text: str, limit: int = 48) -> str:
    """Shorten a text for a message."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"
