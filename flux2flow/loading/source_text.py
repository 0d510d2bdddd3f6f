"""Bytes of a user's file → text with places, or the reason why it is no acceptable text.

Refuses to know what the text says: only encoding, size and characters that deceive or break.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from flux2flow.errors import Diagnostic, Position

_LINE_BREAK = re.compile(r"\r\n|[\n\r]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ufeff]")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_NAMES = {
    "\0": "a NUL character", "\ufeff": "a byte order mark inside the text", "\u2028": "a line separator (U+2028)",
    "\u2029": "a paragraph separator (U+2029)",
}  # fmt: skip


@dataclass(frozen=True)
class SourceText:
    """A file's text and where its lines begin. Lines and columns count from 1."""

    file: str
    text: str
    starts: tuple[int, ...] = field(repr=False, default=())

    @classmethod
    def of(cls, file: str, text: str) -> SourceText:
        """Index a text's lines."""
        return cls(file, text, (0, *(match.end() for match in _LINE_BREAK.finditer(text))))

    @property
    def lines(self) -> tuple[str, ...]:
        """Give every line without its break."""
        return tuple(_LINE_BREAK.split(self.text))

    def position(self, index: int) -> Position:
        """Give the place of a character."""
        low, high = 0, len(self.starts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.starts[middle] <= index else (low, middle)
        return Position(self.file, low + 1, index - self.starts[low] + 1)

    def line(self, number: int) -> str:
        """Give one line's text; empty outside the file."""
        if not 0 < number <= len(self.starts):
            return ""
        end = self.starts[number] if number < len(self.starts) else len(self.text)
        return self.text[self.starts[number - 1] : end].rstrip("\r\n")

    def snippet(self, position: Position) -> tuple[tuple[int, str], ...]:
        """Give the line of a position, as a diagnostic carries it."""
        return ((position.line, self.line(position.line)),) if 0 < position.line <= len(self.starts) else ()

    def diagnostic(
        self,
        code: str,
        message: str,
        index: int,
        *,
        length: int = 1,
        expected: str = "",
        remedy: str = "",
        suggestions: Sequence[str] = (),
        path: str = "",
    ) -> Diagnostic:
        """Make a diagnostic that points at a character."""
        place = self.position(index)
        rest = max(len(self.line(place.line)) - place.column + 1, 1)
        return Diagnostic(
            code,
            message,
            place,
            path,
            expected,
            tuple(suggestions),
            remedy,
            self.snippet(place),
            min(max(length, 1), rest),
        )


def decode(file: str, data: bytes) -> tuple[SourceText, tuple[Diagnostic, ...]]:
    """Decode UTF-8 without its byte order mark; give the text, and the problems it has."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        problem = Diagnostic(
            "not-utf-8",
            "the file is UTF-16, not UTF-8",
            Position(file, 1, 1),
            remedy="save it as UTF-8",
            expected="UTF-8 text",
        )
        return SourceText.of(file, ""), (problem,)
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        offset = 3 if data.startswith(b"\xef\xbb\xbf") else 0
        good = data[offset : error.start + offset].decode("utf-8")
        source = SourceText.of(file, data[offset:].decode("utf-8", errors="replace"))
        byte = data[error.start + offset]
        guess = bytes([byte]).decode("cp1252", errors="replace")
        shown = f" (in Windows-1252 it would be {guess!r})" if byte >= 0xA0 and guess.isprintable() else ""
        problem = source.diagnostic(
            "not-utf-8",
            f"byte 0x{byte:02X} is not UTF-8{shown}",
            len(good),
            remedy="save the file as UTF-8",
            expected="UTF-8 text",
        )
        return source, (problem,)
    source = SourceText.of(file, text)
    return source, tuple(refused_characters(source))


def control_name(text: str) -> str:
    """Name a value's first control character; empty where it has none. Escapes can spell what a file may not hold."""
    match = _CONTROL.search(text)
    if match is None:
        return ""
    return _NAMES.get(match.group(), f"a control character (U+{ord(match.group()):04X})")


def refused_characters(source: SourceText) -> list[Diagnostic]:
    """Find control characters, and bidirectional controls that make text read differently from what it is."""
    found: list[tuple[int, Diagnostic]] = []
    for match in _CONTROL.finditer(source.text):
        character = match.group()
        name = _NAMES.get(character, f"a control character (U+{ord(character):04X})")
        found.append(
            (
                match.start(),
                source.diagnostic("control-character", f"{name} is not allowed", match.start(), remedy="remove it"),
            )
        )
    for match in _BIDI.finditer(source.text):
        code = f"U+{ord(match.group()):04X}"
        remedy = f'remove it, or write it as "\\u{ord(match.group()):04x}" in double quotes so that a reader can see it'
        message = f"a bidirectional control character ({code}) is not allowed: the line would not read as it is"
        found.append((match.start(), source.diagnostic("bidi-control", message, match.start(), remedy=remedy)))
    return [problem for _, problem in sorted(found, key=lambda pair: pair[0])[:20]]
