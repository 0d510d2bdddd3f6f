"""A template's stacks and grids, checked: what they hold exists, stands nowhere else, and can measure itself.

Knows nothing of pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from flux2flow.expressions import suggest
from flux2flow.loading.workspace import Workspace, select, texts
from flux2flow.loading.yaml_document import Document, KeyPath

KEYS = ("stack", "grid")
_BLIND = ("shape", "chart", "figure", "timeline", "table")
"""Kinds of layer that have no size of their own."""


def stacked(document: Document) -> Iterator[tuple[KeyPath, str]]:
    """Find the names that stacks and grids hold, with their places."""
    for key in KEYS:
        yield from texts(document, "layout", "*", "boxes", "*", key, "*")


def check_stacks(workspace: Workspace, document: Document, ids: Sequence[str]) -> None:
    """Note every name that a stack cannot hold, and every layer in one that lacks a size."""
    layers = {
        str(layer.get("id")): layer for _, layer in select(document.data, "layers", "*") if isinstance(layer, dict)
    }
    for layout_path, boxes in select(document.data, "layout", "*", "boxes"):
        if not isinstance(boxes, dict):
            continue
        names = {name for name, place in boxes.items() if isinstance(place, dict) and place.keys() & set(KEYS)}
        for name in sorted(names & set(ids)):
            message = f"a layer and a stack are both called {name!r}"
            workspace.problems.at_key(document, (*layout_path, name), "stack-name", message, remedy="rename the stack")
        seen: dict[str, str] = {}
        for path, child in stacked(document):
            if path[: len(layout_path)] != layout_path:
                continue
            owner = str(path[-3])
            _check_child(workspace, document, path, child, ids, names, boxes, seen)
            _check_size(workspace, document, path, child, layers.get(child, {}), boxes[owner], owner)
            seen.setdefault(child, owner)
        _check_rings(workspace, document, layout_path, boxes, names)


def _check_child(
    workspace: Workspace,
    document: Document,
    path: KeyPath,
    child: str,
    ids: Sequence[str],
    names: set[str],
    boxes: Mapping[str, object],
    seen: Mapping[str, str],
) -> None:
    if child not in ids and child not in names:
        known = [*ids, *sorted(names)]
        workspace.problems.at_value(
            document, path, "unknown-layer", f"there is no layer and no stack {child!r}",
            expected="one of " + ", ".join(known), suggestions=suggest(child, known),
        )  # fmt: skip
    elif child in seen:
        message = f"{child!r} stands in {seen[child]!r} already"
        workspace.problems.at_value(document, path, "stacked-twice", message, remedy="name it once")
    elif child in boxes and child not in names:
        message = f"{child!r} has a box of its own, and stands in {str(path[-3])!r}"
        workspace.problems.at_value(document, path, "stacked-twice", message, remedy="remove one of the two")


def _check_size(
    workspace: Workspace,
    document: Document,
    path: KeyPath,
    child: str,
    layer: Mapping[str, object],
    stack: object,
    owner: str,
) -> None:
    """Note a child that has no size of its own, and is given none."""
    if not isinstance(stack, dict):
        return
    sizes = stack.get("sizes")
    if isinstance(sizes, dict) and child in sizes:
        return
    if layer.get("stands") is True:
        message = f"{child!r} stands on the plate's ground: it has its place there, and none in {owner!r}"
        workspace.problems.at_value(document, path, "standing-in-stack", message, remedy="give it a box of its own")
        return
    nested = "w" not in stack
    across = "stack" in stack and stack.get("direction") == "across"
    blind = next((kind for kind in _BLIND if kind in layer), None)
    pictured = next((kind for kind in ("logo", "picture") if kind in layer), None)
    kind = blind or (pictured if nested and across else None)
    if kind is None and layer.get("writing") != "vertical":
        return
    what = f"a {kind}" if kind else "a vertical text"
    example = f"sizes: {{{child}: 12%}}"
    message = f"{what} does not measure itself: {owner!r} has no size for {child!r}"
    workspace.problems.at_value(document, path, "no-size", message, remedy=f"add it to {owner}: {example}")


def _check_rings(
    workspace: Workspace, document: Document, layout_path: KeyPath, boxes: Mapping[str, object], names: set[str]
) -> None:
    """Note stacks that hold themselves."""
    below: dict[str, list[str]] = {}
    for name in names:
        place = boxes[name]
        held = (place.get("stack") or place.get("grid") or []) if isinstance(place, dict) else []
        below[name] = [child for child in held if child in names] if isinstance(held, list) else []
    for name in sorted(names):
        reached, open_ = set[str](), list(below[name])
        while open_:
            current = open_.pop()
            if current not in reached:
                reached.add(current)
                open_ += below[current]
        if name in reached:
            message = f"the stack {name!r} holds itself"
            workspace.problems.at_key(document, (*layout_path, name), "stack-in-itself", message)
