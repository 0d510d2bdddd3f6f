"""A stack or grid and its box → a box for every layer in it: text by its fitted size, pictures by their ratio.

Where a stack lacks room all its texts become smaller alike; at their floors the least important child is dropped.
Places no glyph, and knows nothing of groups.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from flux2flow.domain.layout import Dropped
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import ButtonLayer, Layer, LogoLayer, PictureLayer, PlateLayer, Stack, TextLayer
from flux2flow.typography.button import set_button
from flux2flow.typography.fitting import QUANTUM, ceiling
from flux2flow.typography.ladder import climb
from flux2flow.typography.set_text import Typesetter

_BOUNDLESS = 1e6
_SHARES = 64  # sizes between floor and ceiling that are tried
_SMALLEST_PICTURE = 0.5  # of its room, where texts stand at their floors
_SLACK = 0.01  # pixels
_EASE = 0.01  # em; a line's own width, asked for again, must hold it
_NEVER_DROPPED = 1


@dataclass(frozen=True, slots=True)
class Bound:
    """What a stack or a group decided for a text: said in the report, with the copy it took."""

    said: str
    copy_step: int = 0
    overflow: bool = False
    at_floor: bool = False


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The layers whose box or size was decided here, by id; those that had no room; and what was decided for whom."""

    layers: Mapping[str, Layer]
    dropped: tuple[tuple[int, Dropped], ...]
    bounds: Mapping[str, Bound]


@dataclass(frozen=True, slots=True)
class _Block:
    """Something measured, in pixels: its size, its first baseline, and what it holds, each at an offset."""

    width: float
    height: float
    baseline: float | None = None
    layer: Layer | None = None
    parts: tuple[tuple[float, float, _Block], ...] = ()
    tight: bool = False
    """Whether something in it does not fit."""
    size: float = 0.0
    copy_step: int = 0
    stretch: bool = False
    """Whether it takes the whole breadth of its row or column."""
    reserve: float = 0.0
    """Height that a text's own fitting asks for beyond what is seen."""

    def placed(self, x: float, y: float) -> Iterator[tuple[_Block, Box]]:
        """Give every layer's block with its box."""
        if self.layer is not None:
            yield self, Box(x, y, self.width, self.height + self.reserve)
        for right, down, part in self.parts:
            yield from part.placed(x + right, y + down)


