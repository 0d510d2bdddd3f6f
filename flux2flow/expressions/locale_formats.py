"""Numbers, money, percentages, units and dates → text in a locale's own notation, by CLDR (Babel's data).

Digits are the locale's own (`ar` writes 42, `ar-EG` ٤٢; `-u-nu-arab` in the locale asks for others). In languages
written from right to left what is more than digits is isolated, so that signs and units stay with their number.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Literal
from unicodedata import bidirectional

if TYPE_CHECKING:
    from babel import Locale

Width = Literal["short", "medium", "long", "full"]
_WIDTHS: dict[str, Width] = {"short": "short", "medium": "medium", "long": "long", "full": "full"}

_ZEROS = {
    "latn": 0x30, "arab": 0x660, "arabext": 0x6F0, "beng": 0x9E6, "deva": 0x966, "fullwide": 0xFF10, "gujr": 0xAE6,
    "guru": 0xA66, "khmr": 0x17E0, "knda": 0xCE6, "laoo": 0xED0, "mlym": 0xD66, "mymr": 0x1040, "orya": 0xB66,
    "tamldec": 0xBE6, "telu": 0xC66, "thai": 0xE50, "tibt": 0xF20, "nkoo": 0x7C0, "olck": 0x1C50, "cakm": 0x11136,
    "adlm": 0x1E950, "mtei": 0xABF0, "hmnp": 0x1E140,
}  # fmt: skip
"""CLDR's decimal numbering systems: the code point of their zero."""
_LEFT_TO_RIGHT, _RIGHT_TO_LEFT, _POP = "\u2066", "\u2067", "\u2069"
_STRONG = frozenset({"L", "R", "AL"})
_NO_MARKS = dict.fromkeys(map(ord, "\u200e\u200f\u061c"))
_ONE_NUMBER = re.compile(r"[\d.,\u066b\u066c]+")
"""What bidi keeps together by itself: digits and the separators between them (UAX #9, W4)."""


class LocaleFormatError(Exception):
    """What was asked cannot be written in this locale; the message says why."""


@lru_cache(maxsize=256)
def _locale(tag: str) -> tuple[Locale, str]:
    """Read a locale tag: Babel's locale and the numbering system; an unknown tag falls back to its language, or en."""
    from babel import Locale, UnknownLocaleError

    plain, _, extension = tag.replace("_", "-").partition("-u-")
    parts = extension.split("-")
    asked = parts[parts.index("nu") + 1] if "nu" in parts[:-1] else ""
    subtags = plain.split("-")
    for stop in range(len(subtags), 0, -1):
        try:
            locale = Locale.parse("-".join(subtags[:stop]), sep="-")
        except (UnknownLocaleError, ValueError):
            continue
        system = asked if asked in _ZEROS else locale.default_numbering_system
        return locale, system if system in _ZEROS else "latn"
    return Locale.parse("en"), "latn"


def _written(tag: str, text: str, value: Decimal | None = None) -> str:
    """Turn Latin digits and ASCII signs into the locale's, and isolate what a right-to-left text might tear apart."""
    locale, system = _locale(tag)
    zero = _ZEROS[system]
    if zero != 0x30:
        text = text.translate({0x30 + digit: zero + digit for digit in range(10)})
    if value is not None:  # Babel leaves the signs of its patterns as they are
        symbols = locale.number_symbols.get(system) or locale.number_symbols["latn"]
        text = text.replace("%", symbols["percentSign"])
        text = text.replace("-", symbols["minusSign"], 1) if value < 0 else text
    if locale.text_direction == "rtl" and not _ONE_NUMBER.fullmatch(text):
        # CLDR's marks say which way the whole runs; an isolate says so too, and keeps the text around it out.
        strong = (bidirectional(character) for character in text)
        opening = _RIGHT_TO_LEFT if next((kind for kind in strong if kind in _STRONG), "L") != "L" else _LEFT_TO_RIGHT
        return f"{opening}{text.translate(_NO_MARKS)}{_POP}"
    return text


def _fixed(number: Decimal, digits: int | None) -> Decimal:
    return number if digits is None else number.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def decimal_mark(tag: str) -> str:
    """Give the locale's decimal separator in its digits."""
    locale, system = _locale(tag)
    symbols = locale.number_symbols.get(system) or locale.number_symbols["latn"]
    return str(symbols["decimal"])


def number(value: Decimal, tag: str, digits: int | None = None) -> str:
    """Write a number, with so many decimals where asked, else with those it has."""
    from babel.numbers import format_decimal

    locale, system = _locale(tag)
    text = _grouped(_fixed(value, digits), locale, system, digits) or format_decimal(
        _fixed(value, digits), format=_pattern(locale, digits), locale=locale, decimal_quantization=False,
        numbering_system=system,
    )  # fmt: skip
    return _written(tag, text, value)


def _pattern(locale: Locale, digits: int | None) -> str:
    """Take the locale's own grouping (Hindi groups by two), with the decimals asked for."""
    pattern = str(locale.decimal_formats[None].pattern)
    whole = pattern.split(";")[0].split(".")[0]
    return whole + ("." + "0" * digits if digits else "" if digits is not None else ".############")


