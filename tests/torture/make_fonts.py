"""Debian's Noto fonts → the suite's subsets: the strings' characters with every layout feature, unhinted.

By hand only, after a change of the strings, before `chromium.py`:

    apt-get download fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji      # versions: fonts/README.md
    for package in fonts-noto-*.deb; do dpkg-deb -x "$package" noto; done
    PYTHONPATH=.:engine python tests/torture/make_fonts.py noto
"""

from __future__ import annotations

import sys
from pathlib import Path

import uharfbuzz as hb

from tests.torture.corpus import FILES, FONTS, SCRIPTS, STACKS, texts

SOURCES = {
    "Noto Sans": ("truetype/noto/NotoSans-Regular.ttf", 0),
    "Noto Nastaliq Urdu": ("truetype/noto/NotoNastaliqUrdu-Regular.ttf", 0),
    "Noto Sans Hebrew": ("truetype/noto/NotoSansHebrew-Regular.ttf", 0),
    "Noto Sans Devanagari": ("truetype/noto/NotoSansDevanagari-Regular.ttf", 0),
    "Noto Sans Bengali": ("truetype/noto/NotoSansBengali-Regular.ttf", 0),
    "Noto Sans Tamil": ("truetype/noto/NotoSansTamil-Regular.ttf", 0),
    "Noto Sans Thai": ("truetype/noto/NotoSansThai-Regular.ttf", 0),
    "Noto Sans Khmer": ("truetype/noto/NotoSansKhmer-Regular.ttf", 0),
    "Noto Sans SC": ("opentype/noto/NotoSansCJK-Regular.ttc", 2),
    "Noto Sans KR": ("opentype/noto/NotoSansCJK-Regular.ttc", 1),
    "Noto Color Emoji": ("truetype/noto/NotoColorEmoji.ttf", 0),
}
"""Files below `usr/share/fonts`, and the face's number in a collection (0 JP, 1 KR, 2 SC)."""
ALWAYS = " -.,:0123456789\u00a0\u2010\u25cc\u200b\u200c\u200d\u0e4d"  # U+0E4D: HarfBuzz takes sara am apart


def subset(family: str, folder: Path) -> bytes:
    """Cut a family down to the strings of the scripts that use it."""
    name, number = SOURCES[family]
    face = hb.Face(hb.Blob((folder / "usr/share/fonts" / name).read_bytes()), number)
    strings = [text.text for script in SCRIPTS if family in STACKS[script] for text in texts(script)]
    wanted = hb.SubsetInput()
    wanted.unicode_set.set({ord(character) for character in {*ALWAYS, *"".join(strings)}})
    wanted.layout_feature_tag_set.clear()
    wanted.layout_feature_tag_set.invert()  # every feature, not only those on by default
    flags = hb.SubsetFlags.NO_HINTING | hb.SubsetFlags.NOTDEF_OUTLINE
    if family == "Noto Color Emoji":  # a closure over its ligatures would keep every family there is
        wanted.glyph_set.set(shaped_glyphs(face, strings))
        flags |= hb.SubsetFlags.NO_LAYOUT_CLOSURE
    wanted.flags = flags
    return bytes(hb.subset(face, wanted).blob.data)


def shaped_glyphs(face: hb.Face, strings: list[str]) -> set[int]:
    """Collect the glyphs that the strings come out as."""
    found: set[int] = set()
    for string in strings:
        buffer = hb.Buffer()
        buffer.add_str(string)
        buffer.guess_segment_properties()
        hb.shape(hb.Font(face), buffer)
        found |= {glyph.codepoint for glyph in buffer.glyph_infos}
    return found


def main() -> int:
    """Write every subset and print its size."""
    folder = Path(sys.argv[1])
    FONTS.mkdir(exist_ok=True)
    for family in SOURCES:
        data = subset(family, folder)
        FILES[family].write_bytes(data)
        print(f"{len(data):8} bytes  {FILES[family].name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
