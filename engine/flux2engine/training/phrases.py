"""The words captions are made of: every fact of a scene or an edit, and the ways in which planners and people say it.

Data only; `scene_words` and `captions` choose among them. A phrase stands once for each time it should be as likely.
"""

from __future__ import annotations

Choices = tuple[str, ...]

SET: dict[str, Choices] = {
    "seamless": (
        "a seamless studio floor",
        *("a seamless studio backdrop with a smooth floor",) * 3,
        "a seamless studio set",
        "a seamless backdrop",
        "a seamless sweep",
        "a clean studio set",
        "a seamless paper sweep",
        "an empty studio",
        "a plain studio backdrop and floor",
        "floor and backdrop only",
    ),
    "gradient": ("a smooth gradient backdrop", "a gradient background", "a soft colour gradient"),
    "two-tone": (
        "a two-tone studio set with wall and floor",
        "a two-tone set",
        "a wall and a floor in two colours",
        "a studio with a floor line",
    ),
    "bokeh": (
        "a backdrop with soft bokeh lights",
        "a blurred bokeh background",
        "out-of-focus lights in the background",
    ),
    "paper": ("a set of layered cut paper waves", "layered paper waves", "a paper-cut backdrop with waves"),
    "arch": ("a studio set with an arch in the wall", "a wall with an arch", "a set with an arched opening"),
    "disc": ("a studio set with a round disc on the wall", "a wall with a large circle", "a backdrop with a sun disc"),
    "curtain": ("a studio set with a draped curtain", "a backdrop of vertical folds", "a soft curtain backdrop"),
    "window": (
        "a seamless studio set with soft window light on the wall",
        "a wall with the light of a window",
        "a studio with window light falling on the backdrop",
    ),
    "wood": ("a wood-panelled wall with a plain floor", "a wall of wooden planks", "a studio set with a wooden wall"),
    "marble": ("a marble wall with a plain floor", "a polished marble wall", "a studio set with a marble wall"),
    "terrazzo": ("a terrazzo wall with a plain floor", "a speckled terrazzo wall", "a studio set with terrazzo"),
    "fabric": ("a backdrop of softly draped fabric", "a studio set of crumpled fabric", "folds of soft cloth"),
    "plaster": ("a textured plaster wall", "a studio set with a rough plaster wall", "a wall of brushed plaster"),
    "niche": ("a wall with a square niche", "a studio set with a niche in the wall", "a recessed niche"),
}
SECOND: dict[str, str] = {
    "two-tone": "floor",
    "gradient": "fading to",
    "arch": "arch",
    "disc": "disc",
    "paper": "front layer",
    "bokeh": "lights",
    "wood": "floor",
    "marble": "floor",
    "terrazzo": "floor",
    "niche": "niche",
}
"""What a set's second colour is the colour of; sets that are not here have one colour."""
LAID_ON: dict[str, Choices] = {
    "wood": ("a wooden table top", "a wooden table", "wood"),
    "marble": ("a marble surface", "a marble table top", "polished marble"),
    "terrazzo": ("a terrazzo surface", "speckled terrazzo"),
    "fabric": ("softly draped fabric", "crumpled fabric", "folds of soft cloth"),
    "plaster": ("a rough plaster surface", "textured plaster"),
    "gradient": ("a smooth gradient", "a soft colour gradient"),
}
"""What the objects of a flat lay lie on; other sets are plain."""

