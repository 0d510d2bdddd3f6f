"""The font gate: real fonts pass with their facts, malformed ones are refused, WOFF2 is unpacked."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from fontTools import subset
from fontTools.ttLib import TTFont

from flux2flow.errors import GateError
from flux2flow.gates import fonts

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
INTER = ROOT / "brand_kits" / "aurora" / "fonts" / "Inter-Variable.ttf"


@pytest.fixture(scope="module")
def small() -> bytes:
    """Inter with a few letters, as TrueType."""
    options = subset.Options(notdef_outline=True)
    out = io.BytesIO()
    with subset.load_font(str(INTER), options) as font:
        subsetter = subset.Subsetter(options)
        subsetter.populate(text="AVBbag")
        subsetter.subset(font)
        font.save(out)
    return out.getvalue()


def test_a_variable_font_passes_with_its_axes() -> None:
    facts = fonts.inspect(INTER.read_bytes(), "Inter.ttf")
    assert facts.family == "Inter"
    assert ("wght", 100.0, 400.0, 900.0) in facts.axes
    assert facts.glyphs > 2000


def test_every_font_of_the_library_passes() -> None:
    paths = sorted((ROOT / "brand_kits").glob("*/fonts/*.ttf"))
    assert len(paths) >= 6
    for path in paths:
        assert fonts.inspect(path.read_bytes(), path.name).glyphs > 100


def test_a_static_font_states_its_weight_and_no_axes() -> None:
    facts = fonts.inspect(INTER.with_name("NotoSansJP-Bold.ttf").read_bytes(), "b.ttf")
    assert (facts.axes, facts.weight) == ((), 700)


def test_woff2_is_unpacked_to_what_shapers_read(small: bytes) -> None:
    font = TTFont(io.BytesIO(small))
    font.flavor = "woff2"
    out = io.BytesIO()
    font.save(out)
    packed = out.getvalue()
    assert packed[:4] == b"wOF2"
    assert fonts.inspect(packed, "a.woff2").glyphs == fonts.inspect(small, "a.ttf").glyphs
    assert fonts.as_sfnt(packed)[:4] == b"\x00\x01\x00\x00"
    assert fonts.as_sfnt(small) is small
    with pytest.raises(GateError):
        fonts.inspect(packed[: len(packed) // 2], "a.woff2")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a.ttf: not a TrueType, OpenType or WOFF2 font"),
        (b"ttcf" + bytes(40), "not a TrueType"),
        (b"wOFF" + bytes(40), "not a TrueType"),
        (b"%!PS-AdobeFont-1.0", "not a TrueType"),
        (b"\x00\x01\x00\x00" + bytes(33 * 1024 * 1024), "33554432|bytes"),
        (b"wOF2" + bytes(12) + b"\x7f\xff\xff\xff" + bytes(40), "unpacks to more"),
    ],
)
def test_what_is_no_font_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(GateError, match=message):
        fonts.inspect(data, "a.ttf")


@pytest.mark.parametrize("with_sanitiser", [True, False])
def test_a_font_cut_in_half_is_refused_with_and_without_the_sanitiser(
    small: bytes, with_sanitiser: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_sanitiser:
        monkeypatch.setitem(sys.modules, "ots", None)
    assert fonts.inspect(small, "whole.ttf").family == "Inter"
    with pytest.raises(GateError, match=r"cut\.ttf: the font"):
        fonts.inspect(small[: len(small) // 2], "cut.ttf")


def test_a_font_without_characters_is_refused(small: bytes) -> None:
    font = TTFont(io.BytesIO(small))
    font["cmap"].tables = []
    out = io.BytesIO()
    font.save(out)
    with pytest.raises(GateError):
        fonts.inspect(out.getvalue(), "a.ttf")


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of hostile files is not at hand")
def test_malformed_fonts_are_refused_never_crash() -> None:
    """The sanitiser's own set of bad fonts (every fourth), and of fuzzed ones (every tenth)."""
    pytest.importorskip("ots")
    bad = sorted((CORPUS / "font-ots-bad").iterdir())[::4]
    accepted = [path.name for path in bad if _passes(path)]
    assert len(accepted) <= 1, accepted
    fuzzed = sorted((CORPUS / "font-ots-fuzzing").iterdir())[::10]
    refused = [path.name for path in fuzzed if not _passes(path)]
    assert len(fuzzed) >= 15
    assert len(refused) >= 5


def _passes(path: Path) -> bool:
    try:
        fonts.inspect(path.read_bytes(), path.stem)
    except GateError:
        return False
    return True
