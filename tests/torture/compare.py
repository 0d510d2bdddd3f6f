"""The suite's strings, set by flux2flow, beside Chromium's goldens → agreement per script, and every deviation.

    PYTHONPATH=.:engine python tests/torture/compare.py             # the table, and deviations without a reason
    PYTHONPATH=.:engine python tests/torture/compare.py --write     # the list again; known reasons are kept
    PYTHONPATH=.:engine python tests/torture/compare.py --show ID   # one string, both ways

Shapes and breaks with the product's own code alone. Lines are filled greedily by advance at one size, as a browser
fills them; balancing and optical edges are our own and have no counterpart there.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from flux2flow.typography.breaking import breaks
from flux2flow.typography.fonts import stack
from flux2flow.typography.shaping import Paragraph, Setting
from tests.torture.corpus import FILES, GOLDENS, SCRIPTS, SIZE, WIDTHS, FontFiles, Text, font, texts

DEVIATIONS = Path(__file__).parent / "deviations.json"
TOLERANCE = 0.5
"""Pixels that an advance may differ by."""
UNEXPLAINED = "unexplained"
ROOM = 0.5
"""Pixels from which a cluster has a place in the visual order."""
_BLANK_END = "）〕］｝〉》」』】〙〗、。，．"
_NO_ROOM = " \n\u3000\u200b\u00ad\u2060\u200e\u200f\u061c\u2066\u2067\u2068\u2069"
"""What a line may begin with on paper and not to the eye: skipped before two breaks are compared."""


@dataclass(frozen=True)
class Mutation:
    """What a control sets differently from Chromium's page."""

    language: str = ""
    features: tuple[tuple[str, int], ...] = ()
    families: tuple[str, ...] = ()


NOTHING = Mutation()


@dataclass
class Agreement:
    """How much of a script agrees: strings × widths by breaks, clusters and lines by advance; and what does not."""

    breaks: list[int] = field(default_factory=lambda: [0, 0])
    advances: list[int] = field(default_factory=lambda: [0, 0])
    orders: list[int] = field(default_factory=lambda: [0, 0])
    deviations: dict[str, str] = field(default_factory=dict)
    """Case → what differs, in words: `thai-03@360`, `latin-02#17-18`, `arabic-05 order`."""

    def add(self, other: Agreement) -> None:
        """Take in another's figures."""
        for mine, theirs in (
            (self.breaks, other.breaks), (self.advances, other.advances), (self.orders, other.orders),
        ):  # fmt: skip
            mine[0] += theirs[0]
            mine[1] += theirs[1]
        self.deviations |= other.deviations


def share(counts: Sequence[int]) -> float:
    """Give the part of what was compared that agrees."""
    return counts[0] / counts[1] if counts[1] else 1.0


@cache
def goldens(script: str) -> dict[str, Any]:
    """Read a script's goldens; raises ValueError where they were made with other fonts."""
    answer: dict[str, Any] = json.loads(gzip.decompress((GOLDENS / f"{script}.json.gz").read_bytes()))
    for family, expected in answer["fonts"].items():
        if hashlib.sha256(FILES[family].read_bytes()).hexdigest() != expected:
            raise ValueError(f"{script}: the goldens were made with another {family}; run tests/torture/chromium.py")
    answer["rows"] = {row["id"]: row for row in answer["strings"]}
    return answer


def paragraph(text: Text, mutation: Mutation = NOTHING) -> Paragraph:
    """Shape one string as the product would."""
    families = mutation.families or text.families
    faces = stack(families, 400, SIZE, [font(family) for family in families], FontFiles())
    return Paragraph(
        text.text, Setting(faces, mutation.language or text.language, int(text.rtl), 0.0, mutation.features)
    )


def greedy(shaped: Paragraph, width: float) -> list[tuple[int, int]]:
    """Fill lines of a width in em as full as the permitted breaks allow."""
    lines: list[tuple[int, int]] = []
    start = last = 0
    for place in breaks(shaped.text, shaped.setting.language):
        if last > start and shaped.line(start, place.index).advance - blank_end(shaped, place.index) > width:
            lines.append((start, last))
            start = last
        last = place.index
        if place.mandatory:
            lines.append((start, last))
            start = last
    return lines


def blank_end(shaped: Paragraph, stop: int) -> float:
    """Give the em that a line's last mark may hang out with: the blank half of a full-width one.

    Fitting goes by ink, so that this half never counts; `text-spacing-trim: normal` gives it up where it does not fit.
    """
    last = shaped.text[shaped.visible(0, stop) - 1]
    return 0.5 if shaped.setting.language[:2] in ("ja", "zh") and last in _BLANK_END else 0.0


def clusters(shaped: Paragraph) -> dict[int, tuple[float, float]]:
    """Give the left edge and the advance in pixels of every shaping cluster of the text on one line."""
    found: dict[int, tuple[float, float]] = {}
    pen = 0.0
    for run in shaped.line(0, len(shaped.text)).runs:
        for glyph in run.glyphs:
            left, advance = found.get(glyph.cluster, (pen, 0.0))
            found[glyph.cluster] = (left, advance + glyph.advance * SIZE)
            pen += glyph.advance * SIZE
    return found


def compare(text: Text, mutation: Mutation = NOTHING) -> Agreement:
    """Set one string and hold it against Chromium's."""
    golden = goldens(text.script)["rows"].get(text.id)
    if golden is None or golden["text"] != text.text:
        raise ValueError(f"{text.id}: no golden for this string; run tests/torture/chromium.py {text.script}")
    result = Agreement()
    shaped = paragraph(text, mutation)
    _compare_clusters(text, shaped, golden, result)
    for width in WIDTHS:
        _compare_lines(text, shaped, width, golden["lines"][str(width)], result)
    return result


