"""A scene → its facts in words, each apart: what stands where, in which colours, by which reference's number.

Knows nothing about how facts are joined to a caption. A colour is a name, "#rrggbb", or a name (#rrggbb).
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from flux2engine.training import phrases
from flux2engine.training.colours import RGB, describe, to_hex
from flux2engine.training.data import Placed, Scene
from flux2engine.training.products import package_look

Role = str
"""What a reference picture is: "main", "extra", "prop 0" … (an index into the scene's props; plain "prop" where that is
not known), "view" (the main product again), "swatch" (the palette), "style", "before" (the picture that is edited), or
"other", a distractor."""

_FIRST = ("main", "extra")
_EMPTY = re.compile(r"empty studio|only$")  # said of floor and backdrop alone


def colour_words(colour: RGB, rng: random.Random, bare: bool = True) -> str:
    """Say a colour; `bare` allows a name without its value."""
    kind = rng.random()
    if kind < 0.18 and bare:
        return describe(colour, rng)
    if kind < 0.38:
        return to_hex(colour)
    name = describe(colour, rng)
    if rng.random() < 0.15:  # brands name colours after anything; the hue's word may stand beside it
        tone = "pale" if sum(colour) > 540 else "dark" if sum(colour) < 230 else "rich"
        name = rng.choice((f"{rng.choice(phrases.FLAVOUR)} {name.split()[-1]}", f"{tone} {name.split()[-1]}"))
    return f"{name} ({to_hex(colour)})"


def with_article(noun: str, rng: random.Random) -> str:
    """Give a noun its article."""
    if rng.random() < 0.25:
        return f"the {noun}"
    if is_plural(noun):
        return rng.choice((noun, f"some {noun}"))
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def is_plural(noun: str) -> bool:
    """Tell plurals from singulars by their last letters; good enough for names of things."""
    last = noun.split(" with ")[0].split()[-1]
    return last.endswith("s") and not last.endswith(("ss", "us", "is"))


def object_noun(placed: Placed, rng: random.Random, plain: bool = False) -> str:
    """Name an object: a cut-out by its name, a package by what it is and, half of the time, by how it looks."""
    name = placed.identity.name
    if placed.identity.cut_out is not None or name not in phrases.PACKAGE:
        return name
    noun = rng.choice(phrases.PACKAGE[name])
    look = package_look(placed.identity)
    if look is None or plain or rng.random() < 0.5:
        return noun
    colour = describe(look.body, rng)
    said = f"{colour} {look.material} {noun}" if rng.random() < 0.6 else f"{colour} {noun}"
    if look.label is not None and rng.random() < 0.5:
        label = describe(look.label, rng)
        said += f" with {'an' if label[:1] in 'aeiou' else 'a'} {label} label"
    return said


def object_words(placed: Placed, role: Role, roles: Sequence[Role], rng: random.Random, plain: bool = False) -> str:
    """Say an object: by the number of the image that shows it, or by its name; `plain` keeps it short."""
    numbers = [number for number, other in enumerate(roles, 1) if other == role]
    if role == "main":
        numbers += [number for number, other in enumerate(roles, 1) if other == "view"] if numbers else []
    if not numbers:
        return with_article(object_noun(placed, rng, plain), rng)
    said = rng.choice(phrases.FROM_IMAGE).format(numbers[0])
    if len(numbers) > 1 and rng.random() < 0.6:
        said = rng.choice(phrases.FROM_IMAGES).format(*numbers[:2])
    if not plain and len(numbers) == 1 and rng.random() < 0.2:
        said = f"the {object_noun(placed, rng, plain=True)} from image {numbers[0]}"
    return said


def legend(scene: Scene, roles: Sequence[Role], rng: random.Random) -> str:
    """Say what each reference is, as a planner's caption does; of many, only those that are used."""
    everything = len(roles) <= 3 or rng.random() < 0.15
    said = []
    for number, role in enumerate(roles, 1):
        if role == "other" and not everything:
            continue
        placed = _object(scene, role)
        kind = role if role in phrases.LEGEND else "product" if role in _FIRST else "prop"
        words = rng.choice(phrases.LEGEND["some prop" if kind == "prop" and placed is None else kind])
        plain = len(roles) > 3
        noun = with_article(object_noun(placed, rng, plain), rng) if placed is not None and "{noun}" in words else ""
        said.append(f"image {number} is {words.format(noun=noun)}")
    return rng.choice(("; ", "; ", ", ", ". ")).join(said)


def _object(scene: Scene, role: Role) -> Placed | None:
    if role.startswith("prop "):
        index = int(role.removeprefix("prop "))
        return scene.props[index] if index < len(scene.props) else None
    return {"main": scene.main, "extra": scene.extra}.get(role)


def light_words(scene: Scene, rng: random.Random) -> str:
    """Say character and direction of the light."""
    where = rng.choice(phrases.LIGHT[scene.light])
    if scene.rim and scene.light in ("top", "front") and rng.random() < 0.3:
        where = "from behind"
    mood = rng.choice(phrases.MOOD[scene.mood])
    return f"{mood} {where}" if mood.endswith("light") else f"{mood} light {where}"


