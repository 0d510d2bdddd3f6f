"""At their true sizes, on the meta device and from headers alone, the models have exactly the published keys.

The lists come from rules written here from the published layouts, not from the engine, and from diffusers' own classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch

from flux2engine.autoencoder import AutoencoderKLFlux2
from flux2engine.transformer import Flux2Transformer
from flux2engine.variants import AUTOENCODERS, TEXT_ENCODERS, VARIANTS, TransformerConfig
from flux2engine.weights.checkpoint import open_checkpoint
from flux2engine.weights.identify import identify, official_shapes
from flux2engine.weights.layouts import Kind, piece
from tests.engine.checkpoints import write_sparse
from tests.engine.parity import peer

Shapes = dict[str, tuple[int, ...]]

# hidden size, heads, double blocks, single blocks, width of the text, guidance, parameters
SIZES = {
    "dev": (6144, 48, 8, 48, 15360, True, 32_223_281_152),
    "klein-9b": (4096, 32, 8, 24, 12288, False, 9_078_581_248),
    "klein-4b": (3072, 24, 5, 20, 7680, False, 3_875_544_576),
}
SAME_SHAPE = {
    "dev": ("dev",),
    "klein-9b": ("klein-9b", "klein-base-9b", "klein-9b-kv"),
    "klein-4b": ("klein-4b", "klein-base-4b"),
}


def published_keys(name: str) -> Shapes:
    """Return the keys and shapes of an official single file, from the published rules."""
    h, _, double, single, context, guidance, _ = SIZES[name]
    keys: Shapes = {
        "img_in.weight": (h, 128),
        "txt_in.weight": (h, context),
        "time_in.in_layer.weight": (h, 256),
        "time_in.out_layer.weight": (h, h),
        "double_stream_modulation_img.lin.weight": (6 * h, h),
        "double_stream_modulation_txt.lin.weight": (6 * h, h),
        "single_stream_modulation.lin.weight": (3 * h, h),
        "final_layer.linear.weight": (128, h),
        "final_layer.adaLN_modulation.1.weight": (2 * h, h),
    }
    if guidance:
        keys |= {"guidance_in.in_layer.weight": (h, 256), "guidance_in.out_layer.weight": (h, h)}
    for n in range(double):
        for stream in ("img", "txt"):
            keys |= {
                f"double_blocks.{n}.{stream}_attn.qkv.weight": (3 * h, h),
                f"double_blocks.{n}.{stream}_attn.norm.query_norm.scale": (128,),
                f"double_blocks.{n}.{stream}_attn.norm.key_norm.scale": (128,),
                f"double_blocks.{n}.{stream}_attn.proj.weight": (h, h),
                f"double_blocks.{n}.{stream}_mlp.0.weight": (6 * h, h),
                f"double_blocks.{n}.{stream}_mlp.2.weight": (h, 3 * h),
            }
    for n in range(single):
        keys |= {
            f"single_blocks.{n}.linear1.weight": (9 * h, h),
            f"single_blocks.{n}.linear2.weight": (h, 4 * h),
            f"single_blocks.{n}.norm.query_norm.scale": (128,),
            f"single_blocks.{n}.norm.key_norm.scale": (128,),
        }
    return keys


def published_autoencoder_keys() -> set[str]:
    """Return the keys of the official autoencoder file, from the published rules."""
    layers = ["encoder.conv_in", "encoder.norm_out", "encoder.conv_out", "encoder.quant_conv"]
    layers += ["decoder.conv_in", "decoder.norm_out", "decoder.conv_out", "decoder.post_quant_conv"]
    in_a_block = ("norm1", "conv1", "norm2", "conv2")
    for side in ("encoder", "decoder"):
        layers += [f"{side}.mid.{block}.{part}" for block in ("block_1", "block_2") for part in in_a_block]
        layers += [f"{side}.mid.attn_1.{part}" for part in ("norm", "q", "k", "v", "proj_out")]
    for level in range(4):
        layers += [f"encoder.down.{level}.block.{block}.{part}" for block in range(2) for part in in_a_block]
        layers += [f"decoder.up.{level}.block.{block}.{part}" for block in range(3) for part in in_a_block]
    layers += [f"encoder.down.{level}.downsample.conv" for level in range(3)]
    layers += [f"decoder.up.{level}.upsample.conv" for level in range(1, 4)]
    # Where a level is wider than the one before it: (1, 2, 4, 4) going down, (4, 4, 2, 1) going up.
    layers += [f"encoder.down.{level}.block.0.nin_shortcut" for level in (1, 2)]
    layers += [f"decoder.up.{level}.block.0.nin_shortcut" for level in (1, 0)]
    return {f"{layer}.{end}" for layer in layers for end in ("weight", "bias")} | {"bn.running_mean", "bn.running_var"}


@lru_cache
def on_meta(name: str) -> Shapes:
    """Return the keys of our full-size transformer."""
    with torch.device("meta"):
        module = Flux2Transformer(VARIANTS[name].transformer)
    return shapes(module)


def shapes(module: torch.nn.Module) -> Shapes:
    """Return a module's keys and shapes."""
    return {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}


def renamed(kind: Kind, official: Mapping[str, tuple[int, ...]]) -> Shapes:
    """Return what our rules say these keys are in the diffusers layout."""
    found: Shapes = {}
    for name, shape in official.items():
        where = piece(kind, "diffusers", "", name)
        for theirs, form in zip(where.names, where.shapes(shape), strict=True):
            assert theirs not in found
            found[theirs] = form
    return found


