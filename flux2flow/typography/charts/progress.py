"""Progress bars: label and value above a track, and how much of the whole is reached. Knows no other whole."""

from __future__ import annotations

from flux2flow.domain.measures import Box
from flux2flow.domain.scene import ChartLayer
from flux2flow.typography.charts.drawing import Drawing, Part
from flux2flow.typography.charts.words import Words, bar_copy, fall, figures, largest_words, tallest
from flux2flow.typography.set_text import Typesetter

TRACK = 0.22
"""Opacity of the part that is not reached yet."""
THICKNESS = 0.55
"""Of a bar, in em of its label."""
APART = 1.1
"""Between one bar and the next label, in em."""


def set_progress(layer: ChartLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    """Set one track below each label; a value beyond the whole fills its track."""
    drawing, box, whole = Drawing(layer.id, layer.box, typesetter), layer.box, layer.whole or 100.0
    count = len(layer.bars)

    def needed(words: Words) -> float:
        one = tallest((*words.labels, *words.values)) + (0.8 * words.gap) + THICKNESS * words.size
        return one * count + APART * words.size * (count - 1)

    def fits(words: Words) -> bool:
        return words.label_width + words.value_width + 2 * words.gap <= box.width and needed(words) <= box.height

    words = largest_words(layer, typesetter, bar_copy(layer, 0.75 * box.width), fits)
    tall, thickness = tallest((*words.labels, *words.values)), THICKNESS * words.size
    lowest = max(map(fall, (*words.labels, *words.values)))
    used = tall + 0.8 * words.gap + thickness
    # Rows spread over the box, but never so far that a bar seems to belong to the label below it.
    apart = min((box.height - used * count) / max(count - 1, 1), 2.4 * APART * words.size) if count > 1 else 0.0
    y = box.y + (box.height - used * count - apart * (count - 1)) / 2
    for number, bar in enumerate(layer.bars):
        label, value = words.labels[number], words.values[number]
        area, base = Box(box.x, y, box.width, tall), y + tall - lowest
        first = base - (len(label.lines) - 1) * label.leading * label.size
        drawing.words(f"label-{number}", label, layer.type, area, "start", baseline=first)
        drawing.words(f"value-{number}", value, figures(layer.type), area, "end", baseline=base)
        track = Box(box.x, y + tall + 0.8 * words.gap, box.width, thickness)
        drawing.shape(f"track-{number}", track, layer.color.with_alpha(TRACK), thickness / 2)
        if bar.value is not None:
            reached = Box(track.x, track.y, min(max(bar.value / whole, 0.0), 1.0) * track.width, thickness)
            color = layer.accent if bar.accent else layer.color
            drawing.shape(f"bar-{number}", reached, color, min(thickness, reached.width) / 2)
        y += used + apart
    return tuple(drawing.parts)
