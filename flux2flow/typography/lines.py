"""A paragraph and the room of its lines → where the lines end: the fewest there can be, or the best of a number.

Room is in em. Knows nothing about sizes and boxes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from flux2flow.typography.breaking import AFTER_SENTENCE, HYPHENS_IN_A_ROW, SOFT_HYPHEN, Break, widow_penalty
from flux2flow.typography.shaping import Paragraph

Widths = Callable[[int], float]
"""The room of each line in em, by its number."""

HEADLINE_LINES = 4
"""Up to so many lines are balanced against each other; more are set as running text, the last line free."""

_ROOM = 0.002  # em; widths of whole texts and of single lines differ by rounding
_SENTENCE_INSIDE = 0.1  # what a sentence's end inside a headline's line costs; a third of the width off is 0.11
_ONE_WORD = 0.15  # what a single word on the last line of running text costs; a quarter of a width of slack is 0.06
_SLACK_OF_JUSTIFIED = 60.0  # makes one line with wide spaces dearer than two with spaces a little wide
_SPACE_GIVES = 0.04  # em that a word space of justified text may lose, about; `justification` knows exactly


def greedy(paragraph: Paragraph, candidates: Sequence[Break], room: Widths, overfull: bool = False) -> list[int] | None:
    """Fill lines one after another: the fewest lines there can be. None where a word is wider than the line."""
    ends: list[int] = []
    start, last = 0, 0
    for place in candidates:
        if paragraph.width(start, place.index) > room(len(ends)) - _ROOM:
            if last > start:
                ends.append(last)
                start = last
            if paragraph.width(start, place.index) > room(len(ends)) - _ROOM and not overfull:
                return None
        last = place.index
        if place.mandatory:
            ends.append(last)
            start = last
    return ends


def balanced(
    paragraph: Paragraph,
    candidates: Sequence[Break],
    room: Widths,
    count: int,
    running: bool = False,
    hyphens: int = HYPHENS_IN_A_ROW,
) -> list[int] | None:
    """Choose the breaks of exactly `count` lines that read best: even lengths, good breaks, no short last line.

    None where no breaks make so many lines that all fit.
    """
    marks = [Break(0, 0.0, mandatory=True), *candidates]
    final = len(marks) - 1
    rooms = [room(number) for number in range(count)]
    widest, shaped = max(rooms), min(rooms) < max(rooms)
    headline = (count <= HEADLINE_LINES or shaped) and not running
    if min(rooms) <= 0:
        return None
    target = sum(paragraph.width(a.index, b.index) for a, b in pairwise(marks)) / count
    target = min(max(target, paragraph.width(0, marks[-1].index) / count), widest)
    layer: dict[int, tuple[float, list[int]]] = {0: (0.0, [])}
    for number in range(1, count + 1):
        following: dict[int, tuple[float, list[int]]] = {}
        width = rooms[number - 1]
        share = target * width / widest  # in an ellipse, lines are as even as its chords
        for first, (cost, ends) in layer.items():
            inside = 0.0
            full = len(ends) >= hyphens and all(paragraph.text[end - 1] == SOFT_HYPHEN for end in ends[-hyphens:])
            for last in range(first + 1, final + 1):
                place = marks[last]
                if last > first + 1 and marks[last - 1].penalty <= AFTER_SENTENCE and headline and count > 1:
                    inside += _SENTENCE_INSIDE
                length = paragraph.width(marks[first].index, place.index)
                if length > width - _ROOM and shaped:
                    break
                spaces = paragraph.text.count(" ", marks[first].index, place.index) if running else 0
                if length > width - _ROOM + spaces * _SPACE_GIVES and last > first + 1:
                    break
                if full and place.hyphen:
                    continue
                at_end = number == count
                if running and not at_end and not place.mandatory:
                    own = _SLACK_OF_JUSTIFIED * abs(1 - length / width) ** 3 + max(place.penalty, 0.0)
                else:
                    own = _cost(paragraph, marks[first].index, place, length, width, share, headline, at_end)
                total = cost + inside + own
                if (number == count) == (last == final) and (last not in following or total < following[last][0]):
                    following[last] = (total, [*ends, place.index])
                if place.mandatory:
                    break
        layer = following
    return layer[final][1] if final in layer else None


def last_line_penalty(paragraph: Paragraph, start: int, stop: int) -> float:
    """Give the penalty of a last line of running text: one word alone, long or short, is avoided."""
    alone = start > 0 and paragraph.text[start - 1] == " " and " " not in paragraph.text[start:stop].strip()
    return max(widow_penalty(paragraph.text, start, stop), _ONE_WORD if alone else 0.0)


def _cost(
    paragraph: Paragraph,
    start: int,
    place: Break,
    length: float,
    width: float,
    target: float,
    headline: bool,
    last: bool,
) -> float:
    visible = paragraph.text[start : paragraph.visible(start, place.index)]
    orphan = 0.3 if last and start and len(visible) <= 2 else 0.0
    if headline:
        return ((target - length) / width) ** 2 + place.penalty + orphan
    if last or place.mandatory:
        return orphan + last_line_penalty(paragraph, start, place.index) + max(0.25 - length / width, 0.0) ** 2
    return ((width - length) / width) ** 2 + place.penalty + orphan
