"""Findings about type on its ground → concrete changes that would pass, with their numbers. Changes nothing by itself.

The ladder: move the text, another colour of the kit, a scrim of the kit, repaint the plate. Each proposal was tried on
the decoded pixels. `applied` makes one of them in a scene, where the template's layer allows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.finding import Finding
from flux2flow.domain.layout import Layout, PlacedText
from flux2flow.domain.measures import Box, Color
from flux2flow.domain.scene import Gradient, Layer, Scene, ShapeLayer, TextLayer
from flux2flow.domain.standards import Standards
from flux2flow.validation.checks.busy_background import EDGES, busyness
from flux2flow.validation.ground import decisive, glyph_grounds, ink_mask, pixels_of, window

REPAIRED = frozenset({"contrast", "busy-background"})
"""The checks whose findings a repair can end."""

RESERVE = 1.05
"""Above the limit that a prediction must lie: the change is encoded anew, and compression moves pixels a little."""

OPACITIES = tuple(round(0.05 * step, 2) for step in range(4, 19))
"""Of a scrim, the faintest first: below 0.2 nothing is gained, above 0.9 it is a box of its own."""

STEP, FURTHEST = 0.5, 24
"""A text is moved by half an em a try, at most so many times."""

SCRIM_MARGIN, OF_THE_GAP, CORNER = 0.34, 0.6, 0.22
"""Ems of scrim around the ink, at most this part of the way to the picture's edge; ems of its corners' radius."""

Kind = Literal["move", "pair", "scrim", "repaint"]


@dataclass(frozen=True, slots=True)
class Repair:
    """One change to one text layer, in words and as data. `ratio` is the contrast it was predicted to reach."""

    kind: Kind
    layer: str
    words: str
    ratio: float = 0.0
    color: Color | None = None
    opacity: float = 1.0
    move: tuple[float, float] = (0.0, 0.0)
    box: Box | None = None
    radius: float = 0.0


@dataclass(frozen=True)
class _Trial:
    """One text on the real pixels, to be judged with something changed."""

    text: PlacedText
    pixels: NDArray[Any]
    ink: NDArray[Any]

    def ratio(self, color: Color | None = None) -> tuple[float, float]:
        """Give the contrast ratio that decides, and how many times the needed one it is."""
        glyphs = list(glyph_grounds(self.text, self.pixels, self.ink))
        if not glyphs:
            return 0.0, 0.0
        margin = decisive([glyph.ratio(color) / glyph.needed for glyph in glyphs])
        return margin * glyphs[0].needed, margin

    def passes(self, color: Color | None = None) -> tuple[bool, float]:
        """Say whether it would pass both checks with a reserve, and with which ratio."""
        ratio, margin = self.ratio(color)
        return margin >= RESERVE and busyness(self.text, self.pixels, self.ink) <= EDGES / RESERVE, ratio


def repairs(findings: Iterable[Finding], layout: Layout, decoded: Canvas, standards: Standards) -> tuple[Repair, ...]:
    """Propose, for every text with such a finding, what would pass, in the ladder's order; the last is to repaint."""
    wanted = dict.fromkeys(finding.layer for finding in findings if finding.check in REPAIRED)
    by_id = {text.id: text for text in layout.texts()}
    pixels, ink = pixels_of(decoded), ink_mask(layout, decoded)
    found: list[Repair] = []
    for id in wanted:
        if (text := by_id.get(id)) is None:
            continue
        trial = _Trial(text, pixels, ink)
        tried = (propose(trial, layout, standards) for propose in (_move, _pair, _scrim))
        found.extend(repair for repair in tried if repair is not None)
        found.append(Repair("repaint", id, f"repaint the plate with ‘{id}’ under plate.quiet, or with another seed"))
    return tuple(found)


def remedy(found: Sequence[Repair]) -> str:
    """Put proposals into one sentence each."""
    sentences = [repair.words[:1].upper() + repair.words[1:] + "." for repair in found]
    return " ".join(sentences)


def applied(scene: Scene, repair: Repair) -> Scene | None:
    """Make a repair in a scene; None where the template's layer does not allow it."""
    layers: list[Layer] = []
    made = False
    for layer in scene.layers:
        if isinstance(layer, TextLayer) and layer.id == repair.layer and repair.kind in layer.repair:
            layers += _CHANGES[repair.kind](layer, repair)
            made = True
        else:
            layers.append(layer)
    return replace(scene, layers=tuple(layers)) if made else None


def _moved(layer: TextLayer, repair: Repair) -> list[Layer]:
    return [replace(layer, box=layer.box.moved(*repair.move))]


def _recolored(layer: TextLayer, repair: Repair) -> list[Layer]:
    assert repair.color is not None, "a pair names its colour"
    old, new = layer.type.color, repair.color
    spans = tuple(
        replace(span, type=replace(span.type, color=new)) if span.type.color == old else span for span in layer.spans
    )
    return [replace(layer, type=replace(layer.type, color=new), spans=spans)]


def _scrimmed(layer: TextLayer, repair: Repair) -> list[Layer]:
    assert repair.color is not None, "a scrim names its colour"
    assert repair.box is not None, "a scrim has a place"
    fill = repair.color.with_alpha(repair.opacity)
    radius = min(repair.radius, repair.box.width / 2, repair.box.height / 2)
    shape = ShapeLayer(f"{layer.id}-scrim", "rectangle", repair.box, Gradient(fill, fill), radius, layer.priority)
    return [shape, layer]


