"""Scenes and edits → captions, in the words a campaign planner uses: prose, comma list or JSON, short and long.

Knows nothing about pictures or models. What a scene holds is said by `scene_words`; here facts are chosen and joined.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from flux2engine.training import phrases
from flux2engine.training.colours import RGB, to_hex
from flux2engine.training.data import Scene
from flux2engine.training.edits import Edit
from flux2engine.training.scene_words import (
    Role,
    colour_words,
    joined,
    legend,
    light_words,
    object_noun,
    object_words,
    scene_facts,
    second_part,
)

__all__ = ["Caption", "Role", "caption", "edit_caption", "palette", "roles_for", "room_for", "scene_caption"]

# How often a fact is left out: of a long caption, of a short one. What a reference shows is always said.
_LEFT_OUT = {
    "camera": (0.45, 0.8),
    "light": (0.12, 0.5),
    "floor": (0.6, 0.9),
    "rim": (0.4, 0.8),
    "decor": (0.25, 0.7),
    "pattern": (0.2, 0.5),
    "spheres": (0.1, 0.4),
    "nothing": (0.6, 0.8),
    "stand_colour": (0.04, 0.4),
    "second": (0.05, 0.4),
    "empty": (0.06, 0.4),
}
# What goes first where a caption has no room for all: the planner leaves clauses out in such an order too.
_EXPENDABLE = (
    *("camera", "floor", "rim", "nothing", "decor", "palette", "pattern", "spheres", "light", "second", "stand_colour"),
    *("stand", "empty", "props"),
)
_PIECE = re.compile(r"#[0-9a-f]{6}|[^\W\d_]+|\d|[^\w\s]+")
_ORDER = (
    *("main", "extra", "props", "nothing", "stand", "spheres", "decor", "light", "rim", "backdrop", "second"),
    *("stand_colour", "floor", "pattern", "palette", "empty", "camera"),
)


def room_for(window: int) -> int:
    """Return how many tokens, as `estimated_tokens` counts, leave 99 captions in 100 whole in a text window."""
    return window * 27 // 32  # rare names are several tokens


ROOM = room_for(128)


@dataclass(frozen=True)
class Caption:
    """A caption, and which facts of the scene it says (the keys of `scene_facts`)."""

    text: str
    said: frozenset[str]


def roles_for(names: Sequence[str]) -> tuple[Role, ...]:
    """Turn what references are called in the cache into roles."""
    return tuple({"reference": "style", "palette": "swatch"}.get(name, name) for name in names)


def caption(scene: Scene, rng: random.Random, roles: Sequence[Role] = (), room: int = ROOM) -> str:
    """Say the scene in about `room` tokens; `roles` names what each reference picture is, in order."""
    return scene_caption(scene, rng, roles, room).text


def scene_caption(scene: Scene, rng: random.Random, roles: Sequence[Role] = (), room: int = ROOM) -> Caption:
    """Say the scene, and tell which of its facts were said."""
    facts = scene_facts(scene, roles, rng)
    short = rng.random() < 0.3
    for key, chances in _LEFT_OUT.items():
        chance = 0.5 if key == "empty" and scene.empty == "none" else chances[short]
        if key in facts and rng.random() < chance:
            facts.pop(key)
    if by_image := "palette" in facts and rng.random() < 0.6:
        # Only the swatch tells the colours then.
        facts["backdrop"] = f"{rng.choice(phrases.BACKDROP)} {facts.pop('palette')}"
        facts = {key: value for key, value in facts.items() if key not in ("second", "stand_colour")}
    references = legend(scene, roles, rng) if roles and rng.random() < (0.25 if short else 0.5) else ""
    filler = [] if short else list(dict.fromkeys(rng.sample(phrases.FILLER, rng.choice((0, 1, 1, 2, 2, 3)))))
    colours = [] if by_image else [to_hex(colour) for colour in palette(scene)]
    kind, state = rng.random(), rng.getstate()

    def write() -> str:
        rng.setstate(state)  # a caption that is shortened keeps its form
        if kind < 0.15:
            return _as_json(facts, references, filler, colours, rng)
        if kind < 0.4:
            return _as_list(facts, references, filler, colours, rng)
        return _as_prose(facts, references, filler, rng)

    text = write()
    for key in ("filler", "legend", *_EXPENDABLE):
        if estimated_tokens(text) <= room:
            break
        if key == "filler":
            filler = []
        elif key == "legend":
            references = ""
        elif key in facts and not (key == "props" and any(role.startswith("prop") for role in roles)):
            facts.pop(key)
        text = write()
    said = {*facts} | ({"second"} if scene.set == "gradient" else set())
    unsaid = {"backdrop", "second", "stand_colour"} if by_image else set() if second_part(scene) else {"second"}
    return Caption(text, frozenset(said - unsaid))


def estimated_tokens(text: str) -> int:
    """Count words, digits and punctuation, a value as seven: what nano's tokenizer makes of a caption, nearly."""
    return sum(7 if len(piece) == 7 and piece[0] == "#" else 1 for piece in _PIECE.findall(text))


def palette(scene: Scene) -> list[RGB]:
    """List the colours that a scene shows."""
    colours = [scene.backdrop]
    if second_part(scene):
        colours.append(scene.second)
    if scene.stand != "none":
        colours.append(scene.stand_colour)
    return colours


def _as_list(facts: dict[str, str], references: str, filler: list[str], colours: list[str], rng: random.Random) -> str:
    items = [*_with_stand(facts, rng).values(), *filler]
    if rng.random() < 0.5:
        rng.shuffle(items)
    if colours and rng.random() < 0.15:
        items.append("palette " + ", ".join(colours))
    return ", ".join(([references] if references else []) + items).replace("; ", ", ")


