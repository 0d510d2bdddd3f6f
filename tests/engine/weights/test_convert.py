"""Quantising: what is written loads again within its format's error, whole or not at all, the same always."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from flux2engine.errors import WeightsError
from flux2engine.transformer import Flux2Transformer
from flux2engine.variants import TransformerConfig
from flux2engine.weights import streamed_file
from flux2engine.weights.checkpoint import open_checkpoint
from flux2engine.weights.convert import TARGETS, Converted, block_linears, convert
from flux2engine.weights.formats import open_weights
from flux2engine.weights.identify import identify
from flux2engine.weights.layouts import transformer_shapes
from flux2engine.weights.loading import load_weights
from tests.engine import checkpoints
from tests.engine.language_model_files import write_language_model
from tests.engine.parity import peer
from tests.engine.parity.from_disk import CPU, inputs

ROOT = Path(__file__).parents[3]
EPSILON = 2**-20  # of roundings in fp32, several after each other
ENDINGS = {"fp8": ".weight_scale", "int8": ".SCB", "nf4": ".weight.absmax"}


def run(source: Path, target: str, path: Path, told: Callable[[int, int], None] | None = None) -> Converted:
    """Convert what lies at `source`."""
    opened = open_weights(source)
    return convert(opened, identify(opened), target, path, told)


def written(folder: Path, layout: str, dtype: torch.dtype, name: str = "klein-4b") -> Path:
    """Write small weights in a layout."""
    if layout == "official":
        return checkpoints.write_official(folder, name, dtype=dtype)
    return checkpoints.write_diffusers_transformer(folder / "transformer", name, dtype=dtype, shard_size="200KB")


def velocity(path: Path) -> Tensor:
    """Load what lies at `path` in fp32 and compute one call."""
    source = open_weights(path)
    found = identify(source)
    with torch.device("meta"):
        module = Flux2Transformer(found.shape)  # type: ignore[arg-type]
    load_weights(module, source, found, CPU, torch.float32)
    return inputs("klein-4b", 1).ours(module)  # type: ignore[arg-type]


def bound(target: str, weight: Tensor) -> Tensor:
    """Return how far each value may be off, from the format's definition alone."""
    size = weight.abs()
    if target == "fp8":  # half a step of 3 bits of mantissa, and of the subnormal numbers below
        return torch.maximum(size * 2**-4, size.max() / 448 * 2**-10) + EPSILON * size
    if target == "int8":  # half of 127 steps
        return size.amax(1, keepdim=True) / 254 + EPSILON * size
    blocks = size.reshape(-1, 64).amax(1)  # what NF4's scales should be
    outer = torch.nn.functional.pad((blocks - blocks.mean()).abs(), (0, -len(blocks) % 256)).reshape(-1, 256).amax(1)
    # The widest gap of the 8-bit map lies between its two largest values, 0.9929… and 1; of NF4 between its first two.
    functional = pytest.importorskip("bitsandbytes.functional")
    gap = functional.create_dynamic_map().sort().values.diff().max() / 2
    scale_error = (outer * gap * (1 + 2**-10)).repeat_interleave(256)[: len(blocks)] + EPSILON * blocks.max()
    values = blocks * (1 - 0.6961928009986877) / 2 + scale_error
    return (values + 2**-8 * (blocks + scale_error)).repeat_interleave(64).reshape(weight.shape)  # and rounding to bf16


