"""Set lines → what belongs together and was parted: names, numbers and units, dates, French marks, single letters.

Has rules of its own and asks nothing of the typesetter, so that a mistake of its rules does not pass here too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.layout import PlacedText
from flux2flow.interfaces import CheckSubject
from flux2flow.validation.subjects import about, excerpt, stop

_SPACE = "[ \u00a0\u2009\u202f\n]"
_UNIT = r"(?:%|‰|°C?|℃|[€$£¥₹₽]|[kKMGTmcµn]?(?:m|g|l|L|W|V|A|Hz|B|b|s|J|Pa)|px|pt|dB|lm|min|h|ha|kWh|EUR|USD|GBP|CHF)"
_EVERYWHERE = (
    ("a number and its unit", re.compile(rf"\d({_SPACE}+){_UNIT}(?!\w)")),
    ("a sign and its number", re.compile(rf"[€$£¥₹§№#]({_SPACE}+)\d")),
    ("the parts of a number", re.compile(rf"\d({_SPACE})\d{{3}}(?!\d)")),
    ("a date", re.compile(rf"(?<!\d)\d{{1,2}}\.({_SPACE}+)\d{{1,2}}\.")),
)
_BY_LANGUAGE: dict[str, tuple[tuple[str, re.Pattern[str]], ...]] = {}

_MONTHS = {
    "en": "January|February|March|April|May|June|July|August|September|October|November|December",
    "de": "Januar|Jänner|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember",
    "fr": "janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre",
    "es": "enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre",
    "it": "gennaio|febbraio|marzo|aprile|maggio|giugno|luglio|agosto|settembre|ottobre|novembre|dicembre",
    "nl": "januari|februari|maart|april|mei|juni|juli|augustus|september|oktober|november|december",
    "pl": "stycznia|lutego|marca|kwietnia|maja|czerwca|lipca|sierpnia|września|października|listopada|grudnia",
}
for _language, _names in _MONTHS.items():
    # As it is written, or in capitals: ‘12 may go’ is no date.
    _before = rf"(?<!\d)\d{{1,2}}\.?({_SPACE}+)(?:{_names}|{_names.upper()})\b"
    _BY_LANGUAGE[_language] = (("a date", re.compile(_before)),)
_BY_LANGUAGE["en"] += (
    ("a date", re.compile(rf"\b(?:{_MONTHS['en']})({_SPACE}+)\d{{1,2}}(?!\d)")),
    ("a title and its name", re.compile(rf"\b(?:Mr|Mrs|Ms|Dr|Prof)\.({_SPACE}+)[A-Z]")),
)
_BY_LANGUAGE["fr"] += (
    ("a word and its mark", re.compile(rf"\w({_SPACE}+)[;:!?»%]")),
    ("a mark and its word", re.compile(rf"«({_SPACE}+)\w")),
    ("a title and its name", re.compile(rf"\b(?:M\.|Mme|Mlle|Dr)({_SPACE}+)[A-ZÉ]")),
)
# Polish and Czech leave no one-letter preposition or conjunction at a line's end (sierotki; ČSN 01 6910).
_BY_LANGUAGE["pl"] += (("a single letter and its word", re.compile(rf"(?<!\w)[aiouwzAIOUWZ]({_SPACE}+)\w")),)
for _language in ("cs", "sk"):
    _BY_LANGUAGE[_language] = (
        ("a single letter and its word", re.compile(rf"(?<!\w)[ksvzouaiKSVZOUAI]({_SPACE}+)\w")),
        ("a date", re.compile(rf"(?<!\d)\d{{1,2}}\.({_SPACE}+)[^\W\d_]")),
    )


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
    language = subject.scene.locale.split("-")[0].lower()
    for what, pattern in (*_EVERYWHERE, *_BY_LANGUAGE.get(language, ())):
        for match in pattern.finditer(text.text):
            yield f"{what} are" if " and " in what or "parts" in what else f"{what} is", *match.span(1), match.group()
    for name in (*subject.scene.unbroken, *subject.standards.names):
        words = r"\s+".join(re.escape(word) for word in name.split())
        for match in re.finditer(rf"(?<!\w){words}(?!\w)", text.text, re.IGNORECASE):
            yield "the name is", match.start(), match.end() - 1, match.group()


CHECK = _NoBreak()
