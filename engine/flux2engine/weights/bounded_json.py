"""JSON of the few forms that weights files use → its members, one at a time, at a cost bounded by what is accepted.

`json.loads` makes a quarter GB of ten hostile megabytes before anybody can look at them. Knows an object whose members
are flat objects or tables of strings; knows no file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\.)*+"')  # possessive: it never backtracks through megabytes
_FLAT_OBJECT = re.compile(r"\{[^{}]{0,1000}\}")

# From a text, a position and the member's name to the value and the position after it.
ValueReader = Callable[[str, int, str], tuple[Any, int]]


class MalformedError(Exception):
    """Carry the reason to the one place that knows the file's name."""


def members(text: str, value_at: ValueReader) -> Iterator[tuple[str, Any]]:
    """Yield the members of the object that is all of `text` while they are parsed; a caller may stop early."""
    seen: set[str] = set()
    position = _expect(text, 0, "{", "the JSON is not an object")
    while not text.startswith("}", position):
        if seen:
            position = _expect(text, position, ",", "it is not JSON")
        name, position = _string(text, position)
        if name in seen:
            raise MalformedError("a key is repeated")
        seen.add(name)
        position = _expect(text, position, ":", "it is not JSON")
        value, position = value_at(text, position, name)
        yield name, value
    if _expect(text, position, "}", "it is not JSON") != len(text):
        raise MalformedError("the JSON goes on after its object")


def flat_object(text: str, position: int, fault: str) -> tuple[dict[str, Any], int]:
    """Parse an object of at most 1000 characters that holds no other."""
    match = _FLAT_OBJECT.match(text, position)
    if match is None:
        raise MalformedError(fault)
    try:
        value: dict[str, Any] = json.loads(match[0], object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"it is not JSON ({error})") from error
    return value, _skip(text, match.end())


def table_of_strings(text: str, position: int, limit: int, fault: str) -> tuple[dict[str, str], int]:
    """Parse an object of at most `limit` members, all of them strings."""
    position = _expect(text, position, "{", fault)
    table: dict[str, str] = {}
    while not text.startswith("}", position):
        if table:
            position = _expect(text, position, ",", fault)
        key, position = _string(text, position)
        position = _expect(text, position, ":", fault)
        if not text.startswith('"', position):
            raise MalformedError(fault)
        if key in table:
            raise MalformedError("a key is repeated")
        if len(table) == limit:
            raise MalformedError(f"a table holds more than {limit} entries")
        table[key], position = _string(text, position)
    return table, _expect(text, position, "}", fault)


def _string(text: str, position: int) -> tuple[str, int]:
    match = _STRING.match(text, position)
    if match is None:
        raise MalformedError("it is not JSON")
    try:
        value: str = json.loads(match[0])
        value.encode()  # half of a surrogate pair could not be written anywhere
    except ValueError as error:
        raise MalformedError(f"it is not JSON ({error})") from error
    return value, _skip(text, match.end())


def _expect(text: str, position: int, sign: str, fault: str) -> int:
    position = _skip(text, position)
    if not text.startswith(sign, position):
        raise MalformedError(fault)
    return _skip(text, position + 1)


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise MalformedError("a key is repeated")
    return result


def _no_constant(name: str) -> Any:
    raise MalformedError(f"the JSON holds {name}")
