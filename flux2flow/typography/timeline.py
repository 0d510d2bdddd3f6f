"""A timeline layer → a line, its dots and the words at them, placed: with the reading direction, or downwards.

One size for times and titles, a smaller one for notes. Entries stand evenly apart: their order is what the line says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from flux2flow.domain.measures import Box
from flux2flow.domain.scene import FitRule, TimelineLayer, Type
from flux2flow.typography.charts.drawing import Drawing, Part
from flux2flow.typography.charts.words import UNBOUNDED, fall, figures, height, rise, widest
from flux2flow.typography.fitting import Fitted, Frame, largest
from flux2flow.typography.set_text import Typesetter

ACROSS = 2.2
"""From this ratio of width to height on a timeline runs across; below it, columns would be too narrow to read."""
NOTE = 0.85
"""A note's size as a part of its title's."""
NOTE_GAP = 0.4
"""Between a title and its note, in em of the title."""
DOT = 0.34
"""A dot's radius in em; a highlighted one is larger."""
HIGHLIGHTED = 1.45
GAP = 1.2
"""Between two columns, in em."""
TIME_SHARE = 0.32
"""At most this part of the width goes to the times of a timeline that runs downwards."""


@dataclass(frozen=True, slots=True)
class _Words:
    times: tuple[Fitted, ...]
    titles: tuple[Fitted, ...]
    notes: tuple[Fitted | None, ...]
    size: float

    def title_height(self, number: int) -> float:
        """Measure a title as if it had the highest and lowest letters of all, so that notes keep their distance."""
        title = self.titles[number]
        inner = (len(title.lines) - 1) * title.leading * title.size
        return max(map(rise, self.titles)) + inner + max(map(fall, self.titles))

    def note_base(self, number: int) -> float:
        """Measure from the title's top to the note's first baseline."""
        notes = [note for note in self.notes if note]
        return self.title_height(number) + NOTE_GAP * self.size + max(map(rise, notes))

    def block(self, number: int) -> float:
        """Measure title and note."""
        note = self.notes[number]
        if note is None:
            return self.title_height(number)
        return self.note_base(number) + (len(note.lines) - 1) * note.leading * note.size + fall(note)

    def overflow(self) -> bool:
        every = (*self.times, *self.titles, *(note for note in self.notes if note))
        return any(word.report.overflow for word in every)


