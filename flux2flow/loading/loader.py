"""A campaign's path → CampaignBundle, or one SpecError with everything that is wrong in all its files.

Reads every document first, then checks each alone and against the others, so that one run tells all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from flux2flow.domain.brand_kit import BrandKit
from flux2flow.domain.campaign import Campaign, CampaignBundle, SourceMap
from flux2flow.domain.standards import SpellingDictionary
from flux2flow.domain.template import Template
from flux2flow.errors import Diagnostic, Position, SpecError
from flux2flow.loading import entries, rows
from flux2flow.loading.copy_decks import deck_texts, read_decks
from flux2flow.loading.kits import check_kit, find_kit
from flux2flow.loading.models import validate
from flux2flow.loading.project_file import read_project_file
from flux2flow.loading.prompt_file import read_prompts
from flux2flow.loading.slot_values import check_slot_values
from flux2flow.loading.standards import check_disclaimers, check_waivers, read_dictionaries
from flux2flow.loading.strings import check_strings
from flux2flow.loading.templates import check_template, find_template
from flux2flow.loading.workspace import Place, Workspace, texts
from flux2flow.project import FileRefusedError, Project, check_relative


def load(
    campaign_path: Path | str,
    project: Project,
    *,
    backends: Sequence[str],
    known_models: Mapping[str, str] = MappingProxyType({}),
    licences: Collection[str] = (),
    prompts: bool = True,
    check_model: bool = True,
    checks: Mapping[str, str] | None = None,
) -> CampaignBundle:
    """Load a campaign with everything it refers to; raise SpecError with every problem of every file.

    `known_models` says of a model that is not installed how to get it; `licences` are the names that a project may
    accept; `checks` maps the names of checks that a waiver may give to their ids. Without `prompts`, the campaign's
    prompt file stays unread; without `check_model`, so does its model.
    """
    try:
        place = Place("project", project.relative(campaign_path))
    except FileRefusedError as error:
        raise SpecError(
            (Diagnostic(error.code, error.message, Position(str(campaign_path)), remedy=error.remedy),)
        ) from error
    workspace = Workspace(project, place.folder)
    workspace.campaign = workspace.read(place)
    if workspace.campaign is None:
        workspace.problems.raise_any()
    campaign = _read_all(workspace)
    dictionaries: tuple[SpellingDictionary, ...] = ()
    kit = validate(workspace.kit, BrandKit, workspace.problems) if workspace.kit is not None else None
    if workspace.kit is not None and workspace.kit_place is not None:
        check_kit(workspace, workspace.kit, workspace.kit_place)
        check_disclaimers(workspace, workspace.kit)
        dictionaries = read_dictionaries(workspace, workspace.kit, workspace.kit_place.folder)
    templates = {
        name: validate(document, Template, workspace.problems) for name, document in workspace.templates.items()
    }
    for name, document in workspace.templates.items():
        check_template(workspace, document, name)
    if workspace.campaign is not None:
        entries.check_campaign(workspace, workspace.campaign)
        check_disclaimers(workspace, workspace.campaign)
        if checks is not None:
            check_waivers(workspace, workspace.campaign, checks)
        if check_model:
            entries.check_model(workspace, workspace.campaign, backends, known_models)
    check_strings(workspace)
    check_slot_values(workspace)
    book = read_prompts(workspace) if prompts else None
    read_project_file(project, licences, workspace.problems)
    workspace.problems.raise_any()
    return replace(_bundle(workspace, campaign, kit, templates), prompts=book, dictionaries=dictionaries)


def _read_all(workspace: Workspace) -> Campaign | None:
    """Read the campaign's model and every document and table it names, in the order problems are told in."""
    document = workspace.campaign
    if document is None:
        return None
    campaign = validate(document, Campaign, workspace.problems)
    _read_rows(workspace)
    read_decks(workspace)
    workspace.kit_place = find_kit(workspace)
    if workspace.kit_place is not None:
        workspace.kit = workspace.read(workspace.kit_place)
    for path, name in texts(document, "assets", "*", "template"):
        if name in workspace.templates:
            continue
        place = find_template(workspace, path, name)
        found = workspace.read(place) if place is not None else None
        if place is not None and found is not None:
            workspace.templates[name], workspace.template_places[name] = found, place
    return campaign


def _read_rows(workspace: Workspace) -> None:
    for path, file in texts(workspace.campaign, "rows"):
        if workspace.campaign is None:
            return
        try:
            check_relative(file)
            place = workspace.beside(file)
            data = workspace.project.open(place.root, place.path, rows.MAX_BYTES)
        except FileRefusedError as error:
            near = workspace.nearby(workspace.folder, file) if error.code == "missing-file" else ()
            workspace.refused(workspace.campaign, path, error, near)
            continue
        workspace.table = rows.read_rows(place.label, data, workspace.problems)


def _bundle(
    workspace: Workspace, campaign: Campaign | None, kit: BrandKit | None, templates: dict[str, Template | None]
) -> CampaignBundle:
    """Put everything together; reached only where no problem was found."""
    document, kit_document = workspace.campaign, workspace.kit
    made = {name: template for name, template in templates.items() if template is not None}
    if campaign is None or kit is None or document is None or kit_document is None or len(made) != len(templates):
        raise AssertionError("a document failed without a diagnostic")
    table = workspace.table
    wanted = {id for entry in campaign.assets for id in entry.formats}
    sources: dict[str, SourceMap] = {"campaign": document.source_map(), "brand_kit": kit_document.source_map()}
    sources |= {f"template:{name}": found.source_map() for name, found in workspace.templates.items()}
    sources |= {f"copy:{locale}": found.source_map() for locale, found in workspace.decks.items()}
    return CampaignBundle(
        campaign=campaign,
        brand_kit=kit,
        templates=made,
        formats={id: format for id, format in workspace.formats.items() if id in wanted},
        copy_decks={locale: deck_texts(found) for locale, found in workspace.decks.items()},
        rows=table.rows if table is not None else (),
        row_key_column=table.key_column if table is not None else None,
        pictures=workspace.pictures,
        fonts=tuple(workspace.fonts),
        sources=sources,
    )
