"""A valid project becomes a complete bundle, wherever it stands, and loading starts without heavy modules."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flux2flow.domain.fingerprint import plain
from flux2flow.errors import Position, SpecError
from flux2flow.loading import load
from flux2flow.project import Project
from tests.loading.conftest import BACKENDS, make_project, project_of

REPOSITORY = Path(__file__).parents[2]


def codes(campaign: Path) -> list[str]:
    with pytest.raises(SpecError) as raised:
        load(campaign, project_of(campaign), backends=BACKENDS)
    return [found.code for found in raised.value.diagnostics]


def test_bundle_holds_everything(campaign: Path) -> None:
    project = project_of(campaign)
    bundle = load(campaign, project, backends=BACKENDS)
    assert sorted(bundle.pictures) == [
        "logo:main:normal", "logo:main:reversed", "reference:look", "slot:photos/cut-out.png",
    ]  # fmt: skip
    product = bundle.pictures["slot:photos/cut-out.png"]
    assert (product.width, product.height, product.media, product.alpha) == (24, 24, "png", True)
    assert project.read(product.file).startswith(b"\x89PNG")
    assert [(font.family, font.weight, [axis[0] for axis in font.axes]) for font in bundle.fonts] == [
        ("Inter", None, ["opsz", "wght"])
    ]
    assert [(row.key, row.cells["name"], row.position) for row in bundle.rows] == [
        ("lamp", "Lamp", Position("products.csv", 2, 1)), ("chair", "Chair, tall", Position("products.csv", 3, 1)),
    ]  # fmt: skip
    assert bundle.row_key_column == "id"
    assert bundle.copy_decks["de"]["headline"] == "Das ist {{ row.name }}"
    assert "flux2flow" not in bundle.copy_decks["de"]
    assert sorted(bundle.formats) == ["iab/medium-rectangle", "web/open-graph"]
    assert list(bundle.templates) == ["card/simple"]
    assert bundle.brand_kit.color("sky").value == "#9cc9e8"
    assert sorted(bundle.sources) == ["brand_kit", "campaign", "copy:de", "copy:en", "template:card/simple"]
    assert bundle.sources["campaign"].position(("assets", 0, "formats", 1)) == Position("campaign.yaml", 12, 37)


def test_bundle_does_not_depend_on_the_place(tmp_path: Path) -> None:
    made = []
    for name in ("here", "there"):
        campaign = make_project(tmp_path / name)
        bundle = load(campaign, project_of(campaign), backends=BACKENDS)
        made.append(
            {field: getattr(bundle, field) for field in ("campaign", "rows", "pictures", "fonts", "copy_decks")}
        )
    assert {key: plain(value) for key, value in made[0].items()} == {
        key: plain(value) for key, value in made[1].items()
    }


def test_campaign_may_stand_below_the_root(campaign: Path) -> None:
    root = campaign.parent
    (root / "flux2flow.yaml").write_text("")
    inner = root / "campaigns" / "spring"
    inner.mkdir(parents=True)
    for name in ("copy", "products.csv", "campaign.yaml"):
        shutil.move(root / name, inner / name)
    moved = inner / "campaign.yaml"
    bundle = load(moved, Project(root.resolve(), root / "none"), backends=BACKENDS)
    assert bundle.sources["campaign"].file == "campaigns/spring/campaign.yaml"
    assert bundle.pictures["slot:photos/cut-out.png"].file.path == "photos/cut-out.png", "found from the project's root"


@pytest.mark.parametrize("name", [path.parent.name for path in sorted(REPOSITORY.glob("examples/*/campaign.yaml"))])
def test_examples_load_from_any_folder(name: str, tmp_path: Path) -> None:
    shutil.copytree(
        REPOSITORY / "examples" / name, tmp_path / name, ignore=shutil.ignore_patterns("build", ".flux2flow")
    )
    campaign = tmp_path / name / "campaign.yaml"
    bundle = load(campaign, Project.of(campaign), backends=BACKENDS)
    assert {picture.file.root for key, picture in bundle.pictures.items() if key.startswith("logo:")} == {"library"}
    assert bundle.campaign.assets


def test_loading_twice_gives_the_same(campaign: Path) -> None:
    project = project_of(campaign)
    assert load(campaign, project, backends=BACKENDS) == load(campaign, project, backends=BACKENDS)


def test_no_rows_and_no_copy_are_fine_where_nothing_needs_them(campaign: Path) -> None:
    text = campaign.read_text()
    text = (
        text.replace("rows: products.csv\n", "")
        .replace("copy: copy/\n", "")
        .replace("{{ row.photo }}", "photos/cut-out.png")
    )
    text = (
        text.replace("{{ row.backdrop }}", "sand")
        .replace("{{ copy.headline }}", "Hello")
        .replace("{{ copy.lines[row.id] }}", "x")
    )
    campaign.write_text(text)
    assert codes(campaign) == ["undefined-name"], "the template's caption names row.name"
    template = campaign.parent / "templates/card/simple/template.yaml"
    template.write_text(template.read_text().replace("{{ row.name }}", "lamp"))
    bundle = load(campaign, project_of(campaign), backends=BACKENDS)
    assert (bundle.rows, bundle.row_key_column, dict(bundle.copy_decks)) == ((), None, {})


def test_absent_and_outside_campaigns_are_spec_errors(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as raised:
        load(tmp_path / "none.yaml", Project(tmp_path.resolve(), tmp_path), backends=BACKENDS)
    assert [found.code for found in raised.value.diagnostics] == ["missing-file"]
    with pytest.raises(SpecError) as raised:
        load(tmp_path / "none.yaml", Project(tmp_path.resolve() / "inner", tmp_path), backends=BACKENDS)
    assert [found.code for found in raised.value.diagnostics] == ["outside-project"]


def test_a_bad_font_and_a_bad_picture_are_told(campaign: Path) -> None:
    (campaign.parent / "brand_kits/tiny/fonts/Inter.ttf").write_bytes(b"no font")
    (campaign.parent / "photos/cut-out.png").write_bytes(b"no picture")
    assert codes(campaign) == ["bad-picture", "bad-picture", "bad-font"], "both cells name the picture"


def test_a_picture_cannot_be_read_through_a_link_that_leads_out(campaign: Path) -> None:
    outside = campaign.parent.parent / "outside.png"
    shutil.copyfile(campaign.parent / "photos/cut-out.png", outside)
    (campaign.parent / "photos/cut-out.png").unlink()
    (campaign.parent / "photos/cut-out.png").symlink_to(outside)
    assert codes(campaign) == ["outside-project", "outside-project"]


def test_kit_by_path_and_a_plugins_template(campaign: Path, tmp_path: Path) -> None:
    shutil.move(campaign.parent / "brand_kits" / "tiny", campaign.parent / "tiny")
    (tmp_path / "plugin").mkdir()
    shutil.move(campaign.parent / "templates", tmp_path / "plugin" / "templates")
    campaign.write_text(campaign.read_text().replace("brand_kit: tiny", "brand_kit: ./tiny/"))
    project = Project(campaign.parent.resolve(), tmp_path / "none", {"cards": tmp_path / "plugin"})
    bundle = load(campaign, project, backends=BACKENDS)
    assert bundle.fonts[0].file.path == "tiny/fonts/Inter.ttf"
    assert bundle.sources["template:card/simple"].file == "plugin:cards/templates/card/simple/template.yaml"


def test_a_templates_default_picture_stands_beside_it(campaign: Path) -> None:
    folder = campaign.parent / "templates" / "card" / "simple"
    shutil.move(campaign.parent / "photos" / "cut-out.png", folder / "stand-in.png")
    template = folder / "template.yaml"
    template.write_text(
        template.read_text().replace("role: product, caption", "role: product, default: stand-in.png, caption")
    )
    campaign.write_text(campaign.read_text().replace('      product: "{{ row.photo }}"\n', ""))
    bundle = load(campaign, project_of(campaign), backends=BACKENDS)
    assert bundle.pictures["slot:stand-in.png"].file.path == "templates/card/simple/stand-in.png"


def test_loading_imports_nothing_heavy() -> None:
    heavy = {"torch", "skia", "numpy", "PIL", "fontTools"}
    code = f"import sys, flux2flow.loading; print(sorted({heavy} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert ran.stdout.strip() == "[]"
