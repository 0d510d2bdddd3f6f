"""Key figures, timelines and tables: hierarchy, common sizes and baselines, decimals below each other, mirroring."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flux2flow.domain.layout import Layout, PlacedShape, PlacedText
from flux2flow.domain.measures import Box, Color
from flux2flow.domain.scene import (
    ColumnAlign,
    Figure,
    FigureLayer,
    FitRule,
    Milestone,
    TableColumn,
    TableLayer,
    TimelineLayer,
)
from flux2flow.typography.charts.labels import touching
from tests.typography.builder import glyphs, layout, lines, style_for

WIDE, HIGH = Box(60, 60, 1000, 420), Box(60, 60, 420, 520)
INK, PLAIN, ACCENT = Color(18, 52, 59), Color(150, 170, 170), Color(164, 72, 31)
FIGURES = {
    "en": (
        ("126,550", "", "cups"),
        ("38", "%", "of them Night Shift"),
        ("4.8", "/5", "by guests"),
        ("12", "", "cafés"),
    ),
    "de": (("126.550", "", "Tassen"), ("38", "%", "Nachtschichtröstung"), ("4,8", "/5", "Gäste"), ("12", "", "Cafés")),
    "ar": (("126,550", "", "فنجان قهوة"), ("38", "%", "منها نايت شيفت"), ("4.8", "من 5", "ضيفًا"), ("12", "", "مقهى")),
    "ja": (
        ("126,550", "杯", "提供した杯数"),
        ("38", "%", "ナイトシフト"),
        ("4.8", "/5", "評価"),
        ("12", "店", "カフェ"),
    ),
}


def figures(locale: str = "en", box: Box = WIDE, **changes: Any) -> FigureLayer:
    given = tuple(Figure(number, unit, caption, n == 0) for n, (number, unit, caption) in enumerate(FIGURES[locale]))
    values: dict[str, Any] = {"figures": given, "fit": FitRule(1, 14, 160), "caption_fit": FitRule(2, 11, 30)} | changes
    return FigureLayer(
        "figures", values.pop("figures"), style_for(locale, weight=700), style_for(locale, weight=450), ACCENT, PLAIN,
        box, values.pop("align", "start"), "top", values.pop("fit"), values.pop("caption_fit"), **values,
    )  # fmt: skip


def timeline(locale: str = "en", box: Box = WIDE) -> TimelineLayer:
    stones = tuple(
        Milestone(str(2011 + 5 * n), caption, number + unit, n == 2)
        for n, (number, unit, caption) in enumerate(FIGURES[locale])
    )
    bold, plain = style_for(locale, weight=700), style_for(locale, weight=450)
    return TimelineLayer("timeline", stones, plain, bold, plain, PLAIN, ACCENT, box, FitRule(3, 11, 30))


def table(
    locale: str = "en", box: Box = WIDE, numbers: tuple[str, ...] = ("1.5", "22.25", "1,250", "7"), **changes: Any
) -> TableLayer:
    rows = FIGURES[locale]
    align: ColumnAlign = changes.pop("align", "decimal")
    columns = (
        TableColumn("Name", tuple(row[2] for row in rows)),
        TableColumn("Kg", numbers, align),
        TableColumn("N", tuple(row[0] for row in rows), "end"),
    )
    values: dict[str, Any] = {"stripe": None, "fit": FitRule(2, 11, 30)} | changes
    return TableLayer(
        "table", columns, (False, True, False, False), style_for(locale), style_for(locale, weight=450), ACCENT, PLAIN,
        values.pop("stripe"), box, values.pop("fit"), **values,
    )  # fmt: skip


def texts(placed: Layout, part: str) -> list[PlacedText]:
    return [text for text in placed.texts() if f"/{part}-" in text.id]


def baseline(text: PlacedText) -> float:
    return glyphs(text)[0].y


@pytest.mark.parametrize("locale", FIGURES)
@pytest.mark.parametrize("box", [WIDE, HIGH, Box(60, 60, 1000, 160)])
@pytest.mark.parametrize("make", [figures, timeline, table])
def test_words_stay_inside_and_apart(make: Any, box: Box, locale: str) -> None:
    """In every language, in wide and high boxes: nothing overflows, leaves the box or touches another word."""
    placed = layout(make(locale, box), locale=locale)
    words = placed.texts()
    assert len(words) >= 10
    for index, text in enumerate(words):
        assert not text.fit.overflow, text.id
        assert box.contains(text.ink, 0.6), (text.id, text.ink)
        assert not touching(text.ink, [other.ink for other in words[index + 1 :]]), text.text


def test_numbers_lead_and_share_size_and_baseline() -> None:
    """All numbers have one size and each row one baseline; units and captions are smaller, in their set ratio."""
    placed = layout(figures(columns=2, unit_scale=0.5))
    numbers, units, captions = texts(placed, "number"), texts(placed, "unit"), texts(placed, "caption")
    assert len({number.fit.size for number in numbers}) == 1
    assert {unit.fit.size for unit in units} == {numbers[0].fit.size * 0.5}
    assert all(caption.fit.size <= 0.46 * numbers[0].fit.size for caption in captions)
    assert baseline(numbers[0]) == baseline(numbers[1]) == baseline(units[0])
    assert baseline(numbers[2]) > baseline(numbers[0])
    assert len({round(baseline(caption), 3) for caption in captions[:2]}) == 1
    assert [run.color for run in numbers[0].lines[0].runs] == [ACCENT]
    assert ACCENT not in [run.color for run in numbers[1].lines[0].runs]


def test_a_sign_stays_on_its_numbers_right_and_words_follow_the_reading() -> None:
    """38% is read from the left in Arabic too; "4.8 of 5" runs from the right, and in English nothing changes sides."""

    def right_of_its_number(locale: str) -> list[bool]:
        placed = layout(figures(locale, columns=2), locale=locale)
        numbers = {text.id: text for text in texts(placed, "number")}
        units = texts(placed, "unit")
        assert not any(touching(unit.ink, [number.ink for number in numbers.values()]) for unit in units)
        return [unit.ink.x > numbers[unit.id.replace("/unit-", "/number-")].ink.x for unit in units]

    assert right_of_its_number("ar") == [True, False]
    assert right_of_its_number("en") == [True, True]


def test_figures_take_the_grid_that_makes_them_largest() -> None:
    """A wide flat box sets them beside each other, a high one below each other; told columns are kept."""

    def columns(placed: Layout) -> int:
        return len({round(part.box.x) for part in placed.placed if isinstance(part, PlacedShape)})

    one = tuple(Figure(f"{n}2,345", "", "") for n in range(4))
    assert columns(layout(figures(box=Box(0, 0, 1100, 60), figures=one))) == 4
    assert columns(layout(figures(box=Box(0, 0, 200, 500), figures=one))) == 1
    assert columns(layout(figures(box=HIGH, figures=one, columns=2))) == 2


@pytest.mark.parametrize(("box", "across"), [(WIDE, True), (HIGH, False)])
def test_timelines_run_across_or_downwards(box: Box, across: bool) -> None:
    """Dots stand evenly on one line, in order; a wide one runs across, a high one downwards."""
    placed = layout(timeline(box=box))
    dots = [part.box for part in placed.placed if isinstance(part, PlacedShape) and "/dot-" in part.id]
    line = next(part.box for part in placed.placed if part.id == "timeline/line")  # type: ignore[union-attr]
    places = [(dot.x if across else dot.y) for dot in dots]
    assert places == sorted(places)
    assert (line.width > line.height) is across
    middle = line.y + line.height / 2 if across else line.x + line.width / 2
    assert all(abs((d.y + d.height / 2 if across else d.x + d.width / 2) - middle) <= 1 for d in dots)
    assert dots[2].width > dots[1].width  # the highlighted one


def test_right_to_left_tables_and_timelines_are_mirrored() -> None:
    """With the same words, every column and every milestone changes sides; numbers keep their own direction."""
    for make in (table, timeline, figures):
        english, hebrew = layout(make()), layout(make(), locale="he")
        theirs = {text.id: text for text in hebrew.texts()}
        for text in english.texts():
            if "/cell-" in text.id and text.id.endswith("-1"):
                continue  # decimals: below
            if text.id in ("figures/number-1", "figures/unit-1", "figures/number-2", "figures/unit-2"):
                continue  # 38% and 4.8/5 are read from the left: above
            mirrored = WIDE.x + WIDE.right - text.ink.right
            assert theirs[text.id].ink.x == pytest.approx(mirrored, abs=0.6), text.id
    points = [
        _point(text) for text in layout(table(), locale="he").texts() if text.id in ("table/cell-0-1", "table/cell-1-1")
    ]
    assert points[0] == pytest.approx(points[1], abs=0.01)


def _point(text: PlacedText) -> float:
    """Find where a number's point stands."""
    return next(glyph.x for glyph in glyphs(text) if text.text[glyph.cluster] == ".")


