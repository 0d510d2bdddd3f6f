"""Shards of one stage → batches: which scenes, which references in which order, and the words that say so.

What a batch is made of is planned in plain numbers, which other processes can do ahead of time; only gathering touches
the device. A plan is a function of (seed, step) and the cache. Knows nothing of losses or models.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from flux2engine import latents
from flux2engine.training import phrases
from flux2engine.training.buckets import TRAINING
from flux2engine.training.captions import caption, edit_caption
from flux2engine.training.data import Scene
from flux2engine.training.edits import Edit
from flux2engine.training.shards import read_shard, shard_paths

Shape = tuple[int, int]  # of latents: height, width

CAPTION_DROPOUT = 0.1  # of the items: what guidance leads away from
REFERENCE_DROPOUT = 0.1  # of the batches with references: their words are said, their pictures are not shown
# Of the batches with references, small pictures only: the picture itself is shown and is to come out again. Nothing
# else teaches as fast that what is not edited is copied, place by place.
SAME_SHARE, SAME_AREA = 0.06, 16 * 16
# Likewise a window of the picture, around its product, is shown as the product's reference: copying is then a shift.
WINDOW_SHARE, WINDOW = 0.12, 4  # tokens on each side, as many as a reference of 64 px has
EDIT_SHARE = 0.6  # of the batches with references
# How many references a scene comes with, and how often.
COUNTS = {1: 60, 2: 16, 3: 7, 4: 7, 5: 2, 6: 2, 7: 1, 8: 1, 9: 1, 10: 3}
TRIES = 4  # at saying a scene within the text window
# Rows of latents: products are shown smaller than this. A product of 64 px spans as many positions as it does in a
# scene, at every size (`positions_within`), so that copying it is a shift; from a larger picture it is never learned.
PRODUCTS_BELOW = 16
PRODUCTS = ("main", "extra", "prop")


@dataclass(frozen=True)
class Shown:
    """One reference in the cache: what it is, and where its latents are."""

    role: str
    shape: Shape
    row: int


@dataclass(frozen=True)
class Sample:
    """One scene in the cache."""

    scene: Scene
    edit: Edit | None
    row: int  # of its size's latents
    references: tuple[Shown, ...]


@dataclass(frozen=True)
class Plan:
    """What one batch is made of; the k-th references of all items are of one shape."""

    shape: Shape
    rows: list[int]
    references: list[tuple[Shape, list[int]]]
    token_ids: list[list[int]]  # one length for all
    lengths: list[int]
    same: bool = False  # the only reference is the picture itself
    windows: tuple[tuple[int, int], ...] = ()  # the only reference is a part of it: top and left, in tokens


@dataclass(frozen=True)
class Batch:
    """What one step sees."""

    tokens: Tensor  # (B, L, 128), normalised
    ids: Tensor  # (B, L, 4)
    weight: Tensor  # (B, L)
    token_ids: Tensor  # (B, T)
    lengths: Tensor  # (B,)
    reference_tokens: Tensor | None
    reference_ids: Tensor | None


@dataclass(frozen=True)
class Statistics:
    """Per-channel mean and variance of packed teacher latents: the autoencoder's running statistics."""

    mean: Tensor
    variance: Tensor


@dataclass(frozen=True)
class Words:
    """How a model reads: how text becomes tokens, and the extent of a large picture's positions."""

    encode: Callable[[str], list[int]]
    pad: int
    positions_within: int | None = None


