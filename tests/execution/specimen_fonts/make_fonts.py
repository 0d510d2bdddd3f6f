"""Debian's Noto fonts → subsets that hold what a specimen says, with every layout feature, unhinted.

By hand only, after a change of the sample texts, where `fonts-noto-core` and `fonts-noto-cjk` are unpacked:

    PYTHONPATH=. python tests/execution/specimen_fonts/make_fonts.py /usr/share/fonts
"""

from __future__ import annotations

import sys
from pathlib import Path

import uharfbuzz as hb

from flux2flow.execution.specimen.samples import SAMPLES

HERE = Path(__file__).parent
SOURCES = {
    "hebrew": ("NotoSansHebrew", "truetype/noto/NotoSansHebrew-Regular.ttf", 0),
    "bengali": ("NotoSansBengali", "truetype/noto/NotoSansBengali-Regular.ttf", 0),
    "thai": ("NotoSansThai", "truetype/noto/NotoSansThai-Regular.ttf", 0),
    "georgian": ("NotoSansGeorgian", "truetype/noto/NotoSansGeorgian-Regular.ttf", 0),
    "armenian": ("NotoSansArmenian", "truetype/noto/NotoSansArmenian-Regular.ttf", 0),
    "korean": ("NotoSansKR", "opentype/noto/NotoSansCJK-Regular.ttc", 1),
    "chinese-simplified": ("NotoSansSC", "opentype/noto/NotoSansCJK-Regular.ttc", 2),
    "chinese-traditional": ("NotoSansTC", "opentype/noto/NotoSansCJK-Regular.ttc", 3),
}
"""By script: the subset's name, the file, and the face's number in a collection."""
_ALWAYS = " -.,:\u25cc\u200b\u0e4d"  # U+0E4D: HarfBuzz takes sara am apart


def main() -> int:
    """Write every subset and print its size."""
    texts = {sample.script: sample.probe + sample.figures + sample.more for sample in SAMPLES}
    for script, (name, path, number) in SOURCES.items():
        face = hb.Face(hb.Blob((Path(sys.argv[1]) / path).read_bytes()), number)
        wanted = hb.SubsetInput()
        wanted.unicode_set.set({ord(character) for character in texts[script] + _ALWAYS})
        wanted.layout_feature_tag_set.clear()
        wanted.layout_feature_tag_set.invert()  # every feature, not only those on by default
        wanted.flags = hb.SubsetFlags.NO_HINTING | hb.SubsetFlags.NOTDEF_OUTLINE
        file = HERE / f"{name}.subset.{'otf' if path.endswith('ttc') else 'ttf'}"
        file.write_bytes(bytes(hb.subset(face, wanted).blob.data))
        print(f"{file.stat().st_size:8} bytes  {file.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
