"""Lines over categories: named at their ends, values at the points that matter, gaps for what lacks.

A label near a line stands where the line leaves it room. Knows no dates: categories are evenly apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from flux2flow.domain.measures import Box
from flux2flow.domain.scene import ChartLayer
from flux2flow.typography.charts.drawing import Drawing, Part, Point
from flux2flow.typography.charts.labels import every, room_for, spread, touching
from flux2flow.typography.charts.series import (
    Axis,
    draw_base,
    draw_grid,
    leader,
    reach,
    series_copy,
    ticks_width,
)
from flux2flow.typography.charts.words import (
    SHORTEST_BAR,
    Words,
    figures,
    height,
    largest_words,
    paired_baselines,
    tallest,
    widest,
    width,
)
from flux2flow.typography.fitting import Fitted
from flux2flow.typography.set_text import Typesetter

STROKE = 0.13
"""A line's width in em of its labels."""
HIGHLIGHTED = 1.6
"""Times as wide is a highlighted line."""
DOT = 1.5
"""A point's radius as a multiple of its line's width."""
NAME_SHARE = 0.34
"""At most this part of the width goes to the lines' names."""


def set_lines(layer: ChartLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    """Set lines over their categories."""
    return _Lines(layer, typesetter).run()


class _Lines:
    """One line chart being set."""

    def __init__(self, layer: ChartLayer, typesetter: Typesetter) -> None:
        self.layer, self.box = layer, layer.box
        self.drawing = Drawing(layer.id, layer.box, typesetter)
        self.count = len(layer.categories)
        self.several = len(layer.series) > 1
        copy = series_copy(layer, 0.5 * layer.box.width, NAME_SHARE * layer.box.width)
        self.words = largest_words(layer, typesetter, copy, self._fits)
        self.stroke = max(1.5, STROKE * self.words.size)
        self.left, self.right = self._ends(self.words)
        self.foot = self.box.bottom - self.words.label_height - self.words.gap
        top = self.box.y + max(tallest(self.words.ticks) / 2, self._above(self.words))
        low, high = reach(layer)
        foot = self.foot - (self._above(self.words) if low < 0 or low > 0 else 0.0)
        self.axis = Axis(low, high, foot, min(top, foot - 1))
        self.taken: list[Box] = []

    def _above(self, words: Words) -> float:
        """Give the room above the highest point: its own value, or half of the name at its end."""
        if not self.several:
            return tallest(words.values) + 2 * words.gap
        return max(0.5 * max(tallest(words.names), tallest(words.values)), words.gap)

    def _tail(self, words: Words) -> float:
        """Give the width that values and names at the lines' ends take."""
        if not self.several:
            return max(0.5 * words.value_width, 0.3 * words.size)
        names = widest(words.names) + words.gap if words.names else 0.0
        return 2 * words.gap + words.value_width + names

    def _ends(self, words: Words) -> tuple[float, float]:
        own = 0.0 if self.several else max(0.5 * words.value_width - (words.gap if words.ticks else 0.0), 0.0)
        start = ticks_width(words) + max(own, self.words_dot(words))
        return self.box.x + start, max(self.box.right - self._tail(words), self.box.x + start + 1)

    @staticmethod
    def words_dot(words: Words) -> float:
        """Give a point's radius at a size of words."""
        return DOT * HIGHLIGHTED * max(1.5, STROKE * words.size)

    def _fits(self, words: Words) -> bool:
        left, right = self._ends(words)
        high = self.box.height - words.label_height - words.gap - 2 * self._above(words)
        rows = [max(height(name), words.value_height) for name in words.names] if self.several else []
        step = every(self._label_ends(words, left, right), words.gap)
        return (
            right - left >= SHORTEST_BAR * self.box.width
            and high >= 0.8 * SHORTEST_BAR * self.box.height
            and room_for(rows, 0.3 * words.size) <= self.box.height - words.label_height - words.gap
            and step <= max(1, self.count // 3)
        )

    def _x(self, index: int, left: float, right: float) -> float:
        return (left + right) / 2 if self.count == 1 else left + (right - left) * index / (self.count - 1)

    def _label_ends(self, words: Words, left: float, right: float) -> list[tuple[float, float]]:
        """Give every category's label's two ends, kept inside the chart."""
        ends = []
        for index, label in enumerate(words.labels):
            wide = width(label)
            start = min(max(self._x(index, left, right) - wide / 2, self.box.x), self.box.right - wide)
            ends.append((start, start + wide))
        return ends

    def points(self, number: int) -> list[Point | None]:
        """Give a series' points; None where the value is missing."""
        values = [mark.value for mark in self.layer.series[number].marks]
        return [
            None if value is None else (self._x(index, self.left, self.right), self.axis(value))
            for index, value in enumerate(values)
        ]

    def run(self) -> tuple[Part, ...]:
        """Draw axis, lines and words."""
        layer, words = self.layer, self.words
        if words.ticks:
            draw_grid(self.drawing, layer, words, self.axis, self.box.x + ticks_width(words), self.right)
        draw_base(self.drawing, layer, self.axis(0.0) if self.axis.low < 0 else self.foot, self.left, self.right)
        ends = self._label_ends(words, self.left, self.right)
        step = every(ends, words.gap)
        for index in range(self.count - 1, -1, -step):
            start, stop = ends[index]
            place = Box(start, self.foot + words.gap, stop - start, words.label_height)
            baseline = self.foot + words.gap + words.label_rise
            self.drawing.words(f"label-{index}", words.labels[index], layer.type, place, "center", baseline=baseline)
        for number in sorted(range(len(layer.series)), key=lambda number: layer.series[number].accent):
            self._line(number)
        if self.several:
            self._name_ends()
        else:
            self._label_points()
        self._say_missing()
        return tuple(self.drawing.parts)

    def _line(self, number: int) -> None:
        series = self.layer.series[number]
        wide = self.stroke * (HIGHLIGHTED if series.accent else 1.0)
        piece = 0
        for run in _runs(self.points(number)):
            if len(run) > 1:
                self.drawing.polyline(f"line-{number}-{piece}", run, series.color, wide)
                piece += 1
            else:
                self.drawing.dot(f"alone-{number}-{piece}", run[0], DOT * wide, series.color)
                piece += 1
        last = next((point for point in reversed(self.points(number)) if point), None)
        if last:
            self.drawing.dot(f"end-{number}", last, DOT * wide, series.color)

    def _name_ends(self) -> None:
        """Write each line's last value and name beside its end, in the order of the ends."""
        words, layer = self.words, self.layer
        lasts: list[tuple[int, int, Point]] = []
        for number in range(len(layer.series)):
            known = [(index, point) for index, point in enumerate(self.points(number)) if point]
            if known:
                lasts.append((number, *known[-1]))
        sizes = [max(height(words.names[number]) if words.names else 0.0, words.value_height) for number, _, _ in lasts]
        centers = spread([point[1] for _, _, point in lasts], sizes, self.box.y, self.foot, 0.3 * words.size)
        start = self.right + 2 * words.gap
        for (number, index, point), center, size in zip(lasts, centers, sizes, strict=True):
            shown = words.values[number * self.count + index]
            place = Box(start, center - size / 2, words.value_width, size)
            name = words.names[number] if words.names else None
            base, name_base = paired_baselines(shown, name, center)
            self.drawing.words(f"value-{number}", shown, figures(layer.type), place, "end", baseline=base)
            if name is not None:
                x = start + words.value_width + words.gap
                area = Box(x, place.y, self.box.right - x, size)
                self.drawing.words(f"name-{number}", name, layer.type, area, baseline=name_base)
            radius = self.words_dot(words)
            if abs(center - point[1]) > 0.35 * words.size or point[0] < self.right - 1:
                knee = (start - 0.7 * words.gap, center)
                leader(self.drawing, layer, f"leader-{number}", [(point[0] + radius + 1, point[1]), knee])

    def _label_points(self) -> None:
        """Write a single line's values at its points: all of them where there is room, else the ones that matter."""
        points = self.points(0)
        known = [index for index, point in enumerate(points) if point]
        if not known:
            return
        values = {index: self.layer.series[0].marks[index].value or 0.0 for index in known}
        matter = [known[-1], max(known, key=lambda i: values[i]), min(known, key=lambda i: values[i]), known[0]]
        chosen = [*matter, *known] if not self.words.ticks else matter
        series = self.layer.series[0]
        wide = self.stroke * (HIGHLIGHTED if series.accent else 1.0)
        all_placed: dict[int, Box] = {}
        for index in dict.fromkeys(chosen):
            place = self._beside(points, index, self.words.values[index])
            if place is not None:
                all_placed[index] = place
        complete = len(all_placed) == len(known)
        for index in sorted(all_placed):
            if not complete and index not in matter:
                continue  # some values and not others, without a reason that a reader could see, would mislead
            if index != known[-1]:
                point = points[index]
                assert point is not None
                self.drawing.dot(f"point-{index}", point, DOT * wide, series.color)
            shown = self.words.values[index]
            self.drawing.words(f"value-0-{index}", shown, figures(self.layer.type), all_placed[index], "center")

    def _beside(self, points: Sequence[Point | None], index: int, value: Fitted) -> Box | None:
        """Find a place above or below a point that the line and the other labels leave free."""
        point = points[index]
        assert point is not None
        wide, tall, air = width(value), height(value), self.words_dot(self.words) + 0.35 * self.words.gap
        x = min(max(point[0] - wide / 2, self.box.x), self.box.right - wide)
        heights = _heights(points, x - air, x + wide + air) or [point[1]]
        above = Box(x, min(heights) - air - tall, wide, tall)
        below = Box(x, max(heights) + air, wide, tall)
        first, second = (above, below) if point[1] - above.bottom <= below.y - point[1] + tall else (below, above)
        for place in (first, second):
            inside = place.y >= self.box.y - 0.01 and place.bottom <= self.foot - 0.25 * self.words.gap
            if inside and not touching(place, self.taken, 0.3 * self.words.gap):
                self.taken.append(place)
                return place
        return None

    def _say_missing(self) -> None:
        """Say in the gap that a value is missing, where no line and no other word stands."""
        if not self.layer.missing:
            return
        for number, series in enumerate(self.layer.series):
            points = self.points(number)
            for index, mark in enumerate(series.marks):
                if mark.value is not None:
                    continue
                shown = self.words.values[number * self.count + index]
                place = self._gap_place(points, index, shown)
                if place is not None:
                    self.drawing.words(f"missing-{number}-{index}", shown, self.layer.type, place, "center")
                    self.taken.append(place)

    def _gap_place(self, points: Sequence[Point | None], index: int, shown: Fitted) -> Box | None:
        before = next((point for point in reversed(points[:index]) if point), None)
        after = next((point for point in points[index + 1 :] if point), None)
        near = [point[1] for point in (before, after) if point]
        if not near:
            return None
        wide, tall = width(shown), height(shown)
        x = min(max(self._x(index, self.left, self.right) - wide / 2, self.box.x), self.right - wide / 2)
        place = Box(x, sum(near) / len(near) - tall / 2, wide, tall)
        air = 0.3 * self.words.size
        crossed = any(
            height_there > place.y - air and height_there < place.bottom + air
            for number in range(len(self.layer.series))
            for height_there in _heights(self.points(number), place.x - air, place.right + air)
        )
        inside = place.y >= self.box.y and place.bottom <= self.foot - 0.25 * self.words.gap
        return None if crossed or not inside or touching(place, self.taken, air) else place


def _runs(points: Sequence[Point | None]) -> list[list[Point]]:
    """Part a line where values are missing."""
    runs: list[list[Point]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if run]


def _heights(points: Sequence[Point | None], left: float, right: float) -> list[float]:
    """Give the ys that a line takes between two xs: at its points, and where it enters and leaves."""
    found = [point[1] for point in points if point and left <= point[0] <= right]
    for one, other in pairwise(points):
        if one is None or other is None or other[0] <= one[0]:
            continue
        rise = (other[1] - one[1]) / (other[0] - one[0])
        found += [one[1] + rise * (x - one[0]) for x in (left, right) if one[0] <= x <= other[0]]
    return found
