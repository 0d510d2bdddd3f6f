"""A module → the same module with weights at which every part of it speaks. Knows no architecture."""

from __future__ import annotations

import torch
from torch import nn


def randomise(module: nn.Module, seed: int) -> nn.Module:
    """Give every weight a standard deviation of 1/√fan_in, so that gates, shifts and scales all speak."""
    generator = torch.Generator().manual_seed(seed)
    for name, values in sorted(module.state_dict().items()):
        noise = torch.randn(values.shape, generator=generator)
        if name.endswith("running_var"):
            values.copy_(torch.exp(noise - 4.5))  # some so small that the epsilon shows
        elif values.ndim < 2:
            scale = name.endswith(("scale", "weight"))
            values.copy_(1 + 0.3 * noise if scale else 0.3 * noise)
        else:
            values.copy_(noise / values[0].numel() ** 0.5)
    return module.eval().requires_grad_(False)
