"""Set lines → texts broken without a dictionary that they need: of words where no spaces part them, or of syllables."""

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
        "it should, or runs over. The same goes for a style that asks for hyphenation in a language whose patterns are "
        "not installed. The extra [intl] brings the dictionaries; a single line needs none."
    )
    level: Level = "warn"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """At most one finding per text that has, or should have had, several lines."""
        words_known = importlib.util.find_spec(PACKAGE) is not None
        for text in subject.layout.texts():
            if len(text.lines) <= 1 and not text.fit.overflow and not text.fit.at_floor and text.fit.max_lines <= 1:
                continue
            scripts = {script(character) for character in text.text} & NEED_WORDS.keys()
            if text.fit.unhyphenated:
                yield about(
                    self, subject, text, f"no hyphenation patterns for ‘{subject.scene.locale}’ are installed",
                    remedy="pip install 'flux2flow[intl]', put soft hyphens (U+00AD) into the words, or take "
                    "hyphenation from this style.",
                )  # fmt: skip
            elif scripts and not words_known:
                language = NEED_WORDS[min(scripts)]
                yield about(
                    self, subject, text, f"{language} was broken without a dictionary of its words",
                    remedy="pip install 'flux2flow[intl]', or put zero-width spaces (U+200B) between words.",
                )  # fmt: skip


CHECK = _DictionaryMissing()
