"""Encoded file and format → whether its bytes stay under what the platform takes."""

from __future__ import annotations

from collections.abc import Iterable

from flux2flow.domain.finding import Finding, Level
from flux2flow.interfaces import CheckSubject

NEARLY = 0.9
"""Above this share of the limit a small change of the picture breaks it: a warning, not a failure."""


class _FileWeight:
    id = "file-weight"
    title = "File weight"
    rationale = (
        "A platform's byte limit is a hard stop: 150,000 bytes for most display placements, and the upload form "
        "refuses one byte more. From 90 % on it warns, because the next headline or row may tip it over. "
        "kB are thousands of bytes, as the platforms' sheets count them."
    )
    level: Level = "fail"
    needs_pixels = True

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """Compare the file's length with the format's limit; nothing where the platform states none."""
        limit = subject.format.max_bytes
        if limit is None or subject.encoded is None:
            return
        weight = len(subject.encoded.data)
        if weight <= NEARLY * limit:
            return
        over = weight > limit
        yield Finding(
            check=self.id,
            level=self.level if over else "warn",
            message=(
                f"the {subject.encoded.media} file weighs {weight / 1000:.1f} kB, "
                f"{weight / limit:.0%} of the {limit / 1000:g} kB that {subject.format.id} takes"
            ),
            asset=subject.scene.id,
            measured=f"{weight} bytes",
            limit=f"{limit} bytes",
            remedy="Let the format take more file types, or use a calmer plate: detail and grain are what weighs."
            if over
            else "",
        )


CHECK = _FileWeight()
