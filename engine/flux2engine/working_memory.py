"""A model's shape → how many weights stand where, what each phase takes beside them, and how much it computes.

Arithmetic without torch, so that a plan can be shown before anything is loaded. Knows no device and no file.
"""

from __future__ import annotations

from flux2engine.variants import AutoencoderConfig, TextEncoderConfig, TinyAutoencoderConfig, TransformerConfig

# The widest state of a block (9 · hidden in a single block) is never larger than this for all tokens together: 1213
# tokens of klein 4B in fp32, of dev in bf16. Slices of a thousand tokens multiply as fast as the whole.
SLICE_BYTES = 128 * 1024 * 1024
# Packed weights are unpacked through fp32; so much of it is held at a time, where a format can be cut between blocks.
UNPACKED_AT_ONCE = 64 * 1024 * 1024
# Slices that live at once: the widest state, what it is cut into, and what is made of it.
_SLICES = 3
# Hidden sizes a token that live at once where all tokens are one slice: 20.2 to 21.1 counted (tests/engine).
_WHOLE = 20
# Of them, what lives between two blocks: text and image states, or both joined while they are.
BETWEEN_BLOCKS = 2
# Feature maps of the widest full-resolution state that live at once. Decoding: 0.80 GB at 512², 3.23 GB at 1024² in
# fp32, channels last; encoding: 0.67 GB at 512² (two CPU cores, 2026-11-23).
_DECODER_MAPS = 3
_ENCODER_MAPS = 5
_FREQUENCIES = 256  # of a time's sinusoid


def block_parameters(config: TransformerConfig) -> tuple[int, ...]:
    """Count the matrices' weights of every block in the order in which they run, double ones first."""
    hidden, mlp = config.hidden_size, config.mlp_size
    single = hidden * (3 * hidden + 2 * mlp) + hidden * (hidden + mlp)
    return (2 * single,) * config.double_blocks + (single,) * config.single_blocks


def largest_matrix(config: TransformerConfig) -> int:
    """Count the weights of the largest matrix of a block: a single block's first."""
    return config.hidden_size * (3 * config.hidden_size + 2 * config.mlp_size)


def outside_parameters(config: TransformerConfig) -> int:
    """Count what stands outside the blocks' matrices: embedders, modulations, the last layer, the norms' scales."""
    hidden, channels = config.hidden_size, config.in_channels
    embedders = hidden * (channels + config.context_dim)
    times = (1 + config.guidance_embedding) * hidden * (_FREQUENCIES + hidden)
    modulations = (6 + 6 + 3) * hidden * hidden
    last = channels * hidden + 2 * hidden * hidden
    scales = config.head_dim * (4 * config.double_blocks + 2 * config.single_blocks)
    return embedders + times + modulations + last + scales


def text_encoder_parameters(config: TextEncoderConfig) -> int:
    """Count the parameters that are loaded: the embeddings and the layers up to the last tap."""
    return config.vocabulary * config.hidden_size + max(config.taps) * text_layer_parameters(config)


def text_layer_parameters(config: TextEncoderConfig) -> int:
    """Count one layer's; norms are a ten-thousandth."""
    projections = 2 * config.head_dim * (config.heads + config.key_value_heads)
    return config.hidden_size * (projections + 3 * config.feed_forward_size)


def whole_text_encoder_parameters(config: TextEncoderConfig) -> int:
    """Count what a program loads that runs the whole language model: all layers, and the head where it is not tied."""
    tied = config.kind == "qwen3" and config.hidden_size < 4096  # of Qwen3, 4B ties its head to the embeddings
    embeddings = (1 if tied else 2) * config.vocabulary * config.hidden_size
    return embeddings + config.layers * text_layer_parameters(config)


def step_bytes(config: TransformerConfig, tokens: int, element_size: int, kept_tokens: int = 0) -> int:
    """Return what one pass of the transformer takes beside weights: `transformer.peak_bytes`, for few tokens too.

    `tokens` are those of text, output and references together.
    """
    rotation = 4 * config.head_dim
    if not kept_tokens and tokens * (3 * config.hidden_size + 2 * config.mlp_size) * element_size <= SLICE_BYTES:
        return tokens * (_WHOLE * config.hidden_size * element_size + rotation)
    states = (6 * config.hidden_size + config.mlp_size) * element_size
    around = rotation + 2 * config.in_channels * element_size + 64  # rotation, tokens, ids and mask
    behind = 2 * config.hidden_size * element_size * (tokens + kept_tokens) if kept_tokens else 0
    return tokens * (states + around) + behind + _SLICES * SLICE_BYTES


def step_operations(config: TransformerConfig, tokens: int) -> int:
    """Count one pass's multiplications and additions in the blocks.

    26 · hidden² a token and layer, 4 · tokens² · hidden a layer in attention; within 0.1 % of torch's own count.
    """
    layers = config.double_blocks + config.single_blocks
    return layers * (26 * config.hidden_size**2 * tokens + 4 * tokens**2 * config.hidden_size)


def encode_text_bytes(config: TextEncoderConfig, element_size: int) -> int:
    """Return what the text encoder takes for one prompt: a layer's states, and all taps."""
    layer = 3 * config.feed_forward_size + 4 * config.hidden_size + 2 * config.heads * config.head_dim
    return config.tokens * (layer + config.layers * config.hidden_size) * element_size


def decode_bytes(config: AutoencoderConfig | TinyAutoencoderConfig, pixels: int, element_size: int) -> int:
    """Return what decoding so many pixels takes: feature maps of the widest state at full resolution."""
    if isinstance(config, TinyAutoencoderConfig):
        return _DECODER_MAPS * config.widths[2] * pixels * element_size
    widest = (config.decoder_channels or config.channels) * config.multipliers[1]
    return _DECODER_MAPS * widest * pixels * element_size


def encode_bytes(config: AutoencoderConfig | TinyAutoencoderConfig, pixels: int, element_size: int) -> int:
    """Return what encoding a reference of so many pixels takes."""
    width = config.widths[3] if isinstance(config, TinyAutoencoderConfig) else config.channels
    return _ENCODER_MAPS * width * pixels * element_size
