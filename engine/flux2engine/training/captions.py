"""Scenes → captions, in the words a campaign planner uses: prose, comma list or JSON, with and without references.

Knows nothing about pictures or models. A colour is said as a name, as "#rrggbb", or as a name (#rrggbb).
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Literal

from flux2engine.training.colours import RGB, describe, to_hex
from flux2engine.training.data import Placed, Scene

Role = Literal["main", "extra", "other"]

_SET = {
    "seamless": [
        "a seamless studio floor",
        "a seamless studio backdrop with a smooth floor",
        "a seamless studio backdrop with a smooth floor",
        "a plain seamless paper backdrop for an infographic",
        "a seamless studio set",
        "a seamless backdrop",
        "a seamless sweep",
        "a clean studio set",
        "a seamless paper sweep",
        "an empty studio",
        "a plain studio backdrop and floor",
        "floor and backdrop only",
    ],
    "gradient": ["a smooth gradient backdrop", "a gradient background", "a soft colour gradient"],
    "two-tone": [
        "a two-tone studio set with wall and floor",
        "a two-tone set",
        "a wall and a floor in two colours",
        "a studio with a floor line",
    ],
    "bokeh": [
        "a backdrop with soft bokeh lights",
        "a blurred bokeh background",
        "out-of-focus lights in the background",
    ],
    "paper": ["a set of layered cut paper waves", "layered paper waves", "a paper-cut backdrop with waves"],
    "arch": ["a studio set with an arch in the wall", "a wall with an arch", "a set with an arched niche"],
    "disc": ["a studio set with a round disc on the wall", "a wall with a large circle", "a backdrop with a sun disc"],
    "curtain": ["a studio set with a draped curtain", "a backdrop of vertical folds", "a soft curtain backdrop"],
    "window": [
        "a seamless studio set with soft window light on the wall",
        "a wall with the light of a window",
        "a studio with window light falling on the backdrop",
    ],
}
_STAND = {
    "round podium": ["a round podium", "a round plinth", "a cylindrical podium", "a low round stage"],
    "stacked podium": ["a two-tier round podium", "a stacked podium", "two stacked round podiums"],
    "box plinth": ["a box plinth", "a square plinth", "a rectangular podium", "a block"],
    "steps": ["three steps", "a set of steps", "rising block steps"],
}
_LIGHT = {
    "left": ["from the left", "from the upper left", "falling from the left"],
    "right": ["from the right", "from the upper right", "falling from the right"],
    "top": ["from above", "from the top"],
    "front": ["from the front", "even frontal light"],
}
_MOOD = {
    "neutral": ["soft", "soft neutral", "diffused", "soft studio", "even", "soft even"],
    "warm": ["warm", "soft warm", "warm soft"],
    "cool": ["cool", "soft cool", "cool clear"],
    "dawn": ["soft dawn", "dawn", "early morning", "soft morning", "sunrise"],
    "golden hour": ["golden hour", "late golden", "warm evening", "sunset"],
    "night": ["night", "moody night", "dim night", "late evening"],
    "dramatic": ["dramatic", "hard spot", "high-contrast"],
    "bright": ["bright", "bright airy", "high-key", "bright even daylight"],
}
_EMPTY = {
    "left": [
        "empty clean space on the left for text",
        "copy space on the left",
        "the left side is empty",
        "empty space on the left",
        "the left third stays empty and calm",
        "negative space on the left",
    ],
    "right": [
        "empty clean space on the right for text",
        "copy space on the right",
        "the right side is empty",
        "empty space on the right",
        "the right third stays empty and calm",
        "negative space on the right",
    ],
    "top": [
        "empty clean space at the top for text",
        "copy space at the top",
        "the upper part is empty",
        "empty space above",
        "the upper third stays empty and calm",
        "the upper half stays empty",
    ],
    "bottom": [
        "empty clean space at the bottom for text",
        "copy space at the bottom",
        "the lower part is empty",
        "empty space below",
        "the lower third stays empty and calm",
    ],
    "none": ["centred composition", "balanced composition", "centered"],
}
_PLACE = {
    "left": ["on the right"],
    "right": ["on the left"],
    "top": ["in the lower part", "low in the picture"],
    "bottom": ["in the upper part"],
    "none": ["in the centre", "in the middle", "centred"],
}
_CAMERA = {
    "eye level": ["eye level", "straight on", "eye-level view"],
    "slightly above": ["slightly from above", "slightly high angle", "seen from slightly above"],
    "low angle": ["low angle", "from a low angle"],
}
_BACKDROP = ["backdrop", "backdrop", "background", "wall"]
_GRADIENT = {"vertical": "from top to bottom", "horizontal": "from left to right", "diagonal": "diagonally"}
_FILLER = [
    "product photography",
    "studio product photograph",
    "clean and minimal",
    "premium",
    "high detail",
    "commercial photography",
    "no text",
    "advertising campaign",
    "photorealistic",
    "minimalist",
    "calm and uncluttered",
    "smooth surfaces",
    "sharp focus",
    "soft shadows",
    "editorial",
    "high quality",
    "modern",
    "elegant",
    "85mm lens",
    "shallow depth of field",
    "matte surfaces",
    "a brand campaign plate",
]


def colour_words(colour: RGB, rng: random.Random, bare: bool = True) -> str:
    """Say a colour; `bare` allows a name without its value."""
    kind = rng.random()
    if kind < 0.18 and bare:
        return describe(colour, rng)
    return to_hex(colour) if kind < 0.38 else f"{describe(colour, rng)} ({to_hex(colour)})"


def _article(noun: str, rng: random.Random) -> str:
    return f"the {noun}" if rng.random() < 0.25 else f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def _subject(placed: Placed, role: Role, roles: Sequence[Role], rng: random.Random) -> str:
    if role in roles:
        number = roles.index(role) + 1
        words = rng.choice(
            [
                "the product from image {}",
                "the product of image {}",
                "the product shown in image {}",
                "the object from image {}",
            ]
        )
        said = words.format(number)
        return f"{said}, {_article(placed.identity.name, rng)}" if rng.random() < 0.25 else said
    return _article(placed.identity.name, rng)


def _legend(scene: Scene, roles: Sequence[Role], rng: random.Random) -> str:
    """Say what each reference is, as a planner's caption does."""
    said = []
    for number, role in enumerate(roles, 1):
        placed = scene.main if role == "main" else scene.extra
        if role == "other" or placed is None:
            words = rng.choice(["a style reference", "another product", "a reference", "for mood only"])
        else:
            noun = _article(placed.identity.name, rng)
            words = rng.choice(["the product", f"the product, {noun}", noun])
        said.append(f"image {number} is {words}")
    return rng.choice(["; ", ", ", ". "]).join(said)