# --- what is written ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("layout", "dtype"), [("official", torch.bfloat16), ("diffusers", torch.float32)])
@pytest.mark.parametrize("target", TARGETS)
def test_what_is_written_loads_within_the_formats_error(
    target: str, layout: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    """Every block's linear layer is packed and near, all else is the source in bf16, and the velocity follows."""
    source = written(tmp_path, layout, dtype)
    done = run(source, target, tmp_path / "out.safetensors")
    before, after = open_weights(source), open_weights(tmp_path / "out.safetensors")
    found = identify(after)
    assert (found.layout, found.shape) == (layout, identify(before).shape)
    linears = block_linears(before, identify(before))
    assert set(after.packed) == set(linears)
    assert after.forms.keys() == before.forms.keys()
    used = 0.0
    for name in before.forms:
        weight, stored = before.tensor(name).float(), after.tensor(name)
        if name not in linears:
            assert stored.dtype == torch.bfloat16
            assert torch.equal(stored, before.tensor(name).bfloat16())
            continue
        allowed = bound(target, weight)
        assert ((stored - weight).abs() <= allowed).all(), name
        used = max(used, float(((stored - weight).abs() / allowed).max()))
    assert used >= 0.8  # the bound is no wider than it has to be
    computed, expected = velocity(tmp_path / "out.safetensors"), velocity(source)
    assert 0 < float((computed - expected).norm() / expected.norm()) < {"fp8": 0.1, "int8": 0.05, "nf4": 0.3}[target]
    assert done.bytes_before == sum(form.nbytes for form in before.forms.values())
    assert done.bytes_after == (tmp_path / "out.safetensors").stat().st_size
    assert sum(part.nbytes for part in after.packed.values()) < done.bytes_after < done.bytes_before


@pytest.mark.parametrize("target", TARGETS)
def test_the_error_told_is_the_error_made(target: str, tmp_path: Path) -> None:
    """The error of every kind of layer is that of its tensors together; joined layers of other layouts are one kind."""
    source = written(tmp_path, "diffusers", torch.float32, "dev")
    done = run(source, target, tmp_path / "out.safetensors")
    before, after = open_weights(source), open_weights(tmp_path / "out.safetensors")
    linears = block_linears(before, identify(before))
    assert {error.kind for error in done.errors} == set(linears.values())
    for error in done.errors:
        names = [name for name, kind in linears.items() if kind == error.kind]
        weights = torch.cat([before.tensor(name).double().reshape(-1) for name in names])
        stored = torch.cat([after.tensor(name).double().reshape(-1) for name in names])
        assert error.layers == len(names)
        assert error.relative == pytest.approx(float((stored - weights).norm() / weights.norm()), rel=1e-6)
    blocks = checkpoints.sibling("dev").transformer
    assert sum(error.layers for error in done.errors) == 12 * blocks.double_blocks + 2 * blocks.single_blocks


def test_finer_formats_err_less(tmp_path: Path) -> None:
    """int8 by rows is nearer than fp8 with one scale, and both than four bits."""
    source = written(tmp_path, "official", torch.bfloat16)
    worst = {
        target: max(error.relative for error in run(source, target, tmp_path / f"{target}.safetensors").errors)
        for target in TARGETS
    }
    assert 0.001 < worst["int8"] < worst["fp8"] < worst["nf4"] < 0.15


def test_fp8_is_declared_as_the_official_files_do(tmp_path: Path) -> None:
    """The header lists every quantised layer; each has one fp32 scale without sides, and uses the largest code."""
    source = checkpoints.write_official(tmp_path, "klein-9b", dtype=torch.bfloat16)
    run(source, "fp8", tmp_path / "out.safetensors")
    opened = open_checkpoint(tmp_path / "out.safetensors")
    declared = json.loads(opened.metadata["_quantization_metadata"])
    blocks = checkpoints.sibling("klein-9b").transformer
    assert declared["format_version"] == "1.0"
    assert len(declared["layers"]) == 8 * blocks.double_blocks + 2 * blocks.single_blocks
    assert opened.metadata["format"] == "pt"
    for layer, said in declared["layers"].items():
        assert said == {"format": "float8_e4m3fn"}
        assert opened.forms[f"{layer}.weight"].dtype == torch.float8_e4m3fn
        assert (opened.forms[f"{layer}.weight_scale"].dtype, opened.forms[f"{layer}.weight_scale"].shape) == (
            torch.float32,
            (),
        )
        assert float(opened.tensor(f"{layer}.weight").float().abs().max()) == 448


def test_bitsandbytes_reads_nf4_and_int8(tmp_path: Path) -> None:
    """Its own functions take the tensors as they stand in the file and unpack them to what we do, bit for bit."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    functional = pytest.importorskip("bitsandbytes.functional")
    source = written(tmp_path, "official", torch.bfloat16)
    run(source, "nf4", tmp_path / "nf4.safetensors")
    run(source, "int8", tmp_path / "int8.safetensors")
    ours, tensors = open_weights(tmp_path / "nf4.safetensors"), load_file(tmp_path / "nf4.safetensors")
    for name in ours.packed:
        parts = {key.removeprefix(f"{name}."): part for key, part in tensors.items() if key.startswith(f"{name}.")}
        state = functional.QuantState.from_dict(parts, CPU)
        assert (state.dtype, state.nested, state.blocksize) == (torch.bfloat16, True, 64)
        assert torch.equal(functional.dequantize_4bit(tensors[name], state).float(), ours.tensor(name))
    ours, tensors = open_weights(tmp_path / "int8.safetensors"), load_file(tmp_path / "int8.safetensors")
    for name in ours.packed:
        scales = tensors[name.removesuffix("weight") + "SCB"]
        assert torch.equal(functional.int8_vectorwise_dequant(tensors[name], scales), ours.tensor(name))


@pytest.mark.parametrize("target", ["nf4", "int8"])
def test_diffusers_reads_and_writes_the_same(target: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A converted diffusers folder loads there as quantised layers, and what diffusers saves again reads here the same.

    Its check for a GPU is skipped: bitsandbytes computes on CPUs as well. int8 rounds its inputs, too, so that only the
    velocity of NF4 is comparable.
    """
    quantizers = pytest.importorskip("diffusers.quantizers.bitsandbytes.bnb_quantizer")
    pytest.importorskip("bitsandbytes")
    for kind in (quantizers.BnB4BitDiffusersQuantizer, quantizers.BnB8BitDiffusersQuantizer):
        monkeypatch.setattr(kind, "validate_environment", lambda *_, **__: None)
        monkeypatch.setattr(kind, "update_device_map", lambda _, devices: devices)
    source = checkpoints.write_diffusers_transformer(tmp_path / "source", "klein-4b", dtype=torch.bfloat16)
    (tmp_path / "out").mkdir()
    run(source, target, tmp_path / "out" / "diffusion_pytorch_model.safetensors")
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    others = [name.removesuffix(".weight") for name in load_file(source / "diffusion_pytorch_model.safetensors")]
    config["quantization_config"] = {
        "quant_method": "bitsandbytes",
        "load_in_4bit": target == "nf4",
        "load_in_8bit": target == "int8",
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": True,
        "llm_int8_skip_modules": [name for name in others if "transformer_blocks" not in name],
    }
    (tmp_path / "out" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    theirs = peer.Flux2Transformer2DModel.from_pretrained(tmp_path / "out", torch_dtype=torch.float32).eval()
    assert (
        type(theirs.transformer_blocks[0].attn.to_q).__name__ == {"nf4": "Linear4bit", "int8": "Linear8bitLt"}[target]
    )
    theirs.save_pretrained(tmp_path / "again")
    before, after = open_weights(tmp_path / "out"), open_weights(tmp_path / "again")
    assert set(after.packed) == set(before.packed)
    assert all(torch.equal(after.tensor(name), before.tensor(name)) for name in before.forms)
    if target == "nf4":
        with torch.no_grad():
            expected = inputs("klein-4b", 1).peer(theirs).float()
        assert float((velocity(tmp_path / "out") - expected).norm() / expected.norm()) < 2e-3
        assert float((velocity(source) - expected).norm() / expected.norm()) > 1e-2  # control: before quantising


@pytest.mark.parametrize("target", TARGETS)
def test_a_text_encoder(target: str, tmp_path: Path) -> None:
    """A language model's layers are quantised, embeddings and norms are not, and its tokenizer's bytes stay."""
    source = checkpoints.write_text_encoder_file(tmp_path, "dev", layers=30, dtype=torch.bfloat16)
    opened = open_weights(source)
    folder = write_language_model(tmp_path / "described", checkpoints.sibling("dev").text_encoder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))  # a small shape is not published
    convert(opened, identify(opened, config), target, tmp_path / "out.safetensors")
    after = open_weights(tmp_path / "out.safetensors")
    assert len(after.packed) == 7 * 30
    assert all("_proj." in name for name in after.packed)
    assert torch.equal(after.tensor("tekken_model"), opened.tensor("tekken_model"))
    assert after.forms["model.embed_tokens.weight"].dtype == torch.bfloat16


@pytest.mark.parametrize("target", TARGETS)
def test_equal_weights_give_equal_bytes(target: str, tmp_path: Path) -> None:
    """Threads change nothing, nor does the order of the source's tensors; one other value does."""
    source = written(tmp_path, "official", torch.bfloat16)
    digests = []
    threads = torch.get_num_threads()
    for number in (1, 2):
        torch.set_num_threads(number)
        run(source, target, tmp_path / f"{number}.safetensors")
        digests.append(hashlib.sha256((tmp_path / f"{number}.safetensors").read_bytes()).hexdigest())
    torch.set_num_threads(threads)
    assert digests[0] == digests[1]
    state = load_file(source)
    state["single_blocks.0.linear1.weight"][3, 5] += 1
    save_file(state, source)
    run(source, target, tmp_path / "3.safetensors")
    assert hashlib.sha256((tmp_path / "3.safetensors").read_bytes()).hexdigest() != digests[0]


@pytest.mark.parametrize("target", TARGETS)
def test_zeros_stay_zeros(target: str, tmp_path: Path) -> None:
    """A layer, a row and a block of zeros unpack to zeros, in every format."""
    state = checkpoints.official_state("klein-4b", dtype=torch.bfloat16)
    state["single_blocks.0.linear1.weight"].zero_()
    state["single_blocks.1.linear1.weight"][7] = 0
    save_file(state, tmp_path / "in.safetensors")
    done = run(tmp_path / "in.safetensors", target, tmp_path / "out.safetensors")
    after = open_weights(tmp_path / "out.safetensors")
    assert not after.tensor("single_blocks.0.linear1.weight").any()
    assert not after.tensor("single_blocks.1.linear1.weight")[7].any()
    assert all(error.relative < 0.15 for error in done.errors)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured through /proc")
def test_memory_stays_at_one_tensor(tmp_path: Path) -> None:
    """Of a file of 203 MB, whose largest tensor has 19, converting holds a few tensors' worth beside the program."""
    shape = TransformerConfig(
        **{**checkpoints.sibling("klein-4b").transformer.__dict__, "hidden_size": 1024, "heads": 32}
        | {"double_blocks": 1, "single_blocks": 4}
    )
    source = checkpoints.write_sparse(tmp_path / "in.safetensors", transformer_shapes(shape))
    code = """
import sys
from pathlib import Path
import torch
from flux2engine.weights.convert import convert
from flux2engine.weights.formats import open_weights
from flux2engine.weights.identify import identify
from tests.engine.weights.measured_child import status
torch.set_num_threads(1)
source = open_weights(Path(sys.argv[1]))
found = identify(source)
Path("/proc/self/clear_refs").write_text("5")  # the peak starts again
before = status("VmRSS")
convert(source, found, "nf4", Path(sys.argv[2]))
print(status("VmHWM") - before)
"""
    command = [sys.executable, "-c", code, str(source), str(tmp_path / "out.safetensors")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "engine")))}
    child = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=True)
    grown = int(child.stdout)
    assert source.stat().st_size > 200e6
    # A tensor, its codes, and a few steps of a million values in fp32; less than the tensor would be no measurement.
    assert 19e6 < grown < 140e6, grown
    assert (tmp_path / "out.safetensors").stat().st_size < 0.45 * source.stat().st_size


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
def test_a_converted_file_without_its_scales_is_refused(target: str, tmp_path: Path) -> None:
    """One layer's scales gone, all layers' scales gone, or one layer's cut: no reading goes on without them."""
    run(written(tmp_path, "official", torch.bfloat16), target, tmp_path / "out.safetensors")
    velocity(tmp_path / "out.safetensors")  # control
    tensors = load_file(tmp_path / "out.safetensors")
    metadata = dict(open_checkpoint(tmp_path / "out.safetensors").metadata)
    scales = [name for name in tensors if name.endswith(ENDINGS[target])]
    for dropped in (scales[:1], scales):
        for kept_metadata in (metadata, {}):
            kept = {name: tensor for name, tensor in tensors.items() if name not in dropped}
            save_file(kept, tmp_path / "dropped.safetensors", metadata=kept_metadata)
            with pytest.raises(WeightsError):
                velocity(tmp_path / "dropped.safetensors")


