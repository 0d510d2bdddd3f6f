"""Checks what a campaign asks for against what there is: model, locales, formats, variants, slots, rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flux2flow.domain.layout import aspect_class
from flux2flow.expressions import suggest
from flux2flow.loading import formats
from flux2flow.loading.copy_decks import LOCALE
from flux2flow.loading.workspace import Workspace, mapping, select, texts
from flux2flow.loading.yaml_document import Document, KeyPath


def entries(workspace: Workspace) -> list[tuple[int, Mapping[str, object]]]:
    """List the campaign's asset entries that are keys and values, with their index."""
    campaign = workspace.campaign
    found = select(campaign.data, "assets", "*") if campaign is not None else ()
    return [(path[1], value) for path, value in found if isinstance(path[1], int) and isinstance(value, dict)]


def entry_locales(workspace: Workspace, entry: Mapping[str, object]) -> list[str]:
    """List the locales of one entry: its own, else the campaign's, else English."""
    own = entry.get("locales")
    if isinstance(own, list):
        return [locale for locale in own if isinstance(locale, str)]
    return [locale for _, locale in texts(workspace.campaign, "locales", "*")] or ["en"]


def check_model(
    workspace: Workspace, campaign: Document, backends: Sequence[str], known_models: Mapping[str, str]
) -> None:
    """Check the campaign's model: say how one that is known is installed, or which one was meant."""
    here = "one of " + ", ".join(backends)
    more = [known for known in known_models if known not in backends]
    for path, name in texts(campaign, "model"):
        if name in more:
            workspace.problems.at_value(
                campaign, path, "model-not-installed", f"the model {name!r} is not installed here", expected=here,
                remedy=f"{known_models[name]}; engine/MODELS.md tells it step by step",
            )  # fmt: skip
        elif name not in backends:
            also = ", or with weights of your own " + ", ".join(more) if more else ""
            workspace.problems.at_value(
                campaign, path, "unknown-model", f"there is no model {name!r}", expected=here + also,
                suggestions=suggest(name, [*backends, *more]),
            )  # fmt: skip


def check_campaign(workspace: Workspace, campaign: Document) -> None:
    """Check all of a campaign but its model."""
    _check_locales(workspace, campaign)
    _check_formats(workspace, campaign)
    seen: dict[str, int] = {}
    for index, entry in entries(workspace):
        _check_key(workspace, campaign, index, entry, seen)
        template = workspace.templates.get(str(entry.get("template")))
        if template is not None and isinstance(template.data, dict):
            _check_slots(workspace, campaign, index, entry, template)
            _check_variants(workspace, campaign, index, template)
            _check_classes(workspace, campaign, index, template)
        _check_rows(workspace, campaign, index)


def _check_key(
    workspace: Workspace, campaign: Document, index: int, entry: Mapping[str, object], seen: dict[str, int]
) -> None:
    template = entry.get("template")
    key = entry.get("id") or (template.rsplit("/", 1)[-1] if isinstance(template, str) else None)
    if not isinstance(key, str):
        return
    if key in seen:
        path: KeyPath = ("assets", index, "id" if "id" in entry else "template")
        message = f"entries {seen[key] + 1} and {index + 1} are both called {key!r}"
        workspace.problems.at_value(campaign, path, "duplicate-entry", message, remedy="give each its own id:")
    seen.setdefault(key, index)


def _check_locales(workspace: Workspace, campaign: Document) -> None:
    known = [locale for _, locale in texts(campaign, "locales", "*")]
    for path, locale in texts(campaign, "locales", "*"):
        if not LOCALE.match(locale):
            message = f"{locale!r} is no locale"
            workspace.problems.at_value(
                campaign, path, "bad-locale", message, expected="a language, such as en, pt-BR or zh-Hant"
            )
        elif known.index(locale) != path[-1]:
            workspace.problems.at_value(campaign, path, "duplicate-locale", f"{locale!r} is here twice")
    for path, locale in texts(campaign, "assets", "*", "locales", "*"):
        if known and locale not in known:
            workspace.problems.at_value(
                campaign, path, "unknown-locale", f"{locale!r} is not among the campaign's locales",
                expected="one of " + ", ".join(known), suggestions=suggest(locale, known),
            )  # fmt: skip


