"""Strings, fonts and settings of the torture suite: what both typesetters, ours and Chromium, are given.

Knows nothing of results.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import uharfbuzz as hb

from flux2flow.domain.campaign import FontFile
from flux2flow.domain.files import FileRef

HERE = Path(__file__).parent
STRINGS, FONTS, GOLDENS = HERE / "strings", HERE / "fonts", HERE / "goldens"
KIT = HERE.parents[1] / "brand_kits" / "aurora" / "fonts"

SIZE = 32
"""The type's size in pixels: twice a body's, so that half a pixel is a sixty-fourth of an em."""
WIDTHS = (220, 360, 560)
"""The boxes' widths in pixels: one or two words, a banner's column, a headline's line."""

STACKS = {
    "latin": ("Noto Sans",),
    "greek": ("Inter",),
    "cyrillic": ("Inter",),
    "arabic": ("Noto Sans Arabic", "Inter"),
    "urdu": ("Noto Nastaliq Urdu", "Inter"),
    "hebrew": ("Noto Sans Hebrew", "Inter"),
    "devanagari": ("Noto Sans Devanagari", "Inter"),
    "bengali": ("Noto Sans Bengali", "Inter"),
    "tamil": ("Noto Sans Tamil", "Inter"),
    "thai": ("Noto Sans Thai", "Inter"),
    "khmer": ("Noto Sans Khmer", "Inter"),
    "japanese": ("Noto Sans JP", "Inter"),
    "chinese": ("Noto Sans SC", "Inter"),
    "korean": ("Noto Sans KR", "Inter"),
    "emoji": ("Inter", "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans JP", "Noto Color Emoji"),
}
"""Every script's families in fallback order."""
SCRIPTS = tuple(STACKS)

FILES = {
    "Noto Sans": FONTS / "NotoSans-Regular.subset.ttf",
    "Noto Sans Arabic": KIT / "NotoSansArabic-Variable.ttf",
    "Noto Nastaliq Urdu": FONTS / "NotoNastaliqUrdu-Regular.subset.ttf",
    "Noto Sans Hebrew": FONTS / "NotoSansHebrew-Regular.subset.ttf",
    "Noto Sans Devanagari": FONTS / "NotoSansDevanagari-Regular.subset.ttf",
    "Noto Sans Bengali": FONTS / "NotoSansBengali-Regular.subset.ttf",
    "Noto Sans Tamil": FONTS / "NotoSansTamil-Regular.subset.ttf",
    "Noto Sans Thai": FONTS / "NotoSansThai-Regular.subset.ttf",
    "Noto Sans Khmer": FONTS / "NotoSansKhmer-Regular.subset.ttf",
    "Noto Sans JP": KIT / "NotoSansJP-Regular.ttf",
    "Noto Sans SC": FONTS / "NotoSansSC-Regular.subset.otf",
    "Noto Sans KR": FONTS / "NotoSansKR-Regular.subset.otf",
    "Noto Color Emoji": FONTS / "NotoColorEmoji.subset.ttf",
    "Inter": KIT / "Inter-Variable.ttf",
}
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})


# Which family comes first where emoji stand among words: the words', as in a kit's styles.
_WITH_EMOJI = {"ar": "Noto Sans Arabic", "he": "Noto Sans Hebrew", "ja": "Noto Sans JP"}
HIDDEN = frozenset("\u00a0\u00ad\u2009\u200b\u200c\u200d\u200e\u200f\u202f\u2066\u2067\u2068\u2069\u3000\ufe0e\ufe0f")


@dataclass(frozen=True)
class Text:
    """One string of the suite: `id` is its script's name and its place in its file."""

    id: str
    script: str
    language: str
    text: str
    recombined: bool = False

    @property
    def rtl(self) -> bool:
        """Say whether its language reads from the right."""
        return self.language in RIGHT_TO_LEFT

    @property
    def families(self) -> tuple[str, ...]:
        """Give the families that set it, in fallback order."""
        first = _WITH_EMOJI.get(self.language) if self.script == "emoji" else None
        every = STACKS[self.script]
        return (first, *(family for family in every if family != first)) if first else every


@cache
def texts(script: str) -> tuple[Text, ...]:
    """Read a script's strings, first the hand-written ones (`thai-01`), then the recombined ones (`thai-r001`)."""
    return tuple(
        Text(f"{script}-{number:02}", script, language, text)
        for number, (language, text) in enumerate(_rows(STRINGS / f"{script}.txt"), start=1)
    ) + tuple(
        Text(f"{script}-r{number:03}", script, language, text, recombined=True)
        for number, (language, text) in enumerate(_rows(STRINGS / "recombined" / f"{script}.txt"), start=1)
    )


def _rows(path: Path) -> list[tuple[str, str]]:
    r"""Read `language|text` a line, with \uXXXX for what an editor hides."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows = [line.split("|", 1) for line in lines if line and not line.startswith("#")]
    return [(language, _unescaped(text)) for language, text in rows]


def _unescaped(text: str) -> str:
    first, *others = text.split("\\u")
    return first + "".join(chr(int(other[:4], 16)) + other[4:] for other in others)


def escaped(text: str) -> str:
    """Write what an editor hides as the string files have it; what joins emoji stays."""
    plain = "\u200d\ufe0e\ufe0f" if any(ord(character) > 0xFFFF for character in text) else ""
    return "".join(f"\\u{ord(c):04x}" if c in HIDDEN and c not in plain else c for c in text)


class FontFiles:
    """Reads the suite's fonts by their absolute paths."""

    def read(self, file: FileRef) -> bytes:
        """Give the file's bytes."""
        return next(path for path in FILES.values() if path.name == file.path).read_bytes()


@cache
def font(family: str) -> FontFile:
    """Describe a font, as loading would describe it."""
    data = FILES[family].read_bytes()
    axes = hb.Face(hb.Blob(data)).axis_infos
    described = tuple((axis.tag, axis.min_value, axis.default_value, axis.max_value) for axis in axes)
    digest = hashlib.sha256(data).hexdigest()
    return FontFile(family, FileRef("library", FILES[family].name, digest), described, None if axes else 400)
