"""Names for colours and random studio palettes.

Turns an RGB triple into words a brand kit or a planner would use, and the reverse; knows nothing of scenes or models.
"""

from __future__ import annotations

import colorsys
import random

RGB = tuple[int, int, int]

# Invented for this project: everyday names a brand palette uses, each with one representative value.
NAMED: dict[str, str] = {
    "white": "#ffffff",
    "ivory": "#fbf7ea",
    "cream": "#f7eed8",
    "off-white": "#f5f3ee",
    "pearl": "#ece8e1",
    "linen": "#efe6da",
    "warm sand": "#e8d5b5",
    "sand": "#dcc7a1",
    "beige": "#d9c8ae",
    "oat": "#e3d6c0",
    "taupe": "#a6937f",
    "mushroom": "#b7a99a",
    "stone": "#c9c3b8",
    "concrete": "#a9a8a4",
    "light grey": "#d5d7da",
    "grey": "#8e9296",
    "slate": "#5f6b76",
    "charcoal": "#34383d",
    "graphite": "#26292d",
    "black": "#0b0b0d",
    "ink": "#14171f",
    "chalk": "#f1f1ec",
    "silver": "#c4c8cc",
    "ash": "#b3b5b4",
    "fog": "#dfe4e6",
    "red": "#d62828",
    "crimson": "#b3122d",
    "scarlet": "#e5341f",
    "cherry": "#c21a38",
    "brick": "#a4452f",
    "burgundy": "#6a1628",
    "wine": "#561a2b",
    "maroon": "#5a1414",
    "coral": "#ff7a62",
    "salmon": "#f59a86",
    "terracotta": "#c8694a",
    "rust": "#a9481f",
    "copper": "#b5703f",
    "clay": "#b9826a",
    "peach": "#ffcdae",
    "apricot": "#f9b484",
    "orange": "#f5841f",
    "tangerine": "#ff9433",
    "amber": "#f7b32b",
    "gold": "#d4a32f",
    "mustard": "#c99a2e",
    "ochre": "#c08a33",
    "honey": "#e3a847",
    "yellow": "#fbd82f",
    "lemon": "#fdec6b",
    "butter": "#f9e8a6",
    "straw": "#e6d590",
    "caramel": "#b7793f",
    "brown": "#6f4a2f",
    "chocolate": "#46291b",
    "espresso": "#2e1d16",
    "walnut": "#5b4130",
    "olive": "#77803a",
    "moss": "#687844",
    "sage": "#a9b79b",
    "lime": "#a8d83a",
    "green": "#2f9e49",
    "emerald": "#0f8a5f",
    "forest green": "#1f4d33",
    "pine": "#19433a",
    "mint": "#b5e8d0",
    "pistachio": "#c3dba0",
    "seafoam": "#9fd9c5",
    "jade": "#2fa37c",
    "eucalyptus": "#7fa498",
    "teal": "#12827f",
    "deep teal": "#0f4c5c",
    "turquoise": "#2cc1bd",
    "aqua": "#6fd9dd",
    "cyan": "#22b8dd",
    "ice blue": "#d4ecf5",
    "sky blue": "#8cc8ee",
    "powder blue": "#bcd6e8",
    "blue": "#2364d8",
    "azure": "#2f8cf0",
    "cobalt": "#1e47a8",
    "royal blue": "#2b4fc9",
    "denim": "#3f638f",
    "steel blue": "#5d82a3",
    "navy": "#14234d",
    "midnight blue": "#0c1533",
    "petrol": "#134e5e",
    "indigo": "#3b318f",
    "periwinkle": "#9aa5ec",
    "lavender": "#cdc2ee",
    "lilac": "#c4a4dc",
    "violet": "#7a45c4",
    "purple": "#6a2c91",
    "plum": "#6b2a5b",
    "aubergine": "#38182f",
    "mauve": "#b48ea8",
    "orchid": "#cf78c6",
    "magenta": "#cf1f86",
    "fuchsia": "#e83e9c",
    "hot pink": "#ff5ca8",
    "pink": "#f7a8c4",
    "blush": "#f6d5d2",
    "rose": "#dd7f92",
    "dusty rose": "#c99a9a",
    "raspberry": "#b32757",
    "berry": "#8a2350",
    "lagoon": "#157a8c",
    "ocean": "#14567a",
    "aurora green": "#4fd8a0",
    "sunset orange": "#f76b4a",
    "sunrise yellow": "#ffd27a",
    "night blue": "#101a3a",
    "dove grey": "#c8c6c6",
    "porcelain": "#f3f4f2",
}


