"""Which checks a kind of delivery runs, and at which level. Knows nothing about what a check does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flux2flow.domain.finding import Level
from flux2flow.domain.standards import ProfileName


@dataclass(frozen=True, slots=True)
class Profile:
    """What a delivery demands: checks that are left out, the highest level others may reach, the lowest they have.

    A floor raises findings from `warn` on; what a check merely notes (`info`) stays a note.
    """

    name: str
    left_out: frozenset[str] = frozenset()
    ceilings: Mapping[str, Level] = field(default_factory=dict)
    floors: Mapping[str, Level] = field(default_factory=dict)


_ADVISORY = frozenset({"contrast-apca", "hierarchy"})
"""Opinions that no rule book enforces: off unless a profile asks for them."""

_TYPESETTING: tuple[str, ...] = (
    "bidi", "brand-names", "busy-background", "dictionary-missing", "fallback-used", "hyphenation", "leading",
    "line-length", "no-break", "spelling", "text-over-product", "widow",
)  # fmt: skip

WEB = Profile("web", _ADVISORY)
"""The default: every check at its own level, opinions left out."""

SOCIAL = Profile("social", _ADVISORY, ceilings={"line-length": "info"}, floors={"text-over-product": "fail"})
"""Pictures in a feed: seen small and for a second. Few words to a line are the genre; type on the product is not."""

PRINT = Profile("print", _ADVISORY | {"file-weight"}, floors={"font-embedding": "fail", "hyphenation": "fail"})
"""Paper: no upload form counts bytes, nothing can be corrected afterwards."""

STRICT = Profile("strict", floors=dict.fromkeys(_TYPESETTING, "fail"))
"""Every check, opinions too; a typesetter's warning keeps the file back."""

PROFILES: Mapping[ProfileName, Profile] = {"web": WEB, "social": SOCIAL, "print": PRINT, "strict": STRICT}
