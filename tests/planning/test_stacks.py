"""Stacks, grids, shorter copy, fit bounds and the other side, from template and deck to the scene."""

from __future__ import annotations

from typing import Any

import pytest

from flux2flow.domain.measures import Box
from flux2flow.domain.plan import Plan
from flux2flow.domain.scene import Scene, ShapeLayer, Stack, TextLayer
from flux2flow.errors import SpecError
from flux2flow.planning import plan, plan_from_json, plan_to_json
from tests.planning.bundles import LIMITS, TEMPLATE, bundle

COLUMN: dict[str, Any] = {
    "stack": ["logo", "headline", "cta"], "gap": "2vmin", "vertical": "middle", "align": "end",
    "sizes": {"logo": "10%"}, "x": "5%", "y": "10%", "w": "40%", "h": "80%",
}  # fmt: skip


CORNER = {"x": "0%", "y": "0%", "w": "50%", "h": "50%"}


def landscape(**changes: Any) -> dict[str, Any]:
    """Change the landscape layout: None takes a box away."""
    return {"layout": {"landscape": {"boxes": changes}}}


def stacked(**changes: Any) -> dict[str, Any]:
    return landscape(headline=None, cta=None, logo=None, column={**COLUMN, **changes})


def planned(template: dict[str, Any], **changes: Any) -> Plan:
    return plan(bundle(template=template, **changes), LIMITS)


def scene(made: Plan, locale: str = "en", format: str = "web/open-graph") -> Scene:
    return next(scene for scene in made.scenes if (scene.locale, scene.format) == (locale, format))


def layer(made: Scene, id: str) -> Any:
    return next(layer for layer in made.layers if layer.id == id)


def test_a_stack_reaches_the_scene_in_pixels() -> None:
    """Gap, box and sizes are resolved; its children have its box and alignment until they are measured."""
    made = scene(planned(stacked()))
    assert made.stacks == (
        Stack(
            "column", ("logo", "headline", "cta"), "down", 12.6, "end", "middle", Box(60, 63, 480, 504),
            row_gap=12.6, sizes=(("logo", 50.4),),
        ),
    )  # fmt: skip
    assert all(layer(made, id).box == Box(60, 63, 480, 504) for id in ("logo", "headline", "cta"))
    assert (layer(made, "headline").align, layer(made, "headline").vertical) == ("end", "top")
    assert scene(planned({})).stacks == ()


def test_a_stack_is_mirrored_unless_it_is_told_not_to() -> None:
    """Arabic has it on the other side; `mirror: false` keeps side, order and edge as in English."""
    mirrored, kept = (scene(planned(stacked(**changes)), "ar").stacks[0] for changes in ({}, {"mirror": False}))
    assert (mirrored.box, mirrored.align, mirrored.against) == (Box(660, 63, 480, 504), "end", False)
    assert (kept.box, kept.align, kept.against) == (Box(60, 63, 480, 504), "start", True)


def test_a_grid_and_a_stack_inside() -> None:
    """The inner stack has no box; its children have the grid's."""
    grid = {"grid": ["logo", "pair"], "columns": 2, "gap": "20px", "row_gap": "30px", **CORNER}
    pair = {"stack": ["headline", "cta"], "direction": "across", "baseline": True, "spread": True}
    made = scene(planned(landscape(headline=None, cta=None, logo=None, cells=grid, pair=pair)))
    cells, inner = made.stacks
    assert (cells.columns, cells.gap, cells.row_gap, inner.box) == (2, 20, 30, None)
    assert (inner.direction, inner.baseline, inner.spread) == ("across", True, True)
    assert layer(made, "headline").box == Box(0, 0, 600, 315)


