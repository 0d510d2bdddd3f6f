"""A path → what the checkpoints there are, from their headers; on request their values are looked through as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flux2engine.errors import LibraryError, WeightsError
from flux2engine.importing.gathering import Delivery, Part, dtypes_of, gather
from flux2engine.importing.hashing import Progress, silent
from flux2engine.importing.identity import Assumed, assume_variant
from flux2engine.weights.checkpoint import nonfinite
from flux2engine.weights.identify import Identified, identify


@dataclass(frozen=True)
class Shown:
    """Say what one checkpoint is."""

    source: Path
    files: tuple[Path, ...]
    size: int  # bytes of the tensors
    tensors: int
    dtypes: tuple[str, ...]
    metadata: Mapping[str, str]
    found: Identified | None  # None where that cannot be said,
    refusal: str  # and why: for an unknown layout the nearest known one and what differs
    assumed: Assumed | None  # of a transformer: what importing it would take it for,
    doubt: str  # or why --variant has to say it
    tokenizer: Path | None
    not_finite: tuple[str, ...] | None  # names of tensors; None where nobody looked


def show(path: Path, *, check: bool = False, progress: Progress | None = None) -> tuple[Shown, ...]:
    """Describe what lies at `path`; with `check`, read every value. Raises WeightsError and LibraryError."""
    delivery = gather(path)
    return tuple(_shown(part, delivery, check, progress or silent) for part in delivery.parts)


def _shown(part: Part, delivery: Delivery, check: bool, progress: Progress) -> Shown:
    checkpoint = part.checkpoint
    found, assumed, refusal, doubt = None, None, "", ""
    try:
        found = identify(checkpoint, part.config or None)
        if found.kind == "transformer":
            where = delivery.path if delivery.model_index is not None else part.source
            assumed = assume_variant(found, where, delivery.model_index, None)
    except WeightsError as error:
        refusal = str(error)
    except LibraryError as error:
        doubt = str(error)
    return Shown(
        source=part.source,
        files=checkpoint.files,
        size=sum((checkpoint.packed.get(name) or form).nbytes for name, form in checkpoint.forms.items()),
        tensors=len(checkpoint.forms),
        dtypes=dtypes_of(checkpoint),
        metadata=dict(checkpoint.metadata),
        found=found,
        refusal=refusal,
        assumed=assumed,
        doubt=doubt,
        tokenizer=part.tokenizer if found and found.kind == "text_encoder" else None,
        not_finite=nonfinite(checkpoint, partial(progress, part.source)) if check else None,
    )
