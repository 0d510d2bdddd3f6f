r"""Hand-written strings → more of them: the beginning of one with the end of another, so that words meet other widths.

By hand only, after a change of the strings; writes `strings/recombined/<script>.txt`. Knows nothing of results: what
agrees and what does not enters alike.

    PYTHONPATH=.:engine python tests/torture/recombine.py
"""

from __future__ import annotations

import random
import re
import sys

from tests.torture.corpus import SCRIPTS, STRINGS, Text, escaped, texts

COUNT = 300
"""Strings per script, the hand-written ones included."""
ISOLATES = re.compile("[\u2066-\u2069]")
UNSPACED = frozenset({"japanese", "chinese"})


def pieces(text: Text) -> list[str]:
    """Part a string at its spaces; Japanese and Chinese after their marks, and after every fourth letter."""
    if text.script not in UNSPACED:
        return text.text.split(" ")
    return [
        piece
        for piece in re.findall(r"[^、。，！？：；\s]{1,4}[、。，！？：；\s]*|[、。，！？：；\s]+", text.text)
        if piece
    ]


def recombined(script: str, written: tuple[Text, ...], count: int) -> list[tuple[str, str]]:
    """Draw so many new strings, seeded by the script's name: (language, text)."""
    draw = random.Random(f"flux2flow torture {script}")
    joint = "" if script in UNSPACED else " "
    sources = [text for text in written if not ISOLATES.search(text.text)]
    known = {text.text for text in written}
    found: list[tuple[str, str]] = []
    while len(found) < count:
        first = draw.choice(sources)
        others = [text for text in sources if text.language == first.language and text is not first] or sources
        head, tail = pieces(first), pieces(draw.choice(others))
        made = joint.join([*head[: draw.randint(1, len(head))], *tail[draw.randint(0, len(tail) - 1) :]])
        if made not in known and len(made) >= 12:
            known.add(made)
            found.append((first.language, made))
    return found


def main() -> int:
    """Write every script's file."""
    folder = STRINGS / "recombined"
    folder.mkdir(exist_ok=True)
    for script in SCRIPTS:
        written = tuple(text for text in texts(script) if not text.recombined)
        rows = recombined(script, written, COUNT - len(written))
        lines = ["# Written by recombine.py.", *(f"{language}|{escaped(text)}" for language, text in rows)]
        (folder / f"{script}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{script}: {len(written)} + {len(rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
