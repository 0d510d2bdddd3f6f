"""A plan counts weights exactly, takes the fastest profile that fits, and refuses with what would fit."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from flux2engine import working_memory
from flux2engine.errors import DeviceError
from flux2engine.memory_plan import (
    SPEEDS,
    Budget,
    MemoryPlan,
    Work,
    choose,
    largest_plate,
    offloaded,
    plans,
    tokens,
)
from flux2engine.model_folder import build_autoencoder
from flux2engine.model_sizes import (
    FORMATS,
    ModelSizes,
    autoencoder_parameters,
    held_bytes,
    sizes_of,
    sizes_of_parts,
)
from flux2engine.phases import Job, JobDone, paint
from flux2engine.stages import InstalledParts, Stages
from flux2engine.transformer import Flux2Transformer, peak_bytes
from flux2engine.variants import VARIANTS, TransformerConfig
from flux2engine.weights.layouts import text_encoder_shapes, transformer_shapes
from flux2flow.cli import main
from flux2flow.generation.flux2 import machine
from tests.engine.installed_models import install
from tests.engine.test_batches import peak
from tests.engine.test_phases import CPU, memory

ROOT = Path(__file__).parents[2]
GB = 10**9
DEV, NINE, FOUR = VARIANTS["dev"], VARIANTS["klein-9b"], VARIANTS["klein-4b"]
PLATE = Work(1024, 1024, steps=4)


def gigabytes(size: float) -> int:
    """Return bytes."""
    return int(size * GB)


# --- what is counted ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in VARIANTS if name != "nano"])
def test_every_parameter_is_counted_once(name: str) -> None:
    """Blocks and what stands outside them add up to the published keys; text encoders to theirs but for norms."""
    row = VARIANTS[name]
    shapes = transformer_shapes(row.transformer)
    matrices = {key: math.prod(shape) for key, shape in shapes.items() if "blocks." in key and len(shape) > 1}
    blocks: dict[tuple[bool, int], int] = {}
    for key, count in matrices.items():
        place = key.startswith("single"), int(key.split(".")[1])
        blocks[place] = blocks.get(place, 0) + count
    counted = working_memory.block_parameters(row.transformer)
    assert counted == tuple(blocks[place] for place in sorted(blocks))
    assert max(matrices.values()) == working_memory.largest_matrix(row.transformer)
    every = sum(math.prod(shape) for shape in shapes.values())
    assert sum(counted) + working_memory.outside_parameters(row.transformer) == every
    text = text_encoder_shapes(replace(row.text_encoder, layers=max(row.text_encoder.taps)))
    known = sum(math.prod(shape) for shape in text.values())
    assert working_memory.text_encoder_parameters(row.text_encoder) == pytest.approx(known, rel=1e-4)


def test_autoencoders_are_counted() -> None:
    """The official one exactly; nano's but for its biases."""
    with torch.device("meta"):
        official, tiny = build_autoencoder(FOUR.autoencoder), build_autoencoder(VARIANTS["nano"].autoencoder)
    assert autoencoder_parameters(FOUR.autoencoder) == sum(part.numel() for part in official.parameters())
    known = sum(part.numel() for part in tiny.parameters())
    assert autoencoder_parameters(VARIANTS["nano"].autoencoder) == pytest.approx(known, rel=0.01)


@pytest.mark.parametrize(
    ("name", "packed", "size"),
    [
        *(("dev", *pair) for pair in ((None, 64.4), ("fp8", 33.0), ("nf4", 17.8), ("nvfp4", 19.3), ("q8_0", 35.0))),
        *(("klein-9b", *pair) for pair in ((None, 18.2), ("fp8", 9.43), ("nf4", 5.21), ("q8_0", 9.98))),
        *(("klein-4b", *pair) for pair in ((None, 7.75), ("fp8", 4.07), ("nf4", 2.29), ("nvfp4", 2.46))),
    ],
)
def test_packed_sizes_are_the_published_ones(name: str, packed: str | None, size: float) -> None:
    """Of transformers in every format, computed elsewhere from files' sizes."""
    assert sizes_of(VARIANTS[name], packed).transformer / GB == pytest.approx(size, rel=0.005)


