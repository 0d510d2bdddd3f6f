"""References to files by place and digest, so that everything after loading is pure and location-independent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PictureMedia = Literal["png", "jpeg", "webp", "svg"]


@dataclass(frozen=True, slots=True, order=True)
class FileRef:
    """A file: the root it was found in, its path there (POSIX, relative), and the SHA-256 of its bytes in hex.

    `root` is `project`, `library`, or `plugin:<name>`; `flux2flow.project` turns it back into a path.
    """

    root: str
    path: str
    digest: str


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture that passed its gate: size in pixels (an SVG's viewBox, rounded), and whether it has transparency."""

    file: FileRef
    width: int
    height: int
    media: PictureMedia
    alpha: bool
