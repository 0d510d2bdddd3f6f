"""What lies at a path → records in the library, written only after every byte was read and every doubt was settled."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flux2engine.errors import LibraryError
from flux2engine.importing.gathering import Delivery, Part, absolute, dtypes_of, gather
from flux2engine.importing.hashing import Hasher, Progress, silent
from flux2engine.importing.identity import Assumed, assume_variant, differences, plain_name, usual_name
from flux2engine.language_model import load_tokenizer
from flux2engine.library import NAME, WORDS, Component, InstalledModel, Kind, Library, assembled, misfit, plain_shape
from flux2engine.variants import TextEncoderConfig
from flux2engine.weights.identify import Identified, identify

Outcome = Literal["added", "unchanged", "shared", "moved", "bound", "replaced"]
"""`shared`: the same bytes are there already, under the component's name. `moved`: the record's files had gone."""


@dataclass(frozen=True)
class ImportedPart:
    """Say what became of one component, with everything that was assumed."""

    component: Component
    outcome: Outcome
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Import:
    """Say what an import did, and how the models stand that it touches."""

    parts: tuple[ImportedPart, ...]
    absent: tuple[str, ...]  # subfolders that a diffusers folder lacks
    models: tuple[InstalledModel, ...]


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
class _Candidate:
    """A part that is known for what it is, before its bytes were read."""

    part: Part
    found: Identified
    assumed: Assumed | None
    name: str
    named: bool  # by the caller
    own_name: str  # to take where the usual one is another's; empty where there is no model to name it after
    notes: tuple[str, ...]


def import_path(
    library: Library,
    path: Path,
    *,
    name: str | None = None,
    variant: str | None = None,
    autoencoder: str | None = None,
    text_encoder: str | None = None,
    tokenizer: Path | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> Import:
    """Record what lies at `path`; raise WeightsError or LibraryError, and then nothing was written.

    An interruption leaves the library as it was, but for whole records.
    """
    wishes = Wishes(name, variant, autoencoder, text_encoder, tokenizer, replace)
    delivery = gather(path, tokenizer)
    candidates = _candidates(delivery, wishes)
    before = library.components()
    _check_bindings(before, candidates, wishes)
    files = [file for one in candidates for file in _files(one)]
    hasher = Hasher(files, before, progress or silent)
    placed: list[ImportedPart] = []
    for candidate in sorted(candidates, key=lambda one: one.found.kind == "transformer"):
        placed.append(_placed(_component(candidate, hasher), candidate, [*before, *_made(placed)], placed, wishes))
    after = {part.name: part for part in (*before, *_made(placed))}
    changed = [one for one in placed if one.outcome not in ("unchanged", "shared")]
    news = [one for one in placed if one in changed or one.component.kind == "transformer"] or placed
    touched = {part.name for part in _made(news)}
    models = tuple(model for model in assembled(after.values()) if touched & {part.name for part in model.parts})
    for one in changed:  # the transformer last: no record ever names one that is not there
        library.add(one.component)
    return Import(tuple(placed), delivery.absent, models)


def _candidates(delivery: Delivery, wishes: Wishes) -> list[_Candidate]:
    """Settle what everything is and is called; raise before a single byte of data is read."""
    if wishes.name is not None and not re.fullmatch(NAME, wishes.name):
        raise LibraryError(f"{wishes.name!r} is not a name: small letters, digits, dots, dashes; 64 at most")
    known = [(part, identify(part.checkpoint, part.config or None)) for part in delivery.parts]
    for part, found in known:
        if part.expected is not None and part.expected != found.kind:
            raise LibraryError(f"{part.source} holds {_a(found.kind)}, not {_a(part.expected)}")
    kinds = {found.kind for _, found in known}
    _refuse_idle(wishes, kinds)
    chosen = {"autoencoder": wishes.autoencoder, "text_encoder": wishes.text_encoder}
    known = [(part, found) for part, found in known if not chosen.get(found.kind)]
    model = ""
    result = []
    for part, found in known:
        assumed, notes = None, _notes(found)
        if found.kind == "transformer":
            index_path = delivery.path if delivery.model_index is not None else part.source
            assumed = assume_variant(found, index_path, delivery.model_index, wishes.variant)
            model = name = wishes.name or assumed.variant.name
            notes = (f"taken for {assumed.variant.name}: {assumed.source}", *_custom(found, assumed))
        else:
            alone = len(known) == 1
            name = (wishes.name if alone else None) or _part_name(part, found, delivery, model)
        named = wishes.name is not None and name == wishes.name
        own = f"{model}-{found.kind.replace('_', '-')}" if model and found.kind != "transformer" else ""
        result.append(_Candidate(part, found, assumed, name, named, own, notes))
        if found.kind == "text_encoder":
            _require_tokenizer(part, found)
    _check_widths(result)
    return result


def _part_name(part: Part, found: Identified, delivery: Delivery, model: str) -> str:
    if delivery.model_index is None:
        return usual_name(found, part.source)
    if len(found.published) == 1:
        return found.published[0]
    return f"{model or plain_name(delivery.path)}-{found.kind.replace('_', '-')}"


def _refuse_idle(wishes: Wishes, kinds: set[Kind]) -> None:
    """Refuse options that would have no effect: whoever gave them meant another file."""
    what = " and ".join(_a(kind) for kind in sorted(kinds))
    if "transformer" not in kinds:
        for option, value in (
            ("--variant", wishes.variant),
            ("--autoencoder", wishes.autoencoder),
            ("--text-encoder", wishes.text_encoder),
        ):
            if value is not None:
                raise LibraryError(f"{option} is for a transformer, and this is {what}")
    if wishes.tokenizer is not None and "text_encoder" not in kinds:
        raise LibraryError(f"--tokenizer is for a text encoder, and this is {what}")


def _require_tokenizer(part: Part, found: Identified) -> None:
    """Refuse a text encoder without the tokenizer that belongs to it, as painting would."""
    if part.tokenizer is None:
        raise LibraryError(
            f"{part.source} is a text encoder, and its tokenizer.json is not beside it: name the file with --tokenizer"
            " (Qwen3's is in its repository; Mistral's in the folder tokenizer of black-forest-labs/FLUX.2-dev)"
        )
    assert isinstance(found.shape, TextEncoderConfig)
    load_tokenizer(part.tokenizer, found.shape)


def _check_widths(candidates: list[_Candidate]) -> None:
    """Refuse a folder whose parts do not fit each other."""
    shapes = {one.found.kind: one.found.shape for one in candidates}
    gives = getattr(shapes.get("text_encoder"), "context_dim", None)
    takes = getattr(shapes.get("transformer"), "context_dim", None)
    if gives is not None and takes is not None and gives != takes:
        raise LibraryError(
            f"the text encoder gives {gives} values a token and the transformer takes {takes}: they do not belong"
            " together"
        )


def _check_bindings(components: tuple[Component, ...], candidates: list[_Candidate], wishes: Wishes) -> None:
    """Refuse to bind a model to a component that is not there or does not fit, before anything is read."""
    bound: tuple[tuple[Kind, str | None], ...]
    bound = (("autoencoder", wishes.autoencoder), ("text_encoder", wishes.text_encoder))
    for kind, name in bound:
        there = {part.name: part for part in components if part.kind == kind}
        if name is not None and name not in there:
            known = ", ".join(there) or "none"
            raise LibraryError(f"there is no {WORDS[kind]} {name!r} to bind the model to; installed: {known}")
        for candidate in candidates:
            if name is not None and candidate.assumed is not None:
                reason = misfit(candidate.name, candidate.found.shape, there[name])
                if reason is not None:
                    raise LibraryError(reason)


def _files(candidate: _Candidate) -> tuple[Path, ...]:
    tokenizer = candidate.part.tokenizer if candidate.found.kind == "text_encoder" else None
    weights = tuple(absolute(file) for file in candidate.part.checkpoint.files)
    return (*weights, *((absolute(tokenizer),) if tokenizer else ()))


def _component(candidate: _Candidate, hasher: Hasher) -> Component:
    found, part = candidate.found, candidate.part
    facts = tuple(hasher.facts(file) for file in _files(candidate))
    weights = facts[: len(part.checkpoint.files)]
    return Component(
        kind=found.kind,
        name=candidate.name,
        layout=found.layout,
        prefix=found.prefix,
        published=found.published,
        shape=plain_shape(found.shape),
        source=str(part.source),
        files=weights,
        tokenizer=facts[len(weights)] if found.kind == "text_encoder" else None,
        config=dict(part.config),
        dtype=" + ".join(dtypes_of(part.checkpoint)),
        parameters=found.parameters,
        variant=candidate.assumed.variant.name if candidate.assumed else None,
        variant_source=candidate.assumed.source if candidate.assumed else "",
    )


def _placed(
    made: Component,
    candidate: _Candidate,
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
    if holder is not None and candidate.own_name and not candidate.named and not wishes.replace:
        notes = (*notes, f"{made.name!r} is another {WORDS[made.kind]}: this one is named {candidate.own_name!r}")
        made = made.model_copy(update={"name": candidate.own_name})
        holder = there.get(made.name)
    if holder is None:
        return ImportedPart(made, "added", notes)
    if holder.kind != made.kind:
        raise LibraryError(f"the name {made.name!r} is taken by {_a(holder.kind)}: choose another with --name")
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


def _again(record: Component, made: Component, candidate: _Candidate) -> ImportedPart:
    """Meet bytes that are recorded already: keep the record, but for what is new about it."""
    notes = candidate.notes if record.kind == "transformer" else ()
    if candidate.named and record.name != made.name:
        notes = (*notes, f"equal bytes are one component: it is installed as {record.name!r}")
    fresh = made.model_copy(update={"name": record.name})
    gone = [file.path for file in record.all_files if file.state() == "missing"]
    if gone:
        return ImportedPart(fresh, "moved", (*notes, f"{gone[0]} is gone; the record now names {made.source}"))
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


def _custom(found: Identified, assumed: Assumed) -> tuple[str, ...]:
    if found.published:
        return ()
    return (f"custom shape: {'; '.join(differences(found.shape, assumed.variant.transformer))}",)


def _notes(found: Identified) -> tuple[str, ...]:
    if found.published or found.kind == "transformer":
        return ()
    return (f"custom shape: no published {WORDS[found.kind]} has it",)


def _made(placed: list[ImportedPart]) -> list[Component]:
    return [one.component for one in placed]


def _a(kind: Kind) -> str:
    return f"{'an' if kind == 'autoencoder' else 'a'} {WORDS[kind]}"
