"""The size that is asked for → the size that is sampled, and pixels of that one → the size that was asked for.

For models that have learned one count of tokens and compose badly at any other. Plain arithmetic and one resampling.
"""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional

from flux2engine.variants import PIXELS_PER_TOKEN

# Pixels at every edge that are left out: a decoder's padding draws a faint frame there, and enlarged it is seen.
RIM = 6
_SHORTEST = 4  # tokens: the engine paints no side below 64 px


def size_for(aspect: float, tokens: int) -> tuple[int, int]:
    """Return the (width, height) in pixels nearest to an aspect and a count of tokens; the aspect weighs more."""

    def miss(rows: int, columns: int) -> float:
        return 2 * abs(math.log(columns / rows / aspect)) + abs(math.log(rows * columns / tokens))

    longest = 8 * math.isqrt(tokens)
    rows, columns = min(
        ((r, c) for r in range(_SHORTEST, longest) for c in (round(r * aspect), round(r * aspect) + 1)
         if c >= _SHORTEST),
        key=lambda grid: miss(*grid),
    )  # fmt: skip
    return columns * PIXELS_PER_TOKEN, rows * PIXELS_PER_TOKEN


def sampled_size(width: int, height: int, most: int | None) -> tuple[int, int]:
    """Return the (width, height) in pixels that is sampled for a picture, where a model samples `most` pixels or so."""
    if most is None or width * height <= most:
        return width, height
    return size_for(width / height, round(most / PIXELS_PER_TOKEN**2))


def enlarge(pixels: Tensor, width: int, height: int) -> Tensor:
    """Enlarge pixels (B, 3, h, w) in [0, 1], less their rim, to cover this size; cut off evenly what is left over."""
    if pixels.shape[-2:] == (height, width):
        return pixels
    pixels = pixels[..., RIM:-RIM, RIM:-RIM]
    old_height, old_width = pixels.shape[-2:]
    scale = max(width / old_width, height / old_height)
    wide, tall = max(width, round(old_width * scale)), max(height, round(old_height * scale))
    larger = functional.interpolate(pixels, (tall, wide), mode="bicubic").clamp(0, 1)
    top, left = (tall - height) // 2, (wide - width) // 2
    return larger[..., top : top + height, left : left + width]
