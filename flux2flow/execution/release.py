"""Assets → files in the output folder. What failed a check is kept apart, and what left the plan is withdrawn.

Touches only names that this framework made: a file it does not know, or that somebody edited, stays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from flux2flow.domain.asset import Asset
from flux2flow.domain.fingerprint import digest as digest_of
from flux2flow.domain.fingerprint import fingerprint
from flux2flow.errors import StoreError
from flux2flow.execution.scenes import MadeAsset
from flux2flow.execution.workspace import Workspace
from flux2flow.store import KeyEntry
from flux2flow.store.disk import publish, reported

MANIFEST, PAGE = "manifest.json", "index.html"


def release(work: Workspace, made: MadeAsset) -> Asset:
    """Put an asset's file in its place; where a check failed, take away what an earlier run put there."""
    if any(finding.blocking for finding in made.asset.findings):
        return _keep_back(work, made)
    path = _inside(work.output, made.place)
    if _digest(path) != made.asset.digest:
        publish(work.store.disk, path, _object(work, made.asset))
        work.record("asset-released", made.asset.id, path=made.place, object=made.asset.digest)
    return replace(made.asset, path=made.place)


def _keep_back(work: Workspace, made: MadeAsset) -> Asset:
    path = _inside(work.output, made.place)
    if path.is_file():  # released by an earlier run, before what is now found
        _withdraw(work, path, made.place)
    return replace(made.asset, path=None)


def keep_rejected(work: Workspace, made: MadeAsset) -> bytes:
    """Put a rejected picture into this run's own folder, for whoever wants to look; return its bytes for the page."""
    data = _object(work, made.asset)
    work.record("asset-rejected", made.asset.id, path=made.place, object=made.asset.digest)
    publish(work.store.disk, _inside(work.rejected, made.place), data)
    return data


def settle(work: Workspace, released: Mapping[str, str], *, withdraw: bool) -> None:
    """Withdraw what left the plan, if asked to, and note what of ours stands in the output folder.

    `released` maps places to digests. Ours is what the previous manifest or an earlier note lists and nobody edited.
    """
    key = fingerprint("released", work.plan.campaign)
    entry = work.store.keys.get(key)
    noted: dict[str, str] = dict(entry.facts) if entry else {}
    ours = dict(released)
    for place, digest in (_listed(work.output / MANIFEST) | noted).items():
        if place in released or not _stays_inside(place):  # a manifest is a file anybody may edit
            continue
        path = _inside(work.output, place)
        if _digest(path) != digest:
            continue
        if withdraw:
            _withdraw(work, path, place)
        else:
            ours[place] = digest
    if ours != noted:
        work.store.keys.put(key, KeyEntry("", ours))


def _listed(manifest: Path) -> dict[str, str]:
    try:
        entries = json.loads(manifest.read_bytes())["assets"]
        return {str(entry["path"]): str(entry["sha256"]) for entry in entries if entry.get("path")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # none yet, or not ours: nothing is known to be removable


def _withdraw(work: Workspace, path: Path, subject: str) -> None:
    work.record("asset-withdrawn", subject)
    with reported("removing", path):
        work.store.disk.remove(path)
        for folder in path.parents:
            if folder == work.output or any(folder.iterdir()):
                break
            folder.rmdir()


def _inside(root: Path, place: str) -> Path:
    """Resolve a place below a folder; raise StoreError for one that leads elsewhere."""
    if not _stays_inside(place):
        raise StoreError(f"{place!r} leads outside {root}")
    return root / place


def _stays_inside(place: str) -> bool:
    path = PurePosixPath(place)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _digest(path: Path) -> str | None:
    with reported("reading", path):
        try:
            return digest_of(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None


def _object(work: Workspace, asset: Asset) -> bytes:
    data = work.store.objects.get(asset.digest)
    if data is None:
        raise StoreError(f"the stored file of {asset.id} was lost while this run used it; run the command again")
    return data
