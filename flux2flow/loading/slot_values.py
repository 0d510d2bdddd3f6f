"""Evaluates what fills image and colour slots, for every row, locale and variant, and checks what comes out.

Knows nothing of layout: pictures are read through their gate, colours are looked up in the kit.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flux2flow.domain.campaign import Row
from flux2flow.errors import Diagnostic
from flux2flow.expressions import ExpressionError, Use, evaluate, is_template, suggest, uses
from flux2flow.loading import assets, entries
from flux2flow.loading.copy_decks import deck_texts, longest_texts
from flux2flow.loading.kits import check_token
from flux2flow.loading.rows import Table, rows_of
from flux2flow.loading.workspace import Place, Workspace, mapping, texts
from flux2flow.loading.yaml_document import Document, KeyPath
from flux2flow.project import FileRefusedError, check_relative

MAX_EVALUATIONS = 400_000
"""Of one slot: rows × locales × variants. Planning meets the rest."""

MAX_REPEATS = 20
"""How many cells with the same value are looked at, each."""


@dataclass(frozen=True, slots=True)
class Filling:
    """One value of a slot, and where it was written: a string of a document, or the cell that the string names."""

    value: str
    document: Document
    path: KeyPath
    row: Row | None = None
    column: str = ""


def check_slot_values(workspace: Workspace) -> None:
    """Check the image and colour slots of every entry."""
    for index, entry in entries.entries(workspace):
        template = workspace.templates.get(str(entry.get("template")))
        if template is None:
            continue
        standing = _standing(template)
        for name, slot in mapping(template, "slots").items():
            kind = slot.get("type") if isinstance(slot, dict) else None
            if kind == "image":
                for filling in _fillings(workspace, index, entry, template, name):
                    _check_picture(workspace, filling, template, standing.get(name))
            elif kind == "color":
                for filling in _fillings(workspace, index, entry, template, name):
                    _check_color(workspace, filling)
            elif kind in ("text", "number"):
                _check_text(workspace, index, entry, template, name)


def _check_text(workspace: Workspace, index: int, entry: Mapping[str, object], template: Document, name: str) -> None:
    """Evaluate a text whose names depend on a row: `copy.products[row.id]` must exist for every row."""
    given = entry.get("slots")
    source = given.get(name) if isinstance(given, dict) else None
    if isinstance(source, str) and "[" in source:
        for _ in _fillings(workspace, index, entry, template, name):
            pass


def _standing(template: Document) -> dict[str, str]:
    """Find the image slots whose picture is set exactly on the ground, with the layer that does it."""
    found: dict[str, str] = {}
    layers = template.data.get("layers") if isinstance(template.data, dict) else None
    for layer in layers if isinstance(layers, list) else []:
        if isinstance(layer, dict) and layer.get("stands") is True and isinstance(layer.get("picture"), str):
            try:
                read = uses(layer["picture"])
            except ExpressionError:
                continue
            found.update(
                {use.path[1]: str(layer.get("id")) for use in read if use.path[0] == "slots" and len(use.path) > 1}
            )
    return found


def _fillings(
    workspace: Workspace, index: int, entry: Mapping[str, object], template: Document, name: str
) -> Iterator[Filling]:
    """Evaluate one slot over the rows, locales and variants that it depends on; every different value once."""
    given = entry.get("slots")
    source = given.get(name) if isinstance(given, dict) else None
    document, path = workspace.campaign, ("assets", index, "slots", name)
    if source is None:
        slot = mapping(template, "slots").get(name)
        source = slot.get("default") if isinstance(slot, dict) else None
        document, path = template, ("slots", name, "default")  # type: ignore[assignment]
    if document is None or not isinstance(source, str):
        return
    if not is_template(source):
        yield Filling(source, document, path)
        return
    try:
        read = uses(source)
    except ExpressionError:
        return  # noted with the other strings
    column = _column(source, read)
    if column and workspace.table is not None:
        yield from _cells(workspace.table, entry, column, document, path)
        return
    roots = {use.path[0] for use in read}
    seen: set[str] = set()
    for row, context in itertools.islice(_contexts(workspace, entry, template, roots), MAX_EVALUATIONS):
        try:
            value = evaluate(source, context)
        except ExpressionError as error:
            _note_failure(workspace, document, path, source, error, row, str(context["locale"]))
            continue
        if value not in seen and not is_template(value):
            seen.add(value)
            yield Filling(value, document, path)


def _column(source: str, read: Sequence[Use]) -> str:
    """Name the column where a string is nothing but a cell: `{{ row.photo }}`."""
    if len(read) != 1 or len(read[0].path) != 2 or read[0].path[0] != "row":
        return ""
    return read[0].path[1] if "".join(source.split()) == f"{{{{row.{read[0].path[1]}}}}}" else ""


def _cells(
    table: Table, entry: Mapping[str, object], column: str, document: Document, path: KeyPath
) -> Iterator[Filling]:
    """Give a column's cells; the same value a few times only, so that a bad one is told where it stands."""
    counts: Counter[str] = Counter()
    for row in rows_of(table, [entry]):
        value = row.cells.get(column, "")
        counts[value] += 1
        if counts[value] <= MAX_REPEATS and not is_template(value):
            yield Filling(value, document, path, row, column)


