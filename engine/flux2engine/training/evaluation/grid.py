"""Sixty-four uncurated pictures: the first eight cases of every kind, as one sheet."""

from __future__ import annotations

from PIL import Image

from flux2engine.training.evaluation.bench import Bench
from flux2engine.training.evaluation.cases import CASE_KINDS

ACROSS = 8


def draw_grid(bench: Bench) -> Image.Image:
    """Paint a row per kind of case, in the order of CASE_KINDS: nobody chose them."""
    sheet = Image.new("RGB", (ACROSS * bench.side, len(CASE_KINDS) * bench.side))
    for row, kind in enumerate(CASE_KINDS):
        for column, picture in enumerate(bench.painted(kind)[:ACROSS]):
            sheet.paste(Image.fromarray(picture), (column * bench.side, row * bench.side))
    return sheet