STAND: dict[str, Choices] = {
    "round podium": ("a round podium", "a round plinth", "a cylindrical podium", "a low round stage"),
    "stacked podium": ("a two-tier round podium", "a stacked podium", "two stacked round podiums"),
    "box plinth": ("a box plinth", "a square plinth", "a rectangular podium", "a block"),
    "steps": ("three steps", "a set of steps", "rising block steps"),
    "stairs": ("a flight of stairs", "stairs to one side", "a small staircase"),
    "archway": ("an archway on a low base", "a free-standing arch", "a podium with an archway behind it"),
    "slab": ("a flat slab", "a low stone slab", "a thin plate on the floor"),
}
LIGHT: dict[str, Choices] = {
    "left": ("from the left", "from the left", "from the upper left", "falling from the left"),
    "right": ("from the right", "from the right", "from the upper right", "falling from the right"),
    "top": ("from above", "from above", "from the top"),
    "front": ("from the front", "from the front", "falling evenly from the front"),
}
MOOD: dict[str, Choices] = {
    "neutral": ("soft", "soft neutral", "diffused", "soft studio", "even", "soft even"),
    "warm": ("warm", "soft warm", "warm soft"),
    "cool": ("cool", "soft cool", "cool clear"),
    "dawn": ("soft dawn", "dawn", "early morning", "soft morning", "sunrise"),
    "golden hour": ("golden hour", "late golden", "warm evening", "sunset"),
    "night": ("night", "moody night", "dim night", "late evening"),
    "dramatic": ("dramatic", "hard spot", "high-contrast"),
    "bright": ("bright", "bright airy", "high-key", "bright even daylight"),
}
RIM: Choices = ("a rim light from behind", "edges lit from behind", "a thin rim of light")
EMPTY: dict[str, Choices] = {
    "left": (
        *("empty clean space on the left for text",) * 2,
        "copy space on the left",
        "the left side is empty",
        "the left {part} stays empty and calm",
        "negative space on the left",
    ),
    "right": (
        *("empty clean space on the right for text",) * 2,
        "copy space on the right",
        "the right side is empty",
        "the right {part} stays empty and calm",
        "negative space on the right",
    ),
    "top": (
        *("empty clean space at the top for text",) * 2,
        "copy space at the top",
        "the upper part is empty",
        "empty space above",
        "the upper {part} stays empty and calm",
    ),
    "bottom": (
        *("empty clean space at the bottom for text",) * 2,
        "copy space at the bottom",
        "the lower part is empty",
        "empty space below",
        "the lower {part} stays empty and calm",
    ),
    "none": ("centred composition", "balanced composition", "centered"),
}
PLACE: dict[str, Choices] = {
    "left": ("on the right",),
    "right": ("on the left",),
    "top": ("in the lower part", "low in the picture"),
    "bottom": ("in the upper part",),
    "none": ("in the centre", "in the middle", "centred"),
}
CAMERA: dict[str, Choices] = {
    "eye level": ("eye level", "straight on", "eye-level view"),
    "slightly above": ("slightly from above", "slightly high angle", "seen from slightly above"),
    "low angle": ("low angle", "from a low angle"),
    "top down": ("top-down view", "seen straight from above", "overhead shot"),
}
FLOOR: dict[str, Choices] = {
    "matte": ("a matte floor", "matte surfaces"),
    "satin": ("a satin floor", "a faintly shining floor"),
    "glossy": ("a glossy floor", "a glossy reflecting floor", "a polished floor with a mirror image"),
}
DECOR: dict[str, Choices] = {
    "leaf shadow": ("soft leaf shadows on the wall", "the shadow of a palm leaf"),
    "pebbles": ("a few pebbles beside it", "smooth pebbles on the floor"),
    "cone": ("a cone beside it", "a plain cone as a prop"),
    "ring": ("a ring beside it", "a large ring as a prop"),
    "block": ("a small block beside it", "a plain block as a prop"),
}
SPHERES: dict[int, Choices] = {
    1: ("a sphere beside it", "a plain sphere as a prop"),
    2: ("two spheres beside it", "two plain spheres"),
}
PATTERN: dict[str, Choices] = {
    "bands": ("calm wide bands", "soft tonal bands"),
    "circles": ("large faint circles", "overlapping soft circles"),
    "tiles": ("faint square tiles", "a calm grid of tiles"),
    "waves": ("gentle waves", "soft wavy layers"),
    "frame": ("a thin frame", "a quiet frame around the edge"),
}
INFOGRAPHIC: Choices = (
    *("a plain seamless paper backdrop for an infographic",) * 2,
    "a calm backdrop for an infographic",
    "an infographic background",
    "a quiet background for a chart",
)
FLAT_LAY: Choices = ("a flat lay", "a flat lay from above", "a tidy flat lay", "objects laid out on a flat surface")
ARRANGED: Choices = ("neatly arranged", "side by side", "laid out in order", "evenly spaced", "")
NUMBERS: Choices = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
BACKDROP: Choices = ("backdrop", "backdrop", "background", "wall")
SURFACE: Choices = ("surface", "backdrop", "background", "ground")
PODIUM: Choices = ("podium", "podium", "plinth", "stand")
GRADIENT = {"vertical": "from top to bottom", "horizontal": "from left to right", "diagonal": "diagonally"}
STANDS: Choices = ("stands", "stands", "is placed", "sits")
STAND_PLURAL = {"stands": "stand", "is placed": "are placed", "sits": "sit"}
NOTHING: Choices = (
    "an empty set",
    "an empty set",
    "an empty set",
    "nothing else in the picture",
    "floor and backdrop only",
)
FILLER: Choices = (
    *("product photography",) * 3,
    *("studio photography",) * 2,
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
    "plain unmarked surfaces",
    "a tidy, uncluttered set",
    "a brand campaign plate",
)
PACKAGE: dict[str, Choices] = {
    "bottle": ("bottle", "bottle", "dropper bottle", "drinks bottle"),
    "jar": ("jar", "jar", "cream jar"),
    "can": ("can", "can", "drinks can"),
    "tube": ("tube", "tube", "cream tube"),
    "box": ("box", "box", "carton"),
    "cup": ("cup", "cup", "coffee cup"),
    "flacon": ("flacon", "perfume bottle"),
    "pouch": ("pouch", "coffee bag", "bag"),
    "phone": ("phone", "smartphone"),
}
# A kit names its colours as it likes; with the value beside it, the value decides.
FLAVOUR: Choices = (
    *("mist", "dune", "shell", "oxblood", "harbour", "meadow", "orchard", "velvet", "glacier", "ember", "petal"),
    *("cedar", "smoke", "quartz", "monsoon", "saffron", "lichen", "tide", "brand", "signature", "house"),
)

