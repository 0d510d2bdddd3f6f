"""Text → where UAX #14 (Unicode 16) lets lines break, untailored, in one pass over the text.

The classes are uniseg's tables; uniseg's own rules give the same breaks and take twenty times as long. Knows nothing of
languages, dictionaries (Line_Break=SA is a letter here) or taste.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from uniseg.emoji import extended_pictographic
from uniseg.linebreak import line_break

_HARD = frozenset({"BK", "CR", "LF", "NL"})
_LETTERS = frozenset({"AL", "HL"})
_HANGUL = frozenset({"JL", "JV", "JT", "H2", "H3"})
_AKSARA = frozenset({"AK", "AS"})
_BEFORE_QUOTE = _HARD | {"OP", "QU", "GL", "SP", "ZW", ""}  # LB15a; "" is the text's start or end
_AFTER_QUOTE = _HARD | {"SP", "GL", "WJ", "CL", "QU", "CP", "EX", "IS", "SY", "ZW", ""}  # LB15b
_BEFORE_HYPHEN = _HARD | {"SP", "ZW", "CB", "GL", ""}  # LB20a
_RESOLVED = {"AI": "AL", "SG": "AL", "XX": "AL", "CJ": "NS"}  # LB1
_CIRCLE = "\u25cc"


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the rules ask of a character: its class, its width, whether it is an opening or a closing quote."""

    name: str
    wide: bool = False
    initial: bool = False
    final: bool = False
    pictograph_to_come: bool = False
    character: str = ""


_EDGE = _Kind("")
_LETTER = _Kind("AL")


def opportunities(text: str) -> list[int]:
    """List the indices before which a line may or must begin, without the text's start and end."""
    units, starts, joined = _units(text)
    rules = _Rules(units)
    return [starts[at] for at in range(1, len(units)) if rules.breaks(at, after_joiner=joined[at - 1])]


@lru_cache(maxsize=8192)
def _kind(character: str) -> _Kind:
    category = unicodedata.category(character)
    name = line_break(character).name
    if name == "SA":
        name = "CM" if category in ("Mn", "Mc") else "AL"
    return _Kind(
        _RESOLVED.get(name, name),
        category != "Cn" and unicodedata.east_asian_width(character) in ("F", "W", "H"),  # Python has F for unassigned
        name == "QU" and category == "Pi",
        name == "QU" and category == "Pf",
        category == "Cn" and bool(extended_pictographic(character)),
        character,
    )


def _units(text: str) -> tuple[list[_Kind], list[int], list[bool]]:
    """Join combining marks to what they stand on (LB9, LB10): units, where they start, which end with a joiner."""
    units: list[_Kind] = []
    starts: list[int] = []
    joined: list[bool] = []
    for index, character in enumerate(text):
        kind = _kind(character)
        mark = kind.name in ("CM", "ZWJ")
        if mark and units and units[-1].name not in _HARD and units[-1].name not in ("SP", "ZW"):
            joined[-1] = kind.name == "ZWJ"
            continue
        units.append(_LETTER if mark else kind)
        starts.append(index)
        joined.append(kind.name == "ZWJ")
    return units, starts, joined


