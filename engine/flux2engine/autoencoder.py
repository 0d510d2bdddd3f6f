"""Pixels ↔ raw latents: the official FLUX.2 autoencoder and the tiny one of nano.

Pixels are RGB in [0, 1], (B, 3, H, W); raw latents are (B, 32, H/8, W/8), before patchify and normalisation, whose
running statistics each autoencoder carries in `bn`. Attribute names are the checkpoints' keys.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from flux2engine import latents as packing
from flux2engine.variants import TOKEN_CHANNELS, AutoencoderConfig, TinyAutoencoderConfig

NORM_EPSILON = 1e-6
# Attention in the middle runs in slices of queries: its one head of 512 channels is too wide for most fast kernels,
# and the whole matrix takes 16 GiB at 2048 × 2048.
QUERY_SLICE = 4096

Pixels = npt.NDArray[np.uint8]  # (H, W, 3)


class LatentStatistics(nn.Module):
    """Hold the running mean and variance of packed latents, (128,) each."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(TOKEN_CHANNELS))
        self.register_buffer("running_var", torch.ones(TOKEN_CHANNELS))


class Autoencoder(Protocol):
    """Encode and decode pictures; both autoencoders are one."""

    @property
    def bn(self) -> LatentStatistics:
        """Return the statistics that normalise packed latents."""
        ...

    def encode(self, pixels: Tensor) -> Tensor:
        """Turn pixels in [0, 1] into raw latents."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Turn raw latents into pixels around [0, 1], not clamped."""
        ...


@torch.no_grad()
def decode_latents(autoencoder: Autoencoder, packed: Tensor) -> Tensor:
    """Turn normalised packed latents (B, 128, h, w) into pixels (B, 3, H, W) in [0, 1]."""
    statistics = autoencoder.bn
    raw = packing.unpatchify(packing.denormalise(packed, statistics.running_mean, statistics.running_var))
    return autoencoder.decode(raw).float().clamp(0, 1)


def quantise(pixels: Tensor) -> tuple[Pixels, ...]:
    """Turn pixels (B, 3, H, W) in [0, 1] into pictures (H, W, 3) of bytes."""
    rounded = pixels.mul(255).round().to(torch.uint8).permute(0, 2, 3, 1)
    return tuple(item.contiguous().numpy() for item in rounded.cpu())


class AutoencoderKLFlux2(nn.Module):
    """Encode and decode with the official architecture."""

    def __init__(self, config: AutoencoderConfig | None = None) -> None:
        super().__init__()
        config = config or AutoencoderConfig()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.bn = LatentStatistics()

    def encode(self, pixels: Tensor) -> Tensor:
        """Turn pixels in [0, 1] into raw latents: the posterior's mean, never a sample."""
        moments: Tensor = self.encoder(pixels * 2 - 1)
        return moments.chunk(2, dim=1)[0]

    def decode(self, latents: Tensor) -> Tensor:
        """Turn raw latents into pixels around [0, 1], not clamped."""
        signed: Tensor = self.decoder(latents)
        return (signed + 1) / 2


class Encoder(nn.Module):
    """Halve the resolution three times; return mean and log variance, (B, 64, H/8, W/8)."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        widths = [config.channels * multiplier for multiplier in config.multipliers]
        moments = 2 * config.latent_channels
        self.conv_in = nn.Conv2d(3, config.channels, 3, padding=1)
        self.down = nn.ModuleList(
            EncoderLevel(
                inputs=config.channels if level == 0 else widths[level - 1],
                width=width,
                config=config,
                downsample=level < len(widths) - 1,
            )
            for level, width in enumerate(widths)
        )
        self.mid = Middle(widths[-1], config.groups)
        self.norm_out = _group_norm(widths[-1], config.groups)
        self.conv_out = nn.Conv2d(widths[-1], moments, 3, padding=1)
        self.quant_conv = nn.Conv2d(moments, moments, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the moments of pixels in [−1, 1]."""
        states = self.conv_in(pixels)
        for level in self.down:
            states = level(states)
        moments: Tensor = self.quant_conv(self.conv_out(functional.silu(self.norm_out(self.mid(states)))))
        return moments