def _compare_clusters(text: Text, shaped: Paragraph, golden: dict[str, Any], result: Agreement) -> None:
    """Compare what lies between two boundaries that both know: a ligature is one, an accent goes with its letter."""
    ours = clusters(shaped)
    starts, widths = golden["starts"], golden["widths"]
    bounds = [start for start in starts if start in ours]
    edges: dict[int, float] = {}
    owner: dict[int, int] = {}
    for start, stop in zip(bounds, [*bounds[1:], len(text.text)], strict=True):
        mine = [ours[place] for place in ours if start <= place < stop]
        theirs = [number for number, place in enumerate(starts) if start <= place < stop]
        owner |= dict.fromkeys(theirs, start)
        advance, expected = sum(part[1] for part in mine), sum(widths[number] for number in theirs)
        result.advances[1] += 1
        if abs(advance - expected) <= TOLERANCE:
            result.advances[0] += 1
        else:
            what = f"{text.text[start:stop]!r} is {advance:.2f} px wide, Chromium's {expected:.2f}"
            result.deviations[f"{text.id}#{start}-{stop}"] = what
        if advance > ROOM and expected > ROOM:
            edges[start] = min(part[0] for part in mine)
    visible = golden.get("order", range(len(starts)))
    expected_order = list(dict.fromkeys(owner[number] for number in visible if owner[number] in edges))
    result.orders[1] += 1
    if sorted(edges, key=lambda start: edges[start]) == expected_order:
        result.orders[0] += 1
    else:
        ordered = "".join(text.text[start] for start in expected_order)
        result.deviations[f"{text.id} order"] = f"Chromium's order from the left is {ordered!r}"


def _compare_lines(text: Text, shaped: Paragraph, width: int, theirs: list[list[float]], result: Agreement) -> None:
    ours = greedy(shaped, width / SIZE)
    starts = [visible_start(text.text, start) for start, _ in ours]
    expected = [visible_start(text.text, int(line[0])) for line in theirs]
    result.breaks[1] += 1
    if starts != expected:
        result.deviations[f"{text.id}@{width}"] = (
            f"{_shown(text.text, starts)}, Chromium's {_shown(text.text, expected)}"
        )
        return
    result.breaks[0] += 1
    for (start, stop), line in zip(ours, theirs, strict=True):
        advance = shaped.line(start, stop).advance * SIZE
        if advance > width:  # only where the last mark hangs out, or one word is wider than the box
            advance -= min(blank_end(shaped, stop) * SIZE, max(advance - line[2], 0))
        result.advances[1] += 1
        if abs(advance - line[2]) <= TOLERANCE:
            result.advances[0] += 1
        else:
            what = f"the line {text.text[start:stop]!r} is {advance:.2f} px wide, Chromium's {line[2]:.2f}"
            result.deviations[f"{text.id}@{width}#{start}"] = what


def visible_start(text: str, start: int) -> int:
    """Skip what takes no room at a line's start."""
    while start < len(text) and text[start] in _NO_ROOM:
        start += 1
    return start


def _shown(text: str, starts: Sequence[int]) -> str:
    return " ¦ ".join(text[a:b].strip() for a, b in zip(starts, [*starts[1:], len(text)], strict=True))


def compare_all(scripts: Sequence[str] = SCRIPTS, mutation: Mutation = NOTHING) -> dict[str, Agreement]:
    """Compare every string of the scripts."""
    result = {}
    for script in scripts:
        result[script] = Agreement()
        for text in texts(script):
            result[script].add(compare(text, mutation))
    return result


def listed() -> dict[str, str]:
    """Read the committed deviations: case → the name of its reason; raises ValueError for a name nobody explains."""
    data = json.loads(DEVIATIONS.read_text(encoding="utf-8"))
    cases: dict[str, str] = data["cases"]
    unknown = set(cases.values()) - set(data["reasons"])
    if unknown:
        raise ValueError(f"deviations.json gives no words for the reasons {sorted(unknown)}")
    return cases


def table(agreements: dict[str, Agreement]) -> Iterator[str]:
    """Write the figures per script."""
    total = Agreement()
    yield f"{'script':12} {'strings':>7} {'breaks':>18} {'advances':>18} {'order':>8}"
    for script, agreement in [*agreements.items(), ("all", total)]:
        if script != "all":
            total.add(agreement)
        columns = [f"{agreement.orders[1]:7}"]
        for counts in (agreement.breaks, agreement.advances):
            columns.append(f"{counts[0]:5}/{counts[1]:<5} {share(counts):6.1%}")
        yield f"{script:12} {' '.join(columns)} {share(agreement.orders):8.1%}"


def main() -> int:
    """Print or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--all", action="store_true", help="print the deviations that have a reason, too")
    parser.add_argument("--scripts", nargs="+", default=list(SCRIPTS), choices=SCRIPTS)
    options = parser.parse_args()
    agreements = compare_all(options.scripts)
    print("\n".join(table(agreements)))
    found = {case: what for agreement in agreements.values() for case, what in agreement.deviations.items()}
    known = json.loads(DEVIATIONS.read_text(encoding="utf-8")) if DEVIATIONS.exists() else {"reasons": {}, "cases": {}}
    for case, what in found.items():
        reason = known["cases"].get(case, UNEXPLAINED)
        if options.all or reason == UNEXPLAINED:
            print(f"{case} [{reason}]: {what}")
    if options.write:
        known["cases"] = {case: known["cases"].get(case, UNEXPLAINED) for case in found}
        DEVIATIONS.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