def parse_hex(text: str) -> RGB:
    """Read "#rrggbb"."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def to_hex(colour: RGB) -> str:
    """Write "#rrggbb"."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


_VALUES = [(name, parse_hex(value)) for name, value in NAMED.items()]


def distance(first: RGB, second: RGB) -> float:
    """Return how far two colours are apart, squared, roughly as they are seen."""
    # The "redmean" weighting: close enough to perception to choose a word, and cheap.
    mean = (first[0] + second[0]) / 2
    red, green, blue = (a - b for a, b in zip(first, second, strict=True))
    return float((2 + mean / 256) * red * red + 4 * green * green + (2 + (255 - mean) / 256) * blue * blue)


def _hue_word(hue: float) -> str:
    limits = [
        (0.03, "red"),
        (0.095, "orange"),
        (0.185, "yellow"),
        (0.42, "green"),
        (0.53, "teal"),
        (0.69, "blue"),
        (0.80, "violet"),
        (0.94, "pink"),
        (1.01, "red"),
    ]
    return next(word for limit, word in limits if hue < limit)


def describe(colour: RGB, rng: random.Random) -> str:
    """Name a colour: one of the nearest names, or an adjective and a hue."""
    if rng.random() < 0.7:
        nearest = sorted(_VALUES, key=lambda item: distance(item[1], colour))[:2]
        return nearest[0 if rng.random() < 0.8 else 1][0]
    hue, lightness, saturation = colorsys.rgb_to_hls(*(c / 255 for c in colour))
    if saturation < 0.12 or lightness < 0.06 or lightness > 0.96:
        word = "grey" if 0.15 < lightness < 0.88 else ("black" if lightness <= 0.15 else "white")
        tone = (
            rng.choice(["warm", "neutral", "soft"])
            if colour[0] > colour[2]
            else rng.choice(["cool", "neutral", "soft"])
        )
        depth = "dark " if 0.15 < lightness < 0.4 else ("light " if 0.7 < lightness < 0.88 else "")
        return f"{tone} {depth}{word}"
    word = _hue_word(hue)
    if lightness < 0.3:
        adjective = rng.choice(["dark", "deep"])
    elif lightness > 0.78:
        adjective = rng.choice(["pale", "light", "soft"])
    elif saturation < 0.4:
        adjective = rng.choice(["muted", "dusty", "soft"])
    else:
        adjective = rng.choice(["bright", "vivid", "rich", ""])
    return f"{adjective} {word}".strip()


def random_colour(rng: random.Random) -> RGB:
    """Draw a colour as brand palettes do: named, pastel, deep or vivid, and some uniform ones."""
    kind = rng.random()
    if kind < 0.35:
        base = rng.choice(_VALUES)[1]
        return tuple(min(255, max(0, c + rng.randint(-10, 10))) for c in base)  # type: ignore[return-value]
    if kind < 0.5:
        return rng.randrange(256), rng.randrange(256), rng.randrange(256)
    hue = rng.random()
    if kind < 0.68:
        lightness, saturation = rng.uniform(0.78, 0.95), rng.uniform(0.15, 0.8)
    elif kind < 0.84:
        lightness, saturation = rng.uniform(0.07, 0.3), rng.uniform(0.15, 0.9)
    else:
        lightness, saturation = rng.uniform(0.35, 0.65), rng.uniform(0.35, 0.95)
    return tuple(round(255 * c) for c in colorsys.hls_to_rgb(hue, lightness, saturation))  # type: ignore[return-value]


def companion(colour: RGB, rng: random.Random) -> RGB:
    """Draw a second colour: a shade of the first, a neighbour in hue, or any other."""
    kind = rng.random()
    if kind < 0.45:
        hue, lightness, saturation = colorsys.rgb_to_hls(*(c / 255 for c in colour))
        hue = (hue + rng.uniform(-0.09, 0.09)) % 1
        shift = rng.choice([-1, 1]) * rng.uniform(0.1, 0.35)
        lightness = min(0.96, max(0.05, lightness + (shift if 0.05 < lightness + shift < 0.96 else -shift)))
        return tuple(round(255 * c) for c in colorsys.hls_to_rgb(hue, lightness, saturation))  # type: ignore[return-value]
    return random_colour(rng)
