"""A plugin of flux2flow: the check `exclamation-marks`, and the backend `flat`, which paints the asked backdrop colour.

A check sees one asset: its scene, its layout, its format and, once painted, the decoded file. A backend turns requests
into canvases, one size at a time, and reports its steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.measures import Color
from flux2flow.domain.plate import BackendIdentity, BackendLimits, PlateRequest
from flux2flow.interfaces import BackendEntry, CheckSubject, FileSource, Painted, PaintStep

MOST = 1


class ExclamationMarks:
    """At most one exclamation mark in all of an asset's words."""

    id = "exclamation-marks"
    title = "Exclamation marks"
    rationale = "Our voice is calm: one exclamation mark in a picture is a smile, two are shouting."
    level: Level = "warn"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """Count them over every set text, full-width ones too."""
        texts = subject.layout.texts()
        count = sum(text.text.count("!") + text.text.count("！") for text in texts)
        if count > MOST:
            worst = max(texts, key=lambda text: text.text.count("!") + text.text.count("！"))
            yield Finding(
                check=self.id,
                level=self.level,
                message=f"{count} exclamation marks; the house style takes {MOST}",
                asset=subject.scene.id,
                layer=worst.id,
                box=worst.box,
                measured=str(count),
                limit=str(MOST),
                remedy="End the sentence with a full stop.",
            )


CHECK = ExclamationMarks()


class Flat:
    """Paints the first palette colour, evenly."""

    limits = BackendLimits("flat", max_references=0, max_pixels=4_194_304)

    def identity(self) -> BackendIdentity:
        """Say what decides the pixels: nothing but the request."""
        return BackendIdentity("flat", "plain colour", "", "uint8", 1, 1)

    def paint(self, requests: Sequence[PlateRequest], files: FileSource) -> Iterator[PaintStep | Painted]:  # noqa: ARG002
        """Fill each plate."""
        for number, request in enumerate(requests):
            palette = request.direction.palette
            color = palette[0].color if palette else Color(200, 200, 200)
            yield PaintStep(number, 1, 1)
            pixels = bytes((color.red, color.green, color.blue)) * request.size.pixels
            yield Painted(number, Canvas(request.size, pixels), 0.0)


def flat() -> BackendEntry:
    """Return the backend as it is registered."""
    return BackendEntry("flat", Flat.limits, Flat)
