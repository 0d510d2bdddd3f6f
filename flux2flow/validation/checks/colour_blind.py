"""A chart's colours → pairs that people with a colour vision deficiency cannot tell apart."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.measures import Color
from flux2flow.domain.scene import ChartLayer
from flux2flow.interfaces import CheckSubject

FLOOR = 10.0
"""CIEDE2000 between two colours of one chart. 1 is just seen side by side; in a chart the colours stand apart and
small, and at 10 two are told apart without comparing (Stone et al. 2014 ask for more the smaller the mark)."""

# Machado, Oliveira, Fernandes: A Physiologically-based Model for Simulation of Color Vision Deficiency
# (IEEE TVCG 2009), severity 1.0, on linear RGB.
DEFICIENCIES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


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
    seen = [
        (difference(simulate(one, matrix), simulate(other, matrix)), name, one, other)
        for one, other in pairs
        for name, matrix in DEFICIENCIES.items()
    ]
    worst = min(seen, key=lambda entry: entry[0], default=None)
    return worst if worst is not None and worst[0] < FLOOR else None


def _meaningful(layer: ChartLayer) -> list[Color]:
    """Give the colours that mean something: those of series or parts, and the accent where one is used."""
    series = [color for entry in layer.series if (color := getattr(entry, "color", None)) is not None]
    if series or layer.colors:
        return [*series, *layer.colors]
    accented = [bar.accent for bar in layer.bars]
    return [layer.color, layer.accent] if any(accented) and not all(accented) else []


def simulate(color: Color, matrix: tuple[tuple[float, float, float], ...]) -> Color:
    """Show a colour as somebody with a deficiency sees it."""
    linear = [_linear(channel / 255) for channel in (color.red, color.green, color.blue)]
    seen = (sum(factor * value for factor, value in zip(row, linear, strict=True)) for row in matrix)
    return Color(*(round(255 * _encoded(min(max(value, 0.0), 1.0))) for value in seen))


def difference(one: Color, other: Color) -> float:
    """Give CIEDE2000 between two colours."""
    from coloraide import Color as Spectral  # here: it costs a tenth of a second, and most pictures hold no chart

    return float(Spectral(one.hex).delta_e(Spectral(other.hex), method="2000"))


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _encoded(value: float) -> float:
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


CHECK = _ColourBlind()
