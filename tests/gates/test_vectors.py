"""The vector gate: real logos pass unchanged to the eye, everything that loads, runs, loops or explodes is refused."""

from __future__ import annotations

import base64
import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flux2flow.errors import GateError
from flux2flow.gates import confined, pictures, vectors
from flux2flow.gates.svg_sanitiser import sanitised

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
LOGOS = sorted((ROOT / "brand_kits").glob("*/logos/*.svg"))


def svg(body: str, attributes: str = 'viewBox="0 0 100 50"') -> bytes:
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"<svg {spaces} {attributes}>{body}</svg>".encode()


def drawn(data: bytes, width: int = 100, height: int = 50) -> np.ndarray:
    return np.frombuffer(vectors.rasterise(data, width, height), np.uint8).reshape(height, width, 4)


def embedded(kind: str = "PNG", **options: object) -> str:
    out = io.BytesIO()
    Image.new("RGB", (4, 4), (0, 0, 255)).save(out, kind, **options)
    return base64.b64encode(out.getvalue()).decode()


def test_pixels_are_straight_alpha_at_the_asked_size() -> None:
    pixels = drawn(svg('<rect width="50" height="50" fill="#ff0000" fill-opacity=".5"/>'), 200, 100)
    assert tuple(pixels[50, 50]) == (255, 0, 0, 128)
    assert tuple(pixels[50, 150]) == (0, 0, 0, 0)


def test_size_comes_from_the_view_box_or_plain_sides() -> None:
    assert vectors.inspect(svg(""), "a.svg") == vectors.VectorFacts(100, 50)
    assert vectors.inspect(svg("", 'width="30px" height="20"'), "a.svg") == vectors.VectorFacts(30, 20)
    for attributes in (
        "",
        'width="100%" height="20"',
        'viewBox="0 0 0 10"',
        'viewBox="0 0 1e9 10"',
        'viewBox="0 0 10"',
    ):
        with pytest.raises(GateError, match="viewBox"):
            vectors.inspect(svg("", attributes), "a.svg")


def test_ratio_is_kept_in_a_box_of_another_ratio() -> None:
    pixels = drawn(svg('<rect width="100" height="50" fill="#00f"/>'), 100, 100)
    assert pixels[:, :, 3].any(axis=1).sum() == 50
    assert pixels[50, 50, 3] == 255


