"""Pydantic's JSON Schema (2020-12) → draft-07, which editors complete from.

Knows the kinds of file, not their meaning.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from flux2flow.domain.brand_kit import BrandKit
from flux2flow.domain.campaign import Campaign
from flux2flow.domain.project_file import ProjectFile
from flux2flow.domain.template import Template
from flux2flow.domain.upsampled import PromptFile
from flux2flow.loading.formats import FormatFile

KINDS = ("campaign", "template", "brand_kit", "copy", "format", "project", "prompts")
DRAFT = "http://json-schema.org/draft-07/schema#"

_MODELS: dict[str, tuple[type[BaseModel], str]] = {
    "campaign": (Campaign, "flux2flow campaign"),
    "template": (Template, "flux2flow template"),
    "brand_kit": (BrandKit, "flux2flow brand kit"),
    "format": (FormatFile, "flux2flow formats of one platform"),
    "project": (ProjectFile, "flux2flow project"),
    "prompts": (PromptFile, "flux2flow upsampled prompts"),
}


def schema(kind: str) -> dict[str, Any]:
    """Make the draft-07 schema of a kind of file; raise ValueError for an unknown kind."""
    if kind == "copy":
        return _copy_schema()
    if kind not in _MODELS:
        raise ValueError(f"there is no schema {kind!r}; there are {', '.join(KINDS)}")
    model, title = _MODELS[kind]
    converted = _draft_07(model.model_json_schema(by_alias=True))
    versioned = {**converted, "properties": {**converted["properties"], "flux2flow": _version()}}
    return {"$schema": DRAFT, **versioned, "title": title}


def _version() -> dict[str, Any]:
    return {"const": 1, "description": "version of the file format"}


def _copy_schema() -> dict[str, Any]:
    wordings = {"type": "array", "items": {"type": "string"}, "minItems": 1, "description": "wordings, longest first"}
    text = {
        "anyOf": [
            {"type": "string"},
            wordings,
            {
                "type": "object",
                "description": "texts below this one; {text: …, short: …} is a text with a shorter wording",
                "additionalProperties": {"$ref": "#/definitions/text"},
            },
        ]
    }
    return {
        "$schema": DRAFT,
        "title": "flux2flow copy deck",
        "description": "the words of one language; every text may hold {{ row.… }}, {{ variant.… }}, {{ locale }},"
        " *accents*, [words]{style}, :icons:, and a backslash before a sign that is none",
        "type": "object",
        "required": ["flux2flow"],
        "properties": {"flux2flow": _version()},
        "additionalProperties": {"$ref": "#/definitions/text"},
        "definitions": {"text": text},
    }


def _draft_07(value: Any) -> Any:
    """Rename what 2020-12 renamed, all the way down."""
    if isinstance(value, list):
        return [_draft_07(item) for item in value]
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for key, item in value.items():
        if key == "$defs":
            made["definitions"] = {name: _draft_07(below) for name, below in item.items()}
        elif key == "$ref":
            made["$ref"] = item.replace("#/$defs/", "#/definitions/")
        elif key == "prefixItems":
            made["items"] = _draft_07(item)
            if "items" in value:
                made["additionalItems"] = _draft_07(value["items"])
        elif key == "items" and "prefixItems" in value:
            continue
        elif key == "properties":
            made["properties"] = {name: _draft_07(below) for name, below in item.items()}
        elif key == "discriminator":
            continue  # OpenAPI's, unknown to draft-07
        else:
            made[key] = item if key in ("default", "const", "enum", "required", "examples") else _draft_07(item)
    # draft-07 ignores whatever stands beside $ref: keep description and default by way of allOf
    if "$ref" in made and len(made) > 1:
        reference = made.pop("$ref")
        made["allOf"] = [{"$ref": reference}]
    return made
