"""The region of a picture where an object was asked for → which cut-out, and which family, stands there.

A small convolutional net that judges the models: trained on painted scenes of every cut-out, held-out ones too (it is
the judge, not the judged), so that a wrong answer is the painter's fault. Knows nothing of prompts.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from flux2engine.training.data import Box
from flux2engine.training.evaluation.colour import Pixels
from flux2engine.training.evaluation.families import families
from flux2engine.weights.safetensors_file import read_header, read_tensors, write_tensors

SIDE = 64
WIDTHS = (24, 48, 96, 160)
ZOOMS = (1.15, 1.5)  # of the object's longer side: the judgement is the mean over these views


def window(picture: Pixels, box: Box, zoom: float, side: int = SIDE) -> Pixels:
    """Cut a square of `zoom` times the box's longer side around its middle, inside the picture, and scale it."""
    height, width = picture.shape[:2]
    left, top, right, bottom = box
    extent = min(zoom * max((right - left) * width, (bottom - top) * height), height, width)
    x = min(max((left + right) / 2 * width - extent / 2, 0), width - extent)
    y = min(max((top + bottom) / 2 * height - extent / 2, 0), height - extent)
    region = (x, y, x + extent, y + extent)
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR, box=region))


class ProbeNet(nn.Module):
    """Pixels (B, 3, 64, 64) in 0 … 1 → features (B, 160) and a logit per name."""

    def __init__(self, names: int, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        stages: list[nn.Module] = [_unit(3, widths[0], stride=2)]
        for inputs, width in itertools.pairwise(widths):
            stages += [_unit(inputs, width, stride=2), _unit(width, width)]
        stages.pop()  # the last stage has one unit: a megabyte in all
        self.trunk = nn.Sequential(*stages)
        self.head = nn.Linear(widths[-1], names)

    def features(self, pixels: Tensor) -> Tensor:
        """Return the pooled features (B, 160)."""
        pooled: Tensor = self.trunk((pixels - 0.5) * 4).mean((2, 3))
        return pooled

    def forward(self, pixels: Tensor) -> Tensor:
        """Return logits (B, names)."""
        logits: Tensor = self.head(self.features(pixels))
        return logits


def _unit(inputs: int, width: int, stride: int = 1) -> nn.Module:
    convolution = nn.Conv2d(inputs, width, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True))


class Probe:
    """Judge pictures with a trained net."""

    def __init__(self, net: ProbeNet, names: Sequence[str]) -> None:
        self.net = net.eval().requires_grad_(False)
        self.names = list(names)
        self.families = sorted({families()[name] for name in self.names})
        self.membership = membership(self.names)

    @classmethod
    def load(cls, path: Path) -> Probe:
        """Read a probe's weights and names."""
        names = json.loads(read_header(path).metadata["names"])
        net = ProbeNet(len(names))
        net.load_state_dict({key: _computed(tensor) for key, tensor in read_tensors(path).items()})
        return cls(net, names)

    def save(self, path: Path, **about: str) -> None:
        """Write weights in bf16 with the names, and what `about` says of them."""
        tensors = {key: _at_rest(tensor) for key, tensor in self.net.state_dict().items()}
        write_tensors(path, tensors, {"names": json.dumps(self.names), **about})

    def judge(self, pictures: Sequence[Pixels], boxes: Sequence[Box]) -> NDArray[np.float64]:
        """Return the probability of every name (pictures, names), averaged over the zooms."""
        views = [torch.softmax(self.net(part), 1) for part in self._views(pictures, boxes)]
        mean: NDArray[np.float64] = torch.stack(views).mean(0).double().numpy()
        return mean

    def features(self, pictures: Sequence[Pixels], boxes: Sequence[Box]) -> NDArray[np.float64]:
        """Return features of unit length (pictures, 160 · zooms)."""
        views = [functional.normalize(self.net.features(part), dim=1) for part in self._views(pictures, boxes)]
        joined: NDArray[np.float64] = functional.normalize(torch.cat(views, 1), dim=1).double().numpy()
        return joined

    def name(self, pictures: Sequence[Pixels], boxes: Sequence[Box]) -> list[str]:
        """Return the most probable name of each."""
        return [self.names[index] for index in self.judge(pictures, boxes).argmax(1)]

    def family(self, pictures: Sequence[Pixels], boxes: Sequence[Box]) -> list[str]:
        """Return the most probable family of each: its members' probabilities added up."""
        sums = self.judge(pictures, boxes) @ self.membership.double().numpy()
        return [self.families[index] for index in sums.argmax(1)]

    def _views(self, pictures: Sequence[Pixels], boxes: Sequence[Box]) -> list[Tensor]:
        stacked = [
            np.stack([window(picture, box, zoom) for picture, box in zip(pictures, boxes, strict=True)])
            for zoom in ZOOMS
        ]
        return [torch.from_numpy(part).permute(0, 3, 1, 2).float() / 255 for part in stacked]


def membership(names: Sequence[str]) -> Tensor:
    """Return (names, families): 1 where a name belongs to a family, families in alphabetical order."""
    own = [families()[name] for name in names]
    kinds = sorted(set(own))
    return functional.one_hot(torch.tensor([kinds.index(family) for family in own]), len(kinds)).float()


def _at_rest(tensor: Tensor) -> Tensor:
    return tensor.to(torch.bfloat16) if tensor.is_floating_point() else tensor


def _computed(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