def test_decimals_stand_below_each_other() -> None:
    """Decimal marks share one x, a whole number ends there; the same column set to the end does not."""
    cells = texts(layout(table()), "cell")
    column = {text.id[-3]: text for text in cells if text.id.endswith("-1")}
    assert _point(column["0"]) == pytest.approx(_point(column["1"]), abs=0.01)
    tails = [glyphs(column[row])[-1].x - _point(column[row]) for row in ("0", "1")]
    assert tails[1] > tails[0]  # one decimal more
    alike = [
        text for text in texts(layout(table(numbers=("1.57", "2.71", "3.14", "7.77"))), "cell") if text.id[-2:] == "-1"
    ]
    assert len({round(glyphs(text)[-1].x, 2) for text in alike}) == 1  # no kerning between figures
    last = glyphs(column["3"])[-1]
    assert last.x < _point(column["0"]) < last.x + column["3"].fit.size
    ends = [text for text in texts(layout(table(align="end")), "cell") if text.id.endswith("-1")]
    assert abs(_point(ends[0]) - _point(ends[1])) > 1
    german = layout(table("de", numbers=("1,5", "22,25", "1.250", "7"), decimal=","), locale="de")
    marks = [
        next(g.x for g in glyphs(text) if text.text[g.cluster] == ",") for text in texts(german, "cell")
        if text.id in ("table/cell-0-1", "table/cell-1-1")
    ]  # fmt: skip
    assert marks[0] == pytest.approx(marks[1], abs=0.01)


