"""A template's document, checked within itself and against the campaign's kit. Knows nothing of campaigns or rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from flux2flow.domain.measures import Length
from flux2flow.expressions import is_template, suggest
from flux2flow.loading.kits import check_token
from flux2flow.loading.stacks import check_stacks, stacked
from flux2flow.loading.workspace import Place, Workspace, mapping, select, sound_kit, texts
from flux2flow.loading.yaml_document import Document, KeyPath
from flux2flow.project import FileRefusedError, check_relative

FILE = "template.yaml"
STYLE_KEYS = ("style", "header_style", "time_style", "note_style", "caption_style")
COLOR_KEYS = (
    "color", "fill", "to", "accent", "text_color", "ground", "rule", "stripe", "caption_color", "header_color",
)  # fmt: skip

_LENGTHS = (
    ("layers", "*", "fit", "min"), ("layers", "*", "fit", "max"),
    ("layers", "*", "caption_fit", "min"), ("layers", "*", "caption_fit", "max"), ("layers", "*", "radius"),
    *(("layout", "*", "boxes", "*", side) for side in (*"xywh", "gap", "row_gap")), ("layout", "*", "ground"),
    ("layout", "*", "boxes", "*", "sizes", "*"), ("layers", "*", "fit", "prefer"),
)  # fmt: skip


def find_template(workspace: Workspace, path: KeyPath, name: str) -> Place | None:
    """Find a template the campaign names at `path`; note it where there is none."""
    campaign = workspace.campaign
    if campaign is None:
        return None
    try:
        check_relative(name)
        place = workspace.search(f"templates/{name}/{FILE}")
    except FileRefusedError as error:
        workspace.refused(campaign, path, error)
        return None
    if place is None:
        known = workspace.names("templates", FILE, depth=2)
        workspace.problems.at_value(
            campaign, path, "unknown-template", f"there is no template {name!r}",
            expected="one of " + ", ".join(known), suggestions=suggest(name, known),
        )  # fmt: skip
    return place


def check_template(workspace: Workspace, document: Document, name: str) -> None:
    """Check a template's parts against each other and against the kit."""
    for path, value in texts(document, "template"):
        if value != name:
            message = f"the template calls itself {value!r}, its folder is {name!r}"
            workspace.problems.at_value(document, path, "name-mismatch", message, remedy="make the two the same")
    _check_layers(workspace, document)
    _check_references(workspace, document)
    for pattern in _LENGTHS:
        for path, value in texts(document, *pattern):
            _check_length(workspace, document, path, value)
    if sound_kit(workspace):
        _check_against_kit(workspace, document)


def layer_ids(document: Document) -> list[str]:
    """List the ids of a template's layers."""
    return [value for _, value in texts(document, "layers", "*", "id")]


def _check_layers(workspace: Workspace, document: Document) -> None:
    ids = layer_ids(document)
    counts = Counter(ids)
    seen: set[str] = set()
    for path, value in texts(document, "layers", "*", "id"):
        if counts[value] > 1 and value in seen:
            workspace.problems.at_value(document, path, "duplicate-layer", f"there are two layers {value!r}")
        seen.add(value)
    placed = {path[-1] for path, _ in select(document.data, "layout", "*", "boxes", "*")}
    placed |= {value for _, value in stacked(document)}
    for path, value in texts(document, "layers", "*", "id"):
        if placed and value not in placed:
            message = f"layer {value!r} has no box in any layout: it would never be seen"
            workspace.problems.at_value(
                document, path, "layer-without-box", message, remedy="give it a box, or remove it"
            )
    for path, place in select(document.data, "layout", "*", "boxes", "*"):
        if not (isinstance(place, dict) and place.keys() & {"stack", "grid"}):
            _check_layer_name(workspace, document, path, str(path[-1]), ids, key=True)
    check_stacks(workspace, document, ids)
    for pattern in (("plate", "quiet", "*"), ("layout", "*", "focal")):
        for path, value in texts(document, *pattern):
            _check_layer_name(workspace, document, path, value, ids)


