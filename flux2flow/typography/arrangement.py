"""A scene's layers and stacks → what was decided for them together: boxes in stacks, and one size for each group.

Texts of one group, in a stack or not, take the size of the smallest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flux2flow.domain.layout import Dropped
from flux2flow.domain.scene import ButtonLayer, Layer, Stack, TextLayer
from flux2flow.typography.button import set_button
from flux2flow.typography.ladder import climb
from flux2flow.typography.set_text import Typesetter
from flux2flow.typography.stacks import Arrangement, Arranging, Bound


def arrange(layers: Sequence[Layer], stacks: Sequence[Stack], typesetter: Typesetter) -> Arrangement:
    """Arrange a scene's stacks and bring its groups to one size."""
    if not stacks and not any(_group(layer) for layer in layers):
        return Arrangement({}, (), {})
    first = _arranged(layers, stacks, typesetter, {})
    gone = {dropped.id for _, dropped in first.dropped}
    sizes: dict[str, float] = {}
    members: dict[str, str] = {}
    for layer in layers:
        name = _group(layer)
        size = _size(first.layers.get(layer.id, layer), typesetter) if name and layer.id not in gone else None
        if size is not None:  # what overflows at its floor says so there, and makes nobody else smaller
            sizes[name] = min(size, sizes.get(name, size))
            members[layer.id] = name
    if not sizes:
        return first
    return _arranged(layers, stacks, typesetter, {id: sizes[name] for id, name in members.items()})


def _group(layer: Layer) -> str:
    return layer.fit.group if isinstance(layer, TextLayer | ButtonLayer) else ""


def _size(layer: Layer, typesetter: Typesetter) -> float | None:
    """Give the size that a text or a button's label takes in its box; None where it overflows there."""
    if isinstance(layer, TextLayer) and layer.text.strip():
        report = climb(layer, typesetter).fitted.report
    elif isinstance(layer, ButtonLayer) and layer.text.strip():
        report = set_button(layer, typesetter)[1].fit
    else:
        return None
    return None if report.overflow else report.size


def _arranged(
    layers: Sequence[Layer], stacks: Sequence[Stack], typesetter: Typesetter, common: Mapping[str, float]
) -> Arrangement:
    """Arrange the stacks; `common` gives the size of what stands in a group, by the layers' ids."""
    by_id: dict[str, Layer] = {layer.id: layer for layer in layers}
    made: dict[str, Layer] = {}
    bounds: dict[str, Bound] = {}
    for layer in layers:
        if (size := common.get(layer.id)) is not None and isinstance(layer, TextLayer | ButtonLayer):
            size = max(size, layer.fit.minimum)
            rule = replace(layer.fit, minimum=size, maximum=size, prefer=None)
            by_id[layer.id] = made[layer.id] = replace(layer, fit=rule)
            bounds[layer.id] = Bound(f"the group ‘{layer.fit.group}’ is set at {size:g} px")
    dropped: list[tuple[int, Dropped]] = []
    for stack in stacks:
        if stack.box is not None:
            outcome = Arranging(stack, stack.box, by_id, {other.id: other for other in stacks}, typesetter).run()
            made |= outcome.layers
            bounds |= outcome.bounds
            dropped += outcome.dropped
    return Arrangement(made, tuple(dropped), bounds)
