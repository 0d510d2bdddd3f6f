"""Read every text of the examples' Latin pictures back from the encoded file, and print the share of right characters.

python -m tests.reading.bench_readback [LOCALE…]
"""

from __future__ import annotations

import sys
import time

from flux2flow.gates.pictures import decode_canvas
from flux2flow.interfaces import CheckSubject
from flux2flow.reading import open_reader
from flux2flow.validation.checks.ocr_readback import read_back
from tests.auditing.pictures import picture, scenes

LATIN = ("en", "de")


def main() -> None:
    locales = tuple(sys.argv[1:]) or LATIN
    reader = open_reader()
    pictures = lines = characters = errors = 0
    began = time.perf_counter()
    for example in ("aurora", "halfmoon"):
        for scene in scenes(example, locales):
            made = picture(example, scene.id)
            subject = CheckSubject(
                made.scene, made.layout, made.standard.format, decoded=decode_canvas(made.data), reader=reader
            )
            pictures += 1
            for text in made.layout.texts():
                for line in read_back(subject, text):
                    lines, characters, errors = lines + 1, characters + line.characters, errors + line.errors
                    if line.errors:
                        print(f"{scene.id} {text.id}: {line.wanted!r} read as {line.read!r}", flush=True)
    seconds = time.perf_counter() - began
    print(
        f"{reader.name}, {', '.join(locales)}: {pictures} pictures, {lines} lines, {characters} characters, "
        f"{errors} wrong, {1 - errors / characters:.2%} right; {seconds:.0f} s with rendering"
    )


if __name__ == "__main__":
    main()