@pytest.mark.parametrize("path", LOGOS, ids=lambda path: path.stem)
def test_the_librarys_logos_look_the_same_sanitised(path: Path) -> None:
    """Sanitising changes no pixel of a well-made logo; the control is that moving it does."""
    source = path.read_bytes()
    facts = vectors.inspect(source, path.name)
    size = (facts.width // 2, facts.height // 2)
    box = f'width="{size[0]}" height="{size[1]}" viewBox='
    plain = vectors.draw_confined(source.replace(b"viewBox=", box.encode(), 1), *size)[1]
    assert pictures.decode_rgba(plain)[2] == vectors.rasterise(source, *size)
    assert vectors.rasterise(source, size[0] - 1, size[1]) != vectors.rasterise(source, *size)


def test_logo_files_were_found() -> None:
    assert len(LOGOS) >= 4


def test_style_classes_gradients_clips_and_uses_survive() -> None:
    body = """
      <style>.a { fill: url(#g) } .b { clip-path: url('#c') }</style>
      <defs><linearGradient id="g"><stop stop-color="#0f0"/></linearGradient>
      <clipPath id="c"><rect width="50" height="50"/></clipPath>
      <g id="s"><rect class="a" width="100" height="50"/></g></defs>
      <g class="b"><use xlink:href="#s"/></g>"""
    pixels = drawn(svg(body))
    assert tuple(pixels[25, 25]) == (0, 255, 0, 255)
    assert pixels[25, 75, 3] == 0


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_embedded_pictures_are_decoded_by_our_gate_and_drawn(kind: str) -> None:
    reference = f"data:image/{kind.lower()};base64,{embedded(kind)}"
    source = svg(f'<image href="{reference}" width="100" height="100" preserveAspectRatio="none"/>')
    red, green, blue, alpha = (int(value) for value in drawn(source)[25, 50])
    assert (red < 8, green < 8, blue > 247, alpha) == (True, True, True, 255)
    assert b"image/jpeg" not in sanitised(source).sized(10, 10)


def test_a_payload_behind_an_embedded_picture_does_not_pass() -> None:
    data = base64.b64decode(embedded()) + b"<script>payload</script>"
    source = svg(f'<image href="data:image/png;base64,{base64.b64encode(data).decode()}" width="9" height="9"/>')
    clean = sanitised(source).sized(10, 10)
    picture = base64.b64decode(clean.split(b"base64,")[1].split(b'"')[0])
    assert picture.startswith(b"\x89PNG")
    assert b"payload" not in picture


def test_editors_private_data_and_titles_are_left_out() -> None:
    private = '<i:pgf xmlns:i="http://ns.adobe.com/x"><i:y/></i:pgf>'
    body = f'<title>x</title>{private}<rect data-name="secret" width="9" height="9"/>'
    clean = sanitised(svg(body)).sized(10, 10)
    assert b"<rect" in clean
    assert b"title" not in clean
    assert b"pgf" not in clean
    assert b"secret" not in clean


USE_BOMB = "".join(
    f'<g id="u{level}">' + f'<use href="#u{level - 1}"/>' * 10 + "</g>"
    if level
    else '<g id="u0"><rect width="1" height="1"/></g>'
    for level in range(12)
)
PATTERN_BOMB = "".join(
    f'<pattern id="p{level}" width="1" height="1">'
    + f'<rect fill="url(#p{level - 1})" width="1" height="1"/>' * 10
    + "</pattern>"
    for level in range(1, 12)
)
MARKERS = (
    '<marker id="m">' + "<path d='M0 0'/>" * 100 + '</marker><path marker-mid="url(#m)" d="' + "L1 1" * 5000 + '"/>'
)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<script>1</script>", "<script>"),
        ('<rect onclick="x()"/>', "script"),
        ("<foreignObject/>", "<foreignObject>"),
        ("<text>Brand</text>", "convert its text to outlines"),
        ('<filter id="f"><feImage href="#a"/></filter>', "feImage"),
        ('<a href="#x"><rect/></a>', "remove the link"),
        ('<animate attributeName="x"/>', "<animate>"),
        ('<image href="https://example.org/a.png"/>', "refers to 'https://example.org/a.png'"),
        ('<image href="/etc/passwd"/>', "refers to '/etc/passwd'"),
        ('<image href="data:image/svg+xml;base64,AAAA"/>', "refers to"),
        ('<image href="data:image/png;base64,AA*A"/>', "base64"),
        ('<image href="data:image/png;base64,AAAA"/>', "not a PNG"),
        ('<use href="other.svg#x"/>', "refers to"),
        ('<rect fill="url(http://example.org/#a)"/>', "refers to"),
        ('<rect fill="url(#a"/>', "does not close"),
        ('<rect style="fill: u\\72l(x)"/>', "escape"),
        ("<style>@import 'x.css';</style>", "@-rule"),
        ("<style>@font-face { src: url(x) }</style>", "@-rule"),
        ("<style>rect { fill: image-set('x.png' 1x) }</style>", "load"),
        ("<style>/* open</style>", "open comment"),
        ("<style>.a { fill: url(#p)</style>", "braces"),
        ("""<style>.a { x: "} .z { "; fill: url(#p) }</style>""", "braces inside quotes"),
        ("<style>rect { fill: url(/**/'x.png') }</style>", "refers to"),
        ('<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="x"/>', "XInclude"),
        ('<filter><feGaussianBlur stdDeviation="251"/></filter>', "radius"),
        ('<filter><feMorphology radius="1 9e5"/></filter>', "radius"),
        ('<rect style="filter: blur(9999px)"/>', "radius"),
        ('<filter><feTurbulence numOctaves="9"/></filter>', "octaves"),
        ('<filter><feConvolveMatrix order="400"/></filter>', "convolution"),
        ("<g>" * 65 + "</g>" * 65, "deeper than 64"),
        ("<g/>" * 50_001, "more than 50,000 elements"),
        ('<use href="#a"/>' * 2_001, "more than 2,000 <use>"),
        ('<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>', "refers to itself"),
        ('<style>.x { fill: url(#p) }</style><pattern id="p"><rect class="x"/></pattern><rect class="x"/>', "itself"),
        (USE_BOMB, "expands to"),
        ('<pattern id="p0"/>' + PATTERN_BOMB, "expands to"),
        (MARKERS, "expands to"),
    ],
)
def test_what_loads_runs_loops_or_explodes_is_refused_at_once(body: str, message: str) -> None:
    started = time.monotonic()
    with pytest.raises(GateError, match=f"logo.svg: .*{message}"):
        vectors.inspect(svg(body), "logo.svg")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x1f\x8b\x08rest", "svgz"),
        (b"", "not well-formed"),
        (b"<svg", "not well-formed"),
        (b"<svg/>", "not an SVG"),
        (b"<!DOCTYPE svg><svg xmlns='http://www.w3.org/2000/svg'/>", "DOCTYPE"),
        (b"<?xml version='1.0' encoding='nonsense'?><svg/>", "not well-formed"),
        (svg("<!--" + "x" * 4_000_000 + "-->"), "4,000,000"),
    ],
)
def test_what_is_no_plain_svg_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(GateError, match=message):
        vectors.inspect(data, "logo.svg")


def test_impossible_sizes_are_refused() -> None:
    for width, height in ((0, 5), (16_385, 1), (9_000, 9_000)):
        with pytest.raises(GateError, match="cannot be drawn"):
            vectors.rasterise(svg(""), width, height)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of hostile files is not at hand")
@pytest.mark.parametrize("folder", ["xml-bombs", "svg-librsvg-crash", "svg-payloads"])
def test_hostile_files_never_crash_or_hold_up_the_parent(folder: str) -> None:
    """Through the gate: refused or drawn, each well under ten seconds."""
    refused = 0
    for path in sorted((CORPUS / folder).iterdir()):
        started = time.monotonic()
        try:
            vectors.inspect(path.read_bytes(), path.name)
            vectors.rasterise(path.read_bytes(), 64, 64)
        except GateError:
            refused += 1
        assert time.monotonic() - started < 10, path.name
    assert refused >= 10


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of hostile files is not at hand")
def test_the_child_takes_the_crashes_of_unsanitised_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the sanitiser too, the parent lives, and some of these files do end their renderer."""
    monkeypatch.setattr(confined, "TIMEOUT_SECONDS", 3.0)
    ended = 0
    names = ("bug1062*", "bug323*", "bug345*", "bug1092*", "layer-nesting*", "bug187*", "bug352*")
    for path in sorted(path for name in names for path in (CORPUS / "svg-librsvg-crash").glob(name)):
        try:
            vectors.draw_confined(path.read_bytes(), 64, 64)
        except GateError as error:
            ended += "ended without a picture" in str(error)
    assert ended >= 1
