"""What references leave behind in every block: keys and values → kept, batched, found again by what they were made of.

A set of references attends to nothing but itself and is always modulated as at time 0 (`cached_references`), so what it
leaves depends on its prepared pictures in their order and on the weights: not on prompt, seed, step or output size.
Knows neither how keys and values are computed nor what attends to them.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

# Keys after rotation, and values; each (B, heads, R, head_dim), or with one item that serves the whole batch.
KeyValue = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class ReferenceKeyValues:
    """Hold the keys and values that one set of references has in every block."""

    double: tuple[KeyValue, ...]
    single: tuple[KeyValue, ...]

    @property
    def tokens(self) -> int:
        """Return how many reference tokens there are, padding included."""
        return self.double[0][0].shape[2]

    @property
    def nbytes(self) -> int:
        """Return the memory all of it takes: 4 · hidden · blocks bytes a token in bf16."""
        return sum(tensor.nbytes for tensor in self._tensors())

    def to(self, device: torch.device) -> ReferenceKeyValues:
        """Return the same on a device; nothing is copied if all of it is there already."""
        if all(tensor.device == device for tensor in self._tensors()):
            return self
        return ReferenceKeyValues(
            tuple((key.to(device), value.to(device)) for key, value in self.double),
            tuple((key.to(device), value.to(device)) for key, value in self.single),
        )

    def _tensors(self) -> Iterator[Tensor]:
        for pair in (*self.double, *self.single):
            yield from pair


def batch_key_values(
    items: Sequence[ReferenceKeyValues | None],
) -> tuple[ReferenceKeyValues | None, Tensor | None]:
    """Join one set per item, padded to the longest, with the mask (B, R) of what is real.

    Items without references have None. None stands for the sets if no item has any, and for the mask if nothing is
    padded. A set that all items share is not copied: it is returned as it is.
    """
    given = [item for item in items if item is not None]
    if not given:
        return None, None
    first = given[0]
    if all(item is first for item in items):
        return first, None
    longest = max(item.tokens for item in given)
    empty = _each(lambda tensors: tensors[0][:, :, :0], [first])
    filled = [empty if item is None else item for item in items]

    def padded(tensors: list[Tensor]) -> Tensor:
        return torch.cat([functional.pad(part, (0, 0, 0, longest - part.shape[2])) for part in tensors])

    joined = _each(padded, filled)
    device = first.double[0][0].device
    lengths = torch.tensor([item.tokens for item in filled], device=device)
    mask = torch.arange(longest, device=device) < lengths[:, None]
    return joined, None if bool(mask.all()) else mask


class KeyValueStore:
    """Keep sets up to a number of bytes; the one not asked for the longest goes first."""

    def __init__(self, limit_bytes: int, device: torch.device | None = None) -> None:
        """Keep sets where they were made, or on `device`: host memory holds more, and is read block by block."""
        self.limit_bytes = limit_bytes
        self.device = device
        self._kept: OrderedDict[str, ReferenceKeyValues] = OrderedDict()

    @property
    def nbytes(self) -> int:
        """Return the bytes kept."""
        return sum(kept.nbytes for kept in self._kept.values())

    def get(self, key: str) -> ReferenceKeyValues | None:
        """Return a set, or None if it is not kept (any more)."""
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
        return kept

    def put(self, key: str, key_values: ReferenceKeyValues) -> None:
        """Keep a set; one that is larger than the limit is not kept, and displaces nothing."""
        self._kept.pop(key, None)
        if key_values.nbytes > self.limit_bytes:
            return
        while self.nbytes + key_values.nbytes > self.limit_bytes:
            self._kept.popitem(last=False)
        self._kept[key] = key_values if self.device is None else key_values.to(self.device)

    def clear(self) -> None:
        """Let everything go."""
        self._kept.clear()


def reference_set_key(pictures: Sequence[bytes], weights_digest: str, dtype: torch.dtype) -> str:
    """Return the digest that names a set.

    It is made of the prepared pictures in order (`references.picture_bytes`), a digest of all weights that have a part
    in it (transformer and autoencoder), and the transformer's dtype.
    """
    digest = hashlib.sha256()
    for part in (b"reference key values 1", weights_digest.encode(), str(dtype).encode(), *pictures):
        digest.update(len(part).to_bytes(8, "big"))  # without lengths, two sets could run into the same bytes
        digest.update(part)
    return digest.hexdigest()


def _each(join: Callable[[list[Tensor]], Tensor], items: Sequence[ReferenceKeyValues]) -> ReferenceKeyValues:
    """Apply `join` to the items' tensors of every place."""

    def pairs(blocks: Sequence[tuple[KeyValue, ...]]) -> tuple[KeyValue, ...]:
        return tuple(
            (join([key for key, _ in block]), join([value for _, value in block]))
            for block in zip(*blocks, strict=True)
        )

    return ReferenceKeyValues(pairs([item.double for item in items]), pairs([item.single for item in items]))
