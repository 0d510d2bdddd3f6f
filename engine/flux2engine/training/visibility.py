"""How far an error in a latent channel shows in pixels: measured on painted scenes, kept as a table for the loss.

    python -m flux2engine.training.visibility [--model DIR] [--scenes 12]

Two of FLUX.2's 32 latent channels hold most of what is seen; a flow that learns all of them alike spends itself on what
nobody sees.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import torch
from torch import Tensor

from flux2engine import latents
from flux2engine.autoencoder import Autoencoder
from flux2engine.training.data import draw_scene
from flux2engine.training.evaluation.loading import SHIPPED, load
from flux2engine.training.painting import paint

POWER = 0.75  # of what shows: less than 1, so that the faint channels are learned too, if later
ERROR = 0.3  # deviations: about what a trained flow is off
# Mean squares of the pixels' change in products, relative to their mean over the channels.
VISIBILITY = (
    0.05, 0.19, 0.08, 10.28, 0.28, 0.17, 1.1, 0.05, 12.09, 0.04, 0.05, 1.05, 0.06, 0.06, 0.09, 2.83,
    0.05, 0.05, 0.09, 1.86, 0.09, 0.04, 0.06, 0.06, 0.09, 0.03, 0.27, 0.36, 0.07, 0.19, 0.04, 0.17,
)  # fmt: skip


def channel_weights(like: Tensor) -> Tensor:
    """Return what each of the 128 channels of a token weighs in a loss, (128,), summing to 1."""
    seen = torch.tensor(VISIBILITY, device=like.device).pow(POWER).repeat_interleave(latents.PATCH**2)
    return seen / seen.sum()


@torch.no_grad()
def measure(autoencoder: Autoencoder, scenes: int, side: int = 128) -> Tensor:
    """Return what an error in each latent channel changes in products: mean squares (32,), their mean 1."""
    rng, generator = random.Random(0), torch.Generator().manual_seed(0)
    painted = [paint(draw_scene(rng, 1.0, [], True, 1.0, "studio"), side, side) for _ in range(scenes)]
    pixels = torch.stack([torch.from_numpy(picture.pixels).permute(2, 0, 1).float() / 255 for picture in painted])
    product = torch.stack([torch.from_numpy(picture.weight).float() for picture in painted]) > 0.5
    found = autoencoder.encode(pixels)
    packed = latents.patchify(found)
    spread = latents.unpatchify(autoencoder.bn.running_var.sqrt()[None, :, None, None].expand_as(packed))
    unchanged = autoencoder.decode(found)
    changes = []
    for channel in range(found.shape[1]):
        off = found.clone()
        noise = torch.randn(found[:, channel].shape, generator=generator)
        off[:, channel] += ERROR * spread[:, channel] * noise
        changed = (autoencoder.decode(off) - unchanged).square().mean(1)
        changes.append(changed[product].mean())
    shown = torch.stack(changes)
    return shown / shown.mean()


def main() -> None:
    """Print the table of a model's decoder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--scenes", type=int, default=12)
    options = parser.parse_args()
    print(
        ", ".join(
            f"{value:.2f}" for value in measure(load(options.model, "shipped").autoencoder, options.scenes).tolist()
        )
    )


if __name__ == "__main__":
    main()
