"""A string → the marks that tell Chromium four rules of ours that its breaker lacks, to prove them the reason.

Where a listed reason is right, a page that says so parts its lines as we do. U+2060 forbids a break, U+200B permits
one.
"""

from __future__ import annotations

import re

from flux2flow.typography.dictionaries import word_starts
from tests.torture.corpus import Text

HOLD, PART = "\u2060", "\u200b"
RULES = {
    "number-hyphen": re.compile(r"(?<=\w-)(?=\d)"),
    "hebrew-hyphen": re.compile("(?<=[\u05d0-\u05ea]-)(?=[^\\s\u05d0-\u05ea])"),
    "korean-particles": re.compile("(?<=[)\\]}’”」』》〉])(?=[\uac00-\ud7a3])"),
}
"""Places that hold, by the name of the reason."""
KHMER = re.compile("[\u1780-\u17d3\u17d7]+")
SYLLABLE = re.compile("(?<!\u17d2)(?=[\u1780-\u17b3\u17d7])")


def told(text: Text) -> dict[int, str]:
    """Give the marks by the index of the character they stand before; none where no rule of the four applies."""
    marks = {match.start(): HOLD for rule in RULES.values() for match in rule.finditer(text.text)}
    words = word_starts(text.text, text.language)
    for stretch in KHMER.finditer(text.text):
        for match in SYLLABLE.finditer(text.text, stretch.start() + 1, stretch.end()):
            if stretch.start() < match.start() < stretch.end():
                marks[match.start()] = PART if match.start() in words else HOLD
    return marks