def test_a_stack_keeps_to_the_safe_area() -> None:
    """The safe area moves a stack as it moves a box."""
    made = planned(stacked(), safe_areas={"web/open-graph": {"left": 100, "bottom": 100}})
    assert scene(made).stacks[0].box == Box(100, 26, 480, 504)


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ({"x": None, "y": None}, "stack-without-box"),
        ({"gap": "wide"}, "bad-length"),
        ({"sizes": {"logo": "big"}}, "bad-length"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(place: dict[str, Any], code: str) -> None:
    """Missing sides and lengths that are none are problems of the template."""
    made = {key: value for key, value in {**COLUMN, **place}.items() if value is not None}
    with pytest.raises(SpecError) as caught:
        planned(landscape(headline=None, cta=None, logo=None, column=made))
    assert {found.code for found in caught.value.diagnostics} == {code}
    assert all("layout.landscape.boxes.column" in found.path for found in caught.value.diagnostics)


def text(**changes: Any) -> dict[str, Any]:
    """Change the headline's layer."""
    layers = [{**spec, **changes} if spec["id"] == "headline" else spec for spec in TEMPLATE["layers"]]
    return {"layers": layers}


def headline(made: Plan, locale: str = "en") -> TextLayer:
    found = layer(scene(made, locale), "headline")
    assert isinstance(found, TextLayer)
    return found


def test_shorter_wordings_come_from_the_deck() -> None:
    """A list is read longest first, in the language that has one; the others have no alternatives."""
    made = planned(
        {}, copy={"en": {"headline": ("Meet the new {{ row.name }}", "Meet {{ row.name }}", "{{ row.name }}")}}
    )
    found = headline(made)
    assert (found.text, [copy.text for copy in found.alternatives]) == ("Meet the new Serum", ["Meet Serum", "Serum"])
    assert headline(made, "ar").alternatives == ()


def test_shorter_wordings_come_from_the_template() -> None:
    """`shorter` is evaluated like the text; what is empty, or the same again, is left out."""
    found = headline(planned(text(shorter=["{{ row.name }} is here", "", "{{ slots.headline }}", "{{ row.name }}"])))
    assert [copy.text for copy in found.alternatives] == ["Serum is here", "Serum"]


def test_fit_bounds_come_from_the_style_and_the_layer() -> None:
    """Tracking and width are the kit's, preferred size and group the template's; by default there are none."""
    kit = {"styles": {"display": {"fit": {"tracking": -0.02, "width": 88}, "hyphenate": True}}}
    fit = {"lines": 2, "min": "12px", "max": "20vmin", "prefer": "10vmin", "group": "titles"}
    asked = headline(planned(text(fit=fit), kit=kit))
    rule = asked.fit
    assert (asked.type.hyphenate, headline(planned({})).type.hyphenate) == (True, False)
    assert (rule.tracking, rule.width, rule.prefer, rule.group) == (-0.02, 88, 63, "titles")
    plain = headline(planned({})).fit
    assert (plain.tracking, plain.width, plain.prefer, plain.group) == (0, None, None, "")


def test_justification_and_ellipses_come_from_the_box() -> None:
    """A justified text begins at the start; an ellipse is the box's."""
    box = TEMPLATE["layout"]["landscape"]["boxes"]["headline"]
    justified = headline(planned(landscape(headline={**box, "align": "justify"})))
    assert (justified.align, justified.justify, justified.shape) == ("start", True, "rectangle")
    assert headline(planned(landscape(headline={**box, "shape": "ellipse"}))).shape == "ellipse"


@pytest.mark.parametrize("locale", ["en", "ar"])
def test_the_other_side_is_the_layout_mirrored(locale: str) -> None:
    """Boxes, alignment and gradients are reflected; it is planned only where the template allows it."""
    made = planned({"layout": {"landscape": {"flip_when_busy": True}}})
    here = scene(made, locale)
    other = here.other_side
    assert other is not None
    for one, two in zip(here.layers[1:], other.layers, strict=True):
        assert two.id == one.id
        assert two.box == one.box.mirrored(1200)  # type: ignore[union-attr]
    scrims = [layer for layer in (*here.layers, *other.layers) if isinstance(layer, ShapeLayer)]
    assert {scrim.fill.angle for scrim in scrims} == {0, 180}
    assert {layer.align for layer in other.layers if isinstance(layer, TextLayer)} == {"end"}
    assert other.quiet == ("headline", "cta")
    assert scene(planned({}), locale).other_side is None
    assert scene(made, locale, "iab/leaderboard").other_side is None


def test_a_plan_file_keeps_stacks_wordings_and_the_other_side() -> None:
    """What is written reads back equal, so that `render --plan` sets what `render` sets."""
    template = stacked()
    template["layout"]["landscape"]["flip_when_busy"] = True
    made = planned(template, copy={"en": {"headline": ("Meet the new {{ row.name }}", "{{ row.name }}")}})
    again = plan_from_json(plan_to_json(made))
    assert again == made
    other = scene(again).other_side
    assert other is not None
    assert other.stacks[0].box == Box(660, 63, 480, 504)
    assert other.stacks[0].align == "start"


def test_buttons_have_shorter_labels_too() -> None:
    """From the deck and from the template, as texts have them."""
    layers = [{**spec, "shorter": ["Go"]} if spec["id"] == "cta" else spec for spec in TEMPLATE["layers"]]
    made = planned({"layers": layers}, copy={"en": {"cta": ("Shop the serum now", "Shop now")}})
    found = layer(scene(made), "cta")
    assert (found.text, [copy.text for copy in found.alternatives]) == ("Shop the serum now", ["Shop now", "Go"])
