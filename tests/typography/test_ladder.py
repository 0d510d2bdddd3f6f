"""The copyfitting ladder: each rung alone makes a text fit that the rungs before it cannot, and the report names it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flux2flow.domain.layout import PlacedText
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import FitRule, ShorterCopy
from tests.typography.builder import lines, set_one, style

LONG = "Overnight, your skin remembers its own light"
SHORT = "Skin remembers light"
SHORTEST = "Night light"
WIDE = Box(10, 20, 600, 60)
ARABIC_WITH_LATIN = style("Noto Sans Arabic", "Inter")


def fitted(text: str, width: float, rule: FitRule, **changes: object) -> PlacedText:
    return set_one(text, Box(10, 20, width, 60), fit=rule, **changes)  # type: ignore[arg-type]


def width_of(text: str, size: float, **changes: object) -> float:
    """Give the width that a text takes on one line at a size."""
    return fitted(text, 3000, FitRule(1, size, size), **changes).ink.width


@pytest.fixture(scope="module")
def tight() -> float:
    """Give a width that the long text misses by two per cent at 20 px."""
    return width_of(LONG, 20) * 0.98


def test_tracking_alone_keeps_the_size(tight: float) -> None:
    """Where letters may close up, the text fits at the ceiling; where they may not, it is set smaller."""
    rule = FitRule(1, 10, 20)
    loose, squeezed = fitted(LONG, tight, rule), fitted(LONG, tight, replace(rule, tracking=-0.03))
    assert (loose.fit.size < 20, loose.fit.tracking) == (True, 0)
    assert squeezed.fit.size == 20
    assert not squeezed.fit.overflow
    assert -0.03 <= squeezed.fit.tracking < 0
    assert f"tracking {squeezed.fit.tracking:+g} em" in squeezed.fit.steps[0]


def test_tracking_takes_no_more_than_it_needs(tight: float) -> None:
    """A rung looser, the text would not fit; a generous bound changes nothing."""
    rule = FitRule(1, 20, 20)
    needed = fitted(LONG, tight, replace(rule, tracking=-0.1)).fit.tracking
    assert fitted(LONG, tight, replace(rule, tracking=-0.05)).fit.tracking == needed
    assert fitted(LONG, tight, replace(rule, tracking=needed + 0.005)).fit.overflow
    assert fitted(LONG, 3000, replace(rule, tracking=-0.1)).fit.tracking == 0


def test_tracking_leaves_a_text_alone_that_lacks_height() -> None:
    """Closing up letters makes no text lower: nothing is squeezed for nothing."""
    text = set_one("Hi", Box(0, 0, 600, 20), fit=FitRule(1, 8, 80, tracking=-0.05))
    assert (text.fit.tracking, text.fit.overflow) == (0, False)


def test_joined_scripts_are_never_tracked() -> None:
    """Arabic letters hang together: the bound on tracking does nothing for them, nor for Latin words among them."""
    for words in ("في الليل تستعيد بشرتكِ إشراقتها", "مع Aurora في الليل"):
        width = width_of(words, 20, locale="ar") * 0.98
        plain = fitted(words, width, FitRule(1, 10, 20), locale="ar")
        bounded = fitted(words, width, FitRule(1, 10, 20, tracking=-0.05), locale="ar")
        assert bounded == plain
        assert plain.fit.size < 20
    latin = width_of("Aurora by night", 20, locale="ar") * 0.98  # control: the same bound works on Latin
    assert fitted("Aurora by night", latin, FitRule(1, 10, 20, tracking=-0.05), locale="ar").fit.tracking < 0


def test_the_width_axis_alone_keeps_the_size() -> None:
    """A font with a width axis is narrowed where the style lets it be, no further than it must."""
    words = "في الليل تستعيد بشرتكِ إشراقتها"
    width = width_of(words, 20, locale="ar") * 0.95
    rule = FitRule(1, 10, 20)
    narrowed = fitted(words, width, replace(rule, width=75), locale="ar")
    assert fitted(words, width, rule, locale="ar").fit.size < 20
    assert narrowed.fit.size == 20
    assert narrowed.fit.width_axis is not None
    assert 75 <= narrowed.fit.width_axis < 100
    assert dict(narrowed.lines[0].runs[0].font.location)["wdth"] == narrowed.fit.width_axis
    assert f"width axis {narrowed.fit.width_axis:g}" in narrowed.fit.steps[0]
    bounded = fitted(words, width, replace(rule, width=narrowed.fit.width_axis + 2), locale="ar")
    assert bounded.fit.size < 20


def test_a_font_without_the_axis_is_not_narrowed(tight: float) -> None:
    """Inter has no width axis: the bound is void, and size gives way."""
    text = fitted(LONG, tight, FitRule(1, 10, 20, width=75))
    assert text.fit.width_axis is None
    assert text.fit.size < 20


def test_tracking_comes_before_the_width_axis() -> None:
    """Where closing up is enough, the axis stays; where it is not, both are named."""
    type, rule = ARABIC_WITH_LATIN, FitRule(1, 20, 20, tracking=-0.02, width=70)
    natural = width_of(LONG, 20, type=type)
    first = fitted(LONG, natural * 0.985, rule, type=type)
    both = fitted(LONG, natural * 0.92, rule, type=type)
    assert (first.fit.width_axis, first.fit.tracking < 0) == (None, True)
    assert both.fit.tracking == -0.02
    assert both.fit.width_axis is not None
    assert not both.fit.overflow
    assert "tracking -0.02 em, width axis" in both.fit.steps[0]


def test_size_gives_way_after_both(tight: float) -> None:
    """Squeezed to the bound, the text is still larger than without squeezing, and in the box."""
    rule = FitRule(1, 8, 40)
    plain, squeezed = fitted(LONG, 400, rule), fitted(LONG, 400, replace(rule, tracking=-0.02))
    assert plain.fit.size < squeezed.fit.size < 40
    assert squeezed.box.contains(squeezed.ink, 0.05)


def test_shorter_copy_alone_fits() -> None:
    """The longest copy that fits at the floor is taken, in the deck's order, and its step is reported."""
    width, rule = width_of(SHORT, 16) + 1, FitRule(1, 16, 40)
    copies = (ShorterCopy(SHORT), ShorterCopy(SHORTEST))
    assert fitted(LONG, width, rule).fit.overflow
    text = fitted(LONG, width, rule, alternatives=copies)
    assert (text.text, text.fit.copy_step, text.fit.overflow) == (SHORT, 1, False)
    assert text.fit.steps[0].startswith("copy 2 of 3")
    shorter = fitted(LONG, width_of(SHORTEST, 16) + 1, rule, alternatives=copies)
    assert (shorter.text, shorter.fit.copy_step) == (SHORTEST, 2)
    assert fitted(LONG, 3000, rule, alternatives=copies).fit.copy_step == 0


