"""A kit's specimen: every colour, style and script that the kit has is on it, set whole; nothing that it lacks."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from flux2flow.cli import main
from flux2flow.domain.brand_kit import BrandKit
from flux2flow.domain.layout import Layout
from flux2flow.domain.measures import Box
from flux2flow.execution.specimen import layouts, painted
from flux2flow.execution.specimen.samples import SAMPLES
from flux2flow.execution.specimen.sheet import Book
from flux2flow.loading.kit_alone import LoadedKit, load_kit
from flux2flow.project import Project

KITS = Path(__file__).parents[2] / "brand_kits"


def _load(name: str) -> LoadedKit:
    return load_kit(name, Project.of(KITS / "specimen.png"))


def _pages(found: LoadedKit) -> dict[str, Layout]:
    return dict(layouts(found.kit, found.fonts, found.pictures, found.project))


@pytest.fixture(scope="module", params=["aurora", "halfmoon"])
def drawn(request: pytest.FixtureRequest) -> tuple[LoadedKit, dict[str, Layout]]:
    """Lay out a shipped kit once."""
    found = _load(request.param)
    return found, _pages(found)


def test_each_script_that_the_fonts_hold_has_a_page(drawn: tuple[LoadedKit, dict[str, Layout]]) -> None:
    found, pages = drawn
    scripts = {
        "aurora": ["latin", "vietnamese", "greek", "cyrillic", "arabic", "urdu", "japanese"],
        "halfmoon": ["latin", "vietnamese", "arabic", "urdu", "japanese"],
    }
    assert list(pages) == ["identity", *scripts[found.kit.brand_kit]]


def test_every_colour_logo_and_style_appears(drawn: tuple[LoadedKit, dict[str, Layout]]) -> None:
    found, pages = drawn
    identity = {layer.id for layer in pages["identity"].placed}
    assert {f"color/{token}" for token in found.kit.colors} <= identity
    assert {"logo/primary/normal", "logo/primary/reversed"} <= identity
    assert {f"family/{font.family}" for font in found.fonts} <= identity
    parts = ("headline", "waterfall/72", "waterfall/12", "text/0", "text/1", "figures")
    for name in set(pages) - {"identity"}:
        shown = {layer.id for layer in pages[name].placed}
        assert {f"style/{style}/{part}" for style in found.kit.styles for part in parts} <= shown


def test_every_glyph_is_found_and_every_text_stands_on_its_page(drawn: tuple[LoadedKit, dict[str, Layout]]) -> None:
    _, pages = drawn
    for page in pages.values():
        whole = Box(0, 0, page.size.width, page.size.height)
        for text in page.texts():
            assert any(run.glyphs for line in text.lines for run in line.runs), text.id
            assert not text.fit.overflow, text.id
            assert whole.contains(text.ink), text.id
            assert all(glyph.id for line in text.lines for run in line.runs for glyph in run.glyphs), text.id


def test_no_two_texts_of_a_page_touch(drawn: tuple[LoadedKit, dict[str, Layout]]) -> None:
    _, pages = drawn
    for page in pages.values():
        texts = sorted(page.texts(), key=lambda text: text.ink.y)
        for number, upper in enumerate(texts):
            touching = [low.id for low in texts[number + 1 :] if low.ink.intersection(upper.ink).area > 0]
            assert not touching, (upper.id, touching)


def test_a_style_stands_on_a_ground_that_it_can_be_read_on() -> None:
    """Halfmoon's display type is made for dark grounds; on its paper it would vanish."""
    found = _load("halfmoon")
    book = Book(found.kit, found.fonts, found.pictures, found.project)
    assert book.color("paper").contrast(book.paper) < 1.5
    for name, style in found.kit.styles.items():
        color = book.color(style.color)
        assert color.contrast(book.ground(color)) >= 4.5, name
    grounds = {layer.id for layer in _pages(found)["latin"].placed if layer.id.endswith("/ground")}
    assert grounds == {"style/display/ground", "style/body/ground"}