class _Rules:
    """The rules of UAX #14 on the units of one text."""

    def __init__(self, units: Sequence[_Kind]) -> None:
        self.units = units
        self.flags = 0  # regional indicators in a row before the place asked about

    def _at(self, place: int) -> _Kind:
        return self.units[place] if 0 <= place < len(self.units) else _EDGE

    def _before(self, place: int, skipped: Sequence[str]) -> int:
        """Give the place of the last unit before one that is of no skipped class; -1 where there is none."""
        place -= 1
        while place >= 0 and self.units[place].name in skipped:
            place -= 1
        return place

    def breaks(self, at: int, *, after_joiner: bool) -> bool:
        """Decide whether a line may begin at a unit; asked from left to right."""
        left, right = self.units[at - 1], self.units[at]
        self.flags = self.flags + 1 if left.name == "RI" else 0
        a, b = left.name, right.name
        if a in _HARD:
            return not (a == "CR" and b == "LF")  # LB4, LB5
        if b in _HARD or b in ("SP", "ZW"):  # LB6, LB7
            return False
        base = self._before(at, ("SP",)) if a == "SP" else at - 1
        if self._at(base).name == "ZW":  # LB8
            return True
        if after_joiner:  # LB8a
            return False
        if a != "SP" and (a in ("WJ", "GL") or b == "WJ" or (b == "GL" and a not in ("BA", "HY"))):  # LB11 to LB12a
            return False
        if b == "WJ":
            return False
        if b in ("CL", "CP", "EX", "SY") or self._held_over_spaces(base, at):  # LB13 to LB15b
            return False
        if a == "SP":
            return self._breaks_after_space(base, at)
        if b == "IS" or (a in ("CL", "CP") and b == "NS") or a == b == "B2":  # LB15d, LB16, LB17
            return False
        return not self._quoted(at) and (  # LB19, LB19a, LB20
            a == "CB" or b == "CB" or not (self._hyphenated(at) or self._numeric(at) or self._joined(at))
        )

    def _held_over_spaces(self, base: int, at: int) -> bool:
        """LB14, LB15a, LB15b: brackets and quotes hold what follows or precedes, across spaces."""
        first, right = self._at(base), self.units[at]
        if first.name == "OP":
            return True
        if first.initial and self._at(base - 1).name in _BEFORE_QUOTE:
            return True
        return right.final and self._at(at + 1).name in _AFTER_QUOTE

    def _breaks_after_space(self, base: int, at: int) -> bool:
        """LB15c to LB18: after spaces all but a few pairs part."""
        first, b = self._at(base).name, self.units[at].name
        if b == "IS":
            return self._at(at + 1).name == "NU"
        return not ((first in ("CL", "CP") and b == "NS") or first == b == "B2")

    def _quoted(self, at: int) -> bool:
        """LB19 and LB19a: quotes hold on to their word, but for the outside of East Asian ones."""
        left, right = self.units[at - 1], self.units[at]
        if right.name == "QU" and (
            not right.initial or not left.wide or at + 1 == len(self.units) or not self._at(at + 1).wide
        ):
            return True
        return left.name == "QU" and (not left.final or not right.wide or at == 1 or not self._at(at - 2).wide)

    def _hyphenated(self, at: int) -> bool:
        """LB20a to LB22: hyphens, small kana and leaders hold on to what stands before them."""
        a, b, left = self.units[at - 1].name, self.units[at].name, self.units[at - 1]
        before = self._at(at - 2).name
        hyphen = a == "HY" or left.character == "\u2010"
        if hyphen and b == "AL" and before in _BEFORE_HYPHEN:
            return True
        if b in ("BA", "HY", "NS", "IN") or a == "BB":
            return True
        if before == "HL" and b != "HL" and (a == "HY" or (a == "BA" and not left.wide)):
            return True
        return a == "SY" and b == "HL"

    def _numeric(self, at: int) -> bool:
        """LB23 to LB25: numbers hold their letters, signs and units."""
        a, b = self.units[at - 1].name, self.units[at].name
        if (a in _LETTERS and b == "NU") or (a == "NU" and b in _LETTERS):
            return True
        if (a == "PR" and b in ("ID", "EB", "EM")) or (a in ("ID", "EB", "EM") and b == "PO"):
            return True
        if (a in ("PR", "PO") and b in _LETTERS) or (a in _LETTERS and b in ("PR", "PO")):
            return True
        if a in ("PR", "PO") and b == "OP":
            following = self._at(at + 1).name
            return following == "NU" or (following == "IS" and self._at(at + 2).name == "NU")
        if b == "NU" and a in ("PO", "PR", "HY", "IS"):
            return True
        if b not in ("NU", "PO", "PR"):
            return False
        last = at - 1 if b == "NU" or a not in ("CL", "CP") else at - 2  # a closing bracket, then NU (SY | IS)*
        return self._at(self._before(last + 1, ("SY", "IS"))).name == "NU"

    def _joined(self, at: int) -> bool:
        """LB26 to LB30b: syllables, words, flags and emoji stay whole."""
        left, right = self.units[at - 1], self.units[at]
        a, b = left.name, right.name
        if (a == "JL" and b in ("JL", "JV", "H2", "H3")) or (a in ("JV", "H2") and b in ("JV", "JT")):
            return True
        if (a in ("JT", "H3") and b == "JT") or (a in _HANGUL and b == "PO") or (a == "PR" and b in _HANGUL):
            return True
        if b in _LETTERS and (a in _LETTERS or a == "IS"):
            return True
        if self._aksara(at):
            return True
        if a in _LETTERS | {"NU"} and b == "OP" and not right.wide:
            return True
        if a == "CP" and not left.wide and b in _LETTERS | {"NU"}:
            return True
        if a == b == "RI":
            return self.flags % 2 == 1
        return b == "EM" and (a == "EB" or left.pictograph_to_come)

    def _aksara(self, at: int) -> bool:
        """LB28a: the syllables of Brahmic scripts."""

        def base(kind: _Kind) -> bool:
            return kind.name in _AKSARA or kind.character == _CIRCLE

        left, right = self.units[at - 1], self.units[at]
        if left.name == "AP":
            return base(right)
        if base(left) and right.name in ("VF", "VI"):
            return True
        if left.name == "VI" and base(self._at(at - 2)) and (right.name == "AK" or right.character == _CIRCLE):
            return True
        return base(left) and base(right) and self._at(at + 1).name == "VF"
