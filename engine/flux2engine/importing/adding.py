"""What lies at a path → records in the library, written only after every byte was read and every doubt was settled."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from flux2engine.errors import LibraryError
from flux2engine.importing.gathering import Delivery, Part, absolute, dtypes_of, gather
from flux2engine.importing.hashing import Hasher, Progress, silent
from flux2engine.importing.identity import Assumed, assume_variant, differences, plain_name, usual_name
from flux2engine.importing.placing import Candidate, ImportedPart, Wishes, place, with_article
from flux2engine.language_model import load_tokenizer
from flux2engine.library import NAME, WORDS, Component, InstalledModel, Kind, Library, assembled, misfit, plain_shape
from flux2engine.variants import TextEncoderConfig
from flux2engine.weights.identify import Identified, identify


@dataclass(frozen=True)
class Import:
    """Say what an import did, and how the models stand that it touches."""

    parts: tuple[ImportedPart, ...]
    absent: tuple[str, ...]  # subfolders that a diffusers folder lacks
    models: tuple[InstalledModel, ...]


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
        placed.append(place(_component(candidate, hasher), candidate, [*before, *_made(placed)], placed, wishes))
    after = {part.name: part for part in (*before, *_made(placed))}
    changed = [one for one in placed if one.outcome not in ("unchanged", "shared")]
    news = [one for one in placed if one in changed or one.component.kind == "transformer"] or placed
    touched = {part.name for part in _made(news)}
    models = tuple(model for model in assembled(after.values()) if touched & {part.name for part in model.parts})
    for one in changed:  # the transformer last: no record ever names one that is not there
        library.add(one.component)
    return Import(tuple(placed), delivery.absent, models)


def _candidates(delivery: Delivery, wishes: Wishes) -> list[Candidate]:
    """Settle what everything is and is called; raise before a single byte of data is read."""
    if wishes.name is not None and not re.fullmatch(NAME, wishes.name):
        raise LibraryError(f"{wishes.name!r} is not a name: small letters, digits, dots, dashes; 64 at most")
    known = [(part, identify(part.checkpoint, part.config or None)) for part in delivery.parts]
    for part, found in known:
        if part.expected is not None and part.expected != found.kind:
            raise LibraryError(f"{part.source} holds {with_article(found.kind)}, not {with_article(part.expected)}")
    _refuse_idle(wishes, {found.kind for _, found in known})
    chosen = {"autoencoder": wishes.autoencoder, "text_encoder": wishes.text_encoder}
    left_out = [(found.kind, name) for _, found in known if (name := chosen.get(found.kind))]
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
            notes += tuple(f"the {WORDS[kind]} {name!r} serves in place of the folder's own" for kind, name in left_out)
        else:
            alone = len(known) == 1
            name = (wishes.name if alone else None) or _part_name(part, found, delivery, model)
        named = wishes.name is not None and name == wishes.name
        own = f"{model}-{found.kind.replace('_', '-')}" if model and found.kind != "transformer" else ""
        result.append(Candidate(part, found, assumed, name, named, own, notes))
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
    what = " and ".join(with_article(kind) for kind in sorted(kinds))
    if "transformer" not in kinds:
        for option, value in (
            ("--variant", wishes.variant),
            ("--autoencoder", wishes.autoencoder),
            ("--text-encoder", wishes.text_encoder),
        ):
            if value is not None:
                raise LibraryError(f"{option} is for a transformer, and this is {what}")
        if wishes.name is not None and len(kinds) > 1:
            raise LibraryError(f"--name is for one model or component, and this is {what}")
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


def _check_widths(candidates: list[Candidate]) -> None:
    """Refuse a folder whose parts do not fit each other."""
    shapes = {one.found.kind: one.found.shape for one in candidates}
    gives = getattr(shapes.get("text_encoder"), "context_dim", None)
    takes = getattr(shapes.get("transformer"), "context_dim", None)
    if gives is not None and takes is not None and gives != takes:
        raise LibraryError(
            f"the text encoder gives {gives} values a token and the transformer takes {takes}: they do not belong"
            " together"
        )


def _check_bindings(components: tuple[Component, ...], candidates: list[Candidate], wishes: Wishes) -> None:
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


def _files(candidate: Candidate) -> tuple[Path, ...]:
    tokenizer = candidate.part.tokenizer if candidate.found.kind == "text_encoder" else None
    weights = tuple(absolute(file) for file in candidate.part.checkpoint.files)
    return (*weights, *((absolute(tokenizer),) if tokenizer else ()))


def _component(candidate: Candidate, hasher: Hasher) -> Component:
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