def test_a_script_of_columns_is_shown_in_them(drawn: tuple[LoadedKit, dict[str, Layout]]) -> None:
    """Columns run from the right, the headline first; a script without them has none."""
    _, pages = drawn
    texts = {text.id: text for text in pages["japanese"].texts()}
    headline, larger, smaller = (texts[f"style/body/columns/{number}"] for number in range(3))
    assert headline.ink.x > larger.ink.right > larger.ink.x > smaller.ink.right
    assert len(larger.lines) > 3
    assert all(right.box.x > left.box.x for right, left in pairwise(larger.lines))
    assert all(line.box.height > 3 * line.box.width for line in larger.lines[:-1])
    assert not [text.id for text in pages["latin"].texts() if "/columns/" in text.id]


def test_the_identity_shows_axes_and_figures() -> None:
    """An axis from end to end at one size; tabular figures are equally wide, proportional ones are not."""
    pages = _pages(_load("aurora"))
    texts = {text.id: text for text in pages["identity"].texts()}
    weights = [texts[f"axis/Inter/wght/{step}"] for step in range(5)]
    widths = [text.ink.width for text in weights]
    assert widths == sorted(widths)
    assert widths[-1] > 1.1 * widths[0]
    assert len({text.fit.size for text in weights}) == 1
    wide = {tag: [texts[f"feature/Inter/{tag}/{line}"].ink.width for line in (0, 1)] for tag in ("tnum", "pnum")}
    assert abs(wide["tnum"][0] - wide["tnum"][1]) < 6  # the side bearings of a one and an eight
    assert wide["pnum"][1] - wide["pnum"][0] > 12


def test_a_kit_without_arabic_shows_none() -> None:
    found = _load("halfmoon")
    assert "arabic" in _pages(found)
    styles = {}
    for name, style in found.kit.styles.items():
        families = tuple(family for family in style.families if "Arabic" not in family)
        locales = {locale: change for locale, change in style.locales.items() if locale != "ar"}
        styles[name] = style.model_copy(update={"families": families, "locales": locales})
    kit: BrandKit = found.kit.model_copy(update={"styles": styles})
    fonts = tuple(font for font in found.fonts if "Arabic" not in font.family)
    assert list(_pages(replace(found, kit=kit, fonts=fonts))) == ["identity", "latin", "vietnamese", "japanese"]


def test_greek_of_a_japanese_font_is_no_greek_of_the_brand() -> None:
    """A page in Greek asks for the face that sets the Latin, not for any face with an alpha."""
    found = _load("aurora")
    book = Book(found.kit, found.fonts, found.pictures, found.project)
    greek = next(sample for sample in SAMPLES if sample.script == "greek")
    type = book.types("el").of("body")
    assert book.shows(greek, type)
    turned = replace(type, families=("Noto Sans JP", "Inter"))
    assert not book.shows(greek, turned)


_TORTURE = Path(__file__).parents[1] / "torture" / "fonts"
_OWN = Path(__file__).parent / "specimen_fonts"
_INTER = KITS / "aurora" / "fonts" / "Inter-Variable.ttf"
_SCRIPTS = {
    "hebrew": _OWN / "NotoSansHebrew.subset.ttf",
    "bengali": _OWN / "NotoSansBengali.subset.ttf",
    "thai": _OWN / "NotoSansThai.subset.ttf",
    "georgian": _OWN / "NotoSansGeorgian.subset.ttf",
    "armenian": _OWN / "NotoSansArmenian.subset.ttf",
    "korean": _OWN / "NotoSansKR.subset.otf",
    "chinese-simplified": _OWN / "NotoSansSC.subset.otf",
    "chinese-traditional": _OWN / "NotoSansTC.subset.otf",
    "urdu": _TORTURE / "NotoNastaliqUrdu-Regular.subset.ttf",
    "devanagari": _TORTURE / "NotoSansDevanagari-Regular.subset.ttf",
    "tamil": _TORTURE / "NotoSansTamil-Regular.subset.ttf",
    "khmer": _TORTURE / "NotoSansKhmer-Regular.subset.ttf",
    "emoji": _TORTURE / "NotoColorEmoji.subset.ttf",
}
"""A font for every script that the shipped kits cannot write."""
_KIT = """flux2flow: 1
brand_kit: {name}
name: Specimen
colors: {{ink: "#16202c", paper: "#faf7f1", accent: "#9c2f3f"}}
fonts:
{fonts}
styles:
  display:
    {{families: [{families}], weight: 700, tracking: -0.02, leading: 1.08, color: ink, accent: {{color: accent}}}}
  body: {{families: [{families}], leading: 1.4, color: ink}}
"""


