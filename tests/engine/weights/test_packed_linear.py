"""Weights that stay packed multiply exactly as unpacked ones do, and take a packed weight's memory."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from flux2engine.errors import WeightsError
from flux2engine.transformer import Flux2Transformer
from flux2engine.weights import fp8, packed_linear
from flux2engine.weights.identify import identify
from flux2engine.weights.loading import load_weights
from flux2engine.weights.packed import UnpackedSource
from flux2engine.weights.packed_linear import PackedLinear, compute_for, multiply_fp8, packed_layers
from tests.engine import checkpoints
from tests.engine.weights.packed_rows import PackedRows, open_packed, packed_rows, write_packed

CPU = torch.device("cpu")
CUDA = torch.device("cuda")
GENERATOR = torch.Generator().manual_seed(6)


def draw(*shape: int) -> Tensor:
    """Return normal values."""
    return torch.randn(*shape, generator=GENERATOR)


@dataclass(frozen=True)
class Float8(PackedRows):
    """A packed weight with what native fp8 asks for."""

    scale: Tensor = field(default_factory=lambda: torch.tensor(1.0))
    input_scale: Tensor | None = None
    full_precision: bool = False

    @property
    def format(self) -> str:
        return "fp8 (e4m3fn, scaled)"

    def dequantised(self, dtype: torch.dtype = torch.float32) -> Tensor:
        return (self.codes.float() * self.scale).to(dtype)


def float8(rows: int, columns: int, input_scale: float | None = 0.02) -> Float8:
    """Return random fp8 weights."""
    codes = (40 * draw(rows, columns)).to(torch.float8_e4m3fn)
    measured = None if input_scale is None else torch.tensor(input_scale)
    return Float8(codes, torch.ones(rows), scale=torch.tensor(0.003), input_scale=measured)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("thirds", [1, 3])
def test_it_multiplies_exactly_as_the_unpacked_weight(dtype: torch.dtype, thirds: int) -> None:
    """Bit for bit, in the inputs' dtype, parts joined along the outputs; the control: parts in another order differ."""
    parts = [packed_rows(draw(48, 64)) for _ in range(thirds)]
    layer = PackedLinear(parts, CPU)
    inputs = draw(2, 5, 64).to(dtype)
    joined = torch.cat([part.dequantised() for part in parts]).to(dtype)
    expected = functional.linear(inputs, joined)
    assert torch.equal(layer(inputs), expected)
    assert layer(inputs).dtype == dtype
    assert (layer.in_features, layer.out_features) == (64, 48 * thirds)
    if thirds > 1:
        assert not torch.equal(PackedLinear(parts[::-1], CPU)(inputs), expected)


def test_a_bias_is_added() -> None:
    """In the inputs' dtype."""
    part, bias, inputs = packed_rows(draw(8, 16)), draw(8), draw(3, 16).bfloat16()
    expected = functional.linear(inputs, part.dequantised(torch.bfloat16), bias.bfloat16())
    assert torch.equal(PackedLinear([part], CPU, bias)(inputs), expected)


@pytest.mark.parametrize("blocks", [1, 300])
def test_unpacking_holds_a_bounded_piece_at_a_time(monkeypatch: pytest.MonkeyPatch, blocks: int) -> None:
    """The same weight comes of it, cut or, where blocks lie across the cut, whole."""
    held: list[int] = []
    monkeypatch.setattr(packed_linear, "UNPACKED_AT_ONCE", 256 * 32 * 4)
    whole = packed_rows(draw(600, 32), blocks)
    expected = whole.dequantised()

    def watched(self: PackedRows, dtype: torch.dtype = torch.float32) -> Tensor:
        held.append(len(self.codes))
        return (self.codes.float() * self.scales[:, None]).to(dtype)

    monkeypatch.setattr(PackedRows, "dequantised", watched)
    assert torch.equal(PackedLinear([whole], CPU).dequantised(torch.float32), expected)
    assert held == ([256, 256, 88] if blocks == 1 else [600])


def test_parts_that_do_not_join_are_refused() -> None:
    """With their shapes."""
    with pytest.raises(ValueError, match=r"\(8, 16\), \(8, 32\)"):
        PackedLinear([packed_rows(draw(8, 16)), packed_rows(draw(8, 32))], CPU)


