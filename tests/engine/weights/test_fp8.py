"""fp8 files as BFL writes them, and plain casts, read as their formula says, bit for bit; broken ones are refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from flux2engine.errors import EngineError, UnknownLayoutError, WeightsError
from flux2engine.weights.checkpoint import PackedForm
from flux2engine.weights.formats import open_weights
from flux2engine.weights.fp8 import Float8Weight, unpack
from flux2engine.weights.identify import identify
from flux2engine.weights.packed import PackedWeight, UnpackedSource
from tests.engine.weights import float8_files as files
from tests.engine.weights.float8_files import File, opened

E4M3, E5M2 = torch.float8_e4m3fn, torch.float8_e5m2
QKV, PROJ = "double_blocks.0.img_attn.qkv", "double_blocks.0.img_attn.proj"


def bfl(folder: Path, name: str = "klein-4b", layout: str = "official", prefix: str = "") -> File:
    """Return a file as BFL publishes it: block linears in e4m3 with both scales, named in the header."""
    state = files.bf16_state(name, layout, prefix, folder)
    return files.declare_in_header(files.packed_file(state, lambda _, weight: files.fp8(weight)), "float8_e4m3fn")


def cast(folder: Path, dtype: torch.dtype, layout: str = "official", *, everything: bool = False) -> File:
    """Return a plain cast of the linear weights of the blocks, or of every tensor."""
    state = files.bf16_state("klein-4b", layout, "", folder)
    file = files.packed_file(state, lambda _, weight: files.fp8(weight, dtype, scaled=False))
    if everything:
        for key, tensor in list(file.tensors.items()):
            if tensor.dtype == torch.bfloat16:
                packed = files.fp8(tensor.reshape(1, -1), dtype, scaled=False)
                file.tensors[key] = packed.tensors[".weight"].reshape(tensor.shape)
                file.plain[key] = packed.stands_for.reshape(tensor.shape)
    return file


def float8(source: UnpackedSource, layer: str) -> Float8Weight:
    """Return one packed weight."""
    weight = source.packed_weight(f"{layer}.weight")
    assert isinstance(weight, Float8Weight)
    return weight


# --- what is read ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [E4M3, E5M2], ids=str)
def test_every_code_is_its_number(dtype: torch.dtype) -> None:
    """All 256 codes unpack to the numbers of the published table; the codes that are no numbers, to none."""
    codes = torch.arange(256, dtype=torch.uint8).view(dtype)
    wanted = torch.from_numpy(files.TABLES[dtype])
    assert torch.equal(Float8Weight(codes, None).dequantised().nan_to_num(nan=-1e6), wanted.nan_to_num(nan=-1e6))
    scaled = Float8Weight(codes, torch.tensor(0.37)).dequantised()
    assert torch.equal(scaled.nan_to_num(nan=-1e6), (wanted * torch.tensor(0.37)).nan_to_num(nan=-1e6))
    assert int(scaled.isnan().sum()) == (2 if dtype == E4M3 else 6)


@pytest.mark.parametrize(
    ("name", "layout", "prefix"),
    [
        ("klein-4b", "official", ""),
        ("dev", "official", ""),
        ("klein-9b", "official", "model.diffusion_model."),
        ("klein-4b", "diffusers", ""),
    ],
)
def test_the_published_form(name: str, layout: str, prefix: str, tmp_path: Path) -> None:
    """Every weight is code · scale, the velocity follows bit for bit, and what is packed is said."""
    file = bfl(tmp_path, name, layout, prefix)
    source = files.assert_reads_as_its_formula(file, tmp_path)
    form = next(iter(source.packed.items()))
    codes = math.prod(source.forms[form[0]].shape)
    assert form[1] == PackedForm("fp8 (e4m3fn, scaled)", codes + 8)
    assert identify(source).dtypes == ("BF16", "fp8 (e4m3fn, scaled)")
    assert identify(source).parameters == sum(tensor.numel() for tensor in file.plain.values())


@pytest.mark.parametrize("dtype", [E4M3, E5M2], ids=str)
@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("layout", ["official", "diffusers"])
def test_plain_casts(dtype: torch.dtype, everything: bool, layout: str, tmp_path: Path) -> None:
    """A cast without scales is read as the numbers that its codes are, norms included where they are cast too."""
    file = cast(tmp_path, dtype, layout, everything=everything)
    if everything:
        source = opened(file, tmp_path)
        assert set(source.packed) == set(file.plain)
        assert all(torch.equal(source.tensor(name), wanted) for name, wanted in file.plain.items())
        theirs = files.loaded(file.write_plain(tmp_path / "plain.safetensors"))
        assert torch.equal(files.velocity(files.loaded_source(source)), files.velocity(theirs))
    else:
        files.assert_reads_as_its_formula(file, tmp_path)
    name = "e4m3fn" if dtype == E4M3 else "e5m2"
    assert {form.format for form in opened(file, tmp_path).packed.values()} == {f"fp8 ({name}, unscaled)"}


def test_scales_without_a_header_entry(tmp_path: Path) -> None:
    """The header's list is not needed where every matrix has its scale."""
    file = bfl(tmp_path)
    file.metadata.clear()
    files.assert_reads_as_its_formula(file, tmp_path)


