"""ComfyUI's files of both generations read as their formula says, bit for bit; what is not read is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from flux2engine.errors import UnknownLayoutError, WeightsError
from flux2engine.weights.fp8 import Float8Weight
from flux2engine.weights.identify import identify
from flux2engine.weights.nvfp4_weight import NVFP4Weight
from tests.engine import checkpoints
from tests.engine.weights import float8_files as files
from tests.engine.weights.float8_files import File, opened

E4M3, E5M2 = torch.float8_e4m3fn, torch.float8_e5m2
QKV, PROJ = "double_blocks.0.img_attn.qkv", "double_blocks.0.img_attn.proj"
LEGACY_ENDINGS = {".weight": ".weight", ".weight_scale": ".scale_weight", ".input_scale": ".scale_input"}


def legacy(
    folder: Path, mark: Tensor | None = None, dtype: torch.dtype = E4M3, prefix: str = "", layout: str = "official"
) -> File:
    """Return a file of the first generation: a mark that is nothing but its dtype, and scales by the old names."""

    def pack(_: str, weight: Tensor) -> files.Packed:
        made = files.fp8(weight, dtype)
        tensors = {LEGACY_ENDINGS[ending]: part for ending, part in made.tensors.items()}
        return files.Packed(tensors, made.stands_for)

    file = files.packed_file(files.bf16_state("klein-4b", layout, prefix, folder), pack)
    file.tensors[f"{prefix}scaled_fp8"] = torch.empty(0, dtype=dtype) if mark is None else mark
    return file


def kind_of(layer: str) -> str:
    """Say how the mixed file of these tests packs a layer."""
    if "txt_mlp" in layer:
        return "float8_e4m3fn"
    return "float8_e5m2" if "img_attn.proj" in layer else "nvfp4"


def current(
    folder: Path,
    kind: Callable[[str], str] = kind_of,
    name: str = "dev",
    prefix: str = "",
    layout: str = "official",
    scales: str = "swizzled",
) -> File:
    """Return a file of the second generation: each packed layer says how, in bytes of JSON."""

    def pack(layer: str, weight: Tensor) -> files.Packed:
        format_ = kind(layer)
        made = files.nvfp4(weight, scales) if format_ == "nvfp4" else files.fp8(weight, getattr(torch, format_))
        return files.Packed(dict(made.tensors) | {".comfy_quant": files.declaration(format=format_)}, made.stands_for)

    return files.packed_file(files.bf16_state(name, layout, prefix, folder), pack)


# --- the first generation ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
@pytest.mark.parametrize("dtype", [E4M3, E5M2], ids=str)
def test_the_first_generation(dtype: torch.dtype, prefix: str, tmp_path: Path) -> None:
    """Every weight is code · scale_weight, the velocity follows bit for bit; mark and scales are hidden."""
    source = files.assert_reads_as_its_formula(legacy(tmp_path, dtype=dtype, prefix=prefix), tmp_path)
    name = "e4m3fn" if dtype == E4M3 else "e5m2"
    assert {form.format for form in source.packed.values()} == {f"fp8 ({name}, scaled)"}


def test_the_first_generation_under_diffusers_names(tmp_path: Path) -> None:
    """The layout of the names has no part in the packing."""
    files.assert_reads_as_its_formula(legacy(tmp_path, layout="diffusers"), tmp_path)


@pytest.mark.parametrize(
    ("mark", "full_precision"),
    [
        (torch.empty(0, dtype=E4M3), False),
        (torch.zeros(1, dtype=E4M3), False),
        (torch.zeros(1), False),  # fp32 stands for e4m3
        (torch.zeros(2, dtype=E4M3), True),
    ],
    ids=["empty", "one", "one of fp32", "two"],
)
def test_marks(mark: Tensor, full_precision: bool, tmp_path: Path) -> None:
    """A mark of two numbers asks for products in full precision; input scales are kept, one of exactly 1 means none."""
    file = legacy(tmp_path, mark)
    file.tensors[f"{PROJ}.scale_input"] = torch.tensor(1.0)
    source = opened(file, tmp_path)
    weight, other = (source.packed_weight(f"{layer}.weight") for layer in (QKV, PROJ))
    assert isinstance(weight, Float8Weight)
    assert isinstance(other, Float8Weight)
    assert weight.input_scale == file.tensors[f"{QKV}.scale_input"]
    assert other.input_scale is None
    assert weight.full_precision is full_precision
    assert torch.equal(other.dequantised(), file.plain[f"{PROJ}.weight"])


@pytest.mark.parametrize("generation", ["first", "second"])
@pytest.mark.parametrize("name", ["klein-4b", "dev"])
def test_text_encoders(name: str, generation: str, tmp_path: Path) -> None:
    """A language model as ComfyUI's users have it, its tokenizer a tensor of bytes, is read by the same rules."""
    written = checkpoints.write_text_encoder_file(tmp_path, name, dtype=torch.bfloat16)
    ending = ".scale_weight" if generation == "first" else ".weight_scale"
    tensors, wanted = {}, {}
    for key, tensor in load_file(written).items():
        if tensor.ndim != 2 or ".layers." not in key:
            tensors[key] = wanted[key] = tensor
            continue
        made, layer = files.fp8(tensor), key.removesuffix(".weight")
        tensors |= {key: made.tensors[".weight"], layer + ending: made.tensors[".weight_scale"]}
        if generation == "second":
            tensors[f"{layer}.comfy_quant"] = files.declaration(format="float8_e4m3fn")
        wanted[key] = made.stands_for
    if generation == "first":
        tensors["scaled_fp8"] = torch.empty(0, dtype=E4M3)
    source = opened(File(tensors, {}, {}), tmp_path)
    config = checkpoints.write_text_encoder(tmp_path, name) / "text_encoder" / "config.json"
    found = identify(source, json.loads(config.read_text(encoding="utf-8")))
    assert (found.kind, found.shape) == ("text_encoder", checkpoints.sibling(name).text_encoder)
    assert set(source.forms) == set(wanted)
    assert all(torch.equal(source.tensor(key), tensor) for key, tensor in wanted.items())


