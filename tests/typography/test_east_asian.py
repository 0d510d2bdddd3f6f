"""East Asian spacing: marks that meet, and Latin among kanji."""

from __future__ import annotations

import pytest

from flux2flow.typography import east_asian
from tests.typography.builder import paragraph, style_for


@pytest.mark.parametrize(
    ("text", "expected"),
    [("」、", {0}), ("」「", {1}), ("「『", {1}), ("、あ", set()), ("あ「", set()), ("。」", {0}), ("「」", set())],
)
def test_marks_that_meet(text: str, expected: set[int]) -> None:
    """The blank half between two marks goes; a mark beside a letter keeps its width."""
    assert east_asian.half_width(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("光A", {0}),
        ("A光", {0}),
        ("8時", {0}),
        ("ア12ア", {0, 2}),
        ("光 A", set()),
        ("光、A", set()),
        ("光光", set()),
        ("Ａ光", set()),
    ],
)
def test_gaps(text: str, expected: set[int]) -> None:
    """A gap stands where East Asian and Latin letters or figures meet, not beside spaces or marks."""
    assert east_asian.gaps(text) == expected


def advances(text: str, language: str) -> list[float]:
    shaped = paragraph(text, style_for("ja"), language=language).line(0, len(text))
    return [glyph.advance for run in shaped.runs for glyph in run.glyphs]


def test_spacing_reaches_the_line() -> None:
    """In Japanese 」、 is half an em tighter and 8時 an eighth wider; in another language nothing changes."""
    assert advances("」、", "ja") == pytest.approx([0.5, 1.0])
    assert advances("」、", "en") == pytest.approx([1.0, 1.0])
    assert advances("8時", "ja")[0] == pytest.approx(advances("8時", "en")[0] + 0.125)


def test_proportional_features_are_left_alone() -> None:
    """Where the style asks for proportional marks itself, nothing is halved twice."""
    tight = paragraph("」、", style_for("ja", features=(("palt", 1),)), language="ja").line(0, 2)
    half = paragraph("」、", style_for("ja"), language="ja").line(0, 2)
    assert tight.advance != pytest.approx(half.advance)
