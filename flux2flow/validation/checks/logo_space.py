"""Layout → logos that are too small, or whose clear space something else enters. Decides by boxes, not by pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.layout import Layout, PlacedLogo
from flux2flow.domain.measures import Box
from flux2flow.interfaces import CheckSubject

ROUNDING = 0.5
"""Pixels on either axis below which an overlap is not seen."""


class _LogoSpace:
    id = "logo-space"
    aliases = ("T22",)
    title = "Logo clear space"
    rationale = (
        "Brand books state two rules that must hold everywhere: a smallest width, and a margin that stays free. Every "
        "glyph, logo, picture and filled shape that enters the margin breaks it, and so does the picture's edge. What "
        "holds the whole margin is its ground, and a gradient is a scrim: neither counts. The box of a cut-out picture "
        "is mostly air, so it only warns. T22."
    )
    level: Level = "fail"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per logo and rule it breaks."""
        for logo in subject.layout.logos():
            if logo.box.width < logo.min_width - ROUNDING:
                yield self._finding(
                    subject, logo, logo.box, "fail", f"the logo is {logo.box.width:.1f} px wide",
                    f"{logo.box.width:.1f} px", f"{logo.min_width:g} px", "Give it a larger box, or leave it out here.",
                )  # fmt: skip
            canvas = Box(0, 0, subject.layout.size.width, subject.layout.size.height)
            intruders = list(_inks(subject.layout, logo))
            if not canvas.contains(logo.clear, ROUNDING):
                intruders.append(("the picture's edge", logo.box, self.level))
            for name, box, level in intruders:
                yield self._finding(
                    subject, logo, box, level, f"{name} enters the logo's clear space", name, "nothing",
                    "Move one of the two in the template's layout, or make the logo smaller.",
                )  # fmt: skip

    def _finding(
        self, subject: CheckSubject, logo: PlacedLogo, box: Box, level: Level, message: str, measured: str,
        limit: str, remedy: str,
    ) -> Finding:  # fmt: skip
        return Finding(self.id, level, message, subject.scene.id, logo.id, box, measured, limit, remedy)


def _inks(layout: Layout, logo: PlacedLogo) -> Iterator[tuple[str, Box, Level]]:
    """Yield what enters the clear space: what it is, where, how bad."""
    for placed in layout.placed:
        if placed.kind == "text":
            glyphs = (g.ink for line in placed.lines for run in line.runs for g in run.glyphs if g.ink is not None)
            if any(_enters(ink, logo.clear) for ink in glyphs):
                yield f"the text ‘{placed.id}’", placed.ink, "fail"
        elif placed.kind == "logo" and placed.id != logo.id and _enters(placed.box, logo.clear):
            yield f"the logo ‘{placed.id}’", placed.box, "fail"
        elif placed.kind == "picture" and _enters(placed.box.intersection(placed.clip), logo.clear):
            yield f"the picture ‘{placed.id}’", placed.box, "warn" if placed.picture.alpha else "fail"
        elif placed.kind == "shape" and placed.fill.start == placed.fill.end and _enters(placed.box, logo.clear):
            yield f"the shape ‘{placed.id}’", placed.box, "fail"


def _enters(box: Box, clear: Box) -> bool:
    common = box.intersection(clear)
    return common.width > ROUNDING and common.height > ROUNDING and not box.contains(clear, ROUNDING)


CHECK = _LogoSpace()
