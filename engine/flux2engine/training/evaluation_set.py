"""Held-out cut-outs ↔ one small sheet and its list, shipped with the weights: the evaluation needs no download.

python -m flux2engine.training.evaluation_set --cut-outs PATH --names PATH --out DIR
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from PIL import Image

from flux2engine.training.products import CutOut, Identity, is_held_out, paint_identity, read_cut_outs

SHEET, LIST = "evaluation.webp", "evaluation.json"
SIDE, COLUMNS, COUNT = 96, 10, 50


def write_evaluation_set(cut_outs: list[CutOut], out: Path) -> None:
    """Write the first COUNT held-out cut-outs, evenly spread over the alphabet, SIDE pixels each."""
    held_out = [cut_out for cut_out in cut_outs if is_held_out(cut_out.name)]
    chosen = [held_out[index * len(held_out) // COUNT] for index in range(min(COUNT, len(held_out)))]
    sheet = Image.new("RGBA", (COLUMNS * SIDE, -(-len(chosen) // COLUMNS) * SIDE))
    for index, cut_out in enumerate(chosen):
        with Image.open(cut_out.path) as opened:
            picture = opened.convert("RGBA")
        picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        column, row = index % COLUMNS, index // COLUMNS
        sheet.paste(picture, (column * SIDE + (SIDE - picture.width) // 2, row * SIDE + (SIDE - picture.height) // 2))
    sheet.save(out / SHEET, lossless=True, method=6)
    (out / LIST).write_text(json.dumps([cut_out.name for cut_out in chosen], indent=1) + "\n", encoding="utf-8")


def unpack_evaluation_set(folder: Path, out: Path) -> list[CutOut]:
    """Cut the shipped sheet into one PNG per object under `out`."""
    names = json.loads((folder / LIST).read_text(encoding="utf-8"))
    found = []
    with Image.open(folder / SHEET) as opened:
        sheet = opened.convert("RGBA")
    for index, name in enumerate(names):
        left, top = index % COLUMNS * SIDE, index // COLUMNS * SIDE
        path = out / f"{index:02d}.png"
        sheet.crop((left, top, left + SIDE, top + SIDE)).save(path)
        found.append(CutOut(name, path))
    return found


def plain_reference(identity: Identity, side: int = 128) -> Image.Image:
    """Show the product alone on white."""
    picture = paint_identity(identity, round(side * 0.9))
    canvas = Image.new("RGB", (side, side), (255, 255, 255))
    canvas.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2), picture)
    return canvas


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cut-outs", type=Path, required=True)
    parser.add_argument("--names", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    write_evaluation_set(read_cut_outs(arguments.cut_outs, arguments.names), arguments.out)


if __name__ == "__main__":
    main()
