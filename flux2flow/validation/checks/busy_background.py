"""Decoded file and Layout → texts on a ground full of edges, where even good contrast reads badly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.layout import PlacedText
from flux2flow.interfaces import CheckSubject
from flux2flow.validation.subjects import about, excerpt, line_ink

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP = 6.0
"""L* between two neighbouring pixels that is an edge: grain and JPEG blocks stay below, an outline is far above."""

EDGES = 0.08
"""Of the pairs of neighbours behind a text: from one in twelve on, the ground has as many strokes as the type.
Measured: the examples' plates 0.000 to 0.02, a photograph of leaves or a crowd 0.15 and more."""

AROUND = 0.25
"""Ems around the lines that count as behind them."""

ENOUGH = 60
"""Pairs: with fewer there is no ground to speak of, only the gaps between letters."""


class _BusyBackground:
    id = "busy-background"
    aliases = ("T09",)
    title = "Busy background"
    rationale = (
        "Letters are strokes; on a ground that has strokes of its own the eye has to tell them apart, however "
        "strong the contrast. What is counted is the share of neighbouring pixels, behind the lines and beside the "
        "letters' ink, that differ by a visible step of lightness. A gradient, soft shadow or film grain has next "
        "to none. T09."
    )
    level: Level = "warn"
    needs_pixels = True

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """At most one finding per text."""
        if subject.decoded is None:
            return
        from flux2flow.validation.ground import ink_mask, pixels_of
        from flux2flow.validation.repairs import remedy, repairs  # not at start-up: only checks of pixels need numpy

        pixels, ink = pixels_of(subject.decoded), ink_mask(subject.layout, subject.decoded)
        for text in subject.layout.texts():
            share = busyness(text, pixels, ink)
            if share > EDGES:
                message = f"{share:.0%} of the ground behind ‘{excerpt(text.text, 32)}’ are edges"
                finding = about(self, subject, text, message, measured=f"{share:.1%}", limit=f"{EDGES:.0%}")
                found = repairs([finding], subject.layout, subject.decoded, subject.standards)
                yield replace(finding, remedy=remedy(found))


def busyness(text: PlacedText, pixels: NDArray[Any], ink: NDArray[Any]) -> float:
    """Give the share of neighbouring pixels behind a text, outside its ink, between which there is an edge."""
    import numpy as np

    from flux2flow.validation.ground import luminance, window

    edges = pairs = 0
    for line in text.lines:
        box = line_ink(line)
        if box is None:
            continue
        place = window(box, round(AROUND * text.fit.size), ink)
        light, free = 116 * np.cbrt(luminance(pixels[place])) - 16, ~ink[place]
        for axis in (0, 1):
            both = np.logical_and(*_neighbours(free, axis))
            one, other = _neighbours(light, axis)
            pairs += int(both.sum())
            edges += int((np.abs(one - other)[both] > STEP).sum())
    return edges / pairs if pairs >= ENOUGH else 0.0


def _neighbours(values: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    return (values[1:], values[:-1]) if axis == 0 else (values[:, 1:], values[:, :-1])


CHECK = _BusyBackground()