class Decoder(nn.Module):
    """Double the resolution three times; return pixels in [−1, 1]."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        channels = config.decoder_channels or config.channels
        widths = [channels * multiplier for multiplier in config.multipliers]
        self.post_quant_conv = nn.Conv2d(config.latent_channels, config.latent_channels, 1)
        self.conv_in = nn.Conv2d(config.latent_channels, widths[-1], 3, padding=1)
        self.mid = Middle(widths[-1], config.groups)
        # Indexed from the highest resolution, as in the checkpoint, and run backwards.
        self.up = nn.ModuleList(
            DecoderLevel(inputs=widths[min(level + 1, len(widths) - 1)], width=width, config=config, upsample=level > 0)
            for level, width in enumerate(widths)
        )
        self.norm_out = _group_norm(widths[0], config.groups)
        self.conv_out = nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        """Return signed pixels."""
        states = self.mid(self.conv_in(self.post_quant_conv(latents)))
        for level in reversed(self.up):
            states = level(states)
        pixels: Tensor = self.conv_out(functional.silu(self.norm_out(states)))
        return pixels


class EncoderLevel(nn.Module):
    """Run the residual blocks of one resolution, then halve it where there is a next one."""

    def __init__(self, inputs: int, width: int, config: AutoencoderConfig, downsample: bool) -> None:
        super().__init__()
        self.block = nn.ModuleList(
            ResidualBlock(inputs if index == 0 else width, width, config.groups)
            for index in range(config.residual_blocks)
        )
        if downsample:
            self.downsample = Downsample(width)

    def forward(self, states: Tensor) -> Tensor:
        """Return the states of the next level."""
        for block in self.block:
            states = block(states)
        return self.downsample(states) if hasattr(self, "downsample") else states


class DecoderLevel(nn.Module):
    """Run the residual blocks of one resolution, then double it where there is a next one."""

    def __init__(self, inputs: int, width: int, config: AutoencoderConfig, upsample: bool) -> None:
        super().__init__()
        self.block = nn.ModuleList(
            ResidualBlock(inputs if index == 0 else width, width, config.groups)
            for index in range(config.residual_blocks + 1)
        )
        if upsample:
            self.upsample = Upsample(width)

    def forward(self, states: Tensor) -> Tensor:
        """Return the states of the next level."""
        for block in self.block:
            states = block(states)
        return self.upsample(states) if hasattr(self, "upsample") else states


class Downsample(nn.Module):
    """Halve the resolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, states: Tensor) -> Tensor:
        """Pad right and bottom only, as trained, then convolve with stride 2."""
        halved: Tensor = self.conv(functional.pad(states, (0, 1, 0, 1)))
        return halved


class Upsample(nn.Module):
    """Double the resolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, states: Tensor) -> Tensor:
        """Repeat the nearest pixel, then convolve."""
        doubled: Tensor = self.conv(functional.interpolate(states, scale_factor=2.0, mode="nearest"))
        return doubled


class ResidualBlock(nn.Module):
    """Add two normalised convolutions to the input."""

    def __init__(self, inputs: int, width: int, groups: int) -> None:
        super().__init__()
        self.norm1 = _group_norm(inputs, groups)
        self.conv1 = nn.Conv2d(inputs, width, 3, padding=1)
        self.norm2 = _group_norm(width, groups)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        if inputs != width:
            self.nin_shortcut = nn.Conv2d(inputs, width, 1)

    def forward(self, states: Tensor) -> Tensor:
        """Return states of the new width."""
        change = self.conv1(functional.silu(self.norm1(states)))
        change = self.conv2(functional.silu(self.norm2(change)))
        kept = self.nin_shortcut(states) if hasattr(self, "nin_shortcut") else states
        result: Tensor = kept + change
        return result


class Middle(nn.Module):
    """Let the lowest resolution attend to itself between two residual blocks."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.block_1 = ResidualBlock(width, width, groups)
        self.attn_1 = SpatialAttention(width, groups)
        self.block_2 = ResidualBlock(width, width, groups)

    def forward(self, states: Tensor) -> Tensor:
        """Return states of the same shape."""
        result: Tensor = self.block_2(self.attn_1(self.block_1(states)))
        return result