FROM_IMAGE: Choices = (
    *("the product from image {}",) * 3,
    "the product of image {}",
    "the product shown in image {}",
    "the object from image {}",
)
FROM_ALL_IMAGES: Choices = ("the products from images {}", "the objects from images {}")
FROM_IMAGES: Choices = ("the product from images {} and {}", "the product shown in images {} and {}")
LEGEND: dict[str, Choices] = {
    "product": ("the product", "the product, {noun}", "the product, {noun}", "the subject, {noun}", "{noun}"),
    "prop": ("a prop, {noun}", "a prop", "{noun}"),
    "some prop": ("a prop", "one of the objects", "an object of the set"),
    "view": ("the product from another side", "the same product again", "another view of the product"),
    "swatch": ("a palette reference", "a palette reference", "the palette", "a colour swatch"),
    "style": ("a style reference", "for mood only"),
    "before": ("the picture to edit", "the picture as it is now"),
    "other": ("a style reference", "another product", "a reference", "a prop that is not used", "for mood only"),
}

EDIT: dict[str, Choices] = {
    "backdrop": (
        "change the backdrop to {colour}",
        "change the backdrop of {image} to {colour}",
        "make the background {colour}",
        "put {image} on a backdrop in {colour}",
        "recolour the backdrop to {colour}",
        "{image} with the backdrop in {colour}",
    ),
    "palette": (
        "use the palette {palette}",
        "recolour {image} with the palette {palette}",
        "change the colours of {image} to {palette}",
    ),
    "palette by image": (
        "use the palette of image {number}",
        "use the colours of image {number}",
        "recolour {image} with the palette of image {number}",
    ),
    "light": (
        "{light} instead",
        "change the light to {light}",
        "relight {image} with {light}",
        "{image} in {light}",
    ),
    "swap": (
        "replace {old} by {new}",
        "replace {old} in {image} with {new}",
        "swap {old} for {new}",
        "put {new} in the place of {old}",
    ),
    "remove": ("remove {old}", "take {old} out of {image}", "delete {old} from the picture"),
    "add": ("add {new} {side}", "put {new} {side}", "place {new} {side} in {image}"),
    "outpaint": (
        "extend the picture to {ratio}",
        "extend {image} to {ratio}",
        "widen the canvas to {ratio}",
        "show more of the set, {ratio}",
    ),
}
SAME = (
    "Keep image 1 as it is",
    "image 1, unchanged",
    "Show image 1 again",
    "the same picture as image 1",
    "Image 1 with nothing changed",
    "Leave everything in image 1 exactly as it is",
)
KEEP: Choices = (
    "keep everything else as it is",
    "everything else stays exactly the same",
    "keep the product unchanged",
    "the product unchanged",
    "keep the light and the product",
)
RATIOS: dict[str, float] = {
    "1:1": 1.0, "3:2": 1.5, "16:9": 16 / 9, "2:1": 2.0, "3:1": 3.0, "4:1": 4.0,
    "4:5": 0.8, "2:3": 2 / 3, "9:16": 9 / 16, "1:2": 0.5,
}  # fmt: skip

SCENERY: Choices = (
    *("arch", "archway", "backdrop", "background", "band", "block", "bokeh", "cone", "curtain", "disc", "fabric"),
    *("cloth", "floor", "fold", "frame", "gradient", "ground", "marble", "niche", "paper", "pebble", "plaster"),
    *(
        "plinth",
        "podium",
        "leaf",
        "palm leaf",
        "base",
        "opening",
        "ring",
        "set",
        "slab",
        "sphere",
        "stage",
        "staircase",
        "stairs",
        "step",
        "studio",
        "surface",
    ),
    *("sweep", "table", "table top", "terrazzo", "tile", "wall", "wave", "window", "wood", "flat lay"),
)
"""The nouns of sets and stands, singular."""
