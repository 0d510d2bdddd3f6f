"""Cut-outs ↔ two small sheets and their lists, shipped with the weights: the evaluation needs no download.

`evaluation.webp` holds objects no model was trained on, `evaluation_named.webp` objects that every model was.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from flux2engine.references import SHARE_SHOWN, WHITE, centred
from flux2engine.training.products import CutOut, Identity, is_held_out, paint_identity

COLUMNS = 10


@dataclass(frozen=True)
class Sheet:
    """One sheet: its files' stem, the side of an object in pixels, how many, and whether it keeps every pixel."""

    stem: str
    side: int
    count: int
    lossless: bool


HELD_OUT = Sheet("evaluation", 96, 50, lossless=True)
NAMED = Sheet("evaluation_named", 80, 100, lossless=False)


def write_sheet(sheet: Sheet, cut_outs: list[CutOut], out: Path) -> None:
    """Write `sheet.count` of the held-out (or, for NAMED, the trained) cut-outs, evenly spread over the alphabet."""
    known = [cut_out for cut_out in cut_outs if is_held_out(cut_out.name) == (sheet is HELD_OUT)]
    count = min(sheet.count, len(known))
    chosen = [known[index * len(known) // sheet.count] for index in range(count)]
    side = sheet.side
    canvas = Image.new("RGBA", (COLUMNS * side, -(-len(chosen) // COLUMNS) * side))
    for index, cut_out in enumerate(chosen):
        with Image.open(cut_out.path) as opened:
            picture = opened.convert("RGBA")
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
        column, row = index % COLUMNS, index // COLUMNS
        canvas.paste(picture, (column * side + (side - picture.width) // 2, row * side + (side - picture.height) // 2))
    canvas.save(out / f"{sheet.stem}.webp", lossless=sheet.lossless, quality=82, alpha_quality=90, method=6)
    names = json.dumps([cut_out.name for cut_out in chosen], indent=1) + "\n"
    (out / f"{sheet.stem}.json").write_text(names, encoding="utf-8")


def read_sheet(sheet: Sheet, folder: Path, out: Path) -> list[CutOut]:
    """Cut a shipped sheet into one PNG per object under `out`."""
    names = json.loads((folder / f"{sheet.stem}.json").read_text(encoding="utf-8"))
    found = []
    with Image.open(folder / f"{sheet.stem}.webp") as opened:
        canvas = opened.convert("RGBA")
    for index, name in enumerate(names):
        left, top = index % COLUMNS * sheet.side, index // COLUMNS * sheet.side
        path = out / f"{sheet.stem}-{index:02d}.png"
        canvas.crop((left, top, left + sheet.side, top + sheet.side)).save(path)
        found.append(CutOut(name, path))
    return found


def cut_out_reference(identity: Identity, side: int = 128) -> Image.Image:
    """Show the product alone, transparent around it, as large as a framed reference of this side holds it."""
    return paint_identity(identity, round(side * SHARE_SHOWN))


def plain_reference(identity: Identity, side: int = 128) -> Image.Image:
    """Show the product alone on white."""
    return centred(cut_out_reference(identity, side), side, WHITE)