def _kit(folder: Path, fonts: dict[str, Path]) -> LoadedKit:
    """Load a kit of these families, in this order."""
    (folder / "fonts").mkdir(parents=True)
    lines = []
    for family, file in fonts.items():
        shutil.copy(file, folder / "fonts")
        weight = "" if "Variable" in file.name else ", weight: 400"
        lines.append(f"  - {{family: {family}, file: fonts/{file.name}, licence: OFL-1.1{weight}}}")
    text = _KIT.format(name=folder.name, fonts="\n".join(lines), families=", ".join(fonts))
    (folder / "brand_kit.yaml").write_text(text)
    return load_kit(str(folder), Project.of(folder.parent / "specimen.png"))


@pytest.mark.parametrize("script", sorted(_SCRIPTS))
def test_every_script_has_a_page_without_gaps_overlaps_or_boxes(tmp_path: Path, script: str) -> None:
    """The script's font first, Inter after it (for emoji the other way round); Inter alone has no such page."""
    both = {"Own": _SCRIPTS[script], "Inter": _INTER}
    order = ("Inter", "Own") if script == "emoji" else ("Own", "Inter")
    pages = _pages(_kit(tmp_path / "own", {family: both[family] for family in order}))
    assert script in pages
    test_every_glyph_is_found_and_every_text_stands_on_its_page((_load("aurora"), pages))
    test_no_two_texts_of_a_page_touch((_load("aurora"), pages))
    assert script not in _pages(_kit(tmp_path / "inter", {"Inter": _INTER}))


def test_the_leading_that_a_script_needs_is_said(tmp_path: Path) -> None:
    """Nastaliq in a style of tight leading is set wider than the style says, and the caption says so."""
    pages = _pages(_kit(tmp_path / "own", {"Own": _SCRIPTS["urdu"], "Inter": _INTER}))
    captions = {page: [text.text for text in pages[page].texts() if "/fact/" in text.id] for page in ("urdu", "latin")}
    raised = [text for text in captions["urdu"] if "raised to" in text]
    assert len(raised) == 2
    assert all(float(text.split()[-1]) > 1.8 for text in raised)
    assert not any("raised" in text for text in captions["latin"])
    assert any("tracking none" in text for text in captions["urdu"])


def test_captions_are_never_set_in_a_face_without_english(tmp_path: Path) -> None:
    """Nastaliq has digits of its own; captions and their figures keep to the Latin face."""
    pages = _pages(_kit(tmp_path / "own", {"Own": _SCRIPTS["urdu"], "Inter": _INTER}))
    captions = [text for text in pages["urdu"].texts() if "/fact/" in text.id or "/size/" in text.id]
    families = {run.font.font.family for text in captions for line in text.lines for run in line.runs}
    assert families == {"Inter"}


def test_a_kit_that_cannot_write_english_has_pages_all_the_same(tmp_path: Path) -> None:
    """What its font lacks is left out, in captions too: no box in the place of a letter."""
    naskh = KITS / "halfmoon" / "fonts" / "NotoNaskhArabic-Variable.ttf"
    pages = _pages(_kit(tmp_path / "own", {"Own": naskh}))
    assert list(pages) == ["identity", "urdu"]  # its Arabic ends in a full stop, which this font has not
    for page in pages.values():
        for text in page.texts():
            assert all(glyph.id for line in text.lines for run in line.runs for glyph in run.glyphs), text.id
    facts = [text for text in pages["urdu"].texts() if "/fact/" in text.id]
    assert facts
    assert not any(
        run.glyphs for text in facts for line in text.lines for run in line.runs
    )  # not “700” without its “weight”


