"""A layer's name in some layout → the official layer that it stands for, or the part of one; from layouts.py's rules.

What prefixes a LoRA's names carry stands in one file per way of naming. Reads no file and builds no module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache

from torch import Tensor

from flux2engine.variants import VARIANTS
from flux2engine.weights.layouts import Layout, piece, transformer_shapes

_BLOCK = re.compile(r"(blocks[._])(\d{1,4})(?=[._])")
_NEAR = 0.8  # of difflib: one or two letters of a layer's name
_NUMBER = re.compile(r"(?<=blocks\.)0(?=\.)")
# What diffusers' attention holds after `fuse_projections`: the official matrices themselves.
_FUSED = {
    "transformer_blocks.0.attn.to_qkv": "double_blocks.0.img_attn.qkv",
    "transformer_blocks.0.attn.to_added_qkv": "double_blocks.0.txt_attn.qkv",
}


@dataclass(frozen=True, order=True)
class Place:
    """Name an official layer, or one of several equal parts of its rows, and the order of the rows."""

    layer: str
    part: int = 0
    parts: int = 1
    halves_swapped: bool = False  # the adaptation's rows stand as diffusers keeps norm_out: scale before shift

    @property
    def title(self) -> str:
        """Return what messages call it."""
        return self.layer if self.parts == 1 else f"{self.layer} (part {self.part + 1} of {self.parts})"

    def rows(self, outputs: int) -> slice:
        """Return which of a layer's `outputs` rows it covers."""
        size = outputs // self.parts
        return slice(self.part * size, (self.part + 1) * size)

    def ordered(self, values: Tensor, dim: int) -> Tensor:
        """Return rows in the order of the other side; doing it twice gives the first order back."""
        return values.roll(values.shape[dim] // 2, dim) if self.halves_swapped else values


@dataclass(frozen=True)
class Naming:
    """Say how one family of programs names layers: prefixes before the names of some layouts, dots or underscores."""

    title: str
    prefixes: tuple[str, ...]  # the first that a name begins with is taken
    layouts: tuple[Layout, ...]
    separator: str = "."
    aliases: tuple[tuple[str, str], ...] = ()  # misspelled beginnings of names, and what they stand for

    def place(self, layer: str) -> Place | None:
        """Return where a layer is; None for a name that no transformer of FLUX.2 has under these prefixes."""
        cut = self._cut(layer)
        if cut is None:
            return None
        general, number = _general(cut[1])
        for layout in self.layouts:
            place = _table(layout, self.separator).get(general)
            if place is not None:
                official = place.layer if number is None else _NUMBER.sub(str(int(number)), place.layer, count=1)
                return replace(place, layer=official)
        return None

    def nearest(self, layer: str) -> str | None:
        """Return the known name that is spelled most like an unknown one, if one is near."""
        cut = self._cut(layer)
        if cut is None:
            return None
        prefix, name = cut
        general, number = _general(name)
        known = [one for layout in self.layouts for one in _table(layout, self.separator)]
        near = get_close_matches(general, known, 1, _NEAR)
        if not near:
            return None
        return prefix + (near[0] if number is None else _BLOCK.sub(lambda match: match[1] + number, near[0], count=1))

    def _cut(self, layer: str) -> tuple[str, str] | None:
        """Return a layer's prefix and its name; None if it has another family's prefix."""
        prefix = next((prefix for prefix in self.prefixes if layer.startswith(prefix)), None)
        if prefix is None:
            return None
        name = layer.removeprefix(prefix)
        for alias, meant in self.aliases:
            if name.startswith(alias):
                name = meant + name.removeprefix(alias)
        return prefix, name


def _general(name: str) -> tuple[str, str | None]:
    """Return a name as block 0 has it, and its block: so one small table knows every size of model."""
    found = _BLOCK.search(name)
    return (name, None) if found is None else (f"{name[: found.start(2)]}0{name[found.end(2) :]}", found[2])


@cache
def _table(layout: Layout, separator: str) -> Mapping[str, Place]:
    table: dict[str, Place] = {}
    # Any model that embeds guidance has every layer there is; blocks after the first repeat its names.
    for key, shape in transformer_shapes(VARIANTS["dev"].transformer).items():
        numbered = _BLOCK.search(key)
        if len(shape) != 2 or (numbered is not None and numbered[2] != "0"):
            continue
        layer = key.removesuffix(".weight")
        found = piece("transformer", layout, "", key)
        for part, name in enumerate(found.names):
            swapped = found.change == "halves swapped"
            table[name.removesuffix(".weight")] = Place(layer, part, len(found.names), swapped)
    if layout == "diffusers":
        table |= {name: Place(layer) for name, layer in _FUSED.items()}
    return {name.replace(".", separator): place for name, place in table.items()}
