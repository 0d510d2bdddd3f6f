"""The layouts that weights come in: which keys a component has, and where each is found in a file of another layout.

The official names are the modules' own; every other layout is a rule from one official name to the names in the file
and to how their tensors become the official one. Reads no file and builds no module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Literal

from flux2engine.variants import TOKEN_CHANNELS, AutoencoderConfig, TextEncoderConfig, TransformerConfig

Kind = Literal["transformer", "autoencoder", "text_encoder"]
Layout = Literal["official", "diffusers", "transformers"]  # "transformers": Hugging Face names of language models
# How the tensors in a file become the official one: as they are; three joined along the rows (q, k, v); the two halves
# of the rows swapped (scale and shift); a matrix that stands for a 1 × 1 convolution.
Change = Literal["same", "joined", "halves swapped", "matrix to convolution"]
Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

TRANSFORMER_PREFIXES = ("", "model.diffusion_model.", "diffusion_model.")
# Where transformers' classes and the files in the wild keep the language model; the longest come first.
LANGUAGE_MODEL_PREFIXES = ("model.language_model.", "language_model.model.", "language_model.", "model.", "")
LEVELS = 4  # of the autoencoder: 8 × 8 pixels to a latent
_TIME_EMBEDDING_SIZE = 256

# Counters and tokenizers that some files carry and no arithmetic uses.
IGNORED = re.compile(r"(?:.*\.)?num_batches_tracked|tekken_model|spiece_model")
# What a language model has beyond the layers that encode; read only by a module that asks for it.
BEYOND_ENCODING = re.compile(r"norm\.weight|lm_head\.weight|layers\.\d+\..+|(?:vision_tower|multi_modal_projector)\..+")


@dataclass(frozen=True)
class Piece:
    """Say which tensors of a file make one official tensor, and how."""

    names: tuple[str, ...]
    change: Change = "same"

    def shapes(self, official: Shape) -> tuple[Shape, ...]:
        """Return the shape that each tensor has in the file."""
        if self.change == "joined":
            return ((official[0] // len(self.names), *official[1:]),) * len(self.names)
        return (official[:2],) if self.change == "matrix to convolution" else (official,)


# --- official names and shapes -----------------------------------------------------------------------------------


def transformer_shapes(config: TransformerConfig) -> dict[str, Shape]:
    """Return every official key of a transformer with its shape."""
    hidden, context, channels, mlp = config.hidden_size, config.context_dim, config.in_channels, config.mlp_size
    shapes: dict[str, Shape] = {"img_in.weight": (hidden, channels), "txt_in.weight": (hidden, context)}
    for embedder in ("time_in", "guidance_in") if config.guidance_embedding else ("time_in",):
        shapes[f"{embedder}.in_layer.weight"] = (hidden, _TIME_EMBEDDING_SIZE)
        shapes[f"{embedder}.out_layer.weight"] = (hidden, hidden)
    shapes["double_stream_modulation_img.lin.weight"] = (6 * hidden, hidden)
    shapes["double_stream_modulation_txt.lin.weight"] = (6 * hidden, hidden)
    shapes["single_stream_modulation.lin.weight"] = (3 * hidden, hidden)
    for index in range(config.double_blocks):
        for stream in ("img", "txt"):
            stem = f"double_blocks.{index}.{stream}_"
            shapes[f"{stem}attn.qkv.weight"] = (3 * hidden, hidden)
            shapes[f"{stem}attn.norm.query_norm.scale"] = (config.head_dim,)
            shapes[f"{stem}attn.norm.key_norm.scale"] = (config.head_dim,)
            shapes[f"{stem}attn.proj.weight"] = (hidden, hidden)
            shapes[f"{stem}mlp.0.weight"] = (2 * mlp, hidden)
            shapes[f"{stem}mlp.2.weight"] = (hidden, mlp)
    for index in range(config.single_blocks):
        stem = f"single_blocks.{index}."
        shapes[f"{stem}linear1.weight"] = (3 * hidden + 2 * mlp, hidden)
        shapes[f"{stem}linear2.weight"] = (hidden, hidden + mlp)
        shapes[f"{stem}norm.query_norm.scale"] = (config.head_dim,)
        shapes[f"{stem}norm.key_norm.scale"] = (config.head_dim,)
    shapes["final_layer.linear.weight"] = (channels, hidden)
    shapes["final_layer.adaLN_modulation.1.weight"] = (2 * hidden, hidden)
    return shapes


def autoencoder_shapes(config: AutoencoderConfig) -> dict[str, Shape]:
    """Return every official key of an autoencoder with its shape."""
    latent = config.latent_channels
    encoder = [config.channels * multiplier for multiplier in config.multipliers]
    decoder = [(config.decoder_channels or config.channels) * multiplier for multiplier in config.multipliers]
    shapes: dict[str, Shape] = {}
    _convolution(shapes, "encoder.conv_in", 3, encoder[0] // config.multipliers[0], 3)
    inputs = encoder[0] // config.multipliers[0]
    for level, width in enumerate(encoder):
        for block in range(config.residual_blocks):
            _residual_block(shapes, f"encoder.down.{level}.block.{block}", inputs, width)
            inputs = width
        if level < len(encoder) - 1:
            _convolution(shapes, f"encoder.down.{level}.downsample.conv", width, width, 3)
    _middle(shapes, "encoder.mid", encoder[-1])
    _norm(shapes, "encoder.norm_out", encoder[-1])
    _convolution(shapes, "encoder.conv_out", encoder[-1], 2 * latent, 3)
    _convolution(shapes, "encoder.quant_conv", 2 * latent, 2 * latent, 1)
    _convolution(shapes, "decoder.post_quant_conv", latent, latent, 1)
    _convolution(shapes, "decoder.conv_in", latent, decoder[-1], 3)
    _middle(shapes, "decoder.mid", decoder[-1])
    inputs = decoder[-1]
    for level in reversed(range(len(decoder))):
        for block in range(config.residual_blocks + 1):
            _residual_block(shapes, f"decoder.up.{level}.block.{block}", inputs, decoder[level])
            inputs = decoder[level]
        if level > 0:
            _convolution(shapes, f"decoder.up.{level}.upsample.conv", inputs, inputs, 3)
    _norm(shapes, "decoder.norm_out", decoder[0])
    _convolution(shapes, "decoder.conv_out", decoder[0], 3, 3)
    shapes["bn.running_mean"] = shapes["bn.running_var"] = (TOKEN_CHANNELS,)
    return shapes


def text_encoder_shapes(config: TextEncoderConfig) -> dict[str, Shape]:
    """Return every key of a language model's embeddings and layers with its shape, prefix left out."""
    hidden, feed_forward = config.hidden_size, config.feed_forward_size
    queries, keys = config.heads * config.head_dim, config.key_value_heads * config.head_dim
    shapes: dict[str, Shape] = {"embed_tokens.weight": (config.vocabulary, hidden)}
    for index in range(config.layers):
        stem = f"layers.{index}."
        shapes[f"{stem}input_layernorm.weight"] = shapes[f"{stem}post_attention_layernorm.weight"] = (hidden,)
        shapes[f"{stem}self_attn.q_proj.weight"] = (queries, hidden)
        shapes[f"{stem}self_attn.k_proj.weight"] = shapes[f"{stem}self_attn.v_proj.weight"] = (keys, hidden)
        shapes[f"{stem}self_attn.o_proj.weight"] = (hidden, queries)
        if config.kind == "qwen3":
            shapes[f"{stem}self_attn.q_norm.weight"] = shapes[f"{stem}self_attn.k_norm.weight"] = (config.head_dim,)
        shapes[f"{stem}mlp.gate_proj.weight"] = shapes[f"{stem}mlp.up_proj.weight"] = (feed_forward, hidden)
        shapes[f"{stem}mlp.down_proj.weight"] = (hidden, feed_forward)
    return shapes


