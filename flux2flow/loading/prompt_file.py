"""A file under `prompts/` ↔ upsampled prompts: read with places, written so that a diff shows what changed.

Prompts are data: what a model or an editor put there is held to limits here and to its brand facts by planning.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import chain

from flux2flow.domain.campaign import CampaignBundle, PromptBook
from flux2flow.domain.upsampled import MAX_PROMPT, PromptFile, UpsampledPrompt
from flux2flow.errors import Diagnostic, Position, SpecError, StoreError
from flux2flow.loading import yaml_composer
from flux2flow.loading.collector import Collector
from flux2flow.loading.models import validate
from flux2flow.loading.workspace import Place, Workspace, select, texts
from flux2flow.loading.yaml_document import Document
from flux2flow.project import FileRefusedError, Project, check_relative, reference
from flux2flow.store import LocalDisk, publish

WIDTH = 100
_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_HEAD = """\
# Prompts as `flux2flow upsample` wrote them; a campaign uses them by its key `prompts:`.
# `text` is painted and may be edited; `original` and `references` find its plate and may not.
# Delete a `review:` once somebody has looked; delete an entry to paint the original.
flux2flow: 1
"""


def read_prompts(workspace: Workspace) -> PromptBook | None:
    """Read the prompt file the campaign names."""
    campaign = workspace.campaign
    for path, file in texts(campaign, "prompts"):
        if campaign is None:
            return None
        try:
            check_relative(file)
            place = workspace.beside(file)
            data = workspace.project.open(place.root, place.path, yaml_composer.MAX_BYTES)
        except FileRefusedError as error:
            missing = error.code == "missing-file"
            remedy = "write it with: flux2flow upsample, or remove the line" if missing else error.remedy
            refused = FileRefusedError(error.code, error.message, remedy)
            near = workspace.nearby(workspace.folder, file) if missing else ()
            workspace.refused(campaign, path, refused, near)
            continue
        made = _prompts(yaml_composer.read(place.label, data), workspace.problems)
        return PromptBook(reference(place.root, place.path, data), made)
    return None


def read_prompt_file(project: Project, path: str) -> tuple[UpsampledPrompt, ...]:
    """Read a prompt file on its own, none where it is absent; raise SpecError with every problem."""
    try:
        data = project.open("project", path, yaml_composer.MAX_BYTES)
    except FileRefusedError as error:
        if error.code == "missing-file":
            return ()
        raise SpecError((Diagnostic(error.code, error.message, Position(path), remedy=error.remedy),)) from error
    problems = Collector()
    made = _prompts(yaml_composer.read(path, data), problems)
    problems.raise_any()
    return made


def prompt_file_path(bundle: CampaignBundle, project: Project) -> str:
    """Name a campaign's prompt file from the project's root: the one it names, else one in `prompts/` beside it."""
    workspace = Workspace(project, Place("project", bundle.sources["campaign"].file).folder)
    return workspace.beside(bundle.campaign.prompts or f"prompts/{bundle.campaign.campaign}.yaml").path


def write_prompt_file(project: Project, path: str, prompts: Sequence[UpsampledPrompt]) -> None:
    """Write the file whole or not at all; raise StoreError, also where a link would lead out of the project."""
    target = project.root.joinpath(*check_relative(path))
    if not target.parent.resolve().is_relative_to(project.root.resolve()):
        raise StoreError(f"{path} leads out of the project through a symbolic link")
    publish(LocalDisk(), target, prompt_file_text(prompts).encode())


def prompt_file_text(prompts: Sequence[UpsampledPrompt]) -> str:
    """Write the prompts as YAML that reads back equal; StoreError where the file would pass what YAML may have."""
    lines = [_HEAD, "prompts:" if prompts else "prompts: []"]
    for number, prompt in enumerate(prompts):
        lines += [*([""] if number else []), *_string("  - original", prompt.original)]
        if prompt.references:
            lines += ["    references:", *(f"      - {_quoted(digest)}" for digest in prompt.references)]
        lines += _string("    text", prompt.text) if prompt.text is not None else []
        lines += _string("    kept", prompt.kept) if prompt.kept else []
        if prompt.review:
            lines += ["    review:", *chain.from_iterable(_string("      -", what) for what in prompt.review)]
        lines.append(f"    model: {_quoted(prompt.model)}")
        lines += [f"    weights: {_quoted(prompt.weights)}", f"    seed: {prompt.seed}"]
    text = "\n".join(lines) + "\n"
    if len(text.encode()) > yaml_composer.MAX_BYTES:
        limit = yaml_composer.MAX_BYTES // 1024
        raise StoreError(f"{len(prompts)} prompts do not fit into one file of {limit} KiB: divide the campaign")
    return text


def _prompts(document: Document, problems: Collector) -> tuple[UpsampledPrompt, ...]:
    made = validate(document, PromptFile, problems)
    seen: set[str] = set()
    for path, entry in select(document.data, "prompts", "*"):
        if not isinstance(entry, dict):
            continue
        if entry.get("text") is None and not entry.get("kept"):
            message = "the entry has neither 'text' nor 'kept'"
            problems.at_value(document, path, "missing-key", message, expected="text: what is painted instead")
        if isinstance(text := entry.get("text"), str) and (wrong := unfit(text)):
            problems.at_value(document, (*path, "text"), "bad-prompt", f"'text' {wrong}")
        key = json.dumps([entry.get("original"), entry.get("references") or []])
        if key in seen:
            message = "an entry above has the same original and references"
            problems.at_value(document, (*path, "original"), "duplicate-prompt", message, remedy="delete one of them")
        seen.add(key)
    return made.prompts if made is not None else ()


def unfit(text: str) -> str:
    """Say why a text can be no prompt; empty where it can."""
    if not text.strip():
        return "is empty"
    if len(text) > MAX_PROMPT:
        return f"has {len(text)} characters; a prompt may have {MAX_PROMPT}"
    hidden = next((c for c in text if unicodedata.category(c) in _HIDDEN and c != "\n"), "")
    return f"holds a control or format character (U+{ord(hidden):04X})" if hidden else ""


def _string(key: str, text: str) -> Iterable[str]:
    """Give a string's lines: short or odd ones quoted, prose folded so that a changed word changes one line."""
    lead = key if key.endswith("-") else f"{key}:"
    words = text.split(" ")
    if len(key) + len(text) < WIDTH or not text.isprintable() or not all(words):
        return [f"{lead} {_quoted(text)}"]
    indent = " " * (len(key) - len(key.lstrip()) + (4 if "- " in key else 2))
    lines = [indent + words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) > WIDTH:
            lines.append(indent + word)
        else:
            lines[-1] += f" {word}"
    return [f"{lead} >-", *lines]


def _quoted(text: str) -> str:
    """Quote for YAML; what nobody can see is written as an escape."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)
