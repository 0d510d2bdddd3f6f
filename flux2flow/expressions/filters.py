"""The filters of expressions: plain value in, plain value out, never larger than MAX_TEXT.

Refuses to know of Jinja, of names and of positions. Numbers and dates are written by `locale_formats`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from flux2flow.expressions import locale_formats

MAX_TEXT = 64 * 1024
MAX_NUMBER_CHARACTERS = 40


class RefusedError(Exception):
    """A filter cannot do what was asked; the message says why."""


def as_text(value: object) -> str:
    """Print a value: numbers without a needless '.0', booleans in lower case, nothing as ''."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise RefusedError("the number is too large")
        return f"{value:.12g}" if abs(value) < 1e12 else f"{value:.0f}"
    if isinstance(value, Mapping):
        if isinstance(value.get("path"), str):
            return str(value["path"])
        raise RefusedError("a group of values cannot be printed: name one of " + ", ".join(map(str, list(value)[:8])))
    raise RefusedError("a list cannot be printed: use |join(', ')")


def as_number(value: object) -> Decimal:
    """Take a number, or text that spells one plainly, such as '12.50'."""
    text = as_text(value).strip()
    if isinstance(value, bool) or not text or len(text) > MAX_NUMBER_CHARACTERS:
        raise RefusedError(f"{text[:20]!r} is no number")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise RefusedError(f"{text[:20]!r} is no number: write it like 1234.5") from None
    if not number.is_finite() or abs(number) > Decimal(10) ** 15:
        raise RefusedError(f"{text[:20]!r} is too large a number")
    return number


def number_problem(filter: str, text: str) -> str:
    """Say why a text cannot go through a filter that needs a number; empty where it can, or the filter needs none."""
    if filter not in NUMERIC:
        return ""
    try:
        as_number(text)
    except RefusedError as error:
        return str(error)
    return ""


def _sized(value: object) -> str:
    text = as_text(value)
    if len(text) > MAX_TEXT:
        raise RefusedError(f"the text is longer than {MAX_TEXT:,} characters")
    return text


def _places(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 12:
        raise RefusedError("the number of decimals is 0 to 12")
    return value


def _upper(value: object) -> str:
    return _sized(value).upper()


def _lower(value: object) -> str:
    return _sized(value).lower()


def _title(value: object) -> str:
    return " ".join(word[:1].upper() + word[1:] for word in _sized(value).split(" "))


def _trim(value: object) -> str:
    return _sized(value).strip()


def _default(value: object, fallback: object) -> object:
    return value if value not in ("", None) else fallback


def _rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def _round(value: object, places: object = 0) -> int | float:
    digits = _places(places)
    number = _rounded(as_number(value), digits)
    return float(number) if digits else int(number)


def _float(value: object) -> float:
    return float(as_number(value))


def _int(value: object) -> int:
    return int(as_number(value))


def _digits(value: object) -> int | None:
    return None if value is None else _places(value)


def _number(value: object, digits: object = None, *, locale: str = "en") -> str:
    """Write a number in the locale's notation: number(2) gives 1,234.50 in English and 1.234,50 in German."""
    return locale_formats.number(as_number(value), locale, _digits(digits))


def _percent(value: object, digits: object = None, of: object = 1, *, locale: str = "en") -> str:
    """Write a part of `of` in per cent: 0.42 | percent, or 42 | percent(of=100)."""
    whole = as_number(of)
    if whole == 0:
        raise RefusedError("a part of nothing has no percentage")
    return locale_formats.percent(as_number(value) / whole, locale, _digits(digits))


def _currency(value: object, code: object, digits: object = None, *, locale: str = "en") -> str:
    """Write an amount of money: currency('EUR') gives €1,234.50 in English and 1.234,50 € in German."""
    return _formatted(locale_formats.currency, as_number(value), as_text(code), locale, _digits(digits))


def _compact(value: object, digits: object = 0, *, locale: str = "en") -> str:
    """Write a number shortly: 48K in English, 4.8万 in Japanese with compact(1)."""
    return locale_formats.compact(as_number(value), locale, _places(digits))


def _unit(value: object, name: object, width: object = "short", digits: object = None, *, locale: str = "en") -> str:
    """Write a number with its unit: unit('kilogram')."""
    named, wide = as_text(name), as_text(width)
    return _formatted(locale_formats.unit, as_number(value), named, locale, wide, _digits(digits))


def _date(value: object, form: object = "medium", *, locale: str = "en") -> str:
    """Write an ISO date: date('long'), or by a skeleton, date('yMMM')."""
    return _formatted(locale_formats.date, as_text(value), locale, as_text(form))


def _formatted(format: Callable[..., str], *arguments: object) -> str:
    try:
        return format(*arguments)
    except locale_formats.LocaleFormatError as error:
        raise RefusedError(str(error)) from None


def _join(value: object, separator: object = "") -> str:
    if not isinstance(value, list | tuple):
        raise RefusedError("needs a list")
    pieces, glue = [as_text(item) for item in value], as_text(separator)
    if sum(map(len, pieces)) + len(glue) * len(pieces) > MAX_TEXT:
        raise RefusedError(f"the text grows beyond {MAX_TEXT:,} characters")
    return glue.join(pieces)


def _replace(value: object, old: object, new: object) -> str:
    text, before, after = _sized(value), _sized(old), _sized(new)
    if not before:
        raise RefusedError("what is replaced must not be empty")
    if len(text) + text.count(before) * (len(after) - len(before)) > MAX_TEXT:
        raise RefusedError(f"the text grows beyond {MAX_TEXT:,} characters")
    return text.replace(before, after)


def _length(value: object) -> int:
    if isinstance(value, str | list | tuple | Mapping):
        return len(value)
    raise RefusedError("needs text or a list")


def _first(value: object) -> object:
    if isinstance(value, str | list | tuple):
        return value[0] if value else ""
    raise RefusedError("needs text or a list")


def _last(value: object) -> object:
    if isinstance(value, str | list | tuple):
        return value[-1] if value else ""
    raise RefusedError("needs text or a list")


FILTERS: Mapping[str, Callable[..., object]] = {
    "compact": _compact,
    "currency": _currency,
    "date": _date,
    "default": _default,
    "first": _first,
    "float": _float,
    "int": _int,
    "join": _join,
    "last": _last,
    "length": _length,
    "lower": _lower,
    "number": _number,
    "percent": _percent,
    "replace": _replace,
    "round": _round,
    "title": _title,
    "trim": _trim,
    "unit": _unit,
    "upper": _upper,
}
NUMERIC = frozenset({"number", "float", "int", "round", "percent", "currency", "compact", "unit"})
"""Filters that take numbers, or text that spells one."""

LOCALISED = frozenset({"number", "percent", "currency", "compact", "unit", "date"})
"""Filters that also take the locale."""

NAMED = {
    "compact": ("digits",), "currency": ("digits",), "number": ("digits",), "percent": ("digits", "of"),
    "unit": ("width", "digits"),
}  # fmt: skip
"""Arguments that may be given by name, as in number(digits=1)."""
