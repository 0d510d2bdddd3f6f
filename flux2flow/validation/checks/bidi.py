"""Set text → direction marks that do not pair or do nothing, and punctuation on a line's wrong side."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.layout import PlacedLine, PlacedText
from flux2flow.interfaces import CheckSubject
from flux2flow.validation.subjects import about, excerpt

_OPENING = {"\u2066": "\u2069", "\u2067": "\u2069", "\u2068": "\u2069"} | dict.fromkeys(
    "\u202a\u202b\u202d\u202e", "\u202c"
)
_CLOSING = frozenset("\u2069\u202c")
_MARKS = frozenset("\u200e\u200f\u061c")
_ENDS = frozenset(".!?…؟۔،؛,;:")
_FORWARD = frozenset("→⇒➔➜➝➞➡⟶⟹▶►")
"""Arrows that point the way Latin reads. Unicode mirrors brackets in right-to-left text, and no arrow."""

_RTL = ("R", "AL")


class _Bidi:
    id = "bidi"
    aliases = ("T13",)
    title = "Direction"
    rationale = (
        "A direction isolate that is never closed turns what follows it around; a direction mark in text without "
        "any right-to-left letter, or twice in a row, is a leftover of copying. And the sign that shows a paragraph "
        "was set in the wrong direction is a full stop before the sentence: where a line ends with punctuation, "
        "that must stand on the side where the line's own letters end. Logos are placed as pictures and never "
        "mirrored. T13."
    )
    level: Level = "warn"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per text and kind of mistake, one per line with a stray mark."""
        for text in subject.layout.texts():
            for message, remedy in _in_copy(text.text):
                yield about(self, subject, text, f"{message}: ‘{_visible(text.text)}’", remedy=remedy)
            for line in text.lines:
                if not line.vertical and (wrong := _wrong_edge(text, line)):
                    yield about(
                        self, subject, text, f"‘{wrong}’ stands on the wrong side of ‘{excerpt(line.text)}’",
                        box=line.box, remedy="Put this text into isolates: U+2068 … U+2069.",
                    )  # fmt: skip


def _in_copy(text: str) -> Iterator[tuple[str, str]]:
    open_: list[str] = []
    for character in text:
        if character in _OPENING:
            open_.append(_OPENING[character])
        elif character in _CLOSING:
            if not open_ or open_.pop() != character:
                yield "a direction isolate or embedding is closed that was never opened", "Remove the closing mark."
                return
        elif character == "\n" and open_:
            break
    if open_:
        yield "a direction isolate or embedding is never closed", "Close it: U+2069 after an isolate, U+202C else."
    marks = [character for character in text if character in _MARKS]
    if marks and not any(unicodedata.bidirectional(c) in _RTL for c in text if c not in _MARKS):
        yield "there are direction marks and no right-to-left letter", "Remove them."
    elif any(a == b and a in _MARKS for a, b in pairwise(text)):
        yield "a direction mark stands there twice", "Keep one."
    strong = [kind for c in text if (kind := unicodedata.bidirectional(c)) in ("L", *_RTL)]
    if strong and "L" not in strong and text.strip(" .!؟")[-1:] in _FORWARD:
        yield "an arrow at the end of right-to-left text points back", "Write ← there: arrows are not mirrored."


def _wrong_edge(text: PlacedText, line: PlacedLine) -> str:
    """Name the last character of a line where it is punctuation on the side where the line begins."""
    end = line.start + len(line.text.rstrip())
    inked = {g.cluster: g.ink for run in line.runs for g in run.glyphs if g.ink is not None}
    last = end - 1
    if last not in inked or text.text[last] not in _ENDS:
        return ""
    strong = [unicodedata.bidirectional(text.text[i]) for i in range(line.start, last)]
    rightward, leftward = strong.count("L"), sum(kind in _RTL for kind in strong)
    if min(rightward, leftward) > 0 or not (rightward or leftward):
        return ""  # a line of both directions has no side of its own; a line of numbers neither
    ink = inked[last]
    others = [box for cluster, box in inked.items() if cluster < last and text.text[cluster].isalpha()]
    if not others:
        return ""
    before, after = ink.right <= min(box.x for box in others), ink.x >= max(box.right for box in others)
    wrong = before if rightward else after
    return text.text[last] if wrong else ""


def _visible(text: str) -> str:
    return excerpt("".join(f"[U+{ord(c):04X}]" if unicodedata.category(c) == "Cf" else c for c in text))


CHECK = _Bidi()
