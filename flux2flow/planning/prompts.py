"""A plate's brief → the prompt: FLUX.2's prose or JSON form. Knows no template, no language and no backend.

The phrases are those that the shipped model was taught (`flux2engine.training.captions`), so that it and the large
models read the same brief: "soft dawn light from the left, backdrop in warm sand (#e8d5b5), empty clean space on the
left for text".
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from flux2flow.domain.measures import Box
from flux2flow.domain.plate import CompositionSide, PaletteColor, Reference
from flux2flow.planning.color_names import NAMES
from flux2flow.planning.wording import sides_swapped

FreeSide = Literal["left", "right", "top", "bottom", "none"]

_FREE: dict[FreeSide, str] = {
    "left": "empty clean space on the left for text",
    "right": "empty clean space on the right for text",
    "top": "empty clean space at the top for text",
    "bottom": "empty clean space at the bottom for text",
    "none": "",
}
_EMPTY_SET = "an empty set"
_BESIDE: dict[FreeSide, str] = {"top": "in the lower part", "bottom": "in the upper part"}
_STANDS: dict[CompositionSide, str] = {"start": "on the left", "center": "in the centre", "end": "on the right"}
_ROLES = {
    "product": "the product",
    "subject": "the subject",
    "style": "a style reference",
    "prop": "a prop",
    "palette": "a palette reference",
}
_SWAPPED: dict[CompositionSide, CompositionSide] = {"start": "end", "center": "center", "end": "start"}
# Words that the captions of the small model are made of; what is not among them may take several tokens.
_CAPTION_WORDS = """
    accent advertising and arch backdrop background behind bottle bottom box bright bronze calm campaign can centre
    clean clear commercial composition cool cream curtain dark dawn daylight deep disc dramatic empty eye evening even
    fading falling floor for from front glass golden high image jar large left level light lights lower matte mist
    minimal modern morning neutral night pale palette paper part photograph photography picture plain plinth podium
    product reference right rising round seamless set shadows sharp side slightly smooth soft space stage stand stands
    straight studio style subject surfaces text that the third top tube two upper wall warm white window with words
"""
_PIECE = re.compile(r"#[0-9a-fA-F]{6}|[^\W\d_]+|\d|[^\w\s]|_")
SMALL_ROOM = 256
"""Tokens. The shipped model reads 96 of a vocabulary of a few hundred words, FLUX.2 512 of one of 130,000 pieces."""

_COMMON = frozenset(_CAPTION_WORDS.split()) | {word for name in NAMES for word in name.split()}


@dataclass(frozen=True)
class Brief:
    """A plate's brief with everything evaluated; every text is positive and unquoted."""

    scene: str
    subjects: tuple[str, ...]
    style: str
    palette: tuple[PaletteColor, ...]
    light: str
    azimuth: float
    elevation: float
    composition: str
    camera: str
    words: str
    set_exactly: bool
    """Whether a product is set on the painted floor afterwards, so that the floor stays free."""
    negative: str = ""
    """What the picture should not hold: no part of the prompt, but of what is handed over beside it."""

    def mirrored(self) -> Brief:
        """Give the brief of the mirrored composition: sides in words and the light change places."""
        return replace(
            self,
            scene=sides_swapped(self.scene),
            subjects=tuple(map(sides_swapped, self.subjects)),
            style=sides_swapped(self.style),
            light=sides_swapped(self.light),
            azimuth=-self.azimuth,
            composition=sides_swapped(self.composition),
            camera=sides_swapped(self.camera),
            negative=sides_swapped(self.negative),
        )


def opposite(side: CompositionSide) -> CompositionSide:
    """Give the side of the mirrored composition."""
    return _SWAPPED[side]


def light_direction(azimuth: float, elevation: float) -> str:
    """Where the light comes from, in the words of a photographer; azimuth negative from the left, 0 from the camera."""
    if elevation >= 75:
        return "from above"
    if abs(azimuth) < 20:
        return "from the front"
    if abs(azimuth) > 160:
        return "from behind"
    return "from the left" if azimuth < 0 else "from the right"


def free_side(quiet: Sequence[Box], seen: Box) -> FreeSide:
    """Which side of the seen part of the plate the quiet boxes (both in fractions of the plate) leave to type.

    Boxes that together take less than seven tenths of the width and keep to one half are a side, else they are the
    top or the bottom; boxes spread over all of it are none.
    """
    if not quiet:
        return "none"
    whole = quiet[0]
    for box in quiet[1:]:
        whole = whole.union(box)
    across = (whole.x + whole.width / 2 - seen.x) / seen.width - 0.5
    down = (whole.y + whole.height / 2 - seen.y) / seen.height - 0.5
    width = whole.width / seen.width
    if width < 0.7 and abs(across) > 0.08:
        return "left" if across < 0 else "right"
    if abs(down) > 0.08:
        return "top" if down < 0 else "bottom"
    if width < 0.95 and abs(across) > 0.02:
        return "left" if across < 0 else "right"
    return "none"