def test_chinese_from_two_fonts_is_not_shown(tmp_path: Path) -> None:
    """A Japanese font before a Chinese one sets some of the characters: a page of both would be a ransom note."""
    japanese = KITS / "aurora" / "fonts" / "NotoSansJP-Regular.ttf"
    chinese = _SCRIPTS["chinese-simplified"]
    first = _pages(_kit(tmp_path / "first", {"Inter": _INTER, "JP": japanese, "SC": chinese}))
    assert "chinese-simplified" not in first
    assert "japanese" in first
    second = _pages(_kit(tmp_path / "second", {"Inter": _INTER, "SC": chinese, "JP": japanese}))
    assert "chinese-simplified" in second


_BARE = """flux2flow: 1
brand_kit: bare
name: Bare
colors: {{mark: "{color}"}}
fonts:
  - {{family: Fraunces, file: fonts/Fraunces-Variable.ttf, licence: OFL-1.1}}
styles:
  only: {{families: [Fraunces], color: mark}}
icons: {{spark: icons/spark.svg}}
"""
_SPARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path d="M12 2 22 22H2z" fill="currentColor"/></svg>'
)


@pytest.mark.parametrize("color", ["#7a3b8f", "#101010", "#f4f4f0"])
def test_a_kit_of_one_colour_and_one_style_can_be_read(tmp_path: Path, color: str) -> None:
    """No logo, no token called ink or paper, one font: captions and words keep their contrast; its icon is shown."""
    (tmp_path / "bare" / "icons").mkdir(parents=True)
    (tmp_path / "bare" / "icons" / "spark.svg").write_text(_SPARK)
    (tmp_path / "bare" / "brand_kit.yaml").write_text(_BARE.format(color=color))
    (tmp_path / "bare" / "fonts").mkdir()
    shutil.copy(KITS / "halfmoon" / "fonts" / "Fraunces-Variable.ttf", tmp_path / "bare" / "fonts")
    found = load_kit(str(tmp_path / "bare"), Project.of(tmp_path / "specimen.png"))
    book = Book(found.kit, found.fonts, found.pictures, found.project)
    assert book.ink.contrast(book.paper) >= 4.5
    mark = book.color("mark")
    assert mark.contrast(book.ground(mark)) >= 4.5
    pages = _pages(found)
    assert list(pages) == ["identity", "latin", "vietnamese"]
    shown = {layer.id for layer in pages["identity"].placed}
    assert "icon/spark" in shown
    assert not any(id.startswith("logo/") for id in shown)
    assert len(painted(pages["identity"], found.project)) > 1000


def test_the_same_kit_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Drawn again, in another folder, nothing changes; another colour changes the picture."""
    found = _load("halfmoon")

    def drawn(kit: BrandKit) -> list[bytes]:
        pages = _pages(replace(found, kit=kit))
        return [painted(pages[name], found.project) for name in ("identity", "arabic")]

    first = drawn(found.kit)
    monkeypatch.chdir(tmp_path)
    assert drawn(found.kit) == first
    colors = {**found.kit.colors, "accent": "#f2b541"}
    again = drawn(found.kit.model_copy(update={"colors": colors}))
    assert all(one != other for one, other in zip(first, again, strict=True))


def test_the_command_writes_pages_and_names_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kit of one's own, in a folder, counts as one of the library does."""
    shutil.copytree(KITS / "halfmoon", tmp_path / "halfmoon")
    monkeypatch.chdir(tmp_path)
    assert main(["kit", "specimen", "./halfmoon", "-o", "sheets"]) == 0
    names = ["arabic", "identity", "japanese", "latin", "urdu", "vietnamese"]
    written = sorted(path.name for path in (tmp_path / "sheets").iterdir())
    assert written == [".specimen.json", *(f"halfmoon-{name}.png" for name in names)]
    assert capsys.readouterr().out.count(".png") == len(names)


def test_an_unknown_kit_is_an_error_with_a_suggestion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kit", "specimen", "arora", "-o", str(tmp_path)]) == 2
    assert "aurora" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