def _note_failure(
    workspace: Workspace,
    document: Document,
    path: KeyPath,
    source: str,
    error: ExpressionError,
    row: Row | None,
    locale: str,
) -> None:
    """Note what only shows with values. Unknown names were told before, unless a row's cell picked them: a[row.id]."""
    if error.code == "undefined-name" and "[" not in source:
        return
    if error.code != "undefined-name" and "copy" in source:
        return  # a text of the deck may hold expressions itself, which planning renders first
    deck = workspace.decks.get(locale)
    if error.code == "undefined-name" and deck is not None and error.message.startswith("copy."):
        error = ExpressionError(
            error.message, error.offset, error.length, code="missing-locale-key", suggestions=error.suggestions,
            remedy=f"add it to {deck.file}",
        )  # fmt: skip
    where = ", ".join(part for part in (f"row {row.key!r}" if row is not None else "", f"locale {locale!r}") if part)
    workspace.problems.in_string(document, path, error, context=f" ({where})")


def _contexts(
    workspace: Workspace, entry: Mapping[str, object], template: Document, roots: set[str]
) -> Iterator[tuple[Row | None, Mapping[str, object]]]:
    """Combine the rows, locales and variants that matter to a string."""
    chosen = rows_of(workspace.table, [entry]) if workspace.table is not None else []
    rows: list[Row | None] = [*chosen] if "row" in roots else [None]
    locales = entries.entry_locales(workspace, entry) if roots & {"locale", "copy"} else ["en"]
    axes = mapping(template, "variants") if "variant" in roots else {}
    own = entry.get("variants")
    chosen_axes = {
        axis: own[axis] if isinstance(own, dict) and axis in own else values for axis, values in axes.items()
    }
    lists = [[str(value) for value in values] if isinstance(values, list) else [] for values in chosen_axes.values()]
    brand = {"id": _text(workspace, "brand_kit"), "name": _text(workspace, "name")}
    for row, locale, variant in itertools.product(rows, locales, itertools.product(*lists)):
        deck = workspace.decks.get(locale)
        context: dict[str, object] = {
            "locale": locale,
            "brand": brand,
            "variant": dict(zip(axes, variant, strict=True)),
        }
        context["row"] = dict(row.cells) if row is not None else {}
        context["copy"] = longest_texts(deck_texts(deck)) if deck is not None else {}
        if "copy" not in roots or deck is not None:
            yield row, context


def _text(workspace: Workspace, key: str) -> str:
    return next((value for _, value in texts(workspace.kit, key)), "")


def _note(
    workspace: Workspace, filling: Filling, code: str, message: str, remedy: str = "", suggestions: tuple[str, ...] = ()
) -> None:
    """Note a problem where the value was written."""
    if filling.row is not None and workspace.table is not None:
        found = workspace.table.diagnostic(filling.row, filling.column, code, message, remedy)
        place = found.position
        workspace.problems.add(
            Diagnostic(code, found.message, place, found.path, "", suggestions, remedy, found.snippet, found.length)
        )
    else:
        workspace.problems.at_value(
            filling.document, filling.path, code, message, remedy=remedy, suggestions=suggestions
        )


def _check_color(workspace: Workspace, filling: Filling) -> None:
    tokens = list(mapping(workspace.kit, "colors"))
    if not tokens or not filling.value.strip():
        return
    if filling.row is None:
        if filling.document is workspace.campaign:
            check_token(workspace, filling.document, filling.path, filling.value, tokens)
    elif not filling.value.startswith("#") and filling.value not in tokens:
        message = f"there is no colour token {filling.value!r}"
        _note(workspace, filling, "unknown-color-token", message, suggestions=suggest(filling.value, tokens))


def _check_picture(workspace: Workspace, filling: Filling, template: Document, standing: str | None) -> None:
    """Read one picture; a product that is set exactly needs transparency around it."""
    value = filling.value.strip()
    if not value:
        return  # an empty slot: planning knows whether it is optional
    key = f"slot:{filling.value}"
    try:
        check_relative(value)
        place = _picture_place(workspace, filling, value)
        if key not in workspace.pictures:
            workspace.pictures[key] = assets.picture(workspace.project, place)
    except FileRefusedError as error:
        missing = error.code == "missing-file"
        near = workspace.nearby(workspace.folder, value) if missing else ()
        _note(
            workspace, filling, error.code, f"{value} does not exist" if missing else error.message, error.remedy, near
        )
        return
    if standing is not None and not workspace.pictures[key].alpha:
        what = f"the layer {standing!r} of {_name(template)} sets the product exactly"
        message = f"{value} has no transparency: {what} and needs a cut-out"
        remedy = "use a PNG or WebP with a transparent background, or set stands: false in the template"
        _note(workspace, filling, "product-without-alpha", message, remedy)


def _name(template: Document) -> str:
    return next((value for _, value in texts(template, "template")), template.file)


def _picture_place(workspace: Workspace, filling: Filling, value: str) -> Place:
    """Resolve a picture's path: beside the campaign; a template's default stands beside the template."""
    if filling.document is not workspace.campaign:
        for name, document in workspace.templates.items():
            if document is filling.document:
                return workspace.template_places[name].folder.inside(value)
    return workspace.beside(value)