def compile_prompt(
    brief: Brief,
    side: CompositionSide,
    free: FreeSide,
    references: Sequence[Reference],
    form: Literal["prose", "json"],
    max_tokens: int | None = None,
) -> tuple[str, tuple[str, ...]]:
    """Write the prompt in one of FLUX.2's two forms, and say what was left out to keep it within `max_tokens`.

    Camera, style and composition go first, then the captions of references: what a prompt's end loses would otherwise
    be decided by its length. What remains is never cut.
    """
    left_out: list[str] = []

    def written() -> str:
        return (_as_json if form == "json" else _as_prose)(brief, side, free, references)

    for name, without in (
        ("camera", replace(brief, camera="")),
        ("style", replace(brief, camera="", style="")),
        ("composition", replace(brief, camera="", style="", composition="")),
    ):
        if fits(written(), max_tokens):
            break
        if getattr(brief, name):
            left_out.append(f"{name} ({getattr(brief, name)!r}) was left out of the prompt")
            brief = without
    if not fits(written(), max_tokens) and any(r.caption for r in references):
        references = [replace(reference, caption="") for reference in references]
        left_out.append("the captions of references were left out of the prompt")
    if not fits(written(), max_tokens):
        left_out.append("the prompt is still too long: shorten the template's scene, subjects or palette")
    return written(), tuple(left_out)


def fits(prompt: str, room: int | None) -> bool:
    """Say whether a model that reads `room` tokens reads all of a prompt; None reads any."""
    return room is None or estimated_tokens(prompt, room) <= room


def estimated_tokens(prompt: str, room: int = 0) -> int:
    """Count tokens as a model's vocabulary would that reads `room` of them, rather too many than too few.

    A hex colour is 7. To the small model a word of its captions is 1, any other word about one for two letters; the
    language models before FLUX.2, which read far more, know most words whole: five letters a piece is too many.
    """
    tokens = 0
    if room > SMALL_ROOM:
        for piece in _PIECE.findall(prompt):
            tokens += 7 if piece.startswith("#") and len(piece) == 7 else -(-len(piece.encode()) // 5)
        return tokens
    for piece in _PIECE.findall(prompt):
        if piece.startswith("#") and len(piece) == 7:
            tokens += 7
        else:
            tokens += 1 if len(piece) < 3 or piece.lower() in _COMMON else -(-len(piece.encode()) // 2)
    return tokens


def legend(references: Sequence[Reference]) -> str:
    """Say what each reference is: `image 1 is the product, a glass bottle; image 2 is a style reference, …`."""
    said = []
    for number, reference in enumerate(references, 1):
        role = _ROLES.get(reference.role, "a reference")
        said.append(f"image {number} is {role}" + (f", {_clause(reference.caption)}" if reference.caption else ""))
    return "; ".join(said)


def _as_prose(brief: Brief, side: CompositionSide, free: FreeSide, references: Sequence[Reference]) -> str:
    subjects = _subjects(brief, side, free, references)
    opening = _clause(brief.scene)
    if subjects and subjects[0] not in brief.scene:
        opening = f"{subjects[0]}, {_inside(opening)}" if opening else subjects[0]
    parts = [
        opening,
        *(subject for subject in subjects[1:] if subject not in brief.scene),
        _lighting(brief),
        *map(_painted, brief.palette),
        _clause(brief.composition),
        _FREE[free],
        _EMPTY_SET if brief.set_exactly else "",
        _clause(brief.style),
        _clause(brief.camera),
        _lettering(brief),
    ]
    sentence = _sentence(", ".join(dict.fromkeys(part for part in parts if part)))
    said = legend(references)
    return f"{_sentence(said)} {sentence}" if said else sentence


def _as_json(brief: Brief, side: CompositionSide, free: FreeSide, references: Sequence[Reference]) -> str:
    composition = ", ".join(
        dict.fromkeys(
            part for part in (_clause(brief.composition), _FREE[free], _EMPTY_SET if brief.set_exactly else "") if part
        )
    )
    document: dict[str, object] = {
        "scene": _clause(brief.scene),
        "subjects": [{"description": subject} for subject in _subjects(brief, side, free, references)],
        "style": _clause(brief.style),
        "color_palette": [_painted(color) for color in brief.palette],
        "lighting": _lighting(brief),
        "composition": composition,
        "camera": _clause(brief.camera),
        "text": _lettering(brief),
        "references": [part for part in legend(references).split("; ") if part],
    }
    return json.dumps({key: value for key, value in document.items() if value}, ensure_ascii=False)


def _subjects(brief: Brief, side: CompositionSide, free: FreeSide, references: Sequence[Reference]) -> list[str]:
    """Say what stands in the picture, the main thing first, with its place; a reference's product by number."""
    place = _BESIDE.get(free, _STANDS[side])
    subjects = [_clause(subject) for subject in brief.subjects if subject.strip()]
    painted = [number for number, reference in enumerate(references, 1) if reference.role == "product"]
    mentioned = any(f"image {number}" in text for number in painted for text in (brief.scene, *subjects))
    if painted and not mentioned:
        subjects.insert(0, f"the product from image {painted[0]} stands")
    if subjects and not any(word in subjects[0].split() for word in ("left", "right", "centre", "center")):
        subjects[0] = f"{subjects[0]} {place}"
    return subjects


def _lighting(brief: Brief) -> str:
    described = _clause(brief.light)
    return f"{described} {light_direction(brief.azimuth, brief.elevation)}" if described else ""


def _painted(color: PaletteColor) -> str:
    part = color.part.replace("_", " ").replace("-", " ")
    return f"{part} in {color.name} ({color.color.hex[:7]})"


def _lettering(brief: Brief) -> str:
    return f'with the words "{brief.words}" in clear lettering' if brief.words else ""


def _clause(text: str) -> str:
    """One part of a sentence: white space folded, no full stop at its end."""
    return " ".join(text.split()).rstrip(" .,;")


def _inside(clause: str) -> str:
    """Write a clause that no longer opens its sentence with its article in lower case."""
    first, space, rest = clause.partition(" ")
    return f"{first.lower()}{space}{rest}" if first in ("A", "An", "The") else clause


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""
