"""The reader: it reads what was set, knows what it cannot read, needs no network, and says what is missing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from flux2flow import reading
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.measures import Box, PixelSize
from flux2flow.errors import PluginError
from flux2flow.interfaces import CheckSubject, TextReader
from flux2flow.reading import opening
from flux2flow.validation.checks import ocr_readback, stray_text
from tests.auditing.pictures import Picture, picture

installed = pytest.mark.skipif(bool(reading.missing()), reason="the extra [ocr] is not installed")


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return reading.open_reader()


@pytest.fixture(scope="module")
def made() -> Picture:
    return picture("aurora", "hero/dew-serum/iab-medium-rectangle/en")


def subject(made: Picture, reader: TextReader | None, data: bytes | None = None) -> CheckSubject:
    from flux2flow.gates.pictures import decode_canvas

    decoded = decode_canvas(made.data if data is None else data)
    return CheckSubject(made.scene, made.layout, made.standard.format, decoded=decoded, reader=reader, plate=made.plate)


@installed
def test_every_line_is_read_back_where_it_was_set(made: Picture, reader: TextReader) -> None:
    lines = [line for text in made.layout.texts() for line in ocr_readback.read_back(subject(made, reader), text)]
    assert len(lines) >= 3
    assert [line.errors for line in lines] == [0] * len(lines)
    assert not list(ocr_readback.CHECK.run(subject(made, reader)))


@installed
def test_other_words_in_the_picture_are_a_finding(made: Picture, reader: TextReader) -> None:
    """The picture says one thing, the layout another: every text whose words changed is named."""
    texts = {text.id: text for text in made.layout.texts()}
    headline = texts["headline"]
    lines = tuple(replace(line, text="Completely others") for line in headline.lines)
    placed = tuple(replace(headline, lines=lines) if layer is headline else layer for layer in made.layout.placed)
    changed = replace(subject(made, reader), layout=replace(made.layout, placed=placed))
    found = list(ocr_readback.CHECK.run(changed))
    assert [(finding.layer, finding.level) for finding in found] == [("headline", "fail")]


@installed
def test_scripts_it_does_not_know_are_skipped_and_said(reader: TextReader) -> None:
    assert reader.unreadable("Déjà vu – 夜のクリーム €5") == ""
    assert set(reader.unreadable("Нет بشرة")) == set("Нетبشرة")
    arabic = picture("aurora", "hero/dew-serum/iab-medium-rectangle/ar")
    found = list(ocr_readback.CHECK.run(subject(arabic, reader)))
    assert found
    assert {finding.level for finding in found} == {"info"}


@installed
def test_a_word_in_the_plate_is_found_and_a_clean_plate_is_not(made: Picture, reader: TextReader) -> None:
    """The plate as it was painted passes; the finished picture in its place holds words."""
    assert not list(stray_text.CHECK.run(subject(made, reader)))
    finished = subject(made, reader)
    assert finished.decoded is not None
    whole = replace(made.layout.plate, crop=Box(0, 0, 300, 250))
    layout = replace(made.layout, placed=(whole, *made.layout.placed[1:]))
    found = list(stray_text.CHECK.run(replace(finished, plate=finished.decoded, layout=layout)))
    assert any("Morning" in finding.message for finding in found)
    assert {finding.level for finding in found} == {"fail"}
    web = made.standard.format.model_copy(update={"id": "web/open-graph"})
    found = list(stray_text.CHECK.run(replace(finished, plate=finished.decoded, layout=layout, format=web)))
    assert {finding.level for finding in found} == {"warn"}


def test_nothing_is_read_unless_it_is_asked_for(made: Picture) -> None:
    unread = subject(made, None)
    assert not list(ocr_readback.CHECK.run(unread))
    assert not list(stray_text.CHECK.run(unread))


def test_without_the_extra_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "NEEDED", ("rapidocr_that_is_not_here",))
    opening.open_reader.cache_clear()
    with pytest.raises(PluginError, match=r"pip install 'flux2flow\[ocr\]'"):
        reading.open_reader()


def test_looking_whether_it_is_installed_loads_nothing() -> None:
    code = "import sys, flux2flow.reading as r; r.missing(); print('onnxruntime' in sys.modules, 'cv2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@installed
@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not here")
def test_it_reads_without_a_network(made: Picture, tmp_path: object) -> None:
    """In a network namespace of its own, where even localhost is down, a line is read."""
    cut = ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*cut, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody make a network namespace")
    code = (
        "import socket, sys\n"
        "from flux2flow.reading import open_reader\n"
        "from flux2flow.gates.pictures import decode_canvas\n"
        "try:\n    socket.create_connection(('1.1.1.1', 53), 1); print('ONLINE')\n"
        "except OSError:\n    print('offline')\n"
        "print(' '.join(l.text for l in open_reader().read(decode_canvas(sys.stdin.buffer.read()))))\n"
    )
    done = subprocess.run([*cut, sys.executable, "-c", code], input=made.data, capture_output=True, check=True)
    said = done.stdout.decode()
    assert said.startswith("offline")
    assert "Morning" in said


@installed
def test_the_same_pixels_give_the_same_words(reader: TextReader) -> None:
    """And a picture without words gives none."""
    noise = np.random.default_rng(5).integers(90, 110, (200, 300, 3)).astype(np.uint8)
    plain = Canvas(PixelSize(300, 200), noise.tobytes())
    assert reader.read(plain) == reader.read(plain) == ()
    assert reader.read_line(plain, Box(-5, -5, 3, 3)).text == ""