def _convolution(shapes: dict[str, Shape], name: str, inputs: int, outputs: int, size: int) -> None:
    shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (outputs, inputs, size, size), (outputs,)


def _norm(shapes: dict[str, Shape], name: str, width: int) -> None:
    shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (width,)


def _residual_block(shapes: dict[str, Shape], name: str, inputs: int, width: int) -> None:
    _norm(shapes, f"{name}.norm1", inputs)
    _convolution(shapes, f"{name}.conv1", inputs, width, 3)
    _norm(shapes, f"{name}.norm2", width)
    _convolution(shapes, f"{name}.conv2", width, width, 3)
    if inputs != width:
        _convolution(shapes, f"{name}.nin_shortcut", inputs, width, 1)


def _middle(shapes: dict[str, Shape], name: str, width: int) -> None:
    for block in ("block_1", "block_2"):
        _residual_block(shapes, f"{name}.{block}", width, width)
    _norm(shapes, f"{name}.attn_1.norm", width)
    for part in ("q", "k", "v", "proj_out"):
        _convolution(shapes, f"{name}.attn_1.{part}", width, width, 1)


# --- where each is found -----------------------------------------------------------------------------------------


def piece(kind: Kind, layout: Layout, prefix: str, name: str, present: Container[str] = ()) -> Piece:
    """Return where the official `name` is found in a file; `present`, the file's names, settles what has two spellings.

    A text encoder's `name` may carry any of the language models' prefixes.
    """
    return _RULES[kind, layout](prefix, name, present)