def test_moving_a_module_moves_its_packed_parts() -> None:
    """As any layer; a change of dtype leaves them as they are, since they have none."""
    layer = PackedLinear([packed_rows(draw(8, 16))], CPU)
    module = nn.Sequential(layer, nn.Linear(8, 4))
    module.to("meta")
    assert layer.device.type == "meta"
    assert {part.codes.device.type for part in layer.parts} == {"meta"}  # type: ignore[attr-defined]
    still = PackedLinear([packed_rows(draw(8, 16))], CPU)
    parts = still.parts
    assert still.to(torch.bfloat16).parts is parts
    assert still.device == CPU


# --- which way it computes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weight", "capability", "expected"),
    [
        (float8(32, 64), (8, 9), "native fp8"),
        (float8(32, 64), (9, 0), "native fp8"),
        (float8(32, 64), (8, 6), "dequantised"),
        (float8(32, 64, input_scale=None), (9, 0), "dequantised"),
        (float8(24, 64), (9, 0), "dequantised"),
        (packed_rows(draw(32, 64)), (9, 0), "dequantised"),
        (replace(float8(32, 64), codes=torch.zeros(32, 64).to(torch.float8_e5m2)), (9, 0), "dequantised"),
        (replace(float8(32, 64), full_precision=True), (9, 0), "dequantised"),
    ],
    ids=["Ada", "Hopper", "Ampere", "inputs not measured", "sides of 24", "no fp8", "e5m2", "too coarse"],
)
def test_native_fp8_is_chosen_where_weight_and_device_allow_it(
    monkeypatch: pytest.MonkeyPatch, weight: PackedRows, capability: tuple[int, int], expected: str
) -> None:
    """By the device's capability and the weight's scales; never on a CPU."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert compute_for(weight, CUDA) == expected
    assert compute_for(weight, CPU) == "dequantised"


def test_the_published_fp8_format_computes_natively(monkeypatch: pytest.MonkeyPatch) -> None:
    """With both scales; a plain cast, or one whose maker found fp8 products too coarse, is unpacked."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 9))
    codes, scale = torch.zeros(32, 64).to(torch.float8_e4m3fn), torch.tensor(0.1)
    published = fp8.Float8Weight(codes, scale, input_scale=torch.tensor(0.02))
    assert compute_for(published, CUDA) == "native fp8"
    for other in (
        fp8.Float8Weight(codes, None),
        fp8.Float8Weight(codes, scale),
        replace(published, full_precision=True),
    ):
        assert compute_for(other, CUDA) == "dequantised"


def test_every_layer_says_how_it_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, with formats and bytes; a layer with one part that cannot is unpacked as a whole."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    module = nn.ModuleDict(
        {
            "first": PackedLinear([float8(32, 64)], CPU),
            "mixed": PackedLinear([float8(32, 64), packed_rows(draw(32, 64))], CPU),
            "plain": nn.Linear(4, 4),
        }
    )
    first, mixed = packed_layers(module, CUDA)
    assert (first.name, first.compute, first.formats) == ("first", "native fp8", ("fp8 (e4m3fn, scaled)",))
    assert (mixed.name, mixed.compute, mixed.formats) == ("mixed", "dequantised", ("fp8 (e4m3fn, scaled)", "int8 rows"))
    assert first.nbytes == 32 * 64 + 4 * 32
    assert {layer.compute for layer in packed_layers(module, CPU)} == {"dequantised"}


def test_native_fp8_is_the_published_rule() -> None:
    """Inputs over their scale, clamped and rounded, times codes, times both scales; near the unpacked product.

    On the CPU's own fp8 kernel. The control: without the input's scale it is far off.
    """
    weight = float8(32, 64)
    inputs = draw(2, 8, 64).bfloat16()
    inputs[0, 0, 0] = 100.0  # more than 448 · 0.02: clamped
    made = multiply_fp8(inputs, weight).float()
    rounded = (inputs.float() / 0.02).clamp(-448, 448).to(torch.float8_e4m3fn).float()
    expected = rounded @ weight.codes.float().t() * (0.02 * 0.003)
    scale = expected.std()
    assert made.shape == (2, 8, 32)
    assert (made - expected).abs().max() < 0.02 * scale  # bf16 outputs
    exact = functional.linear(inputs.float(), weight.dequantised())
    assert (made - exact)[1].std() < 0.05 * exact[1].std()
    wrong = Float8(weight.codes, weight.scales, scale=weight.scale, input_scale=torch.tensor(1.0))
    assert (multiply_fp8(inputs, wrong).float() - expected).abs().max() > 0.05 * scale


