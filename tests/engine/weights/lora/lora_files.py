"""One adaptation of a tiny FLUX.2 transformer → files of it in every format met in the wild.

Every linear layer of the model is adapted. Names in diffusers' layout come from the table of the parity tests, not from
the engine's. Knows nothing of how files are read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

from flux2engine.transformer import Flux2Transformer
from flux2engine.variants import TransformerConfig
from flux2engine.weights.safetensors_file import write_tensors
from tests.engine.parity.peer import transformer_keys
from tests.engine.random_weights import randomise

CONFIG = TransformerConfig(
    hidden_size=64,
    heads=2,
    head_dim=32,
    axes_dim=(8, 8, 8, 8),
    double_blocks=2,
    single_blocks=3,
    context_dim=48,
    guidance_embedding=True,
)
FINAL = "final_layer.adaLN_modulation.1"
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Change:
    """Change one official layer by alpha / rank · up · down."""

    down: Tensor
    up: Tensor
    alpha: float

    @property
    def rank(self) -> int:
        """Return the rank."""
        return len(self.down)

    @property
    def matrix(self) -> Tensor:
        """Return the change in fp64, the reference of every test."""
        return self.alpha / self.rank * (self.up.double() @ self.down.double())


def transformer() -> Flux2Transformer:
    """Return a new tiny transformer, always with the same weights."""
    model = Flux2Transformer(CONFIG)
    randomise(model, seed=5)
    return model


def linear_layers(model: nn.Module) -> dict[str, nn.Linear]:
    """Return every linear layer by its official name."""
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear)}


@lru_cache
def adaptation(seed: int = 6) -> Mapping[str, Change]:
    """Return a change of every linear layer, as large as its weight; layers differ in rank and in alpha / rank."""
    generator = torch.Generator().manual_seed(seed)
    changes = {}
    for name, layer in linear_layers(transformer()).items():
        rank, alpha = (6, 9.0) if name.endswith("linear1") else (4, 2.0)
        down = torch.randn(rank, layer.in_features, generator=generator) / layer.in_features**0.5
        changes[name] = Change(down, torch.randn(layer.out_features, rank, generator=generator), alpha)
    return changes


def reference(changes: Mapping[str, Change] | None = None, strength: float = 1.0) -> dict[str, Tensor]:
    """Return the weights that the adapted model has, in fp64."""
    changes = adaptation() if changes is None else changes
    return {
        name: layer.weight.double() + strength * changes[name].matrix
        for name, layer in linear_layers(transformer()).items()
        if name in changes
    }


def worst_error(model: nn.Module, wanted: Mapping[str, Tensor]) -> float:
    """Return the largest difference of any weight, in units of the largest value of its layer."""
    layers = linear_layers(model)
    errors = [
        (layers[name].weight.double() - weight).abs().max() / weight.abs().max() for name, weight in wanted.items()
    ]
    return float(max(errors))


def diffusers_names(layer: str, up: Tensor) -> dict[str, Tensor]:
    """Return diffusers' layers for an official one, each with its rows of `up` in diffusers' order."""
    return {name.removesuffix(".weight"): rows for name, rows in transformer_keys(f"{layer}.weight", up).items()}


def peft_config(changes: Mapping[str, Change], official: bool) -> dict[str, object]:
    """Return rank and alpha as PEFT writes them: the common ones, and patterns for layers that differ."""
    others = {name: change for name, change in changes.items() if change.rank != 4}
    names = {
        theirs: change
        for name, change in others.items()
        for theirs in ([name] if official else diffusers_names(name, change.up))
    }
    everything = {name: change.up for name, change in changes.items()}
    return {
        "peft_type": "LORA",
        "target_modules": [
            theirs for name, up in everything.items() for theirs in ([name] if official else diffusers_names(name, up))
        ],
        "r": 4,
        "lora_alpha": 2,
        "rank_pattern": {name: change.rank for name, change in names.items()},
        "alpha_pattern": {name: int(change.alpha) for name, change in names.items()},
        "use_rslora": False,
    }


# --- the formats: from the changes to tensors and metadata ---------------------------------------------------------

Written = tuple[Tensors, dict[str, str]]
Changes = Mapping[str, Change]


def diffusers(changes: Changes) -> Written:
    """Name diffusers' layers after `transformer.`, alpha in the metadata."""
    tensors: Tensors = {}
    for layer, change in changes.items():
        for name, up in diffusers_names(layer, change.up).items():
            tensors[f"transformer.{name}.lora_A.weight"] = change.down
            tensors[f"transformer.{name}.lora_B.weight"] = up
    config = {f"transformer.{name}": value for name, value in peft_config(changes, official=False).items()}
    return tensors, {"format": "pt", "lora_adapter_metadata": json.dumps(config)}


