"""The same adaptation in every format gives the same weights; a fact of any format broken is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from flux2engine.weights.lora import apply_loras, applying, read_lora, reading
from flux2engine.weights.lora.algebra import Hadamard, Kronecker, LowRank
from flux2engine.weights.lora.places import Place
from flux2engine.weights.safetensors_file import write_tensors
from tests.engine.weights.lora import lora_files
from tests.engine.weights.lora.lora_files import (
    FINAL,
    FORMATS,
    Tensors,
    adaptation,
    reference,
    transformer,
    worst_error,
)

TOLERANCE = 1e-6


def error(path: Path) -> float:
    """Return how far the merged weights are from the reference."""
    model = transformer()
    apply_loras(model, [(read_lora(path), 1.0)])
    return worst_error(model, reference())


@pytest.mark.parametrize("form", FORMATS)
def test_formats(form: str, tmp_path: Path) -> None:
    """Every format gives the weights that the published formula gives, in every linear layer of the model."""
    lora = read_lora(lora_files.write(tmp_path / "lora.safetensors", form))
    model = transformer()
    applied = apply_loras(model, [(lora, 1.0)])
    layers = set(lora_files.linear_layers(transformer()))
    assert {"guidance_in.out_layer", "single_stream_modulation.lin", FINAL, "single_blocks.2.linear1"} <= layers
    assert set(applied.merged) == layers
    assert applied.beside == applied.left_out == ()
    assert worst_error(model, reference()) < TOLERANCE
    assert worst_error(transformer(), reference()) > 0.1  # what not adapting at all would give


def test_what_is_said(tmp_path: Path) -> None:
    """A LoRA says how its layers are named and by which algebra they change."""
    said = {
        form: (read_lora(lora_files.write(tmp_path / f"{number}.safetensors", form)))
        for number, form in enumerate(("diffusers", "kohya", "bare", "LoKr", "LoHa", "DoRA"))
    }
    assert said["diffusers"].naming == ("diffusers (PEFT)",)
    assert said["kohya"].naming == said["LoKr"].naming == ("underscores (kohya, musubi, LyCORIS)",)
    assert said["bare"].naming == ("dotted modules (ai-toolkit, ComfyUI, BFL)",)
    assert [said[form].algebras for form in ("kohya", "LoKr", "LoHa", "DoRA")] == [
        ("LoRA",),
        ("LoKr",),
        ("LoHa",),
        ("DoRA over LoRA",),
    ]


def test_peft_folder(tmp_path: Path) -> None:
    """A folder as PEFT saves it has its alphas in adapter_config.json; without that file they are taken as the rank."""
    changes = adaptation()
    tensors = {f"base_model.model.{layer}.lora_A.weight": change.down for layer, change in changes.items()}
    tensors |= {f"base_model.model.{layer}.lora_B.weight": change.up for layer, change in changes.items()}
    write_tensors(tmp_path / "adapter_model.safetensors", tensors)
    config = tmp_path / "adapter_config.json"
    config.write_text(json.dumps(lora_files.peft_config(changes, official=True)), encoding="utf-8")
    assert error(tmp_path) < TOLERANCE
    assert error(tmp_path / "adapter_model.safetensors") < TOLERANCE
    config.unlink()
    assert error(tmp_path) > 0.1


def test_half_precision(tmp_path: Path) -> None:
    """bf16 factors change a bf16 weight by one rounding of the fp32 sum."""
    tensors, metadata = lora_files.kohya(adaptation())
    narrow = {name: tensor.bfloat16() for name, tensor in tensors.items()}
    write_tensors(tmp_path / "lora.safetensors", narrow, metadata)
    model = transformer().bfloat16()
    before = {name: layer.weight.float() for name, layer in lora_files.linear_layers(model).items()}
    apply_loras(model, [(read_lora(tmp_path / "lora.safetensors"), 0.7)])
    for name, layer in lora_files.linear_layers(model).items():
        stem = f"lora_unet_{name.replace('.', '_')}"
        change = adaptation()[name]
        up, down = narrow[f"{stem}.lora_up.weight"].float(), narrow[f"{stem}.lora_down.weight"].float()
        assert torch.equal(layer.weight, (before[name] + 0.7 * (change.alpha / change.rank * (up @ down))).bfloat16())


# --- one fact broken at a time -------------------------------------------------------------------------------------


def swapped_halves(tensors: Tensors) -> None:
    """Write the final layer's rows in official order under diffusers' name."""
    key = "transformer.norm_out.linear.lora_B.weight"
    tensors[key] = tensors[key].roll(len(tensors[key]) // 2, 0)


def exchanged_queries(tensors: Tensors) -> None:
    """Exchange queries and keys of one block."""
    stem = "transformer.transformer_blocks.1.attn"
    query, key = f"{stem}.to_q.lora_B.weight", f"{stem}.to_k.lora_B.weight"
    tensors[query], tensors[key] = tensors[key], tensors[query]


def other_alpha(tensors: Tensors) -> None:
    """Leave one alpha out."""
    del tensors["lora_unet_guidance_in_in_layer.alpha"]


def other_block(tensors: Tensors) -> None:
    """Exchange two blocks' factors."""
    first, second = "lora_unet_single_blocks_0_linear2", "lora_unet_single_blocks_2_linear2"
    for ending in ("lora_down.weight", "lora_up.weight"):
        one, other = f"{first}.{ending}", f"{second}.{ending}"
        tensors[one], tensors[other] = tensors[other], tensors[one]


