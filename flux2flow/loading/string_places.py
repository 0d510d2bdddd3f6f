"""A character of a YAML string's value → the character of the file it was read from, for every scalar style.

Works on what survives folding: the n-th visible character of the value is the n-th visible one of the source.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r\n|.)", re.DOTALL)
_BLANK_ESCAPES = frozenset("tnrNLPev_ \t\n\r")


def index_in_source(text: str, start: int, end: int, style: str, value: str, offset: int) -> int:
    """Find the place; `offset` may be the value's length, which is the place after its last character."""
    places = _visible_places(text, start, end, style)
    seen = sum(not character.isspace() for character in value[:offset])
    if offset < len(value) and not value[offset].isspace():
        return places[seen] if seen < len(places) else start
    if seen == 0:
        return places[0] if places else start
    blanks = offset - max(index for index in range(offset) if not value[index].isspace())
    return min(places[min(seen, len(places)) - 1] + blanks, end)


def _visible_places(text: str, start: int, end: int, style: str) -> list[int]:
    """Find the index of every visible character of a scalar's content, in order."""
    if style in ("|", ">"):
        header = text.find("\n", start, end)
        return [] if header < 0 else [index for index in range(header, end) if not text[index].isspace()]
    if style == "'":
        return _single_quoted(text, start + 1, end - 1)
    if style == '"':
        return _double_quoted(text, start + 1, end - 1)
    return [index for index in range(start, end) if not text[index].isspace()]


def _single_quoted(text: str, start: int, end: int) -> list[int]:
    places, index = [], start
    while index < end:
        if not text[index].isspace():
            places.append(index)
        index += 2 if text.startswith("''", index) else 1
    return places


def _double_quoted(text: str, start: int, end: int) -> list[int]:
    places, index = [], start
    while index < end:
        escape = _ESCAPE.match(text, index, end) if text[index] == "\\" else None
        if escape is None:
            if not text[index].isspace():
                places.append(index)
            index += 1
            continue
        if not _is_blank(escape.group()):
            places.append(index)
        index = escape.end()
    return places


def _is_blank(escape: str) -> bool:
    """Whether an escape stands for white space or for nothing."""
    if escape[1] in "xuU" and len(escape) > 2:
        number = int(escape[2:], 16)
        return number > 0x10FFFF or chr(number).isspace()
    return escape[1] in _BLANK_ESCAPES - {"e", "v"} or escape[1] == "v"