_CHANGES: dict[str, Callable[[TextLayer, Repair], list[Layer]]] = {
    "move": _moved,
    "pair": _recolored,
    "scrim": _scrimmed,
}


def _pair(trial: _Trial, _layout: Layout, standards: Standards) -> Repair | None:
    """Choose another colour of the kit: those its text styles use come first, then the rest; the strongest wins."""
    own = next((run.color for line in trial.text.lines for run in line.runs), None)
    others = [(name, color) for name, color in standards.colors if color != own]
    used = [entry for entry in others if entry[0] in standards.text_colors]
    for group in (used, [entry for entry in others if entry not in used]):
        tried = [(*trial.passes(color), name, color) for name, color in group]
        passing = [entry for entry in tried if entry[0]]
        if passing:
            _, ratio, name, color = max(passing, key=lambda entry: entry[1])
            now = trial.ratio()[0]
            mine = next((token for token, value in standards.colors if value == own), own.hex if own else "it")
            words = f"‘{name}’ reaches {_shown(ratio)} here; ‘{mine}’ stays at {_shown(now)}"
            return Repair("pair", trial.text.id, words, ratio, color)
    return None


def _scrim(trial: _Trial, layout: Layout, standards: Standards) -> Repair | None:
    """Choose the faintest scrim, in a colour of the kit, under which the text passes in its own colour."""
    box = _around(trial.text, layout)
    place = window(box, 0, trial.ink)
    under = trial.pixels[place].astype(np.float64)

    def under_scrim(color: Color, opacity: float) -> tuple[bool, float]:
        pixels = trial.pixels.copy()
        blended = under * (1 - opacity) + np.array([color.red, color.green, color.blue]) * opacity
        pixels[place] = np.rint(blended).astype(np.uint8)
        return replace(trial, pixels=pixels).passes()

    able = [(name, color) for name, color in standards.colors if under_scrim(color, OPACITIES[-1])[0]]
    for opacity in OPACITIES:
        tried = [(*under_scrim(color, opacity), name, color) for name, color in able]
        passing = [entry for entry in tried if entry[0]]
        if passing:
            _, ratio, name, color = max(passing, key=lambda entry: entry[1])
            words = f"a scrim of ‘{name}’ at {opacity:.0%} brings {_shown(ratio)}"
            return Repair(
                "scrim", trial.text.id, words, ratio, color, opacity, box=box, radius=CORNER * trial.text.fit.size
            )
    return None


def _around(text: PlacedText, layout: Layout) -> Box:
    """Give the ink a margin that leaves air to the picture's edges."""
    ink, size = text.ink, layout.size
    gaps = (ink.x, ink.y, size.width - ink.right, size.height - ink.bottom)
    left, top, right, bottom = (max(min(SCRIM_MARGIN * text.fit.size, OF_THE_GAP * gap), 0.0) for gap in gaps)
    return Box(ink.x - left, ink.y - top, ink.width + left + right, ink.height + top + bottom)


def _move(trial: _Trial, layout: Layout, _standards: Standards) -> Repair | None:
    """Find the nearest place, up, down or to the sides, where the text passes and meets nothing else."""
    step = STEP * trial.text.fit.size
    canvas = Box(0, 0, layout.size.width, layout.size.height).grown(-step)
    taken = list(_taken(layout, trial.text))
    for number in range(1, FURTHEST + 1):
        for way, right, down in (("down", 0, 1), ("up", 0, -1), ("right", 1, 0), ("left", -1, 0)):
            offset = (right * number * step, down * number * step)
            box = trial.text.ink.moved(*offset)
            if not canvas.contains(box) or any(box.intersection(other).area > 0 for other in taken):
                continue
            if not _free(box, trial):
                continue
            passes, ratio = replace(trial, text=shifted(trial.text, *offset)).passes()
            if passes:
                words = f"{number * step:.0f} px further {way} it stands at {_shown(ratio)}"
                return Repair("move", trial.text.id, words, ratio, move=offset)
    return None


def _taken(layout: Layout, text: PlacedText) -> Iterator[Box]:
    """Yield what a moved text may not meet; what it stands on already is its ground."""
    for placed in layout.placed:
        if placed.kind == "text" and placed.id != text.id and placed.lines:
            yield placed.ink
        elif placed.kind == "logo":
            yield placed.clear
        elif placed.kind == "picture" and not placed.clip.contains(text.ink):
            yield placed.box.intersection(placed.clip)
        elif placed.kind == "shape" and placed.fill.start == placed.fill.end and not placed.box.contains(text.ink):
            yield placed.box


def _free(box: Box, trial: _Trial) -> bool:
    """Whether enough of a place is seen, and not hidden by the text that stands there now, to judge it."""
    hidden = trial.ink[window(box, 0, trial.ink)]
    return hidden.size > 0 and float(hidden.mean()) < 0.5


def shifted(text: PlacedText, right: float, down: float) -> PlacedText:
    """Give a text at another place, with every glyph."""
    lines = tuple(
        replace(
            line,
            box=line.box.moved(right, down),
            runs=tuple(
                replace(
                    run,
                    glyphs=tuple(
                        replace(g, x=g.x + right, y=g.y + down, ink=g.ink.moved(right, down) if g.ink else None)
                        for g in run.glyphs
                    ),
                )
                for run in line.runs
            ),
        )
        for line in text.lines
    )
    return replace(text, box=text.box.moved(right, down), ink=text.ink.moved(right, down), lines=lines)


def _shown(ratio: float) -> str:
    return f"{int(ratio * 10) / 10:.1f}:1"  # rounded down: a prediction promises nothing
