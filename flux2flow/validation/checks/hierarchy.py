"""Layout → whether sizes and weights say what comes first. An opinion: notes only."""

from __future__ import annotations

from collections.abc import Iterable

from flux2flow.domain.finding import Finding, Level
from flux2flow.interfaces import CheckSubject
from flux2flow.validation.subjects import about, is_headline, running_texts

RATIO = 1.25
"""Headline over the next largest text: the major third of modular scales; below it the two look meant to be equal."""

SIZES = 4
"""Different sizes on one picture that still read as an order (charts keep one of their own and are not counted)."""

WEIGHTS = 3
"""Different weights: text, emphasis, headline."""


class _Hierarchy:
    id = "hierarchy"
    aliases = ("T15",)
    title = "Hierarchy"
    rationale = (
        "A picture in a feed is read in the order of its sizes. A headline hardly larger than what follows it, more "
        "than four sizes or more than three weights blur that order. There are good pictures that break every one "
        "of these on purpose, so this only notes, and only where the profile asks for opinions. T15."
    )
    level: Level = "info"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """At most one finding per rule."""
        texts = list(running_texts(subject))
        headlines = [text for text in texts if is_headline(subject, text)]
        others = [text.fit.size for text in texts if text not in headlines]
        if headlines and others:
            head = max(headlines, key=lambda text: text.fit.size)
            ratio = head.fit.size / max(others)
            if ratio < RATIO:
                message = f"the headline is {ratio:.2f} times as large as the next text"
                yield about(
                    self, subject, head, message, measured=f"{ratio:.2f}", limit=f"{RATIO:g}",
                    remedy="Set the headline larger, or the other text smaller.",
                )  # fmt: skip
        rules = (
            ("sizes", {round(text.fit.size) for text in texts}, SIZES),
            ("weights", {text.weight for text in texts}, WEIGHTS),
        )
        for what, found, most in rules:
            if len(found) > most:
                message = f"{len(found)} {what}: {', '.join(str(value) for value in sorted(found))}"
                yield Finding(
                    self.id, self.level, message, subject.scene.id, measured=str(len(found)), limit=str(most),
                    remedy=f"Let some texts share their {what}.",
                )  # fmt: skip


CHECK = _Hierarchy()
