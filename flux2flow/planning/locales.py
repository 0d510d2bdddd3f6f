"""Locale tags → the direction their script runs in. Knows no text."""

from __future__ import annotations

from flux2flow.domain.scene import TextDirection

_RTL_SCRIPTS = frozenset({"arab", "hebr", "syrc", "thaa", "nkoo", "adlm", "rohg", "aran", "mand", "samr"})
# Languages whose usual script runs right to left (CLDR likely subtags); a script subtag beats them.
_RTL_LANGUAGES = frozenset(
    {"ar", "arc", "arz", "azb", "bal", "ckb", "dv", "fa", "glk", "he", "iw", "khw", "ks", "lrc", "mzn", "nqo"}
    | {"pnb", "prs", "ps", "sd", "skr", "syr", "ug", "ur", "yi"}
)


def direction(locale: str) -> TextDirection:
    """`rtl` for locales written from right to left, such as `ar`, `he-IL` or `az-Arab`."""
    language, *subtags = locale.replace("_", "-").lower().split("-")
    script = next((tag for tag in subtags if len(tag) == 4 and tag.isalpha()), None)
    if script is not None:
        return "rtl" if script in _RTL_SCRIPTS else "ltr"
    return "rtl" if language in _RTL_LANGUAGES else "ltr"
