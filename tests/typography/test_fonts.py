"""Which file, which point of the design space, which face for which character."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from fontTools.ttLib import TTFont

from flux2flow.domain.campaign import FontFile
from flux2flow.domain.files import FileRef
from flux2flow.errors import TypographyError
from flux2flow.typography import fonts
from tests.typography.builder import ARABIC, JAPANESE, LATIN, FontFiles, kit


def static(weight: int | None) -> FontFile:
    return FontFile("Face", FileRef("library", f"{weight}.ttf", f"{weight}"), (), weight)


VARIABLE = FontFile("Face", FileRef("library", "v.ttf", "v"), (("opsz", 14, 14, 32), ("wght", 100, 400, 900)))


@pytest.mark.parametrize(
    ("weight", "present", "expected"),
    [
        (400, (300, 500), 500),  # 400 looks at 500 first
        (500, (400, 600), 400),
        (450, (400, 500), 500),
        (600, (400, 700), 700),
        (650, (600, 900), 900),  # bolder first above 500
        (300, (200, 400), 200),  # lighter first below 400
        (700, (400, 700), 700),
        (900, (400, 700), 700),
    ],
)
def test_nearest_weight_as_css_chooses(weight: int, present: tuple[int, ...], expected: int) -> None:
    """The static file that CSS Fonts 4 would take."""
    assert fonts.nearest_weight([static(own) for own in present], weight).weight == expected


def test_a_variable_font_is_preferred() -> None:
    """A weight axis beats static files."""
    assert fonts.nearest_weight([static(700), VARIABLE], 700) is VARIABLE


@pytest.mark.parametrize(
    ("weight", "optical", "expected"),
    [(650, 20, {"opsz": 20, "wght": 650}), (1000, 72, {"opsz": 32, "wght": 900}), (50, 8, {"opsz": 14, "wght": 100})],
)
def test_location_is_clamped(weight: int, optical: float, expected: dict[str, float]) -> None:
    """Weight and optical size stay inside their axes."""
    assert dict(fonts.location(VARIABLE, weight, optical)) == expected


def test_weight_changes_the_letters() -> None:
    """A bolder location has wider ink: the axis really reaches HarfBuzz."""
    light, bold = (fonts.stack((LATIN,), weight, 32, kit(), FontFiles()).primary for weight in (300, 800))
    glyph = light.font.get_nominal_glyph(ord("H"))
    thin, thick = light.ink(glyph), bold.ink(glyph)
    assert thin is not None
    assert thick is not None
    assert thick.right - thick.left > thin.right - thin.left


def test_metrics_are_the_fonts_own() -> None:
    """Cap height and x-height in em, as Inter's OS/2 table states them (1490 and 1118 of 2048)."""
    metrics = fonts.stack((LATIN,), 400, 14, kit(), FontFiles()).primary.metrics
    assert metrics.cap_height == pytest.approx(1490 / 2048)
    assert metrics.x_height == pytest.approx(1118 / 2048)
    assert metrics.descender < 0 < metrics.ascender


def test_unknown_family_names_what_there_is() -> None:
    """The message says which family is missing and which the kit has."""
    with pytest.raises(TypographyError, match=r"‘Comic’ \(it has: Inter, Noto Sans Arabic, Noto Sans JP\)"):
        fonts.stack(("Comic",), 400, 14, kit(), FontFiles())


def test_bytes_that_are_no_font() -> None:
    """HarfBuzz accepts anything silently; here it is refused."""
    junk = FontFile("Junk", FileRef("project", "junk.ttf", "junk"))
    with pytest.raises(TypographyError, match="no usable font"):
        fonts.stack(("Junk",), 400, 14, (junk,), FontFiles(**{"junk.ttf": b"not a font"}))


def assigned(text: str, *families: str) -> str:
    """One letter per character: the initial of the family that sets it (J for Noto Sans JP)."""
    stack = fonts.stack(families, 400, 14, kit(), FontFiles())
    initials = {LATIN: "I", ARABIC: "A", JAPANESE: "J"}
    return "".join(initials[stack.cuts[number].reference.font.family] for number in stack.assign(text))