def test_size_falls_to_the_floor_before_copy_shortens() -> None:
    """Without a preferred size the long copy is kept while it fits at all; with one, the short copy comes first."""
    width, rule = width_of(LONG, 12) + 1, FitRule(1, 12, 40)
    copies = (ShorterCopy(SHORT),)
    kept = fitted(LONG, width, rule, alternatives=copies)
    shortened = fitted(LONG, width, replace(rule, prefer=18), alternatives=copies)
    assert (kept.text, kept.fit.at_floor) == (LONG, True)
    assert shortened.text == SHORT
    assert shortened.fit.size >= 18


def test_a_preferred_size_that_no_copy_reaches_takes_the_longest_that_fits() -> None:
    """Below the preferred size, size gives way before words do."""
    rule = FitRule(1, 12, 40, prefer=38)
    text = fitted(LONG, width_of(LONG, 12) + 1, rule, alternatives=(ShorterCopy(SHORT),))
    assert (text.text, text.fit.copy_step) == (LONG, 0)


def test_a_preferred_size_is_not_squeezed_for(tight: float) -> None:
    """What reaches the preferred size keeps its letters as they are."""
    rule = FitRule(1, 10, 40, tracking=-0.05, prefer=15)
    assert fitted(LONG, tight, rule).fit.tracking == 0
    assert fitted(LONG, tight, replace(rule, prefer=None)).fit.tracking < 0


