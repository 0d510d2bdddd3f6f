"""A text layer → its words set, by the copyfitting ladder: tracking, width axis, size, shorter copy, overflow.

Each rung goes only as far as the style and the template say, and the report names what was done. What overflows at the
last rung is dropped or found by others. Joined scripts are never tracked.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from flux2flow.domain.layout import PlacedText
from flux2flow.domain.scene import Align, FitRule, TextLayer, TextSpan, Type, Vertical
from flux2flow.typography.breaking import SOFT_HYPHEN
from flux2flow.typography.fitting import Fitted, Frame, ceiling
from flux2flow.typography.hyphenation import hyphen_places, patterns_missing
from flux2flow.typography.set_text import Typesetter
from flux2flow.typography.shaping import JOINED, scripts

TRACKING_STEP = 0.005
"""Em: a rung of tracking; half of it is seen by nobody."""
WIDTH_STEP = 2.0
"""Per cent of the normal width: a rung of the width axis."""
_AXIS = "wdth"
_ACROSS: dict[Align, Vertical] = {"start": "top", "center": "middle", "end": "bottom"}


@dataclass(frozen=True, slots=True)
class _Squeeze:
    """How far letters are squeezed: em taken off the tracking (negative), and a value of the width axis."""

    tracking: float = 0.0
    width: float | None = None

    def of(self, type: Type) -> Type:
        """Give a type squeezed."""
        axes = type.axes
        if self.width is not None:
            axes = tuple(sorted({**dict(axes), _AXIS: self.width}.items()))
        return replace(type, tracking=type.tracking + self.tracking, axes=axes)

    @property
    def words(self) -> str:
        said = [f"tracking {self.tracking:+g} em"] if self.tracking else []
        return ", ".join([*said, *([f"width axis {self.width:g}"] if self.width is not None else [])])


_LOOSE = _Squeeze()


@dataclass(frozen=True, slots=True)
class Climbed:
    """A text as the ladder leaves it: fitted, with the type it is set in."""

    fitted: Fitted
    type: Type


def set_by_ladder(layer: TextLayer, typesetter: Typesetter) -> PlacedText:
    """Fit a text layer by the ladder and place it in its box."""
    climbed = climb(layer, typesetter)
    fitted = climbed.fitted
    if layer.type.hyphenate and layer.writing == "horizontal":
        lacks = patterns_missing(fitted.paragraph.text, typesetter.language, layer.fit.lines)
        fitted = replace(fitted, report=replace(fitted.report, unhyphenated=lacks))
    ellipse = layer.shape == "ellipse"
    align: Align = "center" if ellipse else layer.align
    vertical: Vertical = "middle" if ellipse else layer.vertical
    return typesetter.place(layer.id, fitted, climbed.type, layer.box, align, vertical, max_chars=layer.max_chars)


def climb(layer: TextLayer, typesetter: Typesetter) -> Climbed:
    """Fit a text layer: the first copy that reaches the preferred size, else the first that fits at the floor.

    Where none does, the shortest copy overflows at the floor, squeezed as far as allowed.
    """
    copies = [(layer.text, layer.spans), *((copy.text, copy.spans) for copy in layer.alternatives)]
    rungs = [_Rungs(layer, typesetter, *copy) for copy in copies]
    rule = layer.fit
    floors = [rule.minimum]
    if rule.prefer is not None and rule.minimum < rule.prefer:
        floors.insert(0, min(rule.prefer, max(rule.maximum, rule.minimum)))
    for floor in floors:
        for number, copy in enumerate(rungs):
            found = copy.fit(floor)
            if not found.fitted.report.overflow:
                return _reported(found, rule, number, len(copies), floors[0])
    return _reported(rungs[-1].fit(rule.minimum), rule, len(copies) - 1, len(copies), floors[0])


def _reported(found: Climbed, rule: FitRule, number: int, of: int, wanted: float) -> Climbed:
    report = found.fitted.report
    steps = report.steps
    if number:
        said = f"copy {number + 1} of {of}: what is longer does not fit at {wanted:g} px"
        steps = (said, *steps)
    at_floor = report.overflow or report.size <= rule.minimum < ceiling(rule)
    report = replace(report, minimum=rule.minimum, steps=steps, copy_step=number, at_floor=at_floor)
    return Climbed(replace(found.fitted, report=report), found.type)


class _Rungs:
    """One copy of a layer, to be tried looser and tighter."""

    def __init__(self, layer: TextLayer, typesetter: Typesetter, text: str, spans: tuple[TextSpan, ...]) -> None:
        if layer.type.hyphenate and layer.writing == "horizontal":
            text, spans = _hyphenated(text, spans, layer.fit.lines, typesetter)
        self.layer, self.typesetter, self.text, self.spans = layer, typesetter, text, spans
        box = layer.box
        self.frame = Frame(box.width, box.height, layer.vertical, layer.shape, layer.justify)
        if layer.shape == "ellipse":
            self.frame = replace(self.frame, vertical="middle")
        if layer.writing == "vertical":
            self.frame = Frame(box.height, box.width, _ACROSS[layer.align])
        self.squeezes = _squeezes(layer.type, layer.fit, text, typesetter)

    def fit(self, floor: float) -> Climbed:
        """Fit between a floor and the ceiling: squeezed no more than the preferred size asks for, then smaller."""
        rule = FitRule(self.layer.fit.lines, floor, max(self.layer.fit.maximum, floor))
        loose = self._at(_LOOSE, rule)
        wanted = min(self.layer.fit.prefer or rule.maximum, ceiling(rule))
        if not self.squeezes or (not loose.report.overflow and loose.size >= wanted):
            return Climbed(loose, self.layer.type)
        tight = self._at(self.squeezes[-1], rule)
        if tight.report.overflow:
            return self._squeezed(self.squeezes[-1], tight, "as far as the style allows")
        size = min(tight.size, max(wanted, floor))
        if not loose.report.overflow and loose.size >= size:
            return Climbed(loose, self.layer.type)
        exactly = FitRule(rule.lines, size, size)
        low, high = -1, len(self.squeezes) - 1  # the loosest that fits: what is tighter fits too, but for line breaks
        while high - low > 1:
            middle = (low + high) // 2
            if self._at(self.squeezes[middle], exactly).report.overflow:
                low = middle
            else:
                high = middle
        chosen = self.squeezes[high]
        made = self._at(chosen, exactly)
        if made.report.overflow:  # at the found size justified or optical setting differs: keep what is known to fit
            return self._squeezed(self.squeezes[-1], tight, f"to reach {tight.size:g} px")
        return self._squeezed(chosen, made, f"to reach {size:g} px")

    def _at(self, squeeze: _Squeeze, rule: FitRule) -> Fitted:
        type = squeeze.of(self.layer.type)
        spans: Sequence[TextSpan] = self.spans
        if squeeze != _LOOSE:
            spans = tuple(replace(span, type=squeeze.of(span.type)) for span in spans)
        words = self.typesetter.worded(self.text, type, spans, self.layer.writing)
        return self.typesetter.fit(words, type, self.frame, rule)

    def _squeezed(self, squeeze: _Squeeze, made: Fitted, why: str) -> Climbed:
        report = replace(
            made.report,
            steps=(f"{squeeze.words} {why}", *made.report.steps),
            tracking=squeeze.tracking,
            width_axis=squeeze.width,
        )
        return Climbed(replace(made, report=report), squeeze.of(self.layer.type))


def _hyphenated(
    text: str, spans: tuple[TextSpan, ...], lines: int, typesetter: Typesetter
) -> tuple[str, tuple[TextSpan, ...]]:
    """Insert soft hyphens where words may part; spans move with their words."""
    places = hyphen_places(text, typesetter.language, lines, typesetter.unbroken)
    pieces = [text[start:stop] for start, stop in pairwise((0, *places, len(text)))]
    moved = tuple(
        replace(
            span, start=span.start + bisect_right(places, span.start), stop=span.stop + bisect_left(places, span.stop)
        )
        for span in spans
    )
    return SOFT_HYPHEN.join(pieces), moved


def _squeezes(type: Type, rule: FitRule, text: str, typesetter: Typesetter) -> list[_Squeeze]:
    """List the squeezes that a style allows, from the loosest: tracking first, then the width axis with it."""
    tracked: list[float] = []
    if rule.tracking < 0 and not JOINED & set(scripts(text)):
        count = max(round(-rule.tracking / TRACKING_STEP + 0.499), 1)
        tracked = [max(-TRACKING_STEP * step, rule.tracking) for step in range(1, count + 1)]
    found = [_Squeeze(round(tracking, 6)) for tracking in tracked]
    most = round(tracked[-1], 6) if tracked else 0.0
    start = _width_axis(type, typesetter)
    if rule.width is not None and start is not None:
        own, lowest = start
        bound, width = max(rule.width, lowest), own
        while width > bound:
            width = max(width - WIDTH_STEP, bound)
            found.append(_Squeeze(most, width))
    return found


def _width_axis(type: Type, typesetter: Typesetter) -> tuple[float, float] | None:
    """Give the width that a style's fonts begin at, and the least one they have; None where none has the axis."""
    axes = [axis for font in typesetter.fonts if font.family in type.families for axis in font.axes if axis[0] == _AXIS]
    if not axes:
        return None
    own = dict(type.axes).get(_AXIS, max(axis[2] for axis in axes))
    return own, min(axis[1] for axis in axes)