@pytest.mark.parametrize(
    ("name", "packed", "size"),
    [
        *(("dev", *pair) for pair in ((None, 34.7), ("fp8", 18.0), ("nf4", 9.94))),
        *(("klein-9b", *pair) for pair in ((None, 11.7), ("fp8", 6.5), ("nf4", 3.9))),
        *(("klein-4b", *pair) for pair in ((None, 6.2), ("fp8", 3.5), ("nf4", 2.2))),
    ],
)
def test_packed_text_encoders_have_the_published_sizes(name: str, packed: str | None, size: float) -> None:
    """Up to the last layer that is used; to a tenth of a gigabyte."""
    assert sizes_of(VARIANTS[name], packed).text_encoder / GB == pytest.approx(size, abs=0.1)


def test_an_unknown_format_is_refused() -> None:
    """With those that are known."""
    with pytest.raises(DeviceError, match=r"'q3' is not known here; it is one of fp8, int8, nf4"):
        sizes_of(DEV, "q3")


def test_a_file_is_as_large_as_it_packs() -> None:
    """Or as its dtype that computes; the sizes by part give back the shape's."""
    assert held_bytes("bfloat16", 200, 100, 100, 4) == 400
    assert held_bytes("fp8 (e4m3fn, scaled) + bfloat16", 130, 100, 100, 2) == 130
    assert held_bytes("gguf Q4_K", 130, 100, 50, 2) == 65
    whole = sizes_of(NINE)
    again = sizes_of_parts(NINE, whole.text_encoder, whole.transformer, whole.autoencoder, 2)
    assert (again.blocks, again.outside, again.unpacked) == (whole.blocks, whole.outside, 0)
    small = sizes_of(NINE, "nf4")
    packed = sizes_of_parts(NINE, whole.text_encoder, small.transformer, whole.autoencoder, 2)
    assert sum(packed.blocks) == pytest.approx(sum(small.blocks), rel=1e-6)
    assert packed.unpacked == small.unpacked > 0


def test_a_step_takes_what_the_transformer_states() -> None:
    """For many tokens the same to the byte; for few, shorter slices."""
    config = DEV.transformer
    for count in (4608, 45568):
        assert working_memory.step_bytes(config, count, 2) == peak_bytes(config, count)
        assert working_memory.step_bytes(config, count, 2, 100) == peak_bytes(config, count, 100)
    assert working_memory.step_bytes(config, 64, 2) < peak_bytes(config, 64) / 4
    assert tokens(DEV, Work(1024, 1024, 1, (1024 * 1024,) * 4)) == 512 + 5 * 4096


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_step_of_one_slice_takes_what_is_counted(dtype: torch.dtype) -> None:
    """Within a tenth of the bytes that torch held at once, counted one by one."""
    config = TransformerConfig(256, 8, 32, (8, 8, 8, 8), 1, 2, context_dim=96, guidance_embedding=False)
    module = Flux2Transformer(config).to(dtype).eval().requires_grad_(False)
    given = {
        "img": torch.randn(1, 64, 128).to(dtype),
        "img_ids": torch.zeros(1, 64, 4, dtype=torch.long),
        "txt": torch.randn(1, 192, 96).to(dtype),
        "txt_ids": torch.zeros(1, 192, 4, dtype=torch.long),
        "timestep": torch.tensor([0.5]),
    }
    counted, _ = peak(module, lambda: module(**given), given)
    stated = working_memory.step_bytes(config, 256, dtype.itemsize)
    print(f"{dtype}: counted {counted:,}, stated {stated:,} bytes")
    assert stated == pytest.approx(counted, rel=0.1)


@pytest.mark.parametrize(("name", "teraflop"), [("klein-4b", 34.82), ("klein-9b", 75.51), ("dev", 282.6)])
def test_a_step_computes_what_torch_counts(name: str, teraflop: float) -> None:
    """At 1024², as torch's counter of operations says, within the embedders' share."""
    row = VARIANTS[name]
    assert working_memory.step_operations(row.transformer, 4608) / 1e12 == pytest.approx(teraflop, rel=0.01)