@pytest.mark.parametrize(
    ("form", "broken"),
    [
        ("diffusers", swapped_halves),
        ("diffusers", exchanged_queries),
        ("kohya", other_alpha),
        ("kohya", other_block),
    ],
)
def test_wrong_files(form: str, broken: Callable[[Tensors], None], tmp_path: Path) -> None:
    """A file that says something else gives other weights: the equality above would notice."""
    tensors, metadata = FORMATS[form](adaptation())
    broken(tensors)
    write_tensors(tmp_path / "lora.safetensors", tensors, metadata)
    assert error(tmp_path / "lora.safetensors") > 0.01


MUTATIONS = {
    "halves of the final layer are not swapped": (Place, "ordered", lambda self, values, dim: values),
    "alpha is ignored": (reading._Builder, "_scale", lambda self, layer, parts, rank: 1.0),
    "parts of q, k and v stand in another order": (
        Place,
        "rows",
        lambda self, outputs: slice(
            (self.parts - 1 - self.part) * (outputs // self.parts), (self.parts - self.part) * (outputs // self.parts)
        ),
    ),
    "LoRA is not scaled": (LowRank, "matrix", lambda self: self.up.float() @ self.down.float()),
    "LoKr's first factor is left out": (
        Kronecker,
        "matrix",
        lambda self: self.scale * (self.second @ self.second_down),
    ),
    "LoHa's second product is left out": (
        Hadamard,
        "matrix",
        lambda self: self.scale * (self.first_up @ self.first_down),
    ),
    "DoRA measures the unchanged weight": (
        applying,
        "change",
        lambda base, delta, magnitude: (base + delta.matrix()) * magnitude.gain(base) - base,
    ),
}
NOTICED_BY = {
    "halves of the final layer are not swapped": ("diffusers", "bare diffusers", "LoKr"),
    "alpha is ignored": ("diffusers", "ComfyUI", "kohya", "PEFT-wrapped", "bare", "LoKr", "LoHa"),
    "parts of q, k and v stand in another order": ("diffusers", "expanded", "truncated", "LoKr"),
    "LoRA is not scaled": ("kohya, q k v joined",),
    "LoKr's first factor is left out": ("LoKr",),
    "LoHa's second product is left out": ("LoHa",),
    "DoRA measures the unchanged weight": ("DoRA", "DoRA by columns"),
}


@pytest.mark.parametrize("fact", MUTATIONS)
def test_mutations(fact: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Breaking one fact of the reader moves the weights of every format that depends on it."""
    monkeypatch.setattr(*MUTATIONS[fact])
    for form in NOTICED_BY[fact]:
        assert error(lora_files.write(tmp_path / "lora.safetensors", form)) > 0.01, form