def scene_facts(scene: Scene, roles: Sequence[Role], rng: random.Random) -> dict[str, str]:
    """Say everything that is in the scene, each fact apart; the keys are what a caption may leave out."""
    facts = {
        "set": _set_words(scene, rng),
        "light": light_words(scene, rng),
        **_colour_facts(scene, rng),
        "empty": _empty_words(scene, rng),
        "camera": rng.choice(phrases.CAMERA[scene.camera]),
    }
    if scene.stand != "none":
        place = f" {rng.choice(phrases.PLACE[scene.empty])}" if rng.random() < 0.4 else ""
        facts["stand"] = rng.choice(phrases.STAND[scene.stand]) + place
        facts["stand_colour"] = f"{rng.choice(phrases.PODIUM)} in {colour_words(scene.stand_colour, rng)}"
    for key, table, value in (("decor", phrases.DECOR, scene.decor), ("pattern", phrases.PATTERN, scene.pattern)):
        if value in table:
            facts[key] = rng.choice(table[value])
    if scene.kind in ("studio", "floor"):
        facts["floor"] = rng.choice(phrases.FLOOR[scene.floor])
        if scene.rim:
            facts["rim"] = rng.choice(phrases.RIM)
    if scene.spheres:
        facts["spheres"] = rng.choice(phrases.SPHERES[scene.spheres])
    facts |= _object_facts(scene, roles, rng)
    if not scene.objects and not scene.spheres and scene.decor in ("none", "leaf shadow"):
        facts["nothing"] = rng.choice([said for said in phrases.NOTHING if is_bare(scene) or not _EMPTY.search(said)])
    if "swatch" in roles and rng.random() < 0.5:
        facts["palette"] = f"in the colours of image {roles.index('swatch') + 1}"
    return facts


def second_part(scene: Scene) -> str:
    """Name what has the scene's second colour; empty where nothing has."""
    flat = scene.kind in ("flat-lay", "infographic") and scene.set != "gradient"
    return "" if flat else phrases.SECOND.get(scene.set, "")


def _set_words(scene: Scene, rng: random.Random) -> str:
    if scene.kind == "infographic":
        return rng.choice(phrases.INFOGRAPHIC)
    if scene.kind == "flat-lay":
        said = rng.choice(phrases.FLAT_LAY)
        on = phrases.LAID_ON.get(scene.set)
        return f"{said} on {rng.choice(on)}" if on else said
    return rng.choice([said for said in phrases.SET[scene.set] if is_bare(scene) or not _EMPTY.search(said)])


def is_bare(scene: Scene) -> bool:
    """Tell whether there is nothing but floor and backdrop."""
    return not scene.objects and not scene.spheres and scene.stand == "none"


def _colour_facts(scene: Scene, rng: random.Random) -> dict[str, str]:
    part = rng.choice(phrases.SURFACE if scene.kind == "flat-lay" else phrases.BACKDROP)
    wall = colour_words(scene.backdrop, rng)
    if scene.set == "gradient":
        last, what = colour_words(scene.second, rng), rng.choice(("backdrop", "background", "gradient"))
        return {"backdrop": f"{what} from {wall} to {last} {phrases.GRADIENT[scene.gradient]}"}
    facts = {"backdrop": f"{part} in {wall}"}
    if scene.set in ("seamless", "window", "curtain") and scene.kind in ("studio", "floor") and rng.random() < 0.4:
        facts["second"] = f"floor in {wall}"  # a sweep has one colour; planners name it twice, as backdrop and as floor
    elif part_of := second_part(scene):
        facts["second"] = f"{part_of} in {colour_words(scene.second, rng)}"
    return facts


def _empty_words(scene: Scene, rng: random.Random) -> str:
    part = rng.choice(("third", "half"))
    if scene.empty_box is not None and scene.empty != "none":
        left, top, right, bottom = scene.empty_box
        part = "half" if (right - left if scene.empty in ("left", "right") else bottom - top) > 0.42 else "third"
    return rng.choice(phrases.EMPTY[scene.empty]).format(part=part)


def _object_facts(scene: Scene, roles: Sequence[Role], rng: random.Random) -> dict[str, str]:
    """Say which objects there are: the main one with its place, the others beside it, or a counted list."""
    plain = len(scene.objects) > 2
    props = [object_words(prop, f"prop {index}", roles, rng, plain) for index, prop in enumerate(scene.props)]
    if len(props) > 1 and all("image" in said for said in props) and rng.random() < 0.4:
        numbers = [str(roles.index(f"prop {index}") + 1) for index in range(len(props))]
        props = [rng.choice(phrases.FROM_ALL_IMAGES).format(joined(numbers))]
    if scene.main is None:
        return {"main": _counted(props, len(scene.props), rng)} if props else {}
    subject = object_words(scene.main, "main", roles, rng)
    stands = rng.choice(phrases.STANDS)
    stands = phrases.STAND_PLURAL[stands] if "image" not in subject and is_plural(subject) else stands
    if not stands.startswith("stand") or rng.random() < 0.85:
        stands += " on the podium" if scene.stand != "none" else " on the floor"
    place = f" {rng.choice(phrases.PLACE[scene.empty])}" if rng.random() < 0.4 and scene.crop is None else ""
    facts = {"main": f"{subject} {stands}{place}"}
    if scene.extra is not None:
        facts["extra"] = f"{object_words(scene.extra, 'extra', roles, rng, plain)} {_beside(scene.extra, scene.main)}"
    if len(scene.props) == 1:
        facts["props"] = f"{props[0]} {_beside(scene.props[0], scene.main)}"
    elif props:
        facts["props"] = f"{joined(props)} {rng.choice(('around it', 'beside it', 'as props'))}"
    return facts


def _counted(objects: Sequence[str], count: int, rng: random.Random) -> str:
    if count < 2:
        return objects[0]
    number = phrases.NUMBERS[count]
    arranged = rng.choice(phrases.ARRANGED)
    said = joined(objects)
    if rng.random() < 0.7:
        said = f"{number} {rng.choice(('objects', 'objects', 'things', 'products'))}: {said}"
    return f"{said}, {arranged}" if arranged else said


def _beside(placed: Placed, main: Placed) -> str:
    return "to its left" if placed.box[0] + placed.box[2] < main.box[0] + main.box[2] else "to its right"


def joined(items: Sequence[str]) -> str:
    """Write "a, b and c"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
