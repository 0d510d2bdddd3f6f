"""Reading directions of locales."""

from __future__ import annotations

import pytest

from flux2flow.planning.locales import direction


@pytest.mark.parametrize("locale", ["ar", "ar-EG", "he", "fa_IR", "ur", "az-Arab", "pa-Arab-PK", "yi", "dv", "AR"])
def test_right_to_left(locale: str) -> None:
    """By language, or by the script that a tag names."""
    assert direction(locale) == "rtl"


@pytest.mark.parametrize("locale", ["en", "de", "ja", "az", "ur-Latn", "ar-Latn", "zh-Hant", "tr", "pa"])
def test_left_to_right(locale: str) -> None:
    """A script subtag beats the language."""
    assert direction(locale) == "ltr"
