"""What decides a plate's and a scene's bytes → their keys. Reads versions, never the clock or a path."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import flux2flow
from flux2flow.domain.campaign import FontFile
from flux2flow.domain.fingerprint import fingerprint, plain
from flux2flow.domain.format import Format
from flux2flow.domain.plate import BackendIdentity, PlateRequest
from flux2flow.domain.scene import Scene
from flux2flow.domain.standards import NO_STANDARDS, Standards
from flux2flow.gates import confinement
from flux2flow.plugins import Registry

TOUCHES_PIXELS = (
    "babel", "budoux", "fonttools", "icu4py", "numpy", "pillow", "pyphen", "resvg-py", "skia-python", "spylls",
    "uharfbuzz", "uniseg",
)  # fmt: skip
"""Distributions whose version may change a pixel of a finished asset (Pillow 13 changed its resampling, for one)."""


ROOMS = ("domain", "gates", "typography", "compositing", "export", "validation", "reading")
"""Our own packages that decide a finished asset's pixels or findings."""


@functools.cache
def versions() -> tuple[tuple[str, str], ...]:
    """Read the versions of flux2flow and of every library that touches pixels, without importing any."""
    found = [("flux2flow", flux2flow.__version__), ("flux2flow source", _source())]
    for name in TOUCHES_PIXELS:
        try:
            found.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            found.append((name, "absent"))
    return tuple(found)


def _source() -> str:
    """Digest the code of `ROOMS`: a version number alone would reuse pictures that changed code would draw anew."""
    root = Path(flux2flow.__file__).parent
    digest = hashlib.sha256()
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def environment(registry: Registry) -> tuple[tuple[str, str], ...]:
    """Gather what the manifest says about where the pictures were made."""
    plugins = tuple((f"plugin {plugin.name}", plugin.version) for plugin in registry.plugins)
    system = (("python", platform.python_version()), ("machine", f"{platform.system()} {platform.machine()}"))
    return (*versions(), *plugins, *system, ("confinement", confinement.status()))


def plate_key(request: PlateRequest, identity: BackendIdentity) -> str:
    """Make the key of a plate from the request and what else decides its pixels."""
    return fingerprint("plate", _by_digest(plain(request)), identity)


def scene_key(
    scene: Scene,
    plate: str,
    format: Format,
    fonts: Sequence[FontFile],
    forbidden_words: Sequence[str],
    registry: Registry,
    reader: str = "",
    standards: Standards = NO_STANDARDS,
) -> str:
    """Make the key of an asset from its scene, its plate's digest and all that sets, draws, encodes or judges it.

    Every font of the kit counts, not only the style's own: any of them may serve as a fallback. `reader` names what
    reads the picture back, where that is asked for. Waivers are left out: they say what becomes of findings, not which
    there are.
    """
    judges = [check.id for check in registry.checks] + ([f"read by {reader}"] if reader else [])
    made_by = [versions(), [(plugin.name, plugin.version) for plugin in registry.plugins], judges]
    held_to = _by_digest(plain(replace(standards, waivers=())))
    return fingerprint("scene", _by_digest(plain([scene, fonts])), plate, format, forbidden_words, made_by, held_to)


def _by_digest(value: Any) -> Any:
    """Reduce every file reference to its digest: a file that is moved or renamed makes nothing anew."""
    if isinstance(value, dict):
        if value.keys() == {"root", "path", "digest"}:
            return value["digest"]
        return {name: _by_digest(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_by_digest(item) for item in value]
    return value