def ai_toolkit(changes: Changes) -> Written:
    """Name official layers after `diffusion_model.`; no alpha, it is in the factors."""
    tensors: Tensors = {}
    for layer, change in changes.items():
        tensors[f"diffusion_model.{layer}.lora_A.weight"] = change.down
        tensors[f"diffusion_model.{layer}.lora_B.weight"] = change.alpha / change.rank * change.up
    return tensors, {"ss_output_name": "tiny"}


def comfyui(changes: Changes) -> Written:
    """Name official layers after `diffusion_model.`, down and up, alphas as tensors of one element."""
    tensors: Tensors = {}
    for layer, change in changes.items():
        tensors[f"diffusion_model.{layer}.lora_down.weight"] = change.down
        tensors[f"diffusion_model.{layer}.lora_up.weight"] = change.up
        tensors[f"diffusion_model.{layer}.alpha"] = torch.tensor([change.alpha])
    return tensors, {}


def kohya(changes: Changes) -> Written:
    """Name official layers after `lora_unet_`, underscores for dots, alphas as scalars."""
    tensors: Tensors = {}
    for layer, change in changes.items():
        name = f"lora_unet_{layer.replace('.', '_')}"
        tensors[f"{name}.lora_down.weight"] = change.down
        tensors[f"{name}.lora_up.weight"] = change.up
        tensors[f"{name}.alpha"] = torch.tensor(change.alpha)
    return tensors, {}


def kohya_joined(changes: Changes) -> Written:
    """Join separate q, k and v as musubi-tuner does: three times the rank, `up` in three blocks and zeros."""
    joined = dict(changes)
    for layer, change in changes.items():
        if layer.endswith(".qkv"):
            up = torch.block_diag(*change.up.chunk(3))
            joined[layer] = Change(change.down.repeat(3, 1), up, 3 * change.alpha)
    return kohya(joined)


def peft_wrapped(changes: Changes) -> Written:
    """Name official layers after `base_model.model.`, alphas as tensors."""
    tensors, metadata = comfyui(changes)
    return {_spelled(name).replace("diffusion_model", "base_model.model"): t for name, t in tensors.items()}, metadata


def bare(changes: Changes) -> Written:
    """Name official layers alone, PEFT's adapter name kept."""
    tensors, metadata = comfyui(changes)
    renamed = {_spelled(name).removeprefix("diffusion_model."): tensor for name, tensor in tensors.items()}
    return {name.replace(".weight", ".default.weight"): tensor for name, tensor in renamed.items()}, metadata


def bare_diffusers(changes: Changes) -> Written:
    """Name diffusers' layers alone, alphas as tensors."""
    tensors, _ = diffusers(changes)
    renamed = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    for layer, change in changes.items():
        renamed |= {f"{name}.alpha": torch.tensor(change.alpha) for name in diffusers_names(layer, change.up)}
    return renamed, {}


def expanded(changes: Changes) -> Written:
    """Name diffusers' layers after `diffusion_model.`."""
    tensors, metadata = bare_diffusers(changes)
    return {f"diffusion_model.{name}": tensor for name, tensor in tensors.items()}, metadata


