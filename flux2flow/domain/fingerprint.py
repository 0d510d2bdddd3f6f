"""Turns data into its fingerprint: canonical JSON, then SHA-256. Knows no file and no phase."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from pydantic import BaseModel

FORMAT_VERSION = 1
"""Part of every key. Raise it when a change here or in what touches pixels must make old entries unreachable."""


def plain(value: Any) -> Any:
    """Reduce dataclasses, models, tuples and mappings to plain JSON values; raise TypeError for anything else."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, BaseModel):
        return plain(value.model_dump(by_alias=True))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(plain(item) for item in value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)  # 45 and 45.0 are one number, and a plan read back from its file must keep its keys
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"{type(value).__name__} has no canonical form")


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a value: keys sorted, no spaces, no NaN."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(*values: Any) -> str:
    """SHA-256 in hex over the canonical JSON of the values."""
    return digest(canonical_json([FORMAT_VERSION, *values]).encode())


def digest(data: bytes) -> str:
    """SHA-256 of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def seed_of(*parts: str | int) -> int:
    """Return a 48-bit seed from its parts; adding a row or a format elsewhere never changes it."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