def test_rows_share_their_baselines_and_cells_wrap() -> None:
    """Every row stands on one baseline; a narrow table wraps its words before it gets too small; stripes alternate."""
    placed = layout(table(stripe=Color(240, 230, 220)))
    for row in range(4):
        assert len({round(baseline(text), 3) for text in texts(placed, f"cell-{row}")}) == 1
    assert [part.id for part in placed.placed if "/stripe-" in part.id] == ["table/stripe-0", "table/stripe-2"]
    narrow = Box(60, 60, 215, 420)
    wrapped = layout(table(box=narrow))
    whole = layout(table(box=narrow, fit=FitRule(1, 8, 30)))
    assert any(len(lines(text)) == 2 for text in texts(wrapped, "cell"))
    assert texts(wrapped, "cell")[0].fit.size > texts(whole, "cell")[0].fit.size


@pytest.mark.parametrize("make", [figures, timeline, table])
def test_what_does_not_fit_says_so(make: Any) -> None:
    """In a box too small for the floor the words overflow, or the layer drops where it may."""
    tiny = Box(0, 0, 60, 30)
    assert any(text.fit.overflow for text in layout(make(box=tiny)).texts())
    dropped = layout(replace(make(box=tiny), priority=4)).dropped
    assert [entry.id for entry in dropped] == [make().id]


def test_words_of_infographics_say_their_data() -> None:
    """Alternative texts name every figure, milestone and cell."""
    assert figures().words.startswith("cups: 126,550; of them Night Shift: 38%")
    assert timeline().words.startswith("2011 cups 126,550; 2016 of them")
    assert table().words.startswith("Name: cups, Kg: 1.5, N: 126,550; ")
