"""Parts of a chart in left-to-right places → placed shapes, paths and words, mirrored where the scene reads from right.

Every kind of chart draws through this; nothing else here knows the reading direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from flux2flow.domain.files import PictureFile
from flux2flow.domain.layout import PathStep, PlacedPath, PlacedPicture, PlacedShape, PlacedText
from flux2flow.domain.measures import Box, Color
from flux2flow.domain.scene import Align, Gradient, Type, Vertical
from flux2flow.typography.fitting import Fitted
from flux2flow.typography.set_text import Typesetter

Part = PlacedShape | PlacedText | PlacedPath | PlacedPicture
Point = tuple[float, float]

FAINT = 0.28
"""Opacity of lines that only help the eye: rules, tracks, leaders."""
READABLE = 4.5
"""WCAG 2.2's contrast of words; below it a label is not set on its fill."""


@dataclass(frozen=True)
class Drawing:
    """Collects the parts of one layer in painting order."""

    id: str
    box: Box
    typesetter: Typesetter
    parts: list[Part] = field(default_factory=list)

    @property
    def mirrored(self) -> bool:
        """Whether left and right change places."""
        return self.typesetter.direction == "rtl"

    @property
    def hair(self) -> float:
        """A thin line's width: one pixel, more on large pictures."""
        return max(1.0, round(min(self.box.width, self.box.height) / 400))

    def sided(self, box: Box) -> Box:
        """Mirror a box inside the chart where the scene reads from the right."""
        if not self.mirrored:
            return box
        return Box(self.box.x + self.box.right - box.right, box.y, box.width, box.height)

    def shape(self, name: str, box: Box, color: Color, radius: float = 0.0, *, ellipse: bool = False) -> None:
        """Draw a rectangle or an ellipse."""
        kind: Literal["rectangle", "ellipse"] = "ellipse" if ellipse else "rectangle"
        self.parts.append(PlacedShape(f"{self.id}/{name}", kind, self.sided(box), Gradient(color, color), radius))

    def dot(self, name: str, center: Point, radius: float, color: Color) -> None:
        """Draw a dot."""
        x, y = center
        self.shape(name, Box(x - radius, y - radius, 2 * radius, 2 * radius), color, ellipse=True)

    def rule(self, name: str, start: Point, end: Point, color: Color) -> None:
        """Draw a thin horizontal or vertical line that falls on whole pixels."""
        width = self.hair
        (x, y), (right, bottom) = start, end
        if y == bottom:
            self.shape(name, Box(x, round(y - width / 2), right - x, width), color)
        else:
            self.shape(name, Box(round(x - width / 2), y, width, bottom - y), color)

    def path(
        self, name: str, steps: Sequence[PathStep], *, fill: Color | None = None, stroke: Color | None = None,
        width: float = 0.0, dash: tuple[float, ...] = (),
    ) -> None:  # fmt: skip
        """Draw an outline."""
        if self.mirrored:
            turn = self.box.x + self.box.right
            steps = [PathStep(step.verb, tuple((turn - x, y) for x, y in step.points)) for step in steps]
        points = [point for step in steps for point in step.points]
        left, top = min(x for x, _ in points), min(y for _, y in points)
        bounds = Box(left, top, max(x for x, _ in points) - left, max(y for _, y in points) - top)
        box = bounds.grown(width / 2 if stroke else 0.0)
        self.parts.append(PlacedPath(f"{self.id}/{name}", tuple(steps), box, fill, stroke, width, dash))

    def polyline(self, name: str, points: Sequence[Point], color: Color, width: float) -> None:
        """Draw a line through points."""
        self.path(name, steps_through(points), stroke=color, width=width)

    def picture(self, name: str, picture: PictureFile, box: Box, color: Color, part: float = 1.0) -> None:
        """Draw a picture, or its first part in reading direction; the picture itself is never mirrored."""
        clip = Box(box.x, box.y, box.width * part, box.height)
        placed = PlacedPicture(f"{self.id}/{name}", picture, self.sided(box), self.sided(clip), color=color)
        self.parts.append(placed)

    def words(
        self, name: str, fitted: Fitted, type: Type, box: Box, align: Align = "start", vertical: Vertical = "middle",
        *, color: Color | None = None, baseline: float | None = None,
    ) -> None:  # fmt: skip
        """Set words in a box, whose start and end are the reading direction's."""
        colored = type if color is None else replace(type, color=color)
        placed = self.typesetter.place(
            f"{self.id}/{name}", fitted, colored, self.sided(box), align, vertical, baseline=baseline
        )
        # The box that the words were given holds their ink, unless that leaves the layer.
        inside = placed.ink.intersection(self.box)
        box = placed.box.union(inside) if inside.area > 0 else placed.box
        self.parts.append(replace(placed, box=box))


def steps_through(points: Sequence[Point], *, closed: bool = False) -> list[PathStep]:
    """Make the steps of a line through points."""
    steps = [PathStep("move", (points[0],)), *(PathStep("line", (point,)) for point in points[1:])]
    return [*steps, PathStep("close")] if closed else steps


def on_fill(fill: Color, type: Type, ground: Color | None) -> Color | None:
    """Choose the colour that words on a fill can be read in: the style's own, else the chart's ground; else None."""
    able = [color for color in (type.color, ground) if color is not None and color.contrast(fill) >= READABLE]
    return max(able, key=lambda color: color.contrast(fill), default=None)
