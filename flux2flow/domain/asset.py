"""A finished file: encoded, checked, and released or kept back."""

from __future__ import annotations

from dataclasses import dataclass

from flux2flow.domain.finding import Finding
from flux2flow.domain.format import Media
from flux2flow.domain.measures import PixelSize


@dataclass(frozen=True, slots=True)
class EncodedFile:
    """Encoded bytes, not yet released. `notes` say what was tried."""

    media: Media
    data: bytes
    quality: int | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset of a run. `path` is relative to build/<campaign>/; a file that was kept back has none."""

    id: str
    key: str
    scene: str
    plate: str
    plate_key: str
    path: str | None
    digest: str
    bytes: int
    media: Media
    quality: int | None
    size: PixelSize
    enlargement: float
    findings: tuple[Finding, ...]
    dropped: tuple[tuple[str, str], ...]
    fits: tuple[tuple[str, float, int], ...]
    """(layer, size in pixels, lines) of every set text."""
    reused: bool = False
    relaid: str = ""
    """Why the layout stands on the other side; empty where it does not."""
    repairs: tuple[str, ...] = ()
    """What was changed to pass a check, as the template allows it, in words."""
    copyfitting: tuple[tuple[str, float, float | None, int], ...] = ()
    """(layer, em off its tracking, width axis, which copy) of every text that more than its size was changed of."""

    @property
    def released(self) -> bool:
        """Whether the file stands in the output folder."""
        return self.path is not None
