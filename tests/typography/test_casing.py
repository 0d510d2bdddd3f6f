"""Upper case by the language's rules, and tidy white space."""

from __future__ import annotations

import pytest

from flux2flow.domain.measures import Box
from flux2flow.errors import TypographyError
from flux2flow.typography import casing
from tests.typography.builder import set_one


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "Straße", "STRASSE"),
        ("tr", "istanbul ışığı", "İSTANBUL IŞIĞI"),
        ("az-AZ", "bir", "BİR"),
        ("en", "istanbul", "ISTANBUL"),
        ("el", "Ελλάδα", "ΕΛΛΑΔΑ"),
        ("el", "μαΐου", "ΜΑΪΟΥ"),
        ("el", "άυλος", "ΑΫΛΟΣ"),
        ("el", "φως ή σκιά", "ΦΩΣ Ή ΣΚΙΑ"),
        ("el", "café", "CAFÉ"),
        ("en", "café", "CAFÉ"),
        ("fr", "œuvre", "ŒUVRE"),
        ("ja", "スタジオ new", "スタジオ NEW"),
    ],
)
def test_upper(language: str, text: str, expected: str) -> None:
    """Each language's capitals."""
    assert casing.upper(text, language) == expected


def test_greek_rules_are_not_everybodys() -> None:
    """Control: the same letters keep their accents in another language."""
    assert casing.upper("Ελλάδα", "en") == "ΕΛΛΆΔΑ"


def test_brand_names_keep_their_letters() -> None:
    """A name in the list is never re-cased; a longer word that contains it is no name."""
    assert casing.upper("new: iLume and ilumes", "en", ("iLume",)) == "NEW: iLume AND ILUMES"


def test_names_are_found_across_wide_spaces_and_beside_other_scripts() -> None:
    """A name is found with a no-break space inside it, and where no space parts it from Japanese."""
    assert casing.names_in("the Dew\u00a0Serum", ("Dew Serum",)) == [(4, 13)]
    assert casing.names_in("新Auroraの", ("Aurora",)) == [(1, 7)]
    assert casing.names_in("のオーロラで", ("オーロラ",)) == [(1, 5)]
    assert casing.names_in("Auroral", ("Aurora",)) == []


def test_tidy() -> None:
    r"""Line ends are `\\n`, spaces single, edges clean; a no-break space is kept."""
    assert casing.tidy("  a \t b \r\n  c\u00a0d\u2028e \n") == "a b\nc\u00a0d\ne"


@pytest.mark.parametrize(("text", "message"), [("a" * 4001, "at most 4000"), ("e" + "\u0301" * 31, "combining marks")])
def test_texts_no_picture_can_hold(text: str, message: str) -> None:
    """Endless texts and towers of marks are refused before they cost minutes; at the limit they pass."""
    casing.admit(text[:-1])
    with pytest.raises(TypographyError, match=message):
        casing.admit(text)


def test_a_refused_text_stops_its_scene() -> None:
    """Setting a scene asks."""
    with pytest.raises(TypographyError, match="at most"):
        set_one("a" * 5000, Box(0, 0, 100, 100))
