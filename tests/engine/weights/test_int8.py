"""LLM.int8 weights: what bitsandbytes writes is read to the same bits, and halves of it are refused."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from flux2engine.errors import UnknownLayoutError, WeightsError
from flux2engine.transformer import Flux2Transformer
from flux2engine.weights import int8
from flux2engine.weights.formats import open_weights
from flux2engine.weights.identify import identify
from flux2engine.weights.loading import load_weights
from flux2engine.weights.packed import UnpackedSource
from tests.engine import checkpoints
from tests.engine.parity.from_disk import CPU, inputs

logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
functional = pytest.importorskip("bitsandbytes.functional")

WEIGHTS = "diffusion_pytorch_model.safetensors"
LAYER = "transformer_blocks.0.attn.to_k"


def draw(shape: tuple[int, int]) -> Tensor:
    """Draw a matrix with rows of very different sizes."""
    generator = torch.Generator().manual_seed(3)
    return torch.randn(shape, generator=generator) * torch.logspace(-3, 3, shape[0])[:, None]


def write_folder(folder: Path) -> dict[str, Tensor]:
    """Write a folder as diffusers does with LLM.int8; return what bitsandbytes unpacks."""
    checkpoints.write_diffusers_transformer(folder, "klein-4b")
    tensors, unpacked = {}, {}
    for key, tensor in load_file(folder / WEIGHTS).items():
        if tensor.ndim != 2:
            tensors[key] = unpacked[key] = tensor
            continue
        codes, scales, _ = functional.int8_vectorwise_quant(tensor)
        stem = key.removesuffix(".weight")
        tensors |= {key: codes, f"{stem}.SCB": scales, f"{stem}.weight_format": torch.tensor(0, dtype=torch.uint8)}
        unpacked[key] = functional.int8_vectorwise_dequant(codes, scales)
    save_file(tensors, folder / WEIGHTS)
    return unpacked


def load(folder: Path) -> Flux2Transformer:
    """Load a folder in fp32, as the engine does."""
    source = open_weights(folder)
    found = identify(source)
    with torch.device("meta"):
        module = Flux2Transformer(found.shape)  # type: ignore[arg-type]
    load_weights(module, source, found, CPU, torch.float32)
    return module


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Write a small int8 folder."""
    write_folder(tmp_path / "transformer")
    return tmp_path / "transformer"


def changed(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> Path:
    """Change the tensors of a folder."""
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)
    return folder


def test_a_folder_computes_what_bitsandbytes_unpacks(tmp_path: Path) -> None:
    """Weights and velocity are those of the unpacked tensors bit for bit; with scales swapped they are not."""
    unpacked = write_folder(tmp_path / "packed")
    checkpoints.write_diffusers_transformer(tmp_path / "plain", "klein-4b")
    save_file(unpacked, tmp_path / "plain" / WEIGHTS)
    ours, expected = load(tmp_path / "packed"), load(tmp_path / "plain")
    theirs = expected.state_dict()
    assert all(torch.equal(part, theirs[key]) for key, part in ours.state_dict().items())
    computed = inputs("klein-4b", 1).ours(ours)
    assert torch.equal(computed, inputs("klein-4b", 1).ours(expected))

    def swap(tensors: dict[str, Tensor]) -> None:
        other = LAYER.replace("to_k", "to_q")
        tensors[f"{LAYER}.SCB"], tensors[f"{other}.SCB"] = tensors[f"{other}.SCB"], tensors[f"{LAYER}.SCB"]

    swapped = inputs("klein-4b", 1).ours(load(changed(tmp_path / "packed", swap)))
    assert not torch.equal(computed, swapped)


def test_weights_stay_packed(written: Path) -> None:
    """The source names the format, counts codes and scales, and hands rows out packed."""
    source = open_weights(written)
    assert isinstance(source, UnpackedSource)
    name = f"{LAYER}.weight"
    assert source.packed[name].format == "int8 (by rows)"
    assert source.packed[name].nbytes == 64 * 64 + 64 * 4
    assert source.forms[name].dtype == torch.float32
    assert not any(key.endswith(("SCB", "weight_format")) for key in source.forms)
    weight = source.packed_weight(name)
    assert weight.nbytes == 64 * 64 + 64 * 4
    assert torch.equal(weight.rows(7, 50).to(CPU).dequantised(), source.tensor(name)[7:50])
    assert torch.equal(weight.dequantised(torch.bfloat16), source.tensor(name).bfloat16())
    for start, stop in ((-1, 3), (3, 3), (0, 65)):
        with pytest.raises(ValueError, match="not among 64"):
            weight.rows(start, stop)


def test_codes_are_those_of_bitsandbytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quantising gives bitsandbytes' codes and scales exactly, in steps as well; a row of zeros stays one."""
    weight = draw((96, 80))
    codes, scales, _ = functional.int8_vectorwise_quant(weight.clone())
    for step in (1 << 22, 1000):
        monkeypatch.setattr(int8, "_VALUES_AT_ONCE", step)
        ours = int8.quantised(weight)
        assert torch.equal(ours.codes, codes)
        assert torch.equal(ours.scales, scales)
        assert torch.equal(ours.dequantised(), functional.int8_vectorwise_dequant(codes, scales))
    weight[5] = 0
    assert torch.equal(int8.quantised(weight).dequantised()[5], torch.zeros(80))
    assert int(int8.quantised(weight).codes.abs().max()) == 127


REFUSED: dict[str, tuple[Callable[[dict[str, Tensor]], object], str]] = {
    "a layer without scales": (lambda tensors: tensors.pop(f"{LAYER}.SCB"), "missing"),
    "scales without a layer": (lambda tensors: tensors.pop(f"{LAYER}.weight"), "missing"),
    "scales of a shorter layer": (
        lambda tensors: tensors.update({f"{LAYER}.SCB": tensors[f"{LAYER}.SCB"][:32].clone()}),
        "for the weight's",
    ),
    "one scale": (lambda tensors: tensors.update({f"{LAYER}.SCB": torch.ones(())}), "for the weight's"),
    "scales in half precision": (
        lambda tensors: tensors.update({f"{LAYER}.SCB": tensors[f"{LAYER}.SCB"].half()}),
        "for the weight's",
    ),
    "codes that are floats": (
        lambda tensors: tensors.update({f"{LAYER}.weight": tensors[f"{LAYER}.weight"].float()}),
        "instead of a matrix of torch.int8",
    ),
    "tiled for an old GPU": (
        lambda tensors: tensors.update({f"{LAYER}.weight_format": torch.tensor(2, dtype=torch.uint8)}),
        "tiled for an old GPU",
    ),
    "a long layout": (
        lambda tensors: tensors.update({f"{LAYER}.weight_format": torch.zeros(9, dtype=torch.uint8)}),
        "instead of one byte",
    ),
    "a scale that is no number": (
        lambda tensors: tensors[f"{LAYER}.SCB"].fill_(float("nan")),
        "not finite",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_halves_are_refused(case: str, written: Path) -> None:
    """A WeightsError names the layer; the same file unchanged loads (the other tests)."""
    change, said = REFUSED[case]
    with pytest.raises(WeightsError, match=said) as refused:
        load(changed(written, change))
    assert LAYER in str(refused.value)


def test_codes_without_any_scales_are_refused(written: Path) -> None:
    """Where all scales were dropped, integers are never taken for weights."""

    def drop(tensors: dict[str, Tensor]) -> None:
        for name in [name for name in tensors if name.endswith((".SCB", ".weight_format"))]:
            del tensors[name]

    with pytest.raises(UnknownLayoutError, match="packed"):
        load(changed(written, drop))
