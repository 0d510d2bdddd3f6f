"""Markup from copy, campaign and template to the spans of a scene; values of rows are plain; problems have places."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flux2flow.domain.campaign import CampaignBundle, SourceMap
from flux2flow.domain.measures import Color
from flux2flow.domain.scene import ButtonLayer, InlineIcon, TextLayer, TextSpan
from flux2flow.errors import Diagnostic, Position, SpecError
from flux2flow.planning import Only, plan
from flux2flow.planning.markup import ICON
from tests.planning.bundles import LIMITS, bundle, picture

ACCENT, BACKGROUND, INK = Color(15, 76, 92), Color(232, 213, 181), Color(20, 23, 31)
STYLES: dict[str, Any] = {
    "display": {
        "families": ["Inter"], "weight": 700, "color": "ink", "features": {"ss01": 1},
        "accent": {"color": "accent", "weight": 800, "features": {"ss02": 1}, "figures": "oldstyle"},
        "locales": {"ar": {"families": ["Noto Sans Arabic", "Inter"], "leading": 1.4, "color": "accent"}},
    },
    "label": {"families": ["Inter"], "color": "background"},
    "tiny": {"families": ["Inter"], "weight": 300, "color": "background", "scale": 0.6, "shift": 0.3,
             "case": "upper", "axes": {"wdth": 90, "opsz": "auto"}, "figures": ["tabular", "lining"]},
    "loud": {"families": ["Inter"], "color": "ink", "tracking": 0.05, "leading": 2.0,
             "stroke": {"width": 0.05, "color": "background"}, "shadow": {"color": "#00000080", "blur": 0.1},
             "highlight": {"color": "accent"}, "underline": {"thickness": 0.08}},
}  # fmt: skip


def made(text: str, *, locale: str = "en", **changes: Any) -> CampaignBundle:
    """Give a campaign whose headline is a text of the copy deck."""
    copies = {"en": {"headline": text, "cta": "Buy"}, "ar": {"headline": text, "cta": "Buy"}}
    values = {"kit": {"styles": STYLES}, "copy": copies, "campaign": {"locales": [locale]}} | changes
    found = bundle(**values)
    return replace(found, pictures={**found.pictures, "icon:bean": picture("bean.svg")})


def headline(made: CampaignBundle) -> TextLayer:
    """Give the headline of the first scene."""
    scene = plan(made, LIMITS, Only(format="web/open-graph")).scenes[0]
    return next(layer for layer in scene.layers if isinstance(layer, TextLayer) and layer.id == "headline")


def words(layer: TextLayer | ButtonLayer) -> list[str]:
    """List the words of a layer's spans."""
    return [layer.text[span.start : span.stop] for span in layer.spans]


def problem(made: CampaignBundle) -> Diagnostic:
    """Give the only diagnostic."""
    with pytest.raises(SpecError) as caught:
        plan(made, LIMITS)
    (found,) = caught.value.diagnostics
    return found


def test_an_accent_changes_what_the_style_says_and_nothing_else() -> None:
    """The accent's own features are added to the style's."""
    layer = headline(made("For *people* who start"))
    assert layer.text == "For people who start"
    (span,) = layer.spans
    assert (span.start, span.stop) == (4, 10)
    assert span.type == replace(layer.type, color=ACCENT, weight=800, features=(("onum", 1), ("ss01", 1), ("ss02", 1)))
    assert layer.type.color == INK


def test_a_text_without_markup_has_no_spans() -> None:
    """The control of everything here."""
    assert headline(made("For people who start")).spans == ()


def test_a_named_style_brings_its_look_and_keeps_the_size() -> None:
    """Unless it states a scale; its leading is the paragraph's."""
    loud, tiny = headline(made("[Very]{loud} [small]{tiny}")).spans
    assert (loud.type.scale, loud.type.shift, loud.type.tracking) == (1, 0, 0.05)
    assert loud.type.decoration is not None
    assert loud.type.decoration.stroke is not None
    assert loud.type.decoration.stroke.color == BACKGROUND
    assert loud.type.decoration.shadow is not None
    assert loud.type.decoration.shadow.color.alpha == 128
    assert loud.type.decoration.highlight is not None
    assert loud.type.decoration.underline is not None
    assert loud.type.decoration.underline.color is None
    assert (tiny.type.scale, tiny.type.shift, tiny.type.weight, tiny.type.upper) == (0.6, 0.3, 300, True)
    assert tiny.type.axes == (("wdth", 90.0),)
    assert dict(tiny.type.features) == {"tnum": 1, "lnum": 1}


def test_nested_markup_becomes_spans_side_by_side() -> None:
    """What stands inside goes last; the text around a style's words keeps its accent."""
    layer = headline(made("*All [five]{tiny} cups* a day"))
    assert words(layer) == ["All ", "five", " cups"]
    assert [span.type.style for span in layer.spans] == ["display", "tiny", "display"]
    assert [span.type.color for span in layer.spans] == [ACCENT, BACKGROUND, ACCENT]


