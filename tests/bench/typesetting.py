"""Times one picture, 1200×628 with a plate, six texts and a logo: ours, set, painted and checked, beside Chromium's.

    PYTHONPATH=.:engine python tests/bench/typesetting.py --rounds 10 --log tests/bench/logs

Warm and interleaved in one run. Ours: layout, paint, every check without OCR, in this process. Chromium's: a browser
that is already running takes a screenshot of the same scene as HTML (same plate, fonts, sizes; spoken to over its
pipe), and, every third round, the command `chromium --screenshot` from its start. Processor seconds tell on a busy
machine, the wall's do not; a browser's count all of its processes. Asserts nothing.
"""

from __future__ import annotations

import argparse
import base64
import html
import itertools
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flux2flow.compositing import compose
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.layout import Layout, PlacedLogo
from flux2flow.domain.scene import LogoLayer, Scene, TextLayer
from flux2flow.export import encode
from flux2flow.interfaces import CheckSubject
from flux2flow.typography import set_scene
from flux2flow.validation import built_in, validate
from tests.torture.scene import SIZE, Ordered, ordered

CHROMIUM = os.environ.get("CHROMIUM", "chromium")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1 --font-render-hinting=none"
    f" --window-size={SIZE.width},{SIZE.height}"
).split()
TICK = os.sysconf("SC_CLK_TCK")