class SpatialAttention(nn.Module):
    """Attend over all positions with one head."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.norm = _group_norm(width, groups)
        self.q = nn.Conv2d(width, width, 1)
        self.k = nn.Conv2d(width, width, 1)
        self.v = nn.Conv2d(width, width, 1)
        self.proj_out = nn.Conv2d(width, width, 1)

    def forward(self, states: Tensor) -> Tensor:
        """Return states of the same shape."""
        normed = self.norm(states)
        query, key, value = (
            part.flatten(2).transpose(1, 2)[:, None] for part in (self.q(normed), self.k(normed), self.v(normed))
        )  # (B, 1, H·W, width)
        slices = [functional.scaled_dot_product_attention(part, key, value) for part in query.split(QUERY_SLICE, dim=2)]
        attended = torch.cat(slices, dim=2)[:, 0].transpose(1, 2).reshape(states.shape)
        result: Tensor = states + self.proj_out(attended)
        return result


class TinyAutoencoder(nn.Module):
    """Encode and decode in FLUX.2's latent space with about a million parameters.

    Encoder and decoder are flat sequences, so their indices are the keys, and teacher weights of the same form load
    into a configuration with the teacher's widths and block counts.
    """

    def __init__(self, config: TinyAutoencoderConfig | None = None) -> None:
        super().__init__()
        config = config or TinyAutoencoderConfig()
        self.config = config
        self.encoder = nn.Sequential(*_tiny_encoder(config))
        self.decoder = nn.Sequential(*_tiny_decoder(config))
        self.bn = LatentStatistics()

    def encode(self, pixels: Tensor) -> Tensor:
        """Turn pixels in [0, 1] into raw latents."""
        latents: Tensor = self.encoder(pixels)
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """Turn raw latents into pixels around [0, 1], not clamped."""
        pixels: Tensor = self.decoder(latents)
        return pixels


class SoftClamp(nn.Module):
    """Keep latents within ± 3, smoothly."""

    def forward(self, latents: Tensor) -> Tensor:
        """Return latents of the same shape."""
        return torch.tanh(latents / 3) * 3


class TinyBlock(nn.Module):
    """Add three convolutions to the input; at the lowest resolution with a branch that sees the whole picture."""

    def __init__(self, width: int, pooled: bool) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            _convolution(width, width), nn.ReLU(), _convolution(width, width), nn.ReLU(), _convolution(width, width)
        )
        if pooled:
            # GroupNorm's statistics span the picture: that is where global brightness travels.
            self.pool = nn.Sequential(
                nn.Conv2d(width, 4 * width, 1, bias=False),
                nn.GroupNorm(4, 4 * width),
                nn.ReLU(),
                nn.Conv2d(4 * width, width, 1, bias=False),
            )

    def forward(self, states: Tensor) -> Tensor:
        """Return states of the same shape."""
        if hasattr(self, "pool"):
            states = states + self.pool(states)
        return functional.relu(self.conv(states) + states)


def _tiny_encoder(config: TinyAutoencoderConfig) -> list[nn.Module]:
    widths, blocks = config.widths[::-1], config.encoder_blocks[::-1]  # from the highest resolution down
    layers: list[nn.Module] = [_convolution(3, widths[0])]
    for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        if stage:
            layers.append(_convolution(widths[stage - 1], width, stride=2, bias=False))
        layers += [TinyBlock(width, pooled=stage == 3) for _ in range(count)]
    return [*layers, _convolution(widths[-1], config.latent_channels)]


def _tiny_decoder(config: TinyAutoencoderConfig) -> list[nn.Module]:
    widths, blocks = config.widths, config.decoder_blocks
    layers: list[nn.Module] = [SoftClamp(), _convolution(config.latent_channels, widths[0]), nn.ReLU()]
    for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        if stage:
            layers += [nn.Upsample(scale_factor=2), _convolution(widths[stage - 1], width, bias=False)]
        layers += [TinyBlock(width, pooled=stage == 0) for _ in range(count)]
    return [*layers, _convolution(widths[-1], 3)]


def _convolution(inputs: int, outputs: int, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, stride=stride, bias=bias)


def _group_norm(width: int, groups: int) -> nn.GroupNorm:
    return nn.GroupNorm(groups, width, eps=NORM_EPSILON)