def _with_stand(facts: dict[str, str], rng: random.Random) -> dict[str, str]:
    """Say the stand and its colour in one, sometimes: "a round podium in coral"."""
    facts = dict(facts)
    if "stand_colour" in facts and "stand" in facts and rng.random() < 0.15:
        facts["stand"] = f"{facts['stand']} in {facts.pop('stand_colour').split(' in ', 1)[1]}"
    return facts


def _as_prose(facts: dict[str, str], references: str, filler: list[str], rng: random.Random) -> str:
    facts = _with_stand(facts, rng)
    opening = facts.pop("set")
    if "main" in facts and rng.random() < 0.6:
        opening = f"{facts.pop('main')}, {rng.choice(('', '', 'on ', 'in front of ', 'in '))}{opening}"
    if "stand" in facts and rng.random() < 0.6:
        opening += f" with {facts.pop('stand')}"
    if "pattern" in facts and rng.random() < 0.6:
        opening += f" with {facts.pop('pattern')}"
    order = list(_ORDER)
    if rng.random() < 0.4:
        rng.shuffle(order)
    items = [facts[key] for key in order if key in facts]
    end = rng.random()
    tail = filler + items if end < 0.15 else items + filler
    if end > 0.75 and len(tail) > 1:  # several sentences
        cut = rng.randint(1, len(tail) - 1)
        text = f"{opening}, {', '.join(tail[:cut])}. {_sentence(', '.join(tail[cut:]))}"
    else:
        text = _sentence(", ".join((opening, *tail)))
    text = text[0].upper() + text[1:]
    if not references:
        return text
    return f"{_sentence(references)} {text}" if rng.random() < 0.7 else f"{text} {_sentence(references)}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _as_json(facts: dict[str, str], references: str, filler: list[str], colours: list[str], rng: random.Random) -> str:
    """Write the keys of FLUX.2's JSON prompts; few of them, since every one costs tokens."""
    subjects = [facts[key] for key in ("main", "extra", "props", "stand", "spheres", "decor") if key in facts]
    painted = [facts[key] for key in ("backdrop", "second", "stand_colour") if key in facts]
    document: dict[str, object] = {"scene": facts["set"]}
    if subjects:
        described = [{"description": subject} for subject in subjects]
        document["subjects"] = rng.choice((described, subjects, ", ".join(subjects)))
    if filler and rng.random() < 0.5:
        document["style"] = filler[0]
    if rng.random() < 0.75 or not colours:
        document[rng.choice(("color_palette", "palette"))] = painted
    else:
        document["palette"] = colours
        document["background"] = facts["backdrop"]
    rest = ", ".join(facts[key] for key in ("empty", "nothing", "floor", "pattern", "palette") if key in facts)
    lighting = ", ".join(facts[key] for key in ("light", "rim") if key in facts)
    values = {"lighting": lighting, "composition": rest, "camera": facts.get("camera")}
    document |= {name: value for name, value in values.items() if value}
    if references:
        document["references"] = references.split("; ") if rng.random() < 0.6 else references
    return json.dumps(document, ensure_ascii=False)


def edit_caption(edit: Edit, rng: random.Random, image_names: Sequence[Role] = ()) -> str:
    """Ask for an edit; `image_names` are the roles of the reference pictures, the one that is edited being "before"."""
    roles = roles_for(image_names)
    edited = roles.index("before") + 1 if "before" in roles else 1
    image = f"image {edited}" if rng.random() < 0.7 else "the picture"
    kind: str = edit.kind
    if kind == "palette" and "swatch" in roles:
        kind = "palette by image"
    old = edit.before.extra if edit.kind == "remove" else edit.before.main
    new = edit.after.extra if edit.kind == "add" else edit.after.main
    values = {
        "image": image,
        "colour": colour_words(edit.after.backdrop, rng),
        "palette": joined([colour_words(colour, rng) for colour in palette(edit.after)]),
        "number": roles.index("swatch") + 1 if "swatch" in roles else 0,
        "light": light_words(edit.after, rng),
        "old": f"the {object_noun(old, rng)}" if old is not None else "the object",
        "new": object_words(new, "extra" if edit.kind == "add" else "main", roles, rng) if new is not None else "",
        "side": _side(edit),
        "ratio": ratio_words(edit.after.aspect),
    }
    if edit.kind == "swap" and rng.random() < 0.4:
        values["old"] = "the product"
    said = [rng.choice(phrases.EDIT[kind]).format(**values)]
    if rng.random() < 0.35:
        products = edit.after.main is not None and edit.kind in ("backdrop", "palette")
        said.append(rng.choice(phrases.KEEP if products else phrases.KEEP[:2]))
    if edit.kind == "outpaint" and edit.after.empty != "none" and rng.random() < 0.5:
        said.append(rng.choice(phrases.EMPTY[edit.after.empty]).format(part="third"))
    text = rng.choice((", ", "; ", ", ")).join(said)
    references = legend(edit.after, roles, rng) if len(roles) > 1 and rng.random() < 0.3 else ""
    text = _sentence(text) if rng.random() < 0.7 else text
    return f"{_sentence(references)} {text}" if references else text


def _side(edit: Edit) -> str:
    added, main = edit.after.extra, edit.after.main
    if added is None or main is None:
        return "beside it"
    left = added.box[0] + added.box[2] < main.box[0] + main.box[2]
    return "on the left" if left else "on the right"


def ratio_words(aspect: float) -> str:
    """Name the usual ratio nearest to an aspect: "16:9"."""
    return min(phrases.RATIOS, key=lambda name: abs(math.log(phrases.RATIOS[name] / aspect)))
