"""Strings and fonts → what headless Chromium makes of them, as goldens. Runs by hand only.

    apt-get install chromium
    PYTHONPATH=.:engine python tests/torture/chromium.py                # every script
    PYTHONPATH=.:engine python tests/torture/chromium.py thai khmer     # only these

One page per script: every string once on a single line and once per width. Where each grapheme cluster stands is asked
of Range.getClientRects once `document.fonts.ready` has come. Fonts come with the page; fontconfig sees no others.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.torture.corpus import FILES, FONTS, GOLDENS, KIT, SCRIPTS, SIZE, STACKS, WIDTHS, Text, texts
from tests.torture.told import told

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--font-render-hinting=none",
    "--virtual-time-budget=30000",  # else the answer is read before fonts are there
    "--dump-dom",
]

ROOM = 0.5
"""Pixels from which a cluster has a place in the visual order."""

# What stands for our behaviour. Strict kinsoku; soft hyphens only; Korean by words; an eighth of an em between East
# Asian letters and Latin, and marks that meet share their blank half, in Japanese and Chinese alone.
CSS = f"""
div {{ font-size: {SIZE}px; line-height: 200px; font-weight: 400; font-optical-sizing: auto; font-synthesis: none;
  font-kerning: normal; text-rendering: geometricPrecision; letter-spacing: 0; word-spacing: 0; text-align: start;
  line-break: strict; word-break: normal; overflow-wrap: normal; hyphens: manual; hyphenate-character: "-";
  text-autospace: no-autospace; text-spacing-trim: space-all; position: absolute; top: 0; left: 0; right: auto; }}
div:lang(ko) {{ word-break: keep-all; }}
div:lang(ja), div:lang(zh) {{ text-autospace: normal; text-spacing-trim: normal; }}
"""

NO_MARKS: Mapping[int, str] = MappingProxyType({})
TOLD = " told"
"""What the id of a string's second row ends with: the string with `told`'s marks."""

MEASURE = """
const segmenter = new Intl.Segmenter("und", {granularity: "grapheme"});
function units(div) {
  const node = div.firstChild, result = [];
  for (const {index, segment} of segmenter.segment(node.data)) {
    const range = document.createRange();
    range.setStart(node, index); range.setEnd(node, index + segment.length);
    const rects = [...range.getClientRects()];
    if (!rects.length) { result.push([index, index + segment.length, -1, 0, 0]); continue; }
    const line = Math.floor(rects.at(-1).top / 200);  // after a soft hyphen the first is the hyphen's, a line above
    const same = rects.filter(rect => Math.floor(rect.top / 200) === line);
    const left = Math.min(...same.map(rect => rect.left)), right = Math.max(...same.map(rect => rect.right));
    result.push([index, index + segment.length, line, left, right - left]);
  }
  return result;
}
async function measure() {
  const rows = JSON.parse(document.getElementById("rows").textContent), answer = [];
  const faces = [...document.fonts];
  await Promise.all(faces.map(face => face.load()));
  await document.fonts.ready;
  if (faces.some(face => face.status !== "loaded")) throw new Error("a font did not load");
  for (const row of rows) {
    const cases = {};
    for (const width of row.widths) {
      const div = document.createElement("div");
      div.lang = row.language; div.dir = row.direction; div.textContent = row.text;
      div.style.fontFamily = row.families;
      div.style.whiteSpace = width ? "pre-line" : "pre";
      div.style.width = width ? width + "px" : "max-content";
      document.body.append(div);
      cases[width] = units(div);
      div.remove();
    }
    answer.push({id: row.id, cases});
  }
  const out = document.createElement("pre");
  out.id = "answer"; out.textContent = JSON.stringify(answer);
  document.body.append(out);
}
measure().catch(error => { document.body.append(Object.assign(document.createElement("pre"), {id: "answer", textContent: "failed: " + error})); });
"""  # noqa: E501


def marked(text: str, marks: Mapping[int, str] = NO_MARKS) -> tuple[str, list[int]]:
    """Write a string as its page has it, with marks at some places, and give the place of every character there.

    After a slash before a letter stands U+200B, as an author would write it: UAX #14 breaks there (SY ÷ AL), and so do
    we; Chromium's own table of ASCII pairs does not.
    """
    written, places = "", []
    for place, character in enumerate(text):
        slash = place > 1 and text[place - 1] == "/" and text[place - 2] not in " /:"
        if slash and character.isalpha() and not "\u0590" <= character <= "\u05ff":
            written += "\u200b"
            places.append(place)
        if place in marks:
            written += marks[place]
            places.append(place)
        written += character
        places.append(place)
    return written, [*places, len(text)]


def page(script: str) -> str:
    """Write the page that measures one script's strings."""
    faces = "\n".join(
        f'@font-face {{ font-family: "{family}"; font-weight: 100 900;'
        f" src: url(data:font/sfnt;base64,{base64.b64encode(FILES[family].read_bytes()).decode()}); }}"
        for family in STACKS[script]
    )
    rows = [
        {
            "id": text.id + ending,
            "text": marked(text.text, marks)[0],
            "language": text.language,
            "direction": "rtl" if text.rtl else "ltr",
            "families": ", ".join(f'"{family}"' for family in text.families),
            "widths": widths,
        }
        for text in texts(script)
        for ending, marks, widths in (("", NO_MARKS, (0, *WIDTHS)), (TOLD, told(text), WIDTHS))
        if marks or not ending
    ]
    data = json.dumps(rows).replace("<", "\\u003c")
    return (
        f'<!doctype html><meta charset="utf-8"><style>{faces}{CSS}</style><body>'
        f'<script type="application/json" id="rows">{data}</script><script>{MEASURE}</script>'
    )


