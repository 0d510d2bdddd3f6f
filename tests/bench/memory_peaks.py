"""Measures what a model takes and moves beside what its memory plan says: six configurations on a CPU, campaigns of N.

    PYTHONPATH=.:engine python tests/bench/memory_peaks.py --log tests/bench/logs

Peaks are those of resident memory in processes of their own, above what the interpreter and its libraries had after a
first small picture. The model is small, not tiny: 190 MB of transformer in fp32, so that weights weigh. Bytes moved
come from the instrumented loader at small sizes and from the plan at true ones, where diffusers' are formulas
(memory_plan.offloaded). Asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
SIDE = 128
MEGABYTE = 10**6
CLEAR_PEAK = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Configuration:
    """One way to keep a file's weights; `budget` decides how many blocks of a stream stay."""

    name: str
    stored: str  # the transformer's dtype in its file
    residency: str
    budget: int | None = None  # MB


CONFIGURATIONS = (
    Configuration("resident, fp32 file", "float32", "resident"),
    Configuration("staged, fp32 file", "float32", "staged"),
    Configuration("staged, bf16 file", "bfloat16", "staged"),
    Configuration("staged, fp8 file, packed", "float8_e4m3fn", "staged"),
    Configuration("streamed, fp32 file", "float32", "streamed", 150),
    Configuration("streamed, bf16 file, some blocks stay", "bfloat16", "streamed", 230),
)


