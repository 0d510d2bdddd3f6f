"""Set text → signs that a variable, a draft or an address was printed instead of copy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import ButtonLayer, TextLayer
from flux2flow.interfaces import CheckSubject

_SIGNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("template syntax", re.compile(r"\{\{|\}\}|\{%|%\}|\$\{")),
    ("filler text", re.compile(r"\b(lorem|dolor sit) (ipsum|amet)\b|\blorem\b|\bipsum\b", re.IGNORECASE)),
    ("a note to oneself", re.compile(r"\b(TODO|FIXME|TBD|XXX)\b")),
    ("an empty variable", re.compile(r"\b(?i:undefined)\b|\bNaN\b|\[object |\A\s*(?i:none|null|nan)\s*\Z")),
    ("a raw address", re.compile(r"https?://|\bwww\.", re.IGNORECASE)),
)
_TODO_IS_A_WORD = ("es", "pt", "gl", "it")
"""Languages in which capitals make TODO out of an ordinary word (Spanish ‘todo’: all)."""

_NONE = re.compile(r"\bNone\b(?! (of|but|are|is|can|will|so|the|other)\b)")


class _PlaceholderLeak:
    id = "placeholder-leak"
    aliases = ("T18",)
    title = "Placeholder leak"
    rationale = (
        "Half-filled templates have gone out to millions of people: braces, lorem ipsum, ‘undefined’, a bare link, or "
        "nothing at all where a headline belongs. Each sign is looked for in the words as they are set, after every "
        "expression was evaluated. ‘None’ inside a sentence may be English, so it only warns. T18."
    )
    level: Level = "fail"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per layer and sign."""
        language = subject.scene.locale.split("-")[0]
        for layer, text, box in _texts(subject):
            for what, sign, level in _signs(text, language):
                yield Finding(
                    check=self.id,
                    level=level,
                    message=f"the text is {what}" if not sign else f"‘{sign}’ looks like {what}",
                    asset=subject.scene.id,
                    layer=layer,
                    box=box,
                    measured=text[:80],
                    remedy="Fill in the copy or the row's cell that this layer reads.",
                )


def _texts(subject: CheckSubject) -> Iterator[tuple[str, str, Box | None]]:
    """Every set text, and every blank one that never got that far although it was not dropped."""
    placed = {text.id.removesuffix("/label") for text in subject.layout.texts()}
    absent = placed | {dropped.id for dropped in subject.layout.dropped}
    yield from ((text.id, text.text, text.ink) for text in subject.layout.texts())
    for layer in subject.scene.layers:
        if isinstance(layer, (TextLayer, ButtonLayer)) and not layer.text.strip() and layer.id not in absent:
            yield layer.id, layer.text, layer.box


def _signs(text: str, language: str) -> Iterator[tuple[str, str, Level]]:
    if not text.strip():
        yield "empty", "", "fail"
    for what, pattern in _SIGNS:
        match = pattern.search(text)
        if match and not (match.group() == "TODO" and language in _TODO_IS_A_WORD):
            yield what, match.group().strip(), "fail"
    none = _NONE.search(text)
    if none and text.strip() != "None":
        yield "an empty variable", none.group(), "warn"


CHECK = _PlaceholderLeak()
