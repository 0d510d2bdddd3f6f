"""Rows become charts, key figures, timelines and tables; what cannot be drawn honestly is a problem at its row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from flux2flow.domain.measures import Color
from flux2flow.domain.scene import ChartLayer, FigureLayer, Layer, TableLayer, TimelineLayer
from flux2flow.errors import SpecError
from flux2flow.planning import plan
from tests.planning.bundles import LIMITS, bundle

CHART = {
    "id": "it", "label": "{{ row.name }}", "value": "{{ row.cups }}", "style": "display", "color": "ink",
    "accent": "accent",
}  # fmt: skip
ROWS: tuple[Mapping[str, str], ...] = (
    {"id": "a1", "name": "Jan", "cups": "10", "kind": "dark", "mark": ""},
    {"id": "a2", "name": "Jan", "cups": "30", "kind": "light", "mark": "yes"},
    {"id": "b1", "name": "Feb", "cups": "", "kind": "dark", "mark": ""},
    {"id": "b2", "name": "Feb", "cups": "20", "kind": "light", "mark": ""},
)


def made(spec: Mapping[str, Any], rows: Sequence[Mapping[str, str]] = ROWS, locale: str = "en") -> Layer:
    """Plan one layer over rows and give it."""
    template = {
        "per": "campaign", "slots": None, "plate": {"quiet": []}, "layers": [dict(spec)],
        "layout": {"landscape": {"boxes": {"it": {"x": "10%", "y": "10%", "w": "80%", "h": "80%"}}}},
    }  # fmt: skip
    entry = {"slots": None, "formats": ["web/open-graph"], "rows": None}
    found = plan(bundle(template=template, entry=entry, rows=tuple(rows), campaign={"locales": [locale]}), LIMITS)
    return next(layer for layer in found.scenes[0].layers if layer.id == "it")


def refused(spec: Mapping[str, Any], rows: Sequence[Mapping[str, str]] = ROWS) -> list[str]:
    """Give the codes of the problems that planning finds."""
    with pytest.raises(SpecError) as caught:
        made(spec, rows)
    return [diagnostic.code for diagnostic in caught.value.diagnostics]


def chart(kind: str, rows: Sequence[Mapping[str, str]] = ROWS, **changes: Any) -> ChartLayer:
    layer = made({**CHART, "chart": kind, **changes}, rows)
    assert isinstance(layer, ChartLayer)
    return layer


def test_rows_become_series_over_categories() -> None:
    """Rows of one category and different series meet; a missing cell is None and not zero; ticks are round."""
    layer = chart("line", series="{{ row.kind }}", highlight="{{ row.mark }}", tick="{{ value }} cups")
    assert layer.categories == ("Jan", "Feb")
    assert [(s.label, [m.value for m in s.marks], s.accent) for s in layer.series] == [
        ("dark", [10, None], False),
        ("light", [30, 20], True),
    ]
    assert [tick.shown for tick in layer.ticks] == ["0 cups", "10 cups", "20 cups", "30 cups"]
    assert layer.series[1].color == layer.accent != layer.series[0].color
    assert layer.missing == "–"


def test_equal_labels_of_different_categories_stay_apart() -> None:
    """With `category` two months that share their initial are two; without it their values clash."""
    rows = [{"id": f"m{n}", "name": "J", "cups": str(n), "kind": "k", "mark": ""} for n in range(3)]
    assert chart("line", rows, category="{{ row.id }}").categories == ("J", "J", "J")
    assert refused({**CHART, "chart": "line"}, rows) == ["duplicate-value"] * 2


def test_where_chooses_rows_and_sort_orders_them() -> None:
    """Only rows for which it holds; sorted by value, missing last."""
    dark = chart("bar", where="{{ row.kind == 'dark' }}")
    assert [bar.value for bar in dark.bars] == [10, None]
    down = chart("bar", sort="descending")
    assert [bar.value for bar in down.bars] == [30, 20, 10, None]
    up = chart("stacked-bar", series="{{ row.kind }}", sort="ascending")
    assert up.categories == ("Feb", "Jan")


def test_shares_are_of_their_whole() -> None:
    """`share` is a bar's part of all bars, and a segment's part of its own stack."""
    rows = [row for row in ROWS if row["cups"]]
    donut = chart("donut", rows, show="{{ share | percent }}")
    assert [bar.shown for bar in donut.bars] == ["17%", "50%", "33%"]
    stack = chart("stacked-bar", rows, series="{{ row.kind }}", show="{{ share | percent }}", stack="percent")
    assert [[mark.shown for mark in series.marks] for series in stack.series] == [["25%", ""], ["75%", "100%"]]
    assert len(set(donut.colors)) == 3


def test_series_take_the_templates_colors_in_the_order_that_tells_them_apart() -> None:
    """Colours of their own where the template names enough of them; too few are a problem."""
    layer = chart("stacked-bar", series="{{ row.kind }}", colors=["#b8443c", "#6f7a2c", "#1d3f8f"])
    assert [series.color for series in layer.series] == [Color.from_hex("#b8443c"), Color.from_hex("#1d3f8f")]
    assert refused({**CHART, "chart": "area", "series": "{{ row.kind }}", "colors": ["#b8443c"]}) == ["too-few-colors"]


@pytest.mark.parametrize(
    ("changes", "cups", "code"),
    [
        ({"chart": "donut"}, "-3", "negative-share"),
        ({"chart": "stacked-bar", "stack": "percent"}, "-3", "negative-share"),
        ({"chart": "bar"}, "many", "not-a-number"),
        ({"chart": "progress", "whole": "0"}, "3", "not-a-number"),
        ({"chart": "slope"}, "3", "not-two"),
        ({"chart": "pictogram"}, "3", "missing-picture"),
        ({"chart": "bar", "where": "{{ row.kind == 'none such' }}"}, "3", "no-rows"),
    ],
)
def test_what_cannot_be_drawn_is_a_problem(changes: Mapping[str, Any], cups: str, code: str) -> None:
    """A negative part of a whole, words for numbers, a slope of one moment, symbols without a picture, no rows."""
    rows = [{"id": "a", "name": "A", "cups": cups, "kind": "k", "mark": ""}]
    assert refused({**CHART, **changes}, rows) == [code]
    if code == "negative-share":  # control: the same value is fine where bars go both ways
        assert chart("bar", rows).bars[0].value == -3


def test_figures_timelines_and_tables() -> None:
    """One figure, milestone and line for each row, in the locale's notation."""
    rows = [
        {"id": "a", "n": "1250.5", "when": "2026-03-01", "mark": "yes"},
        {"id": "b", "n": "7", "when": "2027", "mark": ""},
    ]
    figures = made(
        {
            "id": "it", "figure": "{{ row.n | number }}", "unit": "kg", "caption": "{{ row.id }}", "style": "display",
            "caption_style": "display", "highlight": "{{ row.mark }}", "limit": 1,
        }, rows, "de",
    )  # fmt: skip
    assert isinstance(figures, FigureLayer)
    assert [(f.number, f.unit, f.caption, f.accent) for f in figures.figures] == [("1.250,5", "kg", "a", True)]
    timeline = made(
        {"id": "it", "timeline": "{{ row.when | date('yMMM') }}", "title": "{{ row.id }}", "style": "display",
         "color": "ink", "accent": "accent"}, rows, "de",
    )  # fmt: skip
    assert isinstance(timeline, TimelineLayer)
    assert [stone.time for stone in timeline.milestones] == ["März 2026", "Jan. 2027"]
    table = made(
        {"id": "it", "style": "display", "table": [{"cell": "{{ row.id }}", "header": "Name"},
         {"cell": "{{ row.n | number }}", "align": "decimal"}]}, rows, "de",
    )  # fmt: skip
    assert isinstance(table, TableLayer)
    assert table.columns[1].cells == ("1.250,5", "7")
    assert table.decimal == ","
