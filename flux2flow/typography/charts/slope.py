"""Slopes: two moments, one line for each series between them, value and name at both ends. Knows no third moment."""

from __future__ import annotations

from flux2flow.domain.measures import Box
from flux2flow.domain.scene import Align, ChartLayer
from flux2flow.typography.charts.drawing import FAINT, Drawing, Part
from flux2flow.typography.charts.labels import room_for, spread
from flux2flow.typography.charts.lines import DOT, HIGHLIGHTED, STROKE
from flux2flow.typography.charts.series import Axis, leader, reach, series_copy
from flux2flow.typography.charts.words import (
    Words,
    figures,
    height,
    largest_words,
    paired_baselines,
    widest,
    width,
)
from flux2flow.typography.set_text import Typesetter

PLOT_SHARE = 0.34
"""At least this part of the width is left to the lines."""
NAME_SHARE = 0.3
HANGING = 0.3
"""Room for what hangs below the letters, in em."""


def set_slope(layer: ChartLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    """Set two axes, headed by their moments, with lines between them."""
    drawing, box = Drawing(layer.id, layer.box, typesetter), layer.box
    if len(layer.categories) != 2:
        return ()

    def side(words: Words) -> float:
        return max(words.value_width + 2 * words.gap + widest(words.names) + words.gap, words.label_width / 2)

    def rows(words: Words) -> list[float]:
        names = words.names or (None,) * len(layer.series)
        # Letters are centred, ink is not: what hangs below the baseline asks for room on both sides.
        return [max(height(name) if name else 0.0, words.value_height) + HANGING * words.size for name in names]

    def fits(words: Words) -> bool:
        room = box.height - words.label_height - 2 * words.gap
        return box.width - 2 * side(words) >= PLOT_SHARE * box.width and (
            room_for(rows(words), 0.0) <= room and words.label_width <= box.width / 2 - words.gap
        )

    words = largest_words(layer, typesetter, series_copy(layer, box.width / 2, NAME_SHARE * box.width), fits)
    sizes, gap = rows(words), words.gap
    left, right = box.x + side(words), box.right - side(words)
    top = box.y + words.label_height + 2 * gap
    half = max(sizes) / 2
    axis = Axis(*reach(layer), box.bottom - half, min(top + half, box.bottom - half - 1))
    for index, x in enumerate((left, right)):
        wide = width(words.labels[index])
        place = Box(min(max(x - wide / 2, box.x), box.right - wide), box.y, wide, words.label_height)
        baseline = box.y + words.label_rise
        drawing.words(f"label-{index}", words.labels[index], layer.type, place, "center", baseline=baseline)
        drawing.rule(f"axis-{index}", (x, top), (x, box.bottom), layer.type.color.with_alpha(FAINT))
    stroke = max(1.5, STROKE * words.size)
    for number in sorted(range(len(layer.series)), key=lambda number: layer.series[number].accent):
        series = layer.series[number]
        wide = stroke * (HIGHLIGHTED if series.accent else 1.0)
        values = [mark.value for mark in series.marks]
        points = [(x, axis(v)) for x, v in zip((left, right), values, strict=True) if v is not None]
        if len(points) == 2:
            drawing.polyline(f"line-{number}", points, series.color, wide)
        for end, point in enumerate(points):
            drawing.dot(f"dot-{number}-{end}", point, DOT * wide, series.color)
    for index, x in enumerate((left, right)):
        _ends(drawing, layer, words, index, x, axis, sizes, top)
    return tuple(drawing.parts)


def _ends(
    drawing: Drawing, layer: ChartLayer, words: Words, index: int, x: float, axis: Axis, sizes: list[float], top: float
) -> None:
    """Write value and name of every series beside one axis, moved apart with leaders; the value is next to the axis."""
    box, gap, first = drawing.box, words.gap, index == 0
    known = [number for number, series in enumerate(layer.series) if series.marks[index].value is not None]
    wanted = [axis(layer.series[number].marks[index].value or 0.0) for number in known]
    centers = spread(wanted, [sizes[number] for number in known], top, box.bottom)
    for number, want, center in zip(known, wanted, centers, strict=True):
        tall = sizes[number]
        start = x - 2 * gap - words.value_width if first else x + 2 * gap
        place = Box(start, center - tall / 2, words.value_width, tall)
        shown = words.values[number * 2 + index]
        name = words.names[number] if words.names else None
        base, name_base = paired_baselines(shown, name, center)
        align: Align = "end" if first else "start"
        drawing.words(f"value-{number}-{index}", shown, figures(layer.type), place, align, baseline=base)
        if name is not None:
            edge = start - gap if first else start + words.value_width + gap
            area = Box(box.x, place.y, edge - box.x, tall) if first else Box(edge, place.y, box.right - edge, tall)
            drawing.words(f"name-{number}-{index}", name, layer.type, area, align, baseline=name_base)
        if abs(center - want) > 0.35 * words.size:
            near = x - 1.6 * gap if first else x + 1.6 * gap
            away = x - 0.6 * gap if first else x + 0.6 * gap
            leader(drawing, layer, f"leader-{number}-{index}", [(away, want), (near, center)])
