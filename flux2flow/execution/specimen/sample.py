"""The shape of what a specimen says in one script. Knows no words, no kit and no fonts."""

from __future__ import annotations

from dataclasses import dataclass

from flux2flow.domain.scene import TextDirection


@dataclass(frozen=True, slots=True)
class Sample:
    """The words of one script. `lines` are tried from the longest; `with_latin`: only where the Latin face has them."""

    script: str
    title: str
    locale: str
    direction: TextDirection
    letters: str
    headlines: tuple[str, ...]
    lines: tuple[str, ...]
    text: str
    figures: str
    with_latin: bool = False
    more: str = ""
    """Running text that follows where the font has its letters, too."""
    one_face: bool = False
    """Whether all its letters must come from one face: Chinese from two fonts looks like a ransom note."""
    columns: bool = False
    """Whether the script is also written in columns, from right to left."""
    once: bool = False
    """Whether one style shows it all: emoji look the same in every one."""
    locales: tuple[str, ...] = ()
    """Other names that a kit may have the language's changes under."""

    @property
    def probe(self) -> str:
        """Every character that a font must have to be shown in this script."""
        return "".join((self.letters, *self.headlines, *self.lines, self.text)).replace("*", "").replace(" ", "")
