"""Decoded file and Layout → type that does not stand out from the real pixels around it.

Which layer lies under the type is of no interest here; the measuring itself is in `ground.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.finding import Finding, Level
from flux2flow.interfaces import CheckSubject


class _Contrast:
    id = "contrast"
    aliases = ("T06", "T07")
    title = "Contrast on real pixels"
    rationale = (
        "WCAG 2.2 asks for 4.5:1, or 3:1 for large type (24 px, or 18.66 px bold, as delivered), against what really "
        "lies behind the words. So each glyph's fill is compared with a ring of pixels 1 to 3 px around its ink, on "
        "the file as it was decoded again, after compression. The 5th percentile over a text's glyphs decides; the "
        "worst glyph is named. Ratios are not rounded: 4.499 fails. Colour fonts are exempt. Ink that cannot be found "
        "in the file fails too: it is covered. T06, T07."
    )
    level: Level = "fail"
    needs_pixels = True

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """At most one finding per text."""
        if subject.decoded is None:
            return
        from flux2flow.validation.ground import PERCENTILE, measure  # not at start-up: only this check needs numpy

        for text, measured in measure(subject.layout, subject.decoded):
            glyphs = sorted(measured, key=lambda glyph: glyph.margin)
            if not glyphs:
                continue
            worst, decisive = glyphs[0], glyphs[int(PERCENTILE * (len(glyphs) - 1))]
            covered = 2 * sum(glyph.inked for glyph in glyphs) < len(glyphs)
            if worst.margin >= 1 and not covered:
                continue
            fails = decisive.margin < 1
            message = f"contrast is {worst.ratio:.2f}:1 at ‘{worst.character}’; {worst.needed:g}:1 is needed"
            if worst.margin >= 1:
                message = "the ink of this text is not in the picture: something covers it"
            finding = Finding(
                check=self.id,
                level=self.level if fails or covered else "warn",
                message=message,
                asset=subject.scene.id,
                layer=text.id,
                box=worst.box,
                measured=f"{decisive.ratio:.2f}:1 at the 5th percentile of {len(glyphs)} glyphs",
                limit=f"{decisive.needed:g}:1",
                remedy="Something stands over the text: look at the order of the template's layers." if covered else "",
            )
            yield finding if covered else _with_ladder(finding, subject, subject.decoded)


def _with_ladder(finding: Finding, subject: CheckSubject, decoded: Canvas) -> Finding:
    """Let the remedy say, with numbers, what was tried on these pixels and would pass."""
    from flux2flow.validation.repairs import remedy, repairs  # here: it takes numpy, and only failures need it

    return replace(finding, remedy=remedy(repairs([finding], subject.layout, decoded, subject.standards)))


CHECK = _Contrast()
