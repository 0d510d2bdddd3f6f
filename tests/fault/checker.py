"""Judges a project after a kill, or after the run that followed it, against an uninterrupted one.

Imports nothing of flux2flow: it knows the layout on disk and SHA-256. Prints one line per violation.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VOLATILE = ("run", "reused", "plates_reused", "seconds")
STATE_NAMES = {"objects", "keys", "journal", "runs", "leases", "present", ".gitignore", "CACHEDIR.TAG"}


def sha256(path: Path) -> str:
    """Digest a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def build_of(project: Path) -> Path:
    """Find the one campaign's output folder, which may not exist yet."""
    folders = sorted((project / "build").glob("*"))
    return folders[0] if folders else project / "build" / "none"


def pictures(build: Path) -> dict[str, str]:
    """Digest everything in the output folder but manifest, page and unfinished files."""
    files = (path for path in sorted(build.rglob("*")) if path.is_file() and not unfinished(path))
    return {str(path.relative_to(build)): sha256(path) for path in files if path.name not in PAGES}


PAGES = ("manifest.json", "index.html")


def unfinished(path: Path) -> bool:
    """Whether a file carries the name of a write that was not finished."""
    return path.name.startswith(".flux2flow-") and path.name.endswith(".tmp")


def steady(value: Any) -> Any:
    """Drop what may differ between two runs of the same work."""
    if isinstance(value, dict):
        return {name: steady(item) for name, item in value.items() if name not in VOLATILE}
    return [steady(item) for item in value] if isinstance(value, list) else value


def differences(one: Any, other: Any, where: str) -> Iterator[str]:
    """Name every place where two documents differ."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for name in one:
            yield from differences(one[name], other[name], f"{where}.{name}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{where}[{number}]")
    elif one != other:
        yield where


def always(project: Path, reference: Path, told: list[str]) -> Iterator[str]:
    """Judge what must hold at any moment (I1, I2): what was told is there, and no final name holds other bytes."""
    truth, found = pictures(build_of(reference)), pictures(build_of(project))
    manifest = json.loads((build_of(reference) / "manifest.json").read_text())
    place = {asset["id"]: asset["path"] for asset in manifest["assets"] if asset["path"]}
    for line in told:
        if line.startswith("asset ") and found.get(place.get(line[6:], "")) != truth.get(place.get(line[6:], "-")):
            yield f"I1 {line[6:]} was reported as done but is not there with its bytes"
    for name, digest in found.items():
        if truth.get(name) != digest:
            yield f"I2 {name} in the output holds other bytes"
    for path in (project / ".flux2flow" / "objects").rglob("*"):
        if path.is_file() and not unfinished(path) and sha256(path) != path.name:
            yield f"I2 object {path.name} holds other bytes"


def finished(project: Path, reference: Path, calls: Path, kills: int) -> Iterator[str]:
    """Judge what must hold once a run ended well (I1 to I6)."""
    build, state = build_of(project), project / ".flux2flow"
    manifest = json.loads((build / "manifest.json").read_text())
    for asset in (asset for asset in manifest["assets"] if asset["path"]):
        path = build / asset["path"]
        if not path.is_file() or sha256(path) != asset["sha256"]:
            yield f"I1 {asset['path']} of the manifest is missing or differs"
    yield from repeats(manifest, state, calls, kills)
    for path in project.rglob("*"):
        if unfinished(path) or path.parent == state / "leases":
            yield f"I5 left behind: {path.relative_to(project)}"
    for path in state.iterdir():
        if path.name not in STATE_NAMES:
            yield f"I5 unknown in the state: {path.name}"
    if pictures(build) != pictures(build_of(reference)):
        yield "I6 the pictures differ from an uninterrupted run's"
    for folder in ("objects", "keys"):
        names = [
            sorted(path.name for path in (root / ".flux2flow" / folder).rglob("*")) for root in (project, reference)
        ]
        if names[0] != names[1]:
            yield f"I6 the {folder} differ from an uninterrupted run's"
    whole = json.loads((build_of(reference) / "manifest.json").read_text())
    for where in differences(steady(manifest), steady(whole), "manifest"):
        yield f"I6 {where} differs from an uninterrupted run's"


def repeats(manifest: dict[str, Any], state: Path, calls: Path, kills: int) -> Iterator[str]:
    """Judge I3: no plate is painted more often than once and once per kill that hit it in flight."""
    seeds = {plate["key"]: str(plate["seed"]) for plate in manifest["plates"]}
    counted = collections.Counter(line.split()[1] for line in calls.read_text().splitlines())
    hit: collections.Counter[str] = collections.Counter()
    for journal in (state / "journal").glob("*.jsonl"):
        records = [json.loads(line)["record"] for line in journal.read_text().splitlines()]
        stored = {record["key"] for record in records if record["kind"] == "plate-stored"}
        hit.update(
            record["key"] for record in records if record["kind"] == "plate-leased" and record["key"] not in stored
        )
    for key, seed in seeds.items():
        if not 1 <= counted[seed] <= 1 + hit[key]:
            yield f"I3 plate {key[:12]} was painted {counted[seed]} times; {hit[key]} kills hit it"
    if sum(hit.values()) > kills:
        yield f"I3 {sum(hit.values())} plates were left unfinished by {kills} kills"


def main() -> int:
    """Print violations; exit 1 where there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("moment", choices=["always", "finished"])
    parser.add_argument("project", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--told", type=Path, action="append", default=[], help="output of a killed or finished process")
    parser.add_argument("--calls", type=Path)
    parser.add_argument("--kills", type=int, default=0)
    options = parser.parse_args()
    told = [line for path in options.told for line in path.read_text().splitlines(keepends=True)]
    violations = list(
        always(options.project, options.reference, [line.strip() for line in told if line.endswith("\n")])
    )
    if options.moment == "finished":
        violations += finished(options.project, options.reference, options.calls, options.kills)
    for violation in violations:
        print(violation)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
