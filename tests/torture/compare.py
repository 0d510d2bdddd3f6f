"""The suite's strings, set by flux2flow, beside Chromium's goldens → agreement per script, and every deviation.

    PYTHONPATH=.:engine python tests/torture/compare.py             # the table, and deviations without a reason
    PYTHONPATH=.:engine python tests/torture/compare.py --show url  # those of one reason
    PYTHONPATH=.:engine python tests/torture/compare.py --write     # writes deviations.json again

Shapes and breaks with the product's own code alone. Lines are filled greedily by advance at one size, as a browser
fills them; balancing and optical edges are our own and have no counterpart there.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from uniseg.linebreak import line_break_breakables

from flux2flow.typography.breaking import NOT_AT_START, Break, breaks, hindrance
from flux2flow.typography.fonts import stack
from flux2flow.typography.shaping import Paragraph, Setting
from tests.torture.corpus import FILES, GOLDENS, SCRIPTS, SIZE, WIDTHS, FontFiles, Text, font, texts
from tests.torture.triage import UNEXPLAINED, Deviation, reason

DEVIATIONS = Path(__file__).parent / "deviations.json"
TOLERANCE = 0.5
"""Pixels that an advance may differ by."""
EDGE = 1 / 64
"""Pixels that a line may stand out of its box: a browser's unit of layout (Chromium's LayoutUnit), and one unit of an
em of 2,048 at 32 px, which is what an advance is rounded to."""
ADDRESS = re.compile(r"[a-z]+://[!-~]*|(?:[A-Za-z0-9-]+\.)+[a-z]{2,}/[!-~]*")
ROOM = 0.5
"""Pixels from which a cluster has a place in the visual order."""
_BLANK_END = "）〕］｝〉》」』】〙〗"
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
    house: list[int] = field(default_factory=lambda: [0, 0])
    """The same with our languages' no-break rules, which browsers lack; for information."""
    told: list[int] = field(default_factory=lambda: [0, 0])
    """The same with Chromium told four rules of ours (`told.py`): the proof that they are the reason."""
    advances: list[int] = field(default_factory=lambda: [0, 0])
    orders: list[int] = field(default_factory=lambda: [0, 0])
    deviations: dict[str, Deviation] = field(default_factory=dict)
    """Case → what differs: `thai-03@360`, `latin-02#17-18`, `latin-02@360#17`, `arabic-05 order`."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Case → the name of the reason that its surroundings give."""

    def add(self, other: Agreement) -> None:
        """Take in another's figures."""
        for mine, theirs in (
            (self.breaks, other.breaks),
            (self.house, other.house),
            (self.told, other.told),
            (self.advances, other.advances),
            (self.orders, other.orders),
        ):
            mine[0] += theirs[0]
            mine[1] += theirs[1]
        self.deviations |= other.deviations
        self.reasons |= other.reasons


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


@cache
def permitted(text: str, language: str, house: bool) -> tuple[Break, ...]:
    """List the permitted breaks; without `house`, as if no-break rules held nothing but addresses.

    CSS has no such rules: there an author writes no-break spaces. What they do is tested where they stand.
    """
    found = {place.index: place for place in breaks(text, language)}
    if not house:
        addresses = {at for match in ADDRESS.finditer(text) for at in range(match.start() + 1, match.end())}
        for index, allowed in enumerate(line_break_breakables(text)):
            if allowed and index and index not in found and index not in addresses:
                rule = hindrance(text, index, language)
                dash = text[index] in "–—" and text[index - 1] == " "
                if rule == "no-break" and (dash or text[index] not in NOT_AT_START):
                    found[index] = Break(index, 0.0)
    return tuple(found[index] for index in sorted(found))