def test_layers_listed_without_the_prefix(tmp_path: Path) -> None:
    """A header may name layers as the model does while the tensors carry a prefix."""
    file = bfl(tmp_path, prefix="model.diffusion_model.")
    file.metadata = {key: text.replace("model.diffusion_model.", "") for key, text in file.metadata.items()}
    assert "model.diffusion" not in str(file.metadata)
    files.assert_reads_as_its_formula(file, tmp_path)


def test_what_multiplies_natively_is_kept(tmp_path: Path) -> None:
    """Codes, scale and input scale are handed out as the file has them, and whether full precision is asked for."""
    file = bfl(tmp_path)
    metadata = json.loads(file.metadata["_quantization_metadata"])
    metadata["layers"][QKV]["full_precision_matrix_mult"] = True
    file.metadata["_quantization_metadata"] = json.dumps(metadata)
    source = opened(file, tmp_path)
    weight = float8(source, QKV)
    assert torch.equal(weight.codes.view(torch.uint8), file.tensors[f"{QKV}.weight"].view(torch.uint8))
    assert weight.scale == file.tensors[f"{QKV}.weight_scale"]
    assert weight.input_scale == file.tensors[f"{QKV}.input_scale"]
    assert weight.nbytes == source.packed[f"{QKV}.weight"].nbytes
    assert (weight.full_precision, float8(source, PROJ).full_precision) == (True, False)
    del file.tensors[f"{QKV}.input_scale"]
    assert float8(opened(file, tmp_path), QKV).input_scale is None


def test_rows_and_devices(tmp_path: Path) -> None:
    """Thirds of a fused weight are its rows, still packed and not copied; all parts move to a device."""
    weight: PackedWeight = float8(opened(bfl(tmp_path), tmp_path), QKV)
    assert isinstance(weight, Float8Weight)
    whole = weight.dequantised()
    third = weight.rows(64, 128)
    assert third.shape == (64, 64)
    assert torch.equal(third.dequantised(), whole[64:128])
    assert third.codes.untyped_storage().data_ptr() == weight.codes.untyped_storage().data_ptr()
    assert torch.equal(weight.dequantised(torch.bfloat16), whole.bfloat16())
    for start, stop in ((-1, 3), (3, 3), (0, 193)):
        with pytest.raises(ValueError, match="rows"):
            weight.rows(start, stop)
    moved = weight.to(torch.device("meta"))
    assert all(part is not None and part.is_meta for part in (moved.codes, moved.scale, moved.input_scale))
    alone = replace(weight, scale=None, input_scale=None).to(torch.device("meta"))
    assert (alone.format, alone.nbytes) == ("fp8 (e4m3fn, unscaled)", 192 * 64)


def test_nothing_here_is_not_read(tmp_path: Path) -> None:
    """A file without float8 is left to others."""
    file = files.packed_file(files.bf16_state("klein-4b", "official", "", tmp_path), lambda *_: None)
    source = open_weights(file.write(tmp_path / "bf16.safetensors"))
    assert unpack(source) is None
    assert not source.packed


# --- what is refused ---------------------------------------------------------------------------------------------


def _all_scales_dropped(file: File) -> None:
    for key in [key for key in file.tensors if key.endswith("_scale")]:
        del file.tensors[key]
    file.metadata.clear()


def _header(file: File, change: Callable[[dict[str, dict[str, str]]], object]) -> None:
    metadata = json.loads(file.metadata["_quantization_metadata"])
    change(metadata["layers"])
    file.metadata["_quantization_metadata"] = json.dumps(metadata)


def _put(name: str, value: torch.Tensor) -> Callable[[File], object]:
    return lambda file: file.tensors.update({name: value})


