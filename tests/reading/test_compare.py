"""What was read against what was meant: only differences that a reader can see count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux2flow.domain.reading import comparable, compare, edit_distance


@pytest.mark.parametrize(
    ("meant", "read"),
    [
        ("Morning skin, any hour.", "Morningskin,any hour."),
        ("“Calm” – it’s here", '"Calm"-it\'s here'),
        ("Cafe\u0301 au lait", "Café au lait"),
        ("48\u202f200 Tassen", "48 200 Tassen"),
        ("half\u00admoon", "halfmoon"),
        ("ﬁrst light", "first light"),
    ],
)
def test_what_no_reader_tells_apart_is_equal(meant: str, read: str) -> None:
    assert compare(meant, read).errors == 0


@pytest.mark.parametrize(
    ("meant", "read", "errors"),
    [("Night Shift", "Nigth Shift", 2), ("café", "cafe", 1), ("Aurora", "aurora", 1), ("Find yours", "", 9)],
)
def test_what_a_reader_sees_counts(meant: str, read: str, errors: int) -> None:
    back = compare(meant, read)
    assert back.errors == errors
    assert back.error_rate == errors / len(comparable(meant))


@given(st.text(alphabet="abcé ", max_size=8), st.text(alphabet="abcé ", max_size=8))
def test_edit_distance_is_a_distance(one: str, other: str) -> None:
    """Zero for equals only, the same both ways, and never more than the longer text."""
    away = edit_distance(one, other)
    assert (away == 0) == (one == other)
    assert away == edit_distance(other, one)
    assert abs(len(one) - len(other)) <= away <= max(len(one), len(other))
