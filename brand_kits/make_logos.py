"""Draws the logos of the shipped kits as SVG: marks of simple geometry, words outlined from the kits' own fonts.

`python brand_kits/make_logos.py` writes every logo again. The marks and names are invented for this repository.
"""

from __future__ import annotations

import math
from pathlib import Path

import uharfbuzz as hb

HERE = Path(__file__).parent


def outline(
    font_file: Path, text: str, size: float, weight: float, x: float, baseline: float, track: float
) -> tuple[str, float]:
    """Make the text as one SVG path with its baseline at `baseline`; returns the path and the x where it ends."""
    face = hb.Face(hb.Blob.from_file_path(str(font_file)))
    font = hb.Font(face)
    font.set_variations({"wght": weight, "opsz": 32})
    buffer = hb.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    hb.shape(font, buffer)
    scale = size / face.upem
    parts: list[str] = []

    def point(px: float, py: float) -> str:
        return f"{x + px * scale:.2f} {baseline - py * scale:.2f}"

    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        offset = x + position.x_offset * scale

        def at(px: float, py: float, left: float = offset) -> str:
            return f"{left + px * scale:.2f} {baseline - py * scale:.2f}"

        functions = hb.DrawFuncs()
        functions.set_move_to_func(lambda px, py, _: parts.append(f"M{at(px, py)}"))
        functions.set_line_to_func(lambda px, py, _: parts.append(f"L{at(px, py)}"))
        functions.set_quadratic_to_func(lambda a, b, c, d, _: parts.append(f"Q{at(a, b)} {at(c, d)}"))
        functions.set_cubic_to_func(lambda a, b, c, d, e, f, _: parts.append(f"C{at(a, b)} {at(c, d)} {at(e, f)}"))
        functions.set_close_path_func(lambda _: parts.append("Z"))
        font.draw_glyph(info.codepoint, functions)
        x += position.x_advance * scale + track * size
    return "".join(parts), x - track * size


def arcs(x: float, baseline: float, radius: float, color: str) -> str:
    """Aurora's mark: three half circles, one above the other."""
    stroke = radius * 0.135
    paths = []
    for share in (1.0, 0.655, 0.31):
        r = (radius - stroke / 2) * share
        paths.append(
            f"M{x - r:.2f} {baseline - stroke / 2:.2f}A{r:.2f} {r:.2f} 0 0 1 {x + r:.2f} {baseline - stroke / 2:.2f}"
        )
    return (
        f'<path d="{"".join(paths)}" fill="none" stroke="{color}" stroke-width="{stroke:.2f}" stroke-linecap="round"/>'
    )


def halfmoon(x: float, y: float, radius: float, color: str) -> str:
    """Halfmoon's mark: a disc, one half full, one half a line."""
    stroke = radius * 0.13
    inner = radius - stroke / 2
    half = f"M{x:.2f} {y - radius:.2f}A{radius:.2f} {radius:.2f} 0 0 0 {x:.2f} {y + radius:.2f}Z"
    full = f'<path d="{half}" fill="{color}"/>'
    line = (
        f'<path d="M{x:.2f} {y - inner:.2f}A{inner:.2f} {inner:.2f} 0 0 1 {x:.2f} {y + inner:.2f}" '
        f'fill="none" stroke="{color}" stroke-width="{stroke:.2f}"/>'
    )
    return full + line


def document(width: float, height: float, title: str, body: str) -> str:
    """Make a complete SVG whose viewBox is the ink, rounded up."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {math.ceil(width)} {math.ceil(height)}">'
        f"<title>{title}</title>{body}</svg>\n"
    )


def main() -> None:
    """Write both kits' logos in both tones."""
    for suffix, mark, word in (("", "#c4653a", "#12343b"), ("-reversed", "#f0b48a", "#fdf8f0")):
        path, end = outline(HERE / "aurora/fonts/Inter-Variable.ttf", "AURORA", 72, 640, 132, 73, 0.16)
        body = arcs(52, 75, 52, mark) + f'<path d="{path}" fill="{word}"/>'
        (HERE / f"aurora/logos/aurora{suffix}.svg").write_text(document(end + 2, 78, "Aurora", body), encoding="utf-8")
    for suffix, color in (("", "#5f1d14"), ("-reversed", "#fdf3df")):
        path, end = outline(HERE / "halfmoon/fonts/Fraunces-Variable.ttf", "halfmoon", 92, 640, 108, 76, -0.012)
        body = halfmoon(46, 50, 44, color) + f'<path d="{path}" fill="{color}"/>'
        (HERE / f"halfmoon/logos/halfmoon{suffix}.svg").write_text(
            document(end + 2, 98, "Halfmoon", body), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