def _check_layer_name(
    workspace: Workspace, document: Document, path: KeyPath, value: str, ids: list[str], *, key: bool = False
) -> None:
    if value not in ids:
        note = workspace.problems.at_key if key else workspace.problems.at_value
        expected = "one of " + ", ".join(ids) if ids else ""
        note(
            document,
            path,
            "unknown-layer",
            f"there is no layer {value!r}",
            expected=expected,
            suggestions=suggest(value, ids),
        )


def _check_length(workspace: Workspace, document: Document, path: KeyPath, value: str) -> None:
    try:
        Length.parse(value)
    except ValueError:
        message = f"{value!r} is no length"
        workspace.problems.at_value(
            document, path, "bad-length", message, expected="a number with px, % or vmin, such as 40%"
        )


def image_slots(document: Document) -> list[str]:
    """List the template's slots that hold pictures."""
    slots = mapping(document, "slots")
    return [name for name, slot in slots.items() if isinstance(slot, dict) and slot.get("type") == "image"]


def _check_references(workspace: Workspace, document: Document) -> None:
    images = [f"slots.{name}" for name in image_slots(document)]
    brand = [f"brand.references.{name}" for name in mapping(workspace.kit, "references")]
    for path, value in texts(document, "plate", "references", "*"):
        if value in images or (value.startswith("brand.references.") and not sound_kit(workspace)):
            continue
        if value not in brand:
            known = [*images, *brand]
            workspace.problems.at_value(
                document, path, "unknown-reference", f"{value!r} names no picture",
                expected="one of " + ", ".join(known) if known else "slots.<image slot>",
                suggestions=suggest(value, known),
            )  # fmt: skip


def _check_against_kit(workspace: Workspace, document: Document) -> None:
    where = f" in the kit {mapping_name(workspace)!r}"
    styles, tokens = list(mapping(workspace.kit, "styles")), list(mapping(workspace.kit, "colors"))
    for key in STYLE_KEYS:
        for path, value in texts(document, "layers", "*", key):
            if value not in styles:
                workspace.problems.at_value(
                    document, path, "unknown-style", f"there is no text style {value!r}{where}",
                    expected="one of " + ", ".join(styles), suggestions=suggest(value, styles),
                )  # fmt: skip
    colors = [("layers", "*", key) for key in COLOR_KEYS] + [("layers", "*", "colors", "*"), ("plate", "palette", "*")]
    for pattern in colors:
        for path, value in texts(document, *pattern):
            if not is_template(value):
                check_token(workspace, document, path, value, tokens, where)
    for name, slot in mapping(document, "slots").items():
        default = slot.get("default") if isinstance(slot, dict) and slot.get("type") == "color" else None
        if isinstance(default, str) and not is_template(default):
            check_token(workspace, document, ("slots", name, "default"), default, tokens, where)
    _check_logos(workspace, document, where)


def mapping_name(workspace: Workspace) -> str:
    """Name the campaign's kit."""
    return next((value for _, value in texts(workspace.kit, "brand_kit")), "?")


def _check_logos(workspace: Workspace, document: Document, where: str) -> None:
    logos = mapping(workspace.kit, "logos")
    for path, value in texts(document, "layers", "*", "logo"):
        logo = logos.get(value)
        if logo is None:
            workspace.problems.at_value(
                document, path, "unknown-logo", f"there is no logo {value!r}{where}",
                expected="one of " + ", ".join(logos) if logos else "", suggestions=suggest(value, list(logos)),
            )  # fmt: skip
        tones = {place[1]: tone for place, tone in texts(document, "layers", "*", "tone")}
        tone = tones.get(path[1], "normal")
        if tone == "reversed" and isinstance(logo, Mapping) and "reversed" not in logo:
            message = f"the logo {value!r} has no reversed file{where}"
            remedy = "add reversed: to the logo, or use tone: normal"
            workspace.problems.at_value(document, (*path[:2], "tone"), "logo-tone", message, remedy=remedy)