BROKEN: dict[str, tuple[Callable[[File], object], str]] = {
    "a scale dropped": (lambda file: file.tensors.pop(f"{PROJ}.weight_scale"), rf"missing \(1\): {PROJ}\.weight_scale"),
    "all scales dropped": (_all_scales_dropped, r"no scale and holds the largest e4m3fn number, 448"),
    "a weight without its layer": (lambda file: file.tensors.pop(f"{PROJ}.weight"), rf"lacks layers.*{PROJ}\.weight"),
    "a weight unpacked beside its scales": (_put(f"{PROJ}.weight", torch.zeros(64, 64)), "do not belong together"),
    "one scale a row": (_put(f"{PROJ}.weight_scale", torch.ones(64)), r"weight_scale is \(64,\)"),
    "scales of whole numbers": (_put(f"{PROJ}.weight_scale", torch.tensor(1)), "torch.int64, not one fp32 scale"),
    "the scale zero": (_put(f"{PROJ}.weight_scale", torch.tensor(0.0)), "not finite and positive"),
    "a negative scale": (_put(f"{PROJ}.weight_scale", torch.tensor(-0.1)), "not finite and positive"),
    "the scale NaN": (_put(f"{PROJ}.weight_scale", torch.tensor(float("nan"))), "not finite and positive"),
    "an infinite input scale": (_put(f"{PROJ}.input_scale", torch.tensor(float("inf"))), "input_scale is inf"),
    "a scale too large": (_put(f"{PROJ}.weight_scale", torch.tensor(3e38)), rf"not finite.*{PROJ}\.weight"),
    "another dtype": (lambda file: _header(file, lambda all_: all_[PROJ].update(format="float8_e5m2")), "e5m2"),
    "a layer unlisted": (lambda file: _header(file, lambda all_: all_.pop(PROJ)), rf"missing|unexpected.*{PROJ}"),
    "a layer too many": (lambda file: _header(file, lambda all_: all_.update(other={"format": "nvfp4"})), "other"),
    "a layer without format": (lambda file: _header(file, lambda all_: all_[PROJ].clear()), "names no format"),
    "no JSON": (lambda file: file.metadata.update(_quantization_metadata="{"), "is not JSON"),
    "deep JSON": (lambda file: file.metadata.update(_quantization_metadata="[" * 100_000), "is not JSON|no object"),
    "a key twice": (lambda file: file.metadata.update(_quantization_metadata='{"a": 1, "a": 2}'), "repeated"),
    "no layers": (lambda file: file.metadata.update(_quantization_metadata="[]"), "no object of layers"),
    "endless JSON": (lambda file: file.metadata.update(_quantization_metadata=" " * 1_000_001), "is longer than"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_files_are_refused(fault: str, tmp_path: Path) -> None:
    """What is missing, misshapen or contradictory is named with the file, and never loads; the whole file does."""
    file = bfl(tmp_path)
    files.loaded(file.write(tmp_path / "whole.safetensors"))
    change, message = BROKEN[fault]
    change(file)
    with pytest.raises(WeightsError, match=message) as caught:
        files.loaded(file.write(tmp_path / "broken.safetensors"))
    assert "broken.safetensors" in str(caught.value)


def test_a_newer_header_is_refused(tmp_path: Path) -> None:
    """Another version of the header's list is named, with the remedy."""
    file = bfl(tmp_path)
    file.metadata["_quantization_metadata"] = file.metadata["_quantization_metadata"].replace('"1.0"', '"2.0"')
    with pytest.raises(UnknownLayoutError, match=r"version '2\.0'; 1\.0 is read; bring the bf16 file"):
        open_weights(file.write(tmp_path / "newer.safetensors"))


@pytest.mark.parametrize("code", [0x7F, 0xFF])
def test_codes_that_are_no_numbers_are_refused(code: int, tmp_path: Path) -> None:
    """A NaN among the codes is found when the weight is loaded, and its tensor named."""
    file = bfl(tmp_path)
    file.tensors[f"{PROJ}.weight"].view(torch.uint8)[3, 5] = code
    with pytest.raises(WeightsError, match="not finite") as caught:
        files.loaded(file.write(tmp_path / "nan.safetensors"))
    assert caught.value.mismatched == (f"{PROJ}.weight",)


def test_swapped_scales_show(tmp_path: Path) -> None:
    """Scales exchanged between two layers give other weights in both: the equality above would fail."""
    file = bfl(tmp_path)
    files.swap(file, f"{QKV}.weight_scale", f"{PROJ}.weight_scale")
    source = opened(file, tmp_path)
    differing = {name for name, wanted in file.plain.items() if not torch.equal(source.tensor(name).float(), wanted)}
    assert differing == {f"{QKV}.weight", f"{PROJ}.weight"}
    with pytest.raises(AssertionError):
        files.assert_reads_as_its_formula(file, tmp_path)


def test_errors_are_the_engines(tmp_path: Path) -> None:
    """Nothing but the engine's own errors comes from cutting any one tensor out of a file."""
    file = bfl(tmp_path)
    for name in [key for key in file.tensors if "double_blocks.0.img" in key]:
        kept = file.tensors.pop(name)
        try:
            files.loaded(file.write(tmp_path / "cut.safetensors"))
        except EngineError:
            assert not name.endswith("input_scale")
        else:
            assert name.endswith("input_scale")  # only native products need it
        file.tensors[name] = kept
