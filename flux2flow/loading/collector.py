"""Collects the diagnostics of one run over all files, and gives them in file order.

Knows nothing of what is checked.
"""

from __future__ import annotations

from collections.abc import Sequence

from flux2flow.errors import Diagnostic, Position, SpecError
from flux2flow.expressions import ExpressionError
from flux2flow.loading.yaml_document import Document, KeyPath, written


class Collector:
    """The problems of one run. Files come in the order in which they were first named."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Position, str], Diagnostic] = {}
        self._order: dict[str, int] = {}

    def name(self, file: str) -> None:
        """Give a file its place in the order."""
        self._order.setdefault(file, len(self._order))

    def add(self, diagnostic: Diagnostic) -> None:
        """Take one problem; the same one again counts once."""
        self.name(diagnostic.position.file)
        key = (diagnostic.code, diagnostic.position, diagnostic.message)
        self._found.setdefault(key, diagnostic)

    def extend(self, diagnostics: Sequence[Diagnostic]) -> None:
        """Take several problems."""
        for diagnostic in diagnostics:
            self.add(diagnostic)

    def at_value(
        self,
        document: Document,
        path: KeyPath,
        code: str,
        message: str,
        *,
        expected: str = "",
        remedy: str = "",
        suggestions: Sequence[str] = (),
    ) -> None:
        """Note a problem with a value; silent where the value is already known to be unusable."""
        start, length = document.value_span(path)
        self._at(document, path, code, message, start, length, expected, remedy, suggestions)

    def at_key(
        self,
        document: Document,
        path: KeyPath,
        code: str,
        message: str,
        *,
        expected: str = "",
        remedy: str = "",
        suggestions: Sequence[str] = (),
    ) -> None:
        """Note a problem with a key."""
        start, length = document.key_span(path)
        self._at(document, path, code, message, start, length, expected, remedy, suggestions)

    def in_string(self, document: Document, path: KeyPath, error: ExpressionError, *, context: str = "") -> None:
        """Note a problem inside a string, at the very characters."""
        start = document.inside(path, error.offset)
        end = document.inside(path, error.offset + error.length - 1) + 1 if error.length > 1 else start + 1
        message = error.message + context
        self._at(document, path, error.code, message, start, end - start, "", error.remedy, error.suggestions)

    def _at(
        self,
        document: Document,
        path: KeyPath,
        code: str,
        message: str,
        start: int,
        length: int,
        expected: str,
        remedy: str,
        suggestions: Sequence[str],
    ) -> None:
        if any(path[: len(bad)] == bad for bad in document.unusable):
            return
        self.add(
            document.source.diagnostic(
                code,
                message,
                start,
                length=length,
                expected=expected,
                remedy=remedy,
                suggestions=suggestions,
                path=written(path),
            )
        )

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Give every problem, in file order, then by place."""
        return tuple(
            sorted(
                self._found.values(), key=lambda found: (self._order[found.position.file], found.position, found.code)
            )
        )

    def raise_any(self) -> None:
        """Raise SpecError with everything found; nothing where all is well."""
        if self._found:
            raise SpecError(self.diagnostics)