@dataclass
class Arranging:
    """One stack that stands in a box of its own, with all it holds."""

    stack: Stack
    box: Box
    layers: Mapping[str, Layer]
    stacks: Mapping[str, Stack]
    typesetter: Typesetter
    gone: list[str] = field(default_factory=list)
    copies: dict[str, int] = field(default_factory=dict)
    _natural: dict[tuple[str, float, int], float] = field(default_factory=dict)

    def run(self) -> Arrangement:
        """Find the largest sizes at which everything fits; else drop what matters least and begin anew."""
        dropped: list[tuple[int, Dropped]] = []
        while True:
            block = self._with_copy()
            victim = self._least_important() if self._too_large(block) else None
            if victim is None:
                return self._result(block, dropped)
            priority, id = victim
            self.gone.append(id)
            dropped.append((priority, Dropped(id, f"the stack ‘{self.stack.id}’ has no room for it")))

    def _with_copy(self) -> _Block:
        """Measure with the longest copy that reaches the preferred sizes, else the longest that fits at all.

        One text after another is shortened: the one furthest below its preferred size, else the highest.
        """
        self.copies.clear()
        blocks = [self._largest()]
        while self._too_large(blocks[-1]) or self._below(blocks[-1]):
            wordy = self._below(blocks[-1]) or self._wordy(blocks[-1])
            if not wordy:
                break
            self.copies[wordy] = self.copies.get(wordy, 0) + 1
            blocks.append(self._largest())
        return next(
            (block for block in reversed(blocks) if not self._too_large(block) and not self._below(block)),
            next((block for block in blocks if not self._too_large(block)), blocks[-1]),
        )

    def _below(self, block: _Block) -> str:
        """Name the text that is furthest below its preferred size and can be shortened; empty where none is."""
        found = []
        for part, _ in block.placed(0, 0):
            layer = part.layer
            if isinstance(layer, TextLayer | ButtonLayer) and layer.fit.prefer is not None:
                wanted = min(layer.fit.prefer, ceiling(layer.fit))
                if part.size < wanted and part.copy_step < len(layer.alternatives):
                    found.append((part.size / wanted, layer.id))
        return min(found)[1] if found else ""

    def _wordy(self, block: _Block) -> str:
        """Name the highest text that can still be shortened; empty where there is none."""
        found = [
            (part.height, part.layer.id)
            for part, _ in block.placed(0, 0)
            if isinstance(part.layer, TextLayer | ButtonLayer) and part.copy_step < len(part.layer.alternatives)
        ]
        return max(found)[1] if found else ""

    def _largest(self) -> _Block:
        """Bisect for the largest share of the way from floors to ceilings at which the stack fits its box."""
        block = self._measured(_SHARES)
        if not self._too_large(block):
            return block
        low, high, best = 0, _SHARES, self._measured(0)
        while not self._too_large(best) and high - low > 1:
            middle = (low + high) // 2
            trial = self._measured(middle)
            if self._too_large(trial):
                high = middle
            else:
                low, best = middle, trial
        return best

    def _measured(self, share: int) -> _Block:
        return self._arranged(self.stack, self.box.width, self.box.height, share / _SHARES)

    def _too_large(self, block: _Block) -> bool:
        wide, high = block.width > self.box.width + _SLACK, block.height > self.box.height + _SLACK
        return wide or high or block.tight

    def _leaves(self, stack: Stack) -> list[str]:
        """List the layers in a stack, in order, that there are and that were not dropped."""
        found = []
        for id in stack.children:
            if id in self.stacks:
                found += self._leaves(self.stacks[id])
            elif id in self.layers and id not in self.gone:
                found.append(id)
        return found

    def _least_important(self) -> tuple[int, str] | None:
        ranks = [
            (layer.priority, id)
            for id in self._leaves(self.stack)
            if not isinstance(layer := self.layers[id], PlateLayer) and layer.priority > _NEVER_DROPPED
        ]
        return max(reversed(ranks), key=lambda rank: rank[0]) if ranks else None

    def _result(self, block: _Block, dropped: list[tuple[int, Dropped]]) -> Arrangement:
        stack, box, failed = self.stack, self.box, self._too_large(block)
        down = {"top": 0.0, "middle": 0.5, "bottom": 1.0}[stack.vertical] * max(box.height - block.height, 0.0)
        layers: dict[str, Layer] = {}
        bounds: dict[str, Bound] = {}
        for part, place in block.placed(box.x, box.y + down):
            layer = part.layer
            assert layer is not None
            made = _with_box(layer, place)
            if isinstance(made, TextLayer | ButtonLayer) and isinstance(layer, TextLayer | ButtonLayer):
                rule = replace(made.fit, minimum=min(made.fit.minimum, part.size), maximum=part.size, prefer=None)
                made = replace(_shortened(made, part.copy_step), fit=rule, alternatives=())
                floor = part.size <= layer.fit.minimum < layer.fit.maximum
                outside = failed and (part.tight or not box.contains(place, _SLACK + part.reserve))
                said = f"the stack ‘{stack.id}’ allows {part.size:g} px"
                bounds[made.id] = Bound(said, part.copy_step, outside, floor)
            layers[made.id] = made
        if failed and bounds and not any(bound.overflow for bound in bounds.values()):
            last = next(reversed(bounds))
            bounds[last] = replace(bounds[last], overflow=True)
        return Arrangement(layers, tuple(dropped), bounds)

    # Measuring: `share` runs from 0, texts at their floors, to 1.

    def _block(self, id: str, stack: Stack, width: float, height: float, share: float) -> _Block | None:
        """Measure one child in a room; None where there is no such layer on this scene."""
        if id in self.stacks:
            return self._arranged(self.stacks[id], width, height, share) if self._leaves(self.stacks[id]) else None
        layer = self.layers.get(id)
        if layer is None or id in self.gone:
            return None
        bound = dict(stack.sizes).get(id)
        along_height = stack.direction == "down" or stack.columns > 0
        if isinstance(layer, TextLayer) and layer.writing == "horizontal":
            packed = not along_height and layer.fit.lines == 1 and bound is None
            return self._text(layer, width, share, packed) if layer.text.strip() else None
        if isinstance(layer, ButtonLayer):
            return self._button(layer, width, share) if layer.text.strip() else None
        if isinstance(layer, LogoLayer | PictureLayer):
            ratio = layer.picture.width / layer.picture.height
            if bound is not None:
                width, height = (width, min(height, bound)) if along_height else (min(width, bound), height)
            wide = min(width, height * ratio) * (_SMALLEST_PICTURE + (1 - _SMALLEST_PICTURE) * share)
            high = wide / ratio
            return _Block(width if along_height else wide, high, layer=layer)
        length = bound if bound is not None else 0.0
        return _Block(width, length, None, layer) if along_height else _Block(length, 0.0, None, layer, stretch=True)

    def _text(self, layer: TextLayer, width: float, share: float, packed: bool) -> _Block:
        layer = replace(layer, box=Box(0, 0, width, _BOUNDLESS), shape="rectangle")
        step = self.copies.get(layer.id, 0)
        tried = replace(_shortened(layer, step), alternatives=())
        key = layer.id, round(width, 3), step
        if key not in self._natural:
            self._natural[key] = climb(tried, self.typesetter).fitted.size
        size = _between(layer.fit.minimum, self._natural[key], share)
        rule = replace(layer.fit, maximum=size, prefer=None)
        fitted = climb(replace(tried, fit=rule), self.typesetter).fitted
        first = fitted.lines[0] if fitted.lines else None
        rise = fitted.paragraph.rise(first.start, first.stop) if first else 0.0
        seen = (rise + max(len(fitted.lines) - 1, 0) * fitted.leading + fitted.fall) * fitted.size
        return _Block(
            fitted.width + _EASE * fitted.size if packed else width, seen, rise * fitted.size, layer, (),
            fitted.report.overflow, fitted.size, step, False, max(fitted.height - seen, 0.0) + _SLACK,
        )  # fmt: skip

    def _button(self, layer: ButtonLayer, width: float, share: float) -> _Block:
        step = self.copies.get(layer.id, 0)
        tried = replace(_shortened(layer, step), alternatives=(), box=Box(0, 0, width, _BOUNDLESS), vertical="top")
        key = layer.id, round(width, 3), step
        if key not in self._natural:
            self._natural[key] = set_button(tried, self.typesetter)[1].fit.size
        size = _between(layer.fit.minimum, self._natural[key], share)
        rule = replace(layer.fit, maximum=size, prefer=None)
        shape, label = set_button(replace(tried, fit=rule), self.typesetter)
        pens = [glyph.y for line in label.lines[:1] for run in line.runs for glyph in run.glyphs]
        baseline = statistics.mode(pens) if pens else None
        tight = label.fit.overflow
        wide, high = shape.box.width + _EASE * label.fit.size, shape.box.height + _SLACK
        return _Block(wide, high, baseline, layer, (), tight, label.fit.size, step)

    def _arranged(self, stack: Stack, width: float, height: float, share: float) -> _Block:
        if stack.columns:
            return self._grid(stack, width, height, share)
        if stack.direction == "down":
            return self._down(stack, width, height, share)
        return self._across(stack, width, height, share)

    def _down(self, stack: Stack, width: float, height: float, share: float) -> _Block:
        blocks = [self._block(id, stack, width, height, share) for id in stack.children]
        found = [block for block in blocks if block is not None]
        used = sum(block.height for block in found) + stack.gap * max(len(found) - 1, 0)
        extra = self._spread(stack, height - used, len(found))
        y, parts = 0.0, []
        for block in found:
            parts.append((self._cross(stack, width, block), y, block))
            y += block.height + stack.gap + extra
        total = max(used + extra * max(len(found) - 1, 0), 0.0)
        first = next((down + block.baseline for _, down, block in parts if block.baseline is not None), None)
        widest = max((block.width for block in found), default=0.0)
        return _Block(max(width, widest), total, first, None, tuple(parts), any(block.tight for block in found))

    def _cross(self, stack: Stack, width: float, block: _Block) -> float:
        """Give a child's offset across a column: what is narrower than it stands where the stack aligns."""
        start = {"start": 0.0, "center": 0.5, "end": 1.0}[stack.align]
        return (width - block.width) * (start if self.typesetter.direction == "ltr" else 1 - start)

    def _spread(self, stack: Stack, spare: float, count: int) -> float:
        return max(spare, 0.0) / (count - 1) if stack.spread and count > 1 and spare < _BOUNDLESS / 2 else 0.0

    def _across(self, stack: Stack, width: float, height: float, share: float) -> _Block:
        ids = [id for id in stack.children if id in self.stacks or (id in self.layers and id not in self.gone)]
        free = max(width - stack.gap * max(len(ids) - 1, 0), 1.0)
        sizes = dict(stack.sizes)
        flexible = [id for id in ids if id not in sizes and self._fills(id)]
        fixed = {id: self._block(id, stack, sizes.get(id, free), height, share) for id in ids if id not in flexible}
        left = free - sum(block.width for block in fixed.values() if block is not None)
        room = max(left / len(flexible), 1.0) if flexible else 0.0
        found: list[tuple[float, _Block]] = []
        for id in ids:
            block = self._block(id, stack, room, height, share) if id in flexible else fixed[id]
            if block is not None:
                found.append((room if id in flexible else block.width, block))
        return self._row(stack, found, width)

    def _fills(self, id: str) -> bool:
        """Say whether a child of a row takes what room there is: stacks, and texts of several lines."""
        layer = self.layers.get(id)
        return id in self.stacks or (isinstance(layer, TextLayer) and layer.fit.lines > 1)

    def _row(self, stack: Stack, found: Sequence[tuple[float, _Block]], width: float) -> _Block:
        used = sum(wide for wide, _ in found) + stack.gap * max(len(found) - 1, 0)
        extra = self._spread(stack, width - used, len(found))
        used += extra * max(len(found) - 1, 0)
        drops = self._drops(stack, [block for _, block in found])
        high = max((drop + block.height for drop, (_, block) in zip(drops, found, strict=True)), default=0.0)
        start = {"start": 0.0, "center": 0.5, "end": 1.0}[stack.align] * max(width - used, 0.0)
        ltr = (self.typesetter.direction == "ltr") != stack.against
        x, parts = start, []
        for drop, (wide, block) in zip(drops, found, strict=True):
            if block.stretch:
                block, drop = replace(block, height=high), 0.0
            parts.append((x if ltr else width - x - wide, drop, block))
            x += wide + stack.gap + extra
        baselines = [down + block.baseline for _, down, block in parts if block.baseline is not None]
        tight = any(block.tight for _, block in found)
        return _Block(used, high, baselines[0] if baselines else None, None, tuple(parts), tight)

    def _drops(self, stack: Stack, blocks: Sequence[_Block]) -> list[float]:
        """Say how far below the row's top each child begins."""
        high = max((block.height for block in blocks), default=0.0)
        part = {"top": 0.0, "middle": 0.5, "bottom": 1.0}[stack.vertical]
        lowest = max((block.baseline for block in blocks if block.baseline is not None), default=0.0)
        return [
            lowest - block.baseline if stack.baseline and block.baseline is not None else part * (high - block.height)
            for block in blocks
        ]

    def _grid(self, stack: Stack, width: float, height: float, share: float) -> _Block:
        cell = max((width - stack.gap * (stack.columns - 1)) / stack.columns, 1.0)
        blocks = [self._block(id, stack, cell, height, share) for id in stack.children]
        found = [block for block in blocks if block is not None]
        rows = [found[at : at + stack.columns] for at in range(0, len(found), stack.columns)]
        flat = replace(stack, spread=False, align="start")
        laid = [self._row(flat, [(cell, block) for block in row], width) for row in rows]
        y, parts = 0.0, []
        for one in laid:
            parts.append((0.0, y, one))
            y += one.height + stack.row_gap
        total = max(y - stack.row_gap, 0.0)
        return _Block(width, total, laid[0].baseline if laid else None, None, tuple(parts), any(b.tight for b in found))


def _between(low: float, high: float, share: float) -> float:
    """Give the size at a share of the way, in whole quanta; never above `high`."""
    if share >= 1 or high <= low:
        return high
    return max(round((low + (high - low) * share) / QUANTUM - 0.499) * QUANTUM, low)


Worded = TypeVar("Worded", bound=TextLayer | ButtonLayer)


def _shortened(layer: Worded, step: int) -> Worded:
    if not step:
        return layer
    copy = layer.alternatives[step - 1]
    return replace(layer, text=copy.text, spans=copy.spans)


def _with_box(layer: Layer, box: Box) -> Layer:
    if isinstance(layer, PlateLayer):
        raise TypeError("a plate stands in no stack")
    return replace(layer, box=box)