def test_what_no_rung_saves_overflows_with_everything_tried() -> None:
    """The shortest copy stands at the floor, squeezed, and says that it overflows."""
    rule = FitRule(1, 16, 40, tracking=-0.03)
    text = fitted(LONG, 40, rule, alternatives=(ShorterCopy(SHORT), ShorterCopy(SHORTEST)))
    assert (text.text, text.fit.overflow, text.fit.size, text.fit.at_floor) == (SHORTEST, True, 16, True)
    assert text.fit.tracking == -0.03
    assert text.fit.copy_step == 2


def test_shorter_copy_keeps_its_spans() -> None:
    """A shorter copy brings its own accents."""
    from flux2flow.domain.measures import Color
    from flux2flow.domain.scene import TextSpan

    red = replace(style(), color=Color(200, 0, 0))
    copies = (ShorterCopy(SHORTEST, (TextSpan(0, 5, red),)),)
    text = fitted(LONG, width_of(SHORTEST, 16) + 5, FitRule(1, 16, 16), alternatives=copies)
    assert lines(text) == [SHORTEST]
    assert [run.color for run in text.lines[0].runs] == [red.color, style().color]


def button(width: float, rule: FitRule, *copies: str) -> tuple[PlacedText, Box]:
    """Set a button in a box and give its label and its shape's box."""
    from flux2flow.domain.measures import Color
    from flux2flow.domain.scene import ButtonLayer
    from tests.typography.builder import layout

    first, *others = copies
    made = layout(
        ButtonLayer(
            "cta", first, style(), Color(0, 0, 0), 9, 0.9, Box(0, 0, width, 60), "start", "top", rule,
            alternatives=tuple(ShorterCopy(copy) for copy in others),
        )
    )  # fmt: skip
    (shape,) = (part for part in made.placed if part.kind == "shape")
    return made.texts()[0], shape.box


def test_a_button_takes_a_shorter_label() -> None:
    """The longest label that fits at the floor, or reaches the preferred size; without others it overflows."""
    rule = FitRule(1, 16, 24)
    label, shape = button(200, rule, "Discover the night cream", "Shop the cream", "Shop")
    assert (label.text, label.fit.copy_step, label.fit.overflow) == ("Shop the cream", 1, False)
    assert shape.width <= 200
    assert label.fit.steps[0].startswith("copy 2 of 3")
    assert button(200, rule, "Discover the night cream")[0].fit.overflow
    assert button(900, rule, "Discover the night cream", "Shop")[0].fit.copy_step == 0
    assert button(200, replace(rule, prefer=24), "Discover the night cream", "Shop the cream", "Shop")[0].text == "Shop"


def test_hyphenation_that_cannot_be_had_is_reported() -> None:
    """Finnish has no patterns here: only a style that asks for hyphens misses them, and German has its own."""
    pytest.importorskip("pyphen", reason="pyphen is not here: pip install 'flux2flow[intl]'")
    words, rule, box = "yötyölentokone tulee taas kotiin", FitRule(20, 18, 18), Box(0, 0, 200, 400)
    asks = style(hyphenate=True)
    assert set_one(words, box, asks, locale="fi", fit=rule).fit.unhyphenated
    assert not set_one(words, box, style(), locale="fi", fit=rule).fit.unhyphenated
    assert not set_one(words, box, asks, locale="de", fit=rule).fit.unhyphenated
