"""Grapheme clusters (uniseg, whose tables are of Unicode 16) against Unicode 15's GraphemeBreakTest: no deviation."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from uniseg.graphemecluster import grapheme_cluster_boundaries

from tests.typography.conformance.data_file import break_cases


def deviations(boundaries: Callable[[str], Iterable[int]]) -> tuple[int, list[int]]:
    """Count the cases, and list the lines of those that these boundaries break otherwise."""
    cases = list(break_cases("GraphemeBreakTest"))
    return len(cases), [case.line for case in cases if set(boundaries(case.text)) - {0} != case.breaks]


def test_every_case() -> None:
    """All 602 cases hold."""
    assert deviations(grapheme_cluster_boundaries) == (602, [])


def test_code_points_alone_would_fail() -> None:
    """Control: breaking between all code points, or only at the end, is not what the data says."""
    assert len(deviations(lambda text: range(len(text) + 1))[1]) > 200
    assert len(deviations(lambda text: [len(text)])[1]) > 200
