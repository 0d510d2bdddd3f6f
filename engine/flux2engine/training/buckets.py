"""The curriculum's stages: how many tokens a picture has, in which aspects, and how it is trained there.

A bucket is one picture size; a shard of the cache and a batch are of one bucket. Plain arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from flux2engine.enlargement import size_for

# Width to height, and how many shards of a round are of that aspect. Wide ones are banners and headers.
ASPECTS: tuple[tuple[float, int], ...] = (
    (1 / 1, 4),
    (3 / 2, 1),
    (16 / 9, 2),
    (2 / 1, 1),
    (3 / 1, 1),
    (4 / 1, 1),
    (4 / 5, 1),
    (2 / 3, 1),
    (9 / 16, 2),
)


@dataclass(frozen=True)
class Stage:
    """One step of the curriculum: sizes (width, height) in a round, scenes a shard, and what is shown beside them."""

    sizes: tuple[tuple[int, int], ...]
    scenes: int
    reference_sides: tuple[int, ...]
    objects: float  # share of scenes with a product
    edits: float = 0.0  # share of scenes that are an edit of another one
    before_area: int = 128 * 128  # pixels of the picture that is edited, at most


@dataclass(frozen=True)
class Training:
    """How a stage is trained: samples a batch, mu of the logit-normal times, and text windows with their weights."""

    batch: int
    time_mu: float  # larger pictures need more noise to be undecided
    # Half of a small picture's tokens are text: short windows save time, and teach that padding says nothing.
    text_lengths: tuple[tuple[int, int], ...]


def round_of_sizes(tokens: int) -> tuple[tuple[int, int], ...]:
    """Return one round of shards' sizes, aspects spread evenly over it, so that any run of shards is a fair mixture."""
    rows = [(aspect, count, (row + 0.5) / len(ASPECTS)) for row, (aspect, count) in enumerate(ASPECTS)]
    rounds = [((i + shift) / count, aspect) for aspect, count, shift in rows for i in range(count)]
    return tuple(size_for(aspect, tokens) for _, aspect in sorted(rounds))


STAGES: Mapping[str, Stage] = MappingProxyType(
    {
        "small": Stage(round_of_sizes(64), 128, (64,), 0.75, 0.35),
        "middle": Stage(round_of_sizes(256), 48, (64,), 0.65, 0.3, 256 * 256),
        "large": Stage(round_of_sizes(1024), 12, (64,), 0.5, 0.2, 256 * 256),
        "rehearsal": Stage(((64, 64), (128, 64), (64, 80)), 12, (64,), 0.8, 0.3, 64 * 64),
    }
)
TRAINING: Mapping[str, Training] = MappingProxyType(
    {
        "small": Training(32, 0.9, ((48, 2), (64, 4), (96, 3))),
        "middle": Training(16, 1.2, ((64, 1), (96, 2))),
        "large": Training(6, 1.5, ((96, 1),)),
        "rehearsal": Training(6, 0.9, ((64, 1), (96, 1))),
    }
)