class LatentSource:
    """Hold the latents of one stage on a device, and draw batches from them."""

    def __init__(
        self,
        folder: Path,
        stage: str,
        words: Words,
        seed: int,
        statistics: Statistics | None = None,
        device: torch.device | str = "cpu",
        limit: int | None = None,
    ) -> None:
        self.folder, self.stage, self.words, self.seed = folder, stage, words, seed
        self.device, self.limit = torch.device(device), limit
        self.read: set[Path] = set()
        self.latents: dict[Shape, Tensor] = {}
        self.weights: dict[Shape, Tensor] = {}
        self.pictures: dict[Shape, Tensor] = {}  # references
        self.samples: dict[Shape, list[Sample]] = {}
        self.products: dict[Shape, list[int]] = {}  # rows that may distract from others
        self.extend()
        self.statistics = statistics or self._measured()

    @property
    def count(self) -> int:
        """Count the scenes."""
        return sum(map(len, self.samples.values()))

    def extend(self) -> int:
        """Take in the shards that have come since; return how many."""
        new = [path for path in shard_paths(self.folder, self.stage, self.limit) if path not in self.read]
        tables: dict[str, dict[Shape, list[Tensor]]] = {"latents": {}, "weights": {}, "pictures": {}}
        taken: dict[Shape, int] = {shape: len(table) for shape, table in self.pictures.items()}
        for path in new:
            shard = read_shard(path)
            shape: Shape = shard.latents.shape[-2:]
            tables["latents"].setdefault(shape, []).append(torch.from_numpy(shard.latents))
            weight = torch.from_numpy(shard.weight.astype(np.float32) / 255).flatten(1)
            tables["weights"].setdefault(shape, []).append(weight.half())
            group = self.samples.setdefault(shape, [])
            for scene, edit, row in zip(shard.scenes, shard.edits, shard.references, strict=True):
                shown = []
                for reference in row:
                    size: Shape = reference.latents.shape[-2:]
                    index = taken.get(size, 0)
                    taken[size] = index + 1
                    tables["pictures"].setdefault(size, []).append(torch.from_numpy(reference.latents)[None])
                    shown.append(Shown(reference.role, size, index))
                    if reference.role.split()[0] in PRODUCTS:
                        self.products.setdefault(size, []).append(index)
                group.append(Sample(scene, edit, len(group), tuple(shown)))
        for name, parts in tables.items():
            held: dict[Shape, Tensor] = getattr(self, name)
            for shape, tensors in parts.items():
                joined = torch.cat(tensors).to(self.device)
                held[shape] = torch.cat([held[shape], joined]) if shape in held else joined
        self.read.update(new)
        self._group()
        return len(new)

    def _group(self) -> None:
        """Sort the samples by what their batches have in common."""
        self.shapes = sorted(self.samples)
        self.plain = {shape: [s for s in group if s.edit is None] for shape, group in self.samples.items()}
        self.shown: dict[Shape, dict[Shape, list[Sample]]] = {}
        self.edits: dict[Shape, dict[tuple[Shape, ...], list[Sample]]] = {}
        for shape, group in self.samples.items():
            shown, edits = self.shown.setdefault(shape, {}), self.edits.setdefault(shape, {})
            for sample in group:
                shapes = tuple(reference.shape for reference in sample.references)
                if sample.edit is not None:
                    edits.setdefault(shapes, []).append(sample)
                elif shapes and shapes[0][0] < PRODUCTS_BELOW:
                    shown.setdefault(shapes[0], []).append(sample)

    def _measured(self) -> Statistics:
        tokens = torch.cat(
            [latents.to_tokens(latents.patchify(t[:1500].float())).flatten(0, 1) for t in self.latents.values()]
        )
        return Statistics(tokens.mean(0).cpu(), tokens.var(0).cpu())

    def packed(self, raw: Tensor) -> Tensor:
        """Turn raw latents (B, 32, h, w) into normalised tokens."""
        packed = latents.normalise(latents.patchify(raw.float()), self.statistics.mean, self.statistics.variance)
        return latents.to_tokens(packed)

    def plan(self, step: int, size: int, references: float = 0.5) -> Plan:
        """Plan the batch of this step; `references` is the share of batches that carry some."""
        rng = random.Random(f"{self.seed}/{self.stage}/{step}")
        shape = rng.choices(self.shapes, [len(self.samples[key]) for key in self.shapes])[0]
        lengths, chances = zip(*TRAINING[self.stage].text_lengths, strict=True)
        window = rng.choices(lengths, chances)[0]
        shown, edits = self.shown[shape], self.edits[shape]
        if (shown or edits) and (rng.random() < references or not self.plain[shape]):
            if shape[0] * shape[1] <= SAME_AREA and rng.random() < SAME_SHARE:
                return self._again(rng, shape, size, window)
            if shown and min(shape) >= WINDOW * latents.PATCH and rng.random() < WINDOW_SHARE:
                return self._windowed(rng, shape, size, window)
            if edits and (rng.random() < EDIT_SHARE or not shown):
                return self._with_edits(rng, shape, size, window)
            return self._with_references(rng, shape, size, window)
        chosen = [rng.choice(self.plain[shape]) for _ in range(size)]
        texts = [self._said(rng, window, _speaker(sample, ())) for sample in chosen]
        return self._plan(shape, chosen, [], texts)

    def _again(self, rng: random.Random, shape: Shape, size: int, window: int) -> Plan:
        """Show each picture, and ask for it unchanged."""
        chosen = [rng.choice(self.samples[shape]) for _ in range(size)]
        texts = [
            self._said(rng, window, lambda rng: f"{rng.choice(phrases.SAME)}{rng.choice(('', '.'))}") for _ in chosen
        ]
        return replace(self._plan(shape, chosen, [], texts), same=True)

    def _windowed(self, rng: random.Random, shape: Shape, size: int, window: int) -> Plan:
        """Show the part of each picture that holds its product, as the product's reference."""
        rows, columns = (side // latents.PATCH for side in shape)
        able = [s for group in self.shown[shape].values() for s in group if s.scene.main is not None]
        if not able:
            return self._with_references(rng, shape, size, window)
        chosen = [rng.choice(able) for _ in range(size)]
        corners = []
        for sample in chosen:
            assert sample.scene.main is not None
            left, top, right, bottom = sample.scene.main.box
            corner = (top + bottom) / 2 * rows - WINDOW / 2, (left + right) / 2 * columns - WINDOW / 2
            limits = rows - WINDOW, columns - WINDOW
            corners.append(tuple(min(max(round(at), 0), most) for at, most in zip(corner, limits, strict=True)))
        texts = [self._said(rng, window, _speaker(sample, ("main",))) for sample in chosen]
        return replace(self._plan(shape, chosen, [], texts), windows=tuple((top, left) for top, left in corners))

    def _with_references(self, rng: random.Random, shape: Shape, size: int, window: int) -> Plan:
        """Show products among distractors, in any order; the words point at them by number."""
        groups = self.shown[shape]
        side = rng.choices(list(groups), [len(group) for group in groups.values()])[0]
        count = rng.choices(list(COUNTS), list(COUNTS.values()))[0]
        chosen = [rng.choice(groups[side]) for _ in range(size)]
        texts, rows = [], []
        for sample in chosen:
            first, *others = sample.references
            picked = [first, *rng.sample(others, min(len(others), rng.randint(0, count - 1)))]
            picked += [self._distractor(rng, side) for _ in range(count - len(picked))]
            rng.shuffle(picked)
            texts.append(self._said(rng, window, _speaker(sample, tuple(shown.role for shown in picked))))
            rows.append([shown.row for shown in picked])
        return self._plan(shape, chosen, self._columns(rng, [side] * count, rows), texts)

    def _with_edits(self, rng: random.Random, shape: Shape, size: int, window: int) -> Plan:
        """Show the picture before first; behind it what the edit brings in, among distractors."""
        groups = self.edits[shape]
        key = rng.choices(list(groups), [len(group) for group in groups.values()])[0]
        chosen = [rng.choice(groups[key]) for _ in range(size)]
        distractors = rng.choice((0, 0, 1, 2)) if len(key) > 1 else 0
        texts, rows = [], []
        for sample in chosen:
            before, *others = sample.references
            behind = [*others, *(self._distractor(rng, key[1]) for _ in range(distractors))]
            rng.shuffle(behind)
            picked = [before, *behind]
            texts.append(self._said(rng, window, _speaker(sample, tuple(shown.role for shown in picked))))
            rows.append([shown.row for shown in picked])
        sides = [key[0], *([key[1]] * (len(key) - 1 + distractors) if len(key) > 1 else [])]
        return self._plan(shape, chosen, self._columns(rng, sides, rows), texts)

    def _distractor(self, rng: random.Random, side: Shape) -> Shown:
        return Shown("other", side, rng.choice(self.products[side]))

    @staticmethod
    def _columns(rng: random.Random, sides: list[Shape], rows: list[list[int]]) -> list[tuple[Shape, list[int]]]:
        if rng.random() < REFERENCE_DROPOUT:
            return []
        return [(side, [row[k] for row in rows]) for k, side in enumerate(sides)]

    def _said(self, rng: random.Random, window: int, say: Callable[[random.Random], str]) -> list[int]:
        """Say the scene in at most `window` tokens if a few tries allow; else the shortest try, which is cut."""
        if rng.random() < CAPTION_DROPOUT:
            return [*self._padded([], window), 0]
        tries: list[list[int]] = []
        for _ in range(TRIES):
            ids = self.words.encode(say(rng))
            if len(ids) <= window:
                return [*self._padded(ids, window), len(ids)]
            tries.append(ids)
        return [*min(tries, key=len)[:window], window]

    def _padded(self, ids: list[int], window: int) -> list[int]:
        return ids + [self.words.pad] * (window - len(ids))

    def _plan(
        self, shape: Shape, chosen: list[Sample], columns: list[tuple[Shape, list[int]]], texts: list[list[int]]
    ) -> Plan:
        rows = [sample.row for sample in chosen]
        return Plan(shape, rows, columns, [text[:-1] for text in texts], [text[-1] for text in texts])

    def gather(self, plan: Plan) -> Batch:
        """Bring a plan's latents together, on the device."""
        rows = torch.tensor(plan.rows, device=self.device)
        items, within = len(plan.rows), self.words.positions_within
        height, width = (side // latents.PATCH for side in plan.shape)
        reference_tokens = reference_ids = None
        sides: list[tuple[int, int]] = []
        own = self.packed(self.latents[plan.shape][rows])
        if plan.same:
            reference_tokens = own
            sides = [(height, width)]
        elif plan.windows:
            grid = own.reshape(items, height, width, -1)
            parts = [
                grid[item, top : top + WINDOW, left : left + WINDOW].flatten(0, 1)
                for item, (top, left) in enumerate(plan.windows)
            ]
            reference_tokens = torch.stack(parts)
            sides = [(WINDOW, WINDOW)]
        elif plan.references:
            reference_tokens = torch.cat(
                [
                    self.packed(self.pictures[shape][torch.tensor(k, device=self.device)])
                    for shape, k in plan.references
                ],
                dim=1,
            )
            sides = [(shape[0] // latents.PATCH, shape[1] // latents.PATCH) for shape, _ in plan.references]
        if sides:
            reference_ids = latents.reference_ids(sides, within).to(self.device).expand(items, -1, -1)
        return Batch(
            own,
            latents.image_ids(height, width, within=within).to(self.device).expand(items, -1, -1),
            self.weights[plan.shape][rows].float(),
            torch.tensor(plan.token_ids, device=self.device),
            torch.tensor(plan.lengths, device=self.device),
            reference_tokens,
            reference_ids,
        )

    def batch(self, step: int, size: int, references: float = 0.5) -> Batch:
        """Plan and gather."""
        return self.gather(self.plan(step, size, references))


def _speaker(sample: Sample, roles: Sequence[str]) -> Callable[[random.Random], str]:
    """Return what says a sample in ever other words, pointing at references by these roles."""
    if sample.edit is not None:
        edit = sample.edit
        return lambda rng: edit_caption(edit, rng, roles)
    return lambda rng: caption(sample.scene, rng, roles)


_SOURCE: LatentSource | None = None  # of a planning process, which is forked for one source


def _start_planner(source: LatentSource) -> None:
    global _SOURCE
    _SOURCE = source


def _plan_task(step: int, size: int, references: float) -> Plan:
    if _SOURCE is None:
        raise RuntimeError("a planner was not started")
    return _SOURCE.plan(step, size, references)


class PlanAhead:
    """Plan batches in other processes while the device computes; with no workers, when they are asked for."""

    def __init__(self, source: LatentSource, workers: int) -> None:
        self.source, self.workers = source, workers
        self.waiting: dict[int, Future[Plan]] = {}
        self.pool: ProcessPoolExecutor | None = None
        if workers:
            # Forked, so that the scenes are shared and not copied; nothing on the device is touched there.
            self.pool = ProcessPoolExecutor(workers, get_context("fork"), _start_planner, (source,))

    def batch(self, step: int, size: int, references: float) -> Batch:
        """Return the batch of this step, and have the next ones planned as if they were alike."""
        if self.pool is None:
            return self.source.batch(step, size, references)
        for following in range(step, step + 3 * self.workers):
            if following not in self.waiting:
                self.waiting[following] = self.pool.submit(_plan_task, following, size, references)
        return self.source.gather(self.waiting.pop(step).result())

    def close(self) -> None:
        """End the processes."""
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)
