r"""Painted scenes of every cut-out → the probe, in about five CPU-minutes; resumable at both of its stages.

    python -m flux2engine.training.evaluation.probe_training --cut-outs PATH --names PATH --work DIR --out FILE

First the views (shards under DIR), then the net (a checkpoint there), then its accuracy on views it never saw.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from flux2engine.training import checkpoint
from flux2engine.training.data import draw_scene
from flux2engine.training.evaluation.colour import Pixels
from flux2engine.training.evaluation.families import PACKAGE
from flux2engine.training.evaluation.probe import SIDE, Probe, ProbeNet, membership, window
from flux2engine.training.muon import Muon, split_parameters
from flux2engine.training.packages import PACKAGES
from flux2engine.training.painting import paint
from flux2engine.training.products import CutOut, Identity, read_cut_outs

PICTURE = 128  # what nano paints best, and the softest: a larger picture shrinks to the same window
STORED, MARGIN = 80, 2.1  # pixels of a stored view, and its extent in the object's longer sides
SHARDS, TEST_SHARDS = 18, 1  # each holds one view of every name
BATCH, STEPS, RATE = 64, 1900, 5e-3


def paint_views(cut_outs: Sequence[CutOut], shard: int) -> NDArray[np.uint8]:
    """Paint one view of every cut-out and package, in the order of `names_of`: (names, STORED, STORED, 3)."""
    views = []
    known = [*cut_outs, *(None for _ in PACKAGES)]
    for index, cut_out in enumerate(known):
        rng = random.Random(f"probe/{shard}/{index}")
        own = [] if cut_out is None else [cut_out]
        scene = draw_scene(rng, 1.0, own, True, package_share=0.0)
        while scene.main is None or scene.kind != "studio":
            scene = draw_scene(rng, 1.0, own, True, package_share=0.0)
        main = scene.main
        if cut_out is None:
            main = replace(main, identity=Identity(PACKAGES[index - len(cut_outs)], rng.getrandbits(32)))
        picture = paint(replace(scene, main=main, extra=None, props=()), PICTURE, PICTURE).pixels
        views.append(window(picture, main.box, MARGIN, STORED))
    return np.stack(views)


def names_of(cut_outs: Sequence[CutOut]) -> list[str]:
    """Return the names in the order of a shard's views."""
    return [*(cut_out.name for cut_out in cut_outs), *(f"{PACKAGE} {name}" for name in PACKAGES)]


def read_shard(work: Path, shard: int, cut_outs: Sequence[CutOut]) -> Pixels:
    """Return a shard's views, painting them where that is not done."""
    # The number of names is in the file's name: views of another list of objects are not these.
    path = work / f"views-{shard:03d}-of-{len(names_of(cut_outs))}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp.npy")
        np.save(temporary, paint_views(cut_outs, shard))
        temporary.replace(path)
    views: Pixels = np.load(path)
    return views


def draw_batch(shards: Sequence[Pixels], step: int) -> tuple[Tensor, Tensor]:
    """Return views (BATCH, 3, 64, 64), cut, mirrored, tinted and softened at random, and their names' numbers."""
    rng = np.random.default_rng((11, step))
    labels = rng.integers(0, len(shards[0]), BATCH)
    cut = []
    for label in labels:
        view = shards[int(rng.integers(len(shards)))][label]
        extent = int(STORED * rng.uniform(1.05, 1.75) / MARGIN)
        middle = (STORED - extent) / 2
        y, x = (int(np.clip(middle + rng.uniform(-0.09, 0.09) * STORED, 0, STORED - extent)) for _ in range(2))
        part = torch.from_numpy(view[y : y + extent, x : x + extent]).permute(2, 0, 1)[None].float() / 255
        if rng.random() < 0.5:
            part = part.flip(3)
        # Painters are soft: half of the views have lost detail, too.
        coarse = int(rng.uniform(14, 40)) if rng.random() < 0.5 else SIDE
        part = functional.interpolate(part, (coarse, coarse), mode="bilinear", antialias=True)
        cut.append(functional.interpolate(part, (SIDE, SIDE), mode="bilinear")[0])
    batch = torch.stack(cut)
    gain = torch.from_numpy(rng.uniform(0.85, 1.15, (BATCH, 3, 1, 1))).float()
    noise = torch.from_numpy(rng.standard_normal(batch.shape, np.float32)) * 0.02
    return (batch * gain + noise).clamp(0, 1), torch.from_numpy(labels)


