"""An sRGB colour → the plain name nearest to it, for palettes whose tokens carry no words of their own.

Nearness is distance in OKLab. Names and values agree with the vocabulary that the small model was taught.
"""

from __future__ import annotations

from functools import lru_cache

from flux2flow.domain.measures import Color

NAMES: dict[str, str] = {
    "white": "#ffffff", "ivory": "#fbf7ea", "cream": "#f7eed8", "pearl": "#ece8e1", "linen": "#efe6da",
    "warm sand": "#e8d5b5", "sand": "#dcc7a1", "taupe": "#a6937f", "stone": "#c9c3b8", "light grey": "#d5d7da",
    "grey": "#8e9296", "slate": "#5f6b76", "charcoal": "#34383d", "black": "#0b0b0d", "ink": "#14171f",
    "silver": "#c4c8cc", "fog": "#dfe4e6", "red": "#d62828", "crimson": "#b3122d", "brick": "#a4452f",
    "burgundy": "#6a1628", "coral": "#ff7a62", "salmon": "#f59a86", "terracotta": "#c8694a", "copper": "#b5703f",
    "peach": "#ffcdae", "apricot": "#f9b484", "orange": "#f5841f", "amber": "#f7b32b", "gold": "#d4a32f",
    "ochre": "#c08a33", "yellow": "#fbd82f", "lemon": "#fdec6b", "butter": "#f9e8a6", "caramel": "#b7793f",
    "brown": "#6f4a2f", "chocolate": "#46291b", "olive": "#77803a", "moss": "#687844", "sage": "#a9b79b",
    "lime": "#a8d83a", "green": "#2f9e49", "emerald": "#0f8a5f", "forest green": "#1f4d33", "pine": "#19433a",
    "mint": "#b5e8d0", "seafoam": "#9fd9c5", "jade": "#2fa37c", "eucalyptus": "#7fa498", "teal": "#12827f",
    "deep teal": "#0f4c5c", "turquoise": "#2cc1bd", "cyan": "#22b8dd", "ice blue": "#d4ecf5", "sky blue": "#8cc8ee",
    "powder blue": "#bcd6e8", "azure": "#2f8cf0", "blue": "#2364d8", "cobalt": "#1e47a8", "denim": "#3f638f",
    "steel blue": "#5d82a3", "navy": "#14234d", "midnight blue": "#0c1533", "indigo": "#3b318f",
    "periwinkle": "#9aa5ec", "lavender": "#cdc2ee", "lilac": "#c4a4dc", "violet": "#7a45c4", "purple": "#6a2c91",
    "plum": "#6b2a5b", "aubergine": "#38182f", "mauve": "#b48ea8", "magenta": "#cf1f86", "hot pink": "#ff5ca8",
    "pink": "#f7a8c4", "blush": "#f6d5d2", "rose": "#dd7f92", "dusty rose": "#c99a9a", "berry": "#8a2350",
}  # fmt: skip


def oklab(color: Color) -> tuple[float, float, float]:
    """Lightness, green-red and blue-yellow by OKLab (Ottosson 2020); alpha ignored."""

    def linear(channel: int) -> float:
        value = channel / 255
        return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)

    red, green, blue = linear(color.red), linear(color.green), linear(color.blue)
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    medium = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


@lru_cache(maxsize=1024)
def color_name(color: Color) -> str:
    """Name a colour by the nearest plain name."""
    here = oklab(color)

    def distance(name: str) -> float:
        return sum((a - b) ** 2 for a, b in zip(here, oklab(Color.from_hex(NAMES[name])), strict=True))

    return min(NAMES, key=lambda name: (distance(name), name))
