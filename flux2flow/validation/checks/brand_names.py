"""Set text and the kit's names → names in another spelling than their own, and first mentions without their sign."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.layout import PlacedText
from flux2flow.interfaces import CheckSubject
from flux2flow.validation.subjects import about

_PART_OF_ADDRESS = re.compile(r"[@/#._-]\Z|\.\Z")
_ADDRESS_GOES_ON = re.compile(r"(?:\.\w|[@/_-]\w)")


class _BrandNames:
    id = "brand-names"
    aliases = ("T17",)
    title = "Names as they are written"
    rationale = (
        "A brand's and its products' names have one spelling: ‘Dew Serum’ is not ‘dew serum’, and a style in capitals "
        "leaves them alone. Where the kit says that a name carries a sign (®, ™), its first mention on a picture does. "
        "Addresses and hashtags have rules of their own and are passed over; so is what the kit lists as allowed. T17."
    )
    level: Level = "warn"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per layer and name."""
        allowed = set(subject.standards.allowed)
        for text in subject.layout.texts():
            for name in subject.standards.names:
                wrong = next((m.group() for m in _mentions(text, name) if _differs(m.group(), name, allowed)), None)
                if wrong is not None:
                    yield about(
                        self, subject, text, f"‘{' '.join(wrong.split())}’ is written ‘{name}’",
                        measured=wrong, limit=name, remedy=f"Write {name}.",
                    )  # fmt: skip
        for name, sign in subject.standards.marks:
            first = next(((text, m) for text in subject.layout.texts() for m in _mentions(text, name)), None)
            if first is not None and not first[0].text[first[1].end() :].lstrip().startswith(sign):
                message = f"the first ‘{name}’ on the picture lacks its {sign}"
                yield about(self, subject, first[0], message, limit=name + sign, remedy=f"Write {name}{sign}.")


def _mentions(text: PlacedText, name: str) -> Iterator[re.Match[str]]:
    words = r"\s+".join(re.escape(word) for word in name.split())
    for match in re.finditer(rf"(?<!\w){words}(?!\w)", text.text, re.IGNORECASE):
        before, after = text.text[: match.start()], text.text[match.end() :]
        if not _PART_OF_ADDRESS.search(before) and not _ADDRESS_GOES_ON.match(after):
            yield match


def _differs(found: str, name: str, allowed: set[str]) -> bool:
    return found.split() != name.split() and found not in allowed


CHECK = _BrandNames()