# --- what is chosen ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "packed", "device", "host", "expected"),
    [
        ("dev", None, 141, 64, "resident"),
        ("dev", None, 80, 64, "staged"),
        ("dev", "nf4", 24, 64, "staged"),
        ("dev", "nf4", 40, 64, "resident"),
        ("dev", None, 24, 128, "streamed"),
        ("klein-9b", None, 24, 64, "staged"),
        ("klein-9b", "nf4", 24, 64, "resident"),
        ("klein-9b", None, 8, 32, "streamed"),
        ("klein-4b", None, 24, 32, "resident"),
        ("klein-4b", "fp8", 8, 32, "staged"),
    ],
)
def test_the_fastest_that_fits_is_taken(
    name: str, packed: str | None, device: float, host: float, expected: str
) -> None:
    """At true sizes; a byte less than its peak, and it is not taken."""
    row = VARIANTS[name]
    sizes = sizes_of(row, packed)
    budget = Budget(gigabytes(device), gigabytes(host))
    plan = choose(sizes, row, PLATE, budget, SPEEDS["rtx-4090"])
    assert plan.profile == expected
    assert plan.peak <= gigabytes(device)
    below = next(
        other
        for other in plans(sizes, row, PLATE, Budget(plan.peak - 1, gigabytes(host)))
        if (other.profile, other.pinned) == (plan.profile, plan.pinned)
    )
    assert not below.fits or below.kept < plan.kept


def test_a_small_host_streams_from_the_file() -> None:
    """Where pinned blocks would not fit it; a CPU has no other way."""
    sizes = sizes_of(DEV)
    assert choose(sizes, DEV, PLATE, Budget(gigabytes(24), gigabytes(128))).pinned
    plan = choose(sizes, DEV, PLATE, Budget(gigabytes(24), gigabytes(16)))
    assert (plan.profile, plan.pinned) == ("streamed", False)
    assert plan.host < gigabytes(1)
    on_cpu = sizes_of(DEV, element_size=4)
    mapped = choose(on_cpu, DEV, PLATE, Budget(gigabytes(24), gigabytes(24), shared=True), element_size=4)
    assert (mapped.profile, mapped.residency, mapped.host) == ("mapped", "streamed", 0)


def test_more_memory_keeps_more_blocks_and_moves_less() -> None:
    """Never slower; what is stated is below the budget each time."""
    sizes, before = sizes_of(DEV, "fp8"), None
    for device in range(8, 34, 2):
        plan = next(
            one
            for one in plans(sizes, DEV, PLATE, Budget(gigabytes(device), gigabytes(64)))
            if one.profile == "streamed"
        )
        assert plan.fits
        assert plan.peak <= gigabytes(device)
        if before is not None:
            assert plan.kept > before.kept
            assert plan.each < before.each
        before = plan


def test_a_step_is_as_slow_as_the_slower_of_computing_and_copying() -> None:
    """Beside each other on a card, after each other on a CPU."""
    sizes = sizes_of(DEV)
    small, large = Work(512, 512, 28), Work(1024, 1024, 28)
    budget = Budget(gigabytes(16), gigabytes(128))
    speed = SPEEDS["rtx-4090"]

    def seconds(work: Work) -> tuple[float, float, float]:
        plan = next(one for one in plans(sizes, DEV, work, budget, speed) if one.pinned)
        compute = working_memory.step_operations(DEV.transformer, tokens(DEV, work)) / speed.operations
        assert plan.seconds_per_step is not None
        return plan.seconds_per_step, compute, plan.each / work.steps / speed.from_pinned

    step, compute, copy = seconds(small)
    assert step == pytest.approx(copy, rel=0.05)
    assert copy > compute
    step, compute, copy = seconds(large)
    assert step == compute > copy
    assert all(one.seconds_per_step is None for one in plans(sizes, DEV, small, budget))
    shared = next(
        one
        for one in plans(sizes_of(DEV, element_size=4), DEV, small, Budget(gigabytes(16), None, True), SPEEDS["cpu"], 4)
        if one.profile == "mapped"
    )
    arithmetic = working_memory.step_operations(DEV.transformer, tokens(DEV, small)) / SPEEDS["cpu"].operations
    assert shared.seconds_per_step is not None
    assert shared.seconds_per_step > arithmetic + 30


def test_guidance_doubles_what_moves() -> None:
    """Two passes a step bring all streamed blocks twice."""
    budget = Budget(gigabytes(8), gigabytes(64))
    one, two = (
        next(plan for plan in plans(sizes_of(NINE), NINE, replace(PLATE, passes=passes), budget) if plan.pinned)
        for passes in (1, 2)
    )
    assert two.each == 2 * one.each