def plain_language_model_name(name: str) -> str:
    """Return a language model's key without the prefix that its class or file adds."""
    name = re.sub(r"^(?:model\.)?(?=vision_tower\.|multi_modal_projector\.)", "", name)
    if name.startswith(("vision_tower.", "multi_modal_projector.")):
        return name
    for prefix in LANGUAGE_MODEL_PREFIXES:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def _official_transformer(prefix: str, name: str, present: Container[str]) -> Piece:
    # Some files call the norms' scale a weight.
    other = name.removesuffix("scale") + "weight"
    if name.endswith("_norm.scale") and prefix + other in present:
        return Piece((prefix + other,))
    return Piece((prefix + name,))


_DIFFUSERS_TOP = {
    "img_in.weight": "x_embedder.weight",
    "txt_in.weight": "context_embedder.weight",
    "time_in.in_layer.weight": "time_guidance_embed.timestep_embedder.linear_1.weight",
    "time_in.out_layer.weight": "time_guidance_embed.timestep_embedder.linear_2.weight",
    "guidance_in.in_layer.weight": "time_guidance_embed.guidance_embedder.linear_1.weight",
    "guidance_in.out_layer.weight": "time_guidance_embed.guidance_embedder.linear_2.weight",
    "double_stream_modulation_img.lin.weight": "double_stream_modulation_img.linear.weight",
    "double_stream_modulation_txt.lin.weight": "double_stream_modulation_txt.linear.weight",
    "single_stream_modulation.lin.weight": "single_stream_modulation.linear.weight",
    "final_layer.linear.weight": "proj_out.weight",
}
_DIFFUSERS_DOUBLE = {
    "img_attn.proj.weight": "attn.to_out.0.weight",
    "txt_attn.proj.weight": "attn.to_add_out.weight",
    "img_attn.norm.query_norm.scale": "attn.norm_q.weight",
    "img_attn.norm.key_norm.scale": "attn.norm_k.weight",
    "txt_attn.norm.query_norm.scale": "attn.norm_added_q.weight",
    "txt_attn.norm.key_norm.scale": "attn.norm_added_k.weight",
    "img_mlp.0.weight": "ff.linear_in.weight",
    "img_mlp.2.weight": "ff.linear_out.weight",
    "txt_mlp.0.weight": "ff_context.linear_in.weight",
    "txt_mlp.2.weight": "ff_context.linear_out.weight",
}
_DIFFUSERS_QKV = {
    "img_attn.qkv.weight": ("attn.to_q.weight", "attn.to_k.weight", "attn.to_v.weight"),
    "txt_attn.qkv.weight": ("attn.add_q_proj.weight", "attn.add_k_proj.weight", "attn.add_v_proj.weight"),
}
_DIFFUSERS_SINGLE = {
    "linear1.weight": "attn.to_qkv_mlp_proj.weight",
    "linear2.weight": "attn.to_out.weight",
    "norm.query_norm.scale": "attn.norm_q.weight",
    "norm.key_norm.scale": "attn.norm_k.weight",
}
_BLOCK = re.compile(r"(double|single)_blocks\.(\d+)\.(.+)")


