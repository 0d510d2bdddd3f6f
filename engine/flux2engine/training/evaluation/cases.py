"""evaluation_cases.json.gz → what is asked of a model, and what its pictures should look like.

The cases are frozen: prompts, scenes, seeds and the products' looks are read, not drawn, so a change of the generator
or of the captions moves no yardstick. Only the painter of the sets is today's. Knows nothing of models.
"""

from __future__ import annotations

import gzip
import itertools
import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from PIL import Image

from flux2engine.training.data import Scene, scene_from_record
from flux2engine.training.evaluation.sheets import HELD_OUT, NAMED, read_sheet
from flux2engine.training.products import Identity

CaseKind = Literal["reference", "empty", "named", "found 2", "found 4", "index 2", "index 4", "edit"]
CASE_KINDS: tuple[CaseKind, ...] = get_args(CaseKind)
FILE = "evaluation_cases.json.gz"


@dataclass(frozen=True)
class Case:
    """One prompt with its references, and the scene it asks for."""

    kind: CaseKind
    prompt: str
    scene: Scene
    seed: int
    references: tuple[Identity, ...] = ()  # what image 1, 2 … show
    wanted: tuple[int, ...] = ()  # per object of the scene, the index of the reference it is to be
    before: Scene | None = None  # the picture to be edited


def write_cases(cases: Iterable[Case], folder: Path) -> None:
    """Write cases; equal ones give equal bytes."""
    by_kind: dict[str, list[dict[str, Any]]] = {kind: [] for kind in CASE_KINDS}
    for case in cases:
        record: dict[str, Any] = {"prompt": case.prompt, "seed": case.seed}
        record["scene"] = _without_paths(case.scene.record())
        if case.references:
            record["references"] = [[identity.name, identity.seed] for identity in case.references]
            record["wanted"] = case.wanted
        if case.before is not None:
            record["before"] = _without_paths(case.before.record())
        by_kind[case.kind].append(record)
    raw = json.dumps(by_kind, separators=(",", ":")).encode()
    (folder / FILE).write_bytes(gzip.compress(raw, 9, mtime=0))


def read_cases(folder: Path, pictures: Path, limit: int | None = None) -> dict[CaseKind, list[Case]]:
    """Read the first `limit` cases of every kind; `pictures` takes the products they show."""
    sheets = [*read_sheet(HELD_OUT, folder, pictures), *read_sheet(NAMED, folder, pictures)]
    paths = {cut_out.name: cut_out.path for cut_out in sheets}
    stored = json.loads(gzip.decompress((folder / FILE).read_bytes()))
    return {kind: [_case(kind, record, paths) for record in stored[kind][:limit]] for kind in CASE_KINDS}


def _case(kind: CaseKind, record: Mapping[str, Any], paths: Mapping[str, Path]) -> Case:
    before = record.get("before")
    return Case(
        kind,
        record["prompt"],
        scene_from_record(_with_looks(record["scene"], paths)),
        record["seed"],
        tuple(look(name, seed, paths) for name, seed in record.get("references", ())),
        tuple(record.get("wanted", ())),
        None if before is None else scene_from_record(_with_looks(before, paths)),
    )


def look(name: str, seed: int, paths: Mapping[str, Path]) -> Identity:
    """Return a product that every painter paints alike: its hue is shifted here, by the rule of version 0.1.0."""
    rng = random.Random(seed)
    shift = rng.randrange(256) if rng.random() < 0.5 else 0
    path = paths[name].with_stem(f"{paths[name].stem}-{shift:03d}")
    if not path.exists():
        with Image.open(paths[name]) as opened:
            hue, saturation, value = opened.convert("RGB").convert("HSV").split()
            shifted = Image.merge("HSV", (hue.point([(h + shift) % 256 for h in range(256)]), saturation, value))
            picture = shifted.convert("RGB") if shift else opened.convert("RGB")
            picture.putalpha(opened.getchannel("A"))
        picture.save(path, compress_level=1)
    return Identity(name, PLAIN, path)


def _plain_seed() -> int:
    """Find a seed whose first draws are all high: `paint_identity` varies a product where one is low."""
    for seed in itertools.count():
        rng = random.Random(seed)
        if all(rng.random() > 0.6 for _ in range(12)):
            return seed
    raise AssertionError


PLAIN = _plain_seed()


def _without_paths(value: Any) -> Any:
    """Replace the file of every cut-out by true, and nothing by false: names find it again. Seven digits are kept."""
    if isinstance(value, float):
        return round(value, 7)
    if isinstance(value, dict):
        return {key: item is not None if key == "cut_out" else _without_paths(item) for key, item in value.items()}
    return [_without_paths(item) for item in value] if isinstance(value, list | tuple) else value


def _with_looks(value: Any, paths: Mapping[str, Path]) -> Any:
    if isinstance(value, dict):
        if value.get("cut_out"):
            return asdict(look(value["name"], value["seed"], paths))
        return {key: _with_looks(item, paths) for key, item in value.items()}
    return [_with_looks(item, paths) for item in value] if isinstance(value, list) else value