def _parts(scene: Scene, roles: Sequence[Role], rng: random.Random) -> dict[str, str]:
    """Say the facts of the scene, each in words."""
    second = {
        "two-tone": "floor",
        "gradient": "fading to",
        "arch": "arch",
        "disc": "disc",
        "paper": "front layer",
        "bokeh": "lights",
    }.get(scene.set)
    place = rng.choice(_PLACE[scene.empty])
    parts = {
        "set": rng.choice(_SET[scene.set]),
        "light": f"{rng.choice(_MOOD[scene.mood])} light {rng.choice(_LIGHT[scene.light])}".replace(
            "light even frontal light", "even frontal light"
        ),
        "backdrop": f"{rng.choice(_BACKDROP)} in {colour_words(scene.backdrop, rng)}",
        "empty": rng.choice(_EMPTY[scene.empty]),
        "camera": rng.choice(_CAMERA[scene.camera]),
    }
    if scene.set == "gradient":
        first, last = colour_words(scene.backdrop, rng), colour_words(scene.second, rng)
        what = rng.choice(["backdrop", "background", "gradient"])
        parts["backdrop"] = f"{what} from {first} to {last} {_GRADIENT[scene.gradient]}"
    elif scene.set == "seamless" and rng.random() < 0.4:
        # A sweep has one colour; planners name it twice, as backdrop and as floor.
        parts["second"] = f"floor in {parts['backdrop'].split(' in ', 1)[1]}"
    elif second:
        parts["second"] = f"{second} in {colour_words(scene.second, rng)}"
    if scene.stand != "none":
        parts["stand"] = rng.choice(_STAND[scene.stand]) + (f" {place}" if rng.random() < 0.4 else "")
        parts["stand_colour"] = (
            f"{rng.choice(['podium', 'podium', 'plinth', 'stand'])} in {colour_words(scene.stand_colour, rng)}"
        )
    if scene.spheres:
        parts["spheres"] = "a sphere beside it" if scene.spheres == 1 else "two spheres beside it"
    if scene.main is not None:
        where = "on the podium" if scene.stand != "none" else "on the floor"
        subject = _subject(scene.main, "main", roles, rng)
        parts["main"] = f"{subject} {rng.choice(['stands', 'is placed', 'sits'])} {where}" + (
            f" {place}" if rng.random() < 0.4 else ""
        )
        if scene.extra is not None:
            side = "to its left" if scene.extra.box[0] < scene.main.box[0] else "to its right"
            parts["extra"] = f"{_subject(scene.extra, 'extra', roles, rng)} {side}"
    elif rng.random() < 0.4:
        parts["nothing"] = rng.choice(
            ["an empty set", "an empty set", "nothing else in the picture", "floor and backdrop only"]
        )
    return parts