def _quantised(folder: Path) -> Path:
    run(checkpoints.write_official(folder, "klein-4b", dtype=torch.bfloat16), "nf4", folder / "nf4.safetensors")
    return folder / "nf4.safetensors"


def _with(value: float, dtype: torch.dtype = torch.bfloat16) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        state = checkpoints.official_state("klein-4b", dtype=dtype)
        state["img_in.weight"] = state["img_in.weight"].clone()  # in fp32 it is the cached model's own
        state["img_in.weight"][0, 0] = value
        save_file(state, folder / "in.safetensors")
        return folder / "in.safetensors"

    return write


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "quantised already": (_quantised, "is quantised already .* is nf4, double-quantised"),
    "fp16": (lambda folder: checkpoints.write_official(folder, "klein-4b", dtype=torch.float16), "holds float16"),
    "an autoencoder": (checkpoints.write_official_autoencoder, "is an autoencoder"),
    "not a number": (_with(float("nan")), "not finite.*img_in.weight"),
    "too large for bf16": (_with(3.4e38, torch.float32), "too large for bf16.*img_in.weight"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_sources_are_refused(case: str, tmp_path: Path) -> None:
    """The message says why, and nothing is left behind."""
    write, said = REFUSED[case]
    source = write(tmp_path)
    (tmp_path / "out").mkdir()
    with pytest.raises(WeightsError, match=said):
        run(source, "fp8", tmp_path / "out" / "out.safetensors")
    assert not list((tmp_path / "out").iterdir())


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """A file, a folder or a link at the name stays as it is; so does a file that appears in the middle."""
    source = written(tmp_path, "official", torch.bfloat16)
    out = tmp_path / "out.safetensors"
    out.write_bytes(b"mine")
    link = tmp_path / "link.safetensors"
    link.symlink_to(tmp_path / "nowhere")
    for path in (out, link, source, tmp_path):
        with pytest.raises(WeightsError, match="is there already"):
            run(source, "int8", path)
    late = tmp_path / "late.safetensors"

    def appear(done: int, total: int) -> None:
        if done == total:
            late.write_bytes(b"theirs")

    with pytest.raises(WeightsError, match="has appeared meanwhile"):
        run(source, "int8", late, appear)
    assert (out.read_bytes(), late.read_bytes()) == (b"mine", b"theirs")
    assert not list(tmp_path.glob(".*"))


def test_without_room_or_folder_nothing_begins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The size is known before anything is read."""
    source = written(tmp_path, "official", torch.bfloat16)
    told: list[int] = []
    with pytest.raises(WeightsError, match="there is no folder"):
        run(source, "nf4", tmp_path / "absent" / "out.safetensors", lambda done, _: told.append(done))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(streamed_file.shutil, "disk_usage", lambda _: usage._replace(free=100_000))
    with pytest.raises(WeightsError, match="its disk has 1 MB free"):
        run(source, "nf4", tmp_path / "out.safetensors", lambda done, _: told.append(done))
    assert not told


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
def test_an_interruption_leaves_no_file(stop: type[BaseException], tmp_path: Path) -> None:
    """Whatever ends it in the middle, neither the name nor an unfinished file is there."""
    source = written(tmp_path, "official", torch.bfloat16)
    (tmp_path / "out").mkdir()
    seen: list[list[str]] = []

    def told(done: int, total: int) -> None:
        seen.append([path.name for path in (tmp_path / "out").iterdir()])
        if done > total / 2:
            raise stop

    with pytest.raises(stop):
        run(source, "fp8", tmp_path / "out" / "out.safetensors", told)
    assert all(len(names) == 1 and names[0].endswith(".part") for names in seen)  # control: it was there
    assert not list((tmp_path / "out").iterdir())
