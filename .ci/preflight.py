"""Says what this machine lacks before anything is installed, each lack with its remedy. Standard library only."""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
import sys
from collections.abc import Callable

Loader = Callable[[str], object]

LIBRARIES = {
    "libEGL.so.1": "Debian, Ubuntu: apt-get install libegl1 · Fedora: dnf install mesa-libEGL",
    "libGL.so.1": "Debian, Ubuntu: apt-get install libgl1 · Fedora: dnf install mesa-libGL",
}
"""What Skia's wheel links against on Linux; slim container images leave them out."""


def lacks(
    *,
    version: tuple[int, int] = (sys.version_info.major, sys.version_info.minor),
    platform: str = sys.platform,
    load: Loader = ctypes.CDLL,
    has_module: Callable[[str], bool] = lambda name: importlib.util.find_spec(name) is not None,
    has_program: Callable[[str], bool] = lambda name: shutil.which(name) is not None,
) -> list[str]:
    """Every lack as one line that ends in its remedy; an empty list where all is there."""
    found: list[str] = []
    if version < (3, 11):
        found.append(
            f"Python {version[0]}.{version[1]} is too old: flux2flow needs 3.11 or newer. "
            "Remedy: install it and run make PYTHON=python3.11 …"
        )
    absent = [module for module in ("venv", "ensurepip") if not has_module(module)]
    found += [
        f"Python's module {name} is missing. Remedy: Debian, Ubuntu: apt-get install python3-venv" for name in absent
    ]
    if not has_program("make"):
        found.append("make is missing. Remedy: Debian, Ubuntu: apt-get install make")
    if platform == "linux":
        for library, remedy in LIBRARIES.items():
            try:
                load(library)
            except OSError:
                found.append(f"{library} is missing, which Skia needs to draw. Remedy: {remedy}")
    return found


def main() -> int:
    """Print every lack; 0 where there is none."""
    found = lacks()
    for line in found:
        print(f"preflight: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