def test_too_little_is_refused_with_what_would_fit() -> None:
    """The memory of the smallest profile, and the largest plate; with so much, and so large, it does fit."""
    sizes = sizes_of(NINE)
    large = Work(2048, 2048, 4)
    budget = Budget(gigabytes(5), gigabytes(64))
    with pytest.raises(
        DeviceError, match=r"klein-9b at 2048 × 2048 px fits no profile in 5\.0 GB beside 64\.0 GB .*; (\d+) × \1 px"
    ):
        choose(sizes, NINE, large, budget)
    side = largest_plate(sizes, NINE, large, budget, 2)
    assert 64 < side < 2048
    assert choose(sizes, NINE, replace(large, width=side, height=side), budget).fits
    with pytest.raises(DeviceError):
        choose(sizes, NINE, replace(large, width=side + 16, height=side + 16), budget)
    with pytest.raises(DeviceError, match="no plate fits"):
        choose(sizes, NINE, large, Budget(gigabytes(2), gigabytes(64)))
    least = min(plans(sizes, NINE, large, budget), key=lambda plan: plan.peak)
    assert choose(sizes, NINE, large, Budget(least.peak, gigabytes(64))).fits


# --- without known work ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "profile"),
    [(100 * 4 / 3, "resident"), (132, "staged"), (80, "staged"), (79, "mapped"), (None, "resident")],
)
def test_a_quarter_of_the_memory_is_left_to_work_in(free: float | None, profile: str) -> None:
    """Where the work is not known; where the system does not say how much there is, everything stays."""
    sizes = ModelSizes("test", 40, (1,) * 30, 0, outside=10, blocks=(10,) * 5)
    sizes = replace(sizes, text_encoder=40)
    plan = choose(sizes, NINE, None, Budget(None if free is None else math.ceil(free), None, True))
    assert plan.profile == profile


# --- against diffusers, and on the way ---------------------------------------------------------------------------


def test_what_diffusers_moves_by_formula() -> None:
    """Whole models in and out a plate; or every layer at every step, and all of the language model."""
    moved = offloaded(NINE, PLATE)
    text, transformer, autoencoder = 16.4, 18.16, 0.168
    assert moved["model offload"] / GB == pytest.approx(2 * (text + transformer + autoencoder), rel=0.01)
    assert moved["sequential"] / GB == pytest.approx(text + 4 * transformer + autoencoder, rel=0.01)
    assert moved["group"] == moved["sequential"]