def truncated(changes: Changes) -> Written:
    """Cut `transformer_blocks` to `sformer_blocks`."""
    tensors, metadata = expanded(changes)
    return {
        name.replace("diffusion_model.transformer_blocks", "diffusion_model.sformer_blocks"): tensor
        for name, tensor in tensors.items()
    }, metadata


def lycoris_lokr(changes: Changes) -> Written:
    """Name diffusers' layers after `lycoris_`, underscores for dots; the change as a number ⊗ (a · b)."""
    tensors: Tensors = {}
    for layer, change in changes.items():
        for name, up in diffusers_names(layer, change.up).items():
            stem = f"lycoris_{name.replace('.', '_')}"
            tensors[f"{stem}.lokr_w1"] = torch.full((1, 1), 2.0)
            tensors[f"{stem}.lokr_w2_a"] = up / 2
            tensors[f"{stem}.lokr_w2_b"] = change.down
            tensors[f"{stem}.alpha"] = torch.tensor(change.alpha)
    return tensors, {}


def loha(changes: Changes) -> Written:
    """Name layers as kohya does; the change as (a · b) ∘ a matrix of halves, of the same rank."""
    tensors: Tensors = {}
    for layer, change in changes.items():
        stem = f"lora_unet_{layer.replace('.', '_')}"
        tensors[f"{stem}.hada_w1_a"], tensors[f"{stem}.hada_w1_b"] = 2 * change.up, change.down
        tensors[f"{stem}.hada_w2_a"] = torch.full((len(change.up), change.rank), 0.5 / change.rank)
        tensors[f"{stem}.hada_w2_b"] = torch.ones(change.rank, change.down.shape[1])
        tensors[f"{stem}.alpha"] = torch.tensor(change.alpha)
    return tensors, {}


def dora(changes: Changes) -> Written:
    """Give diffusers' LoRA PEFT's magnitude per row: the length that each row has once it is changed."""
    tensors, metadata = diffusers(changes)
    for layer, weight in reference(changes).items():
        lengths = weight.norm(dim=1, keepdim=True).float()
        for name, rows in diffusers_names(layer, lengths).items():
            tensors[f"transformer.{name}.lora_magnitude_vector.weight"] = rows[:, 0].contiguous()
    return tensors, metadata


def dora_columns(changes: Changes) -> Written:
    """Give kohya's LoRA LyCORIS' magnitude per column: the length that each column has once it is changed."""
    tensors, metadata = kohya(changes)
    for layer, weight in reference(changes).items():
        lengths = weight.norm(dim=0, keepdim=True).float()
        tensors[f"lora_unet_{layer.replace('.', '_')}.dora_scale"] = lengths
    return tensors, metadata


def dora_parts(changes: Changes) -> Written:
    """Give diffusers' LoRA a magnitude per column, of q, k and v apart."""
    tensors, metadata = diffusers(changes)
    for layer, weight in reference(changes).items():
        for name, rows in diffusers_names(layer, weight).items():
            tensors[f"transformer.{name}.dora_scale"] = rows.norm(dim=0, keepdim=True).float()
    return tensors, metadata


FORMATS: dict[str, Callable[[Changes], Written]] = {
    "diffusers": diffusers,
    "ai-toolkit": ai_toolkit,
    "ComfyUI": comfyui,
    "kohya": kohya,
    "kohya, q k v joined": kohya_joined,
    "PEFT-wrapped": peft_wrapped,
    "bare": bare,
    "bare diffusers": bare_diffusers,
    "expanded": expanded,
    "truncated": truncated,
    "LoKr": lycoris_lokr,
    "LoHa": loha,
    "DoRA": dora,
    "DoRA by columns": dora_columns,
    "DoRA by columns, diffusers": dora_parts,
}


def write(path: Path, form: str, changes: Changes | None = None) -> Path:
    """Write the adaptation in one format; return the path."""
    tensors, metadata = FORMATS[form](adaptation() if changes is None else changes)
    write_tensors(path, tensors, metadata)
    return path


def _spelled(name: str) -> str:
    return name.replace("lora_down", "lora_A").replace("lora_up", "lora_B")