def main() -> None:
    """Measure everything and print it; with --log also into a dated file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--child", type=int)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--plates", type=int, nargs="*", default=[1, 10, 100])
    given = parser.parse_args()
    if given.child is not None:
        print(json.dumps(measured(CONFIGURATIONS[given.child], given.folder)))
        return
    lines = [f"# {datetime.now(UTC):%Y-%m-%d}: memory plan against measurement", ""]
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        write_models(folder)
        lines += [*peaks(folder), "", *moved_small(folder, given.plates), "", *moved_true(given.plates)]
    text = "\n".join(lines) + "\n"
    print(text)
    if given.log is not None:
        (given.log / f"{datetime.now(UTC):%Y-%m-%d}-memory.log").write_text(text, encoding="utf-8")


def write_models(folder: Path) -> None:
    """Write every model that is not there yet: those that are measured, and a small one that warms up."""
    from tests.engine.installed_models import install

    for stored in sorted({one.stored for one in CONFIGURATIONS}):
        if not (folder / stored).is_dir():
            write_model(folder / stored, stored)
    for name, variant in (("warm", "klein-4b"), ("small", "klein-9b")):
        if not (folder / name).is_dir():
            install(folder / name, variant)


def write_model(folder: Path, stored: str) -> None:
    """Write and import the model: an official transformer in a dtype, a language model, an autoencoder."""
    import torch
    from safetensors.torch import save_file

    from flux2engine.importing import import_path
    from flux2engine.library import Library
    from flux2engine.transformer import Flux2Transformer
    from flux2engine.variants import TransformerConfig
    from tests.engine import checkpoints
    from tests.engine.language_model_files import write_language_model, write_tokenizer
    from tests.engine.random_weights import randomise

    folder.mkdir(parents=True)
    library = Library(folder / "models")
    text = replace(
        checkpoints.sibling("klein-4b").text_encoder, hidden_size=128, feed_forward_size=384, heads=4, head_dim=32
    )
    config = TransformerConfig(
        hidden_size=640,
        heads=20,
        head_dim=32,
        axes_dim=(8, 8, 8, 8),
        double_blocks=2,
        single_blocks=5,
        context_dim=text.context_dim,
        guidance_embedding=False,
    )
    state = randomise(Flux2Transformer(config), 7).state_dict()
    dtype = getattr(torch, stored)
    packed = dtype.itemsize == 1
    cast = {
        name: tensor.to(dtype if not packed or ("blocks." in name and tensor.ndim > 1) else torch.bfloat16).contiguous()
        for name, tensor in state.items()
    }
    save_file(cast, folder / "flux-2-klein-4b.safetensors")
    write_language_model(folder / "text_encoder", text)
    write_tokenizer(folder / "tokenizer", text.kind)
    import_path(library, checkpoints.write_official_autoencoder(folder))
    import_path(library, folder / "text_encoder", tokenizer=next((folder / "tokenizer").glob("tokenizer.json")))
    import_path(library, folder / "flux-2-klein-4b.safetensors", variant="klein-4b", name="bench")


def measured(configuration: Configuration, folder: Path) -> dict[str, object]:
    """Paint one plate with one reference; return the planned and the measured peak, and what moved, in bytes."""
    import torch
    from PIL import Image

    from flux2engine.library import Library
    from flux2engine.memory import choose_placement
    from flux2engine.memory_plan import Work
    from flux2engine.phases import Job, JobDone, open_caches, paint
    from flux2engine.stages import InstalledParts, Stages
    from tests.engine.weights.measured_child import status

    torch.set_num_threads(1)
    cpu = choose_placement("cpu")
    picture = Image.new("RGB", (SIDE, SIDE), (200, 30, 40))
    job = Job("a red bottle", SIDE, SIDE, 1, (picture,))

    def painted(stages: Stages) -> int:
        events = list(paint(stages, [job], open_caches(None)))
        return sum(isinstance(event, JobDone) for event in events)

    painted(Stages(InstalledParts(Library(folder / "warm" / "models").model("klein-4b")), cpu, "staged"))
    model = Library(folder / configuration.stored / "models").model("bench")
    work = Work(SIDE, SIDE, steps=4, references=(SIDE * SIDE,))
    budget = None if configuration.budget is None else configuration.budget * MEGABYTE
    stages = Stages(InstalledParts(model), cpu, configuration.residency, lambda _: budget, work)  # type: ignore[arg-type]
    CLEAR_PEAK.write_text("5", encoding="utf-8")  # the peak starts again at what is resident now
    base = status("VmRSS")
    done = painted(stages)
    assert done == 1
    return {
        "planned": stages.plan.peak,
        "measured": status("VmHWM") - base,
        "kept": stages.plan.kept,
        "profile": stages.plan.profile,
        "weights": max(sum(size for _, size in phase.weights) for phase in stages.plan.phases),
        "moved": sum(stages.moved.values()),
        "planned_moved": stages.plan.once + stages.plan.each,
    }


def peaks(folder: Path) -> list[str]:
    """Measure each configuration in a process of its own."""
    # Without these the allocator keeps what is freed, and a phase would be charged with the one before it.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    rows = ["| configuration | weights | planned peak | measured peak | planned / measured |", "|---|---|---|---|---|"]
    children = [
        subprocess.Popen(
            [sys.executable, __file__, "--child", str(number), "--folder", str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        for number in range(len(CONFIGURATIONS))
    ]
    for configuration, child in zip(CONFIGURATIONS, children, strict=True):
        out, errors = child.communicate()
        if child.returncode:
            rows.append(f"| {configuration.name} | failed: {errors.strip().splitlines()[-1]} |")
            continue
        found = json.loads(out.splitlines()[-1])
        kept = f" ({found['kept']} of 7)" if found["kept"] else ""
        planned, real = found["planned"] / MEGABYTE, found["measured"] / MEGABYTE
        weights = found["weights"] / MEGABYTE
        rows.append(
            f"| {configuration.name}{kept} | {weights:.0f} MB | {planned:.0f} MB | {real:.0f} MB"
            f" | {planned / real:.3f} |"
        )
    return rows


def moved_small(folder: Path, counts: list[int]) -> list[str]:
    """Count what the instrumented loader moves for campaigns of a small klein 9B, 64 × 64 px."""
    from flux2engine.library import Library
    from flux2engine.memory import choose_placement
    from flux2engine.memory_plan import Work
    from flux2engine.phases import Job, JobDone, open_caches, paint
    from flux2engine.stages import InstalledParts, Stages

    model = Library(folder / "small" / "models").model("klein-9b")
    rows = ["| small klein 9B, bytes moved per plate | N | loader | plan |", "|---|---|---|---|"]
    for residency, profile in (("staged", "24 GB: staged"), ("streamed", "8 GB: streamed")):
        for count in counts:
            stages = Stages(
                InstalledParts(model),
                choose_placement("cpu"),
                residency,  # type: ignore[arg-type]
                (lambda _: 1) if residency == "streamed" else (lambda _: None),
                Work(64, 64, 4),
            )
            stages._free = lambda _: None  # the small budget is for the plan alone
            jobs = [Job(f"bottle {seed}", 64, 64, seed) for seed in range(count)]  # a prompt for each
            done = sum(isinstance(event, JobDone) for event in paint(stages, jobs, open_caches(None)))
            assert done == count
            planned = stages.plan.moved_per_plate(count)
            rows.append(f"| {profile} | {count} | {sum(stages.moved.values()) // count:,} | {planned:,} |")
    return rows


def moved_true(counts: list[int]) -> list[str]:
    """Let the plan say what moves at true sizes, 1024², beside diffusers' offloading."""
    from flux2engine.memory_plan import Budget, Work, choose, offloaded
    from flux2engine.model_sizes import sizes_of
    from flux2engine.variants import VARIANTS

    heads = " | ".join(f"N = {count}" for count in counts)
    rows = [
        f"| GB per plate, 1024² | profile | {heads} | diffusers: model | sequential | group |",
        "|---" * (5 + len(counts)) + "|",
    ]
    for card in (24, 8):
        for name, packed in (
            ("klein-4b", None),
            ("klein-9b", None),
            ("klein-9b", "fp8"),
            ("dev", "fp8"),
            ("dev", "nf4"),
        ):
            variant = VARIANTS[name]
            work = Work(1024, 1024, 28 if name == "dev" else 4)
            plan = choose(sizes_of(variant, packed), variant, work, Budget(card * 10**9, 64 * 10**9))
            stay = f", {plan.kept} of {len(sizes_of(variant).blocks)} blocks stay" if plan.kept else ""
            text = ", text encoder streamed" if plan.text_streamed else ""
            moved = " | ".join(f"{plan.moved_per_plate(count) / 1e9:.1f}" for count in counts)
            peer = offloaded(variant, work, packed)
            sizes = sizes_of(variant, packed)
            whole = max(sizes.transformer, sizes.text_encoder) < card * 1e9  # each part has to fit as a whole
            model = f"{peer['model offload'] / 1e9:.1f}" if whole else "does not fit"
            rows.append(
                f"| {name} {packed or 'bf16'}, {card} GB | {plan.profile}{stay}{text} | {moved} | {model}"
                f" | {peer['sequential'] / 1e9:.1f} | {peer['group'] / 1e9:.1f} |"
            )
    rows.append("")
    rows.append(
        "diffusers' columns are by formula, in the same format; group offload moves what sequential offload does."
    )
    return rows


if __name__ == "__main__":
    main()