def _without(*endings: str) -> Callable[[File], object]:
    def change(file: File) -> None:
        for name in [name for name in file.tensors if name.endswith(endings)]:
            del file.tensors[name]

    return change


def _put(name: str, value: Tensor) -> Callable[[File], object]:
    return lambda file: file.tensors.update({name: value})


BROKEN_LEGACY: dict[str, tuple[Callable[[File], object], str]] = {
    "a scale dropped": (_without(f"{PROJ}.scale_weight"), rf"missing \(1\): {PROJ}\.scale_weight"),
    "all weights' scales dropped": (_without(".scale_weight"), r"do not belong together|not as its scaled_fp8 says"),
    "all scales dropped": (_without(".scale_weight", ".scale_input"), r"not as its scaled_fp8 says.*scale_weight"),
    "mark and scales dropped": (_without("scale_weight", "scale_input", "scaled_fp8"), "its scale was dropped"),
    "the mark dropped": (_without("scaled_fp8"), "has no scaled_fp8"),
    "two marks": (_put("model.scaled_fp8", torch.zeros(1)), "has 2 scaled_fp8"),
    "another mark": (
        _put("scaled_fp8", torch.zeros(1, dtype=E5M2)),
        r"torch\.float8_e4m3fn instead of torch\.float8_e5m2",
    ),
    "one scale a row": (_put(f"{PROJ}.scale_weight", torch.ones(64)), r"scale_weight is \(64,\)"),
    "the scale zero": (_put(f"{PROJ}.scale_weight", torch.tensor(0.0)), "not finite and positive"),
    "the scale NaN": (_put(f"{PROJ}.scale_weight", torch.tensor(float("nan"))), "not finite and positive"),
    "a scale of nothing": (_put("other.scale_weight", torch.tensor(1.0)), r"unexpected \(1\): other\.scale_weight"),
    "an empty tensor": (_put("img_out.weight", torch.empty(0)), "empty or too deep shape"),
}


@pytest.mark.parametrize("fault", BROKEN_LEGACY)
def test_broken_files_of_the_first_generation(fault: str, tmp_path: Path) -> None:
    """What is missing, misshapen or contradictory is named with the file, and never loads; the whole file does."""
    file = legacy(tmp_path)
    files.loaded(file.write(tmp_path / "whole.safetensors"))
    change, message = BROKEN_LEGACY[fault]
    change(file)
    with pytest.raises(WeightsError, match=message) as caught:
        files.loaded(file.write(tmp_path / "broken.safetensors"))
    assert "broken.safetensors" in str(caught.value)


