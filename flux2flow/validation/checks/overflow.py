"""Layout → text that does not fit the box it was given."""

from __future__ import annotations

from collections.abc import Iterable

from flux2flow.domain.finding import Finding, Level
from flux2flow.interfaces import CheckSubject

OVERHANG = 0.25
"""Ems of ink outside the box that are no overflow: accents and swashes hang over every line box a little."""


class _Overflow:
    id = "overflow"
    aliases = ("T03",)
    title = "Overflow"
    rationale = (
        "Text that runs out of its box collides with what stands next to it, or is cut off. Typography shrinks and "
        "drops first; what still does not fit is reported by it, and this check keeps the file back. It also measures "
        "the ink itself, so that a mistake of the fitting does not pass. T03."
    )
    level: Level = "fail"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per layer: the fit gave up, there are too many lines, or ink stands outside the box."""
        for text in subject.layout.texts():
            fit = text.fit
            outside = max(
                text.box.x - text.ink.x,
                text.box.y - text.ink.y,
                text.ink.right - text.box.right,
                text.ink.bottom - text.box.bottom,
            )
            if fit.lines > fit.max_lines:
                problem, measured, limit = "takes too many lines", f"{fit.lines} lines", f"{fit.max_lines} lines"
            elif fit.overflow:
                problem = "does not fit its box even at the smallest size"
                measured, limit = f"{fit.size:.1f} px", f"{fit.minimum:.1f} px"
            elif outside > OVERHANG * fit.size:
                problem = f"stands {outside:.1f} px outside its box"
                measured, limit = f"{outside:.1f} px", f"{OVERHANG * fit.size:.1f} px"
            else:
                continue
            yield Finding(
                check=self.id,
                level=self.level,
                message=f"‘{_shortened(text.text)}’ {problem}",
                asset=subject.scene.id,
                layer=text.id,
                box=text.ink,
                measured=measured,
                limit=limit,
                remedy="Shorten this text, allow another line, enlarge its box, or lower the fit's minimum.",
            )


def _shortened(text: str, limit: int = 48) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


CHECK = _Overflow()
