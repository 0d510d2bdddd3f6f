"""Layout and Format → type, buttons and logos that reach into the margin the platform covers or cuts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.layout import Layout
from flux2flow.domain.measures import Box
from flux2flow.interfaces import CheckSubject

ROUNDING = 0.5
"""Pixels: less than half a pixel of an antialiased edge is not seen."""


class _SafeArea:
    id = "safe-area"
    aliases = ("T22",)
    title = "Safe area"
    rationale = (
        "A story's top and bottom carry the platform's own controls, and some placements are cropped at the edges. "
        "Whatever must be read or recognised stays inside the format's safe area; where a format states none, inside "
        "the picture. Backgrounds, pictures and scrims may bleed. T22."
    )
    level: Level = "fail"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per element that leaves the safe area."""
        size = subject.layout.size
        safe = Box(0, 0, size.width, size.height).inset(subject.format.safe_area.insets)
        for layer, what, box in _essentials(subject.layout):
            beyond = {
                "top": safe.y - box.y,
                "right": box.right - safe.right,
                "bottom": box.bottom - safe.bottom,
                "left": safe.x - box.x,
            }
            side, distance = max(beyond.items(), key=lambda item: item[1])
            if distance <= ROUNDING:
                continue
            yield Finding(
                check=self.id,
                level=self.level,
                message=f"the {what} reaches {distance:.1f} px into the {side} margin",
                asset=subject.scene.id,
                layer=layer,
                box=box,
                measured=f"{distance:.1f} px",
                limit="0 px",
                remedy="Move or shrink the layer's box in the template's layout for this aspect class.",
            )


def _essentials(layout: Layout) -> Iterator[tuple[str, str, Box]]:
    labelled = {text.id.removesuffix("/label") for text in layout.texts() if text.id.endswith("/label")}
    for placed in layout.placed:
        if placed.kind == "text" and placed.lines:
            yield placed.id, "text", placed.ink
        elif placed.kind == "logo":
            yield placed.id, "logo", placed.box
        elif placed.kind == "shape" and placed.id in labelled:
            yield placed.id, "button", placed.box


CHECK = _SafeArea()
