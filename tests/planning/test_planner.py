"""A campaign becomes plates and scenes: who shares what, under which names, at which seeds."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import pytest

from flux2flow.domain.plan import Plan, PlannedPlate
from flux2flow.domain.scene import (
    ButtonLayer,
    ChartLayer,
    LogoLayer,
    PictureLayer,
    Scene,
    ShapeLayer,
    TextLayer,
)
from flux2flow.errors import SpecError
from flux2flow.planning import plan
from tests.planning.bundles import LIMITS, ROWS, bundle, without_rows

Kind = TypeVar("Kind")


def scene(made: Plan, id: str) -> Scene:
    return next(scene for scene in made.scenes if scene.id == id)


def plate(made: Plan, id: str) -> PlannedPlate:
    return next(plate for plate in made.plates if plate.id == id)


def layer(made: Scene, id: str, kind: type[Kind]) -> Kind:
    found = next(layer for layer in made.layers if layer.id == id)
    assert isinstance(found, kind)
    return found


def codes(made: Plan) -> list[str]:
    return [note.code for note in made.notes]


def test_every_combination_is_one_scene_with_a_readable_id() -> None:
    """Entry, row, variant, format, locale."""
    made = plan(bundle(entry={"variants": {"mood": ["dawn", "night"]}}), LIMITS)
    assert len(made.scenes) == len({scene.id for scene in made.scenes}) == 2 * 2 * 3 * 2
    assert made.scenes[0].id == "hero/serum/mood-dawn/web-open-graph/en"
    assert "hero/cream/mood-night/iab-leaderboard/ar" in {scene.id for scene in made.scenes}
    assert plan(bundle(), LIMITS).scenes[0].id == "hero/serum/web-open-graph/en"


def test_formats_of_one_class_share_one_plate() -> None:
    """1200×630 and 1200×628 are landscape; the leaderboard is not."""
    made = plan(bundle(), LIMITS)
    assert [plate.id for plate in made.plates if plate.row == "serum"] == [
        "hero/serum/landscape/end",
        "hero/serum/banner/end",
    ]
    assert plate(made, "hero/serum/landscape/end").serves == (
        "hero/serum/web-open-graph/en",
        "hero/serum/web-open-graph/ar",
        "hero/serum/linkedin-landscape/en",
        "hero/serum/linkedin-landscape/ar",
    )


def test_a_plate_is_free_of_locale() -> None:
    """Adding a language changes no plate; changing the row does."""
    one = plan(bundle(campaign={"locales": ["en"]}), LIMITS)
    two = plan(bundle(campaign={"locales": ["ar", "en"]}), LIMITS)
    assert [plate.request for plate in one.plates] == [plate.request for plate in two.plates]
    assert one.plates[0].request != next(plate for plate in one.plates if plate.row == "cream").request


def test_a_brief_that_depends_on_language_is_refused() -> None:
    """One plate could not serve both."""
    made = bundle(template={"plate": {"scene": "A floor for {{ locale }}"}})
    with pytest.raises(SpecError, match="differs by language") as caught:
        plan(made, LIMITS)
    assert {found.code for found in caught.value.diagnostics} == {"plate-not-shared"}
    assert plan(bundle(template={"plate": {"scene": "A floor for {{ row.name }}"}}), LIMITS)


def test_right_to_left_takes_the_same_plate_flipped_where_no_product_is_painted() -> None:
    """No second model call; the light of the shadow turns with the plate."""
    made = plan(bundle(), LIMITS)
    english, arabic = scene(made, "hero/serum/web-open-graph/en"), scene(made, "hero/serum/web-open-graph/ar")
    assert english.plate.plate == arabic.plate.plate
    assert (english.plate.flip, arabic.plate.flip) == (False, True)
    assert english.plate.crop == arabic.plate.crop
    left, right = (layer(one, "product", PictureLayer).shadow for one in (english, arabic))
    assert left is not None
    assert right is not None
    assert (left.azimuth, right.azimuth) == (-45, 45)
    assert "flip" in codes(made)
    assert "second-plate" not in codes(made)


def painted(**entry: object) -> Plan:
    """Plan the same campaign with the product painted from its reference."""
    template = {
        "plate": {"references": ["slots.product"], "composition": "product on the right third"},
        "layers": [{"id": "headline", "text": "{{ slots.headline }}", "style": "display"}],
    }
    return plan(bundle(template=template, entry=entry), LIMITS)


def test_right_to_left_takes_a_second_plate_with_sides_swapped_where_the_product_is_painted() -> None:
    """A painted product may never be mirrored."""
    made = painted()
    english, arabic = scene(made, "hero/serum/web-open-graph/en"), scene(made, "hero/serum/web-open-graph/ar")
    assert (english.plate.plate, arabic.plate.plate) == ("hero/serum/landscape/end", "hero/serum/landscape/start")
    assert not arabic.plate.flip
    one, two = plate(made, english.plate.plate).request, plate(made, arabic.plate.plate).request
    assert one.seed != two.seed
    assert "product on the right third" in one.prompt
    assert "from the left" in one.prompt
    assert "product on the left third" in two.prompt
    assert "from the right" in two.prompt
    assert "space on the right for text" in two.prompt
    assert (one.direction.light_azimuth, two.direction.light_azimuth) == (-45, 45)
    assert [box.mirrored(1.0).x for box in one.direction.quiet] == pytest.approx([box.x for box in two.direction.quiet])
    assert "second-plate" in codes(made)
    assert "flip" not in codes(made)


def test_crops_turn_with_the_second_plate() -> None:
    """A narrow format keeps the product in view on both: its crop stands off the middle, towards the product."""
    made = painted(formats=["web/open-graph", "web/card"])
    english, arabic = (scene(made, f"hero/serum/web-card/{locale}").plate for locale in ("en", "ar"))
    width = plate(made, english.plate).request.size.width
    assert english.crop.x + english.crop.width / 2 > width / 2 + 10
    assert arabic.crop.x == pytest.approx(width - english.crop.right)


def test_a_product_in_the_words_counts_as_painted() -> None:
    """The caption of the product in the scene is enough."""
    made = plan(bundle(template={"plate": {"scene": "{{ slots.product.caption }} on a floor"}}), LIMITS)
    assert "second-plate" in codes(made)


def test_seeds_do_not_move_when_rows_formats_or_locales_are_added_or_reordered() -> None:
    """Decision 8; the control is the campaign's own seed, which moves them all."""

    def seeds(made: Plan) -> dict[str, int]:
        return {plate.id: plate.request.seed for plate in made.plates}

    base = seeds(plan(bundle(), LIMITS))
    assert len(set(base.values())) == len(base) == 4
    extra = {"id": "mist", "name": "Mist", "photo": "other.png"}
    more = seeds(plan(bundle(rows=(extra, *reversed(ROWS))), LIMITS))
    assert base.items() <= more.items()
    formats = ["iab/leaderboard", "meta/story", "linkedin/landscape", "web/open-graph"]
    locales = {"locales": ["ar", "ja", "en"]}
    japanese = {"ja": {"headline": "こんにちは", "cta": "買う"}}
    changed = seeds(plan(bundle(entry={"formats": formats}, campaign=locales, copy=japanese), LIMITS))
    assert base.items() <= changed.items()
    other = seeds(plan(bundle(campaign={"seed": 8}), LIMITS))
    assert all(base[id] != other[id] for id in base)