def greedy(shaped: Paragraph, width: float, house: bool = False) -> list[tuple[int, int]]:
    """Fill lines of a width in em as full as the permitted breaks allow."""
    width += (EDGE + 1e-6) / SIZE  # and what adding many advances loses
    lines: list[tuple[int, int]] = []
    start = last = 0
    for place in permitted(shaped.text, shaped.setting.language, house):
        if last > start and shaped.line(start, place.index).advance - blank_end(shaped, place.index) > width:
            lines.append((start, last))
            start = last
        last = place.index
        if place.mandatory:
            lines.append((start, last))
            start = last
    return lines


def blank_end(shaped: Paragraph, stop: int) -> float:
    """Give the em that a line's last bracket may hang out with: its blank half (`text-spacing-trim: normal`).

    Our fitting goes by ink, so that no blank half ever counts; Chromium gives up those of brackets alone.
    """
    last, language = shaped.text[shaped.visible(0, stop) - 1], shaped.setting.language[:2]
    hangs = _BLANK_END + ("”’" if language == "zh" else "")
    return 0.5 if language in ("ja", "zh") and last in hangs else 0.0


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
        _compare_told(text, shaped, width, golden.get("told", golden["lines"])[str(width)], result)
    result.reasons = {case: reason(text.text, found) for case, found in result.deviations.items()}
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
            negative = abs(-advance - expected) <= TOLERANCE
            result.deviations[f"{text.id}#{start}-{stop}"] = Deviation("cluster", what, start, stop, uneven=negative)
        if advance > ROOM and expected > ROOM:
            edges[start] = min(part[0] for part in mine)
    visible = golden.get("order", range(len(starts)))
    expected_order = list(dict.fromkeys(owner[number] for number in visible if owner[number] in edges))
    result.orders[1] += 1
    if sorted(edges, key=lambda start: edges[start]) == expected_order:
        result.orders[0] += 1
    else:
        ordered = "".join(text.text[start] for start in expected_order)
        what = f"Chromium's order from the left is {ordered!r}"
        result.deviations[f"{text.id} order"] = Deviation("order", what, 0, len(text.text))


def _compare_lines(text: Text, shaped: Paragraph, width: int, theirs: list[list[float]], result: Agreement) -> None:
    ours = greedy(shaped, width / SIZE)
    starts = [visible_start(text.text, start) for start, _ in ours]
    house = [visible_start(text.text, start) for start, _ in greedy(shaped, width / SIZE, house=True)]
    expected = [visible_start(text.text, int(line[0])) for line in theirs]
    result.breaks[1] += 1
    result.house[1] += 1
    result.house[0] += house == expected
    if starts != expected:
        what = f"{_shown(text.text, starts)}, Chromium's {_shown(text.text, expected)}"
        result.deviations[f"{text.id}@{width}"] = _first_break(shaped, width, starts, expected, what, result)
        return
    result.breaks[0] += 1
    for (start, stop), line in zip(ours, theirs, strict=True):
        advance = shaped.line(start, stop).advance * SIZE
        if advance > width:  # only where the last mark hangs out, or one word is wider than the box
            advance -= min(blank_end(shaped, stop) * SIZE, max(advance - line[2], 0))
        hanging = SIZE * (text.text[int(line[1]) - 1] == "\u3000")
        apart = abs(advance + hanging - line[2])
        result.advances[1] += 1
        if apart <= TOLERANCE:
            result.advances[0] += 1
        else:
            what = f"the line {text.text[start:stop]!r} is {advance:.2f} px wide, Chromium's {line[2]:.2f}"
            uneven = _uneven(result, start, stop)
            found = Deviation("line", what, start, stop, uneven=uneven, apart=apart)
            result.deviations[f"{text.id}@{width}#{start}"] = found


def _compare_told(text: Text, shaped: Paragraph, width: int, theirs: list[list[float]], result: Agreement) -> None:
    ours = [visible_start(text.text, start) for start, _ in greedy(shaped, width / SIZE)]
    result.told[1] += 1
    result.told[0] += ours == [visible_start(text.text, int(line[0])) for line in theirs]