def set_timeline(layer: TimelineLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    """Place a timeline; words that do not fit at the floor report an overflow."""
    if layer.box.width >= ACROSS * layer.box.height:
        return _across(layer, typesetter)
    return _downwards(layer, typesetter)


def _across(layer: TimelineLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    drawing, box, count = Drawing(layer.id, layer.box, typesetter), layer.box, len(layer.milestones)
    pitch = box.width / count

    def make(size: float) -> _Words:
        return _set(layer, typesetter, size, pitch - GAP * size, pitch - GAP * size)

    def needed(words: _Words) -> float:
        below = max(words.block(number) for number in range(count))
        return max(map(height, words.times)) + _band(words.size) + below

    words = _largest(layer, make, lambda words: needed(words) <= box.height)
    tall = max(map(height, words.times))
    top = box.y + max(box.height - needed(words), 0.0) / 2
    line = top + tall + _band(words.size) / 2
    radius = DOT * words.size
    thick = max(2.0, round(0.1 * words.size))
    drawing.shape("line", Box(box.x, round(line - thick / 2), box.width, thick), layer.color)
    for number, milestone in enumerate(layer.milestones):
        x = box.x + number * pitch
        own = radius * (HIGHLIGHTED if milestone.accent else 1.0)
        drawing.dot(f"dot-{number}", (x + own, line), own, layer.accent if milestone.accent else layer.color)
        wide = pitch - GAP * words.size
        time, title, note = words.times[number], words.titles[number], words.notes[number]
        first = top + tall - max(height(one) - rise(one) for one in words.times)
        first -= (len(time.lines) - 1) * time.leading * time.size
        drawing.words(f"time-{number}", time, figures(layer.time_type), Box(x, top, wide, tall), baseline=first)
        y = top + tall + _band(words.size)
        base = y + max(map(rise, words.titles))
        drawing.words(f"title-{number}", title, layer.title_type, Box(x, y, wide, height(title)), baseline=base)
        if note:
            under = Box(x, y + words.title_height(number), wide, height(note))
            drawing.words(f"note-{number}", note, layer.note_type, under, baseline=y + words.note_base(number))
    return tuple(drawing.parts)


def _downwards(layer: TimelineLayer, typesetter: Typesetter) -> tuple[Part, ...]:
    drawing, box, count = Drawing(layer.id, layer.box, typesetter), layer.box, len(layer.milestones)

    def rail(words: _Words) -> float:
        """Give the distance from the start to where titles begin."""
        return widest(words.times) + 3.2 * words.size

    def make(size: float) -> _Words:
        times = _set(layer, typesetter, size, TIME_SHARE * box.width, UNBOUNDED)
        return _set(layer, typesetter, size, TIME_SHARE * box.width, max(box.width - rail(times), 1.0))

    def rows(words: _Words) -> list[float]:
        return [max(words.block(number), height(words.times[number])) for number in range(count)]

    def fits(words: _Words) -> bool:
        return sum(rows(words)) + 0.9 * words.size * (count - 1) <= box.height

    words = _largest(layer, make, fits)
    heights = rows(words)
    apart = min((box.height - sum(heights)) / max(count - 1, 1), 3.5 * words.size)
    y = box.y + max(box.height - sum(heights) - apart * (count - 1), 0.0) / 2
    x = box.x + widest(words.times) + 1.5 * words.size
    radius, thick = DOT * words.size, max(2.0, round(0.1 * words.size))
    middles, tops = [], []
    for tall in heights:
        tops.append(y)
        middles.append(y + _letter_middle(words))
        y += tall + apart
    drawing.shape("line", Box(round(x - thick / 2), middles[0], thick, max(middles[-1] - middles[0], 1.0)), layer.color)
    for number, milestone in enumerate(layer.milestones):
        own = radius * (HIGHLIGHTED if milestone.accent else 1.0)
        drawing.dot(f"dot-{number}", (x, middles[number]), own, layer.accent if milestone.accent else layer.color)
        time, title, note = words.times[number], words.titles[number], words.notes[number]
        base = tops[number] + max(rise(title), max(map(rise, words.titles)))
        room = Box(box.x, tops[number], widest(words.times), heights[number])
        drawing.words(f"time-{number}", time, figures(layer.time_type), room, "end", baseline=base)
        start = box.x + rail(words)
        wide = box.right - start
        place = Box(start, tops[number], wide, height(title))
        drawing.words(f"title-{number}", title, layer.title_type, place, baseline=base)
        if note:
            under = Box(start, tops[number] + words.title_height(number), wide, height(note))
            below = tops[number] + words.note_base(number)
            drawing.words(f"note-{number}", note, layer.note_type, under, baseline=below)
    return tuple(drawing.parts)


def _band(size: float) -> float:
    """Give the height between times and titles, in whose middle the line runs."""
    return 2 * (DOT * HIGHLIGHTED + 0.55) * size


def _letter_middle(words: _Words) -> float:
    """Give where the letters of a first line have their middle, below the row's top."""
    return max(map(rise, words.titles)) - 0.34 * words.size


def _largest(layer: TimelineLayer, make: Callable[[float], _Words], fits: Callable[[_Words], bool]) -> _Words:
    words, at_floor = largest(layer.fit, make, lambda trial: not trial.overflow() and fits(trial))
    overflow = words.overflow() or not fits(words)
    steps = (f"ceiling {layer.fit.maximum:g} px", f"one size for the whole timeline: {words.size:g} px")

    def reported(word: Fitted) -> Fitted:
        floor = layer.fit.minimum * word.size / words.size
        return replace(
            word, report=replace(word.report, minimum=floor, steps=steps, overflow=overflow, at_floor=at_floor)
        )

    return _Words(
        tuple(map(reported, words.times)), tuple(map(reported, words.titles)),
        tuple(note and reported(note) for note in words.notes), words.size,
    )  # fmt: skip


def _set(layer: TimelineLayer, typesetter: Typesetter, size: float, time_width: float, width: float) -> _Words:
    def fitted(text: str, type: Type, room: float, scale: float = 1.0, lines: int = layer.fit.lines) -> Fitted:
        words = typesetter.words(text, type)
        rule = FitRule(lines, size * scale, size * scale)
        return typesetter.fit(words, type, Frame(max(room, 1.0), UNBOUNDED), rule)

    return _Words(
        tuple(fitted(m.time, figures(layer.time_type), time_width, lines=1) for m in layer.milestones),
        tuple(fitted(m.title, layer.title_type, width) for m in layer.milestones),
        tuple(
            fitted(m.note, layer.note_type, width, NOTE, layer.fit.lines + 2) if m.note else None
            for m in layer.milestones
        ),
        size,
    )
