"""Copy decks: one file of texts per locale. Checks that they are texts and exist for every locale that needs one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flux2flow.domain.campaign import CopyValue
from flux2flow.expressions import suggest
from flux2flow.loading.models import describe, usable, written_name
from flux2flow.loading.workspace import Workspace, texts
from flux2flow.loading.yaml_document import Document, KeyPath
from flux2flow.project import FileRefusedError, check_relative

HEADER = "flux2flow"
LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?\Z")
"""A language as BCP 47 writes it: en, pt-BR, zh-Hant."""


def read_decks(workspace: Workspace) -> None:
    """Read the deck of every locale the campaign names."""
    campaign = workspace.campaign
    folder = next((value for _, value in texts(campaign, "copy")), None)
    if campaign is None or folder is None:
        return
    try:
        check_relative(folder)
    except FileRefusedError as error:
        workspace.refused(campaign, ("copy",), error)
        return
    place = workspace.beside(folder.strip("/"))
    present = [
        name.removesuffix(".yaml")
        for name in workspace.project.entries(place.root, place.path)
        if name.endswith(".yaml")
    ]
    wanted = {
        locale: path
        for path, locale in [*texts(campaign, "assets", "*", "locales", "*"), *texts(campaign, "locales", "*")]
    }
    if not list(texts(campaign, "locales", "*")) and "locales" not in (
        campaign.data if isinstance(campaign.data, dict) else {}
    ):
        wanted.setdefault("en", ("copy",))
    for locale, path in wanted.items():
        if not LOCALE.match(locale):
            continue  # told where locales are checked
        deck = place.inside(f"{locale}.yaml")
        if locale not in present:
            workspace.missing_decks.add(locale)
            workspace.problems.at_value(
                campaign, path, "missing-copy-deck", f"locale {locale!r} has no copy deck: {deck.label} does not exist",
                expected="one of " + ", ".join(present) if present else "", suggestions=suggest(locale, present),
                remedy=f"write {deck.label}, or remove the locale",
            )  # fmt: skip
            continue
        document = workspace.read(deck)
        if document is not None:
            workspace.problems.name(document.file)
            workspace.problems.extend(document.problems)
            if usable(document, workspace.problems):
                _check(workspace, document)
                workspace.decks[locale] = document


def _check(workspace: Workspace, document: Document) -> None:
    """Note everything in a deck that is no text."""
    data = document.data
    if isinstance(data, dict) and not isinstance(data.get(HEADER), int):
        workspace.problems.at_key(document, (HEADER,), "missing-key", f"{HEADER!r} is missing", expected=f"{HEADER}: 1")

    def walk(value: object, path: KeyPath) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                if (*path, key) != (HEADER,):
                    walk(item, (*path, key))
        elif not isinstance(value, str):
            message = f"{written_name(path)} is {describe(value)}"
            remedy = 'quote it: "…"' if isinstance(value, bool | int | float) else ""
            workspace.problems.at_value(document, path, "wrong-type", message, expected="text", remedy=remedy)

    walk(data, ())


def deck_texts(document: Document) -> Mapping[str, CopyValue]:
    """Give a deck without its header."""
    data = document.data
    return {key: value for key, value in data.items() if key != HEADER} if isinstance(data, dict) else {}
