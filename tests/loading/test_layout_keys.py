"""Stacks, grids, wordings, masters that serve others: what is right loads, what is wrong is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from flux2flow.domain.campaign import CampaignBundle
from flux2flow.errors import Diagnostic, SpecError
from flux2flow.loading import load
from flux2flow.loading.formats import shipped, united
from tests.loading.conftest import BACKENDS, project_of

MASTER = """flux2flow: 1
formats:
  - id: shop/vertical
    width: 1080
    height: 1920
    media: [png, jpeg, webp]
    safe_area: {top: 10, left: 100}
    serves: [meta/story, tiktok/in-feed]
"""


def loaded(campaign: Path) -> CampaignBundle:
    return load(campaign, project_of(campaign), backends=BACKENDS)


def told(campaign: Path) -> list[Diagnostic]:
    with pytest.raises(SpecError) as caught:
        loaded(campaign)
    return list(caught.value.diagnostics)


def with_template(campaign: Path, old: str, new: str) -> Path:
    """Change the template's text."""
    path = campaign.parent / "templates" / "card" / "simple" / "template.yaml"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), encoding="utf-8")
    return campaign


def with_format(campaign: Path, text: str) -> Path:
    (campaign.parent / "formats").mkdir()
    (campaign.parent / "formats" / "shop.yaml").write_text(text, encoding="utf-8")
    return campaign


def with_deck(campaign: Path, headline: str) -> Path:
    """Change the English headline."""
    path = campaign.parent / "copy" / "en.yaml"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text(
        "\n".join(f"headline: {headline}" if line.startswith("headline:") else line for line in lines) + "\n",
        encoding="utf-8",
    )
    return campaign


@pytest.mark.parametrize(
    "written",
    [
        '["Meet the new {{ row.name }}", "Meet {{ row.name }}"]',
        '{text: "Meet the new {{ row.name }}", short: "Meet {{ row.name }}"}',
    ],
)
def test_a_text_may_have_wordings(campaign: Path, written: str) -> None:
    """A list, or text and short: the same two wordings, longest first."""
    deck = loaded(with_deck(campaign, written)).copy_decks["en"]
    assert deck["headline"] == ("Meet the new {{ row.name }}", "Meet {{ row.name }}")


@pytest.mark.parametrize("written", ["[]", "[1, two]", '["{{ row.nme }}"]'])
def test_what_is_no_wording_is_told(campaign: Path, written: str) -> None:
    """An empty list, a number, an unknown name inside a list."""
    found = told(with_deck(campaign, written))
    assert found
    assert all("headline" in problem.path for problem in found)
    assert all(problem.position.file == "copy/en.yaml" and problem.position.line > 1 for problem in found)


def test_a_master_keeps_every_limit_of_what_it_serves(campaign: Path) -> None:
    """The safe areas are united side by side, type and media are the strictest."""
    campaign = with_format(campaign, MASTER)
    with_template(campaign, "layout:\n", "layout:\n" + TALL)
    text = campaign.read_text(encoding="utf-8").replace("web/open-graph", "shop/vertical")
    campaign.write_text(text, encoding="utf-8")
    made = loaded(campaign).formats["shop/vertical"]
    story, feed = shipped()["meta/story"], shipped()["tiktok/in-feed"]
    area = made.safe_area
    for side in ("top", "right", "bottom", "left"):
        assert getattr(area, side) >= max(getattr(story.safe_area, side), getattr(feed.safe_area, side))
    assert (area.top, area.right, area.bottom, area.left) == (269, 162, 672, 100)
    assert (made.media, made.min_text, made.max_bytes) == (("png", "jpeg"), 24, 30_000_000)


TALL = """  tall:
    boxes:
      headline: {x: 6%, y: 10%, w: 60%, h: 40%}
"""


def test_a_larger_format_is_scaled() -> None:
    """A story of 1440 pixels asks for three quarters of its margins on a master of 1080."""
    known = shipped()
    master = known["meta/story"].model_copy(update={"safe_area": known["meta/feed-square"].safe_area})
    made = united(master, [known["meta/story-large"]])
    large = known["meta/story-large"].safe_area
    assert made.safe_area.top == pytest.approx(large.top * 0.75)
    assert made.safe_area.bottom == pytest.approx(large.bottom * 0.75)


@pytest.mark.parametrize(
    ("serves", "code"),
    [("[meta/stroy]", "unknown-format"), ("[iab/leaderboard]", "other-shape"), ("[shop/other]", "nested-master")],
)
def test_what_a_master_cannot_serve_is_told(campaign: Path, serves: str, code: str) -> None:
    """Unknown names, other shapes, and masters of masters, each at the entry's own place."""
    text = MASTER.replace("[meta/story, tiktok/in-feed]", serves)
    text += "  - {id: shop/other, width: 1080, height: 1920, serves: [meta/story]}\n"
    (problem,) = told(with_format(campaign, text))
    assert (problem.code, problem.path, problem.position.line) == (code, "formats[0].serves[0]", 8)


