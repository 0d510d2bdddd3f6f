"""Set lines → texts in scripts without spaces that were broken without a dictionary of their words."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from flux2flow.domain.finding import Finding, Level
from flux2flow.interfaces import CheckSubject
from flux2flow.validation.subjects import about, script

NEED_WORDS = {"THAI": "Thai", "LAO": "Lao", "KHMER": "Khmer", "MYANMAR": "Burmese"}
"""Scripts that set no spaces between words and break between words all the same (UAX #14, class SA)."""

PACKAGE = "icu4py"
"""What brings the dictionaries, in the extra [intl]."""


class _DictionaryMissing:
    id = "dictionary-missing"
    title = "No dictionary for line breaks"
    rationale = (
        "Thai, Lao, Khmer and Burmese set no spaces between words, and break lines between words nonetheless: only a "
        "dictionary knows where. Without one a line ends at a space or not at all, so that type comes out smaller than "
        "it should, or runs over. The extra [intl] brings the dictionaries; a single line needs none."
    )
    level: Level = "warn"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """At most one finding per text that has, or should have had, several lines."""
        if importlib.util.find_spec(PACKAGE) is not None:
            return
        for text in subject.layout.texts():
            scripts = {script(character) for character in text.text} & NEED_WORDS.keys()
            tight = len(text.lines) > 1 or text.fit.overflow or text.fit.at_floor or text.fit.max_lines > 1
            if scripts and tight:
                language = NEED_WORDS[min(scripts)]
                yield about(
                    self, subject, text, f"{language} was broken without a dictionary of its words",
                    remedy="pip install 'flux2flow[intl]', or put zero-width spaces (U+200B) between words.",
                )  # fmt: skip


CHECK = _DictionaryMissing()
