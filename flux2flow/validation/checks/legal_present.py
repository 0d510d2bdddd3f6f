"""Layout and the disclaimers of kit and campaign → words that must be there and are not, or are too small."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from fnmatch import fnmatchcase

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.standards import Disclaimer
from flux2flow.interfaces import CheckSubject
from flux2flow.validation.subjects import about, excerpt


class _LegalPresent:
    id = "legal-present"
    aliases = ("T23",)
    title = "Legal words"
    rationale = (
        "A price without its footnote, an advertisement without its age limit: what the law or a contract wants must "
        "stand on the picture in its language, in full and large enough. It is compared letter by letter, whatever the "
        "case and the spaces, within one text. A layer that was dropped for want of room is named as the reason. T23."
    )
    level: Level = "fail"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per disclaimer that is missing or too small."""
        for disclaimer in subject.standards.disclaimers:
            scene = subject.scene
            if fnmatchcase(scene.id, disclaimer.assets) and fnmatchcase(scene.format, disclaimer.formats):
                yield from self._judge(subject, disclaimer)

    def _judge(self, subject: CheckSubject, disclaimer: Disclaimer) -> Iterable[Finding]:
        locale = subject.scene.locale
        wanted = disclaimer.text.get(locale) or disclaimer.text.get(locale.split("-")[0])
        if wanted is None:
            known = excerpt(next(iter(disclaimer.text.values())))
            message = f"a disclaimer is required, and has no words in {locale}: ‘{known}’"
            remedy = f"Add {locale}: to the disclaimer's text."
            yield Finding(self.id, self.level, message, subject.scene.id, limit=locale, remedy=remedy)
            return
        holding = [text for text in subject.layout.texts() if _plain(wanted) in _plain(text.text)]
        if not holding:
            dropped = [entry.id for entry in subject.layout.dropped if _in_layer(subject, entry.id, wanted)]
            why = f": the layer ‘{dropped[0]}’ was dropped" if dropped else ""
            message = f"the required words ‘{excerpt(wanted)}’ are not on the picture{why}"
            remedy = "Give their layer priority 1 and room." if dropped else "Add a layer that holds them."
            yield Finding(self.id, self.level, message, subject.scene.id, limit=wanted, remedy=remedy)
            return
        largest = max(holding, key=lambda text: text.fit.size)
        if largest.fit.size < disclaimer.min_size - 0.01:
            message = f"the required words are {largest.fit.size:.1f} px; {disclaimer.min_size:g} px are demanded"
            yield about(
                self, subject, largest, message, measured=f"{largest.fit.size:.2f} px",
                limit=f"{disclaimer.min_size:g} px", remedy="Give their layer a larger box.",
            )  # fmt: skip


def _in_layer(subject: CheckSubject, id: str, wanted: str) -> bool:
    return any(
        layer.kind in ("text", "button") and layer.id == id and _plain(wanted) in _plain(layer.text)
        for layer in subject.scene.layers
        if layer.kind in ("text", "button")
    )


def _plain(text: str) -> str:
    return re.sub(r"[\s\u00ad]+", " ", unicodedata.normalize("NFKC", text)).strip().casefold()


CHECK = _LegalPresent()