# --- the second generation ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "prefix", "layout"),
    [
        ("dev", "", "official"),
        ("klein-4b", "model.diffusion_model.", "official"),
        ("klein-9b", "", "diffusers"),
    ],
)
def test_the_second_generation(name: str, prefix: str, layout: str, tmp_path: Path) -> None:
    """A file that mixes e4m3, e5m2 and NVFP4 by layer is read as each layer says; its declarations are hidden."""
    source = files.assert_reads_as_its_formula(current(tmp_path, kind_of, name, prefix, layout), tmp_path)
    formats = {form.format for form in source.packed.values()}
    assert "nvfp4 (swizzled scales, high nibble first)" in formats
    assert len(formats) == (3 if layout == "official" else 1)


@pytest.mark.parametrize("format_", ["float8_e4m3fn", "float8_e5m2", "nvfp4"])
def test_files_of_one_format(format_: str, tmp_path: Path) -> None:
    """A file of one format alone is read as well."""
    source = files.assert_reads_as_its_formula(current(tmp_path, lambda _: format_, "klein-4b"), tmp_path)
    assert len({form.format for form in source.packed.values()}) == 1


def test_declarations_beside_the_header(tmp_path: Path) -> None:
    """Some files say it twice: the same is read, a contradiction is refused."""
    file = current(tmp_path)
    files.declare_in_header(file, {layer: kind_of(layer) for layer in file.packed})
    files.assert_reads_as_its_formula(file, tmp_path)
    files.declare_in_header(file, dict.fromkeys(file.packed, "nvfp4"))
    with pytest.raises(WeightsError, match=rf"disagree.*{PROJ}"):
        opened(file, tmp_path)


def test_full_precision_is_said(tmp_path: Path) -> None:
    """A layer may ask for products in full precision, in either format."""
    file = current(tmp_path)
    for layer in (PROJ, QKV):
        declared = files.declaration(
            format=kind_of(layer), full_precision_matrix_mult=True, orig_dtype="torch.bfloat16"
        )
        file.tensors[f"{layer}.comfy_quant"] = declared
    source = opened(file, tmp_path)
    asked, also, other = (source.packed_weight(f"{layer}.weight") for layer in (PROJ, QKV, QKV.replace("img", "txt")))
    assert isinstance(asked, Float8Weight)
    assert isinstance(also, NVFP4Weight)
    assert isinstance(other, NVFP4Weight)
    assert (asked.full_precision, also.full_precision, other.full_precision) == (True, True, False)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"format": "mxfp8"}, "'mxfp8', which is not read"),
        ({"format": "int8_tensorwise"}, "'int8_tensorwise', which is not read"),
        ({"format": "convrot_w4a4"}, "'convrot_w4a4', which is not read"),
        ({"format": "asym_w4a8_int8", "group_size": 16}, "'asym_w4a8_int8', which is not read"),
        ({"format": "nvfp4", "convrot": True, "convrot_groupsize": 256}, r"rotated columns \(convrot\), not read"),
        ({"format": "float8_e4m3fn", "group_size": 128}, "in groups of 128, not read"),
        ({"format": "nvfp4", "group_size": 32}, "in groups of 32, not read"),
        ({"format": "nvfp4", "codebook": "lloyd"}, "with 'codebook', which is not known here"),
    ],
    ids=lambda value: value["format"] if isinstance(value, dict) else "",
)
def test_what_is_not_read_is_refused_by_name(values: dict[str, Any], named: str, tmp_path: Path) -> None:
    """Another packing, or a known one with an addition, names the layer, what it is, and what to bring."""
    file = current(tmp_path, lambda _: "nvfp4", "klein-4b")
    file.tensors[f"{PROJ}.comfy_quant"] = files.declaration(**values)
    with pytest.raises(UnknownLayoutError, match=named) as caught:
        opened(file, tmp_path)
    assert PROJ in str(caught.value)
    assert "bring such a file, or the bf16 one" in str(caught.value)


def _declared(text: bytes) -> Callable[[File], object]:
    return _put(f"{PROJ}.comfy_quant", torch.tensor(list(text), dtype=torch.uint8))


