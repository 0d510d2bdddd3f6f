"""A picture and a box → how much goes on inside, against the rest; knows nothing of prompts."""

from __future__ import annotations

import numpy as np

from flux2engine.training.data import Box, Scene
from flux2engine.training.evaluation.colour import Pixels

_THIRDS: dict[str, Box] = {
    "left": (0, 0, 1 / 3, 1),
    "right": (2 / 3, 0, 1, 1),
    "top": (0, 0, 1, 1 / 3),
    "bottom": (0, 2 / 3, 1, 1),
}


def empty_region(scene: Scene) -> Box | None:
    """Return the region a scene declares empty: its own box, or the third on its empty side."""
    return scene.empty_box or _THIRDS.get(scene.empty)


def edge_ratio(picture: Pixels, box: Box) -> float:
    """Return the mean squared luma gradient within `box`, relative to that of the rest of the picture."""
    luma = picture.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    energy = np.zeros_like(luma)
    energy[:-1] += np.diff(luma, axis=0) ** 2
    energy[:, :-1] += np.diff(luma, axis=1) ** 2
    height, width = luma.shape
    inside = np.zeros(luma.shape, bool)
    left, top, right, bottom = box
    inside[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = True
    return float(energy[inside].mean() / max(energy[~inside].mean(), 1e-9))
