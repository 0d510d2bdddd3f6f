"""A component whose bytes were read → under which name it is recorded, and whether it is there already.

Decides; writes nothing and reads no file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flux2engine.errors import LibraryError
from flux2engine.importing.gathering import Part
from flux2engine.importing.identity import Assumed
from flux2engine.library import WORDS, Component, Kind
from flux2engine.weights.identify import Identified

Outcome = Literal["added", "unchanged", "shared", "moved", "bound", "replaced"]
"""`shared`: the same bytes are there already, under the component's name. `moved`: the record's files had gone."""


@dataclass(frozen=True)
class ImportedPart:
    """Say what became of one component, with everything that was assumed."""

    component: Component
    outcome: Outcome
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Wishes:
    """Hold what the caller asked for, over what names and headers say."""

    name: str | None = None
    variant: str | None = None
    autoencoder: str | None = None
    text_encoder: str | None = None
    tokenizer: Path | None = None
    replace: bool = False


@dataclass(frozen=True)
class Candidate:
    """A part that is known for what it is, before its bytes were read."""

    part: Part
    found: Identified
    assumed: Assumed | None
    name: str
    named: bool  # by the caller
    own_name: str  # to take where the usual one is another's; empty where there is no model to name it after
    notes: tuple[str, ...]


def place(
    made: Component,
    candidate: Candidate,
    components: list[Component],
    placed: list[ImportedPart],
    wishes: Wishes,
) -> ImportedPart:
    """Decide under which name a component is recorded, and whether it is there already."""
    if made.kind == "transformer":
        made = _bound(made, components, placed, wishes, candidate.named)
    same = [part for part in components if part.kind == made.kind and part.digest == made.digest]
    if made.kind == "transformer":
        same = [
            part for part in same if part.variant == made.variant and (not candidate.named or part.name == made.name)
        ]
    if same:
        return _again(next((part for part in same if part.name == made.name), same[0]), made, candidate)
    there = {part.name: part for part in components}
    holder = there.get(made.name)
    notes = candidate.notes
    if holder is not None and candidate.own_name and holder.source != made.source:  # the name is another model's too
        notes = (*notes, f"{made.name!r} is another {WORDS[made.kind]}: this one is named {candidate.own_name!r}")
        made = made.model_copy(update={"name": candidate.own_name})
        holder = there.get(made.name)
    if holder is None:
        return ImportedPart(made, "added", notes)
    if holder.kind != made.kind:
        raise LibraryError(
            f"the name {made.name!r} is taken by {with_article(holder.kind)}: choose another with --name"
        )
    if not wishes.replace:
        raise LibraryError(_taken(holder, made))
    return ImportedPart(made, "replaced", (*notes, f"in place of {holder.source}"))


def _bound(
    made: Component, components: list[Component], placed: list[ImportedPart], wishes: Wishes, named: bool
) -> Component:
    """Bind a transformer to what was asked for, else to what came with it, else to what its record already names."""
    came = {one.component.kind: one.component.name for one in placed}
    record = next((part for part in components if part.name == made.name and part.digest == made.digest), None)
    if record is None and not named:
        record = next(
            (part for part in components if part.digest == made.digest and part.variant == made.variant), None
        )
    return made.model_copy(
        update={
            "autoencoder": wishes.autoencoder or came.get("autoencoder") or (record.autoencoder if record else None),
            "text_encoder": wishes.text_encoder
            or came.get("text_encoder")
            or (record.text_encoder if record else None),
        }
    )


def _again(record: Component, made: Component, candidate: Candidate) -> ImportedPart:
    """Meet bytes that are recorded already: keep the record, but for what is new about it."""
    notes = candidate.notes if record.kind == "transformer" else ()
    if candidate.named and record.name != made.name:
        notes = (*notes, f"equal bytes are one component: it is installed as {record.name!r}")
    fresh = made.model_copy(update={"name": record.name})
    lost = [file.path for file in record.all_files if file.state() != "same"]
    if lost and record.source != made.source:
        reason = f"{lost[0]} is gone or holds other bytes; the record now names {made.source}"
        return ImportedPart(fresh, "moved", (*notes, reason))
    bindings = (made.autoencoder, made.text_encoder)
    if record.kind == "transformer" and (record.autoencoder, record.text_encoder) != bindings:
        rebound = record.model_copy(update={"autoencoder": made.autoencoder, "text_encoder": made.text_encoder})
        return ImportedPart(rebound, "bound", notes)
    if record.source != made.source:
        return ImportedPart(record, "shared", (*notes, f"the same bytes as {record.source}, which stays in use"))
    if record.all_files != made.all_files:  # touched, or put back: the record takes their times
        return ImportedPart(fresh, "moved", (*notes, "the files have new times; the record knows them now"))
    return ImportedPart(record, "unchanged", notes)


def _taken(holder: Component, made: Component) -> str:
    if holder.kind == "transformer" and holder.digest == made.digest:
        return (
            f"{made.name!r} is these same bytes, imported as the variant {holder.variant}: give --replace to make it"
            f" {made.variant}, or another name with --name"
        )
    return (
        f"{made.name!r} is already the name of {holder.source}, which holds other bytes: choose another with --name,"
        " or give --replace"
    )


def with_article(kind: Kind) -> str:
    """Write a kind as a sentence needs it."""
    return f"{'an' if kind == 'autoencoder' else 'a'} {WORDS[kind]}"
