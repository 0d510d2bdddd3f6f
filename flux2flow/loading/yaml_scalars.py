"""A plain scalar's text → null, boolean, number or text, by YAML 1.2's core schema.

Two departures, on purpose: a number with leading zeros stays text, and one that is not finite is refused.
"""

from __future__ import annotations

import re

MAX_DIGITS = 18

CORE = "tag:yaml.org,2002:"
_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")  # 010 stays text: nobody means ten or eight by it
_OTHER_BASE = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"[-+]?(?:\.inf|\.Inf|\.INF)\Z|(?:\.nan|\.NaN|\.NAN)\Z")


def resolve(text: str) -> str | int | float | bool | None:
    """Type a plain scalar; raise ValueError for a number that is not finite or too long to be exact."""
    if _NULL.match(text):
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if _INTEGER.match(text) or _OTHER_BASE.match(text):
        if len(text.lstrip("+-")) > MAX_DIGITS:
            raise ValueError("too many digits")
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _NOT_FINITE.match(text):
        raise ValueError("not finite")
    if not _FLOAT.match(text):
        return text
    value = float(text)
    if abs(value) == float("inf"):
        raise ValueError("not finite")
    return value


def has_type(value: object, tag: str) -> bool:
    """Say whether a resolved value is what a core tag promises."""
    kind = type(value)
    promised = {"null": type(None), "bool": bool, "int": int, "float": float}[tag.removeprefix(CORE)]
    return kind is promised or (promised is float and kind is int)