def test_a_campaign_moves_once_what_is_staged_and_each_time_what_is_streamed() -> None:
    """Per plate, at one, ten and a hundred."""
    staged = choose(sizes_of(NINE), NINE, PLATE, Budget(gigabytes(24), gigabytes(64)))
    assert [staged.moved_per_plate(count) for count in (1, 10, 100)] == [staged.once // n for n in (1, 10, 100)]
    streamed = choose(sizes_of(NINE), NINE, PLATE, Budget(gigabytes(8), gigabytes(64)))
    assert streamed.moved_per_plate(100) > streamed.each > 3 * sum(sizes_of(NINE).blocks)
    assert streamed.moved_per_plate(100) < offloaded(NINE, PLATE)["group"]


@pytest.mark.parametrize("residency", ["resident", "staged", "streamed"])
@pytest.mark.parametrize("plates", [1, 3])
def test_the_loader_moves_what_the_plan_says(tmp_path: Path, residency: str, plates: int) -> None:
    """To the byte for the transformer, whole or streamed, and the same pictures; within a hundredth for all parts."""
    source = InstalledParts(install(tmp_path, "klein-9b"))
    work = Work(64, 64, 4)
    stages = Stages(source, CPU, residency, free=lambda _: 1, work=work)  # type: ignore[arg-type]
    stages._free = lambda _: None  # so little is for the plan alone
    jobs = [Job(f"bottle {seed}", 64, 64, seed) for seed in range(plates)]  # a prompt for each
    done = [event for event in paint(stages, jobs, memory()) if isinstance(event, JobDone)]
    assert len(done) == plates
    moved = sum(stages.moved.values())
    assert stages.plan.kept == 0
    blocks = working_memory.block_parameters(source.variant.transformer)
    outside = working_memory.outside_parameters(source.variant.transformer)
    passes = 1 if residency != "streamed" else 4 * plates
    expected = 4 * (outside + passes * sum(blocks))
    assert stages.moved["transformer"] == expected
    assert moved == pytest.approx(stages.plan.once + plates * stages.plan.each, rel=0.02)


def test_streamed_pictures_are_the_resident_ones(tmp_path: Path) -> None:
    """Bit for bit, through all phases, the text encoder streamed as well; the control: another seed differs."""
    model = install(tmp_path, "klein-4b")
    jobs = [Job("a red bottle", 64, 64, 1), Job("a blue bottle", 64, 64, 2)]

    def pictures(stages: Stages, jobs: list[Job]) -> list[bytes]:
        events = [event for event in paint(stages, jobs, memory()) if isinstance(event, JobDone)]
        return [event.pixels.tobytes() for event in sorted(events, key=lambda event: event.job)]

    resident = pictures(Stages(InstalledParts(model), CPU, "resident"), jobs)
    streamed = Stages(InstalledParts(model), CPU, "streamed", free=lambda _: 1)
    streamed.plan = replace(streamed.plan, text_streamed=True)
    streamed._free = lambda _: None
    assert pictures(streamed, jobs) == resident
    assert streamed.moved["text_encoder"] > streamed.sizes["text_encoder"]
    assert pictures(Stages(InstalledParts(model), CPU, "resident"), [replace(job, seed=9) for job in jobs]) != resident


def test_little_memory_streams_by_itself_and_is_forced_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither part fits whole; and where FLUX2FLOW_RESIDENCY says so."""
    source = InstalledParts(install(tmp_path, "klein-9b"))
    sizes = source.sizes(CPU)
    enough = (sizes["transformer"] // 2 + sizes["autoencoder"]) * 4 // 3
    stages = Stages(source, CPU, free=lambda _: enough)
    assert stages.residency == "streamed"
    assert stages.transformer().double_blocks[0].img_attn.qkv.weight.numel() == 0  # type: ignore[union-attr]
    assert stages.holds("transformer")
    stages.finished("transformer")
    assert not stages.holds("transformer")
    monkeypatch.setenv(machine.RESIDENCY_VARIABLE, "streamed")
    assert machine.residency() == "streamed"


# --- on the command line -----------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own library out."""
    monkeypatch.setenv("FLUX2FLOW_MODELS", str(tmp_path / "models"))


def test_fit_prints_a_plan(capsys: pytest.CaptureFixture[str]) -> None:
    """Every profile, what is taken, and what is resident when; JSON has the same."""
    command = ["models", "fit", "klein-9b", "--vram", "8G", "--ram", "32GB", "--card", "rtx-4060"]
    assert main(command) == 0
    shown = capsys.readouterr().out
    for words in (
        "resident",
        "staged",
        "streamed from pinned memory",
        "taken: streamed",
        "places for blocks",
        "s/step",
    ):
        assert words in shown
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [profile["name"] for profile in found["profiles"]] == ["resident", "staged", "streamed", "streamed"]
    assert found["chosen"]["peak"] <= 8 * GB
    assert found["chosen"]["peak"] == max(phase["peak"] for phase in found["chosen"]["phases"])


def test_fit_refuses_what_does_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    """As what could not be made; wrong words as a wrong command line."""
    assert main(["models", "fit", "dev", "--vram", "4G", "--ram", "16G"]) == 3
    assert "fits no profile in 4.0 GB" in " ".join(capsys.readouterr().out.split())
    for wrong in (["--vram", "much", "--ram", "1G"], ["--ram", "8G", "--size", "9x9"], ["--ram", "8G", "--card", "x"]):
        assert main(["models", "fit", "dev", *wrong]) == 2
    assert main(["models", "fit", "no-such", "--ram", "8G"]) == 2
    assert "klein-4b" in capsys.readouterr().err


def test_fit_reads_an_installed_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own shape, not the published one."""
    install(tmp_path, "klein-4b", name="mine")
    assert main(["models", "fit", "mine", "--ram", "8G", "--size", "64x64", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["variant"] == "klein-4b"
    assert found["chosen"]["name"] == "resident"
    assert found["chosen"]["peak"] < 0.1 * GB


def test_fit_loads_no_torch() -> None:
    """In a process of its own."""
    code = (
        "import sys; from flux2flow.cli import main;"
        "main(['models', 'fit', 'dev', '--vram', '24G', '--ram', '64G']);"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120, capture_output=True).returncode == 0


def test_formats_are_smaller_than_what_they_pack() -> None:
    """Each, by its bits."""
    for name, size in FORMATS.items():
        assert 0.5 <= size <= 1.07, name
        plan: MemoryPlan = plans(sizes_of(DEV, name), DEV, PLATE, Budget(None, None))[0]
        assert plan.once < plans(sizes_of(DEV), DEV, PLATE, Budget(None, None))[0].once


def test_models_have_a_transformer_of_the_size_that_is_counted() -> None:
    """Of a built module, on the meta device."""
    with torch.device("meta"):
        module = Flux2Transformer(FOUR.transformer)
    assert 2 * sum(part.numel() for part in module.parameters()) == sizes_of(FOUR).transformer