BROKEN: dict[str, tuple[Callable[[File], object], str]] = {
    "no JSON": (_declared(b"{format}"), "not the JSON of one layer"),
    "JSON and more": (_declared(b'{"format": "nvfp4"} {}'), "goes on after its object"),
    "nested JSON": (_declared(b'{"format": "nvfp4", "params": {"a": 1}}'), "not a flat object"),
    "a key twice": (_declared(b'{"format": "nvfp4", "format": "nvfp4"}'), "a key is repeated"),
    "no text": (_declared(b"\xff\xfe"), "not the JSON of one layer"),
    "no format": (_declared(b'{"size": 16}'), "names no format"),
    "too long": (_put(f"{PROJ}.comfy_quant", torch.zeros(1001, dtype=torch.uint8)), "not at most 1000 bytes"),
    "no bytes": (_put(f"{PROJ}.comfy_quant", torch.zeros(4)), r"is \(4,\) of torch\.float32"),
    "of no weight": (_put("other.comfy_quant", files.declaration(format="nvfp4")), "belongs to no weight"),
    "undeclared nvfp4": (_without(f"{QKV}.comfy_quant"), rf"unexpected.*{QKV}\.weight"),
    "undeclared fp8": (_without(f"{PROJ}.comfy_quant"), rf"unexpected.*{PROJ}\.weight"),
    "a scale dropped": (_without(f"{PROJ}.weight_scale"), rf"missing.*{PROJ}\.weight_scale"),
    "a second scale dropped": (_without(f"{QKV}.weight_scale_2"), rf"missing.*{QKV}\.weight_scale_2"),
    "another format": (
        _declared(b'{"format": "float8_e4m3fn"}'),
        r"torch\.float8_e5m2 instead of torch\.float8_e4m3fn",
    ),
    "smoothed inputs": (_put(f"{QKV}.pre_quant_scale", torch.ones(128)), "pre_quant_scale, which scales its inputs"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_files_of_the_second_generation(fault: str, tmp_path: Path) -> None:
    """What is missing, malformed or contradictory is named with the file, and never loads; the whole file opens."""
    file = current(tmp_path)
    opened(file, tmp_path)
    change, message = BROKEN[fault]
    change(file)
    with pytest.raises(WeightsError, match=message) as caught:
        files.loaded(file.write(tmp_path / "broken.safetensors"))
    assert "broken.safetensors" in str(caught.value)


def test_all_scales_dropped(tmp_path: Path) -> None:
    """Codes without scales and declarations are never read as a plain cast."""
    file = current(tmp_path, lambda _: "float8_e4m3fn", "klein-4b")
    _without("comfy_quant", "weight_scale", "input_scale")(file)
    with pytest.raises(WeightsError, match=r"no scale and holds the largest e4m3fn number, 448: its scale was dropped"):
        files.loaded(file.write(tmp_path / "broken.safetensors"))


@pytest.mark.parametrize("name", ["dev", "klein-4b"])
def test_row_major_scales_contradict_the_mark(name: str, tmp_path: Path) -> None:
    """ComfyUI itself would read them swizzled: shape (klein 4B's sibling) or numbers (dev's) show that they are not."""
    with pytest.raises(WeightsError, match="its nvfp4 scales are row-major and its comfy_quant means swizzled ones"):
        opened(current(tmp_path, name=name, scales="row-major"), tmp_path)


def test_scales_that_are_all_alike_are_read_by_the_mark(tmp_path: Path) -> None:
    """Where the numbers are silent, the mark decides."""
    file = current(tmp_path)
    alike = torch.full((128, 8), 3.0).to(E4M3)
    for name in [name for name in file.tensors if name.endswith("scale_2")]:
        scales = file.tensors[name.removesuffix("_2")]
        file.tensors[name.removesuffix("_2")] = alike[:1, :1].expand(scales.shape).contiguous()
    assert {form.format for form in opened(file, tmp_path).packed.values() if "nvfp4" in form.format} == {
        "nvfp4 (swizzled scales, high nibble first)"
    }


def test_swapped_scales_show(tmp_path: Path) -> None:
    """Scales exchanged between two layers give other weights in both: the equality above would fail."""
    file = current(tmp_path, lambda _: "float8_e4m3fn", "klein-4b")
    files.swap(file, f"{QKV}.weight_scale", f"{PROJ}.weight_scale")
    source = opened(file, tmp_path)
    differing = {name for name, wanted in file.plain.items() if not torch.equal(source.tensor(name).float(), wanted)}
    assert differing == {f"{QKV}.weight", f"{PROJ}.weight"}
