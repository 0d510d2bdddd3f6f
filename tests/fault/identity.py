"""Makes the same pictures again and again, each time in other surroundings: the bytes must be the same.

    PYTHONPATH=.:engine python tests/fault/identity.py --runs 20 --log tests/fault/logs

A run is a process of its own, one after the other, with other threads, hash seed, time zone, locale, home and working
folder. It sets six texts of each of the fifteen scripts of `tests/torture` and a vertical page on a plate, and renders
charts, tables and banners of the example campaigns on procedural plates. The control is one more run with another
seed of the plates and a letter more in every text: it must change every picture. Exits 1 where that is not so.
Run it with `nice`: it takes minutes, and an hour on a busy machine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from flux2flow import api
from flux2flow.compositing import compose
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import FitRule, TextLayer, Writing
from flux2flow.export import encode
from flux2flow.typography import set_scene
from tests.torture.corpus import SCRIPTS, FontFiles, Text, font, texts
from tests.torture.scene import ordered

ROOT = Path(__file__).parents[2]
EXAMPLES = {"atlas": "linkedin/landscape", "aurora": "iab/medium-rectangle"}
"""Example campaigns, and the one format of each that is rendered: 20 pictures with charts, 8 with products."""
A_PAGE = 6
"""Texts of a script on one page, in two columns."""
ZONES = ("UTC", "Asia/Tokyo", "America/Lima", "Pacific/Apia", "Asia/Kathmandu")
LOCALES = ("C", "C.UTF-8", "POSIX", "ar_EG.UTF-8", "tr_TR.UTF-8")  # also names that a machine may lack


def pages(suffix: str = "") -> Iterator[tuple[str, bytes]]:
    """Set, paint and encode a page of every script, and one in vertical lines; `suffix` follows every text."""
    order = ordered()
    plain = next(layer for layer in order.scene.layers if isinstance(layer, TextLayer)).type
    kept = tuple(layer for layer in order.scene.layers if not isinstance(layer, TextLayer))

    def page(given: tuple[Text, ...], writing: Writing = "horizontal") -> bytes:
        families = tuple(dict.fromkeys(family for text in given for family in text.families))
        first = given[0]
        layers = tuple(
            TextLayer(
                f"text-{number}", text.text + suffix, replace(plain, families=text.families, weight=400),
                Box(50 + 440 * (number % 2), 40 + 190 * (number // 2), 420, 180), "start", "top", FitRule(4, 10, 26),
                writing=writing,
            )
            for number, text in enumerate(given)
        )  # fmt: skip
        direction = "rtl" if first.rtl else "ltr"
        scene = replace(order.scene, layers=(*kept, *layers), locale=first.language, direction=direction)
        fonts = tuple(map(font, families))
        layout = set_scene(scene, fonts, FontFiles())
        return encode(compose(layout, order.plate, _Both(order.files)), order.format, {}).data

    for script in SCRIPTS:
        yield f"script/{script}", page(texts(script)[:A_PAGE])
    yield "script/japanese, vertical", page(texts("japanese")[:4], "vertical")


class _Both:
    """The suite's fonts by their names, everything else as the example has it."""

    def __init__(self, files: object) -> None:
        self._files = files

    def read(self, file: object) -> bytes:
        try:
            return FontFiles().read(file)  # type: ignore[arg-type]
        except StopIteration:
            return self._files.read(file)  # type: ignore[attr-defined, no-any-return]


def made(folder: Path, workers: int, suffix: str) -> dict[str, str]:
    """Make everything once: digests by name."""
    found = {name: hashlib.sha256(data).hexdigest() for name, data in pages(suffix)}
    for name in EXAMPLES:
        report = api.run(api.load(folder / name / "campaign.yaml", plugins=False), workers=workers)
        if report.failures:
            raise RuntimeError(str(report.failures))
        found |= {f"{name}/{asset.id}": asset.digest for asset in report.assets}
    return found


def project(folder: Path, name: str, *, changed: bool) -> None:
    """Copy an example with procedural plates and one format; `changed` gives its plates another seed."""
    place = folder / name
    shutil.copytree(ROOT / "examples" / name, place, ignore=shutil.ignore_patterns("build", ".flux2flow"))
    text = (place / "campaign.yaml").read_text(encoding="utf-8").replace("model: nano", "model: procedural")
    text = re.sub(r"formats: \[.*\]", f"formats: [{EXAMPLES[name]}]", text)
    text = re.sub(r"formats:\n(\s+)- .*\n(?:\s+- .*\n)+", f"formats: [{EXAMPLES[name]}]\n", text)
    if changed:
        text = re.sub(r"^seed: \d+", "seed: 4711", text, flags=re.MULTILINE)
        text = re.sub(r"^title: ", "title: Not ", text, flags=re.MULTILINE)
    (place / "campaign.yaml").write_text(text, encoding="utf-8")


def run(folder: Path, number: int, *, changed: bool = False) -> dict[str, str]:
    """Make everything in a process of its own, in the surroundings of this number; its folder is gone afterwards."""
    place = folder / ("a" if number % 2 else "a folder with a longer name, größer 大") / str(number)
    place.mkdir(parents=True)
    for name in EXAMPLES:
        project(place, name, changed=changed)
    threads = str(1 + number % 4)
    around = {
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "engine"))), "PYTHONHASHSEED": str(number * 101),
        "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "TZ": ZONES[number % len(ZONES)],
        "LC_ALL": LOCALES[number % len(LOCALES)], "HOME": str(place), "PATH": os.environ.get("PATH", ""),
        "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    command = [sys.executable, __file__, "--once", str(place), threads, "!" if changed else ""]
    output = subprocess.check_output(command, cwd=place, env=around, text=True, encoding="utf-8")
    shutil.rmtree(place)
    found: dict[str, str] = json.loads(output.splitlines()[-1])
    return found


def main() -> int:
    """Run so many times and the control; print and log what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--once", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        folder, workers, suffix = options.once
        print(json.dumps(made(Path(folder), int(workers), suffix)))
        return 0
    begun, now = time.monotonic(), datetime.now(UTC)
    with tempfile.TemporaryDirectory() as name:
        first = run(Path(name), 0)
        different: dict[str, list[int]] = {}
        for number in range(1, options.runs):
            again = run(Path(name), number)
            for picture in first.keys() | again.keys():
                if first.get(picture) != again.get(picture):
                    different.setdefault(picture, []).append(number)
            print(f"run {number + 1} of {options.runs}: {len(different)} different", flush=True)
        control = run(Path(name), options.runs, changed=True)
    unchanged = sorted(picture for picture in first if first[picture] == control.get(picture))
    seconds = time.monotonic() - begun
    lines = [
        f"# {now:%Y-%m-%d %H:%M} UTC · {platform.machine()} · Python {platform.python_version()} · {seconds:.0f} s",
        f"{options.runs} runs of {len(first)} pictures: {len(different)} differ; {len(unchanged)} the control left",
        *(f"  differs: {picture} in runs {numbers}" for picture, numbers in sorted(different.items())),
        *(f"  unchanged by the control: {picture}" for picture in unchanged),
        f"all of them: {hashlib.sha256(json.dumps(first, sort_keys=True).encode()).hexdigest()}",
    ]
    print("\n".join(lines))
    if options.log is not None:
        options.log.mkdir(parents=True, exist_ok=True)
        (options.log / f"identity-{now:%Y-%m-%d}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 1 if different or unchanged or not first else 0


if __name__ == "__main__":
    sys.exit(main())
