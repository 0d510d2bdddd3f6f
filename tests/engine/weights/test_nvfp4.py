"""NVFP4 files read as the published formula says, bit for bit, in either packing; what cannot be told is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from flux2engine.errors import WeightsError
from flux2engine.weights.checkpoint import PackedForm, open_checkpoint
from flux2engine.weights.formats import open_weights
from flux2engine.weights.identify import identify
from flux2engine.weights.nvfp4 import unpack
from flux2engine.weights.nvfp4_weight import NVFP4Weight, Packing, ScaleLayout
from flux2engine.weights.packed import PackedWeight, UnpackedSource
from tests.engine.weights import float8_files as files
from tests.engine.weights.float8_files import File, opened

LAYOUTS: tuple[ScaleLayout, ...] = ("row-major", "swizzled")
SWIZZLED = Packing("swizzled")
QKV, PROJ, TEXT = "double_blocks.0.img_attn.qkv", "double_blocks.0.img_attn.proj", "double_blocks.0.txt_attn.proj"


def bfl(folder: Path, scales: str, name: str = "dev", layout: str = "official", *, high_first: bool = True) -> File:
    """Return a file as BFL writes it: block linears in NVFP4, named in the header.

    Of dev's small sibling, rows and groups fill whole tiles, as in the real files: no shape tells the layout of scales.
    Of klein 4B's they do not, and the shapes tell.
    """
    state = files.bf16_state(name, layout, "", folder)
    file = files.packed_file(state, lambda _, weight: files.nvfp4(weight, scales, high_first=high_first))
    return files.declare_in_header(file, "nvfp4")


def packed(source: UnpackedSource, layer: str) -> NVFP4Weight:
    """Return one packed weight."""
    weight = source.packed_weight(f"{layer}.weight")
    assert isinstance(weight, NVFP4Weight)
    return weight


# --- what is read ------------------------------------------------------------------------------------------------


def test_the_reference_packs_as_comfyui_does() -> None:
    """The tests' own writer, and our reader, give the bytes that comfy-kitchen 0.2.40 gave for the same weight.

    Made with `comfy_kitchen.tensor.TensorCoreNVFP4Layout.quantize(weight)` and `.dequantize` on the CPU: digests of the
    codes, of the block scales and of the fp32 weight + 0.0, from 200 × 96 numbers, which fill no whole tiles.
    """
    weight = ((torch.arange(200 * 96) * 7919) % 1009 - 504).reshape(200, 96) / 256  # exact on every machine
    made = files.nvfp4(torch.nn.functional.pad(weight, (0, 0, 0, 8)), "swizzled")  # ComfyUI pads to 16 rows
    codes, scales = made.tensors[".weight"], made.tensors[".weight_scale"]
    read = NVFP4Weight(codes, scales, made.tensors[".weight_scale_2"], SWIZZLED).dequantised()
    assert torch.equal(read, made.stands_for)
    parts = (codes, scales.view(torch.uint8), read + 0.0)
    assert [hashlib.sha256(part.numpy().tobytes()).hexdigest()[:16] for part in parts] == [
        "f99ea2b711dc9666",
        "c2095693fa003d0a",
        "b3db74c4192edf24",
    ]


@pytest.mark.parametrize("scales", LAYOUTS)
@pytest.mark.parametrize(("name", "layout"), [("dev", "official"), ("klein-4b", "official"), ("klein-9b", "diffusers")])
def test_both_layouts_of_scales(scales: ScaleLayout, name: str, layout: str, tmp_path: Path) -> None:
    """Every weight is code · (scale · block scale), the velocity follows, and the layout taken is said."""
    file = bfl(tmp_path, scales, name, layout)
    source = files.assert_reads_as_its_formula(file, tmp_path)
    format_ = f"nvfp4 ({scales} scales, high nibble first)"
    assert {form.format for form in source.packed.values()} == {format_}
    assert identify(source).dtypes == ("BF16", format_)
    layer = next(iter(file.packed))
    size = sum(tensor.nbytes for tensor in file.packed[layer].tensors.values())
    assert source.packed[f"{layer}.weight"] == PackedForm(format_, size)


def test_shapes_hide_the_layout_of_the_large_sibling(tmp_path: Path) -> None:
    """The test above means something: both layouts of dev's sibling have the same shapes, and differ in bytes."""
    one, other = (bfl(tmp_path, scales).tensors for scales in LAYOUTS)
    assert {name: tensor.shape for name, tensor in one.items()} == {name: other[name].shape for name in other}
    assert not torch.equal(one[f"{QKV}.weight_scale"].float(), other[f"{QKV}.weight_scale"].float())
    assert torch.equal(one[f"{QKV}.weight_scale"].float().sum(), other[f"{QKV}.weight_scale"].float().sum())