# --- in a model --------------------------------------------------------------------------------------------------


def in_blocks(name: str) -> bool:
    """Say whether a tensor is a matrix of a block."""
    return "blocks." in name and "norm" not in name


def official(tmp_path: Path) -> tuple[UnpackedSource, dict[str, object] | None]:
    """Return a packed official file."""
    return open_packed(
        write_packed(tmp_path / "one.safetensors", checkpoints.official_state("klein-9b"), in_blocks)
    ), None


def diffusers(tmp_path: Path) -> tuple[UnpackedSource, dict[str, object] | None]:
    """Return a packed diffusers folder, everything in it packed but norms: q, k and v in three, halves swapped."""
    folder = checkpoints.write_diffusers_transformer(tmp_path / "folder", "klein-9b")
    plain = open_packed(folder)
    state = {name: plain.tensor(name).clone() for name in plain.forms}
    file = folder / "diffusion_pytorch_model.safetensors"
    write_packed(file, state, lambda name: state[name].ndim == 2)
    return open_packed(folder), json.loads((folder / "config.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("written", [official, diffusers])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_model_that_stays_packed_is_the_unpacked_one(tmp_path: Path, written: type, dtype: torch.dtype) -> None:
    """Its velocity bit for bit; what it says it placed is what it holds; less than half of what the other holds."""
    source, config = written(tmp_path)
    found = identify(source, config)
    velocities, moved = [], []
    for keep in (False, True):
        with torch.device("meta"):
            module = Flux2Transformer(found.shape)  # type: ignore[arg-type]
        moved.append(load_weights(module, source, found, CPU, dtype, keep_packed=keep))
        velocities.append(velocity(module.eval(), dtype))
    assert torch.equal(*velocities)
    layers = packed_layers(module, CPU)
    plain = sum(tensor.nbytes for tensor in module.state_dict().values())
    assert moved[1] == plain + sum(layer.nbytes for layer in layers)
    assert moved[1] < 0.6 * moved[0] * (1 if dtype == torch.float32 else 1.2)
    names = {layer.name for layer in layers}
    assert "double_blocks.0.img_attn.qkv" in names
    assert "final_layer.adaLN_modulation.1" not in names
    assert ("img_in" in names) == (written is diffusers)
    wrong = PackedLinear([packed_rows(draw(*module.double_blocks[0].img_attn.proj.parts[0].shape))], CPU)  # type: ignore
    module.double_blocks[0].img_attn.proj = wrong  # type: ignore[union-attr]
    assert not torch.equal(velocity(module, dtype), velocities[0])  # the control: another packed weight shows


def velocity(module: Flux2Transformer, dtype: torch.dtype) -> Tensor:
    """Return what a transformer makes of fixed inputs."""
    generator = torch.Generator().manual_seed(1)
    side, text, context = 4, 6, module.config.context_dim
    with torch.no_grad():
        made: Tensor = module(
            torch.randn(1, side * side, 128, generator=generator).to(dtype),
            torch.arange(side * side * 4).reshape(1, -1, 4) % 7,
            torch.randn(1, text, context, generator=generator).to(dtype),
            torch.arange(text * 4).reshape(1, -1, 4) % 5,
            torch.tensor([0.5]),
        )
    assert math.isfinite(made.float().sum())
    return made


def test_a_packed_weight_that_is_not_finite_is_refused_by_name(tmp_path: Path) -> None:
    """Though it stays packed."""
    state = checkpoints.official_state("klein-4b")
    path = write_packed(tmp_path / "bad.safetensors", state, in_blocks)
    source = open_packed(path)
    name = "single_blocks.1.linear2.weight"
    good = source.weights[name]
    bad = PackedRows(good().codes, good().scales * float("inf"))  # type: ignore[attr-defined]
    broken = UnpackedSource(source.source, source.forms, source.packed, {**source.weights, name: lambda: bad})
    found = identify(broken)
    with torch.device("meta"):
        module = Flux2Transformer(found.shape)  # type: ignore[arg-type]
    with pytest.raises(WeightsError, match=r"not finite[\s\S]*single_blocks\.1\.linear2\.weight"):
        load_weights(module, broken, found, CPU, None, keep_packed=True)
