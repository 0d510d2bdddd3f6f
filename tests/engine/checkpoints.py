"""Small siblings of every published model → files on disk in every layout that real ones come in.

Shapes differ between the sizes in heads, blocks and widths, so that a mix-up cannot load. diffusers folders are
written by diffusers' own `save_pretrained`. Tests of weights, library, phases and the walk in the README use these.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from flux2engine.autoencoder import AutoencoderKLFlux2
from flux2engine.transformer import Flux2Transformer
from flux2engine.variants import VARIANTS, AutoencoderConfig, ModelVariant, TextEncoderConfig, TransformerConfig
from tests.engine.language_model_files import VOCABULARY, language_model, write_language_model, write_tokenizer
from tests.engine.parity import peer
from tests.engine.random_weights import randomise

PREFIXES = ("", "model.diffusion_model.", "diffusion_model.")
NORM_SUFFIXES = ("scale", "weight")
PUBLISHED = tuple(name for name in VARIANTS if name != "nano")


def _transformer(heads: int, double: int, single: int, context: int, guidance: bool) -> TransformerConfig:
    return TransformerConfig(
        hidden_size=32 * heads,
        heads=heads,
        head_dim=32,
        axes_dim=(8, 8, 8, 8),
        double_blocks=double,
        single_blocks=single,
        context_dim=context,
        guidance_embedding=guidance,
    )


# By the real hidden size.
TRANSFORMERS = {
    6144: _transformer(heads=4, double=3, single=4, context=144, guidance=True),
    4096: _transformer(heads=3, double=2, single=3, context=120, guidance=False),
    3072: _transformer(heads=2, double=1, single=2, context=96, guidance=False),
}
# By the real hidden size. The number of layers stays real, so that the real taps fit.
_TEXT_WIDTHS = {5120: (48, 64), 4096: (40, 80), 2560: (32, 64)}  # hidden, feed forward

# 32 groups cannot be seen in a file, so small files have them too.
AUTOENCODER = AutoencoderConfig(channels=32)
SMALL_DECODER = AutoencoderConfig(channels=64, decoder_channels=32)

STATISTICS = ("bn.running_mean", "bn.running_var")


def small_text_config(config: TextEncoderConfig) -> TextEncoderConfig:
    """Return a published text encoder's shape made small; taps and layers stay."""
    hidden, feed_forward = _TEXT_WIDTHS[config.hidden_size]
    return replace(
        config,
        hidden_size=hidden,
        heads=4,
        key_value_heads=2,
        head_dim=16,  # like the real ones, not hidden / heads
        feed_forward_size=feed_forward,
        vocabulary=VOCABULARY,
    )


def sibling(name: str) -> ModelVariant:
    """Return the row of variant `name` at its small size."""
    row = VARIANTS[name]
    return replace(
        row,
        transformer=TRANSFORMERS[row.transformer.hidden_size],
        autoencoder=AUTOENCODER,
        text_encoder=small_text_config(row.text_encoder),
    )


@lru_cache
def small_transformer(name: str) -> Flux2Transformer:
    """Return the small transformer of variant `name`, fp32; every variant has its own weights."""
    model = Flux2Transformer(sibling(name).transformer)
    randomise(model, seed=100 + sorted(VARIANTS).index(name))
    return model


@lru_cache
def small_autoencoder(small_decoder: bool = False) -> AutoencoderKLFlux2:
    """Return the small autoencoder, fp32; its decoder keeps pixels around the middle, where clamping hides nothing."""
    model = AutoencoderKLFlux2(SMALL_DECODER if small_decoder else AUTOENCODER)
    randomise(model, seed=90 + small_decoder)
    model.decoder.conv_out.weight.mul_(0.6)
    model.decoder.conv_out.bias.mul_(0.3)
    return model