@pytest.mark.parametrize(
    ("families", "text", "expected"),
    [
        ((LATIN, JAPANESE), "Light 光", "IIIIIIJ"),
        ((JAPANESE, LATIN), "Light 光", "JJJJJJJ"),  # the first family has Latin too
        ((LATIN, JAPANESE), "光、影", "JJJ"),
        ((LATIN, JAPANESE), "光.", "JI"),  # a full stop is of the first family that has it, as in CSS
        ((LATIN, JAPANESE), "光 影", "JIJ"),  # and so is a space
        ((LATIN, JAPANESE), "光……影", "JJJJ"),  # dots and dashes have a form of their own beside kanji …
        ((LATIN, JAPANESE), "——光", "JJJ"),
        ((LATIN, JAPANESE), "Light…", "IIIIII"),  # … and beside Latin another
        ((LATIN, JAPANESE), "光 — Light", "JIIIIIIII"),
        ((LATIN, JAPANESE), "光\u2060影", "JJJ"),  # what is not seen parts no run
        ((LATIN, JAPANESE), "(光)", "IJI"),  # brackets come in pairs
        ((ARABIC, JAPANESE), "ضوء 光", "AAAAJ"),
        ((ARABIC, JAPANESE), "光، ضوء", "JAAAAA"),  # only the Arabic face has the comma; it is the first, too
        ((ARABIC, LATIN), "ضوء Aurora", "AAAAAAAAAA"),  # this Arabic face brings its own Latin
        ((LATIN, ARABIC), "é", "I"),
        ((LATIN, ARABIC), "e\u0301", "II"),  # a letter and its mark stay together
    ],
)
def test_assignment(families: tuple[str, ...], text: str, expected: str) -> None:
    """Fallback goes by grapheme cluster, in the families' order; what is not seen follows its neighbours."""
    assert assigned(text, *families) == expected


def test_faces_are_read_once() -> None:
    """A face is made once per digest, whatever the number of scenes."""
    files = FontFiles()
    fonts.stack((LATIN,), 431, 14, kit(), files)
    before = files.reads
    fonts.stack((LATIN,), 432, 14, kit(), files)
    assert files.reads == before


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest face goes, with its cuts, when there are too many."""
    monkeypatch.setattr(fonts, "MAX_FACES", 1)
    cache = fonts.FaceCache()
    latin, arabic = kit()[:2]
    for font in (latin, arabic):
        cache.cut(fonts.FontInstance(font, fonts.location(font, 400, 14)), FontFiles())
    assert len(cache._faces) == 1
    assert {key.font.family for key in cache._cuts} == {ARABIC}


def test_zones() -> None:
    """Arabic letters stand lower than capitals, kanji reach below the baseline."""
    latin, arabic, japanese = fonts.stack((LATIN, ARABIC, JAPANESE), 400, 14, kit(), FontFiles()).cuts
    assert latin.zone("Latn") == (latin.metrics.cap_height, 0.0)
    assert sum(arabic.zone("Arab")) < sum(latin.zone("Latn"))
    assert japanese.zone("Hani")[1] < 0 < japanese.zone("Hani")[0]
    assert latin.zone("Hani") == latin.zone("Latn")  # a face without kanji falls back on its capitals


def test_a_woff2_font_is_unpacked_before_shaping() -> None:
    """The same letters, whether the kit holds the font as TTF or as WOFF2."""
    plain = next(font for font in kit() if font.family == ARABIC)
    data = FontFiles().read(plain.file)
    packed = io.BytesIO()
    with TTFont(io.BytesIO(data)) as font:
        font.flavor = "woff2"
        font.save(packed)

    class Packed:
        def read(self, file: FileRef) -> bytes:
            return packed.getvalue()

    twin = replace(plain, file=replace(plain.file, digest="packed"))
    ours = fonts.stack((ARABIC,), 400, 32, [twin], Packed()).primary
    theirs = fonts.stack((ARABIC,), 400, 32, [plain], FontFiles()).primary
    assert ours.coverage == theirs.coverage
    assert ours.metrics == theirs.metrics


def _accented(*, anchored: bool) -> bytes:
    """Build a font of η, a, and an acute that anchors put over a (and over η, too, where asked)."""
    from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    def square(left: int, bottom: int, right: int, top: int) -> object:
        pen = TTGlyphPen(None)
        pen.moveTo((left, bottom))
        for point in ((left, top), (right, top), (right, bottom)):
            pen.lineTo(point)
        pen.closePath()
        return pen.glyph()

    letter, acute = square(50, 0, 450, 500), square(116, 600, 300, 750)
    names = [".notdef", "a", "eta", "acute"]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord("a"): "a", ord("η"): "eta", 0x301: "acute"})
    builder.setupGlyf({".notdef": letter, "a": letter, "eta": letter, "acute": acute})
    builder.setupHorizontalMetrics({".notdef": (500, 50), "a": (500, 50), "eta": (500, 50), "acute": (0, 116)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Face", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    bases = "[a eta]" if anchored else "a"
    mark = (
        f"markClass acute <anchor 208 550> @TOP; feature mark {{ pos base {bases} <anchor 250 550> mark @TOP; }} mark;"
    )
    addOpenTypeFeaturesFromString(builder.font, mark)
    out = io.BytesIO()
    builder.save(out)
    return out.getvalue()


@pytest.mark.parametrize("anchored", [False, True])
def test_an_accent_counts_only_where_it_comes_to_stand_on_its_letter(anchored: bool) -> None:
    """A font without ή has it in parts; where no anchor joins them, another font must set it."""
    file = FontFile("Face", FileRef("library", "parts.ttf", f"parts-{anchored}"), (), 400)
    cut = fonts.stack(("Face",), 400, 14, (file,), FontFiles(**{"parts.ttf": _accented(anchored=anchored)})).primary
    assert cut.draws("η")
    assert cut.draws("á")
    assert cut.draws("ή") is anchored
