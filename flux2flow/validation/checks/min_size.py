"""Layout and Format → type too small to read where it is delivered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.layout import PlacedText
from flux2flow.interfaces import CheckSubject

ROUNDING = 0.01
"""Pixels: sizes come out of a search and may miss a bound by less than anybody can see."""


class _MinSize:
    id = "min-size"
    aliases = ("T05",)
    title = "Minimum size"
    rationale = (
        "What counts is the delivered pixel, and the x-height more than the nominal size: two fonts at 12 px differ "
        "by a quarter in how large they look. No authority states a minimum for advertising; the bounds stand in each "
        "format's file, with their source, and a project may override them. T05."
    )
    level: Level = "fail"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per layer and bound it breaks."""
        for text in subject.layout.texts():
            for what, measured, limit in _bounds(text, subject):
                if measured >= limit - ROUNDING:
                    continue
                yield Finding(
                    check=self.id,
                    level=self.level,
                    message=f"the {what} is {measured:.1f} px; {subject.format.id} asks for {limit:g} px at least",
                    asset=subject.scene.id,
                    layer=text.id,
                    box=text.ink,
                    measured=f"{measured:.2f} px",
                    limit=f"{limit:g} px",
                    remedy="Shorten this text, give the layer a larger box, or let it drop here.",
                )


def _bounds(text: PlacedText, subject: CheckSubject) -> Iterator[tuple[str, float, float]]:
    yield "type size", text.fit.size, subject.format.min_text
    yield "x-height", text.x_height, subject.format.min_x_height


CHECK = _MinSize()
