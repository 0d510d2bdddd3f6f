"""Copy and its spans → the characters that are set, with every span's place among them.

Tidies white space and applies capitals span by span; where a font has no small capitals, finds the letters that
smaller capitals stand for. Knows no sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from flux2flow.domain.scene import TextSpan, Type, Writing
from flux2flow.typography import casing
from flux2flow.typography.fonts import Cut

_SMALLER = 1.06
"""Made small capitals stand a little above the x-height, as drawn ones do."""
_HEAVIER = 70
"""Added to their weight, where the font can, so that they do not look thinner than the letters beside them."""


@dataclass(frozen=True, slots=True)
class WordSpan:
    """A span of the characters that are set; `synthetic` ones are shown as smaller capitals, and stay what they are."""

    start: int
    stop: int
    source: TextSpan
    synthetic: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """The characters of a text as they are set, its spans in order, and how it is written."""

    text: str
    spans: tuple[WordSpan, ...] = ()
    writing: Writing = "horizontal"


def worded(
    text: str,
    type: Type,
    spans: Sequence[TextSpan],
    writing: Writing,
    cut: Callable[[Type], Cut],
    upper: Callable[[str], str],
) -> Words:
    """Give the characters that are set; `cut` gives a type's first face, `upper` sets a text in capitals."""
    edges = casing.tidied_places(text, [edge for span in spans for edge in (span.start, span.stop)])
    tidied = casing.tidy(text)
    made: list[WordSpan] = []
    pieces: list[str] = []
    length = 0

    def add(piece: str, source: TextSpan | None, type: Type) -> None:
        nonlocal length
        for words, own, synthetic in _cased(piece, type, cut, upper):
            if source is not None or own is not type:
                covering = TextSpan(length, length + len(words), own, source.icon if source else None)
                made.append(WordSpan(length, length + len(words), covering, synthetic))
            pieces.append(words)
            length += len(words)

    place = 0
    for number, span in enumerate(spans):
        start, stop = edges[2 * number], edges[2 * number + 1]
        add(tidied[place:start], None, type)
        add(tidied[start:stop], span, span.type)
        place = stop
    add(tidied[place:], None, type)
    return Words("".join(pieces), tuple(made), writing)


def _cased(
    piece: str, type: Type, cut: Callable[[Type], Cut], upper: Callable[[str], str]
) -> Iterator[tuple[str, Type, bool]]:
    """Give the parts of a stretch with the type that each is set in, and whether it is made of something else."""
    if not piece:
        return
    if type.upper:
        yield upper(piece), type, False
        return
    if type.small_caps == "none":
        yield piece, type, False
        return
    face = cut(type)
    wanted = ("smcp", "c2sc") if type.small_caps == "all" else ("smcp",)
    if all(face.has(feature) for feature in wanted):
        features = dict(type.features) | dict.fromkeys(wanted, 1)
        yield piece, replace(type, features=tuple(sorted(features.items()))), False
        return
    size = min(face.metrics.x_height / face.metrics.cap_height * _SMALLER, 1.0)
    small = replace(type, scale=type.scale * size, weight=min(type.weight + _HEAVIER, 1000))
    for is_small, letters in groupby(piece, lambda letter: _is_small(letter, type.small_caps == "all")):
        part = "".join(letters)
        yield (part, small, True) if is_small else (part, type, False)


def _is_small(letter: str, all_letters: bool) -> bool:
    return letter.islower() or (all_letters and (letter.isupper() or letter.isdecimal()))
