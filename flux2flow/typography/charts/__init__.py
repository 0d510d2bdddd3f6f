"""A chart layer → shapes, paths and words, placed. One file for each kind; drawing, words, labels and axes are shared.

One common size for all words, direct labels instead of legends, bars from zero; charts of right-to-left languages
grow from the right. Knows nothing about where the numbers came from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flux2flow.domain.scene import ChartKind, ChartLayer
from flux2flow.typography.charts.area import set_area
from flux2flow.typography.charts.bars import set_bars, set_columns
from flux2flow.typography.charts.donut import set_donut
from flux2flow.typography.charts.dots import set_dots
from flux2flow.typography.charts.drawing import Part
from flux2flow.typography.charts.grouped import set_grouped_bars, set_grouped_columns
from flux2flow.typography.charts.lines import set_lines
from flux2flow.typography.charts.pictogram import set_pictogram
from flux2flow.typography.charts.progress import set_progress
from flux2flow.typography.charts.slope import set_slope
from flux2flow.typography.charts.stacked import set_stacked_bars, set_stacked_columns
from flux2flow.typography.charts.waffle import set_waffle
from flux2flow.typography.set_text import Typesetter

__all__ = ["Part", "set_chart"]

_KINDS: Mapping[ChartKind, Callable[[ChartLayer, Typesetter], tuple[Part, ...]]] = {
    "bar": set_bars,
    "column": set_columns,
    "stacked-bar": set_stacked_bars,
    "stacked-column": set_stacked_columns,
    "grouped-bar": set_grouped_bars,
    "grouped-column": set_grouped_columns,
    "line": set_lines,
    "area": set_area,
    "donut": set_donut,
    "waffle": set_waffle,
    "dot": set_dots,
    "slope": set_slope,
    "progress": set_progress,
    "pictogram": set_pictogram,
}


def set_chart(layer: ChartLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    """Place a chart's marks and words; words that do not fit at the floor report an overflow."""
    if not layer.bars and not layer.series:
        return ()
    return _KINDS[layer.chart](layer, typesetter)