def test_adding_a_row_changes_nothing_of_the_others() -> None:
    """Not their plates, not their scenes."""
    extra = {"id": "mist", "name": "Mist", "photo": "other.png"}
    one, two = plan(bundle(), LIMITS), plan(bundle(rows=(extra, *ROWS)), LIMITS)
    assert set(one.plates) <= set(two.plates)
    assert set(one.scenes) <= set(two.scenes)
    assert len(two.scenes) == len(one.scenes) + 6


def test_the_ground_of_every_canvas_falls_on_the_ground_of_its_plate() -> None:
    """So a product set exactly stands on the painted floor, and its box ends there."""
    made = plan(
        bundle(entry={"formats": ["web/open-graph", "x/wide", "linkedin/landscape", "iab/leaderboard"]}), LIMITS
    )
    for one in made.scenes:
        request = plate(made, one.plate.plate).request
        share = {"landscape": 0.8, "banner": 0.9}[one.aspect_class]
        crop = one.plate.crop
        on_plate = (crop.y + share * crop.height) / request.size.height
        assert on_plate == pytest.approx(request.direction.ground, abs=1e-5)
        assert layer(one, "product", PictureLayer).box.bottom == pytest.approx(share * one.size.height, abs=1e-3)


def test_regions_are_where_the_boxes_are_seen_on_the_plate() -> None:
    """The headline of a leaderboard stands in the part of the plate that its crop shows."""
    made = plan(bundle(), LIMITS)
    request = plate(made, "hero/serum/banner/end").request
    one = scene(made, "hero/serum/iab-leaderboard/en")
    crop, box = one.plate.crop, layer(one, "headline", TextLayer).box
    quiet = request.direction.quiet[0]
    assert quiet.y * request.size.height == pytest.approx(crop.y + box.y / 90 * crop.height, abs=1e-3)
    assert quiet.height * request.size.height == pytest.approx(box.height / 90 * crop.height, abs=1e-3)
    focal = request.direction.focal
    assert focal is not None
    assert focal.bottom == pytest.approx(request.direction.ground, abs=1e-5)