def test_float8_layers_beside(tmp_path: Path) -> None:
    """A mixed file has layers in NVFP4, in fp8 and in bf16, and some without input scale."""
    state = files.bf16_state("dev", "official", "", tmp_path)

    def pack(layer: str, weight: Tensor) -> files.Packed | None:
        if "img_attn" in layer:
            return None
        if "txt_mlp" in layer:
            return files.fp8(weight)
        return files.nvfp4(weight, "swizzled", input_scale="single" in layer)

    file = files.packed_file(state, pack)
    formats = {layer: "float8_e4m3fn" if "txt_mlp" in layer else "nvfp4" for layer in file.packed}
    files.declare_in_header(file, formats)
    source = files.assert_reads_as_its_formula(file, tmp_path)
    assert {form.format for form in source.packed.values()} == {SWIZZLED.format, "fp8 (e4m3fn, scaled)"}
    file.tensors.pop("double_blocks.1.txt_mlp.0.weight_scale")
    with pytest.raises(WeightsError, match=r"missing \(1\): double_blocks\.1\.txt_mlp\.0\.weight_scale"):
        opened(file, tmp_path)


def test_what_multiplies_natively_is_kept(tmp_path: Path) -> None:
    """Codes and scales are handed out as the file has them, swizzled ones swizzled; the input scale if there is one."""
    file = bfl(tmp_path, "swizzled")
    source = opened(file, tmp_path)
    weight: PackedWeight = packed(source, QKV)
    assert isinstance(weight, NVFP4Weight)
    assert torch.equal(weight.codes, file.tensors[f"{QKV}.weight"])
    scales = file.tensors[f"{QKV}.weight_scale"].view(torch.uint8)
    assert torch.equal(weight.block_scales.view(torch.uint8), scales)
    assert weight.scale == file.tensors[f"{QKV}.weight_scale_2"]
    assert weight.input_scale == file.tensors[f"{QKV}.input_scale"]
    assert weight.nbytes == source.packed[f"{QKV}.weight"].nbytes
    moved = weight.to(torch.device("meta"))
    assert moved.input_scale is not None
    assert all(part.is_meta for part in (moved.codes, moved.block_scales, moved.scale, moved.input_scale))
    del file.tensors[f"{QKV}.input_scale"]
    assert packed(opened(file, tmp_path), QKV).input_scale is None


@pytest.mark.parametrize("scales", LAYOUTS)
def test_rows(scales: ScaleLayout, tmp_path: Path) -> None:
    """Rows are cut still packed and without a copy: anywhere in row-major scales, between tiles in swizzled ones."""
    weight = packed(opened(bfl(tmp_path, scales), tmp_path), QKV)
    whole = weight.dequantised()
    for start, stop in ((0, 128), (128, 384), (256, 384)):
        part = weight.rows(start, stop)
        assert part.shape == (stop - start, 128)
        assert torch.equal(part.dequantised(), whole[start:stop])
        assert part.codes.untyped_storage().data_ptr() == weight.codes.untyped_storage().data_ptr()
    assert torch.equal(weight.dequantised(torch.bfloat16), whole.bfloat16())
    if scales == "swizzled":
        for start, stop in ((64, 128), (0, 100)):
            with pytest.raises(ValueError, match="multiples of 128"):
                weight.rows(start, stop)
    else:
        assert torch.equal(weight.rows(3, 100).dequantised(), whole[3:100])
    for start, stop in ((-128, 128), (128, 128), (0, 385)):
        with pytest.raises(ValueError, match="rows"):
            weight.rows(start, stop)


