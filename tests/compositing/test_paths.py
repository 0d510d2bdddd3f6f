"""Paths on pixels: filled and drawn where their points are, antialiased, the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from flux2flow.compositing.shapes import paint_path
from flux2flow.domain.layout import PathStep, PlacedPath
from flux2flow.domain.measures import Box, Color
from flux2flow.typography.charts.arcs import ring

INK = Color(200, 40, 20)


def painted(steps: list[PathStep], **changes: object) -> np.ndarray:
    """Paint a path on white, 60 × 60 pixels."""
    pixels = np.full((60, 60, 4), 255, dtype=np.uint8)
    paint_path(PlacedPath("path", tuple(steps), Box(0, 0, 60, 60), **changes), pixels)  # type: ignore[arg-type]
    return pixels[:, :, :3]


def square(left: float, top: float, right: float, bottom: float) -> list[PathStep]:
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    steps = [PathStep("move", (corners[0],)), *(PathStep("line", (corner,)) for corner in corners[1:])]
    return [*steps, PathStep("close")]


def test_a_fill_covers_its_outline_exactly() -> None:
    """A square on whole pixels is crisp; half a pixel off, its edge is a mix."""
    crisp = painted(square(10, 20, 30, 40), fill=INK)
    inside = (crisp == (200, 40, 20)).all(axis=2)
    assert inside.sum() == 400
    assert inside[20:40, 10:30].all()
    soft = painted(square(10.5, 20, 30, 40), fill=INK)
    assert 40 < int(soft[30, 10, 1]) < 255


def test_a_ring_has_its_area() -> None:
    """Ink in a ring's part is its share of the ring's area, within a per cent; the hole stays empty."""
    for turn in (0.25, 1.0):
        ink = (
            255 - painted(ring((30, 30), 10, 25, 0, turn * 2 * np.pi), fill=Color(0, 0, 0))[:, :, 0].astype(float)
        ) / 255
        assert ink.sum() == pytest.approx(np.pi * (25**2 - 10**2) * turn, rel=0.01)
        assert ink[30, 30] == 0


def test_a_line_is_as_wide_as_asked() -> None:
    """A horizontal line of three pixels inks three rows; a dash leaves gaps; nothing is drawn without a colour."""
    steps = [PathStep("move", ((10, 30.5),)), PathStep("line", ((50, 30.5),))]
    line = painted(steps, stroke=INK, width=3)
    assert [row for row in range(60) if (line[row, 30] != 255).any()] == [29, 30, 31]
    dashed = painted(steps, stroke=INK, width=3, dash=(4, 4))
    assert 0 < (dashed[30, 10:50] != 255).any(axis=1).sum() < 40
    assert (painted(steps) == 255).all()


def test_paths_are_the_same_every_time() -> None:
    """Painting is deterministic, and notices a tenth of a pixel."""
    first = painted(ring((30, 30), 10, 25, 0.3, 2.0), fill=INK, stroke=Color(0, 0, 0), width=1.5)
    assert (first == painted(ring((30, 30), 10, 25, 0.3, 2.0), fill=INK, stroke=Color(0, 0, 0), width=1.5)).all()
    assert (first != painted(ring((30.1, 30), 10, 25, 0.3, 2.0), fill=INK, stroke=Color(0, 0, 0), width=1.5)).any()
