"""A brand kit's document → its fonts and pictures, and every problem between its parts. Knows nothing of templates."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flux2flow.domain.measures import Color
from flux2flow.expressions import suggest
from flux2flow.loading import assets
from flux2flow.loading.workspace import Place, Workspace, mapping, texts
from flux2flow.loading.yaml_document import Document, KeyPath
from flux2flow.project import FileRefusedError, check_relative

FILE = "brand_kit.yaml"
EFFECTS = ("stroke", "shadow", "highlight", "underline")
_ICON_NAME = re.compile(r"[a-z][a-z0-9-]*")


def find_kit(workspace: Workspace) -> Place | None:
    """Find the campaign's kit, by name in any root or by path from the campaign."""
    campaign = workspace.campaign
    named = next((value for _, value in texts(campaign, "brand_kit")), None)
    if campaign is None or named is None:
        return None
    try:
        check_relative(named)
    except FileRefusedError as error:
        workspace.refused(campaign, ("brand_kit",), error)
        return None
    if "/" not in named:
        place = workspace.search(f"brand_kits/{named}/{FILE}")
    else:
        place = workspace.beside(f"{named.strip('/')}/{FILE}")
        place = place if workspace.project.exists(place.root, place.path) else None
    if place is None:
        known = workspace.names("brand_kits", FILE)
        workspace.problems.at_value(
            campaign, ("brand_kit",), "unknown-brand-kit", f"there is no brand kit {named!r}",
            expected="one of " + ", ".join(known) if known else f"a folder brand_kits/{named} with {FILE}",
            suggestions=suggest(named, known),
        )  # fmt: skip
    return place


def check_kit(workspace: Workspace, document: Document, place: Place) -> None:
    """Check a kit's parts against each other and read its files."""
    folder = place.folder
    name = folder.path.rpartition("/")[2]
    for path, value in texts(document, "brand_kit"):
        if value != name:
            message = f"the kit calls itself {value!r}, its folder is {name!r}"
            workspace.problems.at_value(document, path, "name-mismatch", message, remedy="make the two the same")
    for pattern in (("colors", "*"), ("colors", "*", "value")):
        for path, value in texts(document, *pattern):
            _check_hex(workspace, document, path, value)
    _check_styles(workspace, document)
    _read_fonts(workspace, document, folder)
    for kind, key in (("file", "normal"), ("reversed", "reversed")):
        for path, value in texts(document, "logos", "*", kind):
            _read_picture(workspace, document, path, folder, value, f"logo:{path[1]}:{key}")
    for path, value in texts(document, "references", "*", "file"):
        _read_picture(workspace, document, path, folder, value, f"reference:{path[1]}")
    for path, value in texts(document, "icons", "*"):
        _read_icon(workspace, document, path, folder, value)


def _check_hex(workspace: Workspace, document: Document, path: KeyPath, value: str) -> None:
    try:
        Color.from_hex(value)
    except ValueError as error:
        workspace.problems.at_value(
            document, path, "bad-color", str(error), expected="'#rrggbb' or '#rrggbbaa', quoted"
        )
        return
    if not value.startswith("#"):
        message = f"{value!r} lacks its '#'"
        workspace.problems.at_value(document, path, "bad-color", message, remedy=f'write "#{value}"')


def _check_styles(workspace: Workspace, document: Document) -> None:
    families = list(dict.fromkeys(family for _, family in texts(document, "fonts", "*", "family")))
    changes = (("styles", "*", "accent"), ("styles", "*", "locales", "*"))
    for pattern in (("styles", "*", "families", "*"), *((*change, "families", "*") for change in changes)):
        for path, family in texts(document, *pattern):
            if families and family not in families:
                workspace.problems.at_value(
                    document, path, "unknown-font-family", f"no font of the kit has the family {family!r}",
                    expected="one of " + ", ".join(families), suggestions=suggest(family, families),
                )  # fmt: skip
    tokens = list(mapping(document, "colors"))
    for whose in (("styles", "*"), *changes):
        for what in ((), *((effect,) for effect in EFFECTS)):
            for path, token in texts(document, *whose, *what, "color"):
                check_token(workspace, document, path, token, tokens)
    for style, values in mapping(document, "styles").items():
        if isinstance(values, dict) and "color" not in values and "ink" not in tokens:
            message = f"style {style!r} names no colour, and there is no token 'ink' that it could take"
            workspace.problems.at_key(
                document, ("styles", style), "unknown-color-token", message, remedy="add color: to it"
            )