def test_the_last_rows_of_a_broken_tile(tmp_path: Path) -> None:
    """Swizzled scales whose rows end within a tile are cut there too."""
    made = files.nvfp4(torch.randn(200, 96, generator=torch.Generator().manual_seed(5)), "swizzled")
    parts = (made.tensors[ending] for ending in (".weight", ".weight_scale", ".weight_scale_2"))
    weight = NVFP4Weight(*parts, SWIZZLED)
    assert weight.block_scales.shape == (256, 8)
    assert torch.equal(weight.dequantised(), made.stands_for)
    assert torch.equal(weight.rows(128, 200).dequantised(), made.stands_for[128:])


# --- which packing it is -----------------------------------------------------------------------------------------


def _heavy_tails(generator: torch.Generator) -> Tensor:
    normal = torch.randn(4, 128, 256, generator=generator)
    return normal[0] / normal[1:].square().mean(0).sqrt()  # Student's t with three degrees of freedom


WEIGHTS: dict[str, Callable[[torch.Generator], Tensor]] = {
    "bell curve": lambda generator: torch.randn(128, 256, generator=generator),
    "heavy tails": _heavy_tails,
    "rows of all sizes": lambda generator: (
        torch.randn(128, 256, generator=generator) * torch.randn(128, 1, generator=generator).exp()
    ),
    "columns of all sizes": lambda generator: (
        torch.randn(128, 256, generator=generator) * torch.randn(1, 256, generator=generator).exp()
    ),
    "rows and columns of all sizes": lambda generator: (
        torch.randn(128, 256, generator=generator)
        * torch.randn(128, 1, generator=generator).exp()
        * torch.randn(1, 256, generator=generator).exp()
    ),
    "low rank": lambda generator: (
        torch.randn(128, 8, generator=generator) @ torch.randn(8, 256, generator=generator)
        + 0.3 * torch.randn(128, 256, generator=generator)
    ),
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_numbers_tell_the_layout(kind: str, tmp_path: Path) -> None:
    """Where shapes do not, numbers tell the layout of 128 × 256 weights of any kind: in both, for seeds 0 to 19."""
    for seed in range(20):
        weight = WEIGHTS[kind](torch.Generator().manual_seed(seed))
        for scales in LAYOUTS:
            made = files.nvfp4(weight, scales)
            file = File({f"only{ending}": part for ending, part in made.tensors.items()}, {}, {"only": made})
            source = open_weights(files.declare_in_header(file, "nvfp4").write(tmp_path / "one.safetensors"))
            assert source.packed["only.weight"].format == Packing(scales).format
            assert torch.equal(source.tensor("only.weight"), made.stands_for)


def test_the_wrong_layout_is_no_small_matter(tmp_path: Path) -> None:
    """The control: a weight read in the other layout is off by half of its size, and so is one of swapped nibbles."""
    file = bfl(tmp_path, "swizzled")
    weight, bf16 = packed(opened(file, tmp_path), QKV), files.bf16_state("dev", "official", "", tmp_path)
    wanted = bf16[f"{QKV}.weight"].float()

    def error(packing: Packing) -> float:
        read = NVFP4Weight(weight.codes, weight.block_scales, weight.scale, packing).dequantised()
        return float((read - wanted).norm() / wanted.norm())

    assert error(SWIZZLED) < 0.12
    assert error(Packing("row-major")) > 0.3
    assert error(Packing("swizzled", "low first")) > 1


def test_scales_that_are_all_alike_tell_nothing(tmp_path: Path) -> None:
    """Where the numbers are silent too, nothing is guessed: refused with the remedy."""
    file = bfl(tmp_path, "row-major")
    for name in [name for name in file.tensors if name.endswith(".weight_scale")]:
        file.tensors[name] = torch.full_like(file.tensors[name].float(), 3.0).to(torch.float8_e4m3fn)
    with pytest.raises(WeightsError, match="neither in their shapes nor in their numbers; bring the bf16 file"):
        opened(file, tmp_path)


@pytest.mark.parametrize("scales", LAYOUTS)
@pytest.mark.parametrize("high_first", [True, False])
def test_a_bf16_layer_settles_the_packing(scales: ScaleLayout, high_first: bool, tmp_path: Path) -> None:
    """Without any mark, one layer of the bf16 model tells both the layout and the order of nibbles; none: refused."""
    file = bfl(tmp_path, scales, high_first=high_first)
    file.metadata.clear()
    path = file.write(tmp_path / "unmarked.safetensors")
    with pytest.raises(WeightsError, match="which half of a byte stands first cannot be seen: bring a file with"):
        open_weights(path)
    bf16 = files.bf16_state("dev", "official", "", tmp_path)
    reference = File({f"{TEXT}.weight": bf16[f"{TEXT}.weight"]}, {}, {}).write(tmp_path / "bf16.safetensors")
    source = unpack(open_checkpoint(path), open_checkpoint(reference))
    assert source is not None
    nibble = "high" if high_first else "low"
    assert {form.format for form in source.packed.values()} == {f"nvfp4 ({scales} scales, {nibble} nibble first)"}
    assert all(torch.equal(source.tensor(name).float(), wanted) for name, wanted in file.plain.items())


def test_another_model_settles_nothing(tmp_path: Path) -> None:
    """A reference whose weights are others, or that has none of them, is refused."""
    path = bfl(tmp_path, "swizzled").write(tmp_path / "packed.safetensors")
    others = {
        "not the same model": {f"{TEXT}.weight": torch.randn(128, 128, generator=torch.Generator().manual_seed(3))},
        "has none of the nvfp4 weights": {f"{TEXT}.weight": torch.zeros(128, 120)},
    }
    for message, tensors in others.items():
        reference = File(tensors, {}, {}).write(tmp_path / "reference.safetensors")
        with pytest.raises(WeightsError, match=message):
            unpack(open_checkpoint(path), open_checkpoint(reference))


# --- what is refused ---------------------------------------------------------------------------------------------


def _put(name: str, value: Tensor) -> Callable[[File], object]:
    return lambda file: file.tensors.update({name: value})


def _spoilt(code: int) -> Callable[[File], object]:
    def change(file: File) -> None:
        file.tensors[f"{PROJ}.weight_scale"].view(torch.uint8)[3, 1] = code

    return change


def _all_scales_dropped(file: File) -> None:
    for name in [name for name in file.tensors if "_scale" in name.rpartition(".")[2]]:
        del file.tensors[name]


BROKEN: dict[str, tuple[Callable[[File], object], str]] = {
    "block scales dropped": (lambda file: file.tensors.pop(f"{PROJ}.weight_scale"), rf"\(1\): {PROJ}\.weight_scale$"),
    "the scale dropped": (lambda file: file.tensors.pop(f"{PROJ}.weight_scale_2"), rf"\(1\): {PROJ}\.weight_scale_2"),
    "all scales dropped": (_all_scales_dropped, r"missing \(\d+\).*weight_scale"),
    "codes dropped": (lambda file: file.tensors.pop(f"{PROJ}.weight"), rf"lacks layers.*{PROJ}\.weight"),
    "codes of another width": (_put(f"{PROJ}.weight", torch.zeros(64, 30, dtype=torch.uint8)), r"\(64, 30\) of"),
    "codes of another dtype": (_put(f"{PROJ}.weight", torch.zeros(64, 32, dtype=torch.int8)), "torch.int8"),
    "too few block scales": (_put(f"{PROJ}.weight_scale", torch.ones(64, 3, dtype=torch.uint8)), r"neither \(64, 4\)"),
    "block scales in fp32": (_put(f"{PROJ}.weight_scale", torch.ones(64, 4)), "not float8_e4m3fn"),
    "two layouts": (_put(f"{PROJ}.weight_scale", torch.ones(128, 4, dtype=torch.uint8)), "swizzled ones of others"),
    "a scale for every row": (_put(f"{PROJ}.weight_scale_2", torch.ones(64)), r"weight_scale_2 is \(64,\)"),
    "the scale zero": (_put(f"{PROJ}.weight_scale_2", torch.tensor(0.0)), "not finite and positive"),
    "the scale infinite": (_put(f"{PROJ}.weight_scale_2", torch.tensor(float("inf"))), "not finite and positive"),
    "an input scale NaN": (_put(f"{PROJ}.input_scale", torch.tensor(float("nan"))), "input_scale is nan"),
    "a block scale NaN": (_spoilt(0x7F), r"weight_scale holds scales that are not finite"),
    "a block scale negative": (_spoilt(0x81), r"weight_scale holds scales that are not finite and positive"),
    "a scale too large": (_put(f"{PROJ}.weight_scale_2", torch.tensor(3e38)), rf"not finite.*{PROJ}\.weight"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_files_are_refused(fault: str, tmp_path: Path) -> None:
    """What is missing, misshapen or contradictory is named with the file, and never loads; the whole file does."""
    file = bfl(tmp_path, "row-major", "klein-4b")
    files.loaded(file.write(tmp_path / "whole.safetensors"))
    change, message = BROKEN[fault]
    change(file)
    with pytest.raises(WeightsError, match=message) as caught:
        files.loaded(file.write(tmp_path / "broken.safetensors"))
    assert "broken.safetensors" in str(caught.value)


def test_layers_that_the_header_does_not_name_are_refused(tmp_path: Path) -> None:
    """A packed layer that is declared as another format, or not at all, is named."""
    file = bfl(tmp_path, "swizzled")
    for format_ in ("float8_e4m3fn", "mxfp8"):
        files.declare_in_header(file, {layer: format_ if layer == PROJ else "nvfp4" for layer in file.packed})
        with pytest.raises(WeightsError, match=PROJ.replace(".", r"\.")):
            opened(file, tmp_path)


@pytest.mark.parametrize("part", [".weight_scale", ".weight_scale_2"])
def test_swapped_scales_show(part: str, tmp_path: Path) -> None:
    """Scales exchanged between two layers give other weights in both: the equality above would fail."""
    file = bfl(tmp_path, "swizzled")
    files.swap(file, PROJ + part, TEXT + part)
    source = opened(file, tmp_path)
    differing = {name for name, wanted in file.plain.items() if not torch.equal(source.tensor(name).float(), wanted)}
    assert differing == {f"{PROJ}.weight", f"{TEXT}.weight"}


def test_empty_groups_are_zeros() -> None:
    """A group of zeros has the block scale zero, as ComfyUI writes it, and is read as zeros."""
    weight = torch.randn(128, 64, generator=torch.Generator().manual_seed(1))
    weight[:, 16:32] = 0
    made = files.nvfp4(weight, "swizzled")
    assert np.count_nonzero(made.tensors[".weight_scale"].view(torch.uint8).numpy()) == 3 * 128
    parts = (made.tensors[ending] for ending in (".weight", ".weight_scale", ".weight_scale_2"))
    read = NVFP4Weight(*parts, SWIZZLED).dequantised()
    assert torch.equal(read, made.stands_for)
    assert not read[:, 16:32].any()
