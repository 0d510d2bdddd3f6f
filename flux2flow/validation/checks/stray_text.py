"""Plate before type → words that the model invented. Runs only where a reader was asked for; knows no reference."""

from __future__ import annotations

from collections.abc import Iterable

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.measures import Box
from flux2flow.domain.reading import ReadLine
from flux2flow.interfaces import CheckSubject

SURE = 0.75
"""A reader's trust from which a line counts; texture is read with less."""

_UNPAID = frozenset({"web", "email"})
"""Platforms whose placements are the owner's own pages; everywhere else the picture is an advertisement."""


class _StrayText:
    id = "stray-text"
    aliases = ("T20",)
    title = "Words in the plate"
    rationale = (
        "A plate holds no words: they are set on it. Image models write some nonetheless, often in letters that are "
        "almost ours, or the name of somebody else's brand. The plate is read before anything is set on it, whole, as "
        "this picture crops it. In an advertisement it fails, on a page of one's own it warns. A wordmark is found as "
        "words; a logo without letters is not. Runs with --ocr only. T20."
    )
    level: Level = "fail"
    needs_pixels = True

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per line of words."""
        if subject.reader is None or subject.plate is None:
            return
        crop = subject.layout.plate.crop
        for line in subject.reader.read(subject.plate):
            seen = line.box.intersection(crop)
            if not _is_word(line) or seen.area < line.box.area / 2:
                continue
            yield Finding(
                check=self.id,
                level="warn" if subject.format.id.partition("/")[0] in _UNPAID else self.level,
                message=f"the plate holds words: ‘{line.text[:48]}’",
                asset=subject.scene.id,
                layer=subject.layout.plate.id,
                box=_on_canvas(subject, line.box),
                measured=f"read with {line.confidence:.0%} certainty",
                limit="no words",
                remedy="Paint it again with another seed, or take words out of the references and the scene's prompt.",
            )


def _is_word(line: ReadLine) -> bool:
    """Two letters at least, since one is a stroke or a ring as often as a letter."""
    return line.confidence >= SURE and sum(character.isalpha() for character in line.text) >= 2


def _on_canvas(subject: CheckSubject, box: Box) -> Box:
    plate, size = subject.layout.plate, subject.layout.size
    moved = box.moved(-plate.crop.x, -plate.crop.y)
    seen = moved.scaled(size.width / plate.crop.width, size.height / plate.crop.height)
    return seen.mirrored(size.width) if plate.flip else seen


CHECK = _StrayText()
