"""The teacher: a tiny autoencoder in FLUX.2's latent space, read from its own files.

Pictures in 0 … 1 (B, 3, H, W) ↔ raw latents (B, 32, H/8, W/8). Its weights are never shipped; see the model card.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn


class _Block(nn.Module):
    def __init__(self, width: int, pooled: bool) -> None:
        super().__init__()
        self.conv = nn.Sequential(*_convolutions(width))
        self.pool = (
            nn.Sequential(
                nn.Conv2d(width, 4 * width, 1, bias=False), nn.GroupNorm(4, 4 * width), nn.ReLU(),
                nn.Conv2d(4 * width, width, 1, bias=False),
            )
            if pooled
            else None
        )

    def forward(self, states: Tensor) -> Tensor:
        if self.pool is not None:
            states = states + self.pool(states)
        return F.relu(self.conv(states) + states)


class _Clamp(nn.Module):
    def forward(self, states: Tensor) -> Tensor:
        return torch.tanh(states / 3) * 3


def _convolutions(width: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for index in range(3):
        layers += [nn.Conv2d(width, width, 3, padding=1)] + ([nn.ReLU()] if index < 2 else [])
    return layers


def _encoder(width: int = 64) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), _Block(width, False)]
    for stage in range(3):
        layers.append(nn.Conv2d(width, width, 3, padding=1, stride=2, bias=False))
        layers += [_Block(width, stage == 2) for _ in range(3)]
    return nn.Sequential(*layers, nn.Conv2d(width, 32, 3, padding=1))


def _decoder(width: int = 64) -> nn.Sequential:
    layers: list[nn.Module] = [_Clamp(), nn.Conv2d(32, width, 3, padding=1), nn.ReLU()]
    for stage in range(3):
        layers += [_Block(width, stage == 0) for _ in range(3)]
        layers += [nn.Upsample(scale_factor=2), nn.Conv2d(width, width, 3, padding=1, bias=False)]
    return nn.Sequential(*layers, _Block(width, False), nn.Conv2d(width, 3, 3, padding=1))


class Teacher(nn.Module):
    """Encode and decode as the teacher does; frozen."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.encoder, self.decoder = _encoder(), _decoder()
        for name, part in (("encoder", self.encoder), ("decoder", self.decoder)):
            weights = load_file(folder / f"taef2_{name}.safetensors")
            part.load_state_dict({key: value.float() for key, value in weights.items()})
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> Tensor:
        """Return raw latents."""
        latents: Tensor = self.encoder(pixels)
        return latents

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Return pixels in 0 … 1."""
        pixels: Tensor = self.decoder(latents)
        return pixels.clamp(0, 1)