def test_right_to_left_mirrors_boxes_and_gradients_unless_a_layer_refuses() -> None:
    """In canvas pixels, exactly."""
    made = plan(bundle(), LIMITS)
    english, arabic = scene(made, "hero/serum/web-open-graph/en"), scene(made, "hero/serum/web-open-graph/ar")
    assert (english.direction, arabic.direction) == ("ltr", "rtl")
    for id, kind in (("headline", TextLayer), ("logo", LogoLayer), ("product", PictureLayer), ("cta", ButtonLayer)):
        one, two = layer(english, id, kind), layer(arabic, id, kind)
        assert one.box.mirrored(1200).x == pytest.approx(two.box.x)
        assert one.align == two.align == "start"
    assert layer(english, "scrim", ShapeLayer).fill.angle == 0
    assert layer(arabic, "scrim", ShapeLayer).fill.angle == 180
    layers = [{"id": "logo", "logo": "primary", "mirror": False}]
    fixed = plan(bundle(template={"layers": layers, "plate": {"quiet": []}}), LIMITS)
    one, two = (
        layer(scene(fixed, f"hero/serum/web-open-graph/{locale}"), "logo", LogoLayer) for locale in ("en", "ar")
    )
    assert one.box == two.box
    assert (one.align, two.align) == ("start", "end")


def test_layers_are_resolved() -> None:
    """Text, styles per language, colours, limits; what has no box or nothing to say is left out."""
    made = plan(bundle(), LIMITS)
    english, arabic = scene(made, "hero/serum/web-open-graph/en"), scene(made, "hero/serum/web-open-graph/ar")
    headline = layer(english, "headline", TextLayer)
    assert (headline.text, headline.max_chars) == ("Meet Serum", 48)
    assert headline.type.color.hex == "#14171f"
    assert (headline.fit.lines, headline.fit.minimum, headline.fit.maximum) == (2, 12.0, 126.0)
    assert layer(arabic, "headline", TextLayer).type.families == ("Noto Sans Arabic", "Inter")
    assert layer(arabic, "headline", TextLayer).type.leading == 1.4
    assert layer(arabic, "headline", TextLayer).text == "تعرّف على Serum"
    assert layer(english, "cta", ButtonLayer).fill.hex == "#0f4c5c"
    assert english.unbroken == ("Aurora",)
    assert [one.id for one in english.layers] == ["plate", "scrim", "product", "headline", "cta", "logo"]
    assert [one.id for one in scene(made, "hero/serum/iab-leaderboard/en").layers] == ["plate", "product", "headline"]
    without = plan(bundle(entry={"slots": {"cta": None}}), LIMITS)
    assert "cta" not in [one.id for one in without.scenes[0].layers]


@pytest.mark.parametrize(
    ("when", "there"), [("{{ row.id }}", True), ("false", False), ("0", False), ("{{ '' }}", False)]
)
def test_when_switches_a_layer_off(when: str, there: bool) -> None:
    """Nothing, 'false' and '0' do."""
    layers = [{"id": "logo", "logo": "primary", "when": when}]
    made = plan(bundle(template={"layers": layers, "plate": {"quiet": []}}), LIMITS)
    assert ("logo" in [one.id for one in made.scenes[0].layers]) == there


def test_type_and_logo_stay_inside_the_safe_area_and_pictures_may_bleed() -> None:
    """In both directions: the platform's buttons stand where they stand."""
    area = {"top": 250.0, "bottom": 340.0, "right": 120.0}
    made = plan(bundle(entry={"formats": ["meta/story"]}, safe_areas={"meta/story": area}), LIMITS)
    for locale in ("en", "ar"):
        one = scene(made, f"hero/serum/meta-story/{locale}")
        for id, kind in (("headline", TextLayer), ("logo", LogoLayer)):
            box = layer(one, id, kind).box
            assert box.y >= 250
            assert box.bottom <= 1920 - 340
            assert box.right <= 1080 - 120
        assert layer(one, "product", PictureLayer).box.bottom == pytest.approx(0.85 * 1920)
    free = scene(plan(bundle(entry={"formats": ["meta/story"]}), LIMITS), "hero/serum/meta-story/en")
    assert layer(free, "headline", TextLayer).box.y == pytest.approx(0.02 * 1920)


