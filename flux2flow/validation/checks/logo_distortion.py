"""Layout → logos that are not drawn in their own proportions."""

from __future__ import annotations

from collections.abc import Iterable

from flux2flow.domain.finding import Finding, Level
from flux2flow.interfaces import CheckSubject

TOLERANCE = 0.01
"""Of the ratio of width to height. A trained eye sees about two per cent on a wordmark; rounding never makes one."""


class _LogoDistortion:
    id = "logo-distortion"
    aliases = ("T22",)
    title = "Bent logo"
    rationale = (
        "No brand book lets a logo be stretched, and nobody who knows it overlooks it. A logo is fitted into its "
        "box and keeps its ratio; here the place it was given is held against the ratio of its own file, so that "
        "neither a plugin nor a mistake of the layout bends it. Layout has no way to mirror a logo, so that cannot "
        "happen. T22."
    )
    level: Level = "fail"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per bent logo."""
        for logo in subject.layout.logos():
            own = logo.picture.width / logo.picture.height
            drawn = logo.box.width / logo.box.height if logo.box.height > 0 else 0.0
            bent = drawn / own - 1
            if abs(bent) > TOLERANCE:
                way = "wide" if bent > 0 else "narrow"
                yield Finding(
                    self.id, self.level, f"the logo is drawn {abs(bent):.1%} too {way}", subject.scene.id, logo.id,
                    logo.box, f"{drawn:.3f}", f"{own:.3f}", "Let the layout fit the logo into its box.",
                )  # fmt: skip


CHECK = _LogoDistortion()
