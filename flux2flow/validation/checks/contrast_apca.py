"""Decoded file and Layout → a second opinion on contrast, to which dark on light and light on dark differ.

Off unless a profile asks for opinions. Notes only: no law cites it, and it stands for no version of WCAG.
"""

from __future__ import annotations

from collections.abc import Iterable

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.layout import PlacedText
from flux2flow.interfaces import CheckSubject
from flux2flow.validation.subjects import about

BODY, LEAST, LARGE = 75.0, 60.0, 45.0
"""Lc for text of several lines, for other text, and for large type: the levels that its author gives as a guide."""


class _ContrastApca:
    id = "contrast-apca"
    aliases = ("T08",)
    title = "Lightness contrast (advisory)"
    rationale = (
        "WCAG's ratio overrates dark colours and underrates light type on dark grounds. The lightness contrast Lc, "
        "after the published formula of APCA (0.1.9, sRGB), tells them apart: 75 for running text, 60 for other "
        "text, 45 for large type. It is advice, measured like ‘contrast’ at the 5th percentile of glyphs, and "
        "decides nothing. T08."
    )
    level: Level = "info"
    needs_pixels = True

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """At most one note per text."""
        if subject.decoded is None:
            return
        from flux2flow.validation.ground import decisive, grounds  # not at start-up: it needs numpy

        for text, glyphs in grounds(subject.layout, subject.decoded):
            if not glyphs:
                continue
            fills = [tuple(float(channel) for channel in glyph.fill()) for glyph in glyphs]
            medians = [tuple(float(channel) for channel in glyph.median) for glyph in glyphs]
            found = decisive([abs(lightness_contrast(a, b)) for a, b in zip(fills, medians, strict=True)])
            wanted = _wanted(text, glyphs[0].large)
            if found < wanted:
                yield about(
                    self, subject, text, f"Lc is {found:.0f}; {wanted:.0f} reads with ease", measured=f"Lc {found:.1f}",
                    limit=f"Lc {wanted:g}", remedy="A darker or lighter colour of the kit, or a heavier weight.",
                )  # fmt: skip


def _wanted(text: PlacedText, large: bool) -> float:
    if large:
        return LARGE
    return BODY if len(text.lines) > 1 else LEAST


def lightness_contrast(ink: tuple[float, ...], ground: tuple[float, ...]) -> float:
    """Give Lc, about -108 to 106, of two sRGB colours with channels 0 to 255; positive is dark on light.

    Constants: APCA 0.1.9 G-4g, as published with its SAPC documentation.
    """
    text, back = _soft_black(_screen(ink)), _soft_black(_screen(ground))
    if abs(back - text) < 0.0005:
        return 0.0
    if back > text:
        contrast = (back**0.56 - text**0.57) * 1.14
        return 0.0 if contrast < 0.1 else (contrast - 0.027) * 100
    contrast = (back**0.65 - text**0.62) * 1.14
    return 0.0 if contrast > -0.1 else (contrast + 0.027) * 100


def _screen(color: tuple[float, ...]) -> float:
    return float(
        sum(
            weight * (channel / 255) ** 2.4
            for weight, channel in zip((0.2126729, 0.7151522, 0.0721750), color, strict=True)
        )
    )


def _soft_black(luminance: float) -> float:
    return float(luminance + (0.022 - luminance) ** 1.414) if luminance < 0.022 else luminance


CHECK = _ContrastApca()
