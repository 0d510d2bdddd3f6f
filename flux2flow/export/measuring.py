"""What an exporter tried, and how far an encoded file is from its canvas. Encodes nothing itself."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flux2flow.domain.asset import EncodedFile
from flux2flow.domain.canvas import Canvas

if TYPE_CHECKING:
    from PIL.Image import Image

BUDGET_SHARE = 0.98
"""Of a platform's limit that a file may take: some count its upload's envelope too."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The best file of one kind: within the budget, or the smallest that its quality floor allows."""

    file: EncodedFile
    fits: bool


def budget_of(max_bytes: int | None) -> int | None:
    """Return the bytes to aim for under a limit."""
    return None if max_bytes is None else int(max_bytes * BUDGET_SHARE)


def picture_of(canvas: Canvas) -> Image:
    """Return the canvas as a Pillow picture."""
    from PIL import Image

    return Image.frombytes("RGB", (canvas.size.width, canvas.size.height), canvas.pixels)


def psnr(canvas: Canvas, data: bytes) -> float:
    """Decode a file and return its peak signal-to-noise ratio against the canvas, in dB; infinite where equal."""
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        decoded = np.asarray(picture.convert("RGB"), dtype=np.int16).reshape(-1)
    difference = (decoded - np.frombuffer(canvas.pixels, dtype=np.uint8)).astype(np.int32)
    error = float(np.mean(difference * difference))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def best_quality(
    encode: Callable[[int], bytes], floor: int, target: int, budget: int | None
) -> tuple[int, bytes, bool, int]:
    """Return the highest quality from `floor` to `target` whose file fits: (quality, file, fits, files encoded).

    Sizes grow almost exponentially with quality, so the next guess is interpolated on their logarithms; the bracket
    still shrinks every time. Where even the floor is too large, the floor's file comes back with `fits` False.
    """
    high, high_data = target, encode(target)
    if budget is None or len(high_data) <= budget:
        return high, high_data, True, 1
    low, low_data = floor, encode(floor)
    if len(low_data) > budget:
        return low, low_data, False, 2
    tried = 2
    while high - low > 1:
        span = math.log(len(high_data)) - math.log(len(low_data))
        share = (math.log(budget) - math.log(len(low_data))) / span if span > 0 else 0.5
        guess = min(max(low + round(share * (high - low)), low + 1), high - 1)
        data = encode(guess)
        tried += 1
        if len(data) <= budget:
            low, low_data = guess, data
            if len(data) >= budget * _CLOSE_ENOUGH:
                break
        else:
            high, high_data = guess, data
    return low, low_data, True, tried


_CLOSE_ENOUGH = 0.96