def train(
    net: ProbeNet, names: Sequence[str], shards: Sequence[Pixels], out: Path, steps: int, stop_after: int | None = None
) -> list[float]:
    """Train to `steps`, resuming from the checkpoint `out`; return the loss of each step run."""
    matrices, others = split_parameters(net, lambda name, _: name.startswith("trunk.") and name != "trunk.0.0.weight")
    optimiser = Muon(matrices, [{"params": others, "lr": RATE}], lr=RATE)
    first = 0
    if (state := checkpoint.load(out)) is not None:
        net.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        first = state["step"]
    kinds = membership(names)
    last = steps if stop_after is None else min(steps, first + stop_after)
    history: list[float] = []
    saved = time.monotonic()
    net.train()
    for step in range(first, last):
        optimiser.scale_learning_rates(checkpoint.learning_rate(step, steps, cool_down=0.6))
        pixels, labels = draw_batch(shards, step)
        logits = net(pixels)
        by_family = (torch.softmax(logits, 1) @ kinds).clamp_min(1e-6).log()
        loss = functional.cross_entropy(logits, labels) + functional.nll_loss(by_family, kinds[labels].argmax(1))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        history.append(loss.item())
        if (step + 1) % 100 == 0:
            print(
                "probe", step + 1, f"{time.process_time():.0f} CPU-s", round(sum(history[-100:]) / 100, 3), flush=True
            )
        if step + 1 == last or time.monotonic() - saved > 60:
            saved = time.monotonic()
            checkpoint.save(out, model=net.state_dict(), optimiser=optimiser.state_dict(), step=step + 1)
    return history


def accuracy(probe: Probe, views: Sequence[Pixels]) -> tuple[float, float]:
    """Return the share of names and of families told right on unseen shards."""
    middle = 0.5 - 0.5 / MARGIN, 0.5 - 0.5 / MARGIN, 0.5 + 0.5 / MARGIN, 0.5 + 0.5 / MARGIN
    right: list[tuple[bool, bool]] = []
    for shard in views:
        boxes = [middle] * len(shard)
        named, kinds = probe.name(list(shard), boxes), probe.family(list(shard), boxes)
        own = [probe.families[index] for index in probe.membership.argmax(1)]
        right += [(a == b, c == d) for a, b, c, d in zip(named, probe.names, kinds, own, strict=True)]
    by_name, by_family = np.mean(right, axis=0)
    return float(by_name), float(by_family)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("cut-outs", "names", "work", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--shards", type=int, default=SHARDS)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--stop-after", type=int)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(3)
    cut_outs = read_cut_outs(arguments.cut_outs, arguments.names)
    names = names_of(cut_outs)
    shards = [read_shard(arguments.work, shard, cut_outs) for shard in range(arguments.shards + TEST_SHARDS)]
    print(f"{len(names)} names, {len(shards)} shards, {time.process_time():.0f} CPU-s", flush=True)
    net = ProbeNet(len(names))
    train(net, names, shards[:-TEST_SHARDS], arguments.work / "probe.pt", arguments.steps, arguments.stop_after)
    probe = Probe(net, names)
    by_name, by_family = accuracy(probe, shards[-TEST_SHARDS:])
    about = f"{by_name:.1%} of names, {by_family:.1%} of families in scenes it never saw"
    probe.save(arguments.out, about=about)
    print(about, f"({arguments.out.stat().st_size / 1e6:.2f} MB, {time.process_time():.0f} CPU-s)")


if __name__ == "__main__":
    main()
