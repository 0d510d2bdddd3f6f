"""A chart's colours → pairs that people with a colour vision deficiency cannot tell apart."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from flux2flow.domain.color_vision import DEFICIENCIES, Matrix, simulate
from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.measures import Color
from flux2flow.domain.scene import ChartLayer
from flux2flow.interfaces import CheckSubject

FLOOR = 10.0
"""CIEDE2000 between two colours of one chart. 1 is just seen side by side; in a chart the colours stand apart and
small, and at 10 two are told apart without comparing (Stone et al. 2014 ask for more the smaller the mark)."""


class _ColourBlind:
    id = "colour-blind"
    aliases = ("T25",)
    title = "Colours for every eye"
    rationale = (
        "One man in twelve sees red and green alike. Where a chart tells its series or parts by colour, or lifts "
        "one out by an accent, each pair is seen through the simulation of Machado et al. (2009) of the three full "
        "deficiencies and must stay apart. Labels at the marks help, and do not replace a difference that one can "
        "see. T25."
    )
    level: Level = "warn"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per chart, about its worst pair."""
        for layer in subject.scene.layers:
            if isinstance(layer, ChartLayer) and (worst := _worst(layer)) is not None:
                distance, deficiency, one, other = worst
                message = f"{one.hex} and {other.hex} of this chart are alike to people with {deficiency}"
                yield Finding(
                    self.id, self.level, message, subject.scene.id, layer.id, layer.box, f"ΔE {distance:.1f}",
                    f"ΔE {FLOOR:g}",
                    "Take colours that differ in lightness, not in hue alone.",
                )  # fmt: skip


def _worst(layer: ChartLayer) -> tuple[float, str, Color, Color] | None:
    """Find the pair that is nearest in any deficiency; None where all pairs stay apart, or there is no pair."""
    pairs = itertools.combinations(dict.fromkeys(_meaningful(layer)), 2)
    distances = [
        (difference(seen(one, matrix), seen(other, matrix)), name, one, other)
        for one, other in pairs
        for name, matrix in DEFICIENCIES.items()
    ]
    worst = min(distances, key=lambda entry: entry[0], default=None)
    return worst if worst is not None and worst[0] < FLOOR else None


def _meaningful(layer: ChartLayer) -> list[Color]:
    """Give the colours that mean something: those of series or parts, and the accent where one is used."""
    series = [color for entry in layer.series if (color := getattr(entry, "color", None)) is not None]
    if series or layer.colors:
        return [*series, *layer.colors]
    accented = [bar.accent for bar in layer.bars]
    return [layer.color, layer.accent] if any(accented) and not all(accented) else []


def seen(color: Color, matrix: Matrix) -> Color:
    """Show a colour as somebody with a deficiency sees it."""
    return Color(*(round(255 * _encoded(min(max(value, 0.0), 1.0))) for value in simulate(color, matrix)))


def difference(one: Color, other: Color) -> float:
    """Give CIEDE2000 between two colours."""
    from coloraide import Color as Spectral  # here: it costs a tenth of a second, and most pictures hold no chart

    return float(Spectral(one.hex).delta_e(Spectral(other.hex), method="2000"))


def _encoded(value: float) -> float:
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


CHECK = _ColourBlind()
