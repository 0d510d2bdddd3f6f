"""Set text and the kit's word list → words that the brand does not use."""

from __future__ import annotations

import re
from collections.abc import Iterable

from flux2flow.domain.finding import Finding, Level
from flux2flow.interfaces import CheckSubject
from flux2flow.validation.subjects import about


class _ForbiddenWords:
    id = "forbidden-words"
    aliases = ("T17",)
    title = "Forbidden words"
    rationale = (
        "Brands, and the law behind them, rule words out: claims that need proof, words of a competitor, words that "
        "hurt. Each stands in the kit's list and is matched as a whole word, whatever its case, in the copy as it "
        "is set: so that neither a row's cell nor a translation brings it in unseen. T17."
    )
    level: Level = "fail"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per layer and word."""
        for text in subject.layout.texts():
            for word in subject.forbidden_words:
                if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text.text, re.IGNORECASE):
                    message = f"‘{word}’ stands on the brand's list of forbidden words"
                    yield about(self, subject, text, message, measured=word, remedy="Say it in other words.")


CHECK = _ForbiddenWords()