def test_boxes_that_the_safe_area_pushes_together_are_noted() -> None:
    """The template's author must see it."""
    boxes = {
        "headline": {"x": "8%", "y": "2%", "w": "84%", "h": "8%"},
        "logo": {"x": "8%", "y": "11%", "w": "30%", "h": "3%"},
    }
    template = {"layout": {"tall": {"boxes": boxes}}}
    area = {"meta/story": {"top": 269.0}}
    made = plan(bundle(template=template, entry={"formats": ["meta/story"]}, safe_areas=area), LIMITS)
    assert "safe-area" in codes(made)
    assert "safe-area" not in codes(plan(bundle(template=template, entry={"formats": ["meta/story"]}), LIMITS))


def test_a_crop_enlarged_more_than_twice_is_noted() -> None:
    """1080×1920 from the small model's pixels; 300 × 250 is not."""
    assert "enlarged" in codes(plan(bundle(entry={"formats": ["meta/story"]}), LIMITS))
    assert "enlarged" not in codes(plan(bundle(), LIMITS))


def chart_bundle(**changes: object):  # type: ignore[no-untyped-def]
    layers = [
        {
            "id": "chart",
            "chart": "bar",
            "label": "{{ row.name }}",
            "value": "{{ row.cups }}",
            "show": "{{ value }} cups",
            "highlight": "{{ row.id == 'b' }}",
            "style": "display",
            "color": "ink",
            "accent": "accent",
        }
    ]
    boxes = {"chart": {"x": "10%", "y": "10%", "w": "80%", "h": "80%"}}
    template = {
        "per": "campaign",
        "slots": None,
        "plate": {"quiet": []},
        "layers": layers,
        "layout": {"landscape": {"boxes": boxes}},
    }
    rows = (
        {"id": "a", "name": "A", "cups": "1,250"},
        {"id": "b", "name": "B", "cups": "80.5"},
        {"id": "c", "name": "C", "cups": "3"},
    )
    entry = {"slots": None, "formats": ["web/open-graph"], "rows": ["a", "b"]}
    return bundle(template=template, entry=entry, rows=changes.get("rows", rows))  # type: ignore[arg-type]


def test_a_chart_is_drawn_from_the_entrys_rows_in_one_asset() -> None:
    """One scene a format and language, whatever the number of rows."""
    made = plan(chart_bundle(), LIMITS)
    assert [one.id for one in made.scenes] == ["hero/web-open-graph/en", "hero/web-open-graph/ar"]
    bars = layer(made.scenes[0], "chart", ChartLayer).bars
    assert [(bar.label, bar.value, bar.shown, bar.accent) for bar in bars] == [
        ("A", 1250.0, "1250 cups", False),
        ("B", 80.5, "80.5 cups", True),
    ]


def test_a_campaign_without_rows_makes_one_asset_a_format() -> None:
    """The row leaves the id and the seed."""
    template = {
        "slots": {"product": None},
        "layers": [{"id": "headline", "text": "{{ slots.headline }}", "style": "display"}],
    }
    made = plan(
        without_rows(bundle(template=template, entry={"slots": {"product": None, "headline": "Hello", "cta": None}})),
        LIMITS,
    )
    assert [one.id for one in made.scenes][:2] == ["hero/web-open-graph/en", "hero/web-open-graph/ar"]
    assert made.plates[0].row == ""


def test_rows_that_read_alike_get_different_ids() -> None:
    """Names of files may not collide, and hold letters of any script."""
    rows = tuple({"id": id, "name": "x", "photo": "serum.png"} for id in ("Rose Serum", "rose-serum", "バラ", "!!"))
    made = plan(bundle(rows=rows, campaign={"locales": ["en"]}), LIMITS)
    stems = {one.id.split("/")[1] for one in made.scenes}
    assert len(stems) == 4
    assert "バラ" in stems
    assert all(stem == stem.lower() and " " not in stem for stem in stems)


def test_a_row_key_that_is_no_id_is_said() -> None:
    """Seeds hang on it."""
    assert "row-key" in codes(plan(replace(bundle(), row_key_column="sku"), LIMITS))
    assert "row-key" not in codes(plan(bundle(), LIMITS))