class Browser:
    """A headless Chromium that is spoken to over its pipe (DevTools protocol, messages ended by NUL)."""

    def __init__(self, folder: Path) -> None:
        read_here, write_there = os.pipe()
        read_there, write_here = os.pipe()
        self._in, self._out, self._numbers = read_here, write_here, itertools.count(1)
        self._buffer = b""

        def place() -> None:
            os.dup2(read_there, 3)
            os.dup2(write_there, 4)

        command = [CHROMIUM, *FLAGS, "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}", "about:blank"]
        for descriptor in (read_there, write_there):
            os.set_inheritable(descriptor, True)
        self.process = subprocess.Popen(
            command, preexec_fn=place, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(read_there)
        os.close(write_there)
        targets = self.call("Target.getTargets")["targetInfos"]
        target = next(target["targetId"] for target in targets if target["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def call(self, method: str, session: str = "", **parameters: Any) -> Any:
        """Call a method and wait for its answer; what happens meanwhile is passed over."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._buffer:
                read = os.read(self._in, 1 << 20)
                if not read:
                    raise RuntimeError(f"Chromium went away at {method}")
                self._buffer += read
            text, self._buffer = self._buffer.split(b"\0", 1)
            answer = json.loads(text)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer.get("result", {})

    def screenshot(self, page: str) -> bytes:
        """Open a page, wait for its fonts and pictures, and take its screenshot."""
        self.call("Page.navigate", self.session, url=page)
        ready = "new Promise(r => { const go = () => document.fonts.ready.then(() => r(1));"
        ready += " document.readyState === 'complete' ? go() : addEventListener('load', go) })"
        self.call("Runtime.evaluate", self.session, expression=ready, awaitPromise=True)
        return base64.b64decode(self.call("Page.captureScreenshot", self.session, format="png")["data"])

    def close(self) -> None:
        """End the browser."""
        self.call("Browser.close")
        self.process.wait(30)


def processor_seconds(root: int) -> float:
    """Add up what a process and all its descendants have used, those that ended included."""
    children: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
            children.setdefault(int(fields[1]), []).append(int(entry.name))
            used[int(entry.name)] = sum(map(int, fields[11:15])) / TICK
    total, waiting = 0.0, [root]
    while waiting:
        process = waiting.pop()
        total += used.get(process, 0.0)
        waiting += children.get(process, [])
    return total


def page(order: Ordered, layout: Layout, folder: Path) -> Path:
    """Write the scene as HTML with the sizes that were found, fonts and pictures as files beside it."""
    import skia

    skia.Image.fromarray(rgba(order)).save(str(folder / "plate.png"), skia.kPNG)
    faces, parts = [], []
    for font in order.fonts:
        path = folder / f"{font.file.digest}.ttf"
        path.write_bytes(order.files.read(font.file))
        weight = font.weight or "100 900"
        faces.append(f"@font-face {{ font-family: '{font.family}'; font-weight: {weight}; src: url({path.name}); }}")
    placed = {text.id: text for text in layout.texts()}
    for layer in order.scene.layers:
        if isinstance(layer, TextLayer):
            box, type = layer.box, layer.type
            families = ", ".join(f"'{family}'" for family in type.families)
            direction = "rtl" if layer.id == "arabic" else "ltr"
            font = f"{type.weight} {placed[layer.id].fit.size}px/{type.leading} {families}"
            place = f"left:{box.x}px;top:{box.y}px;width:{box.width}px;font:{font}"
            parts.append(f'<div dir={direction} style="{place}">{html.escape(layer.text)}</div>')
        if isinstance(layer, LogoLayer):
            logo = next(it for it in layout.placed if isinstance(it, PlacedLogo))
            (folder / "logo.svg").write_bytes(order.files.read(layer.picture.file))
            parts.append(f'<img src=logo.svg style="left:{logo.box.x}px;top:{logo.box.y}px;width:{logo.box.width}px">')
    style = "body{margin:0;background:url(plate.png) 0 0/1200px 628px} div,img{position:absolute;color:#121628}"
    written = folder / "page.html"
    written.write_text(f"<!doctype html><meta charset=utf-8><style>{''.join(faces)}{style}</style>{''.join(parts)}")
    return written


def rgba(order: Ordered) -> Any:
    """Give the plate as an array that Skia encodes."""
    import numpy as np

    colors = np.frombuffer(order.plate.pixels, np.uint8).reshape(SIZE.height, SIZE.width, 3)
    return np.dstack([colors, np.full((SIZE.height, SIZE.width), 255, np.uint8)]).copy()


def subjects(order: Ordered, browser: Browser, folder: Path) -> dict[str, tuple[Callable[[], object], int]]:
    """Return what is timed by name, with the process whose descendants do the work (0: this one alone)."""
    layout = set_scene(order.scene, order.fonts, order.files)
    canvas = compose(layout, order.plate, order.files)
    encoded = encode(canvas, order.format, {})
    checks = built_in()
    numbers = itertools.count()
    written = page(order, layout, folder).as_uri()

    def fresh() -> Ordered:
        """Change every text each time, so that nothing that was set before is merely found again."""
        number = next(numbers)
        layers = tuple(
            replace(layer, text=f"{layer.text} {number}") if isinstance(layer, TextLayer) else layer
            for layer in order.scene.layers
        )
        return replace(order, scene=replace(order.scene, layers=layers))

    def judged(scene: Scene, laid: Layout, painted: Canvas) -> object:
        given = order.format, order.forbidden_words, encoded, painted, order.standards, order.files
        return validate(CheckSubject(scene, laid, *given), checks)

    def whole() -> object:
        scene = fresh().scene
        laid = set_scene(scene, order.fonts, order.files)
        return judged(scene, laid, compose(laid, order.plate, order.files))

    def command() -> object:
        target = [f"--screenshot={folder / 'shot.png'}", "--virtual-time-budget=3000", written]
        profile = f"--user-data-dir={folder / 'other'}"
        return subprocess.run([CHROMIUM, *FLAGS, profile, *target], check=True, capture_output=True)

    return {
        "ours: layout, paint, checks (goal 0.120 s a core)": (whole, 0),
        "  of it layout": (lambda: set_scene(fresh().scene, order.fonts, order.files), 0),
        "  of it paint": (lambda: compose(layout, order.plate, order.files), 0),
        "  of it checks": (lambda: judged(order.scene, layout, canvas), 0),
        "ours: encode, which the checks read (not counted)": (lambda: encode(canvas, order.format, {}), 0),
        "Chromium, running: open, fonts, screenshot": (lambda: browser.screenshot(written), browser.process.pid),
        "Chromium, from its start: --screenshot": (command, os.getpid()),
    }


@contextmanager
def running(folder: Path) -> Iterator[Browser]:
    """Start a browser, and end it."""
    browser = Browser(folder)
    try:
        yield browser
    finally:
        browser.close()


def main() -> None:
    """Run every subject in turn, several rounds, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--log", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, running(Path(name)) as browser:
        timed = subjects(ordered(), browser, Path(name))
        wall: dict[str, list[float]] = {name: [] for name in timed}
        processor: dict[str, list[float]] = {name: [] for name in timed}
        for turn in range(options.rounds + 1):  # the first warms
            for subject, (run, root) in timed.items():
                if "from its start" in subject and turn % 3 != 1:
                    continue
                before = processor_seconds(root) if root else time.process_time()
                begun = time.perf_counter()
                run()
                seconds = time.perf_counter() - begun
                used = (processor_seconds(root) if root else time.process_time()) - before
                if turn:
                    wall[subject].append(seconds)
                    processor[subject].append(used)
    report(wall, processor, options)


def report(wall: dict[str, list[float]], processor: dict[str, list[float]], options: argparse.Namespace) -> None:
    """Print the medians and the ratios, and log them."""
    now = datetime.now(UTC)
    version = subprocess.run([CHROMIUM, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    machine = f"{platform.machine()} · {os.cpu_count()} cores · load {os.getloadavg()[0]:.1f} · nice {os.nice(0)}"
    lines = [f"# {now:%Y-%m-%d %H:%M} UTC · {machine} · {version} · medians of {options.rounds}, processor | wall"]
    for subject, used in processor.items():
        seconds = wall[subject]
        times = f"{statistics.median(used):8.3f} s | {statistics.median(seconds):8.3f} s (best {min(seconds):.3f})"
        lines.append(f"{times}  {subject}")
    names = list(processor)
    for other in names[5:]:
        ratios = [statistics.median(times[names[0]]) / statistics.median(times[other]) for times in (processor, wall)]
        lines.append(f"{ratios[0]:8.3f}   | {ratios[1]:8.3f}    ours ÷ {other}")
    print("\n".join(lines))
    if options.log is not None:
        options.log.mkdir(parents=True, exist_ok=True)
        path = options.log / f"{now:%Y-%m-%d}-typesetting.log"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
