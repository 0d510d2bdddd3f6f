"""families.txt → which family each cut-out belongs to; knows nothing of pictures."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from flux2engine.training.packages import PACKAGES

_LIST = Path(__file__).with_name("families.txt")
# A parametric jar is not the cut-out "jar": the probe calls packages by this prefix.
PACKAGE = "package"


@cache
def families() -> dict[str, str]:
    """Map every name the probe knows (cut-outs, and packages as "package bottle") to its family."""
    found = {f"{PACKAGE} {name}": PACKAGE for name in PACKAGES}
    for line in _LIST.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        family, members = line.split(": ")
        for member in members.split(", "):
            if member in found:
                raise ValueError(f"{_LIST.name}: {member} stands in two families")
            found[member] = family
    return found
