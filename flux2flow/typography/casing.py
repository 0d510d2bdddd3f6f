"""Copy → the characters to set: tidied white space, and upper case by the language's own rules.

Brand names keep their letters. Knows nothing about fonts or lines.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from flux2flow.errors import TypographyError

MAX_CHARACTERS = 4000
MAX_MARKS = 30
"""On one letter; Unicode's Stream-Safe Text Format (UAX #15) draws the same line."""

_LINE_ENDS = re.compile(r"[ \t]*(?:\r\n|[\n\r\v\f\x85\u2028\u2029])[ \t]*")
_SPACES = re.compile(r"[ \t]+")
_DOTTED_I = ("tr", "az", "kk", "tt", "ba")
_GREEK_TONOS = "\u0301"
_DIALYTIKA = "\u0308"


def admit(text: str) -> None:
    """Refuse what no picture can hold; raises TypographyError with the limit (line breaking takes quadratic time)."""
    if len(text) > MAX_CHARACTERS:
        raise TypographyError(f"‘{text[:40]}…’ has {len(text)} characters; a text holds at most {MAX_CHARACTERS}")
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > MAX_MARKS:
            raise TypographyError(f"‘{text[:40]}…’ has more than {MAX_MARKS} combining marks on one letter")


def tidy(text: str) -> str:
    r"""Make every line end `\n`, every run of spaces and tabs one space, and trim; no-break spaces stay."""
    return _SPACES.sub(" ", _LINE_ENDS.sub("\n", text)).strip(" \n\t\r")


def tidied_places(text: str, places: Iterable[int]) -> list[int]:
    """Find where places of a text stand once it is tidied."""
    whole = tidy(text)

    def place(index: int) -> int:
        before = _SPACES.sub(" ", _LINE_ENDS.sub("\n", text[:index])).lstrip(" \n\t\r")
        return min(len(before), len(whole))

    return [place(index) for index in places]


def names_in(text: str, names: Iterable[str]) -> list[tuple[int, int]]:
    """Find where brand names stand, as (start, stop), whatever their case and the width of their spaces."""
    found = []
    for name in names:
        pattern = r"\s+".join(re.escape(word) for word in name.split())
        if pattern:  # where words are not spaced, a name may have letters of another alphabet on both sides
            edges = (r"(?<![A-Za-z])", r"(?![A-Za-z])") if name.isascii() else ("", "")
            found += [match.span() for match in re.finditer(edges[0] + pattern + edges[1], text, re.IGNORECASE)]
    return sorted(found)


def upper(text: str, language: str, kept: Sequence[str] = ()) -> str:
    """Set text in capitals as the language writes them; the names in `kept` stay as they are.

    Turkish and its kin: i → İ. German: ß → SS. Greek: accents go, the dialytika stays, and comes where a lost accent
    parted two vowels. Dutch and the others follow Unicode.
    """
    result, place = [], 0
    for start, stop in names_in(text, kept):
        if start >= place:
            result += [_upper(text[place:start], language), text[start:stop]]
            place = stop
    return "".join([*result, _upper(text[place:], language)])


def capital(letter: str, language: str) -> str:
    """Give one letter's capital where that is one letter too; ß has one of its own."""
    if letter == "ß":
        return "ẞ"
    made = _upper(letter, language)
    return made if len(made) == 1 else letter


def _upper(text: str, language: str) -> str:
    primary = language.split("-")[0].lower()
    if primary in _DOTTED_I:
        text = text.replace("i\u0307", "İ").replace("i", "İ")
    elif primary == "lt":
        text = text.replace("i\u0307", "i")  # Lithuanian keeps the dot under an accent in lower case only
    elif primary == "el":
        return _upper_greek(text)
    return text.upper()


def _upper_greek(text: str) -> str:
    letters = unicodedata.normalize("NFD", text)
    result: list[str] = []
    accented_vowel = False  # whether the letter before lost an accent, so that ι or υ after it needs a dialytika
    place = 0
    while place < len(letters):
        base, stop = letters[place], place + 1
        while stop < len(letters) and unicodedata.combining(letters[stop]):
            stop += 1
        marks = letters[place + 1 : stop]
        if "GREEK" not in unicodedata.name(base, ""):
            result.append((base + marks).upper())
            accented_vowel = False
        elif base in "ηΗ" and marks == _GREEK_TONOS and _alone(letters, place, stop):
            result.append("Ή")  # the word ‘or’ keeps its accent, to differ from the article
            accented_vowel = False
        else:
            parted = accented_vowel and base in "ιυΙΥ" and not marks
            result.append(base.upper() + (_DIALYTIKA if _DIALYTIKA in marks or parted else ""))
            accented_vowel = _GREEK_TONOS in marks and _DIALYTIKA not in marks and base in "αεοηΑΕΟΗ"
        place = stop
    return unicodedata.normalize("NFC", "".join(result))


def _alone(letters: str, start: int, stop: int) -> bool:
    before = letters[start - 1 : start] if start else ""
    return not before.isalpha() and not letters[stop : stop + 1].isalpha()
