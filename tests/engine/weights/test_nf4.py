"""4-bit weights of bitsandbytes: what it writes is read to the same bits, and nothing else is read at all.

Files are written with bitsandbytes' own `quantize_4bit` and `QuantState.as_dict`, in diffusers' layout; what they must
unpack to is its own `dequantize_4bit`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from flux2engine.errors import UnknownLayoutError, WeightsError
from flux2engine.transformer import Flux2Transformer
from flux2engine.weights import nf4, nf4_weight
from flux2engine.weights.formats import open_weights
from flux2engine.weights.identify import Identified, identify
from flux2engine.weights.loading import load_weights
from flux2engine.weights.nf4_weight import FourBitWeight, NestedScales, PlainScales
from flux2engine.weights.packed import UnpackedSource
from tests.engine import checkpoints
from tests.engine.language_model_files import write_language_model
from tests.engine.parity.from_disk import CPU, inputs

logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it says at every start what it would compile
functional = pytest.importorskip("bitsandbytes.functional")
portable = pytest.importorskip("bitsandbytes.backends.default.ops")

WEIGHTS = "diffusion_pytorch_model.safetensors"
LAYER = "transformer_blocks.0.attn.to_q.weight"
STATE = f"{LAYER}.quant_state.bitsandbytes__nf4"


def reference(codes: Tensor, state: Any) -> Tensor:
    """Return what bitsandbytes unpacks.

    Its CPU kernel counts blocks from the start of every row, unlike its own quantiser, its CUDA kernel and its portable
    one, and so does not undo what it quantised where rows are no whole blocks; there, the portable one is asked.
    """
    if state.shape[-1] % state.blocksize == 0:
        return functional.dequantize_4bit(codes, state)
    absmax = state.absmax
    if state.nested:
        absmax = functional.dequantize_blockwise(absmax, state.state2) + state.offset
    compute = portable._dequantize_4bit_compute.__wrapped__  # as it stands: compiling it would take a minute
    return compute(codes.reshape(-1), absmax, state.code, state.blocksize, state.shape, state.dtype)


def quantise(weight: Tensor, kind: str = "nf4", blocksize: int = 64, nested: bool = True) -> tuple[Tensor, Any]:
    """Quantise with bitsandbytes."""
    return functional.quantize_4bit(weight, blocksize=blocksize, compress_statistics=nested, quant_type=kind)


def draw(shape: tuple[int, int], seed: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    """Draw a matrix with rows of different sizes and one of zeros."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(shape, generator=generator) * torch.logspace(-3, 2, shape[0])[:, None]
    weight[shape[0] // 2] = 0
    return weight.to(dtype)


def write_folder(
    folder: Path, name: str, kind: str = "nf4", blocksize: int = 64, nested: bool = True, *, dtype: torch.dtype
) -> dict[str, Tensor]:
    """Write a folder as diffusers does with all its linear layers quantised; return what bitsandbytes unpacks."""
    checkpoints.write_diffusers_transformer(folder, name, dtype=dtype)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["quantization_config"] = {
        "quant_method": "bitsandbytes",
        "load_in_4bit": True,
        "bnb_4bit_quant_type": kind,
        "bnb_4bit_use_double_quant": nested,
        "bnb_4bit_quant_storage": "uint8",
        "bnb_4bit_compute_dtype": str(dtype).removeprefix("torch."),
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    plain, tensors, unpacked = load_file(folder / WEIGHTS), {}, {}
    for key, tensor in plain.items():
        if tensor.ndim != 2:
            tensors[key] = unpacked[key] = tensor
            continue
        codes, state = quantise(tensor, kind, blocksize, nested)
        tensors |= {key: codes} | {f"{key}.{part}": value for part, value in state.as_dict(packed=True).items()}
        unpacked[key] = reference(codes, state)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    return unpacked


def load(folder: Path) -> tuple[nn.Module, Identified]:
    """Load a folder in fp32, as the engine does."""
    source = open_weights(folder)
    found = identify(source, json.loads((folder / "config.json").read_text(encoding="utf-8")))
    with torch.device("meta"):
        module = Flux2Transformer(found.shape)  # type: ignore[arg-type]
    load_weights(module, source, found, CPU, torch.float32)
    return module, found


def velocity(module: nn.Module, name: str) -> Tensor:
    """Compute one call."""
    return inputs(name, 1).ours(module)  # type: ignore[arg-type]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Write a small NF4 folder."""
    write_folder(tmp_path / "transformer", "klein-4b", dtype=torch.bfloat16)
    return tmp_path / "transformer"


def changed(folder: Path, change: Callable[[dict[str, Tensor]], None]) -> Path:
    """Change the tensors of a folder."""
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)
    return folder


def say(tensors: dict[str, Tensor], **changes: object) -> None:
    """Change what a weight's quant_state says; None takes a key away."""
    said = json.loads(bytes(tensors[STATE].tolist())) | changes
    raw = json.dumps({key: value for key, value in said.items() if value is not None}).encode()
    tensors[STATE] = torch.frombuffer(bytearray(raw), dtype=torch.uint8)


# --- equal to bitsandbytes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("nested", [False, True], ids=["plain", "nested"])
@pytest.mark.parametrize("blocksize", [64, 128])
@pytest.mark.parametrize("kind", ["nf4", "fp4"])
def test_weights_equal_bitsandbytes(
    kind: str, blocksize: int, nested: bool, dtype: torch.dtype, tmp_path: Path
) -> None:
    """Every value is bitsandbytes' own; a scale one step of fp32 off shows."""
    weight = draw((96, 384), dtype=dtype) if dtype != torch.float16 else draw((96, 384)).clamp(-9, 9).half()
    codes, state = quantise(weight, kind, blocksize, nested)
    parts = {f"x.weight.{part}": value for part, value in state.as_dict(packed=True).items()}
    save_file({"x.weight": codes} | parts, tmp_path / "x.safetensors")
    source = open_weights(tmp_path / "x.safetensors")
    expected = functional.dequantize_4bit(codes, state)
    assert expected.dtype == dtype
    assert list(source.forms) == ["x.weight"]
    assert source.forms["x.weight"].shape == (96, 384)
    assert source.packed["x.weight"].format == kind + (", double-quantised" if nested else "")
    assert torch.equal(source.tensor("x.weight"), expected.float())
    assert isinstance(source, UnpackedSource)
    assert torch.equal(source.packed_weight("x.weight").dequantised(torch.bfloat16), expected.bfloat16())
    biggest = "nested_absmax" if nested else "absmax"
    parts[f"x.weight.{biggest}"][0] *= 1 + 2**-6  # control
    save_file({"x.weight": codes} | parts, tmp_path / "y.safetensors")
    assert not torch.equal(open_weights(tmp_path / "y.safetensors").tensor("x.weight"), expected.float())


@pytest.mark.parametrize("shape", [(5, 30), (3, 7), (48, 144), (1, 1), (7, 4096)])
@pytest.mark.parametrize("nested", [False, True], ids=["plain", "nested"])
def test_rows_need_not_be_whole_blocks(nested: bool, shape: tuple[int, int], tmp_path: Path) -> None:
    """Blocks go on from row to row, the last is shorter, and an odd value fills half a byte."""
    codes, state = quantise(draw(shape), nested=nested)
    parts = {f"x.weight.{part}": value for part, value in state.as_dict(packed=True).items()}
    save_file({"x.weight": codes} | parts, tmp_path / "x.safetensors")
    source = open_weights(tmp_path / "x.safetensors")
    assert torch.equal(source.tensor("x.weight"), reference(codes, state))


def test_a_weight_longer_than_one_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Unpacking in steps joins what one step gives."""
    weight = draw((64, 320))
    whole = nf4.quantised(weight)
    expected = whole.dequantised()
    for module in (nf4, nf4_weight):
        monkeypatch.setattr(module, "VALUES_AT_ONCE", 4096)
    assert weight.numel() % 4096 == 0
    assert torch.equal(whole.dequantised(), expected)
    assert torch.equal(nf4.quantised(weight).codes, whole.codes)
    assert torch.equal(nf4.quantised(weight[:, :317]).dequantised(), reference(*quantised_by_us(weight[:, :317])))


def quantised_by_us(weight: Tensor) -> tuple[Tensor, Any]:
    """Return our own codes as bitsandbytes holds them."""
    parts = nf4.stored("x.weight", nf4.quantised(weight))
    state = {name.removeprefix("x.weight."): part for name, part in parts.items() if name != "x.weight"}
    return parts["x.weight"], functional.QuantState.from_dict(state, CPU)


@pytest.mark.parametrize(
    ("name", "kind", "blocksize", "nested", "dtype"),
    [
        ("klein-4b", "nf4", 64, True, torch.bfloat16),
        ("klein-4b", "nf4", 64, False, torch.float32),
        ("dev", "nf4", 128, True, torch.bfloat16),
        ("dev", "fp4", 64, False, torch.bfloat16),
        ("klein-9b", "nf4", 64, True, torch.float32),
    ],
)
def test_a_folder_computes_what_bitsandbytes_unpacks(
    name: str, kind: str, blocksize: int, nested: bool, dtype: torch.dtype, tmp_path: Path
) -> None:
    """The velocity is that of the unpacked weights bit for bit, q, k and v joined and the final halves swapped."""
    unpacked = write_folder(tmp_path / "packed", name, kind, blocksize, nested, dtype=dtype)
    checkpoints.write_diffusers_transformer(tmp_path / "plain", name)
    save_file({key: value.float() for key, value in unpacked.items()}, tmp_path / "plain" / WEIGHTS)
    ours, found = load(tmp_path / "packed")
    expected, _ = load(tmp_path / "plain")
    assert found.layout == "diffusers"
    assert found.shape == checkpoints.sibling(name).transformer
    assert found.parameters == sum(part.numel() for part in ours.parameters())
    assert any(called.startswith(kind) for called in found.dtypes)
    theirs = expected.state_dict()
    assert all(torch.equal(part, theirs[key]) for key, part in ours.state_dict().items())
    joined = torch.cat([unpacked[f"transformer_blocks.0.attn.to_{one}.weight"].float() for one in "qkv"])
    assert torch.equal(ours.state_dict()["double_blocks.0.img_attn.qkv.weight"], joined)
    computed = velocity(ours, name)
    assert torch.equal(computed, velocity(expected, name))
    assert not torch.equal(computed, velocity(checkpoints.small_transformer(name), name))  # control: not quantised


def test_a_text_encoder_reads_as_well(tmp_path: Path) -> None:
    """The language models of such folders are quantised too; embeddings and norms are not."""
    config = checkpoints.small_text_config(checkpoints.VARIANTS["klein-4b"].text_encoder)
    write_language_model(tmp_path, config, dtype=torch.bfloat16, shard_size="10GB")
    (path,) = tmp_path.glob("*.safetensors")
    tensors: dict[str, Tensor] = {}
    for key, tensor in load_file(path).items():
        if not key.endswith("_proj.weight"):
            tensors[key] = tensor
            continue
        codes, state = quantise(tensor)
        tensors |= {key: codes} | {f"{key}.{part}": value for part, value in state.as_dict(packed=True).items()}
    save_file(tensors, path)
    source = open_weights(tmp_path)
    found = identify(source, json.loads((tmp_path / "config.json").read_text(encoding="utf-8")))
    assert (found.kind, found.shape) == ("text_encoder", config)
    assert len(source.packed) == 7 * config.layers


# --- rows and devices --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nested", [False, True], ids=["plain", "nested"])
def test_rows_stay_packed(nested: bool) -> None:
    """Some rows unpack to those of the whole, and still nested where scales allow it; cut blocks are refused."""
    codes, state = quantise(draw((600, 64)), nested=nested)
    scales: PlainScales | NestedScales = PlainScales(state.absmax)
    if nested:
        inner = state.state2
        scales = NestedScales(state.absmax, inner.absmax, inner.code, float(state.offset), inner.blocksize)
    weight = FourBitWeight(codes.reshape(-1), scales, "nf4", 64, torch.float32, (600, 64))
    whole = weight.dequantised()
    for start, stop in ((0, 600), (0, 1), (256, 600), (37, 411), (599, 600)):
        part = weight.rows(start, stop)
        assert part.shape == (stop - start, 64)
        assert torch.equal(part.dequantised(), whole[start:stop])
        assert ("double" in part.format) == (nested and start % 256 == 0)
        assert torch.equal(part.to(CPU).dequantised(), whole[start:stop])
        assert part.nbytes < weight.nbytes or stop - start == 600
    for start, stop in ((-1, 5), (5, 5), (0, 601)):
        with pytest.raises(ValueError, match="not among"):
            weight.rows(start, stop)
    odd = FourBitWeight(codes.reshape(-1), scales, "nf4", 128, torch.float32, (600, 64))
    with pytest.raises(ValueError, match="cut through blocks of 128"):
        odd.rows(1, 3)


# --- quantising --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_codes_are_those_of_bitsandbytes(dtype: torch.dtype) -> None:
    """Our quantiser gives bitsandbytes' codes; scales differ by no more than the rounding of their mean."""
    weight = draw((96, 384), dtype=dtype)
    ours, state = quantised_by_us(weight)
    codes, theirs = quantise(weight)
    assert torch.equal(ours, codes)
    assert torch.equal(state.code, theirs.code)
    assert torch.equal(state.state2.code, theirs.state2.code)
    assert abs(float(state.offset) - float(theirs.offset)) <= 2**-22 * float(theirs.offset)
    assert (state.absmax.int() - theirs.absmax.int()).abs().max() <= 1
    assert (state.shape, state.dtype, state.blocksize) == (theirs.shape, theirs.dtype, theirs.blocksize)
    assert torch.equal(functional.dequantize_4bit(ours, state), nf4.quantised(weight).dequantised(dtype))


# --- what is refused ---------------------------------------------------------------------------------------------


def test_scales_of_another_layer_change_the_picture(written: Path) -> None:
    """What no reader can see — scales swapped between layers of one shape — is what the comparison above would see."""
    before = velocity(load(written)[0], "klein-4b")

    def swap(tensors: dict[str, Tensor]) -> None:
        first, second = f"{LAYER}.absmax", LAYER.replace("to_q", "to_k") + ".absmax"
        tensors[first], tensors[second] = tensors[second], tensors[first]

    assert not torch.equal(before, velocity(load(changed(written, swap))[0], "klein-4b"))


def _shuffle(tensors: dict[str, Tensor]) -> None:
    tensors[f"{LAYER}.quant_map"] = tensors[f"{LAYER}.quant_map"].roll(1)


def _without(*endings: str) -> Callable[[dict[str, Tensor]], None]:
    def change(tensors: dict[str, Tensor]) -> None:
        for ending in endings:
            del tensors[LAYER + ending]

    return change


def _set(ending: str, make: Callable[[Tensor], Tensor]) -> Callable[[dict[str, Tensor]], None]:
    def change(tensors: dict[str, Tensor]) -> None:
        tensors[LAYER + ending] = make(tensors[LAYER + ending]).contiguous()

    return change


def _say(**changes: object) -> Callable[[dict[str, Tensor]], None]:
    return lambda tensors: say(tensors, **changes)


def _raw(text: str) -> Callable[[dict[str, Tensor]], None]:
    raw = torch.frombuffer(bytearray(text.encode("latin-1")), dtype=torch.uint8)
    return lambda tensors: tensors.update({STATE: raw})


REFUSED: Mapping[str, tuple[Callable[[dict[str, Tensor]], None], str]] = {
    "quant_map shuffled": (_shuffle, "quant_map is not the table of nf4"),
    "no absmax": (_without(".absmax"), "to_q.weight.absmax"),
    "no nested_absmax": (_without(".nested_absmax"), "nested_absmax"),
    "no nested_quant_map": (_without(".nested_quant_map"), "nested_quant_map"),
    "no quant_map": (_without(".quant_map"), "to_q.weight.quant_map"),
    "no weight": (_without(""), "missing"),
    "no quant_state": (_without(".quant_state.bitsandbytes__nf4"), "have no quant_state"),
    "codes without anything": (
        _without(
            *(".absmax", ".nested_absmax", ".nested_quant_map", ".quant_map", ".quant_state.bitsandbytes__nf4")
        ),
        "have no quant_state",
    ),
    "absmax of a larger layer": (_set(".absmax", lambda scales: scales.repeat(3)), "absmax"),
    "absmax in fp32": (_set(".absmax", lambda scales: scales.float()), "instead of"),
    "codes cut": (_set("", lambda codes: codes[:-32]), "bytes for"),
    "another shape": (_say(shape=[64, 128]), "bytes for (64, 128)"),
    "transposed within the bytes": (_say(shape=[32, 128]), "32, 128"),
    "three sides": (_say(shape=[64, 8, 8]), "rows and columns"),
    "a shape of truths": (_say(shape=[True, 4096]), "rows and columns"),
    "a vast shape": (_say(shape=[1 << 40, 1 << 40]), "its shape is"),
    "an empty shape": (_say(shape=[0, 64]), "its shape is"),
    "another block size": (_say(blocksize=128), "absmax"),
    "an unknown block size": (_say(blocksize=48), "another size than bitsandbytes knows"),
    "a block size with a point": (_say(blocksize=64.0), "another size than bitsandbytes knows"),
    "an unhashable block size": (_say(blocksize=[64]), "another size than bitsandbytes knows"),
    "another type inside": (_say(quant_type="fp4"), "its name says nf4"),
    "another dtype": (_say(dtype="int8"), "its dtype is 'int8'"),
    "an unhashable dtype": (_say(dtype=["bfloat16"]), "its dtype is"),
    "no offset": (_say(nested_offset=None), "its keys are"),
    "an infinite offset": (_raw('{"quant_type":"nf4","blocksize":64,"dtype":"bfloat16","shape":[64,64],'
                                '"nested_blocksize":256,"nested_dtype":"float32","nested_offset":1e999}'), "inf"),
    "not nested as it says": (
        _say(nested_blocksize=None, nested_dtype=None, nested_offset=None), "to_q.weight"
    ),
    "no JSON": (_raw("{quant}"), "cannot be followed"),
    "not UTF-8": (_raw("\xff\xfe"), "cannot be followed"),
    "two objects": (_raw("{} {}"), "cannot be followed"),
    "a long state": (_raw("{" + " " * 2000 + "}"), "at most 1000 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(case: str, written: Path) -> None:
    """A WeightsError names the file or the tensor; the same file unchanged loads (every other test)."""
    change, said = REFUSED[case]
    with pytest.raises(WeightsError) as refused:
        load(changed(written, change))
    assert said in str(refused.value)
    assert "to_q" in str(refused.value)


def test_scales_without_any_state_are_refused_by_name(written: Path) -> None:
    """Where every quant_state is gone, no format reads the file; it is named, never taken for plain weights."""

    def drop(tensors: dict[str, Tensor]) -> None:
        for name in [name for name in tensors if ".quant_state." in name]:
            del tensors[name]

    with pytest.raises(UnknownLayoutError, match="bitsandbytes"):
        load(changed(written, drop))