def _check_formats(workspace: Workspace, campaign: Document) -> None:
    named = list(texts(campaign, "assets", "*", "formats", "*"))
    own = formats.read_project_formats(workspace)
    workspace.formats = {**formats.shipped(id for _, id in named), **own}
    seen: set[tuple[str | int, str]] = set()
    for path, id in named:
        if id not in workspace.formats:
            known = [*own, *formats.shipped()]
            workspace.problems.at_value(
                campaign, path, "unknown-format", f"there is no format {id!r}",
                suggestions=suggest(id, known), remedy="list them with: flux2flow formats",
            )  # fmt: skip
        elif (path[1], id) in seen:
            workspace.problems.at_value(campaign, path, "duplicate-format", f"{id!r} is here twice")
        seen.add((path[1], id))


def _check_slots(
    workspace: Workspace, campaign: Document, index: int, entry: Mapping[str, object], template: Document
) -> None:
    slots = mapping(template, "slots")
    given = entry.get("slots", {})
    filled = given if isinstance(given, dict) else {}
    for name in filled:
        if name not in slots:
            workspace.problems.at_key(
                campaign, ("assets", index, "slots", name), "unknown-slot",
                f"the template {entry.get('template')!r} has no slot {name!r}",
                expected="one of " + ", ".join(slots),
                suggestions=suggest(name, [slot for slot in slots if slot not in filled]),
            )  # fmt: skip
    for name, slot in slots.items():
        if (
            not isinstance(slot, dict)
            or name in filled
            or slot.get("optional") is True
            or slot.get("default") is not None
        ):
            continue
        path: KeyPath = ("assets", index, "slots") if "slots" in entry else ("assets", index, "template")
        described = f": {slot['description']}" if isinstance(slot.get("description"), str) else ""
        workspace.problems.at_key(
            campaign, path, "missing-slot", f"the slot {name!r} is not filled",
            expected=f"{slot.get('type')}{described}", remedy=f"add {name}: under slots",
        )  # fmt: skip


def _check_variants(workspace: Workspace, campaign: Document, index: int, template: Document) -> None:
    axes = mapping(template, "variants")
    for path, _ in select(campaign.data, "assets", "*", "variants", "*"):
        if path[1] == index and path[3] not in axes:
            workspace.problems.at_key(
                campaign, path, "unknown-variant", f"the template has no variant {path[3]!r}",
                expected="one of " + ", ".join(axes) if axes else "none", suggestions=suggest(str(path[3]), list(axes)),
            )  # fmt: skip
    for path, value in texts(campaign, "assets", "*", "variants", "*", "*"):
        choices = axes.get(str(path[3]))
        if path[1] == index and isinstance(choices, list) and value not in choices:
            known = [choice for choice in choices if isinstance(choice, str)]
            workspace.problems.at_value(
                campaign, path, "unknown-variant", f"{path[3]!r} cannot be {value!r}",
                expected="one of " + ", ".join(known), suggestions=suggest(value, known),
            )  # fmt: skip


def _check_classes(workspace: Workspace, campaign: Document, index: int, template: Document) -> None:
    classes = mapping(template, "layout")
    for path, id in texts(campaign, "assets", "*", "formats", "*"):
        format = workspace.formats.get(id)
        if path[1] == index and format is not None and classes and aspect_class(format) not in classes:
            message = f"the template has no layout for {id} ({format.size}, {aspect_class(format)})"
            workspace.problems.at_value(
                campaign, path, "no-layout", message, expected="a format that is " + " or ".join(classes),
                remedy=f"add {aspect_class(format)}: to the template's layout, or drop the format",
            )  # fmt: skip


def _check_rows(workspace: Workspace, campaign: Document, index: int) -> None:
    table = workspace.table
    for path, key in texts(campaign, "assets", "*", "rows", "*"):
        known = [row.key for row in table.rows] if table is not None else []
        if path[1] == index and table is not None and key not in known:
            workspace.problems.at_value(
                campaign,
                path,
                "unknown-row",
                f"no row has the {table.key_column} {key!r}",
                suggestions=suggest(key, known),
            )
