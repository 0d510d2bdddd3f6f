"""Measured busyness on both sides of a plate → whether the layout changes sides, and why. Measures nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flux2flow.domain.layout import Busyness
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import Layer, PlateLayer, Scene

BUSY_EDGES = 0.015
"""Mean edge energy from which a ground is busy under type; a studio backdrop has 0.005, foliage 0.1."""
BUSY_SPREAD = 0.075
"""Spread of luminance from which a ground is busy; a soft gradient has 0.05, type across a product 0.08 and more.

Both measured on painted scenes (tests/bench/quiet.py): empty sides reach 0.0013 and 0.052 at most.
"""
CLEARLY = 0.6
"""The other side must have at most this part of the busyness here: a small gain is not worth another composition."""


def quiet_boxes(layers: Sequence[Layer], quiet: Sequence[str]) -> tuple[Box, ...]:
    """Give the boxes under which the picture should be empty."""
    return tuple(layer.box for layer in layers if layer.id in quiet and not isinstance(layer, PlateLayer))


def why_other_side(here: Sequence[Busyness], there: Sequence[Busyness]) -> str:
    """Say why the layout is set on the other side; empty where it stays."""
    if not here or not there:
        return ""
    now, then = max(map(_score, here)), max(map(_score, there))
    if now < 1 or then > CLEARLY * now:
        return ""
    return (
        f"set on the other side: the picture under the type is busy ({now:.1f} times what is quiet),"
        f" and {then:.1f} there"
    )


def on_other_side(scene: Scene) -> Scene:
    """Give the scene with its layers and stacks as they stand on the other side; raises ValueError without one."""
    other = scene.other_side
    if other is None:
        raise ValueError(f"scene {scene.id} has no other side")
    return replace(scene, layers=(scene.plate, *other.layers), stacks=other.stacks, other_side=None)


def _score(measured: Busyness) -> float:
    return max(measured.edges / BUSY_EDGES, measured.spread / BUSY_SPREAD)
