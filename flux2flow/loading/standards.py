"""Checks what a campaign and its kit say about checking: waivers, disclaimers, dictionaries. Reads the dictionaries.

Knows checks by their names only.
"""

from __future__ import annotations

from collections.abc import Mapping

from flux2flow.domain.standards import SpellingDictionary
from flux2flow.expressions import suggest
from flux2flow.loading.copy_decks import LOCALE
from flux2flow.loading.workspace import Place, Workspace, select, texts
from flux2flow.loading.yaml_document import Document
from flux2flow.project import FileRefusedError, check_relative, reference

MAX_DICTIONARY = 16 * 1024 * 1024
"""Bytes of one .dic or .aff file; the largest that LibreOffice ships has about 10 MB."""


def check_waivers(workspace: Workspace, campaign: Document, checks: Mapping[str, str]) -> None:
    """Note a waiver of a check that does not exist; `checks` maps ids and T-numbers to ids."""
    for path, name in texts(campaign, "checks", "waivers", "*", "check"):
        if name not in checks:
            workspace.problems.at_value(
                campaign, path, "unknown-check", f"there is no check {name!r}",
                expected="one of " + ", ".join(sorted(set(checks.values()))), suggestions=suggest(name, list(checks)),
            )  # fmt: skip


def check_disclaimers(workspace: Workspace, document: Document) -> None:
    """Note a disclaimer's key that is no locale."""
    for path, _ in select(document.data, "legal", "*", "text", "*"):
        if not LOCALE.match(str(path[-1])):
            message = f"{path[-1]!r} is no locale"
            workspace.problems.at_key(document, path, "bad-locale", message, expected="a language, such as en or pt-BR")


def read_dictionaries(workspace: Workspace, kit: Document, folder: Place) -> tuple[SpellingDictionary, ...]:
    """Read the kit's Hunspell dictionaries; each is a path without its ending."""
    found = []
    for path, stem in texts(kit, "words", "dictionaries", "*"):
        locale = str(path[-1])
        if not LOCALE.match(locale):
            workspace.problems.at_key(
                kit, path, "bad-locale", f"{locale!r} is no locale", expected="a language, such as en or pt-BR"
            )
        base = stem.removesuffix(".dic").removesuffix(".aff")
        try:
            check_relative(base)
            files = []
            for ending in (".aff", ".dic"):
                place = folder.inside(base + ending)
                data = workspace.project.open(place.root, place.path, MAX_DICTIONARY)
                files.append(reference(place.root, place.path, data))
        except FileRefusedError as error:
            workspace.refused(kit, path, error, workspace.nearby(folder, base + ".dic"))
            continue
        found.append(SpellingDictionary(locale, files[0], files[1]))
    return tuple(found)
