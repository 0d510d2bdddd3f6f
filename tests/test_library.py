"""The shipped library is whole: examples validate, templates are shown, plates are shared, fonts carry licences."""

from __future__ import annotations

from pathlib import Path

import pytest

from flux2flow import api
from flux2flow.domain.layout import aspect_class
from flux2flow.gates import fonts as font_gate

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(path.parent.name for path in ROOT.glob("examples/*/campaign.yaml"))
TEMPLATES = sorted(
    str(path.parent.relative_to(ROOT / "templates")) for path in ROOT.glob("templates/*/*/template.yaml")
)


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_validate_without_a_blocking_finding(example: str) -> None:
    """Every row × locale × format of every example passes what needs no paint, and every locale gets its glyphs."""
    loaded = api.load(ROOT / "examples" / example / "campaign.yaml")
    findings = api.validate(loaded)
    assert not [finding for finding in findings if finding.blocking]
    assert not [finding for finding in findings if finding.check == "glyph-missing"]


def test_examples_use_every_template() -> None:
    """No template is shipped that no example shows."""
    used = {
        name
        for example in EXAMPLES
        for name in api.load(ROOT / "examples" / example / "campaign.yaml").bundle.templates
    }
    assert used == set(TEMPLATES)


def test_the_aurora_plan_shares_plates() -> None:
    """Two formats of one aspect class, and all four languages, stand on one plate; Arabic takes it flipped."""
    loaded = api.load(ROOT / "examples/aurora/campaign.yaml")
    plan = api.plan(loaded)
    assert len(plan.scenes) == 5 * 4 * 2
    assert len(plan.plates) == 4 * 2
    for row in ("dew-serum", "night-cream"):
        shared = {
            scene.plate.plate
            for scene in plan.scenes
            if scene.row == row and scene.format in {"web/open-graph", "linkedin/landscape"}
        }
        assert len(shared) == 1
    flips = {scene.locale: scene.plate.flip for scene in plan.scenes if scene.aspect_class == "landscape"}
    assert flips == {"en": False, "de": False, "ar": True, "ja": False}


def test_arabic_mirrors_headline_and_logo_to_the_pixel() -> None:
    """In ar the headline's and the logo's boxes are those of en, mirrored, within one pixel."""
    from flux2flow.typography import set_scene

    loaded = api.load(ROOT / "examples/aurora/campaign.yaml")
    plan = api.plan(loaded)
    layouts = {scene.id: (scene, set_scene(scene, plan.fonts, loaded.project)) for scene in plan.scenes}
    compared = 0
    for scene, layout in layouts.values():
        if scene.locale != "ar":
            continue
        english = next(
            other
            for key, (s, other) in layouts.items()
            if (s.locale, s.format, s.row) == ("en", scene.format, scene.row)
        )
        for kind in ("headline", "logo"):
            ours = next(placed for placed in layout.placed if placed.id == kind)
            theirs = next(placed for placed in english.placed if placed.id == kind)
            expected = theirs.box.mirrored(scene.size.width)  # type: ignore[union-attr]
            assert ours.box.x == pytest.approx(expected.x, abs=1)  # type: ignore[union-attr]
            assert ours.box.width == pytest.approx(expected.width, abs=1)  # type: ignore[union-attr]
            assert ours.box.y == pytest.approx(expected.y, abs=1)  # type: ignore[union-attr]
            compared += 1
    assert compared == 2 * 5 * 2
    centred = {"meta/story"}
    moved = [s for s, _ in layouts.values() if s.locale == "ar" and s.format not in centred]
    assert moved  # the control: on these formats the mirrored box differs from the English one
    for scene in moved:
        english = next(
            other for _, (s, other) in layouts.items() if (s.locale, s.format, s.row) == ("en", scene.format, scene.row)
        )
        ours = next(placed for placed in layouts[scene.id][1].placed if placed.id == "logo")
        theirs = next(placed for placed in english.placed if placed.id == "logo")
        assert abs(ours.box.x - theirs.box.x) > 5  # type: ignore[union-attr]


def test_japanese_lines_obey_kinsoku() -> None:
    """No Japanese line begins with closing punctuation or a small kana, or ends with an opening bracket."""
    from flux2flow.typography import set_scene

    never_first = set("、。，．・：；？！）」』】〕〉》ー々ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ〜%％")
    never_last = set("（「『【〔〈《")
    lines = 0
    for example in EXAMPLES:
        loaded = api.load(ROOT / "examples" / example / "campaign.yaml")
        plan = api.plan(loaded)
        for scene in plan.scenes:
            if scene.locale != "ja":
                continue
            for text in set_scene(scene, plan.fonts, loaded.project).texts():
                for line in text.lines:
                    words = line.text.strip()
                    if text.id.partition("/")[2].startswith("unit-"):
                        continue  # a key figure's unit stands after its number: it begins no line
                    lines += 1
                    assert words[0] not in never_first, words
                    assert words[-1] not in never_last, words
    assert lines > 60


@pytest.mark.parametrize("kit", sorted(path.name for path in (ROOT / "brand_kits").iterdir() if path.is_dir()))
def test_every_font_has_its_licence_beside_it_and_passes_its_gate(kit: str) -> None:
    """Fonts are OFL files whose licence text lies in the kit."""
    loaded = next(
        api.load(ROOT / "examples" / example / "campaign.yaml")
        for example in EXAMPLES
        if f"brand_kit: {kit}\n" in (ROOT / "examples" / example / "campaign.yaml").read_text(encoding="utf-8")
    )
    for font in loaded.bundle.brand_kit.fonts:
        data = (ROOT / "brand_kits" / kit / font.file).read_bytes()
        assert font_gate.inspect(data, font.file).glyphs > 100
        assert font.licence == "OFL-1.1"
        assert font.licence_file is not None
        assert "SIL Open Font License" in (ROOT / "brand_kits" / kit / font.licence_file).read_text(encoding="utf-8")


def test_every_template_has_a_class_for_what_it_says() -> None:
    """Each template of the library lays out at least three aspect classes, all of them known."""
    loaded = [api.load(ROOT / "examples" / example / "campaign.yaml") for example in EXAMPLES]
    for bundle in (item.bundle for item in loaded):
        for template in bundle.templates.values():
            assert len(template.layout) >= 3
        for format in bundle.formats.values():
            assert aspect_class(format)
