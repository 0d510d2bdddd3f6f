"""Holds a document against its pydantic model and turns every violation into a diagnostic in plain words.

Knows the models only by their types; what documents mean together is checked elsewhere.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

import pydantic
from pydantic import BaseModel, Tag
from pydantic_core import ErrorDetails

from flux2flow.domain.template import LAYER_KINDS
from flux2flow.errors import Diagnostic, Position
from flux2flow.expressions import suggest
from flux2flow.loading.collector import Collector
from flux2flow.loading.yaml_document import Document, KeyPath

VERSION = 1
Model = TypeVar("Model", bound=BaseModel)

_EXPECTED = {
    "string_type": "text", "string_sub_type": "text", "int_type": "a whole number", "int_from_float": "a whole number",
    "float_type": "a number", "bool_type": "true or false", "tuple_type": "a list", "list_type": "a list",
    "dict_type": "keys and values", "model_type": "keys and values", "model_attributes_type": "keys and values",
    "none_required": "nothing",
}  # fmt: skip


def validate(document: Document, model: type[Model], into: Collector) -> Model | None:
    """Make the model of a document; note every problem and give None where there is one."""
    into.name(document.file)
    into.extend(document.problems)
    if not usable(document, into):
        return None
    try:
        made = model.model_validate_json(json.dumps(document.data), strict=True)
    except pydantic.ValidationError as error:
        _note(document, model, error.errors(include_url=False), into)
        return None
    return None if document.problems else made


def usable(document: Document, into: Collector) -> bool:
    """Say whether a document is keys and values of a version we know; note the problem where not."""
    if document.data is None:
        if not document.problems:
            into.add(
                Diagnostic("empty-file", "the file is empty", Position(document.file, 1, 1), expected="keys and values")
            )
        return False
    if not isinstance(document.data, dict):
        kind = describe(document.data)
        into.at_value(document, (), "wrong-type", f"the file holds {kind}", expected="keys and values")
        return False
    version = document.data.get("flux2flow")
    if isinstance(version, int) and not isinstance(version, bool) and version != VERSION:
        if version > VERSION:
            remedy = "install a newer flux2flow: pip install --upgrade flux2flow"
            message = f"the file is written for version {version} of the format; this program knows version {VERSION}"
        else:
            remedy, message = f"write flux2flow: {VERSION}", f"there is no version {version} of the format"
        into.at_value(document, ("flux2flow",), "version", message, remedy=remedy)
        return False
    return True


def describe(value: object) -> str:
    """Name a value's kind as a person would."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"{str(value).lower()} (a boolean)"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "keys and values"


def _note(document: Document, model: type[BaseModel], errors: Sequence[ErrorDetails], into: Collector) -> None:
    """Note each error once a place; alternatives of a union that all failed count as one."""
    grouped: dict[tuple[KeyPath, bool], list[ErrorDetails]] = {}
    for error in errors:
        path = data_path(document.data, error["loc"], missing=error["type"] == "missing")
        grouped.setdefault((path, error["type"] in ("missing", "extra_forbidden")), []).append(error)
    misspelt = {
        (path[:-1], near)
        for (path, _), found in grouped.items()
        if found[0]["type"] == "extra_forbidden"
        for near in suggest(str(path[-1]), known_keys(model, found[0]["loc"][:-1]))
    }
    deeper = {path[:length] for path, _ in grouped for length in range(len(path))}
    for (path, _), alternatives in grouped.items():
        if alternatives[0]["type"] == "missing" and (path[:-1], path[-1]) in misspelt:
            continue  # it is there under a wrong name, which is told
        if alternatives[0]["type"] == "too_short" and _value_at(document.data, path):
            continue  # only short because entries of it failed, and those are told
        if len(alternatives) > 1 or path not in deeper or not alternatives[0]["type"].endswith("_type"):
            _note_one(document, model, path, alternatives, into)


def _note_one(
    document: Document, model: type[BaseModel], path: KeyPath, errors: Sequence[ErrorDetails], into: Collector
) -> None:
    first = errors[0]
    kind, context = first["type"], first.get("ctx", {})
    name = path[-1] if path else ""
    if kind == "extra_forbidden":
        known = known_keys(model, first["loc"][:-1])
        present = _keys_beside(document.data, path)
        free = [key for key in known if key not in present]
        into.at_key(
            document, path, "unknown-key", f"unknown key {name!r}", expected="one of " + ", ".join(known),
            suggestions=suggest(str(name), free),
        )  # fmt: skip
    elif kind == "missing":
        into.at_key(document, path, "missing-key", f"{name!r} is missing", expected=_missing_words(model, first["loc"]))
    elif kind == "literal_error":
        options = [option.strip("'") for option in str(context["expected"]).replace(" or ", ", ").split(", ")]
        wrong = str(first["input"])
        into.at_value(
            document, path, "wrong-value", f"{wrong!r} is not known here", expected="one of " + ", ".join(options),
            suggestions=suggest(wrong, options),
        )  # fmt: skip
    elif kind == "layer_kind":
        into.at_value(document, path, "layer-kind", first["msg"], expected="exactly one of " + ", ".join(LAYER_KINDS))
    elif any(error["type"] in _EXPECTED for error in errors):
        words = dict.fromkeys(_EXPECTED[error["type"]] for error in errors if error["type"] in _EXPECTED)
        value = _value_at(document.data, path)
        remedy = 'quote it: "…"' if "text" in words and isinstance(value, bool | int | float) else ""
        message = f"{written_name(path)} is {describe(value)}"
        into.at_value(document, path, "wrong-type", message, expected=" or ".join(words), remedy=remedy)
    else:
        into.at_value(document, path, "wrong-value", *_limit_words(written_name(path), first))


