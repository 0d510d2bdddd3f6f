"""A deviation from Chromium → the name of its reason, or none. The reasons' words stand in `deviations.json`.

Looks at the string around the place, never at which script or string it is in; what no rule knows stays unexplained
and fails the test.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from flux2flow.typography.breaking import NOT_AT_START

UNEXPLAINED = "unexplained"
EDGE = 1.0
"""Pixels by which two sums of many advances may part though every one agrees."""
CREEP = 0.1
"""Pixels per character by which a line's sum may do so."""
_FIGURE_MARKS = (".", ",", ":")
URL = re.compile(r"(?:https?://|www\.)[!-~]+")


@dataclass(frozen=True)
class Deviation:
    """What differs: a line's first break, a cluster's advance, a whole line's advance, or the visual order.

    `start` and `stop` are the cluster or line; of a break, our next line's first character and Chromium's.
    """

    kind: Literal["break", "cluster", "line", "order"]
    what: str
    start: int
    stop: int
    permitted: bool = True
    """Of a break: whether we permit Chromium's."""
    uneven: bool = False
    """Whether a cluster on the line has another advance than Chromium's, so that breaks may follow."""
    apart: float = 0.0
    """Pixels: of a line between the two advances, of a break between the box and the longer of the two lines."""


def reason(text: str, deviation: Deviation) -> str:
    """Name the reason, by the characters around the place."""
    if deviation.kind == "break":
        if deviation.start > deviation.stop and deviation.permitted:
            return _of_our_break(text, deviation)
        return _of_their_break(text, deviation)  # a stretch that we do not part may stand out of the box, too
    if deviation.kind == "cluster":
        return _of_cluster(text, deviation)
    if deviation.kind == "line" and deviation.uneven:
        return "line-of-listed-clusters"
    if deviation.kind == "line" and deviation.apart <= max(EDGE, (deviation.stop - deviation.start) * CREEP):
        emoji = any(_is_emoji(character) for character in text[deviation.start : deviation.stop])
        return "bitmap-strike" if emoji else "adds-up"
    if deviation.kind == "line" and any(abs(deviation.apart - step) < 0.2 for step in (4.0, 16.0, 12.0, 20.0)):
        return "east-asian-spacing"
    return UNEXPLAINED


def _of_our_break(text: str, deviation: Deviation) -> str:
    """We fill the line further, to a place where Chromium does not break."""
    at = deviation.start
    if any(match.start() < at < match.end() for match in URL.finditer(text)):
        return "url"
    for script in ("THAI", "KHMER"):
        if _stands_in(script, text, at) or _stands_in(script, text, deviation.stop):
            return f"{script.lower()}-dictionary"
    before, after = text[at - 1], text[at : at + 1]
    if before == "/":
        return "slash"
    names = [unicodedata.name(character or " ", "") for character in (before, after)]
    hangul = any(name.startswith("HANGUL") for name in names) and before.isalnum()
    hanja = all(name.startswith("CJK") for name in names) and re.search("[가-힣]", text)
    if hangul or hanja:
        return "korean-words"
    return _of_widths(deviation)


def _of_their_break(text: str, deviation: Deviation) -> str:
    """Chromium fills the line further, to a place where we do not break, or where our line is wider."""
    at = deviation.stop
    before, after = text[at - 1], text[at : at + 1]
    for script in ("THAI", "KHMER"):
        if _stands_in(script, text, at) or _stands_in(script, text, deviation.start):
            return f"{script.lower()}-dictionary"
    if any(match.start() < deviation.start < match.end() for match in URL.finditer(text)):
        return "url"
    if deviation.permitted:
        narrow_and_wide = {unicodedata.east_asian_width(character) in "WF" for character in (before, after or " ")}
        if len(narrow_and_wide) == 2 and before.isalnum():
            return "east-asian-spacing"
        return _of_widths(deviation)
    if before == " " and after in "–—":
        return "dash-starts-no-line"
    if "HANGUL" in unicodedata.name(after or " ", "") and unicodedata.category(before) in ("Pe", "Pf"):
        return "korean-particles"
    if before == "-" and after.isdigit():
        return "number-hyphen"
    if before == "-" and "HEBREW" in unicodedata.name(text[at - 2], ""):
        return "hebrew-hyphen"
    if after in NOT_AT_START:
        return "kinsoku"
    return UNEXPLAINED


def _of_widths(deviation: Deviation) -> str:
    if deviation.apart <= EDGE:
        return "on-the-edge"
    return "follows-from-advances" if deviation.uneven else UNEXPLAINED


def _of_cluster(text: str, deviation: Deviation) -> str:
    cluster = text[deviation.start : deviation.stop]
    if deviation.uneven:
        return "negative-advance"
    if "\ufe0f" in cluster:
        return "emoji-presentation"
    if all(unicodedata.east_asian_width(character) in "WFA" and not character.isalnum() for character in cluster):
        return "east-asian-spacing"
    after = text[deviation.stop : deviation.stop + 1] or " "
    if cluster in _FIGURE_MARKS and text[deviation.start - 1].isalnum() and unicodedata.east_asian_width(after) == "W":
        return "gap-after-mark"
    return UNEXPLAINED


def _stands_in(script: str, text: str, at: int) -> bool:
    """Say whether a place is inside a stretch of a script that does not space its words."""
    return 0 < at < len(text) and all(script in unicodedata.name(text[place], "") for place in (at - 1, at))


def _is_emoji(character: str) -> bool:
    return unicodedata.category(character) == "So" or character in "\ufe0f\u20e3"
