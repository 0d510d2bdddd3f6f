"""Joins a rendered campaign's pictures into one contact sheet of justified rows; README's first picture is made by it.

`python examples/make_contact_sheet.py examples/aurora/build/aurora-launch examples/aurora/contact-sheet.jpg` after
`make demo`. `--all` takes every released picture instead of a choice.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

GAP, GROUND = 18, (246, 245, 242)

CHOICE: tuple[tuple[tuple[str, str, str], ...], ...] = (
    (
        ("web/open-graph", "en", "dew-serum"),
        ("meta/story", "ar", "dew-serum"),
        ("meta/story", "ja", "night-cream"),
        ("iab/medium-rectangle", "de", "night-cream"),
    ),
    (("iab/leaderboard", "en", "night-cream"), ("iab/leaderboard", "ar", "dew-serum")),
    (
        ("meta/story", "de", "night-cream"),
        ("iab/medium-rectangle", "ja", "dew-serum"),
        ("linkedin/landscape", "ar", "night-cream"),
        ("meta/story", "en", "dew-serum"),
    ),
)
"""Rows of (format, locale, row), as a reader of the README meets them."""


def justified(rows: Sequence[Sequence[Image.Image]], width: int, tallest: int) -> Image.Image:
    """Set each row to the full width at one height, one below the other."""
    set_rows: list[list[Image.Image]] = []
    for row in rows:
        room = width - GAP * (len(row) + 1)
        height = min(room / sum(picture.width / picture.height for picture in row), tallest)
        set_rows.append(
            [p.resize((round(p.width * height / p.height), round(height)), Image.Resampling.LANCZOS) for p in row]
        )
    total = sum(row[0].height for row in set_rows) + GAP * (len(set_rows) + 1)
    sheet, y = Image.new("RGB", (width, total), GROUND), GAP
    for row in set_rows:
        x = (width - sum(picture.width for picture in row) - GAP * (len(row) - 1)) // 2
        for picture in row:
            sheet.paste(picture, (x, y))
            x += picture.width + GAP
        y += row[0].height + GAP
    return sheet


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--width", type=int, default=1600)
    options = parser.parse_args()
    manifest = json.loads((options.build / "manifest.json").read_text(encoding="utf-8"))
    assets = {(a["format"], a["locale"], a["row"]): a["path"] for a in manifest["assets"] if a["path"]}
    if options.all:
        names = sorted(assets)
        formats = sorted({name[0] for name in names})
        chosen = [
            [name for name in names if name[0] == format and name[2] == row]
            for format in formats
            for row in sorted({n[2] for n in names})
        ]
    else:
        chosen = [list(row) for row in CHOICE]
    rows = [[Image.open(options.build / assets[name]).convert("RGB") for name in row] for row in chosen if row]
    justified(rows, options.width, 620 if not options.all else 420).save(
        options.sheet, quality=88, optimize=True, subsampling=0
    )


if __name__ == "__main__":
    main()
