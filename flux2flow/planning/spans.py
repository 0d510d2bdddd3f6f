"""A text's markup and the kit's styles → its plain text and the spans that are set in types of their own.

Nested markup becomes spans side by side. What the kit lacks is noted where it was written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from flux2flow.domain.files import PictureFile
from flux2flow.domain.scene import InlineIcon, TextSpan, Type
from flux2flow.planning.markup import Marked, MarkupError, Span, is_plain, read
from flux2flow.planning.problems import Place, Problems, near
from flux2flow.planning.rich_text import RichText
from flux2flow.planning.types import Types


@dataclass(frozen=True)
class Spans:
    """Resolves the markup of one layer's text; `where` names the layer and the language in messages."""

    types: Types
    pictures: Mapping[str, PictureFile]
    problems: Problems
    where: str

    def resolve(self, text: str, type: Type) -> tuple[str, tuple[TextSpan, ...]]:
        """Give the plain text and its spans; no spans after noting what is wrong with the markup."""
        if not isinstance(text, RichText):
            return text, ()
        try:
            marked = read(text.markup)
        except MarkupError as error:
            self._unclosed(text, error)
            return str(text), ()
        return marked.text, self._flat(text, marked, type)

    def _flat(self, text: RichText, marked: Marked, base: Type) -> tuple[TextSpan, ...]:
        edges = sorted({edge for span in marked.spans for edge in (span.start, span.stop)})
        made: list[TextSpan] = []
        for start, stop in pairwise(edges):
            covering = [span for span in marked.spans if span.start <= start and stop <= span.stop]
            if not covering:
                continue
            type, icon = self._type(text, covering, base)
            last = made[-1] if made else None
            if last is not None and last.stop == start and last.type == type and not (icon or last.icon):
                made[-1] = replace(last, stop=stop)
            elif type is not base or icon is not None:
                made.append(TextSpan(start, stop, type, icon))
        return tuple(made)

    def _type(self, text: RichText, covering: Sequence[Span], base: Type) -> tuple[Type, InlineIcon | None]:
        """Give what a stretch is set in: every markup around it, from the outermost inwards."""
        type, style, icon = base, base.style, None
        for span in covering:
            if span.kind == "icon":
                icon = self._icon(text, span)
            elif span.kind == "accent":
                accent = self.types.accent(style, type) if style in self.types.kit.styles else None
                if accent is None:
                    message = f"style {style!r} has no accent, and {self.where} uses one"
                    remedy = (
                        "give the style one in the brand kit, such as accent: {color: accent}; or write \\* for a star"
                    )
                    self._note(text, span, "no-accent", message, remedy)
                type = accent or type
            elif span.name in self.types.kit.styles:
                type, style = self.types.span(span.name, type), span.name
            else:
                known = list(self.types.kit.styles)
                message = f"the brand kit has no text style {span.name!r}, which {self.where} uses"
                self._note(text, span, "unknown-style", message, f"one of: {', '.join(known)}", near(span.name, known))
        return type, icon

    def _icon(self, text: RichText, span: Span) -> InlineIcon | None:
        picture = self.pictures.get(f"icon:{span.name}")
        if picture is not None:
            return InlineIcon(span.name, picture)
        known = [key.removeprefix("icon:") for key in self.pictures if key.startswith("icon:")]
        message = f"the brand kit has no icon {span.name!r}, which {self.where} uses"
        remedy = f"it has: {', '.join(known) or 'none'}; write \\: for a colon that begins no icon"
        self._note(text, span, "unknown-icon", message, remedy, near(span.name, known))
        return None

    def _note(
        self, text: RichText, span: Span, code: str, message: str, remedy: str, suggestions: Sequence[str] = ()
    ) -> None:
        sign = {"accent": "*", "style": f"]{{{span.name}}}", "icon": f":{span.name}:"}[span.kind]
        owner = _owner(text, sign)
        offset = span.offset if owner.source == text.source == text.markup else owner.source.find(sign)
        place, position = owner.origin, self.problems.inside(owner.origin, owner.source, max(offset, 0))
        self.problems.add(place, code, message, remedy=remedy, suggestions=suggestions, position=position)

    def _unclosed(self, text: RichText, error: MarkupError) -> None:
        for culprit in dict.fromkeys(text.culprits()):
            try:
                read(culprit.markup)
            except MarkupError as own:
                error = own
            exact = culprit.source == culprit.markup
            offset = error.offset if exact else max(culprit.source.find(culprit.markup[error.offset]), 0)
            place: Place = culprit.origin
            self.problems.add(
                place,
                "markup",
                f"{error.message} (in {self.where})",
                remedy=error.remedy,
                position=self.problems.inside(place, culprit.source, offset),
                length=error.length,
            )


def _owner(text: RichText, sign: str) -> RichText:
    """Find the innermost text in whose source a sign stands."""
    for part in text.parts:
        if sign in part.markup and not is_plain(part.markup):
            return _owner(part, sign)
    return text