def check_token(
    workspace: Workspace, document: Document, path: KeyPath, value: str, tokens: list[str], where: str = ""
) -> None:
    """Note a colour that is neither a token of the kit nor a hex value."""
    if value.startswith("#"):
        _check_hex(workspace, document, path, value)
    elif value not in tokens:
        workspace.problems.at_value(
            document, path, "unknown-color-token", f"there is no colour token {value!r}{where}",
            expected="one of " + ", ".join(tokens), suggestions=suggest(value, tokens),
        )  # fmt: skip


def _read_fonts(workspace: Workspace, document: Document, folder: Place) -> None:
    for path, file in texts(document, "fonts", "*", "file"):
        entry = _entry(document, path)
        family, weight, licence = entry.get("family"), entry.get("weight"), entry.get("licence")
        try:
            check_relative(file)
            made = assets.font(
                workspace.project,
                folder.inside(file),
                str(family),
                weight if isinstance(weight, int) else None,
                str(licence or ""),
            )
        except FileRefusedError as error:
            _refused(workspace, document, path, error, folder, file)
            continue
        workspace.fonts.append(made)
        if not made.axes and weight is None:
            message = f"{file} is a static font: its weight is not stated"
            remedy = f"add weight: {made.weight}"
            workspace.problems.at_value(document, path, "font-weight", message, remedy=remedy)
    for path, file in texts(document, "fonts", "*", "licence_file"):
        if not workspace.project.exists(folder.root, folder.inside(file).path):
            message = f"{file} does not exist"
            workspace.problems.at_value(
                document, path, "missing-file", message, suggestions=workspace.nearby(folder, file)
            )


def _read_icon(workspace: Workspace, document: Document, path: KeyPath, folder: Place, file: str) -> None:
    """Read an icon; it is an SVG, and its name can be written between colons."""
    if not _ICON_NAME.fullmatch(str(path[1])):
        message = f"{str(path[1])!r} cannot be written between colons"
        workspace.problems.at_key(
            document, path, "icon-name", message, expected="small letters, digits and hyphens, such as coffee-bean"
        )
    if not file.lower().endswith(".svg"):
        workspace.problems.at_value(document, path, "bad-picture", f"{file} is no SVG: icons are drawn at any size")
        return
    _read_picture(workspace, document, path, folder, file, f"icon:{path[1]}")


def _entry(document: Document, path: KeyPath) -> Mapping[str, object]:
    data = document.data
    for part in path[:-1]:
        data = data[part]  # type: ignore[index]  # the path was found in the data
    return data if isinstance(data, dict) else {}


def _read_picture(workspace: Workspace, document: Document, path: KeyPath, folder: Place, file: str, key: str) -> None:
    try:
        check_relative(file)
        workspace.pictures[key] = assets.picture(workspace.project, folder.inside(file))
    except FileRefusedError as error:
        _refused(workspace, document, path, error, folder, file)


def _refused(
    workspace: Workspace, document: Document, path: KeyPath, error: FileRefusedError, folder: Place, file: str
) -> None:
    message = f"{file} does not exist" if error.code == "missing-file" else error.message
    near = workspace.nearby(folder, file) if error.code == "missing-file" else ()
    workspace.problems.at_value(document, path, error.code, message, remedy=error.remedy, suggestions=near)