def caption(scene: Scene, rng: random.Random, roles: Sequence[Role] = ()) -> str:
    """Say the scene; `roles` names what each reference picture is, in order."""
    parts = _parts(scene, roles, rng)
    legend = _legend(scene, roles, rng) if roles and rng.random() < 0.55 else ""
    for key, chance in (("camera", 0.45), ("light", 0.12), ("empty", 0.5 if scene.empty == "none" else 0.05)):
        if rng.random() < chance:
            parts.pop(key)
    if "stand_colour" in parts and "stand" in parts and rng.random() < 0.15:
        parts["stand"] = f"{parts['stand']} in {parts.pop('stand_colour').split(' in ', 1)[1]}"
    form = rng.random()
    if form < 0.2:
        return _json_form(scene, parts, legend, rng)
    filler = rng.sample(_FILLER, rng.choice([0, 1, 1, 2, 2, 3]))
    if form < 0.45:
        items = [*parts.values(), *filler]
        if rng.random() < 0.5:
            rng.shuffle(items)
        if rng.random() < 0.2:
            items.append("palette " + ", ".join(to_hex(c) for c in _palette(scene)))
        text = ", ".join(([legend] if legend else []) + items)
        return text.replace("; ", ", ")
    return _prose(parts, legend, filler, rng)


def _palette(scene: Scene) -> list[RGB]:
    colours = [scene.backdrop]
    if scene.set in ("gradient", "two-tone", "arch", "disc", "paper"):
        colours.append(scene.second)
    if scene.stand != "none":
        colours.append(scene.stand_colour)
    return colours


def _prose(parts: dict[str, str], legend: str, filler: list[str], rng: random.Random) -> str:
    opening = parts.pop("set")
    if "main" in parts and rng.random() < 0.6:
        opening = f"{parts.pop('main')}, {rng.choice(['on', 'in front of', 'in'])} {opening}"
        if "stand" in parts and rng.random() < 0.5:
            opening += f" with {parts.pop('stand')}"
    elif "stand" in parts:
        opening += f" with {parts.pop('stand')}"
    order = [
        "main",
        "extra",
        "nothing",
        "stand",
        "spheres",
        "light",
        "backdrop",
        "second",
        "stand_colour",
        "empty",
        "camera",
    ]
    if rng.random() < 0.4:
        rng.shuffle(order)
    items = [parts[key] for key in order if key in parts]
    end = rng.random()
    tail = filler + items if end < 0.15 else items + filler
    if end > 0.75:  # several sentences
        cut = rng.randint(1, max(1, len(tail) - 1))
        text = f"{opening}, {', '.join(tail[:cut])}. {', '.join(tail[cut:]).capitalize()}."
    else:
        text = f"{opening}, {', '.join(tail)}."
    text = text[0].upper() + text[1:]
    if legend:
        legend = legend[0].upper() + legend[1:]
        text = f"{legend}. {text}" if rng.random() < 0.7 else f"{text} {legend}."
    return text.replace(". .", ".").replace(", .", ".")


def _json_form(scene: Scene, parts: dict[str, str], legend: str, rng: random.Random) -> str:
    subjects = [parts[key] for key in ("main", "extra", "stand", "spheres") if key in parts]
    painted = [parts[key] for key in ("backdrop", "second", "stand_colour") if key in parts]
    document: dict[str, object] = {"scene": parts["set"]}
    if subjects:
        described = [{"description": subject} for subject in subjects]
        document["subjects"] = rng.choice([described, subjects, ", ".join(subjects)])
    if rng.random() < 0.4:
        document["style"] = rng.choice(_FILLER)
    if rng.random() < 0.65:
        document[rng.choice(["color_palette", "palette"])] = painted
    else:
        document["palette"] = [to_hex(colour) for colour in _palette(scene)]
        if rng.random() < 0.6:
            document["background"] = parts["backdrop"]
    composition = ", ".join(parts[key] for key in ("empty", "nothing") if key in parts)
    said = {"lighting": parts.get("light"), "composition": composition, "camera": parts.get("camera")}
    document |= {name: value for name, value in said.items() if value}
    if legend:
        document["references"] = legend.split("; ") if rng.random() < 0.6 else legend
    return json.dumps(document, ensure_ascii=False)