def _limit_words(name: str, error: ErrorDetails) -> tuple[str]:
    """Say in plain words which bound a value breaks."""
    context = error.get("ctx", {})
    shown = str(error["input"])[:60]
    match error["type"]:
        case "greater_than_equal":
            words = f"{name} is {shown}: at least {context['ge']} is allowed"
        case "less_than_equal":
            words = f"{name} is {shown}: at most {context['le']} is allowed"
        case "less_than":
            words = f"{name} is {shown}: it must be below {context['lt']}"
        case "string_pattern_mismatch":
            words = f"{name} is {shown!r}: lower-case letters, digits and hyphens only, beginning with a letter"
        case "too_short":
            words = f"{name} is empty: at least {context['min_length']} is needed"
        case _:
            words = f"{name}: {error['msg']}"
    return (words,)


def written_name(path: KeyPath) -> str:
    """Name a value by its key, or by its place in a list."""
    if not path:
        return "the file"
    if isinstance(path[-1], int):
        owner = next((part for part in reversed(path) if isinstance(part, str)), "the list")
        return f"entry {path[-1] + 1} of {owner!r}"
    return repr(path[-1])


def data_path(data: object, location: Sequence[int | str], *, missing: bool = False) -> KeyPath:
    """Reduce a pydantic location to keys and indices of the data: names of union members are left out."""
    path: list[int | str] = []
    current = data
    for index, part in enumerate(location):
        # a layer's location names its kind, which is also one of its keys
        if index == 2 and len(path) == 2 and path[0] == "layers" and part in LAYER_KINDS:
            continue
        below = _step(current, part)
        if below is not _ABSENT:
            current = below
        elif not (missing and index == len(location) - 1):
            continue
        path.append(part)
    return tuple(path)


_ABSENT = object()


def _step(value: object, part: int | str) -> object:
    if isinstance(value, dict) and part in value:
        return value[part]
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return _ABSENT


def _value_at(data: object, path: KeyPath) -> object:
    for part in path:
        data = _step(data, part)
    return None if data is _ABSENT else data


def _keys_beside(data: object, path: KeyPath) -> Mapping[str, object]:
    owner = _value_at(data, path[:-1])
    return owner if isinstance(owner, dict) else {}


def known_keys(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """List the keys a model allows at a pydantic location."""
    shape: Any = model
    for part in location:
        shape = _below(shape, part)
    inner = _plain(shape)
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        return [field.alias or name for name, field in inner.model_fields.items()]
    return []


def _missing_words(model: type[BaseModel], location: Sequence[int | str]) -> str:
    """Say what a missing key is for, from its description."""
    shape: Any = model
    for part in location[:-1]:
        shape = _below(shape, part)
    inner = _plain(shape)
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        for name, field in inner.model_fields.items():
            if location[-1] in (name, field.alias):
                return field.description or ""
    return ""


def _plain(shape: Any) -> Any:
    """Strip Annotated, and None from a union with one other member."""
    while typing.get_origin(shape) is Annotated:
        shape = typing.get_args(shape)[0]
    if typing.get_origin(shape) in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(shape) if member is not type(None)]
        if len(members) == 1:
            return _plain(members[0])
    return shape


def _below(shape: Any, part: int | str) -> Any:
    """Take one step of a pydantic location down a type."""
    inner = _plain(shape)
    origin = typing.get_origin(inner)
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        for name, field in inner.model_fields.items():
            if part in (name, field.alias):
                return field.annotation
    if origin in (tuple, list):
        return typing.get_args(inner)[0]
    if origin in (dict, Mapping):
        return typing.get_args(inner)[1]
    if origin in (typing.Union, types.UnionType):
        for member in typing.get_args(inner):
            tags = [note.tag for note in getattr(member, "__metadata__", ()) if isinstance(note, Tag)]
            if part in tags or getattr(_plain(member), "__name__", None) == part:
                return member
    return None
