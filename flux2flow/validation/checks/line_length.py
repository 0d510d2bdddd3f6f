"""Set lines → lines too long to find the next one from their end."""

from __future__ import annotations

from collections.abc import Iterable

from flux2flow.domain.finding import Finding, Level
from flux2flow.interfaces import CheckSubject
from flux2flow.validation.checks.copy_limits import columns
from flux2flow.validation.subjects import about, running_texts

COLUMNS = 80
"""Characters of a line, double-width ones counted twice: WCAG 2.2 SC 1.4.8 says 80, and 40 for Chinese and Japanese."""

DOWNWARDS = 104
"""Of a column: JLREQ (2.4.1) gives 52 full-width characters for vertical and 40 for horizontal lines at the most."""


class _LineLength:
    id = "line-length"
    aliases = ("T14",)
    title = "Line length"
    rationale = (
        "The eye that comes to the end of a long line misses the beginning of the next one. WCAG 2.2 (1.4.8) draws "
        "the line at 80 characters, 40 where they are full-width. It matters only where there is a next line: a "
        "single long line is no reading matter. Headlines and labels are far below it anyhow. T14."
    )
    level: Level = "warn"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """At most one finding per text of several lines."""
        for text in running_texts(subject):
            longest = max(text.lines, key=lambda line: columns(line.text.strip()))
            width = columns(longest.text.strip())
            limit = DOWNWARDS if longest.vertical else COLUMNS
            if len(text.lines) > 1 and width > limit:
                yield about(
                    self, subject, text, f"a line of {width} characters; {limit} can be read with ease",
                    box=longest.box, measured=str(width), limit=str(limit),
                    remedy=f"Make the box {'lower' if longest.vertical else 'narrower'} or the type larger.",
                )  # fmt: skip


CHECK = _LineLength()
