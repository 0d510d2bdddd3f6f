"""The JSON Schemas: draft-07, valid themselves, passing what loads and failing what does not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from flux2flow.loading import schema
from flux2flow.loading.schemas import KINDS
from flux2flow.loading.yaml_composer import read
from tests.loading.conftest import BASE

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = Path(__file__).parent / "documents"
FILES = {
    "campaign": [BASE / "campaign.yaml", *REPOSITORY.glob("examples/*/campaign.yaml")],
    "template": [BASE / "templates/card/simple/template.yaml", *REPOSITORY.glob("templates/*/*/template.yaml")],
    "brand_kit": [BASE / "brand_kits/tiny/brand_kit.yaml", *REPOSITORY.glob("brand_kits/*/brand_kit.yaml")],
    "copy": [*BASE.glob("copy/*.yaml"), *REPOSITORY.glob("examples/*/copy/*.yaml")],
    "project": [DOCUMENTS / "flux2flow.yaml"],
    "prompts": [DOCUMENTS / "prompts.yaml"],
    "format": list((REPOSITORY / "flux2flow/loading/formats").glob("*.yaml")),
}


def document(path: Path) -> Any:
    found = read(path.name, path.read_bytes())
    assert found.problems == ()
    return found.data


@pytest.mark.parametrize("kind", KINDS)
def test_schema_is_valid_draft_07(kind: str) -> None:
    made = schema(kind)
    assert made["$schema"] == "http://json-schema.org/draft-07/schema#"
    Draft7Validator.check_schema(made)
    newer = {"$defs", "prefixItems", "discriminator", "unevaluatedProperties", "dependentRequired"}

    def keys(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set(value) | {key for item in value.values() for key in keys(item)}
        return {key for item in value for key in keys(item)} if isinstance(value, list) else set()

    assert keys(made) & newer == set()


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, paths in FILES.items() for path in paths], ids=str)
def test_valid_documents_pass(kind: str, path: Path) -> None:
    assert [error.message for error in Draft7Validator(schema(kind)).iter_errors(document(path))] == []


def _set(*path: Any) -> Callable[[Any], None]:
    *owners, key, value = path

    def change(data: Any) -> None:
        for owner in owners:
            data = data[owner]
        data[key] = value

    return change


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("campaign", _set("titel", "x")),
        ("campaign", _set("flux2flow", 2)),
        ("campaign", _set("assets", [])),
        ("campaign", _set("assets", 0, "formats", "iab/leaderboard")),
        ("template", _set("layers", 0, "shape", "star")),
        ("template", _set("layers", 2, "styel", "x")),
        ("template", _set("layout", "wide", {"boxes": {}})),
        ("template", _set("slots", "headline", "type", "words")),
        ("brand_kit", _set("colors", "ink", 5)),
        ("brand_kit", _set("styles", "body", "weight", 5000)),
        ("copy", _set("headline", 12)),
        ("copy", _set("lines", "lamp", [])),
        ("campaign", _set("sampling", {"steps": 0})),
        ("project", _set("endpoint", "https://example.org")),
        ("project", _set("accept_licences", "FLUX-Non-Commercial-2.0")),
        ("prompts", _set("prompts", 0, "promt", "x")),
        ("prompts", _set("prompts", 1, "seed", "seven")),
        ("format", _set("formats", 0, "width", 4)),
        ("format", _set("formats", 0, "media", ["gif"])),
    ],
)
def test_wrong_documents_fail(kind: str, change: Callable[[Any], None]) -> None:
    data = copy.deepcopy(document(FILES[kind][0]))
    assert Draft7Validator(schema(kind)).is_valid(data)
    change(data)
    assert not Draft7Validator(schema(kind)).is_valid(data)


def test_descriptions_come_along() -> None:
    properties = schema("campaign")["properties"]
    assert properties["campaign"]["description"] == "the campaign's id; names its folder under build/"
    assert "copy" in properties
    assert "copy_" not in properties
    assert schema("template")["definitions"]["Fit"]["description"].startswith("Copyfitting")


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="there are campaign, template"):
        schema("poster")


def test_the_template_schema_knows_stacks_and_grids() -> None:
    """A stack and a grid are valid where a box is; a key of one is none of the other, nor of a box."""
    validator = Draft7Validator(schema("template"))
    template = copy.deepcopy(document(FILES["template"][0]))
    boxes = template["layout"]["landscape"]["boxes"]
    for place in ({"stack": ["headline"], "spread": True}, {"grid": ["headline"], "columns": 2}):
        boxes["column"] = place
        assert validator.is_valid(template), place
    wrong = (
        {"stack": ["headline"], "columns": 2},
        {"grid": ["headline"], "spread": True, "columns": 1},
        {"gap": "1px"},
    )
    for place in wrong:
        boxes["column"] = place
        assert not validator.is_valid(template), place
