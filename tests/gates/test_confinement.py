"""The confined child: what it could do before, it can do no more, wall by wall."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from flux2flow.errors import GateError
from flux2flow.gates import confined, confinement, documents, vectors

MODULE = Path(confinement.__file__)
needs_landlock = pytest.mark.skipif(
    confinement.status() != "landlock", reason=f"this kernel does not confine: {confinement.status()}"
)

ATTEMPTS = {
    "read a file": "open('/etc/hostname').read()",
    "write a file": "open(sys.argv[2] + '/x', 'w').write('x')",
    "list a folder": "os.listdir('/')",
    "start a program": "os.execv('/bin/true', ['true'])",
    "connect by TCP": "connect()",
}
PROLOGUE = """
import ctypes, importlib.util, os, socket, sys, threading
spec = importlib.util.spec_from_file_location("confinement", sys.argv[1])
confinement = importlib.util.module_from_spec(spec)
spec.loader.exec_module(confinement)
server = socket.create_server(("127.0.0.1", 0))
client = socket.socket()
def connect():
    client.connect(server.getsockname())
"""


def run(body: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program = PROLOGUE + textwrap.dedent(body)
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(MODULE), str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
    )


@needs_landlock
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_landlock_alone_denies_what_works_without_it(attempt: str, tmp_path: Path) -> None:
    code = ATTEMPTS[attempt]
    free = run(code, tmp_path)
    assert free.returncode == 0, free.stderr
    confined = run(f"print(confinement._landlock(ctypes.CDLL(None, use_errno=True)), flush=True)\n{code}", tmp_path)
    assert confined.stdout == "landlock\n"
    assert confined.returncode == 1
    assert "PermissionError" in confined.stderr


def test_the_limits_alone_leave_no_descriptor_socket_or_memory(tmp_path: Path) -> None:
    body = """
    import contextlib
    {confine}
    def refused(act):
        try:
            act()
        except (OSError, MemoryError, RuntimeError):
            return 1
        return 0
    def memory():
        bytearray(600_000_000)
    print(refused(lambda: os.dup(0)), refused(memory), refused(lambda: socket.socket(type=socket.SOCK_DGRAM)))
    """
    confine = "assert confinement._limit(5, 500_000_000) == ()"
    assert run(body.format(confine="pass"), tmp_path).stdout == "0 0 0\n"
    assert run(body.format(confine=confine), tmp_path).stdout == "1 1 1\n"


def test_a_loop_ends_by_its_processor_limit(tmp_path: Path) -> None:
    started = time.monotonic()
    ended = run("confinement._limit(1, 10**9)\nwhile True: pass", tmp_path)
    assert ended.returncode < 0
    assert time.monotonic() - started < 30


def test_status_says_why_where_the_kernel_has_no_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert confinement.status() == "unconfined: darwin has no Landlock"


@needs_landlock
def test_the_raster_child_reports_that_it_is_confined() -> None:
    status, png = vectors.draw_confined(SQUARE, 4, 4)
    assert status == "landlock"
    assert png.startswith(b"\x89PNG")


def beside(folder: Path, monkeypatch: pytest.MonkeyPatch, **modules: str) -> None:
    """Let children start from a copy of their folder in which these modules are others."""
    for name in ("confined_child", "confinement", "svg_renderer", "pdf_renderer"):
        shutil.copy(MODULE.with_name(f"{name}.py"), folder)
    for name, code in modules.items():
        (folder / f"{name}.py").write_text(code)
    monkeypatch.setattr(confined, "__file__", str(folder / "confined.py"))


SQUARE = b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="4" height="4"/></svg>'


def test_where_nothing_confines_the_child_draws_and_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A kernel without Landlock costs a wall, never the picture."""
    bare = "def confine(*, cpu_seconds, memory_bytes):\n    return 'unconfined: a test'\n"
    beside(tmp_path, monkeypatch, confinement=bare)
    status, png = vectors.draw_confined(SQUARE, 4, 4)
    assert status == "unconfined: a test"
    assert png.startswith(b"\x89PNG")


SPY = """
import sys
{first}
CPU_SECONDS, MEMORY_BYTES, FAILURES = 5, 10**9, (ValueError,)
def draw(source, *numbers):
    return " ".join((*sorted(sys.modules), *sys.path)).encode()
"""


def test_a_child_starts_bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It holds neither flux2flow nor what is slow to import, and finds no module by the folder it lies in."""
    slow = {"pathlib", "importlib.util", "site", "typing", "re"}
    for first, expected in (("", set()), ("import pathlib", {"pathlib", "re"})):
        beside(tmp_path, monkeypatch, svg_renderer=SPY.format(first=first))
        held = vectors.draw_confined(SQUARE, 4, 4)[1].decode().split()
        assert "ctypes" in held  # the walls
        assert not [name for name in held if name.startswith("flux2flow") or name == str(tmp_path)]
        assert slow & set(held) == expected


@needs_landlock
@pytest.mark.parametrize("renderer", ["svg_renderer", "pdf_renderer"])
def test_every_renderer_draws_behind_the_walls(renderer: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One start for both: what a renderer tries on a file is refused; without the walls it succeeds."""
    if renderer == "pdf_renderer":
        pytest.importorskip("pypdfium2")
    attempt = SPY.replace("{first}", "").replace("sys.modules", "open('/etc/hostname').read() and ['read']")
    free = "def confine(*, cpu_seconds, memory_bytes):\n    return 'free'\n"

    def draw() -> object:
        if renderer == "svg_renderer":
            return vectors.draw_confined(SQUARE, 4, 4)
        return documents.first_page(b"%PDF-", 4)

    beside(tmp_path, monkeypatch, **{renderer: attempt})
    with pytest.raises(GateError, match="ended without a picture"):
        draw()
    beside(tmp_path, monkeypatch, **{renderer: attempt, "confinement": free})
    if renderer == "svg_renderer":
        assert draw()
    else:
        with pytest.raises(GateError, match="answer cannot be read"):  # it did answer: with words
            draw()


def test_bytes_that_are_no_text_are_refused_by_the_renderer() -> None:
    """Not a crash of the child: it says what is wrong."""
    with pytest.raises(GateError, match=r"the SVG cannot be drawn: .*utf-8"):
        vectors.draw_confined(b"<svg>\xff</svg>", 4, 4)


def test_a_child_that_does_not_answer_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    beside(tmp_path, monkeypatch, confined_child="import time\ntime.sleep(60)\n")
    monkeypatch.setattr(confined, "TIMEOUT_SECONDS", 0.5)
    started = time.monotonic()
    with pytest.raises(GateError, match="ended without a picture"):
        vectors.draw_confined(b"<svg/>", 4, 4)
    assert time.monotonic() - started < 20


def test_a_child_that_floods_its_answer_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And the message names what was being drawn."""
    beside(tmp_path, monkeypatch, confined_child="import sys\nwhile True: sys.stdout.buffer.write(bytes(1 << 20))\n")
    with pytest.raises(GateError, match="the SVG's renderer answered with more than a picture"):
        vectors.draw_confined(b"<svg/>", 4, 4)
    pytest.importorskip("pypdfium2")
    monkeypatch.setattr(documents, "MAX_PIXELS", 1000)
    with pytest.raises(GateError, match="the PDF's renderer answered with more than a picture"):
        documents.first_page(b"%PDF-", 4)
