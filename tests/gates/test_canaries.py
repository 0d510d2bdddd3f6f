"""SVG files that try to read other files: a plain renderer is made to, ours is not. By painted pixels and by strace."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from flux2flow.errors import GateError
from flux2flow.gates import confinement, pictures, vectors

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CANARIES = ROOT.parent / "shared" / "corpus" / "svg-canaries"
CANARY_COLOR = (1, 254, 3)

pytestmark = pytest.mark.skipif(not CANARIES.is_dir(), reason="the corpus of SVG canaries is not at hand")


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files that no SVG may reach, and `inside/` from where the SVG files are drawn."""
    folder = tmp_path_factory.mktemp("canary")
    Image.new("RGB", (9, 9), CANARY_COLOR).save(folder / "outside_canary.png")
    color = "#{:02x}{:02x}{:02x}".format(*CANARY_COLOR)
    square = f'<rect id="x" width="9" height="9" fill="{color}"/>'
    (folder / "outside_canary.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{square}</svg>'
    )
    (folder / "outside_canary.css").write_text(f"rect {{ fill: {color} }}")
    (folder / "outside_canary.txt").write_text("canary")
    inside = folder / "inside"
    inside.mkdir()
    for path in CANARIES.glob("*.svg"):
        (inside / path.name).write_text(path.read_text().replace("/CANARY-DIR", str(folder)))
    return folder


def paths(outside: Path) -> list[str]:
    found = sorted(str(path) for path in (outside / "inside").glob("*.svg"))
    assert len(found) == 18
    return found


def shows_canary(rgba: bytes) -> bool:
    return any(rgba[at : at + 3] == bytes(CANARY_COLOR) for at in range(0, len(rgba), 4))


def test_a_plain_renderer_paints_the_outside_file(outside: Path, tmp_path: Path) -> None:
    """Positive control: without this, the tests below would pass for canaries that sing for nobody."""
    subprocess.run(
        [sys.executable, HERE / "plain_renderer.py", tmp_path, *paths(outside)], cwd=outside / "inside", check=True
    )
    painted = {path.stem for path in tmp_path.glob("*.png") if shows_canary(pictures.decode_rgba(path.read_bytes())[2])}
    assert painted >= {"image_abs", "image_dotdot", "image_svg_abs"}


def test_no_canary_is_painted_through_the_gate(outside: Path) -> None:
    drawn = 0
    for path in paths(outside):
        source = Path(path).read_bytes()
        try:
            painted = vectors.rasterise(source, 50, 50)
        except GateError:
            continue
        drawn += 1
        assert not shows_canary(painted), path
    assert drawn >= 1  # a stylesheet instruction is dropped, and the drawing itself is fine


def test_the_child_alone_paints_no_canary_even_unsanitised(outside: Path) -> None:
    """The second wall holds where the first one is left out."""
    drawn = 0
    for path in paths(outside):
        try:
            _, png = vectors.draw_confined(Path(path).read_bytes(), 50, 50)
        except GateError:
            continue
        drawn += 1
        assert not shows_canary(pictures.decode_rgba(png)[2]), path
    assert drawn >= 8


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.skipif(confinement.status() != "landlock", reason=f"this kernel does not confine: {confinement.status()}")
def test_strace_sees_no_outside_file_opened_and_no_connection(outside: Path, tmp_path: Path) -> None:
    plain = _traced(["plain_renderer.py", str(tmp_path), *paths(outside)], outside, tmp_path)
    assert len(_opened(plain)) >= 3  # positive control: the same trace sees the plain renderer read

    ours = _traced(["our_renderer.py", str(tmp_path), *paths(outside)], outside, tmp_path)
    assert _opened(ours) == []
    assert [line for line in ours if "connect(" in line] == []
    assert len(list(tmp_path.glob("*.rgba"))) >= 9  # it did draw


def _traced(program: list[str], outside: Path, tmp_path: Path) -> list[str]:
    log = tmp_path / "trace"
    trace = ["strace", "-f", "-qq", "-s", "400", "-e", "trace=open,openat,openat2,connect", "-o", str(log)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(
        [*trace, sys.executable, str(HERE / program[0]), *program[1:]],
        cwd=outside / "inside",
        env=environment,
        check=True,
    )
    return log.read_text(errors="replace").splitlines()


def _opened(trace: list[str]) -> list[str]:
    """Lines where a canary file was really opened."""
    return [line for line in trace if "outside_canary" in line and re.search(r"= \d+$", line)]