def official_state(
    name: str, *, prefix: str = "", norm_suffix: str = "scale", dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """Return the tensors of the official single file of variant `name`."""
    state = small_transformer(name).state_dict()
    spelled = {
        key.removesuffix("scale") + norm_suffix if key.endswith("_norm.scale") else key: state[key] for key in state
    }
    return {prefix + key: tensor.to(dtype).contiguous() for key, tensor in spelled.items()}


def write_official(
    folder: Path,
    name: str,
    *,
    prefix: str = "",
    norm_suffix: str = "scale",
    dtype: torch.dtype = torch.float32,
    file_name: str | None = None,
) -> Path:
    """Write the official single file of variant `name` under its published name; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (file_name or VARIANTS[name].file_names[0])
    save_file(official_state(name, prefix=prefix, norm_suffix=norm_suffix, dtype=dtype), path)
    return path


def autoencoder_state(*, small_decoder: bool = False, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Return the tensors of the official autoencoder file, the counter that nothing uses included."""
    state: Mapping[str, Tensor] = small_autoencoder(small_decoder).state_dict()
    kept = {key: tensor.to(torch.float32 if key in STATISTICS else dtype) for key, tensor in state.items()}
    return kept | {"bn.num_batches_tracked": torch.tensor(7)}


def write_official_autoencoder(
    folder: Path,
    *,
    small_decoder: bool = False,
    dtype: torch.dtype = torch.float32,
    file_name: str | None = None,
) -> Path:
    """Write ae.safetensors (or the small decoder's file, under its own name); return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    published = "full_encoder_small_decoder.safetensors" if small_decoder else "ae.safetensors"
    path = folder / (file_name or published)
    save_file(autoencoder_state(small_decoder=small_decoder, dtype=dtype), path)
    return path


def write_diffusers_transformer(
    folder: Path, name: str, *, dtype: torch.dtype = torch.float32, shard_size: str = "10GB"
) -> Path:
    """Write a diffusers component folder of variant `name`: config.json with weights, or shards with their index."""
    model = peer.diffusers_transformer(small_transformer(name))
    _cast(model, dtype).save_pretrained(folder, max_shard_size=shard_size)
    return folder


def write_diffusers_autoencoder(
    folder: Path, *, small_decoder: bool = False, dtype: torch.dtype = torch.float32, shard_size: str = "10GB"
) -> Path:
    """Write a diffusers component folder of the autoencoder."""
    model = peer.diffusers_autoencoder(small_autoencoder(small_decoder))
    _cast(model, dtype).save_pretrained(folder, max_shard_size=shard_size)
    return folder


def write_diffusers(
    folder: Path,
    name: str,
    *,
    dtype: torch.dtype = torch.float32,
    shard_size: str = "10GB",
    small_decoder: bool = False,
    text: bool = True,
) -> Path:
    """Write a whole diffusers folder of variant `name`; `text=False` leaves text_encoder/ and tokenizer/ out.

    `shard_size="200KB"` shards the transformer and the text encoder.
    """
    write_diffusers_transformer(folder / "transformer", name, dtype=dtype, shard_size=shard_size)
    write_diffusers_autoencoder(folder / "vae", small_decoder=small_decoder, dtype=dtype)
    peer.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift=3.0).save_pretrained(folder / "scheduler")
    if text:
        write_text_encoder(folder, name, dtype=dtype, shard_size=shard_size)
    (folder / "model_index.json").write_text(json.dumps(_model_index(name), indent=2) + "\n", encoding="utf-8")
    return folder


def write_text_encoder(
    folder: Path, name: str, *, dtype: torch.dtype = torch.float32, shard_size: str = "10GB"
) -> Path:
    """Write text_encoder/ and tokenizer/ of variant `name` into `folder`; return `folder`."""
    config = sibling(name).text_encoder
    write_language_model(folder / "text_encoder", config, dtype=dtype, shard_size=shard_size)
    write_tokenizer(folder / "tokenizer", config.kind)
    return folder


def write_text_encoder_file(
    folder: Path, name: str, *, layers: int | None = None, prefix: str = "model.", dtype: torch.dtype = torch.float32
) -> Path:
    """Write the language model as one file, as ComfyUI's users have it: no config.json, perhaps with fewer layers.

    Mistral's gets the tokenizer as a tensor of bytes, as in the real file. Return its path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = sibling(name).text_encoder
    model = language_model(config)
    decoder = model.model if config.kind == "qwen3" else model.model.language_model
    state = {
        prefix + key: tensor.to(dtype).contiguous()
        for key, tensor in decoder.state_dict().items()
        if layers is None or not key.startswith("layers.") or int(key.split(".")[1]) < layers
    }
    if config.kind == "mistral3":
        state["tekken_model"] = torch.frombuffer(bytearray(b'{"config": {}}'), dtype=torch.uint8)
    path = folder / ("qwen_3.safetensors" if config.kind == "qwen3" else "mistral_3_small_flux2.safetensors")
    save_file(state, path)
    return path


def _cast(model: Any, dtype: torch.dtype) -> Any:
    # diffusers' own `to` warns that it may cast what should stay fp32: the statistics, which real bf16 files hold in
    # bf16 too.
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            tensor.data = tensor.data.to(dtype)
    return model


def write_sparse(path: Path, forms: Mapping[str, tuple[int, ...]], dtype: str = "BF16") -> Path:
    """Write a file with the header of real weights and a hole for data: zeros that take no disk, at any true size."""
    header, position = {}, 0
    for name, shape in forms.items():
        end = position + math.prod(shape) * {"BF16": 2, "F32": 4, "U8": 1, "F8_E4M3": 1}[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, end]}
        position = end
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(len(raw).to_bytes(8, "little") + raw)
        file.truncate(8 + len(raw) + position)
    return path


def _model_index(name: str) -> dict[str, Any]:
    row = VARIANTS[name]
    mistral = row.text_encoder.kind == "mistral3"
    pipeline = "Flux2Pipeline" if mistral else "Flux2KleinKVPipeline" if row.cached_references else "Flux2KleinPipeline"
    index: dict[str, Any] = {
        "_class_name": pipeline,
        "_diffusers_version": "0.37.0.dev0",
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": ["transformers", "Mistral3ForConditionalGeneration" if mistral else "Qwen3ForCausalLM"],
        "tokenizer": ["transformers", "PixtralProcessor" if mistral else "Qwen2TokenizerFast"],
        "transformer": ["diffusers", "Flux2Transformer2DModel"],
        "vae": ["diffusers", "AutoencoderKLFlux2"],
    }
    if pipeline == "Flux2KleinPipeline":
        index["is_distilled"] = row.fixed_sampling
    return index
