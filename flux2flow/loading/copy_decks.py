"""Copy decks: one file of texts per locale. Checks that they are texts and exist for every locale that needs one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

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
        elif isinstance(value, list) and value:  # wordings, longest first
            for index, item in enumerate(value):
                text(item, (*path, index))
        else:
            text(value, path)

    def text(value: object, path: KeyPath) -> None:
        if not isinstance(value, str):
            message = f"{written_name(path)} is {describe(value)}"
            remedy = 'quote it: "…"' if isinstance(value, bool | int | float) else ""
            workspace.problems.at_value(document, path, "wrong-type", message, expected="text", remedy=remedy)

    walk(data, ())


def deck_texts(document: Document) -> Mapping[str, CopyValue]:
    """Give a deck without its header; several wordings of one text become a tuple, longest first."""
    data = document.data
    return {key: _value(value) for key, value in data.items() if key != HEADER} if isinstance(data, dict) else {}


def longest_texts(deck: Mapping[str, CopyValue]) -> Mapping[str, CopyValue]:
    """Give a deck with the first wording of every text alone."""
    return {
        key: longest_texts(value) if isinstance(value, Mapping) else value[0] if isinstance(value, tuple) else value
        for key, value in deck.items()
    }


def _value(value: Any) -> CopyValue:
    """Read a list of wordings, or {text: …, short: …}, as wordings; anything else as it is."""
    if isinstance(value, list):
        return tuple(value) or ""
    if not isinstance(value, dict):
        return str(value) if isinstance(value, str) else value  # what is no text was told
    if value.keys() == {"text", "short"}:
        text, short = value["text"], value["short"]
        if isinstance(text, str) and isinstance(short, str | list):
            return (text, *((short,) if isinstance(short, str) else short))
    return {key: _value(below) for key, below in value.items()}