def test_an_icon_stands_for_one_character() -> None:
    """In the colour of the words around it."""
    layer = headline(made("*Fresh :bean:* today"))
    assert layer.text == f"Fresh {ICON} today"
    icon = layer.spans[-1]
    assert icon == TextSpan(6, 7, layer.spans[0].type, InlineIcon("bean", picture("bean.svg")))


def test_a_language_changes_accents_as_it_changes_the_style() -> None:
    """The accent keeps its own colour over the language's."""
    layer = headline(made("*Five* cups", locale="ar"))
    assert layer.type.families == layer.spans[0].type.families == ("Noto Sans Arabic", "Inter")
    assert layer.type.leading == 1.4


def test_values_of_rows_are_plain_and_words_around_them_are_not() -> None:
    """So that 5* in a product's name never becomes an accent, whatever follows it."""
    rows = ({"id": "serum", "name": "Dew *5* [x]{tiny} :bean:", "photo": "serum.png"},)
    layer = headline(made("*Meet* {{ row.name }}", rows=rows))
    assert layer.text == "Meet Dew *5* [x]{tiny} :bean:"
    assert words(layer) == ["Meet"]
    accented = headline(made("*{{ row.name }}* now", rows=rows))
    assert words(accented) == ["Dew *5* [x]{tiny} :bean:"]


def test_a_slot_may_read_markup_in_rows_or_read_none_at_all() -> None:
    """`markup: true` and `markup: false`; the control is neither."""
    rows = ({"id": "serum", "name": "Dew *5*", "photo": "serum.png"},)
    entry = {"slots": {"product": "{{ row.photo }}", "headline": "*Now* {{ row.name }}"}}

    def text(markup: bool | None) -> TextLayer:
        slots = {"headline": {"type": "text", "markup": markup}}
        return headline(made("", rows=rows, entry=entry, template={"slots": slots}))

    assert (text(None).text, words(text(None))) == ("Now Dew *5*", ["Now"])
    assert (text(True).text, words(text(True))) == ("Now Dew 5", ["Now", "5"])
    assert (text(False).text, words(text(False))) == ("*Now* Dew *5*", [])


def test_a_layer_may_switch_markup_off() -> None:
    """It then shows the copy as it is written."""
    found = made("For *you* :bean:")
    template = found.templates["banner/hero"]
    layers = tuple(
        layer.model_copy(update={"markup": False}) if layer.id == "headline" else layer for layer in template.layers
    )
    off = replace(found, templates={"banner/hero": template.model_copy(update={"layers": layers})})
    assert headline(off).text == "For *you* :bean:"
    assert headline(off).spans == ()
    assert headline(found).text == f"For you {ICON}"


def test_prompts_and_other_readers_see_the_plain_words() -> None:
    """A headline that a prompt repeats comes without stars and without icons."""
    scene = plan(made("For *you* :bean:", template={"plate": {"camera": "seen {{ slots.headline }}"}}), LIMITS)
    prompts = " ".join(plate.request.prompt for plate in scene.plates)
    assert "seen For you" in prompts
    assert "*" not in prompts
    assert ":bean:" not in prompts
    assert ICON not in prompts


def test_a_button_has_spans_too() -> None:
    """Its label is copy like any other."""
    copies = {"en": {"headline": "x", "cta": "[Buy]{tiny} now"}}
    scene = plan(made("", copy=copies), LIMITS, Only(format="web/open-graph")).scenes[0]
    button = next(layer for layer in scene.layers if isinstance(layer, ButtonLayer))
    assert (button.text, words(button)) == ("Buy now", ["Buy"])


def test_markup_that_does_not_close_points_into_the_copy() -> None:
    """File, line and column of the open sign, and the layer and language that met it."""
    line = "headline: For *you and me"
    source = SourceMap("copy/en.yaml", {("headline",): Position("copy/en.yaml", 2, 11)}, ("", line))
    found = problem(made("For *you and me", sources={"copy:en": source}))
    assert found.code == "markup"
    assert found.position == Position("copy/en.yaml", 2, line.index("*") + 1)
    assert "'headline'" in found.message
    assert "en" in found.message
    assert "\\*" in found.remedy


@pytest.mark.parametrize(
    ("text", "code", "suggestion"),
    [
        ("[a]{tny}", "unknown-style", ("tiny",)),
        (":been: a", "unknown-icon", ("bean",)),
        ("[a *b*]{label}", "no-accent", ()),
    ],
)
def test_what_the_kit_lacks_is_told_where_it_is_written(text: str, code: str, suggestion: tuple[str, ...]) -> None:
    """With what may have been meant."""
    line = f"headline: '{text}'"
    source = SourceMap("copy/en.yaml", {("headline",): Position("copy/en.yaml", 2, 11)}, ("", line))
    found = problem(made(text, sources={"copy:en": source}))
    assert (found.code, found.suggestions, found.position.file) == (code, suggestion, "copy/en.yaml")
    assert "headline" in found.message