def _first_break(
    shaped: Paragraph, width: int, ours: list[int], theirs: list[int], what: str, result: Agreement
) -> Deviation:
    """Describe where two ways to break first part."""
    end = len(shaped.text)
    line = next(number for number in range(1, end) if [*ours, end][number] != [*theirs, end][number])
    first, mine, other = ours[line - 1], [*ours, end][line], [*theirs, end][line]
    every = permitted(shaped.text, shaped.setting.language, False)
    places = {visible_start(shaped.text, place.index) for place in every}
    longer = max(mine, other)
    apart = abs((shaped.line(first, longer).advance - blank_end(shaped, longer)) * SIZE - width)
    return Deviation("break", what, mine, other, other in places, _uneven(result, first, longer), apart)


def _uneven(result: Agreement, start: int, stop: int) -> bool:
    """Say whether a cluster of a stretch has another advance than Chromium's."""
    return any(
        found.kind == "cluster" and start <= found.start < stop and not found.uneven
        for found in result.deviations.values()
    )


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
    unknown = {name for name in data["cases"] if len(data["reasons"].get(name, "")) < 20}
    if unknown:
        raise ValueError(f"deviations.json gives no words for the reasons {sorted(unknown)}")
    return {case: name for name, cases in data["cases"].items() for case in re.split(r" (?!order)", cases)}


def table(agreements: dict[str, Agreement]) -> Iterator[str]:
    """Write the figures per script."""
    total = Agreement()
    heads = f"{'order':>8} {'told':>7} {'with house rules':>17}"
    yield f"{'script':12} {'strings':>7} {'breaks':>20} {'advances':>20} {heads}"
    for script, agreement in [*agreements.items(), ("all", total)]:
        if script != "all":
            total.add(agreement)
        columns = [f"{agreement.orders[1]:7}"]
        pairs = (agreement.breaks, agreement.advances)
        columns += [f"{counts[0]:6}/{counts[1]:<6} {share(counts):6.1%}" for counts in pairs]
        columns += [
            f"{share(agreement.orders):8.1%}",
            f"{share(agreement.told):7.1%}",
            f"{share(agreement.house):17.1%}",
        ]
        yield f"{script:12} {' '.join(columns)}"


def main() -> int:
    """Print or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--show", nargs="*", default=[UNEXPLAINED], help="reasons whose deviations are printed")
    parser.add_argument("--scripts", nargs="+", default=list(SCRIPTS), choices=SCRIPTS)
    options = parser.parse_args()
    agreements = compare_all(options.scripts)
    print("\n".join(table(agreements)))
    found = {case: it.what for agreement in agreements.values() for case, it in agreement.deviations.items()}
    reasons = {case: name for agreement in agreements.values() for case, name in agreement.reasons.items()}
    print("\n".join(f"{count:6} {name}" for name, count in Counter(reasons.values()).most_common()))
    for case, what in found.items():
        if reasons[case] in options.show:
            print(f"{case} [{reasons[case]}]: {what}")
    if options.write:
        write(reasons)
    return 0


def write(reasons: dict[str, str]) -> None:
    """Write the deviations anew by their reasons; the reasons' words are kept, and never written by this."""
    known = json.loads(DEVIATIONS.read_text(encoding="utf-8"))["reasons"] if DEVIATIONS.exists() else {}
    grouped: dict[str, list[str]] = {name: [] for name in sorted(set(reasons.values()))}
    for case, name in reasons.items():
        grouped[name].append(case)
    lines = [f"  {json.dumps(name)}: {json.dumps(' '.join(cases))}" for name, cases in grouped.items()]
    words = [f"  {json.dumps(name)}: {json.dumps(text, ensure_ascii=False)}" for name, text in known.items()]
    head = ' "reasons": {\n' + ",\n".join(words) + "\n },\n"
    DEVIATIONS.write_text("{\n" + head + ' "cases": {\n' + ",\n".join(lines) + "\n }\n}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
