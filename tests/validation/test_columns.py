"""The checks of type on columns, as they are really set: good ones pass, and what is wrong downwards is found."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.layout import PlacedText
from flux2flow.domain.measures import Box
from flux2flow.domain.reading import ReadLine
from flux2flow.domain.scene import FitRule
from flux2flow.validation import built_in, validate
from tests.typography.builder import JAPANESE, LATIN, set_one, style

from .builder import column, subject

CALM = "夏は、ここから始まる。新作コレクションは最大50%オフ、全国どこでも送料無料でお届けします。"
CHECKS = ("bidi", "leading", "line-length", "widow", "hyphenation", "no-break", "hierarchy")


def columns(text: str, *, leading: float = 1.4, size: float = 20, high: float = 240) -> PlacedText:
    """Set a text in columns of this height."""
    type = style(JAPANESE, LATIN, weight=400, leading=leading)
    box = Box(10, 5, 280, high)
    return set_one(text, box, type, locale="ja", writing="vertical", fit=FitRule(12, size, size))


def found(text: PlacedText) -> set[str]:
    assert len(text.lines) > 1
    assert all(line.vertical for line in text.lines)
    checks = [check for check in built_in() if check.id in CHECKS]
    return {finding.check for finding in validate(subject(text, locale="ja"), checks)}


@pytest.mark.parametrize(
    "text", [CALM, "「もう遅い、ということはない」と彼女は笑った。Aurora X2、24時間駆動、重さは780g。"]
)
def test_columns_set_well_have_no_finding(text: str) -> None:
    """Punctuation at the foot, digits side by side, Latin that lies on its side."""
    assert found(columns(text)) == set()


def nearer(text: PlacedText, by: float) -> PlacedText:
    """Push the second column to the right, towards the first."""
    first, second, *rest = text.lines
    runs = tuple(
        replace(run, glyphs=tuple(replace(it, ink=it.ink and replace(it.ink, x=it.ink.x + by)) for it in run.glyphs))
        for run in second.runs
    )
    return replace(text, lines=(first, replace(second, runs=runs), *rest))


def test_columns_that_touch_are_found() -> None:
    assert "leading" not in found(nearer(columns(CALM), 4))
    assert "leading" in found(nearer(columns(CALM), 16))


def test_a_column_may_hold_more_than_a_line() -> None:
    """JLREQ's 52 characters, not 40."""
    passage = "静かな朝に光が差す" * 20
    fits = columns(passage, size=5, high=5 * 50 + 2)
    assert 40 < max(len(line.text) for line in fits.lines) <= 52
    assert "line-length" not in found(fits)
    assert "line-length" in found(columns("静かな朝に光が差す" * 12, size=4, high=4 * 58 + 2))


def turned(*lines: str) -> PlacedText:
    """Stand lines up as columns: each as far down as it was wide."""
    text = column(*lines)
    standing = (
        replace(line, vertical=True, box=Box(200 - 24 * number, 20, 24, line.box.width))
        for number, line in enumerate(text.lines)
    )
    return replace(text, lines=tuple(standing))


def test_a_widow_is_measured_downwards() -> None:
    """Latin on its side: every column is as wide as the others, and the last one short from the top."""
    assert "widow" in found(turned("light enough to carry", "with you all day and", "on"))
    assert "widow" not in found(turned("light enough to carry", "with you all day and", "everywhere"))


@dataclass
class Blind:
    """A reader that knows every letter and reads none."""

    name: str = "blind"

    def read(self, canvas: Canvas) -> tuple[ReadLine, ...]:
        return ()

    def read_line(self, canvas: Canvas, box: Box) -> ReadLine:
        return ReadLine("", box, 0.0)

    def unreadable(self, text: str) -> str:
        return ""


@pytest.mark.parametrize(("text", "level"), [(column("calm light", "all day"), "fail"), (columns(CALM), "info")])
def test_columns_are_not_read_back_as_lines(text: PlacedText, level: str) -> None:
    """A reader of lines sees nothing in a column: that is said, and is no fault of the picture."""
    check = next(check for check in built_in() if check.id == "ocr-readback")
    (finding,) = validate(replace(subject(text, locale="ja"), reader=Blind()), [check])
    assert finding.level == level
