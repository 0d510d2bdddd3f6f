"""A specimen's pages → files of a folder, and away with those of an earlier run that the kit no longer has.

Removes only what the folder's own list says was written here for the same kit, and still has the bytes it had.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flux2flow.errors import StoreError

if TYPE_CHECKING:
    from flux2flow.execution.specimen import SpecimenPage

LIST = ".specimen.json"
"""Names and SHA-256 of the pages in a folder, by kit."""
_VERSION = 1


def write_pages(pages: Sequence[SpecimenPage], folder: Path) -> tuple[Path, ...]:
    """Write one kit's pages and return their files in order; raises StoreError where a file cannot be written."""
    if not pages:
        return ()
    kit = pages[0].layout.scene.partition("/")[0]
    paths = tuple(folder / f"{page.layout.scene.replace('/', '-')}.png" for page in pages)
    now = {path.name: hashlib.sha256(page.data).hexdigest() for path, page in zip(paths, pages, strict=True)}
    path = folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / LIST
        listed = _listed(path)
        for path, page in zip(paths, pages, strict=True):
            path.write_bytes(page.data)
        for name, digest in listed.get(kit, {}).items():
            if name not in now and _is_ours(folder, name, digest):
                path = folder / name
                path.unlink()
        path = folder / LIST
        document = {"specimen": _VERSION, "kits": {**listed, kit: now}}
        path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
    return paths


def _listed(path: Path) -> Mapping[str, Mapping[str, str]]:
    """Read what earlier runs wrote; nothing where there is no list, or none that this version can read."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(document, dict) or document.get("specimen") != _VERSION:
        return {}
    kits = document.get("kits")
    return {
        kit: {name: digest for name, digest in pages.items() if isinstance(digest, str)}
        for kit, pages in (kits.items() if isinstance(kits, dict) else ())
        if isinstance(pages, dict)
    }


def _is_ours(folder: Path, name: str, digest: str) -> bool:
    """Say whether a listed name is a page of this very folder with the bytes that were written to it."""
    path = folder / name
    if path.parent != folder or path.name != name or path.suffix != ".png" or path.is_symlink() or not path.is_file():
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == digest
