"""A renderer's name and untrusted bytes → what a confined child made of them. Starts it, feeds it, ends it.

Knows no file format. Every failure, of the file or of the child, is a GateError.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from flux2flow.errors import GateError

TIMEOUT_SECONDS = 12.0
"""Wall clock for one drawing; the child's own processor limit (10 s) usually ends it before."""
_BESIDES = 1_000_000
"""Bytes that an answer may have beyond its pixels: its first line, a PNG's own."""


@dataclass(frozen=True, slots=True)
class Renderer:
    """A module that `confined_child` loads, the package it draws with, and what it draws, as messages call it."""

    module: str
    package: str
    kind: str
    remedy: str
    """What to do where the package is missing."""


def drawn(renderer: Renderer, source: bytes, *numbers: int, limit: int) -> tuple[str, bytes]:
    """Draw in a confined child; returns its confinement status and at most `limit` bytes of pixels, and a little."""
    program = str(Path(__file__).resolve().with_name("confined_child.py"))
    arguments = [renderer.module, _folder(renderer), *map(str, numbers)]
    try:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            cwd=Path(sys.executable).anchor,
            close_fds=True,
        )
    except OSError as error:
        raise GateError(f"the process that draws {renderer.kind} files cannot be started: {error}") from error
    answer = _converse(child, source, limit + _BESIDES, renderer.kind)
    head, _, body = answer.partition(b"\n")
    verdict, _, status = head.decode("utf-8", "replace").partition(" ")
    if verdict == "ok":
        return status, body
    if verdict == "error":
        raise GateError(f"the {renderer.kind} cannot be drawn: {body.decode('utf-8', 'replace')[:200]}")
    ended = f"its renderer ended without a picture (exit {child.returncode})"
    raise GateError(f"the {renderer.kind} cannot be drawn: {ended}")


def _converse(child: subprocess.Popen[bytes], source: bytes, limit: int, kind: str) -> bytes:
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
            raise GateError(f"the {kind}'s renderer answered with more than a picture")
        child.wait()
        return answer
    finally:
        alarm.cancel()
        child.kill()
        child.wait()
        feeder.join()
        stdout.close()


def _folder(renderer: Renderer) -> str:
    """Return the folder that holds the renderer's package, found without importing it here."""
    spec = importlib.util.find_spec(renderer.package)
    if spec is None or spec.origin is None:
        raise GateError(f"{renderer.kind} files need {renderer.remedy}")
    return str(Path(spec.origin).resolve().parent.parent)


def _environment() -> dict[str, str]:
    """Nothing of ours; Windows cannot start a process without its system folder."""
    return {"SYSTEMROOT": os.environ["SYSTEMROOT"]} if "SYSTEMROOT" in os.environ else {}
