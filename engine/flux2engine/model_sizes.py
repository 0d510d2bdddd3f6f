"""A model's shape, or what its files say → the bytes of each of its parts where it computes, block by block.

Without torch: nothing is loaded. Knows no device and no work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from types import MappingProxyType

from flux2engine import working_memory
from flux2engine.errors import DeviceError
from flux2engine.variants import AutoencoderConfig, ModelVariant, TinyAutoencoderConfig
from flux2engine.weights.layouts import autoencoder_shapes

_FP32 = 4
# Of the bytes that a part would have in the dtype that computes: with fewer, its weights are packed.
_PACKED_BELOW = 0.9
# What a record of the library calls dtypes that are not packed.
_DENSE = frozenset({"float64", "float32", "float16", "bfloat16"})

# Bytes a weight takes in the blocks' linear layers; everything outside them stays as it computes.
FORMATS: Mapping[str, float] = MappingProxyType(
    {
        "fp8": 1.0,
        "int8": 1.0,
        "nf4": 4.127 / 8,  # codes, 8-bit scales a block of 64, fp32 ones a block of 256 of those
        "nvfp4": 4.5 / 8,  # codes, an fp8 scale a block of 16
        "q4_0": 4.5 / 8,
        "q4_k": 4.5 / 8,
        "q5_k": 5.5 / 8,
        "q6_k": 6.5625 / 8,
        "q8_0": 8.5 / 8,
    }
)


@dataclass(frozen=True)
class ModelSizes:
    """Give bytes where the model computes, by part; packed weights as they stay packed."""

    name: str
    text_encoder: int
    text_layers: tuple[int, ...]  # of the text encoder, those that can be streamed
    autoencoder: int
    outside: int  # of the transformer, what is in no block
    blocks: tuple[int, ...]  # in the order in which they run
    unpacked: int = 0  # the transformer's largest matrix while it is unpacked to multiply
    text_unpacked: int = 0  # the text encoder's
    read: int = 0  # what reading one matrix takes on the host before it is in its place

    @property
    def transformer(self) -> int:
        """Return all of the transformer."""
        return self.outside + sum(self.blocks)


def sizes_of(
    variant: ModelVariant, packed: str | None = None, element_size: int = 2, stored_size: int = 2
) -> ModelSizes:
    """Return a model's sizes from its shape: computing in so many bytes a value, packed in a format or not.

    Packed are the linear layers of the transformer's blocks and of the text encoder's layers. The autoencoder is
    counted in fp32, which is most. DeviceError for a format that is not in FORMATS.
    """
    if packed is not None and packed not in FORMATS:
        raise DeviceError(f"the format {packed!r} is not known here; it is one of {', '.join(FORMATS)}")
    config, text = variant.transformer, variant.text_encoder
    a_weight = element_size if packed is None else FORMATS[packed]
    matrix = working_memory.largest_matrix(config)
    text_matrix = text.hidden_size * text.feed_forward_size
    layers = max(text.taps)
    layer = round(working_memory.text_layer_parameters(text) * a_weight)
    # A matrix is read as it is stored; one that has to be cast is there twice.
    read = matrix * stored_size + (matrix * element_size if stored_size != element_size else 0)
    return ModelSizes(
        name=variant.name,
        text_encoder=text.vocabulary * text.hidden_size * element_size + layers * layer,
        text_layers=(layer,) * layers,
        autoencoder=autoencoder_parameters(variant.autoencoder) * _FP32,
        outside=working_memory.outside_parameters(config) * element_size,
        blocks=tuple(round(count * a_weight) for count in working_memory.block_parameters(config)),
        unpacked=0 if packed is None else unpacked_bytes(matrix, element_size),
        text_unpacked=0 if packed is None else unpacked_bytes(text_matrix, element_size),
        read=read if packed is None else round(matrix * a_weight),
    )


def held_bytes(dtype: str, file_bytes: int, parameters: int, loaded: int, element_size: int) -> int:
    """Return the bytes of `loaded` of a file's parameters: as the file packs them, or in the dtype that computes.

    `dtype` is what a record of the library says: names of torch's dtypes or of packed formats, joined by " + ".
    """
    if set(dtype.split(" + ")) <= _DENSE:
        return loaded * element_size
    return file_bytes * loaded // max(parameters, loaded, 1)


def sizes_of_parts(
    variant: ModelVariant, text_encoder: int, transformer: int, autoencoder: int, element_size: int
) -> ModelSizes:
    """Return sizes from each part's bytes, as files give them; blocks and layers share what they do by their shape."""
    published = sizes_of(variant, None, element_size)
    outside = min(published.outside, transformer)
    within = (transformer - outside) / max(sum(published.blocks), 1)
    layers = text_encoder / max(published.text_encoder, 1)
    matrix = working_memory.largest_matrix(variant.transformer)
    packed = within < _PACKED_BELOW
    text_matrix = variant.text_encoder.hidden_size * variant.text_encoder.feed_forward_size
    return replace(
        published,
        text_encoder=text_encoder,
        text_layers=tuple(int(layer * layers) for layer in published.text_layers),
        autoencoder=autoencoder,
        outside=outside,
        blocks=tuple(int(block * within) for block in published.blocks),
        unpacked=unpacked_bytes(matrix, element_size) if packed else 0,
        text_unpacked=unpacked_bytes(text_matrix, element_size) if layers < _PACKED_BELOW else 0,
    )


def unpacked_bytes(weights: int, element_size: int) -> int:
    """Return what unpacking a matrix of so many weights takes: the matrix, and a piece of it in fp32."""
    return weights * element_size + min(weights * _FP32, working_memory.UNPACKED_AT_ONCE)


def autoencoder_parameters(config: AutoencoderConfig | TinyAutoencoderConfig) -> int:
    """Count an autoencoder's parameters; a tiny one's but for biases and norms."""
    if isinstance(config, TinyAutoencoderConfig):
        widths = config.widths
        counts = [sum(pair) for pair in zip(config.decoder_blocks, config.encoder_blocks, strict=True)]
        blocks = sum(count * 3 * 9 * width * width for width, count in zip(widths, counts, strict=True))
        pools = counts[0] * 2 * 4 * widths[0] * widths[0]
        between = sum(2 * 9 * before * after for before, after in pairwise(widths))
        return blocks + pools + between + 2 * 9 * (config.latent_channels * widths[0] + 3 * widths[3])
    return sum(prod(shape) for name, shape in autoencoder_shapes(config).items() if not name.startswith("bn."))
