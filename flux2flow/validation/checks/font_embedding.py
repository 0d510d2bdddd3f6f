"""Used fonts and the file's type → fonts whose maker forbids what this export would do. Pictures embed no font."""

from __future__ import annotations

from collections.abc import Iterable

from flux2flow.domain.finding import Finding, Level
from flux2flow.interfaces import CheckSubject
from flux2flow.validation.subjects import runs

EMBEDS: dict[str, int] = {"pdf": 4, "svg": 8, "psd": 8}
"""What each type of file needs of OS/2.fsType: 4 (preview and print) suffices where nobody edits, 8 where they do."""

_ALLOWS = {0: "installable", 2: "restricted", 4: "preview and print", 8: "editable"}
NO_SUBSETTING, BITMAPS_ONLY = 0x100, 0x200


class _FontEmbedding:
    id = "font-embedding"
    aliases = ("T24",)
    title = "Right to embed"
    rationale = (
        "A font file says in OS/2.fsType whether it may travel inside another file: 0 freely, 4 to be seen and "
        "printed, 8 to be edited, 2 not at all; its low bits are one value, not flags. A PNG, JPEG or WebP holds no "
        "font, so nothing is asked of it. The field is a hint: the licence governs, and a kit names it for every "
        "font. T24."
    )
    level: Level = "fail"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per font and type of file that would embed it."""
        media = [subject.encoded.media] if subject.encoded is not None else subject.format.media
        fonts = {run.font.font for text in subject.layout.texts() for run in runs(text)}
        for font in sorted(fonts, key=lambda font: (font.family, font.file.path, font.embedding)):
            for kind in media:
                problem = _problem(font.embedding, kind)
                if problem:
                    message = f"{font.family} may not be embedded in {kind}: {problem}"
                    yield Finding(
                        self.id, self.level, message, subject.scene.id,
                        measured=f"fsType {font.embedding}", limit=_ALLOWS[EMBEDS[kind]],
                        remedy="Export with outlined text, or use a font whose licence allows it.",
                    )  # fmt: skip


def _problem(embedding: int, media: str) -> str:
    needed = EMBEDS.get(media)
    if needed is None:
        return ""
    allowed = embedding & 0xF
    if embedding & BITMAPS_ONLY:
        return "only its bitmaps may be"
    if allowed == 0 or (allowed >= needed and allowed in _ALLOWS):
        return ""
    return f"its maker marked it ‘{_ALLOWS.get(allowed, f'reserved value {allowed}')}’"


CHECK = _FontEmbedding()