def _grouped(value: Decimal, locale: Locale, system: str, digits: int | None) -> str:
    """Write four digits without grouping where CLDR asks for two more (es, pl, pt-PT); empty where it does not."""
    from babel.numbers import format_decimal

    if abs(value) >= 10**4 or abs(value) < 10**3 or _minimum_grouping(locale) < 2:
        return ""
    pattern = "0" + ("." + "0" * digits if digits else "" if digits is not None else ".############")
    return str(
        format_decimal(value, format=pattern, locale=locale, decimal_quantization=False, numbering_system=system)
    )


_GROUPS_FROM_FIVE = frozenset({"bg", "ca", "es", "eu", "gl", "hu", "hy", "it", "ka", "lv", "mk", "pl", "pt_PT", "sq"})
"""Languages whose CLDR minimumGroupingDigits is 2 (CLDR 47); Babel's data has no such field."""


def _minimum_grouping(locale: Locale) -> int:
    own = locale.language if locale.territory is None else f"{locale.language}_{locale.territory}"
    if own in ("es_MX", "es_US", "es_PR", "es_419"):
        return 1
    return 2 if locale.language in _GROUPS_FROM_FIVE or own in _GROUPS_FROM_FIVE else 1


def percent(value: Decimal, tag: str, digits: int | None = None) -> str:
    """Write a fraction of 1 in per cent, as a whole number unless told."""
    from babel.numbers import format_percent

    locale, system = _locale(tag)
    rounded = _fixed(value, (digits or 0) + 2)
    pattern = str(locale.percent_formats[None].pattern)
    if digits:
        pattern = pattern.replace("0", "0." + "0" * digits, 1) if "." not in pattern else pattern
    return _written(tag, format_percent(rounded, format=pattern, locale=locale, numbering_system=system), rounded)


def currency(value: Decimal, code: str, tag: str, digits: int | None = None) -> str:
    """Write an amount of money; `code` is ISO 4217. Decimals are the currency's own unless told."""
    from babel.numbers import format_currency, get_currency_precision, is_currency

    locale, system = _locale(tag)
    if not is_currency(code):
        raise LocaleFormatError(f"{code!r} is no currency: write its ISO 4217 code, such as EUR")
    rounded = _fixed(value, get_currency_precision(code) if digits is None else digits)
    pattern = str(locale.currency_formats["standard"].pattern)
    if digits is not None:
        decimals = "." + "0" * digits if digits else ""
        pattern = ";".join(part.replace("0.00", "0" + decimals) for part in pattern.split(";"))
    text = format_currency(
        rounded, code, format=pattern, locale=locale, currency_digits=digits is None, numbering_system=system
    )
    return _written(tag, text, rounded)


def compact(value: Decimal, tag: str, digits: int = 0) -> str:
    """Write a number shortly: 48K, 4.8万, 48.000 where the language has no short form."""
    from babel.numbers import format_compact_decimal

    locale, system = _locale(tag)
    text = format_compact_decimal(
        value, format_type="short", locale=locale, fraction_digits=digits, numbering_system=system
    )
    return number(value, tag, 0) if _ONE_NUMBER.fullmatch(text) else _written(tag, text, value)


def unit(value: Decimal, name: str, tag: str, width: str = "short", digits: int | None = None) -> str:
    """Write a number with its unit, such as kilogram or kilometer-per-hour."""
    from babel.units import UnknownUnitError, format_unit

    locale, system = _locale(tag)
    if width not in ("short", "long", "narrow"):
        raise LocaleFormatError(f"{width!r} is no width: short, long or narrow")
    try:
        text = format_unit(
            _fixed(value, digits), name, length=width, format=_pattern(locale, digits),  # type: ignore[arg-type]
            locale=locale, numbering_system=system,
        )  # fmt: skip
    except UnknownUnitError:
        raise LocaleFormatError(f"{name!r} is no unit that CLDR knows, such as kilogram or celsius") from None
    return _written(tag, text, value)


def date(text: str, tag: str, form: str = "medium") -> str:
    """Write an ISO date in one of CLDR's lengths (short, medium, long, full), or by a skeleton such as yMMM."""
    from babel.dates import format_date, format_skeleton

    locale, _ = _locale(tag)
    day = _day(text)
    if form in _WIDTHS:
        return _written(tag, format_date(day, format=_WIDTHS[form], locale=locale))
    if not form.isalpha() or not set(form) <= set("GyMLdEcQqw"):
        raise LocaleFormatError(f"{form!r} is no form of a date: short, medium, long, full, or a skeleton such as yMMM")
    try:
        return _written(tag, format_skeleton(form, day, fuzzy=True, locale=locale))
    except KeyError:
        raise LocaleFormatError(f"CLDR has no form {form!r} for dates in {tag}") from None


def _day(text: str) -> dt.date:
    parts = text.strip().split("-")
    padded = {1: [*parts, "01", "01"], 2: [*parts, "01"], 3: parts}.get(len(parts), [])
    try:
        return dt.date.fromisoformat("-".join(padded))
    except ValueError:
        raise LocaleFormatError(f"{text[:20]!r} is no date: write it like 2026-03-31, 2026-03 or 2026") from None
