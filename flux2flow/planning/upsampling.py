"""Plates and a prompt file → plates with the file's prompts, and what a language model's answer must keep.

A prompt is data (a cell of a CSV may stand in it), and so is every answer: it replaces a prompt only where the brand's
facts survive. Asks no model and reads no file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flux2flow.domain.campaign import PromptBook
from flux2flow.domain.plan import Plan, PlannedPlate, PlanNote
from flux2flow.domain.plate import BackendLimits, Reference
from flux2flow.domain.upsampled import MAX_PROMPT, UpsampledPrompt
from flux2flow.planning.prompts import estimated_tokens, fits
from flux2flow.planning.wording import positive

_HEX = re.compile(r"#[0-9a-fA-F]{6}(?![0-9a-fA-F])")
_IMAGE = re.compile(r"\bimage\s+(\d+)\b", re.IGNORECASE)
_QUOTED = re.compile(r"[\"“”„‟«»「」『』]([^\"“”„‟«»「」『』]*)[\"“”„‟«»「」『』]")
_APOSTROPHES = re.compile(r"(?<!\w)['‘‚](?=\w)([^'‘’‚]*?\w[.,!?]?)['’](?!\w)")
_FREE = re.compile(r"empty clean space (?:on|at) the (left|right|top|bottom) for text")
_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})

Key = tuple[str, tuple[str, ...]]
"""A prompt and the digests of its reference pictures, in order: what an upsampled prompt belongs to."""


@dataclass(frozen=True, slots=True)
class WantedPrompt:
    """One prompt of a plan, the pictures it speaks of, and the plates that are painted by it."""

    prompt: str
    references: tuple[Reference, ...]
    plates: tuple[str, ...]

    @property
    def key(self) -> Key:
        """What its upsampled prompt is found by."""
        return self.prompt, tuple(reference.picture.file.digest for reference in self.references)


@dataclass(frozen=True, slots=True)
class Judgement:
    """An answer in one line; why it cannot stand for the original, where it cannot; what somebody should look at."""

    text: str
    refused: str = ""
    review: tuple[str, ...] = ()


def distinct_prompts(plan: Plan) -> tuple[WantedPrompt, ...]:
    """List the prose prompts of a plan, as planning wrote them, each once; JSON ones say everything already."""
    found: dict[Key, WantedPrompt] = {}
    for plate in plan.plates:
        prompt = plate.original_prompt or plate.request.prompt
        if prompt.startswith("{"):
            continue
        wanted = WantedPrompt(prompt, plate.request.references, (plate.id,))
        earlier = found.get(wanted.key)
        found[wanted.key] = replace(earlier, plates=(*earlier.plates, plate.id)) if earlier else wanted
    return tuple(found.values())


def judge(original: str, answer: str, problem: str = "") -> Judgement:
    """Hold an answer against the original: colours, lettering and numbered pictures must be the same ones.

    Lettering that nobody asked for would be painted, and a picture that was not handed over cannot be meant.
    `problem` is what the model itself said against its answer.
    """
    text = " ".join(answer.split())
    refused = [problem] if problem else [*_unfit(text), *_lost(original, text)]
    return Judgement(text, "; ".join(refused), () if refused else tuple(_doubts(original, text)))


def with_prompts(
    plates: Sequence[PlannedPlate], book: PromptBook, limits: BackendLimits
) -> tuple[list[PlannedPlate], list[PlanNote]]:
    """Put a prompt file's texts into the plates they were written for, and note what does not fit together."""
    entries: dict[Key, UpsampledPrompt] = {(entry.original, entry.references): entry for entry in book.prompts}
    made: list[PlannedPlate] = []
    notes: list[PlanNote] = []
    met: set[Key] = set()
    for plate in plates:
        request = plate.request
        key = request.prompt, tuple(reference.picture.file.digest for reference in request.references)
        entry = entries.get(key)
        met.add(key)
        if entry is None:
            notes.append(PlanNote("prompt-without-entry", f"{book.file.path} has no prompt for it", plate.id))
        elif why := _kept(entry, limits):
            notes.append(PlanNote("prompt-kept", f"painted by the original prompt: {why}", plate.id))
        else:
            text = judge(entry.original, entry.text or "").text
            plate = replace(plate, request=replace(request, prompt=text), original_prompt=request.prompt)
            notes += [
                PlanNote("prompt-review", f"to be looked at in its prompt: {what}", plate.id) for what in entry.review
            ]
        made.append(plate)
    for key in entries:
        if key not in met:
            said = key[0] if len(key[0]) <= 60 else f"{key[0][:59]}…"
            notes.append(PlanNote("prompt-stale", f"{book.file.path}: no plate has the original {said!r} any more"))
    return made, notes


def _kept(entry: UpsampledPrompt, limits: BackendLimits) -> str:
    """Say why an entry's original is painted all the same; empty where its text is."""
    if entry.text is None:
        return entry.kept
    if refused := judge(entry.original, entry.text).refused:  # somebody may have edited it
        return refused
    room = limits.max_prompt_tokens
    if room is not None and not fits(entry.text, room):
        long = estimated_tokens(entry.text, room)
        return f"backend {limits.name} reads about {room} tokens, and the upsampled one has {long}"
    return ""


def _unfit(text: str) -> list[str]:
    if not text:
        return ["the answer is empty"]
    found = []
    if len(text) > MAX_PROMPT:
        found.append(f"the answer has {len(text)} characters, a prompt may have {MAX_PROMPT}")
    if any(unicodedata.category(character) in _HIDDEN for character in text):
        found.append("the answer holds control characters")
    return found


def _lost(original: str, text: str) -> list[str]:
    """Name the brand facts that an answer lost, and the lettering and pictures that it invented."""
    found = [f"the colour {color} is lost" for color in _missing(_colors(original), _colors(text))]
    found += [f"the words {words!r} are lost" for words in _missing(_lettering(original), _lettering(text))]
    found += [f"the words {words!r} would be painted" for words in _missing(_lettering(text), _lettering(original))]
    found += [f"image {number} is lost" for number in _missing(_images(original), _images(text))]
    return found + [f"there is no image {number}" for number in _missing(_images(text), _images(original))]


def _doubts(original: str, text: str) -> list[str]:
    found = [f"the colour {color} is not the brief's" for color in _missing(_colors(text), _colors(original))]
    said = positive(text)
    rewritten = [before.strip("'") for before, became, _ in (c.partition(" became ") for c in said.changes) if became]
    negatives = [*(refused.words for refused in said.refused), *rewritten]
    found += [f"{words!r} is a negative, and a model paints what a prompt names" for words in negatives]
    for side in _FREE.findall(original):
        if not re.search(rf"\b{side}\b", text, re.IGNORECASE):
            found.append(f"nothing keeps the {side} empty for text")
    return found


def _colors(text: str) -> list[str]:
    return [color.lower() for color in _HEX.findall(text)]


def _images(text: str) -> list[str]:
    return [str(int(number)) for number in _IMAGE.findall(text)]


def _lettering(text: str) -> list[str]:
    return [words.strip() for words in (*_QUOTED.findall(text), *_APOSTROPHES.findall(text)) if words.strip()]


def _missing(wanted: Sequence[str], there: Sequence[str]) -> list[str]:
    return [item for item in dict.fromkeys(wanted) if item not in there]
