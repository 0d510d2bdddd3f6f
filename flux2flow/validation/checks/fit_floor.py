"""Layout → text that copyfitting had to set at its smallest allowed size."""

from __future__ import annotations

from collections.abc import Iterable

from flux2flow.domain.finding import Finding, Level
from flux2flow.interfaces import CheckSubject


class _FitFloor:
    id = "fit-floor"
    aliases = ("T04",)
    title = "Fit floor"
    rationale = (
        "Text at the floor of its fit still stands in its box, but it is as small as the designer would bear, and the "
        "next longer word or language overflows. It is worth a look and keeps nothing back; what overflows is the "
        "business of `overflow`, and is not reported twice. T04."
    )
    level: Level = "warn"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per layer at its floor."""
        for text in subject.layout.texts():
            fit = text.fit
            if not fit.at_floor or fit.overflow:
                continue
            yield Finding(
                check=self.id,
                level=self.level,
                message=f"set at {fit.size:.1f} px, the smallest size its fit allows",
                asset=subject.scene.id,
                layer=text.id,
                box=text.ink,
                measured=f"{fit.size:.1f} px",
                limit=f"{fit.minimum:.1f} px",
                remedy="Shorten this text, or give the layer a larger box or another line.",
            )


CHECK = _FitFloor()