@pytest.mark.parametrize("name", sorted(VARIANTS.keys() - {"nano"}))
def test_transformer_keys(name: str) -> None:
    """Zero keys are missing and zero are unexpected, and every shape is the published one."""
    size = next(size for size, names in SAME_SHAPE.items() if name in names)
    ours, published = on_meta(name), published_keys(size)
    assert published.keys() - ours.keys() == set()
    assert ours.keys() - published.keys() == set()
    assert ours == published
    assert official_shapes(VARIANTS[name].transformer) == published


@pytest.mark.parametrize("name", SIZES)
def test_transformer_keys_in_diffusers(name: str) -> None:
    """Diffusers' own full-size class has exactly the keys and shapes that our rules rename the published ones to."""
    theirs = shapes(peer_on_meta(VARIANTS[name].transformer))
    assert renamed("transformer", published_keys(name)) == theirs


def peer_on_meta(config: TransformerConfig) -> Any:
    """Return diffusers' transformer on the meta device."""
    with torch.device("meta"):
        return peer.Flux2Transformer2DModel(
            in_channels=config.in_channels,
            num_layers=config.double_blocks,
            num_single_layers=config.single_blocks,
            attention_head_dim=config.head_dim,
            num_attention_heads=config.heads,
            joint_attention_dim=config.context_dim,
            guidance_embeds=config.guidance_embedding,
        )


@pytest.mark.parametrize("name", SIZES)
def test_parameter_counts(name: str) -> None:
    """The counts are the published ones; one block less is noticed."""
    h, heads, *_, count = SIZES[name]
    assert sum(size(shape) for shape in on_meta(name).values()) == count
    assert heads * 128 == h
    smaller = {key: shape for key, shape in on_meta(name).items() if not key.startswith("single_blocks.0.")}
    assert sum(size(shape) for shape in smaller.values()) != count


def test_autoencoder_keys() -> None:
    """Both autoencoders have the published keys, and diffusers' class has them renamed; parameters as published."""
    counts = {}
    for name, row in AUTOENCODERS.items():
        with torch.device("meta"):
            ours = shapes(AutoencoderKLFlux2(row.config))
            decoder = row.config.decoder_channels
            theirs = peer.PeerAutoencoder(decoder_block_out_channels=decoder and (96, 192, 384, 384))
        assert set(ours) == published_autoencoder_keys()
        assert official_shapes(row.config) == ours
        expected = shapes(theirs)
        del expected["bn.num_batches_tracked"]
        assert renamed("autoencoder", ours) == expected
        counts[name] = {
            part: sum(size(shape) for key, shape in ours.items() if key.startswith(part))
            for part in ("encoder.", "decoder.")
        }
    assert round(sum(counts["flux2"].values()) / 1e6, 2) == 84.05
    assert round(counts["small-decoder"]["decoder."] / 1e6, 1) == 27.9
    assert counts["small-decoder"]["encoder."] == counts["flux2"]["encoder."]


def size(shape: tuple[int, ...]) -> int:
    """Return the number of values."""
    return int(torch.Size(shape).numel())


@pytest.mark.parametrize("name", SIZES)
def test_a_full_size_file_is_identified_by_its_header(name: str, tmp_path: Path) -> None:
    """A file of 7.75 to 64.4 GB is identified without its data being read; every row of that shape is named."""
    *_, count = SIZES[name]
    path = write_sparse(tmp_path / "weights.safetensors", published_keys(name))
    assert path.stat().st_size > 2 * count
    assert path.stat().st_blocks * 512 < 1e6
    found = identify(open_checkpoint(path))
    assert (found.kind, found.layout, found.prefix) == ("transformer", "official", "")
    assert found.published == SAME_SHAPE[name]
    assert found.shape == VARIANTS[name].transformer
    assert (found.parameters, found.dtypes) == (count, ("BF16",))


@pytest.mark.parametrize("name", TEXT_ENCODERS)
@pytest.mark.parametrize("pruned", [False, True])
def test_a_full_size_language_model_without_its_config(name: str, pruned: bool, tmp_path: Path) -> None:
    """A published language model is known from its header, whole or stopping after the last layer that is used."""
    config = TEXT_ENCODERS[name].config
    layers = max(config.taps) if pruned else config.layers
    forms = {
        f"model.{key}": shape
        for key, shape in official_shapes(config).items()
        if not key.startswith("layers.") or int(key.split(".")[1]) < layers
    }
    if not pruned:
        forms |= {"model.norm.weight": (config.hidden_size,), "lm_head.weight": (config.vocabulary, config.hidden_size)}
    found = identify(open_checkpoint(write_sparse(tmp_path / "text.safetensors", forms)))
    assert (found.kind, found.layout, found.prefix) == ("text_encoder", "transformers", "model.")
    assert found.published == (name,)
    assert found.shape.layers == layers


def test_published_sizes_of_language_models() -> None:
    """The layers that are used have the published number of parameters, embeddings included, to three digits."""
    counts = {
        name: sum(
            size(shape)
            for key, shape in official_shapes(row.config).items()
            if not key.startswith("layers.") or int(key.split(".")[1]) < max(row.config.taps)
        )
        for name, row in TEXT_ENCODERS.items()
    }
    assert {name: round(count / 1e9, 2) for name, count in counts.items()} == {
        "mistral-small-3.2": 17.34,
        "qwen3-8b": 5.83,
        "qwen3-4b": 3.11,
    }