def ask(script: str, chromium: str) -> list[dict[str, Any]]:
    """Let Chromium measure one script; raises RuntimeError with its words where it does not answer."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "page.html").write_text(page(script), encoding="utf-8")
        (folder / "fonts.conf").write_text(
            f"<fontconfig><dir>{FONTS}</dir><dir>{KIT}</dir><cachedir>{folder}/cache</cachedir></fontconfig>",
            encoding="utf-8",
        )
        environment = {**os.environ, "FONTCONFIG_FILE": str(folder / "fonts.conf"), "LANG": "C.UTF-8", "TZ": "UTC"}
        done = subprocess.run(
            [chromium, *FLAGS, f"--user-data-dir={folder}/profile", (folder / "page.html").as_uri()],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env=environment,
        )
    found = re.search(r'<pre id="answer">(.*?)</pre>', done.stdout, re.DOTALL)
    if found is None or found[1].startswith("failed"):
        raise RuntimeError(f"{script}: {found[1] if found else done.stderr[-2000:]}")
    answer: list[dict[str, Any]] = json.loads(html.unescape(found[1]))
    return answer


Cases = dict[str, list[list[float]]]
"""Width → clusters as Chromium gives them: start, stop, line, left edge, width."""


def in_characters(text: Text, cases: Cases, marks: Mapping[int, str] = NO_MARKS) -> Cases:
    """Turn offsets from JavaScript's code units of the page into characters of the string; marks drop out."""
    written, places = marked(text.text, marks)
    at = [0]
    for character in written:
        at.append(at[-1] + (2 if ord(character) > 0xFFFF else 1))
    place = dict(zip(at, places, strict=True))
    return {
        width: [
            [place[int(start)], place[int(stop)], *others]
            for start, stop, *others in units
            if place[int(start)] != place[int(stop)]
        ]
        for width, units in cases.items()
    }


def lines_of(cases: Cases) -> dict[str, list[list[float]]]:
    """Give every width's lines: [start, stop, width], `start` the first cluster that takes room."""
    wrapped = {}
    for width in map(str, WIDTHS):
        lines: dict[int, list[list[float]]] = {}
        for unit in cases[width]:
            if unit[2] >= 0 and unit[4] > 0:
                lines.setdefault(int(unit[2]), []).append(unit)
        wrapped[width] = [
            [
                units[0][0],
                units[-1][1],
                round(max(unit[3] + unit[4] for unit in units) - min(unit[3] for unit in units), 2),
            ]
            for _, units in sorted(lines.items())
        ]
    return wrapped


def golden(text: Text, answers: dict[str, Cases]) -> dict[str, Any]:
    """Condense one string's measurements: clusters of the single line, per width its lines, and the lines when told.

    `order`: the clusters that take room by their left edges, where that is not their order in the text.
    """
    cases = in_characters(text, answers[text.id])
    single = cases["0"]
    visible = [number for number, unit in enumerate(single) if unit[2] >= 0 and unit[4] > ROOM]
    order = sorted(visible, key=lambda number: single[number][3])
    marks = told(text)
    second = {"told": lines_of(in_characters(text, answers[text.id + TOLD], marks))} if marks else {}
    return {
        "id": text.id,
        "text": text.text,
        "starts": [unit[0] for unit in single],
        "widths": [round(unit[4], 2) for unit in single],
        **({"order": order} if order != visible else {}),
        "lines": lines_of(cases),
        **second,
    }


def digest(family: str) -> str:
    """Give the digest of a family's file."""
    return hashlib.sha256(FILES[family].read_bytes()).hexdigest()


def written(script: str, version: str, rows: list[dict[str, Any]]) -> str:
    """Write a golden file: one string a line, so that a change shows as one."""
    head = {
        "chromium": version,
        "command": "PYTHONPATH=.:engine python tests/torture/chromium.py",
        "flags": FLAGS,
        "css": CSS.strip().splitlines(),
        "fonts": {family: digest(family) for family in STACKS[script]},
    }
    lines = ",\n".join(json.dumps(row, ensure_ascii=True, separators=(",", ":")) for row in rows)
    return json.dumps(head, indent=1, ensure_ascii=True)[:-2] + f',\n "strings": [\n{lines}\n]}}\n'


def main() -> int:
    """Measure the scripts named on the command line, or all."""
    chromium = os.environ.get("CHROMIUM", "chromium")
    version = subprocess.run([chromium, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    GOLDENS.mkdir(exist_ok=True)
    for script in sys.argv[1:] or SCRIPTS:
        answers = {row["id"]: row["cases"] for row in ask(script, chromium)}
        rows = [golden(text, answers) for text in texts(script)]
        data = gzip.compress(written(script, version, rows).encode("utf-8"), mtime=0)
        (GOLDENS / f"{script}.json.gz").write_bytes(data)
        print(f"{script}: {len(rows)} strings")
    return 0


if __name__ == "__main__":
    sys.exit(main())
