"""A button layer → its shape and its label: the label's width and the padding make its width, its size its height.

Knows nothing about the other layers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from flux2flow.domain.layout import PlacedShape, PlacedText
from flux2flow.domain.scene import ButtonLayer, FitRule, Gradient
from flux2flow.typography.fitting import Fitted, Frame, ceiling, largest
from flux2flow.typography.set_text import Typesetter, inside
from flux2flow.typography.words import Words

PADDING_ABOVE = 0.8
"""A button's padding above the caps and below the baseline, as a part of its padding at the sides."""
_UNBOUNDED = 1e6


@dataclass(frozen=True, slots=True)
class _Trial:
    """A button around its label at one size."""

    label: Fitted
    width: float
    height: float
    fits: bool


def set_button(layer: ButtonLayer, typesetter: Typesetter) -> tuple[PlacedShape, PlacedText]:
    """Place a button at the largest size whose shape fits its box; the label reports an overflow.

    A shorter label is taken where the longer one would stand below the preferred size, or would not fit at all.
    """
    found, at_floor, number = _chosen(layer, typesetter)
    box = inside(layer.box, found.width, found.height, layer.align, layer.vertical, typesetter.direction)
    copies = len(layer.alternatives) + 1
    steps = (
        *([f"copy {number + 1} of {copies}: what is longer does not fit"] if number else []),
        f"ceiling {layer.fit.maximum:g} px",
        f"label at {found.label.size:g} px{': the floor' if at_floor else ''}",
        f"button {found.width:.1f}×{found.height:.1f} px in {layer.box.width:.1f}×{layer.box.height:.1f} px",
    )
    report = replace(
        found.label.report,
        minimum=layer.fit.minimum,
        steps=steps,
        overflow=not found.fits,
        at_floor=at_floor,
        copy_step=number,
    )
    label = typesetter.place(
        f"{layer.id}/label",
        replace(found.label, report=report),
        layer.type,
        box,
        "center",
        "middle",
        max_chars=layer.max_chars,
    )
    radius = min(layer.radius, box.width / 2, box.height / 2)
    return PlacedShape(layer.id, "rectangle", box, Gradient(layer.fill, layer.fill), radius), label


def _chosen(layer: ButtonLayer, typesetter: Typesetter) -> tuple[_Trial, bool, int]:
    """Give the button around the first label that fits, whether it stands at the floor, and which label it is."""
    rule = layer.fit
    floors = [rule.minimum]
    if rule.prefer is not None and layer.alternatives and rule.minimum < rule.prefer:
        floors.insert(0, min(rule.prefer, ceiling(rule)))
    copies = [(layer.text, layer.spans), *((copy.text, copy.spans) for copy in layer.alternatives)]
    for floor in floors:
        for number, (text, spans) in enumerate(copies):
            words = typesetter.worded(text, layer.type, spans)

            def trial(size: float, words: Words = words) -> _Trial:
                return _around(layer, typesetter, words, size)

            found, stopped = largest(replace(rule, minimum=floor), trial, lambda made: made.fits)
            if found.fits:
                return found, stopped and floor == rule.minimum, number
    return found, stopped, len(copies) - 1


def _around(layer: ButtonLayer, typesetter: Typesetter, words: Words, size: float) -> _Trial:
    sides = 2 * layer.padding * size
    frame = Frame(max(layer.box.width - sides, 1.0), _UNBOUNDED, "middle")
    label = typesetter.fit(words, layer.type, frame, FitRule(layer.fit.lines, size, size))
    cap = label.paragraph.setting.stack.primary.metrics.cap_height
    widest = max((line.ink.right - line.ink.left for line in label.lines if line.ink), default=0.0)
    height = ((len(label.lines) - 1) * label.leading + cap) * size + PADDING_ABOVE * sides
    fits = not label.report.overflow and height <= layer.box.height + 0.01
    return _Trial(label, widest * size + sides, height, fits)
