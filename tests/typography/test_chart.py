"""Charts: bars in proportion, words at one size, figures in columns, both reading directions."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Literal

import pytest

from flux2flow.domain.layout import Layout, PlacedShape, PlacedText
from flux2flow.domain.measures import Box, Color
from flux2flow.domain.scene import Bar, ChartLayer, FitRule
from tests.typography.builder import glyphs, layout, lines, style_for

BOX = Box(80, 200, 900, 360)
PLAIN, ACCENT = Color(180, 170, 190), Color(200, 80, 60)
BARS = {
    "en": (("Hydration after 8 hours", 42), ("Firmness", 27), ("Evenness", 18), ("Others", 0)),
    "ar": (("الترطيب بعد 8 ساعات", 42), ("المتانة", 27), ("تجانس اللون", 18), ("أخرى", 0)),
    "ja": (("8時間後のうるおい", 42), ("ハリ", 27), ("透明感", 18), ("他", 0)),
}


def chart(kind: Literal["bar", "column"], locale: str = "en", **changes: object) -> ChartLayer:
    bars = tuple(Bar(label, value, f"{value} %", number == 0) for number, (label, value) in enumerate(BARS[locale]))
    values: dict = {"box": BOX, "fit": FitRule(2, 10, 30), "bars": bars, "priority": 1} | changes
    return ChartLayer(
        "chart",
        kind,
        values["bars"],
        style_for(locale),
        PLAIN,
        ACCENT,
        values["box"],
        values["fit"],
        values["priority"],
    )


def parts(placed: Layout) -> tuple[list[PlacedShape], list[PlacedText], list[PlacedText]]:
    shapes = [layer for layer in placed.placed if isinstance(layer, PlacedShape)]
    labels = [text for text in placed.texts() if "/label-" in text.id]
    return shapes, labels, [text for text in placed.texts() if "/value-" in text.id]


@pytest.mark.parametrize("kind", ["bar", "column"])
@pytest.mark.parametrize("locale", BARS)
def test_chart(kind: Literal["bar", "column"], locale: str) -> None:
    """Bars are proportional to their values from zero, inside the box with their words, in their colours."""
    shapes, labels, values = parts(layout(chart(kind, locale), locale=locale))
    lengths = [shape.box.width if kind == "bar" else shape.box.height for shape in shapes]
    assert [length / lengths[0] for length in lengths] == pytest.approx([1, 27 / 42, 18 / 42, 0])
    assert len({round(shape.box.height if kind == "bar" else shape.box.width, 6) for shape in shapes}) == 1
    assert [shape.fill.start for shape in shapes] == [ACCENT, PLAIN, PLAIN, PLAIN]
    assert [shape.id for shape in shapes] == [f"chart/bar-{number}" for number in range(4)]
    for placed in [*labels, *values]:
        assert BOX.contains(placed.ink, 0.5)
        assert not placed.fit.overflow
    assert len({text.fit.size for text in [*labels, *values]}) == 1
    assert [text.text for text in labels] == [label for label, _ in BARS[locale]]


@pytest.mark.parametrize("kind", ["bar", "column"])
def test_right_to_left_charts_are_mirrored(kind: Literal["bar", "column"]) -> None:
    """An Arabic chart grows from the right, its first column stands rightmost."""
    english, arabic = (parts(layout(chart(kind, locale), locale=locale))[0] for locale in ("en", "ar"))
    if kind == "bar":
        assert len({round(shape.box.x, 6) for shape in english}) == 1
        assert len({round(shape.box.right, 6) for shape in arabic}) == 1
    else:
        assert [shape.box.x for shape in english] == sorted(shape.box.x for shape in english)
        assert [shape.box.x for shape in arabic] == sorted((shape.box.x for shape in arabic), reverse=True)


def test_words_do_not_touch_bars() -> None:
    """Labels end before the bars begin, values begin after they end, rows do not overlap."""
    shapes, labels, values = parts(layout(chart("bar")))
    for shape, label, value in zip(shapes, labels, values, strict=True):
        assert label.ink.right < shape.box.x
        assert value.ink.x > shape.box.right
    for above, below in itertools.pairwise(labels):
        assert above.ink.bottom < below.ink.y


def test_labels_share_their_edge_and_columns_their_baseline() -> None:
    """A bar chart's labels begin on one line; a column chart's stand on one baseline, Arabic too."""
    _, labels, _ = parts(layout(chart("bar")))
    assert [label.ink.x for label in labels] == pytest.approx([BOX.x] * 4)
    for locale in BARS:
        _, labels, _ = parts(layout(chart("column", locale), locale=locale))
        assert len({round(label.lines[0].box.y, 6) for label in labels}) == 1


def test_values_are_tabular() -> None:
    """Digits of the values are equally wide, so that columns of figures line up."""
    narrow, wide = (Bar("a", 1, text, False) for text in ("11", "88"))
    _, _, values = parts(layout(chart("bar", bars=(narrow, wide))))
    steps = [glyphs(value)[1].x - glyphs(value)[0].x for value in values]
    assert steps[0] == pytest.approx(steps[1])


def test_long_labels_take_two_lines_before_they_shrink() -> None:
    """Two lines allowed: a long column label wraps; one line allowed: everything gets smaller."""
    two = parts(layout(chart("column", fit=FitRule(2, 10, 30))))[1]
    one = parts(layout(chart("column", fit=FitRule(1, 10, 30))))[1]
    assert len(lines(two[0])) == 2
    assert one[0].fit.size < two[0].fit.size


def test_a_chart_that_does_not_fit() -> None:
    """It drops by priority, and overflows where it may not drop."""
    tiny = Box(0, 0, 60, 20)
    dropped = layout(chart("bar", box=tiny, priority=3))
    assert dropped.dropped[0].id == "chart"
    assert len(dropped.placed) == 1
    kept = layout(chart("bar", box=tiny))
    assert all(text.fit.overflow and text.fit.at_floor for text in kept.texts())


def test_zero_has_no_bar() -> None:
    """Nothing is drawn for zero, and nothing divides by it."""
    shapes, _, _ = parts(layout(chart("bar", bars=tuple(Bar("a", 0, "0", False) for _ in range(2)))))
    assert [shape.box.width for shape in shapes] == [0, 0]


@pytest.mark.parametrize("kind", ["bar", "column"])
@pytest.mark.parametrize("locale", ["en", "ar"])
def test_negative_values_grow_the_other_way(kind: Literal["bar", "column"], locale: str) -> None:
    """A negative bar has its share of length, on the other side of one common zero, its value at its own end."""
    bars = tuple(Bar("abc", value, str(value), False) for value in (6, -3, 0, 1.5))
    placed = layout(chart(kind, locale, bars=bars), locale=locale)
    shapes, _, values = parts(placed)
    zero = next(shape for shape in shapes if shape.id == "chart/zero")
    drawn = [shape for shape in shapes if "/bar-" in shape.id]
    lengths = [shape.box.width if kind == "bar" else shape.box.height for shape in drawn]
    assert lengths == pytest.approx([lengths[0], lengths[0] / 2, 0, lengths[0] / 4], abs=0.01)
    grows_right = kind == "bar" and locale == "en"
    ends = [(shape.box.x, shape.box.right) if kind == "bar" else (shape.box.y, shape.box.bottom) for shape in drawn]
    assert (ends[0][0] if grows_right else ends[0][1]) == pytest.approx(ends[1][1] if grows_right else ends[1][0])
    assert abs((zero.box.x if kind == "bar" else zero.box.y) - (ends[0][0] if grows_right else ends[0][1])) <= 1
    assert values[1].ink.intersection(drawn[1].box).area == 0
    assert all(BOX.contains(text.ink, 0.5) for text in values)


def test_a_missing_value_has_no_bar_and_is_said() -> None:
    """A missing value is not zero: no shape at all, and the words that say so."""
    bars = (Bar("a", 3, "3", False), Bar("b", None, "", False))
    shapes, _, values = parts(layout(replace(chart("bar", bars=bars), missing="n/a")))
    assert [shape.id for shape in shapes] == ["chart/bar-0"]
    assert [text.text for text in values] == ["3", "n/a"]


def test_an_empty_chart_is_left_out() -> None:
    """No rows, no chart, and a reason."""
    placed = layout(chart("bar", bars=()))
    assert placed.dropped[0].reason == "the chart has nothing to show"
