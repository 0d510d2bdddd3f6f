"""Untrusted SVG → a sanitised SVG that refers to nothing outside itself, and straight RGBA pixels of it.

The file is parsed without DTD, rebuilt from an allow-list and drawn in a confined child.
Knows no fonts: text is refused.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from flux2flow.errors import GateError

MAX_SIDE = 16_384
MAX_PIXELS = 64_000_000
TIMEOUT_SECONDS = 12.0
"""Wall clock for one drawing; the child's own processor limit (10 s) usually ends it before."""
_CACHED_DRAWINGS = 64


@dataclass(frozen=True, slots=True)
class VectorFacts:
    """An SVG that passed: the size of its viewBox, rounded to whole units."""

    width: int
    height: int


def inspect(data: bytes, name: str) -> VectorFacts:
    """Sanitise the SVG and say its size; `name` heads the message of a GateError."""
    from flux2flow.gates.svg_sanitiser import sanitised

    try:
        _, _, width, height = sanitised(data).view_box
    except GateError as error:
        raise GateError(f"{name}: {error}") from error
    return VectorFacts(max(round(width), 1), max(round(height), 1))


@functools.lru_cache(maxsize=_CACHED_DRAWINGS)
def rasterise(data: bytes, width: int, height: int, color: str = "") -> bytes:
    """Draw the SVG in a confined child: height × width × 4 bytes, straight-alpha sRGB.

    `color` ('#rrggbb') is what `currentColor` stands for; without it, what the file says.
    """
    from flux2flow.gates import pictures
    from flux2flow.gates.svg_sanitiser import sanitised

    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE) or width * height > MAX_PIXELS:
        raise GateError(f"an SVG cannot be drawn {width}×{height} pixels large")
    _, png = draw_confined(sanitised(data).sized(width, height, color), width, height)
    drawn_width, drawn_height, pixels = pictures.decode_rgba(png)
    if (drawn_width, drawn_height) != (width, height):
        raise GateError(f"the SVG was drawn {drawn_width}×{drawn_height} instead of {width}×{height}")
    return pixels


def draw_confined(source: bytes, width: int, height: int) -> tuple[str, bytes]:
    """Draw SVG source as it is in a confined child; returns the child's confinement status and a PNG."""
    program = str(Path(__file__).resolve().with_name("raster_child.py"))
    try:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", program, _resvg_folder(), str(width), str(height)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_child_environment(),
            cwd=Path(sys.executable).anchor,
            close_fds=True,
        )
    except OSError as error:
        raise GateError(f"the process that draws SVG files cannot be started: {error}") from error
    answer = _converse(child, source, limit=width * height * 4 + 1_000_000)
    head, _, body = answer.partition(b"\n")
    verdict, _, status = head.decode("utf-8", "replace").partition(" ")
    if verdict == "ok":
        return status, body
    if verdict == "error":
        raise GateError(f"the SVG cannot be drawn: {body.decode('utf-8', 'replace')[:200]}")
    raise GateError(f"the SVG cannot be drawn: its renderer ended without a picture (exit {child.returncode})")


def _converse(child: subprocess.Popen[bytes], source: bytes, limit: int) -> bytes:
    """Feed the child and read at most `limit` bytes of its answer; kill it when the time is up."""
    assert child.stdin is not None
    assert child.stdout is not None
    stdin, stdout = child.stdin, child.stdout

    def feed() -> None:
        try:
            stdin.write(source)
            stdin.close()
        except BrokenPipeError:
            return  # the child died early; its missing answer says so

    feeder = threading.Thread(target=feed, daemon=True)
    alarm = threading.Timer(TIMEOUT_SECONDS, child.kill)
    alarm.start()
    feeder.start()
    try:
        answer = stdout.read(limit + 1)
        if len(answer) > limit:
            raise GateError("the SVG's renderer answered with more than a picture")
        child.wait()
        return answer
    finally:
        alarm.cancel()
        child.kill()
        child.wait()
        feeder.join()
        stdout.close()


@functools.cache
def _resvg_folder() -> str:
    """Return the folder that holds the renderer's package, found without importing it here."""
    import importlib.util

    spec = importlib.util.find_spec("resvg_py")
    if spec is None or spec.origin is None:
        raise GateError("SVG files need the package resvg-py: install flux2flow again")
    return str(Path(spec.origin).resolve().parent.parent)


def _child_environment() -> dict[str, str]:
    """Nothing of ours; Windows cannot start a process without its system folder."""
    return {"SYSTEMROOT": os.environ["SYSTEMROOT"]} if "SYSTEMROOT" in os.environ else {}
