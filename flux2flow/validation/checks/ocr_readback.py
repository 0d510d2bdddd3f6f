"""Decoded file and Layout → copy that cannot be read back from the picture. Runs only where a reader was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.layout import PlacedLine, PlacedText
from flux2flow.domain.measures import Box
from flux2flow.domain.reading import Readback, comparable, compare
from flux2flow.interfaces import CheckSubject

TOLERATED = 0.10
"""Errors per character: readers mistake a letter now and then where people do not."""

LOST = 0.50
"""Above this hardly anything was recognised: something covers the words, or they drown."""


class _OcrReadback:
    id = "ocr-readback"
    aliases = ("T19",)
    title = "Copy read back"
    rationale = (
        "What a reader finds in the decoded file must be what was to be set. Each line is read in the box where it was "
        "set, and compared letter by letter, blanks, quotes and dashes aside. It is a legibility gate, not a proof: a "
        "reader is stricter than people on texture, and blind to scripts that its model does not know. Those lines are "
        "skipped, and columns, and said. Runs with --ocr only. T19."
    )
    level: Level = "warn"
    needs_pixels = False  # without pixels it says what it would skip

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """At most one finding per text."""
        reader = subject.reader
        if reader is None:
            return
        for text in subject.layout.texts():
            if letters := reader.unreadable(text.text):
                yield Finding(
                    self.id, "info", f"not read back: {reader.name} does not know ‘{letters[:12]}’", subject.scene.id,
                    text.id, text.ink,
                )  # fmt: skip
            elif any(line.vertical for line in text.lines):
                message = f"not read back: {reader.name} reads lines, and this stands in columns"
                yield Finding(self.id, "info", message, subject.scene.id, text.id, text.ink)
            elif subject.decoded is not None:
                yield from self._judge(subject, text, read_back(subject, text))

    def _judge(self, subject: CheckSubject, text: PlacedText, lines: tuple[Readback, ...]) -> Iterator[Finding]:
        errors, characters = sum(line.errors for line in lines), sum(line.characters for line in lines)
        # A single wrong letter of a short word is the reader's mistake more often than the picture's.
        if errors < 2 or errors / characters <= TOLERATED:
            return
        worst = max(lines, key=lambda line: line.error_rate)
        yield Finding(
            check=self.id,
            level="fail" if errors / characters > LOST else self.level,
            message=f"‘{worst.wanted.strip()[:48]}’ was read back as ‘{worst.read[:48]}’",
            asset=subject.scene.id,
            layer=text.id,
            box=text.ink,
            measured=f"{errors} of {characters} characters wrong",
            limit=f"{TOLERATED:.0%}",
            remedy="Look at it: set it larger, or on calmer ground; where people read it easily, waive this check.",
        )


def read_back(subject: CheckSubject, text: PlacedText) -> tuple[Readback, ...]:
    """Read a text's lines where they were set. Lines of signs only (an arrow, a row of stars) say nothing."""
    reader, decoded = subject.reader, subject.decoded
    if reader is None or decoded is None:
        return ()
    return tuple(
        compare(line.text, reader.read_line(decoded, box).text)
        for line in text.lines
        if any(character.isalnum() for character in comparable(line.text)) and (box := line_box(line)) is not None
    )


def line_box(line: PlacedLine) -> Box | None:
    """Give the box a reader wants: from above the capitals to below the descenders, with a little air at the ends."""
    inked = [(run, glyph) for run in line.runs for glyph in run.glyphs if glyph.ink is not None]
    if not inked:
        return None
    hull = inked[0][1].ink
    assert hull is not None
    for run, glyph in inked:
        assert glyph.ink is not None
        body = Box(glyph.ink.x, glyph.y - 0.76 * run.size, glyph.ink.width, 0.98 * run.size)
        hull = hull.union(glyph.ink).union(body)
    air = 0.15 * max(run.size for run, _ in inked)
    return Box(hull.x - air, hull.y - air / 3, hull.width + 2 * air, hull.height + air * 2 / 3)


CHECK = _OcrReadback()
