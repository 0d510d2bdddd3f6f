"""Layout and the products' own alpha → letters that stand on a product. Cut-outs only: a photograph is a ground."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.layout import PlacedPicture, PlacedText
from flux2flow.domain.measures import Box
from flux2flow.interfaces import CheckSubject, FileSource
from flux2flow.validation.subjects import about, runs

SHARE = 0.03
"""Of a text's ink that may stand on a product: a descender that grazes an edge is no collision."""

OPAQUE = 128
"""Alpha from which a pixel is the product; shadows and soft edges lie below."""


class _TextOverProduct:
    id = "text-over-product"
    title = "Type on the product"
    rationale = (
        "Words on the product hide what is sold and are hard to read, and a longer language gets there when the "
        "first one did not. Each glyph's ink is held against the opaque pixels of every cut-out that lies under it: "
        "the air of its box does not count. Buttons carry their own ground and are left out, as are pictures "
        "without transparency."
    )
    level: Level = "warn"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """At most one finding per text and product."""
        under: list[PlacedPicture] = []
        for placed in subject.layout.placed:
            if placed.kind == "picture" and placed.picture.alpha and placed.picture.media != "svg":
                under.append(placed)
            elif placed.kind == "text" and not placed.id.endswith("/label"):
                yield from self._judge(subject, placed, under)

    def _judge(self, subject: CheckSubject, text: PlacedText, under: list[PlacedPicture]) -> Iterator[Finding]:
        if subject.files is None:
            return
        for product in under:
            near = product.box.intersection(product.clip).intersection(text.ink)
            if near.area <= 0:
                continue
            inks = [glyph.ink for run in runs(text) for glyph in run.glyphs if glyph.ink is not None]
            total = sum(ink.area for ink in inks)
            share = sum(_covered(ink, product, subject.files) for ink in inks) / total if total else 0.0
            if share > SHARE:
                yield about(
                    self, subject, text, f"{share:.0%} of the letters stand on ‘{product.id}’", box=near,
                    measured=f"{share:.1%}", limit=f"{SHARE:.0%}",
                    remedy="Give the text a box beside the product, fewer words, or a smaller size.",
                )  # fmt: skip


def _covered(ink: Box, product: PlacedPicture, files: FileSource) -> float:
    """Give the area of an ink box, in canvas pixels, that lies on the product's opaque pixels."""
    common = ink.intersection(product.box).intersection(product.clip)
    if common.area <= 0:
        return 0.0
    opaque = _opaque(product.picture.file.digest, files, product)
    height, width = opaque.shape
    left, right = ((side - product.box.x) / product.box.width * width for side in (common.x, common.right))
    top, bottom = ((side - product.box.y) / product.box.height * height for side in (common.y, common.bottom))
    rows = slice(int(top), max(int(bottom), int(top) + 1))
    columns = slice(int(left), max(int(right), int(left) + 1))
    part = opaque[rows, columns]
    return common.area * float(part.mean()) if part.size else 0.0


def _opaque(digest: str, files: FileSource, product: PlacedPicture) -> Any:
    if digest not in _MASKS:
        _MASKS[digest] = _mask(files.read(product.picture.file))
        if len(_MASKS) > 32:
            _MASKS.pop(next(iter(_MASKS)))
    return _MASKS[digest]


_MASKS: dict[str, Any] = {}


@functools.lru_cache(maxsize=1)
def _mask(data: bytes) -> Any:
    """Decode a picture's alpha to (height, width) of truth; numpy and Pillow load only where boxes meet."""
    import numpy as np

    from flux2flow.gates.pictures import decode_rgba

    width, height, rgba = decode_rgba(data)
    return np.frombuffer(rgba, np.uint8).reshape(height, width, 4)[..., 3] >= OPAQUE


CHECK = _TextOverProduct()
