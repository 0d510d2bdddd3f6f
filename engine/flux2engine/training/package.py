r"""Checkpoints → a model folder that `Flux2Pipeline.from_folder` reads.

    python -m flux2engine.training.package --tokenizer FILE --flow FILE.pt --decoder FILE.pt --encoder FILE.pt \
        --out DIR --version 0.1.0

Takes the averaged weights, stores them in bf16, and with them the running statistics of the latents.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn

from flux2engine.autoencoder import TinyAutoencoder
from flux2engine.manifest import ModelManifest
from flux2engine.model_folder import save_model
from flux2engine.training import checkpoint
from flux2engine.training.flow_matching import Nano

# What the evaluation found best for the shipped weights; the log beside the weights has the table.
DEFAULTS: dict[str, Any] = {"default_steps": 2, "default_guidance": 1.0, "max_pixels": 512 * 1024}
# References were never larger in training: larger ones would stand at positions the model has not seen.
REFERENCE_AREA = 128 * 128


def load_averaged(module: nn.Module, path: Path) -> dict[str, Any]:
    """Put the averaged weights of a checkpoint into `module`; return the checkpoint."""
    state = checkpoint.load(path)
    if state is None:
        raise FileNotFoundError(path)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(state["average"][name])
    return state


def package(tokenizer: Path, flow: Path, decoder: Path, encoder: Path, out: Path, version: str) -> None:
    """Write the model folder."""
    model = Nano(Tokenizer.from_file(str(tokenizer)))
    state = load_averaged(model, flow)
    autoencoder = TinyAutoencoder()
    load_averaged(autoencoder.decoder, decoder)
    load_averaged(autoencoder.encoder, encoder)
    autoencoder.bn.running_mean.copy_(state["mean"])
    autoencoder.bn.running_var.copy_(state["variance"])
    manifest = ModelManifest(
        variant="nano",
        version=version,
        defaults={**DEFAULTS, "reference_area_single": REFERENCE_AREA, "reference_area_several": REFERENCE_AREA},
    )
    save_model(out, manifest, model.transformer, autoencoder, model.encoder)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("tokenizer", "flow", "decoder", "encoder", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--version", default="0.1.0")
    arguments = parser.parse_args()
    package(arguments.tokenizer, arguments.flow, arguments.decoder, arguments.encoder, arguments.out, arguments.version)


if __name__ == "__main__":
    main()
