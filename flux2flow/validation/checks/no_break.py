"""Set lines → what belongs together and was parted: names, numbers and units, dates, spaced marks, single letters.

Shares its words with the typesetter (`domain.kept_together`) and none of its patterns: it judges the line ends that
were really set, so that a mistake of the typesetter's rules does not pass here too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.kept_together import CURRENCY_CODES, CURRENCY_SIGNS, UNITS, neighbour, words_of
from flux2flow.domain.layout import PlacedText
from flux2flow.interfaces import CheckSubject
from flux2flow.validation.subjects import about, excerpt, stop

_SPACE = "[ \u00a0\u2009\u202f\n]"
_GAP = f"({_SPACE}+)"
"""What a line must not end in: a pattern's groups are its gaps, and nothing else."""
_DAY, _LETTER = r"(?<!\d)\d{1,2}", r"[^\W\d_]"
_SMALL = f"[{''.join(chr(code) for code in range(0x61, 0x0590) if chr(code).islower())}]"
_UNIT = UNITS.replace("␣", f"{_SPACE}+")


class _NoBreak:
    id = "no-break"
    aliases = ("T12",)
    title = "Kept together"
    rationale = (
        "‘5 | kg’, ‘€ | 49’, ‘24. | Dezember’, a brand's name over two lines, a French exclamation mark at a line's "
        "beginning, a Polish ‘w’ at its end: readers stumble, and typesetters never do it. The rules are looked for at "
        "every line's end, by language; a line end that the copy itself asks for is left alone. T12."
    )
    level: Level = "warn"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per line end that parts something."""
        for text in subject.layout.texts():
            ends = {stop(text, number): number for number in range(len(text.lines) - 1)}
            asked = {place for place in ends if text.text[place - 1] == "\n"}
            told: set[int] = set()
            for what, start, end, match in _kept(text, subject):
                for place in sorted(ends.keys() - asked - told):
                    if start < place <= end:
                        told.add(place)
                        message = f"{what} parted over two lines: ‘{excerpt(match)}’"
                        remedy = "Put a no-break space (U+00A0) there in the copy, or shorten the line."
                        yield about(
                            self, subject, text, message, box=text.lines[ends[place]].box, remedy=remedy
                        )  # fmt: skip


def _kept(text: PlacedText, subject: CheckSubject) -> Iterator[tuple[str, int, int, str]]:
    """Yield what is to stay whole: its kind, and between which indices no line may end."""
    for what, pattern in _rules(neighbour(subject.scene.locale)):
        for match in pattern.finditer(text.text):
            for gap in range(1, pattern.groups + 1):
                if match.start(gap) >= 0:
                    yield what, *match.span(gap), match.group()
    for name in (*subject.scene.unbroken, *subject.standards.names):
        words = r"\s+".join(re.escape(word) for word in name.split())
        for match in re.finditer(rf"(?<!\w){words}(?!\w)", text.text, re.IGNORECASE):
            yield "the name is", match.start(), match.end() - 1, match.group()


@lru_cache(maxsize=64)
def _rules(language: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Write the patterns of a language, each with what it says was parted."""
    sources = [
        ("a number and its unit are", rf"\d{_GAP}(?:{_UNIT}|[{CURRENCY_SIGNS}٪؉]|{CURRENCY_CODES})(?!\w)"),
        ("a sign and its number are", rf"(?:[{CURRENCY_SIGNS}§№#]|(?<![A-Z])(?:{CURRENCY_CODES})){_GAP}\d"),
        ("the parts of a number are", rf"\d({_SPACE})\d{{3}}(?!\d)"),
        ("a date is", rf"{_DAY}\.{_GAP}\d{{1,2}}\."),
        *_of_words(language),
    ]
    return tuple((what, re.compile(source)) for what, source in sources)


def _of_words(language: str) -> Iterator[tuple[str, str]]:
    words = words_of(language)
    if words.months:
        months = _as_written(words.months)
        after = r"(?!\w)" if words.months.isascii() else ""  # an ending may follow where names have cases
        link = f"(?:(?i:{words.day_link}){_GAP})" if words.day_link else ""
        yield "a date is", rf"{_DAY}(?:er|re|º|ª|\.)?{_GAP}{link}{months}{after}"
        if words.month_first:
            yield "a date is", rf"(?<!\w){months}{_GAP}\d{{1,2}}(?!\d)"
    if words.ordinal_stop:  # before a capital the full stop may end a sentence
        yield "a number and its word are", rf"{_DAY}\.{_GAP}{_SMALL}"
    if words.numbered:
        yield "a word and its number are", rf"(?<!\w){_as_written(words.numbered)}{_GAP}\d"
    if words.titles:  # not after a number, where г. is a year and may end a sentence; a name has no small initial
        titles = rf"(?<![\w-])(?<!\d{_SPACE}){_as_written(words.titles)}"
        yield "a title and its name are", rf"{titles}{_GAP}(?!{_SMALL}){_LETTER}"
    if words.quantities:
        yield "a number and what it counts are", rf"\d{_GAP}{_as_written(words.quantities)}(?!\w)"
    if words.short:
        yield "a short word and the next are", rf"(?<![\w’'-])(?i:{words.short}){_GAP}\w"
    if words.leaning:
        yield "a word and its particle are", rf"{_LETTER}{_GAP}(?i:{words.leaning})(?![\w-])"
    if words.closing:
        yield "a word and its mark are", rf"\S{_GAP}[{words.closing}]"
    if words.opening:
        yield "a mark and its word are", rf"[{words.opening}]{_GAP}\S"


def _as_written(words: str) -> str:
    """Match words as they are written, or in capitals: ‘12 may go’ is no date, and ‘12 MAY’ is."""
    return f"(?:{words}|{words.upper()})"


CHECK = _NoBreak()
