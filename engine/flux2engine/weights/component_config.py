"""A diffusers component's config.json against the shape that its header shows: what both say must agree.

The header decides; the file can only contradict it. Keys that are not listed are ignored, and so is every class name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flux2engine.errors import WeightsError
from flux2engine.variants import AutoencoderConfig, TransformerConfig

_ABSENT = object()


def require_agreement(config: Mapping[str, Any], shape: TransformerConfig | AutoencoderConfig, source: str) -> None:
    """Raise WeightsError naming the first entry of config.json that contradicts the weights or FLUX.2's arithmetic."""
    said = _transformer(shape) if isinstance(shape, TransformerConfig) else _autoencoder(shape)
    for key, expected in said.items():
        value = config.get(key, _ABSENT)
        value = tuple(value) if isinstance(value, list) else value
        if value is not _ABSENT and value != expected:
            raise WeightsError(f"config.json of {source}: {key} is {value!r:.60}, and the weights say {expected}")


def _transformer(shape: TransformerConfig) -> dict[str, object]:
    return {
        "in_channels": shape.in_channels,
        "num_layers": shape.double_blocks,
        "num_single_layers": shape.single_blocks,
        "num_attention_heads": shape.heads,
        "attention_head_dim": shape.head_dim,
        "joint_attention_dim": shape.context_dim,
        "mlp_ratio": shape.mlp_ratio,
        "guidance_embeds": shape.guidance_embedding,
        # These no header shows; other values are another model.
        "patch_size": 1,
        "axes_dims_rope": shape.axes_dim,
        "rope_theta": shape.theta,
        "eps": 1e-6,
    }


def _autoencoder(shape: AutoencoderConfig) -> dict[str, object]:
    widths = tuple(shape.channels * multiplier for multiplier in shape.multipliers)
    said: dict[str, object] = {
        "block_out_channels": widths,
        "layers_per_block": shape.residual_blocks,
        "latent_channels": shape.latent_channels,
        "batch_norm_eps": 1e-4,
        "patch_size": (2, 2),
        "act_fn": "silu",
        "mid_block_add_attention": True,
    }
    if shape.decoder_channels is not None:
        said["decoder_block_out_channels"] = tuple(shape.decoder_channels * part for part in shape.multipliers)
    return said