def _diffusers_transformer(prefix: str, name: str, present: Container[str]) -> Piece:
    del present
    if name == "final_layer.adaLN_modulation.1.weight":
        return Piece((f"{prefix}norm_out.linear.weight",), "halves swapped")  # diffusers keeps scale first
    match = _BLOCK.fullmatch(name)
    if match is None:
        return Piece((prefix + _DIFFUSERS_TOP[name],))
    stream, index, part = match.groups()
    if stream == "single":
        return Piece((f"{prefix}single_transformer_blocks.{index}.{_DIFFUSERS_SINGLE[part]}",))
    stem = f"{prefix}transformer_blocks.{index}."
    if part in _DIFFUSERS_QKV:
        return Piece(tuple(stem + third for third in _DIFFUSERS_QKV[part]), "joined")
    return Piece((stem + _DIFFUSERS_DOUBLE[part],))


def _official_autoencoder(prefix: str, name: str, present: Container[str]) -> Piece:
    del present
    return Piece((prefix + name,))


_DIFFUSERS_AUTOENCODER_PARTS = (
    (re.compile(r"^encoder\.quant_conv"), "quant_conv"),
    (re.compile(r"^decoder\.post_quant_conv"), "post_quant_conv"),
    (re.compile(r"\.down\.(\d)\.block\."), r".down_blocks.\1.resnets."),
    (re.compile(r"\.down\.(\d)\.downsample\.conv"), r".down_blocks.\1.downsamplers.0.conv"),
    (re.compile(r"\.up\.(\d)\.block\."), r".up_blocks.\1.resnets."),
    (re.compile(r"\.up\.(\d)\.upsample\.conv"), r".up_blocks.\1.upsamplers.0.conv"),
    (re.compile(r"\.nin_shortcut\."), ".conv_shortcut."),
    (re.compile(r"\.mid\.block_1\."), ".mid_block.resnets.0."),
    (re.compile(r"\.mid\.block_2\."), ".mid_block.resnets.1."),
    (re.compile(r"\.mid\.attn_1\.norm\."), ".mid_block.attentions.0.group_norm."),
    (re.compile(r"\.mid\.attn_1\.([qkv])\."), r".mid_block.attentions.0.to_\1."),
    (re.compile(r"\.mid\.attn_1\.proj_out\."), ".mid_block.attentions.0.to_out.0."),
    (re.compile(r"\.norm_out\."), ".conv_norm_out."),
)
_UP_BLOCK = re.compile(r"\.up_blocks\.(\d)\.")


def _diffusers_autoencoder(prefix: str, name: str, present: Container[str]) -> Piece:
    del present
    theirs = name
    for pattern, replacement in _DIFFUSERS_AUTOENCODER_PARTS:
        theirs = pattern.sub(replacement, theirs)
    # diffusers counts up from the lowest resolution, the official file from the highest.
    theirs = _UP_BLOCK.sub(lambda match: f".up_blocks.{LEVELS - 1 - int(match[1])}.", theirs)
    convolution = re.search(r"\.attn_1\.(?:q|k|v|proj_out)\.weight$", name)
    return Piece((prefix + theirs,), "matrix to convolution" if convolution else "same")


def _language_model(prefix: str, name: str, present: Container[str]) -> Piece:
    plain = plain_language_model_name(name)
    beside = {"lm_head.weight", *((plain,) if plain.startswith(("vision_tower.", "multi_modal_projector.")) else ())}
    if plain not in beside:
        return Piece((prefix + plain,))
    spellings = (plain, f"language_model.{plain}", f"model.{plain}", prefix + plain)
    return Piece((next((spelling for spelling in spellings if spelling in present), plain),))


_RULES: Mapping[tuple[Kind, Layout], Callable[[str, str, Container[str]], Piece]] = {
    ("transformer", "official"): _official_transformer,
    ("transformer", "diffusers"): _diffusers_transformer,
    ("autoencoder", "official"): _official_autoencoder,
    ("autoencoder", "diffusers"): _diffusers_autoencoder,
    ("text_encoder", "transformers"): _language_model,
}
