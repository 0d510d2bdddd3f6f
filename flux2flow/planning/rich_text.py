"""A string's source and its values → text that may hold markup, whose plain words every other reader sees.

What values bring in (rows, variants, names) is plain: its signs are escaped, unless the template says otherwise.
Knows no styles and no layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flux2flow.expressions import as_text, evaluate
from flux2flow.planning.markup import ICON, MarkupError, escape, is_plain, read
from flux2flow.planning.problems import Place


class RichText(str):
    """A text with markup: as a string its plain words; `markup` with its values escaped; `literal` as it is written.

    `origin` and `source` say where it was written, `parts` which rich texts it took in.
    """

    markup: str
    literal: str
    origin: Place
    source: str
    parts: tuple[RichText, ...]

    @classmethod
    def of(cls, markup: str, literal: str, origin: Place, source: str, parts: tuple[RichText, ...]) -> RichText:
        """Make a rich text; where its markup does not close, it reads as it is written."""
        try:
            plain = read(markup).text.replace(ICON, "")
        except MarkupError:
            plain = literal
        made = cls(plain)
        made.markup, made.literal, made.origin, made.source, made.parts = markup, literal, origin, source, parts
        return made

    def culprits(self) -> Iterator[RichText]:
        """Give the innermost texts whose markup does not close."""
        inner = [text for part in self.parts for text in part.culprits()]
        if inner:
            yield from inner
        else:
            try:
                read(self.markup)
            except MarkupError:
                yield self


def rich(source: str, context: Mapping[str, object], origin: Place, *, rows: bool = False) -> str:
    """Render a source whose own words may hold markup; `rows`: what values bring in may as well."""
    parts: list[RichText] = []

    def show(value: object) -> str:
        if isinstance(value, RichText):
            parts.append(value)
            return value.literal if rows else value.markup
        return as_text(value) if rows else escape(as_text(value))

    markup = evaluate(source, context, show)
    if is_plain(markup):
        return markup
    return RichText.of(markup, literal(source, context), origin, source, tuple(parts))


def literal(source: str, context: Mapping[str, object]) -> str:
    """Render a source as it is written, with no sign read as markup."""
    return evaluate(source, context, lambda value: value.literal if isinstance(value, RichText) else as_text(value))


def is_blank(text: str) -> bool:
    """Say whether a text shows nothing: an icon alone is something."""
    return not (text.literal if isinstance(text, RichText) else text).strip()