COLUMN = """      column:
        stack: [logo, headline, line]
        x: 5%
        y: 5%
        w: 45%
        h: 80%
"""
OWN_BOXES = """      headline: {x: 5%, y: 20%, w: 45%, h: 30%}
      line: {x: 5%, y: 55%, w: 45%, h: 10%}
      logo: {x: 5%, y: 5%, w: 20%, h: 8%}
"""


def with_stack(campaign: Path, column: str, boxes: str = "") -> Path:
    return with_template(campaign, OWN_BOXES, column + boxes)


def test_a_stack_loads(campaign: Path) -> None:
    """Layers in a stack need no box of their own."""
    layout = loaded(with_stack(campaign, COLUMN)).templates["card/simple"].layout["landscape"]
    assert layout.boxes["column"].stack == ("logo", "headline", "line")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("column", "boxes", "code", "path"),
    [
        (COLUMN.replace("headline", "hedline"), OWN_BOXES.splitlines()[0] + "\n", "unknown-layer", "column.stack[1]"),
        (COLUMN, OWN_BOXES.splitlines()[0] + "\n", "stacked-twice", "column.stack[1]"),
        (COLUMN.replace("line]", "line, logo]"), "", "stacked-twice", "column.stack[3]"),
        (COLUMN.replace("5%", "5em", 1), "", "bad-length", "column.x"),
        (COLUMN.replace("  h: 80%", "  hh: 80%"), "", "unknown-key", "column.hh"),
        (COLUMN + "        direction: sideways\n", "", "wrong-value", "column.direction"),
        (COLUMN.replace("stack: [", "stack: [column, "), "", "stack-in-itself", "column"),
        (COLUMN.replace("column:", "line:").replace(", line]", "]"), "", "stack-name", "line"),
        (COLUMN.replace("[logo", "[scrim, logo"), "", "stacked-twice", "column.stack[0]"),
        (COLUMN + "        gap: wide\n", "", "bad-length", "column.gap"),
        (COLUMN + "        sizes: {logo: big}\n", "", "bad-length", "column.sizes.logo"),
    ],
)
def test_a_stack_that_is_wrong_is_told(campaign: Path, column: str, boxes: str, code: str, path: str) -> None:
    """Every fault has the code and the place of its own, in the template's words."""
    found = {(problem.code, problem.path) for problem in told(with_stack(campaign, column, boxes))}
    assert (code, f"layout.landscape.boxes.{path}") in found


def test_a_shape_in_a_stack_needs_a_size(campaign: Path) -> None:
    """With one, it loads."""
    without_scrim = "      scrim: {x: 0%, y: 0%, w: 50%, h: 100%}\n"
    with_template(campaign, without_scrim, "")
    (problem,) = told(with_stack(campaign, COLUMN.replace("[logo", "[logo, scrim")))
    assert (problem.code, problem.remedy) == ("no-size", "add it to column: sizes: {scrim: 12%}")
    sized = COLUMN.replace("[logo", "[logo, scrim") + "        sizes: {scrim: 1%}\n"
    with_template(campaign, COLUMN.replace("[logo", "[logo, scrim"), sized)
    assert loaded(campaign)


def test_a_standing_product_stands_in_no_stack(campaign: Path) -> None:
    """Its place is the ground's."""
    with_template(campaign, "      product: {x: 55%, y: 10%, w: 40%, h: 75%}\n", "")
    codes = {problem.code for problem in told(with_stack(campaign, COLUMN.replace("[logo", "[product, logo")))}
    assert codes == {"standing-in-stack"}


def test_a_stack_is_set_from_yaml(campaign: Path) -> None:
    """From the template to placed type: the stack's children stand under each other, inside its box."""
    from flux2flow.domain.plate import BackendLimits
    from flux2flow.planning import plan
    from flux2flow.typography import set_scene

    bundle = loaded(with_stack(campaign, COLUMN + "        gap: 3vmin\n"))
    made = plan(bundle, BackendLimits("procedural", max_references=4, max_pixels=1 << 20))
    scene = next(scene for scene in made.scenes if scene.stacks)
    box = scene.stacks[0].box
    assert box is not None
    placed = {part.id: part for part in set_scene(scene, made.fonts, project_of(campaign)).placed}
    logo, headline, line = (placed[id] for id in ("logo", "headline", "line"))
    assert headline.kind == line.kind == "text"
    assert logo.kind == "logo"
    assert logo.box.bottom < headline.ink.y < headline.ink.bottom < line.ink.y
    assert all(box.contains(part.box, 1) for part in (logo, headline, line))
