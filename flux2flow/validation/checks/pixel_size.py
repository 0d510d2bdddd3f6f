"""Decoded file, format, plate → whether the picture has exactly the ordered size and is no blown-up small one."""

from __future__ import annotations

from collections.abc import Iterable

from flux2flow.domain.finding import Finding, Level
from flux2flow.interfaces import CheckSubject

MOST_ENLARGED = 2.0
"""Above this a plate was painted too small for its use: the eye sees it on a sharp screen (decision 5)."""


class _PixelSize:
    id = "pixel-size"
    title = "Size and ratio"
    rationale = (
        "Ad servers refuse a creative that is one pixel off, and stretch it in silence where they do not. The size is "
        "read from the file as it was decoded again, never from what was asked for. A wrong ratio is named apart from "
        "a wrong size, because only the first one distorts or crops when it is scaled."
    )
    level: Level = "fail"
    needs_pixels = True

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """Compare the decoded size with the format's, and the format's with the plate's."""
        enlargement = subject.layout.plate.enlargement
        if enlargement > MOST_ENLARGED:
            yield Finding(
                check=self.id,
                level="warn",
                message=f"the plate was enlarged {enlargement:.2f}× to fill {subject.format.id}",
                asset=subject.scene.id,
                measured=f"{enlargement:.2f}×",
                limit=f"{MOST_ENLARGED:.0f}×",
                remedy="Paint with a backend that makes larger plates, or leave this format out.",
            )
        if subject.decoded is None or subject.decoded.size == subject.format.size:
            return
        size, wanted = subject.decoded.size, subject.format.size
        same_ratio = abs(size.width * wanted.height - size.height * wanted.width) < max(wanted.width, wanted.height)
        problem = "scaled" if same_ratio else f"of another ratio ({size.ratio:.3f} instead of {wanted.ratio:.3f})"
        yield Finding(
            check=self.id,
            level=self.level,
            message=f"the file is {size}, {problem}; {subject.format.id} is {wanted}",
            asset=subject.scene.id,
            measured=str(size),
            limit=str(wanted),
            remedy="Render it again; if it stays, the exporter or the format file is wrong, not the campaign.",
        )


CHECK = _PixelSize()
