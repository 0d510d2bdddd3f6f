"""Collects every problem of one planning run as diagnostics that point into the user's files.

Turns an expression's error into file, line and column; raises once, at the end. Knows nothing about plans.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence

from flux2flow.domain.campaign import SourceMap
from flux2flow.errors import Diagnostic, Position, SpecError
from flux2flow.expressions import ExpressionError, evaluate

KeyPath = tuple[str | int, ...]
Place = tuple[str, KeyPath]
"""A document (`campaign`, `template:<name>`, `copy:<locale>`, `brand_kit`) and a key path in it."""


def written(path: KeyPath) -> str:
    """Give a key path as a person writes it: `assets[0].slots.headline`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def near(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """Give the known words that a misspelt one may have meant, best first."""
    return tuple(difflib.get_close_matches(word, sorted(known), n=3, cutoff=0.55))


class CopyTextError(Exception):
    """A text of the copy deck cannot be evaluated; raised from inside the expression that uses it."""

    def __init__(self, path: KeyPath, source: str, error: ExpressionError) -> None:
        super().__init__(error.message)
        self.path, self.source, self.error = path, source, error


class Problems:
    """The diagnostics of one run. The same problem met again (in another row, language or format) counts once."""

    def __init__(self, sources: Mapping[str, SourceMap]) -> None:
        self._sources = sources
        self._found: dict[tuple[str, Position, str], Diagnostic] = {}

    def add(
        self,
        place: Place,
        code: str,
        message: str,
        *,
        expected: str = "",
        remedy: str = "",
        suggestions: Sequence[str] = (),
        position: Position | None = None,
        length: int = 1,
    ) -> None:
        """Note one problem at a place; `position` overrides where the place's value stands."""
        document, path = place
        where = position or self.position(place)
        lines = self._source(document).lines if position is None or position.file == self._source(document).file else ()
        snippet = ((where.line, lines[where.line - 1]),) if 0 < where.line <= len(lines) else ()
        found = Diagnostic(code, message, where, written(path), expected, tuple(suggestions), remedy, snippet, length)
        self._found.setdefault((code, where, message), found)

    def position(self, place: Place) -> Position:
        """Where a place's value stands in its file."""
        return self._source(place[0]).position(place[1])

    def render(
        self,
        place: Place,
        source: str,
        context: Mapping[str, object],
        evaluation: Callable[[str, Mapping[str, object]], str] = evaluate,
    ) -> str | None:
        """Give the expression's text, or None after noting what is wrong with it."""
        try:
            return evaluation(source, context)
        except CopyTextError as inner:  # a text of the copy deck is wrong, not the expression that uses it
            self._expression((f"copy:{context['locale']}", inner.path), inner.source, inner.error)
        except ExpressionError as error:
            said = f" (copy/{context['locale']})" if error.message.startswith("copy") else ""
            self._expression(place, source, error, said)
        return None

    def _expression(self, place: Place, source: str, error: ExpressionError, said: str = "") -> None:
        self.add(
            place,
            error.code,
            error.message + said,
            position=self.inside(place, source, error.offset),
            length=error.length,
            suggestions=error.suggestions,
            remedy=error.remedy,
        )

    def raise_any(self) -> None:
        """Raise SpecError with everything found, in file order; nothing where all is well."""
        if self._found:
            raise SpecError(tuple(sorted(self._found.values(), key=lambda d: (d.position, d.code, d.message))))

    def _source(self, document: str) -> SourceMap:
        return self._sources.get(document) or SourceMap(document.partition(":")[2] or document, {})

    def inside(self, place: Place, source: str, offset: int) -> Position:
        """Give the position of a character in a one-line string; the string's start where it is folded or escaped."""
        start = self.position(place)
        lines = self._source(place[0]).lines
        if not 0 < start.line <= len(lines):
            return start
        column = lines[start.line - 1].find(source, max(start.column - 1, 0)) if source else -1
        return start if column < 0 else Position(start.file, start.line, column + offset + 1)
