"""Checks every expression in campaign, templates and decks against the names it may use, down to the column.

A copy key must exist in every locale of the entries that use it. Evaluates nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from flux2flow.expressions import ExpressionError, Names, Use, number_problem, problems, suggest, uses
from flux2flow.loading import entries
from flux2flow.loading.copy_decks import deck_texts
from flux2flow.loading.rows import rows_of
from flux2flow.loading.templates import COLOR_KEYS, image_slots
from flux2flow.loading.workspace import Workspace, mapping, select, texts
from flux2flow.loading.yaml_document import Document, KeyPath, written

_FORMAT: Names = {"id": None, "width": None, "height": None, "class": None}
_BRAND: Names = {"id": None, "name": None}

TEMPLATE_STRINGS = (
    ("slots", "*", "caption"), ("slots", "*", "default"),
    *(("plate", key) for key in ("scene", "style", "composition", "camera", "words", "negative")),
    ("plate", "subjects", "*"), ("plate", "palette", "*"), ("plate", "lighting", "description"),
    ("layers", "*", "shorter", "*"),
    *(("layers", "*", key) for key in ("text", "button", "picture", "when", "label", "value", "highlight")),
    *(("layers", "*", key) for key in ("where", "series", "category", "missing", "middle", "whole", "symbol")),
    *(("layers", "*", key) for key in ("figure", "unit", "caption", "timeline", "title", "note")),
    ("layers", "*", "colors", "*"), ("layers", "*", "table", "*", "cell"), ("layers", "*", "table", "*", "header"),
    *(("layers", "*", key) for key in COLOR_KEYS),
)  # fmt: skip


def check_strings(workspace: Workspace) -> None:
    """Check campaign, then templates, then decks."""
    campaign = workspace.campaign
    if campaign is None:
        return
    for index, entry in entries.entries(workspace):
        names = _names(workspace, [workspace.templates.get(str(entry.get("template")))])
        locales = entries.entry_locales(workspace, entry)
        for path, text in texts(campaign, "assets", "*", "slots", "*"):
            if path[1] == index:
                _check(workspace, campaign, path, text, names, locales)
                _check_numbers(workspace, path, text, campaign, [entry])
    for name, template in workspace.templates.items():
        _check_template(workspace, name, template)
    everywhere = _names(workspace, workspace.templates.values())
    deck_names = {key: below for key, below in everywhere.items() if key in ("row", "variant", "brand", "locale")}
    for document in workspace.decks.values():
        for path, text in _deck_strings(document):
            _check(workspace, document, path, text, deck_names, ())


def _check_template(workspace: Workspace, name: str, template: Document) -> None:
    using = [entry for _, entry in entries.entries(workspace) if entry.get("template") == name]
    locales = list(dict.fromkeys(locale for entry in using for locale in entries.entry_locales(workspace, entry)))
    images = image_slots(template)
    slots: dict[str, Names | None] = {
        slot: {"path": None, "caption": None} if slot in images else None for slot in mapping(template, "slots")
    }
    names: dict[str, Names | None] = {**_names(workspace, [template]), "slots": slots}
    # Which rows a layer with 'where' draws is known when its asset is planned; planning then notes what is no number.
    chosen = {path[:2] for path, _ in texts(template, "layers", "*", "where")}
    for pattern in TEMPLATE_STRINGS:
        for path, text in texts(template, *pattern):
            own = {key: below for key, below in names.items() if key != "slots" or path[-1] != "default"}
            _check(workspace, template, path, text, own, locales)
            if path[:2] not in chosen:
                _check_numbers(workspace, path, text, template, using)
    for path, text in texts(template, "layers", "*", "show"):
        _check(workspace, template, path, text, {**names, "value": None, "share": None}, locales)
    for path, text in texts(template, "layers", "*", "tick"):
        _check(workspace, template, path, text, {**names, "value": None}, locales)


def _names(workspace: Workspace, templates: Iterable[Document | None]) -> dict[str, Names | None]:
    """List what an expression may use, besides the slots of a template."""
    axes: dict[str, Names | None] = {axis: None for template in templates for axis in mapping(template, "variants")}
    names: dict[str, Names | None] = {}
    if workspace.table is not None:
        names["row"] = dict.fromkeys(workspace.table.columns)
    elif list(texts(workspace.campaign, "rows")):
        names["row"] = None  # the rows could not be read: what they hold is unknown
    if workspace.decks or workspace.missing_decks:
        names["copy"] = _union(deck_texts(deck) for deck in workspace.decks.values()) if workspace.decks else None
    elif list(texts(workspace.campaign, "copy")):
        names["copy"] = None
    return {**names, "variant": axes, "locale": None, "brand": _BRAND, "format": _FORMAT}


def _union(decks: Iterable[Mapping[str, object]]) -> Names:
    merged: dict[str, Names | None] = {}
    for deck in decks:
        for key, value in deck.items():
            below = merged.get(key)
            if isinstance(value, Mapping):
                merged[key] = _union([value, *([_bare(below)] if below else [])])
            else:
                merged.setdefault(key, None)
    return merged


def _bare(names: Names) -> Mapping[str, object]:
    return {key: _bare(below) if below is not None else "" for key, below in names.items()}


def _deck_strings(document: Document) -> list[tuple[KeyPath, str]]:
    found: list[tuple[KeyPath, str]] = []
    level = list(select(document.data, "*"))
    while level:
        found += [(path, value) for path, value in level if isinstance(value, str)]
        level = [
            ((*path, *more), item)
            for path, value in level
            if isinstance(value, dict | list)
            for more, item in select(value, "*")
        ]
    return found


def _check(
    workspace: Workspace, document: Document, path: KeyPath, text: str, names: Names, locales: Iterable[str]
) -> None:
    found = problems(text, names)
    for error in found:
        workspace.problems.in_string(document, path, _explained(error, text, names))
    if found:
        return
    for use in uses(text):
        if use.path[0] == "copy" and not use.optional:
            _check_locales(workspace, document, path, use, locales)


def _check_numbers(
    workspace: Workspace, path: KeyPath, text: str, document: Document, using: Sequence[Mapping[str, object]]
) -> None:
    """Note every cell that a string reads as a number and that is none.

    Decks are left out: not every row uses every text.
    """
    table = workspace.table
    try:
        read = [use for use in uses(text) if use.filter and len(use.path) == 2 and use.path[0] == "row"]
    except ExpressionError:
        return  # told before
    if table is None or not read:
        return
    for use in read:
        column = use.path[1]
        for row in rows_of(table, using):
            if column in row.cells and (message := number_problem(use.filter, row.cells[column])):
                remedy = f"{document.file} reads it as a number, in {written(path)}"
                workspace.problems.add(table.diagnostic(row, column, "not-a-number", message, remedy))


def _explained(error: ExpressionError, text: str, names: Names) -> ExpressionError:
    """Say what is missing where a whole group of names is."""
    name = text[error.offset : error.offset + error.length]
    remedies = {"row": "name a file of rows: rows: products.csv", "copy": "name a folder of texts: copy: copy/"}
    if error.code == "undefined-name" and name in remedies and name not in names:
        message = {"row": "the campaign has no rows", "copy": "the campaign has no copy decks"}.get(name, error.message)
        if not error.message.startswith("there is no"):
            return error
        return ExpressionError(message, error.offset, error.length, code=error.code, remedy=remedies[name])
    return error


def _check_locales(workspace: Workspace, document: Document, path: KeyPath, use: Use, locales: Iterable[str]) -> None:
    """Note a copy key that some locales of the entry lack."""
    for locale in locales:
        deck = workspace.decks.get(locale)
        if deck is None:
            continue
        value: object = deck_texts(deck)
        for depth, part in enumerate(use.path[1:], start=1):
            if not isinstance(value, Mapping):
                break
            if part not in value:
                key = ".".join(use.path[1:])
                error = ExpressionError(
                    f"{deck.file} has no {key!r}", use.offset, use.length, code="missing-locale-key",
                    suggestions=suggest(part, list(value)) if depth == len(use.path) - 1 else (),
                    remedy=f"add {key} to {deck.file}, or give the entry its own locales",
                )  # fmt: skip
                workspace.problems.in_string(document, path, error)
                break
            value = value[part]
