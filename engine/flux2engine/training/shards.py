"""What one file of the cache holds ↔ that file.

Latents rest in 16 bits, or in 8 with one scale a channel where a data set must travel. Knows nothing about how they
were made or what learns from them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flux2engine.training.data import Scene, scene_from_record
from flux2engine.training.edits import Edit

Latents = NDArray[np.float16]  # (…, 32, h, w), raw


@dataclass(frozen=True)
class Reference:
    """One picture that is shown beside a scene, and its role in captions ("main", "prop 0", "swatch", "before")."""

    role: str
    latents: Latents


@dataclass(frozen=True)
class Shard:
    """Scenes of one size with their latents and references."""

    pixels: NDArray[np.uint8] | None  # (N, H, W, 3); the flow needs none
    latents: Latents  # (N, 32, H/8, W/8)
    weight: NDArray[np.uint8]  # (N, H/16, W/16), 0 … 255: how much of a token belongs to objects
    references: list[list[Reference]]
    scenes: list[Scene]
    edits: list[Edit | None]  # where the scene is the outcome of an edit, whose picture before is a reference


def shard_path(folder: Path, stage: str, index: int) -> Path:
    """Return where shard `index` of a stage lies."""
    return folder / stage / f"{index:05d}.npz"


def shard_paths(folder: Path, stage: str, limit: int | None = None) -> list[Path]:
    """List a stage's shards."""
    paths = sorted((folder / stage).glob("?????.npz"))[:limit]
    if not paths:
        raise FileNotFoundError(f"no shards in {folder / stage}: run flux2engine.training.cache first")
    return paths


def write_shard(path: Path, shard: Shard, eight_bits: bool = False) -> None:
    """Write atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flat = [reference for row in shard.references for reference in row]
    scale = _scale(shard.latents, [reference.latents for reference in flat]) if eight_bits else None
    arrays: dict[str, NDArray[Any]] = {
        "latents": _at_rest(shard.latents, scale),
        "weight": shard.weight,
        "reference_counts": np.array([len(row) for row in shard.references], np.int64),
        "reference_shapes": np.array([r.latents.shape[-2:] for r in flat], np.int64).reshape(-1, 2),
        "reference_roles": np.array(json.dumps([reference.role for reference in flat])),
        "reference_values": np.concatenate(
            [np.zeros(0, np.float16 if scale is None else np.int8), *(_at_rest(r.latents, scale).ravel() for r in flat)]
        ),
        "scenes": np.array(json.dumps([scene.record() for scene in shard.scenes], default=str)),
        "edits": np.array(json.dumps([_edit_record(edit) for edit in shard.edits], default=str)),
    }
    if scale is not None:
        arrays["scale"] = scale
    if shard.pixels is not None:
        arrays["pixels"] = shard.pixels
    temporary = path.with_suffix(f".{os.getpid()}.tmp.npz")
    np.savez(temporary, **arrays)  # type: ignore[arg-type]  # the stub takes them for its flag
    temporary.replace(path)


def read_shard(path: Path, pixels: bool = False) -> Shard:
    """Read a shard; those of version 0.1.0 have square references of products only, and no edits."""
    with np.load(path) as stored:
        scale = stored.get("scale")
        scenes = [scene_from_record(record) for record in json.loads(str(stored["scenes"]))]
        counts = stored["reference_counts"].tolist()
        if "reference_shapes" in stored:
            shapes = stored["reference_shapes"].tolist()
            roles = json.loads(str(stored["reference_roles"]))
            edits = [None if record is None else _edit(record) for record in json.loads(str(stored["edits"]))]
        else:
            shapes = [(side, side) for side in stored["reference_sides"].tolist()]
            roles = [("main", "extra")[k] for count in counts for k in range(count)]
            edits = [None] * len(scenes)
        flat = _references(stored["reference_values"], shapes, roles, scale)
        return Shard(
            stored["pixels"] if pixels else None,
            _restored(stored["latents"], scale),
            stored["weight"],
            [[flat.pop(0) for _ in range(count)] for count in counts],
            scenes,
            edits,
        )


def _references(
    values: NDArray[Any], shapes: Sequence[Sequence[int]], roles: Sequence[str], scale: NDArray[np.float32] | None
) -> list[Reference]:
    references, offset = [], 0
    for (height, width), role in zip(shapes, roles, strict=True):
        part = values[offset : offset + 32 * height * width].reshape(32, height, width)
        references.append(Reference(role, _restored(part, scale)))
        offset += 32 * height * width
    return references


def _scale(latents: Latents, references: Sequence[Latents]) -> NDArray[np.float32]:
    # Half a per mille is cut off: the largest values are a hundred times as rare as they are large.
    values = np.concatenate([np.moveaxis(part, -3, 0).reshape(32, -1) for part in (latents, *references)], 1)
    bound = np.quantile(np.abs(values.astype(np.float32)), 0.9995, axis=1)
    scale: NDArray[np.float32] = (np.maximum(bound, 1e-6) / 127).astype(np.float32)
    return scale


def _at_rest(latents: Latents, scale: NDArray[np.float32] | None) -> NDArray[Any]:
    if scale is None:
        return latents
    rounded: NDArray[np.int8] = np.clip(np.rint(latents / scale[:, None, None]), -127, 127).astype(np.int8)
    return rounded


def _restored(values: NDArray[Any], scale: NDArray[np.float32] | None) -> Latents:
    return values if scale is None else (values * scale[:, None, None]).astype(np.float16)


def _edit_record(edit: Edit | None) -> dict[str, Any] | None:
    return None if edit is None else asdict(edit)


def _edit(record: dict[str, Any]) -> Edit:
    before, after = (scene_from_record(record[key]) for key in ("before", "after"))
    return Edit(record["kind"], before, after, tuple(record["keep"]) if record["keep"] else None)
