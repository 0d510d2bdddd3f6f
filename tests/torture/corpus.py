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
"""Every script's families in fallback order; no style of a kit has more than one before its Latin."""
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


@dataclass(frozen=True)
class Text:
    """One string of the suite: `id` is its script's name and its place in the file."""

    id: str
    script: str
    language: str
    text: str

    @property
    def rtl(self) -> bool:
        """Say whether its language reads from the right."""
        return self.language in RIGHT_TO_LEFT


@cache
def texts(script: str) -> tuple[Text, ...]:
    r"""Read a script's strings: `language|text` a line, with \uXXXX for what an editor hides."""
    lines = (STRINGS / f"{script}.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split("|", 1) for line in lines if line and not line.startswith("#")]
    return tuple(
        Text(f"{script}-{number:02}", script, language, _unescaped(text))
        for number, (language, text) in enumerate(rows, start=1)
    )


def _unescaped(text: str) -> str:
    first, *others = text.split("\\u")
    return first + "".join(chr(int(other[:4], 16)) + other[4:] for other in others)


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
