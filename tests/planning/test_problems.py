"""What is wrong in a campaign is found in one run, with the place in the user's file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from flux2flow.domain.campaign import CampaignBundle, SourceMap
from flux2flow.domain.plate import BackendLimits
from flux2flow.errors import Diagnostic, PlanError, Position, SpecError
from flux2flow.planning import Only, plan
from flux2flow.planning.values import parse_number
from tests.planning.bundles import LIMITS, bundle, picture
from tests.planning.test_planner import chart_bundle

Changes = Mapping[str, Any]


def problems(made: CampaignBundle, limits: BackendLimits = LIMITS) -> tuple[Diagnostic, ...]:
    """Every diagnostic of a plan that cannot be made."""
    with pytest.raises(SpecError) as caught:
        plan(made, limits)
    return caught.value.diagnostics


def one(made: CampaignBundle) -> Diagnostic:
    """Give the only diagnostic."""
    (found,) = problems(made)
    return found


def test_an_error_inside_an_expression_points_at_its_column() -> None:
    """The caret stands under the wrong name, not under the string."""
    line = '      headline: "{{ copy.heading }}"'
    lines = (*[""] * 11, line)
    source = SourceMap("campaign.yaml", {("assets", 0, "slots", "headline"): Position("campaign.yaml", 12, 17)}, lines)
    found = one(
        bundle(
            entry={"slots": {"headline": "{{ copy.heading }}"}},
            sources={"campaign": source},
            campaign={"locales": ["en"]},
        )
    )
    assert found.code == "undefined-name"
    assert (found.position.line, found.position.column) == (12, line.index("heading }}") + 1)
    assert found.suggestions == ("headline",)
    assert found.snippet == ((12, line),)
    assert found.path == "assets[0].slots.headline"


def test_an_error_inside_a_copy_text_points_at_the_copy() -> None:
    """The expression that uses it is right; the same text met in every format counts once."""
    line = "headline: Meet {{ row.nme }}"
    source = SourceMap("copy/en.yaml", {("headline",): Position("copy/en.yaml", 3, 11)}, ("", "", line))
    found = problems(bundle(copy={"en": {"headline": "Meet {{ row.nme }}"}}, sources={"copy:en": source}))
    assert len(found) == 1
    assert found[0].position == Position("copy/en.yaml", 3, line.index("nme") + 1)
    assert found[0].suggestions == ("name",)


def test_a_copy_text_that_nothing_uses_is_no_problem() -> None:
    """A text may need a row that only another asset has."""
    plan(bundle(copy={"en": {"unused": "{{ row.nothing }}"}}), LIMITS)


def test_all_problems_are_found_in_one_run() -> None:
    """Five mistakes, five diagnostics."""
    made = bundle(
        template={
            "plate": {
                "scene": "A floor without chairs",
                "palette": {"backdrop": "bakground"},
                "references": ["slots.prodct"],
            },
            "layout": {"landscape": {"ground": "80"}},
        },
        entry={"slots": {"headline": "{{ copy.heading }}"}},
        kit={"logos": {"primary": None, "mark": {"file": "mark.svg"}}},
    )
    found = problems(made)
    assert {one.code for one in found} == {
        "negative-prompt",
        "unknown-color",
        "unknown-reference",
        "bad-length",
        "undefined-name",
        "unknown-logo",
    }


ENTRY_MISTAKES = [
    ({"slots": {"headline": None}}, "missing-slot", "'headline'"),
    ({"slots": {"headline": " "}}, "empty-slot", "'headline' is empty"),
    ({"slots": {"product": "serun.png"}}, "missing-picture", "'serun.png'"),
    ({"slots": {"product": "photo.jpg"}}, "no-alpha", "no transparency"),
    ({"variants": {"mod": ["dawn"]}}, "unknown-variant", "no variant axis 'mod'"),
    ({"variants": {"mood": ["dusk"]}}, "unknown-variant", "'dusk' is no value"),
    ({"rows": ["serun"]}, "unknown-row", "'serun'"),
    ({"formats": ["web/open-graph", "web/open-graph"]}, "duplicate-format", "listed twice"),
    ({"formats": ["web/open-graph", "iab/medium-rectangle"]}, "no-layout", "is of class 'square'"),
]


@pytest.mark.parametrize(("entry", "code", "words"), ENTRY_MISTAKES)
def test_mistakes_in_an_entry(entry: Changes, code: str, words: str) -> None:
    """Each has its own code and names what is wrong."""
    found = problems(bundle(entry=entry))
    assert code in {one.code for one in found}
    assert any(words in one.message for one in found)


TEMPLATE_MISTAKES = [
    (
        {"plate": {"lighting": {"description": "soft light from the left"}}},
        "light-direction",
        "where the light comes from",
    ),
    ({"plate": {"style": "not a photograph"}}, "negative-prompt", "'not a'"),
    ({"layout": {"landscape": {"boxes": {"logo": {"w": "0%"}}}}}, "empty-box", "0 ×"),
    ({"layout": {"landscape": {"boxes": {"logo": {"x": "wide"}}}}}, "bad-length", "'wide'"),
    ({"layout": {"landscape": {"focal": "hero"}}}, "unknown-layer", "'hero'"),
    ({"plate": {"palette": {"backdrop": "#12"}}}, "bad-color", "'#12'"),
]


@pytest.mark.parametrize(("template", "code", "words"), TEMPLATE_MISTAKES)
def test_mistakes_in_a_template(template: Changes, code: str, words: str) -> None:
    """The place is in the template."""
    found = [one for one in problems(bundle(template=template)) if one.code == code]
    assert found
    assert words in found[0].message
    assert found[0].position.file == "banner/hero"


def test_two_entries_of_one_name_are_refused() -> None:
    """Their files and seeds would collide."""
    made = bundle()
    twice = made.campaign.model_copy(update={"assets": made.campaign.assets * 2})
    from dataclasses import replace

    assert one(replace(made, campaign=twice)).code == "duplicate-entry"


def test_a_cell_that_is_no_number_points_at_its_row() -> None:
    """In the data file, where it can be mended."""
    rows = ({"id": "a", "name": "A", "cups": "12"}, {"id": "b", "name": "B", "cups": "many"})
    found = one(chart_bundle(rows=rows))
    assert found.position == Position("rows.csv", 3, 1)
    assert "'many'" in found.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12.0),
        ("1,250.5", 1250.5),
        ("1 250 000", 1250000.0),
        ("−3", -3.0),
        ("1_000", 1000.0),
        ("1,5", None),
        ("12,34,567", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("12 cups", None),
    ],
)
def test_numbers_are_read_or_refused_never_guessed(text: str, value: float | None) -> None:
    """`1,5` is one and a half to some and an error to us."""
    assert parse_number(text) == value


def test_a_backend_with_too_few_pixels_is_a_diagnostic() -> None:
    """Not a traceback."""
    assert "no-plate" in {one.code for one in problems(bundle(), BackendLimits("dot", 0, 100))}


def test_a_negative_in_a_reference_caption_is_found() -> None:
    """Captions enter the prompt too."""
    references = {"mood": {"caption": "a street with never a car"}}
    made = bundle(template={"plate": {"references": ["brand.references.mood"]}}, kit={"references": references})
    found = one(made)
    assert (found.code, found.position.file) == ("negative-prompt", "brand_kit")


class TestOnly:
    """`--only` takes a part and changes none of it."""

    def test_each_selector_takes_its_part(self) -> None:
        """And what remains equals what the whole plan holds."""
        whole = plan(bundle(), LIMITS)
        for only, count in (
            (Only(locale="ar"), 6),
            (Only(format="iab/leaderboard"), 4),
            (Only(row="cream"), 6),
            (Only(asset="hero"), 12),
            (Only(asset="hero/cream"), 6),
            (Only(asset="hero/cream/web-open-graph/ar"), 1),
            (Only(locale="en", row="serum", format="web/open-graph"), 1),
        ):
            part = plan(bundle(), LIMITS, only)
            assert len(part.scenes) == count
            assert set(part.scenes) <= set(whole.scenes)
            requests = {plate.id: plate.request for plate in whole.plates}
            assert all(requests[plate.id] == plate.request for plate in part.plates)
            assert all(plate.serves for plate in part.plates)
            assert {id for plate in part.plates for id in plate.serves} == {scene.id for scene in part.scenes}
            assert {format.id for format in part.formats} == {scene.format for scene in part.scenes}

    @pytest.mark.parametrize(
        ("only", "words"),
        [
            (Only(locale="fr"), "no locale 'fr'"),
            (Only(format="web/open-grap"), "did you mean 'web/open-graph'"),
            (Only(asset="her"), "did you mean 'hero'"),
            (Only(row="mist"), "there are serum, cream"),
        ],
    )
    def test_a_selection_of_nothing_says_what_there_is(self, only: Only, words: str) -> None:
        """Exit 2, not an empty run."""
        with pytest.raises(PlanError, match=words):
            plan(bundle(), LIMITS, only)

    def test_parts_that_never_meet_are_said(self) -> None:
        """Each exists, together they do not."""
        with pytest.raises(PlanError, match="together"):
            plan(bundle(entry={"locales": ["en"]}), LIMITS, Only(asset="hero/serum", row="cream"))


class TestReferences:
    """Chosen, ordered, captioned, capped, deduplicated; every drop has its reason."""

    ALL = ("brand.references.swatch", "brand.references.vase", "brand.references.mood", "slots.product")

    def made(self, *names: str, limits: BackendLimits = LIMITS, **changes: Any) -> tuple[list[str], list[str]]:
        """Roles of the chosen references, and why others were dropped."""
        layers = [{"id": "headline", "text": "{{ slots.headline }}", "style": "display"}]
        template = {"plate": {"references": list(names)}, "layers": layers}
        result = plan(bundle(template=template, **changes), limits, Only(row="serum"))
        dropped = [note.message for note in result.notes if note.code == "reference-dropped"]
        return [one.role for one in result.plates[0].request.references], dropped

    def test_the_product_comes_first_whatever_the_template_says(self) -> None:
        """Then style, prop and palette."""
        assert self.made(*self.ALL) == (["product", "style", "prop", "palette"], [])

    def test_a_cap_cuts_from_the_end_and_says_so(self) -> None:
        """Never the product."""
        roles, dropped = self.made(*self.ALL, limits=BackendLimits("small", 2, 360_448))
        assert roles == ["product", "style"]
        assert {message.split(" was")[0] for message in dropped} == {"brand.references.vase", "brand.references.swatch"}
        assert all("backend small takes 2 references" in message for message in dropped)

    def test_the_same_picture_is_taken_once(self) -> None:
        """By its bytes, not by its name."""
        same = {"reference:mood": picture("serum.png")}
        roles, dropped = self.made("slots.product", "brand.references.mood", pictures=same)
        assert roles == ["product"]
        assert "a reference already" in dropped[0]

    def test_pictures_the_model_would_refuse_are_dropped_with_the_reason(self) -> None:
        """Too small, too long, or a drawing."""
        assert "at least 64 px" in self.made("brand.references.tiny")[1][0]
        long = {"reference:mood": picture("long.png", (1000, 100))}
        assert "longer than 8:1" in self.made("brand.references.mood", pictures=long)[1][0]
        drawing = {"reference:mood": picture("mood.svg", media="svg")}
        assert "vector" in self.made("brand.references.mood", pictures=drawing)[1][0]

    def test_a_product_set_exactly_is_not_painted_as_well(self) -> None:
        """The plate paints floor and backdrop only."""
        result = plan(bundle(template={"plate": {"references": ["slots.product", "brand.references.mood"]}}), LIMITS)
        assert [one.role for one in result.plates[0].request.references] == ["style"]
        assert any("set exactly" in note.message for note in result.notes)
        assert result.plates[0].request.prompt.startswith("Image 1 is a style reference, morning light on linen. ")

    def test_a_product_without_a_box_on_a_class_may_be_painted_there(self) -> None:
        """It is set exactly only where the class has a place for it."""
        template = {
            "plate": {"references": ["slots.product"]},
            "layout": {"landscape": {"boxes": {"product": None}}},
        }
        result = plan(bundle(template=template), LIMITS, Only(row="serum", locale="en"))
        roles = {plate.aspect_class: [one.role for one in plate.request.references] for plate in result.plates}
        assert roles == {"landscape": ["product"], "banner": []}
