"""diffusers and PEFT give the same weights as the engine where they support a format; files they wrote are read."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from torch import Tensor, nn

from flux2engine.transformer import Flux2Transformer
from flux2engine.weights.lora import apply_loras, read_lora
from tests.engine.parity import peer
from tests.engine.weights.lora import lora_files
from tests.engine.weights.lora.lora_files import FINAL, adaptation, transformer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from diffusers.loaders import Flux2LoraLoaderMixin

TOLERANCE = 1e-6
pytestmark = pytest.mark.filterwarnings("ignore")  # what peers say while they load is not ours


def ours(path: Path) -> Flux2Transformer:
    """Return our transformer with the file's LoRA merged."""
    model = transformer()
    apply_loras(model, [(read_lora(path), 1.0)])
    return model


def difference(merged: Flux2Transformer, theirs: Mapping[str, Tensor]) -> float:
    """Return the largest difference of any weight of diffusers' model, in units of its layer's largest."""
    renamed: dict[str, Tensor] = {}
    for name, tensor in merged.state_dict().items():
        renamed |= peer.transformer_keys(name, tensor)
    assert renamed.keys() == theirs.keys()
    return max(float((renamed[name] - theirs[name]).abs().max() / theirs[name].abs().max()) for name in renamed)


def diffusers_fused(path: Path) -> Mapping[str, Tensor]:
    """Return the weights of diffusers' model after its own reading, loading and fusing."""
    state, metadata = Flux2LoraLoaderMixin.lora_state_dict(str(path), return_lora_metadata=True)
    model: Any = peer.diffusers_transformer(transformer())
    model.load_lora_adapter(state, metadata=metadata, prefix="transformer")
    model.fuse_lora()
    model.unload_lora()
    return model.state_dict()


# What of the adaptation diffusers reads in a format. It leaves the rows of `ai-toolkit`'s final layer in the wrong
# order and drops guidance_in, modulation and the final layer's adaLN of kohya's files without an error.
SUPPORTED = {
    "diffusers": lambda name: True,
    "ai-toolkit": lambda name: name != FINAL,
    "kohya": lambda name: not name.startswith(("guidance_in", "double_stream", "single_stream", FINAL)),
    "kohya, q k v joined": lambda name: "_blocks." in name,
}


@pytest.mark.parametrize("form", SUPPORTED)
def test_diffusers_agrees(form: str, tmp_path: Path) -> None:
    """Where diffusers supports a format, its fused weights are ours."""
    changes = {name: change for name, change in adaptation().items() if SUPPORTED[form](name)}
    path = lora_files.write(tmp_path / "lora.safetensors", form, changes)
    theirs = diffusers_fused(path)
    assert difference(ours(path), theirs) < TOLERANCE
    assert difference(transformer(), theirs) > 0.1


def linear_names(model: nn.Module) -> list[str]:
    """Return the names of all linear layers."""
    return [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)]


def randomised(model: nn.Module) -> None:
    """Give every factor of an adapter values, so that none of them changes nothing."""
    generator = torch.Generator().manual_seed(8)
    for name, values in model.named_parameters():
        if "lora_magnitude" in name:
            values.data.mul_(1 + 0.3 * torch.rand(values.shape, generator=generator))
        elif any(mark in name for mark in ("lora_", "lokr_", "hada_")):
            values.data.copy_(torch.randn(values.shape, generator=generator) / values.shape[-1] ** 0.5)


CONFIGURATIONS = {
    "LoRA": lambda names: peft.LoraConfig(
        r=4, lora_alpha=6, target_modules=names, rank_pattern={"to_q": 2}, alpha_pattern={"proj_out": 3}
    ),
    "rsLoRA": lambda names: peft.LoraConfig(r=4, lora_alpha=6, target_modules=names, use_rslora=True),
    "DoRA": lambda names: peft.LoraConfig(r=4, lora_alpha=6, target_modules=names, use_dora=True),
    "LoHa": lambda names: peft.LoHaConfig(r=3, alpha=5, target_modules=names),
    "LoKr": lambda names: peft.LoKrConfig(r=3, alpha=5, target_modules=names, decompose_factor=4),
    "LoKr of full matrices": lambda names: peft.LoKrConfig(r=64, alpha=48, target_modules=names),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_files_of_peft(name: str, tmp_path: Path) -> None:
    """A folder that PEFT saved gives the weights that PEFT merges; every algebra, alpha and rank pattern included."""
    model = peer.diffusers_transformer(transformer())
    adapted = peft.get_peft_model(model, CONFIGURATIONS[name](linear_names(model)))
    randomised(adapted)
    adapted.save_pretrained(tmp_path)
    theirs = adapted.merge_and_unload().state_dict()
    assert difference(ours(tmp_path), theirs) < 2 * TOLERANCE
    assert difference(transformer(), theirs) > 0.1


def test_files_of_diffusers(tmp_path: Path) -> None:
    """A file that diffusers' trainers save, alpha in its metadata, gives the weights that diffusers fuses."""
    model = peer.diffusers_transformer(transformer())
    model.add_adapter(peft.LoraConfig(r=4, lora_alpha=6, target_modules=linear_names(model)))
    randomised(model)
    Flux2LoraLoaderMixin.save_lora_weights(
        tmp_path,
        transformer_lora_layers=peft.get_peft_model_state_dict(model),
        transformer_lora_adapter_metadata=model.peft_config["default"].to_dict(),
    )
    path = tmp_path / "pytorch_lora_weights.safetensors"
    theirs = diffusers_fused(path)
    assert difference(ours(path), theirs) < TOLERANCE
    assert difference(transformer(), theirs) > 0.1
