"""Prose of a plate's brief → prose that FLUX.2 understands: nothing negated, nothing quoted.

FLUX.2 takes no negative prompts: naming a thing calls it into the picture. A few negatives have a positive form that
means the same and are rewritten; every other one is refused. Quoted words are painted as lettering, so quotation
marks are taken off. Knows nothing of plates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_NOT_ANY = r"(?:with\s+no|without(?:\s+any)?|free\s+of|avoid(?:ing)?(?:\s+any)?|no)"
_REWRITES: tuple[tuple[str, str], ...] = (
    (r"(?:visible\s+)?(?:people|persons?|humans?|models|figures|faces|hands)", "an empty, unpeopled scene"),
    (
        r"(?:visible\s+)?(?:text|words?|letters|lettering|writing|typography|captions?|logos?|labels?|brand(?:ing|s)?|watermarks?|signs?)",
        "plain unmarked surfaces",
    ),
    (r"(?:visual\s+)?(?:clutter|mess|distractions?)", "a tidy, uncluttered set"),
    (r"(?:harsh|hard|strong|heavy|deep)\s+shadows?", "soft, gentle shadows"),
    (r"shadows?", "even, shadowless light"),
    (r"(?:motion\s+)?blur(?:riness)?", "sharp focus"),
    (r"(?:harsh\s+)?(?:reflections?|glare|highlights)", "matte surfaces"),
    (r"(?:other\s+)?(?:props?|objects?|products?|items?|things?|furniture)", "an empty set"),
    (r"(?:noise|grain)", "clean, smooth tones"),
    (r"(?:seams?|edges?|horizon(?:\s+line)?)", "a seamless sweep"),
)
_LIST = r"(?:(?:\s*,\s*|\s+(?:or|and|nor)\s+)(?:no\s+|any\s+|or\s+)?{item})*"
_SAFE = tuple(
    (re.compile(rf"\b{_NOT_ANY}\s+{item}\b" + _LIST.format(item=rf"{item}\b"), re.IGNORECASE), instead)
    for item, instead in _REWRITES
)
_NEGATIVE = re.compile(
    r"\b(?:no|not|without|avoid(?:s|ed|ing)?|never|none|nothing|neither|nor|exclud(?:e|es|ed|ing)|cannot)\b|n['’]t\b",
    re.IGNORECASE,
)
_NUMBER_SIGN = re.compile(r"\bno\.?\s*\d", re.IGNORECASE)
_QUOTED = re.compile(r"[\"“”„‟«»「」『』]|(?<!\w)['‘‚](?=\w)(?P<inner>[^'‘’‚]*?\w)['’](?!\w)")
_SIDES = re.compile(r"\b(left|right)(?!\s+angles?)(?=\b|-)", re.IGNORECASE)
_OTHER = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class Refused:
    """A negative that has no safe positive form: the words, and where they stand in the text."""

    words: str
    offset: int


@dataclass(frozen=True)
class Positive:
    """Prose without negatives and quotes; `changes` say what was rewritten, `refused` what could not be."""

    text: str
    changes: tuple[str, ...]
    refused: tuple[Refused, ...]


@lru_cache(maxsize=4096)  # the same prose comes back for every language and format
def positive(text: str) -> Positive:
    """Rewrite the safe negatives, take quotation marks off, and name the negatives that remain."""
    changes: list[str] = []
    for pattern, instead in _SAFE:

        def rewritten(match: re.Match[str], instead: str = instead) -> str:
            changes.append(f"{match.group(0)!r} became {instead!r}: a model paints what a prompt names, even negated")
            return instead

        text = pattern.sub(rewritten, text)
    unquoted = _QUOTED.sub(lambda match: match.group("inner") or "", text)
    if unquoted != text:
        changes.append(
            "quotation marks were taken off: quoted words are painted as lettering; ask for them with 'words:'"
        )
    remaining = [match for match in _NEGATIVE.finditer(unquoted) if not _NUMBER_SIGN.match(unquoted, match.start())]
    refused = tuple(Refused(_with_next_word(unquoted, match), match.start()) for match in remaining)
    return Positive(unquoted, tuple(changes), refused)


def negations(text: str) -> tuple[Refused, ...]:
    """Find the negating words of a list of things to keep out, where each would say its opposite."""
    return tuple(
        Refused(_with_next_word(text, match), match.start())
        for match in _NEGATIVE.finditer(text)
        if not _NUMBER_SIGN.match(text, match.start())
    )


def sides_swapped(text: str) -> str:
    """Give the same prose for the mirrored composition: left and right change places."""

    def other(match: re.Match[str]) -> str:
        word = _OTHER[match.group(1).lower()]
        return word.capitalize() if match.group(1)[0].isupper() else word

    return _SIDES.sub(other, text)


def _with_next_word(text: str, match: re.Match[str]) -> str:
    start = match.start()
    while start > 0 and text[start - 1].isalpha():  # the word that "n't" ends
        start -= 1
    following = re.match(r"\s+[\w-]+", text[match.end() :])
    return text[start : match.end()] + (following.group(0) if following else "")
