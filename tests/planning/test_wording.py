"""Prose becomes positive and unquoted, or is refused with the words at fault."""

from __future__ import annotations

import pytest

from flux2flow.domain.measures import Color
from flux2flow.planning.color_names import NAMES, color_name
from flux2flow.planning.wording import positive, sides_swapped


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("a beach, no people", "a beach, an empty, unpeopled scene"),
        ("a wall without any text or logos", "a wall plain unmarked surfaces"),
        ("no text, no words, no logos", "plain unmarked surfaces"),
        ("a desk with no clutter", "a desk a tidy, uncluttered set"),
        ("NO BLUR", "sharp focus"),
        ("avoid harsh shadows", "soft, gentle shadows"),
    ],
)
def test_safe_negatives_are_rewritten_and_said(said: str, instead: str) -> None:
    """The note shows both forms."""
    result = positive(said)
    assert result.text == instead
    assert result.refused == ()
    assert all(instead.rsplit(", ", 1)[-1] in change or "became" in change for change in result.changes)
    assert result.changes


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("a table without plates", "without plates"),
        ("light that is not blue", "not blue"),
        ("a cup, never full", "never full"),
        ("it doesn't rain", "doesn't rain"),
        ("avoid green", "avoid green"),
        ("a room and nothing else", "nothing else"),
    ],
)
def test_other_negatives_are_refused_with_their_words(said: str, words: str) -> None:
    """Nothing is dropped in silence."""
    assert [refused.words for refused in positive(said).refused] == [words]


@pytest.mark.parametrize("said", ["a knot of rope on a notebook", "Perfume No. 5", "a northern snow field", "notes"])
def test_words_that_only_look_negative_pass(said: str) -> None:
    """The control of the two tests above."""
    result = positive(said)
    assert (result.text, result.changes, result.refused) == (said, (), ())


@pytest.mark.parametrize(
    ("said", "bare"),
    [
        ('a sign that says "Open"', "a sign that says Open"),
        ("a «door» and a “gate”", "a door and a gate"),
        ("a 'blue hour' sky", "a blue hour sky"),
        ("the baker's cup and the bakers' cups", "the baker's cup and the bakers' cups"),
    ],
)
def test_quotation_marks_come_off_and_apostrophes_stay(said: str, bare: str) -> None:
    """Quoted words would be painted."""
    result = positive(said)
    assert result.text == bare
    assert bool(result.changes) == (said != bare)


def test_sides_change_places_once() -> None:
    """Swapping twice gives the text back; a right angle is no side."""
    said = "Left of the cup, light from the right, a right angle, bright copyright leftovers"
    swapped = sides_swapped(said)
    assert swapped == "Right of the cup, light from the left, a right angle, bright copyright leftovers"
    assert sides_swapped(swapped) == said


def test_every_named_color_is_its_own_nearest_name() -> None:
    """And a color beside it takes the same name."""
    assert all(color_name(Color.from_hex(value)) == name for name, value in NAMES.items())
    assert color_name(Color.from_hex("#e9d6b6")) == "warm sand"
    assert color_name(Color.from_hex("#0e4b5b")) == "deep teal"
    assert 60 <= len(NAMES) <= 100
